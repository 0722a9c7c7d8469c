"""What goes to a cluster with a study: what its command names, and nothing else."""

import pytest

from regfleet.errors import InputError
from regfleet.jobs import CODE, Parcel, fingerprint, parcel


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with data, a model's module and much that must stay here; and the function that fills it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def write(place, text="x"):
        path = here / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    for place in (
        ".env",
        "secret.pem",
        "notes.txt",
        ".git/config",
        "reports/iris/report.html",
        "other.py",
        "iris/a.csv",
    ):
        write(place)
    return write


@pytest.mark.parametrize("text", ["iris", "64,32", "relu", "openml:61", "s3://bucket/data.csv", "no.csv", "n" * 5000])
@pytest.mark.usefixtures("folder")
def test_what_names_no_file_adds_none(text):
    """A built-in's name is none of the folder beside it; URLs and whatever is not here stay as they are."""
    one = Parcel()
    assert (one.add(text), one.files) == (text, {})


def test_a_file_keeps_its_place(folder):
    """A relative path means the same file in the job, so that the command can stay as it is."""
    path = folder("data/churn.csv")
    one = Parcel()
    assert one.add("data/churn.csv") == "data/churn.csv"
    assert (one.files, one.moved) == ({"data/churn.csv": path}, {})


@pytest.mark.usefixtures("folder")
def test_a_file_from_elsewhere_is_renamed(tmp_path):
    """Absolute paths and paths upwards exist on this machine alone: the job is told where the file is there."""
    outside = tmp_path / "churn.csv"
    outside.write_text("x")
    one = Parcel()
    assert one.add(str(outside)) == one.add("../churn.csv") == "inputs/0/churn.csv"
    assert one.files == {"inputs/0/churn.csv": outside}
    assert set(one.moved) == {str(outside), "../churn.csv"}


def test_a_model_brings_its_modules_only(folder):
    """The module, its package and what they import from the folder go along; secrets, other code and results do not."""
    folder("mine/__init__.py", "from . import deep")
    folder("mine/deep.py", "import helper, numpy\nfrom beside.inner import x")
    folder("mine/key.pem")
    folder("mine/.hidden.py")
    folder("helper.py", "import regfleet, json")
    folder("beside/inner.py")
    one = Parcel()
    assert one.add("mine.deep:build") == "mine.deep:build"
    assert set(one.files) == {"mine/__init__.py", "mine/deep.py", "helper.py", "beside/inner.py"}


def test_a_module_with_a_mistake_goes_along(folder):
    """It is the job that says where the mistake is."""
    folder("mine.py", "def broken(:")
    one = Parcel()
    one.add("mine:build")
    assert set(one.files) == {"mine.py"}


@pytest.mark.usefixtures("folder")
def test_a_dot_file_is_refused():
    """Even when it is named: what begins with a dot may hold secrets."""
    with pytest.raises(InputError, match=r"no dot file.*\.env"):
        Parcel().add(".env")


def test_a_folder_comes_without_what_is_hidden_or_linked(folder, tmp_path):
    """Links could lead anywhere on this machine."""
    folder("images/a/1.png")
    folder("images/.cache/2.png")
    (tmp_path / "here" / "images" / "link.png").symlink_to(tmp_path / "here" / "secret.pem")
    one = Parcel()
    one.add("images/")
    assert set(one.files) == {"images/a/1.png"}


def test_too_much_is_refused_with_the_way_out(folder, monkeypatch):
    """More than the limit is named with its largest file, and with what to do."""
    monkeypatch.setattr(parcel, "LIMIT_BYTES", 1_000_000)
    folder("small.csv", "x")
    folder("large.csv", "x" * 3_000_000)
    one = Parcel()
    one.add("small.csv")
    one.check_size()
    one.add("large.csv")
    with pytest.raises(InputError, match=r"at most 1 MB to upload; got 3 MB, of which large.csv is 3 MB: .* its URL"):
        one.check_size()


def test_what_is_staged_is_this_regfleet(folder):
    """The uploaded folder holds the files, our package with its templates, and nothing hidden."""
    folder("churn.csv", "a,b")
    one = Parcel()
    one.add("churn.csv")
    with one.staged({}) as staged:
        assert (staged / "churn.csv").read_text() == "a,b"
        assert (staged / CODE / "regfleet" / "__main__.py").is_file()
        assert list((staged / CODE).rglob("report.html*"))
        assert not [path for path in staged.rglob("*") if path.name.startswith(".") or path.name == "__pycache__"]
        assert {path.name for path in staged.iterdir()} == {CODE, "churn.csv"}


def test_a_rewritten_study_takes_the_place_of_the_file(folder):
    """A study that names a file from elsewhere is staged with the name that the file has in the job."""
    folder("study.toml", "old")
    one = Parcel()
    one.add("study.toml")
    with one.staged({"study.toml": "new"}) as staged:
        assert (staged / "study.toml").read_text() == "new"


def test_the_fingerprint_follows_the_content(tmp_path):
    """The same command and files give the same id wherever they lie; any difference gives another."""
    marks = set()
    for name, text, command in (("a", "1", "x"), ("a", "2", "x"), ("b", "1", "x"), ("a", "1", "y")):
        for folder in (tmp_path / f"{name}{text}{command}", tmp_path / f"again{name}{text}{command}"):
            folder.mkdir()
            (folder / name).write_text(text)
            marks.add(fingerprint(folder, ["compare", command]))
    assert len(marks) == 4
    assert all(len(mark) == 12 for mark in marks)
