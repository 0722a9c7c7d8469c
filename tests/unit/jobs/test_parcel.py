"""What goes to a cluster with a study: what its command names, and nothing else."""

import os

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


@pytest.mark.parametrize("text", ["iris", "openml:61", "s3://bucket/data.csv", "no.csv", "a/\0.csv", "n/" * 5000])
@pytest.mark.usefixtures("folder")
def test_what_names_no_file_adds_none(text):
    """A built-in's name is none of the folder beside it; URLs and whatever is not here stay as they are."""
    one = Parcel()
    one.add_data(text, "--data")
    assert one.files == {}


def test_a_file_keeps_its_place(folder):
    """A relative path means the same file in the job, so that the command can stay as it is."""
    path = folder("data/churn.csv")
    one = Parcel()
    one.add_data("data/churn.csv", "--data")
    assert (one.files, one.moved) == ({"data/churn.csv": path}, {})


@pytest.mark.usefixtures("folder")
def test_a_file_from_elsewhere_is_renamed(tmp_path):
    """Absolute paths and paths upwards exist on this machine alone: the job is told where the file is there."""
    outside = tmp_path / "churn.csv"
    outside.write_text("x")
    one = Parcel()
    for text in (str(outside), "../churn.csv"):
        one.add_data(text, "--data")
    assert one.files == {"inputs/0/churn.csv": outside}
    assert one.moved == dict.fromkeys((str(outside), "../churn.csv"), "inputs/0/churn.csv")


def test_a_file_of_the_home_folder_is_renamed(folder, tmp_path, monkeypatch):
    """``~`` is there as compare reads it, for data, a model and a study."""
    folder("study.toml")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("churn.csv", "mine.keras", "study.toml"):
        (tmp_path / name).write_text("x")
    one = Parcel()
    one.add_data("~/churn.csv", "--data")
    one.add_model("~/mine.keras")
    one.add_study("~/study.toml")
    places = ["inputs/0/churn.csv", "inputs/1/mine.keras", "inputs/2/study.toml"]
    assert one.files == {place: tmp_path / place.rpartition("/")[2] for place in places}
    assert list(one.moved) == ["~/churn.csv", "~/mine.keras", "~/study.toml"]


def test_a_project_below_a_dot_folder_sends_what_is_beside_it(tmp_path, monkeypatch):
    """Only what leads from there to the file counts."""
    here, data = tmp_path / ".work" / "here", tmp_path / ".work" / "data"
    for folder in (here, data, data / ".keys"):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x")
    monkeypatch.chdir(here)
    one = Parcel()
    one.add_data("../data/a.csv", "--data")
    assert one.files == {"inputs/0/a.csv": data / "a.csv"}
    with pytest.raises(InputError, match="no dot file"):
        one.add_data("../data/.keys/a.csv", "--data")


def test_a_model_brings_its_modules_only(folder):
    """The module, its package and what they import from the folder go along; secrets, other code and results do not."""
    folder("mine/__init__.py", "from . import deep")
    folder("mine/deep.py", "import helper, numpy\nfrom beside.inner import x")
    folder("mine/key.pem")
    folder("mine/.hidden.py")
    folder("helper.py", "import regfleet, json")
    folder("beside/inner.py")
    one = Parcel()
    one.add_model("mine.deep:build")
    assert set(one.files) == {"mine/__init__.py", "mine/deep.py", "helper.py", "beside/inner.py"}


def test_a_module_with_a_mistake_goes_along(folder):
    """It is the job that says where the mistake is."""
    folder("mine.py", "def broken(:")
    one = Parcel()
    one.add_model("mine:build")
    assert set(one.files) == {"mine.py"}


@pytest.fixture
def secrets(tmp_path):
    """Files beside the working directory that must not leave this machine, and the links in it that lead there."""
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".aws").mkdir(parents=True)
    for name in (".aws/credentials", ".aws/keys.csv", "id_rsa", "shadow"):
        (home / name).write_text("SECRET")
    os.mkfifo(home / "pipe.csv")
    (home / "folder.csv").mkdir()
    links = {"a.csv": ".aws/credentials", "b.csv": ".aws/keys.csv", "c.keras": "id_rsa", "d.csv": "pipe.csv"}
    for name, target in links.items():
        (here / name).symlink_to(home / target)
    (here / "module.py").symlink_to(home / "id_rsa")
    return home


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("data", text) for text in ("{}/.aws/credentials", "{}/.aws/keys.csv", "{}/shadow", "../home/id_rsa")),
        *(("data", text) for text in ("{}/pipe.csv", "{}/folder.csv", "/dev/zero", "/proc/self/environ", "./.env")),
        *(("data", text) for text in ("a.csv", "b.csv", "d.csv", "./a.csv")),
        *(("model", text) for text in ("c.keras", "{}/id_rsa", "{}/.aws/credentials", "module:build", "a.csv")),
        *(("study", text) for text in (".env", "{}/.aws/credentials", "{}/pipe.csv", "/dev/zero", "absent.toml")),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_field_sends_nothing_but_its_kind(secrets, kind, text):
    """A name that is none of data, of a model or of a module, a dot file, what is no file, a link to any of these."""
    one, text = Parcel(), text.format(secrets)
    adding = {"data": lambda: one.add_data(text, "--data"), "model": lambda: one.add_model(text)}
    with pytest.raises(InputError) as refused:
        adding.get(kind, lambda: one.add_study(text))()
    assert "to send along; got" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert one.files == {}


def test_what_is_sent_is_said(folder, monkeypatch):
    """Each file with its size; of many the first, and the size of the rest."""
    folder("a.csv", "x" * 2000)
    folder("b\x1b.csv", "x")
    one = Parcel()
    for name in ("a.csv", "b\x1b.csv"):
        one.add_data(name, "--data")
    assert one.words == "a.csv (2 kB), b\\x1b.csv (1 bytes), this regfleet"
    monkeypatch.setattr(parcel, "MOST_SHOWN", 1)
    assert one.words == "a.csv (2 kB), 1 more (1 bytes), this regfleet"


def test_too_much_is_refused_with_the_way_out(folder, monkeypatch):
    """More than the limit is named with its largest file, and with what to do."""
    monkeypatch.setattr(parcel, "LIMIT_BYTES", 1_000_000)
    folder("small.csv", "x")
    folder("large.csv", "x" * 3_000_000)
    one = Parcel()
    one.add_data("small.csv", "--data")
    one.check_size()
    one.add_data("large.csv", "--test")
    with pytest.raises(InputError, match=r"at most 1 MB to upload; got 3 MB, of which large.csv is 3 MB: .* its URL"):
        one.check_size()


def test_what_is_staged_is_this_regfleet(folder):
    """The uploaded folder holds the files, our package with its templates, and nothing hidden."""
    folder("churn.csv", "a,b")
    one = Parcel()
    one.add_data("churn.csv", "--data")
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
    one.add_study("study.toml")
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
