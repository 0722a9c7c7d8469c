"""A training setting is declared once: a package with one more of them has it everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import regfleet

DECLARED = '''
    warm_up: Annotated[Annotated[int, Field(ge=1)] | None, Setting("STEPS", example=5)] = None
    """steps until the step size is whole; otherwise none"""

    def changes('''
LOOKS = """
import contextlib, inspect, io, json, pydoc, sys, tomllib
from pathlib import Path
import regfleet
from regfleet.cli import main
from regfleet.data import load_builtin
from regfleet.errors import InputError
from regfleet.planning.plan import make_plan
from regfleet.planning.resolved import resolve
from regfleet.planning.variants import resolve_variants
from regfleet.settings import open_study_file, read_study, settings_page

def typed(*words):
    sys.argv, out = ["regfleet", *words], io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main()
    return " ".join(out.getvalue().split())

def key(**training):
    resolved = resolve(read_study({"training": training}), {})
    return make_plan(resolved, {"iris": load_builtin("iris")}).trials[0].key

Path("bad.toml").write_text("[training]\\nwarm_up = 'x'\\n[[variant]]\\ntechnique = 'l2'\\nwarm_up = 0\\n")
Path("own.toml").write_text("[[variant]]\\ntechnique = 'l2'\\nwarm_up = 7\\n")
own = open_study_file(Path("own.toml"))
typed("init", "-o", "unset.toml")
typed("init", "-o", "set.toml", "--warm-up", "3")
try:
    regfleet.compare(warm_up=0)
except InputError as problem:
    refused = str(problem)
schema = json.loads("{" + typed("schema").partition("{")[2])["$defs"]
print("SEEN" + json.dumps({
    "package": regfleet.__file__,
    "help": typed("compare", "--help"),
    "flag": typed("compare", "--warm-up", "0"),
    "file": typed("compare", "bad.toml"),
    "keyword": str(inspect.signature(regfleet.compare).parameters["warm_up"]),
    "refused": refused,
    "doc": pydoc.plain(pydoc.render_doc(regfleet.compare)),
    "unset": Path("unset.toml").read_text(),
    "set": tomllib.loads(Path("set.toml").read_text())["training"]["warm_up"],
    "schema": [schema[part]["properties"]["warm_up"]["description"] for part in ("Training", "VariantEntry")],
    "variants": [[v.name, v.label, v.control] for v in resolve_variants(read_study(own.fields, source=own))],
    "keys": [key(), key(warm_up=7), key(warm_up=8)],
    "page": settings_page(),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a process sees of the setting ``warm_up``, after its one declaration in a copy of the package."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(regfleet.__file__).parent, folder / "regfleet")
    module = folder / "regfleet" / "settings" / "training.py"
    text = module.read_text()
    assert text.count("\n    def changes(") == 1
    module.write_text(text.replace("\n    def changes(", DECLARED))
    found = subprocess.run(
        [sys.executable, "-c", LOOKS],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    (line,) = [line for line in found.stdout.splitlines() if line.startswith("SEEN")]
    seen = json.loads(line.removeprefix("SEEN"))
    assert Path(seen["package"]).parent == folder / "regfleet"
    return seen


MEANING = "steps until the step size is whole; otherwise none"


def test_the_command_line_has_its_flag(seen):
    """The help says what it means; what is wrong names the flag, or the line of the study file."""
    assert f"--warm-up STEPS {MEANING}" in seen["help"]
    assert seen["flag"] == "regfleet: error: --warm-up: expected a number from 1; got '0'"
    assert "bad.toml:2: training.warm_up: expected a whole number; got 'x'" in seen["file"]
    assert "bad.toml:5: variant.1.warm_up: expected a number from 1; got 0" in seen["file"]


def test_compare_has_its_keyword(seen):
    """Signature and help show it, and it is checked as the flag is."""
    assert seen["keyword"] == "warm_up: int | None = None"
    assert f"warm_up: {MEANING}." in seen["doc"]
    assert seen["refused"] == "--warm-up: expected a number from 1; got 0"


def test_study_files_and_their_schema_have_it(seen):
    """`init` writes its value, or its example; an editor completes it, for the study and for a variant."""
    assert f"# warm_up = 5  # {MEANING}" in seen["unset"]
    assert seen["set"] == 3
    assert seen["schema"] == [MEANING, MEANING]


def test_a_variant_may_have_its_own(seen):
    """Name and label say so, and its control has the same."""
    assert seen["variants"] == [
        ["none", "No regularization", None],
        ["none[warm_up=7]", "No regularization, warm up 7", None],
        ["l2(0.01)@all[warm_up=7]", "L2, all layers (λ = 0.01), warm up 7", "none[warm_up=7]"],
    ]


def test_it_is_part_of_every_key(seen):
    """Trials with another value are other trials."""
    assert len(set(seen["keys"])) == 3


def test_the_documentation_lists_it(seen):
    """Its line in the table of the training settings."""
    assert f"| `warm_up` | `--warm-up` |  | {MEANING} |" in seen["page"]
