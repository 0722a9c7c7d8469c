"""The house itself: no import cycle, faces without logic; and that the script which measures it sees both."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
_spec = importlib.util.spec_from_file_location("house", ROOT / "benchmarks" / "house.py")
house = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(house)

FACES = [path for path in house.modules(ROOT).values() if path.name == "__init__.py"]


def _logic(tree):
    """What a face holds beside its docstring, imports and the list of its names."""
    return [
        ast.unparse(node)
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]


@pytest.fixture
def checkout(tmp_path):
    """Writes a package with the given modules to a folder, and returns the folder."""

    def write(**texts):
        (tmp_path / "regfleet" / "low").mkdir(parents=True)
        for name in ("", "low/"):
            (tmp_path / "regfleet" / name / "__init__.py").touch()
        for name, text in texts.items():
            (tmp_path / "regfleet" / f"{name.replace('__', '/')}.py").write_text(text)
        return tmp_path

    return write


def test_house_has_no_import_cycle():
    """No module imports one that imports it back, however far round: not inside functions, not for types."""
    assert house.cycles(house.graph(ROOT, types=True)) == []


@pytest.mark.parametrize("face", FACES, ids=[str(path.parent.relative_to(ROOT)) for path in FACES])
def test_face_holds_no_logic(face):
    """The face of a package re-exports; only the outermost one also finds its names when they are asked for."""
    outermost = ("__version__ =", "_HOME =", "if TYPE_CHECKING:", "def __getattr__") * (face.parent.parent == ROOT)
    assert [text for text in _logic(ast.parse(face.read_text())) if not text.startswith(outermost)] == []


@pytest.mark.parametrize(
    ("texts", "plain", "typed"),
    [
        ({"one": "import regfleet.two", "two": "x = 1"}, [], []),
        (
            {"one": "import regfleet.two", "two": "def late():\n    from regfleet import one"},
            [["regfleet.one", "regfleet.two"]],
            [["regfleet.one", "regfleet.two"]],
        ),
        (
            {"one": "import regfleet.two", "two": "if TYPE_CHECKING:\n    from regfleet.one import One"},
            [],
            [["regfleet.one", "regfleet.two"]],
        ),
        (
            {
                "one": "from regfleet.low.a import A",
                "low__a": "from regfleet.low import b",
                "low__b": "import regfleet.one",
            },
            [["regfleet.low.a", "regfleet.low.b", "regfleet.one"]],
            [["regfleet.low.a", "regfleet.low.b", "regfleet.one"]],
        ),
    ],
    ids=["a chain", "inside a function", "for types", "three round a package"],
)
def test_cycle_is_seen(checkout, texts, plain, typed):
    """A cycle counts wherever its imports stand; one that only types close is told apart."""
    root = checkout(**texts)
    assert house.cycles(house.graph(root, types=False)) == plain
    assert house.cycles(house.graph(root, types=True)) == typed


def test_floors_are_the_longest_chain_of_rooms(checkout):
    """Modules of one package stand on one floor, and rooms that lean on each other are one."""
    root = checkout(
        top="import regfleet.left, regfleet.right",
        left="from regfleet import right",
        right="from regfleet import left\nfrom regfleet.low import a",
        low__a="from regfleet.low import b",
        low__b="",
    )
    rooms = house.rooms(house.graph(root, types=True))
    assert rooms == {"top": {"left", "right"}, "left": {"right"}, "right": {"left", "low"}, "low": set()}
    assert house.floors(rooms) == 3


@pytest.mark.parametrize(
    "text", ["LIMIT = 3", "def work(): ...", "if TYPE_CHECKING:\n    import keras", "class Result: ..."]
)
def test_logic_is_seen(text):
    """A constant, a function, a class or a condition in a face is logic."""
    assert _logic(ast.parse(f'"""A face."""\n\nfrom regfleet.low import a\n\n{text}\n\n__all__ = ["a"]\n')) == [
        ast.unparse(ast.parse(text))
    ]
