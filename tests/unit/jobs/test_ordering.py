"""What a compare command becomes when it runs as a job."""

import tomllib

import pytest

from regfleet.cli.order import order_of
from regfleet.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with a folder beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.usefixtures("here")
def test_a_command_stays_word_by_word():
    """Only the results directory is named, before everything the user said."""
    words = ["--data", "wine", "-t", "l2(1e-3)+dropout(0.5)", "--seeds=4"]
    order = order_of(["compare", *words])
    assert order.command == ["compare", "--out", "reports/wine", *words]
    assert (order.fetched, order.parcel.files) == ("reports/wine", {})


def test_a_study_file_takes_its_files_along(here, tmp_path):
    """Files that a study names are uploaded; one from elsewhere is renamed in the study, the rest of which stays."""
    (tmp_path / "far.csv").write_text("a")
    (here / "near.csv").write_text("b")
    (here / "study.toml").write_text(
        f'data = [{{location = "near.csv", target = "a"}}, {{location = "{tmp_path}/far.csv", target = "a"}}]\n'
        'seeds = 3\n[[variant]]\ntechnique = "l2"\nlabel = "near.csv"\n'
    )
    order = order_of(["compare", "study.toml", "--out", "reports/mine"])
    assert set(order.parcel.files) == {"study.toml", "near.csv", "inputs/0/far.csv"}
    assert tomllib.loads(order.texts["study.toml"]) == {
        "data": [{"location": "near.csv", "target": "a"}, {"location": "inputs/0/far.csv", "target": "a"}],
        "seeds": 3,
        "variant": [{"technique": "l2", "label": "near.csv"}],
    }


def test_results_elsewhere_are_fetched_from_a_folder_of_the_job(here, tmp_path):
    """An absolute results directory keeps its name, below the job's own folder."""
    del here
    out = tmp_path / "mine"
    order = order_of(["compare", f"--out={out}"])
    assert order.command == ["compare", "--out", "reports/mine", "--out=reports/mine"]
    assert (order.out, order.fetched) == (str(out), "reports/mine")


@pytest.mark.usefixtures("here")
def test_results_in_storage_are_not_fetched():
    """The job writes to a URL itself."""
    order = order_of(["compare", "--out", "s3://bucket/mine"])
    assert order.fetched == ""
    assert order.command == ["compare", "--out", "s3://bucket/mine", "--out", "s3://bucket/mine"]


@pytest.mark.parametrize("mistake", ['engine = "{}"', 'location = "{}"', 'split = "{}"', 'label = "{}"', "x = ["])
def test_a_study_is_right_before_anything_it_names_is_read(here, tmp_path, mistake):
    """A path in a field that is none, or in one that does not exist, is a mistake in the study and no file to send."""
    (tmp_path / "credentials").write_text("SECRET")
    (here / "study.toml").write_text(mistake.format(tmp_path / "credentials") + "\n")
    with pytest.raises(InputError, match=r"study\.toml"):
        order_of(["compare", "study.toml"])


def test_a_label_names_no_file(here):
    """A text of a study that is the name of a file sends it only where the field is one of files."""
    (here / "notes.csv").write_text("SECRET")
    (here / "study.toml").write_text('[[variant]]\ntechnique = "l2"\nlabel = "notes.csv"\n')
    assert set(order_of(["compare", "study.toml"]).parcel.files) == {"study.toml"}


def test_results_go_along_without_what_is_none(here):
    """Trials that are here are sent; a link among them, and what the job makes again, are not."""
    out = here / "reports" / "iris"
    for name in ("study.toml", "report.html", "trials/part-1.parquet", "histories/part-1.parquet", "trials/part-2.tmp"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
    (out / ".lock").touch()
    (out / "study.toml").write_text("seeds = 2\n")
    (out / "trials" / "part-3.parquet").symlink_to("/etc/passwd")
    sent = set(order_of(["compare"]).parcel.files)
    assert sent == {
        f"reports/iris/{name}" for name in ("study.toml", "trials/part-1.parquet", "histories/part-1.parquet")
    }
    (out / "provenance.json").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="--out: expected no symbolic link"):
        order_of(["compare"])


@pytest.mark.usefixtures("here")
def test_an_address_in_the_environment_is_not_the_jobs(monkeypatch):
    """The user's RAY_ADDRESS neither reaches the job nor stops it; one after -- is refused."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert "--address" not in order_of(["compare"]).command
    with pytest.raises(InputError, match="got --in-process after it"):
        order_of(["compare", "--in-process"])


def test_a_folder_that_holds_something_else_is_refused(here):
    """Fetched results could not be put there, so nothing is started."""
    (here / "photos").mkdir()
    (here / "photos" / "1.jpg").write_text("x")
    with pytest.raises(InputError, match=r"--out: .*photos.*1\.jpg"):
        order_of(["compare", "--out", "photos"])
