"""`regfleet doctor DIR`: what is whole, what was damaged, and what it does about that."""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest
from support.outcomes import VARIANTS, made_up
from support.planning import resolved

from regfleet.concluding.judge import conclude
from regfleet.data import load_builtin
from regfleet.errors import ResultsError, StorageError
from regfleet.results import Provenance, Reporter, Store, claim, load, place_of, study_seal, study_text, write_study
from regfleet.results.local import LocalPlace
from regfleet.running.checkup import OTHER, check_results

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def finished(filled, tmp_path_factory):
    """A whole results directory of six trials with its report, in two parts of each table."""
    out = tmp_path_factory.mktemp("finished") / "out"
    fields = {"seeds": [0, 1, 2], "training": {"epochs": 1}, "variant": [{"technique": "none"}, {"technique": "l2"}]}
    study = filled(out, fields, {"none": (20, 21, 22)})
    filled(out, fields, {"l2(0.01)@all": (23, 24, 25)})
    place = place_of(out)
    (out / "study.toml").unlink()
    write_study(place, study.toml())
    place.write("provenance.json", Provenance(versions={"regfleet": "1"}, kept=6).json_text().encode())
    Reporter(place).write()
    conclude(out)
    return out


@pytest.fixture
def out(finished, tmp_path):
    """A copy of the directory."""
    return shutil.copytree(finished, tmp_path / "out")


def found(out):
    """What was found, by name: (state, found)."""
    return {one.name: (one.state, one.found) for one in check_results(out)}


def states(out):
    """The states that were found."""
    return {one.state for one in check_results(out)}


def test_a_whole_directory_is_said_to_be(out):
    """Every file is named, and nothing is changed."""
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert found(out) == {
        "Lock": ("good", "no driver writes there"),
        "study.toml": ("good", "is whole"),
        "provenance.json": ("good", "is whole"),
        "progress.json": ("good", "is whole"),
        "Trials": ("good", "2 whole parts with 6 trials"),
        "Histories": ("good", "2 whole parts with 6 trials"),
        "Predictions": ("good", "none were kept"),
        "Report": ("good", "is whole, with its tables"),
    }
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("folder", ["trials", "histories"])
def test_a_damaged_part_is_set_aside_and_its_reason_stays_known(out, folder):
    """Its trials are said to be missing; the next time the directory is whole but for what was set aside, and why."""
    part = min((out / folder).iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    first = found(out)
    assert first[f"{folder}/{part.name}"][1].endswith(f"set aside as {part.stem}.torn")
    assert "checksum differs" in first[f"{folder}/{part.name}"][1]
    assert first["Missing"] == ("note", "3 of the 6 trials that were kept are not there, or not in a whole part")
    assert not part.exists()
    again = found(out)
    assert again[f"{folder}/{part.stem}.torn"] == (
        "note", "was set aside: its checksum differs: it was changed or damaged"
    )  # fmt: skip
    assert "Missing" not in again
    assert load(out).problems == ()
    assert len(load(out).trials) == 3


def test_a_whole_part_that_was_set_aside_is_put_back(out):
    """An earlier version took a part that it could not read for torn."""
    part = min((out / "trials").iterdir())
    part.rename(part.with_suffix(".torn"))
    assert found(out)[f"trials/{part.stem}.torn"][1].startswith("was set aside, and is whole: put back")
    assert part.exists()
    assert states(out) == {"good"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("study.toml", "epochs = 1", "epochs = 3"), ("provenance.json", '"1"', '"2"'), ("progress.json", '""', '"x"')],
)
def test_a_damaged_text_is_set_aside(out, name, old, new):
    """The command that made the results writes it again; a second one of that name replaces none."""
    for aside in (f"{name}.torn", f"{name}.torn-2"):
        text = (out / name).read_text() if (out / name).exists() else old
        (out / name).write_text(text.replace(old, new) if text != old else "{")
        assert found(out)[name][1].endswith(f"set aside as {aside}")
        assert (out / aside).exists()
        assert not (out / name).exists()


@pytest.mark.parametrize("name", ["provenance.json", "progress.json"])
def test_a_text_that_is_missing_is_said(out, name):
    """Without it the loss of trials would stay unseen."""
    (out / name).unlink()
    state, words = found(out)[name]
    assert (state, words.startswith("is missing")) == ("note", True)


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("name", ["report.html", "leaderboard.csv", "trials.csv", "regfleet.sha256"])
def test_a_changed_report_is_written_again(out, name):
    """Report, tables and their list are as they were."""
    before = (out / name).read_bytes()
    (out / name).write_bytes(before[:100] + b"x" + before[101:])
    assert found(out)["Report"][1].endswith("written again")
    assert (out / name).read_bytes() == before
    assert states(out) == {"good"}


def test_what_somebody_else_put_there_stays(out, command):
    """A text in the place of one of ours is neither moved nor written over, and said in a line."""
    (out / "progress.json").write_text("mine")
    assert found(out)["progress.json"][0] == "bad"
    assert (out / "progress.json").read_text() == "mine"
    for name in ("report.html", "trials.csv", "leaderboard.csv"):
        before = (out / name).read_bytes()
        (out / name).write_text("mine")
        assert found(out)["Report"][0] == "bad"
        code, printed, err = command("report", out)
        assert (code, printed, len(err.splitlines())) == (2, "", 1)
        assert f"{name}: expected what regfleet wrote; got another file" in err
        assert (out / name).read_text() == "mine"
        (out / name).write_bytes(before)


def test_figures_in_a_results_directory_stay_listed(out, command):
    """The report keeps the list of what lies beside it, so that they can be drawn again."""
    for _ in range(2):
        assert command("report", out, "--figures", out)[0] == 0
    assert states(out) <= {"good", "note"}


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("trials", "those of 3 trials are there without their trials, and count for nothing"),
        ("histories", "those of 3 trials are not there"),
    ],
)
def test_half_of_a_commit_is_said(out, folder, words):
    """Trials without histories and histories without trials are none; the next look finds nothing more to repair."""
    min((out / folder).iterdir()).unlink()
    assert found(out)["Missing"] == ("note", "3 of the 6 trials that were kept are not there, or not in a whole part")
    again = found(out)
    assert again["Histories"] == ("note", words)
    assert "Missing" not in again


def test_predictions_are_looked_after(out):
    """A damaged part is set aside with its trials, a whole one is put back, and one that is gone is said."""
    with claim(out):
        Store(out, VARIANTS).append([made_up("none", 10), made_up("none", 11)])
    (part,) = (out / "predictions").iterdir()
    content = part.read_bytes()
    assert found(out)["Predictions"] == ("good", "1 whole part with 2 trials")
    part.write_bytes(content[:-1])
    assert found(out)[f"predictions/{part.name}"][1].endswith(f"set aside as {part.stem}.torn")
    assert found(out)["Predictions"] == ("note", "those of 2 trials are not there")
    part.with_suffix(".torn").write_bytes(content)
    assert found(out)[f"predictions/{part.stem}.torn"][1].endswith(f"put back as predictions/{part.name}")
    assert found(out)["Predictions"] == ("good", "1 whole part with 2 trials")
    assert len(load(out).trials) == 8


def test_a_link_to_a_directory_is_that_directory(out, tmp_path):
    """Somebody keeps results on another disk."""
    (tmp_path / "link").symlink_to(out)
    assert states(tmp_path / "link") == {"good"}
    with claim(tmp_path / "link"):
        assert "a driver writes there now" in found(out)["Lock"][1]


def test_what_a_killed_driver_left_is_removed_and_the_rest_stays(out):
    """Half written files of ours go; files, links and folders of others are named and stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    half = out / "trials" / f".regfleet-{ended.pid}-{TOKEN}.tmp"
    half.write_bytes(b"PAR1")
    (out / "notes.txt").write_text("mine")
    (out / "trials" / "mine.parquet").write_text("mine")
    (out / "trials" / "link.parquet").symlink_to("/etc/passwd")
    done = found(out)
    assert done["Left over"][1].endswith(half.name)
    assert not half.exists()
    assert done["Others"] == ("note", "not of regfleet, and left alone: notes.txt")
    assert done["trials/mine.parquet"][1].endswith("left where it is")
    assert done["trials/link.parquet"][1].endswith("left where it is")
    assert (out / "notes.txt").exists()
    assert (out / "trials" / "mine.parquet").exists()
    assert (out / "trials" / "link.parquet").is_symlink()


def put_into(out, other, study):
    """Copy the parts of another directory into ``out``, whose data is known."""
    for folder in ("trials", "histories"):
        shutil.copytree(other / folder, out / folder, dirs_exist_ok=True)
    facts = resolved(study, {"iris": load_builtin("iris")}).data
    place_of(out).write("provenance.json", Provenance(data=facts, kept=6).json_text().encode())


def test_a_part_of_another_study_is_set_aside(out, filled, tmp_path):
    """The report says where to find out, doctor moves that part alone, and then all is as it was."""
    study = filled(tmp_path / "other", {"seeds": [0, 1], "training": {"epochs": 9}}, {"none": (3, 4)})
    mine = {path.name for path in (out / "trials").iterdir()}
    put_into(out, tmp_path / "other", study)
    with pytest.raises(ResultsError, match=r"got seed 0 twice for none on iris. Run: regfleet doctor"):
        conclude(out)
    done = found(out)
    aside = [name for name, (_, words) in done.items() if "set aside as" in words]
    assert sorted(name.partition("/")[0] for name in aside) == ["histories", "trials"]
    assert {path.name for path in (out / "trials").glob("*.parquet")} == mine
    assert "those of" not in done["Histories"][1]
    assert conclude(out).facts.finished == 6
    again = found(out)
    assert [words for name, (_, words) in again.items() if name.endswith(".foreign")] == [f"was set aside: {OTHER}"] * 2


def test_results_of_an_earlier_version_stay(out, filled, tmp_path):
    """Their keys are not those that this version would give them; nothing is in their place."""
    study = filled(tmp_path / "other", {"seeds": [0, 1], "training": {"epochs": 9}}, {"none": (3, 4)})
    for folder in ("trials", "histories"):
        shutil.rmtree(out / folder)
    put_into(out, tmp_path / "other", study)
    found(out)
    assert len(load(out).trials) == 2


def test_a_study_of_another_directory_is_noticed(out):
    """Whole by itself, it is not the one of these results: doctor and report say so."""
    place = place_of(out)
    facts = Provenance(kept=6, study=study_seal(place))
    place.write("provenance.json", facts.json_text().encode())
    assert conclude(out).results.problems == ()
    text = study_text(place)
    write_study(place, text.replace("epochs = 1", "epochs = 3"))
    assert "study.toml is not the one" in found(out)["Study"][1]
    assert "study.toml is not the one" in conclude(out).facts.notes[-1]
    (out / "study.toml").write_text(text)
    assert "Study" not in found(out)


def test_nothing_is_touched_while_a_driver_holds_it(out):
    """What is wrong is said, and stays."""
    part = min((out / "trials").iterdir())
    with claim(out):
        part.write_bytes(b"PAR1")
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        done = found(out)
        assert done["Lock"] == ("note", "a driver writes there now: nothing was repaired")
        assert done[f"trials/{part.name}"][0] == "bad"
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["trials", "histories", "provenance.json", "study.toml", "report.html"])
def test_what_cannot_be_read_now_is_not_repaired(out, monkeypatch, name):
    """A disk that fails is no damaged file: exit code 3, and nothing is renamed."""
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    true_read = LocalPlace.read

    def read(self, asked):
        if asked.startswith(name):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return true_read(self, asked)

    monkeypatch.setattr(LocalPlace, "read", read)
    with pytest.raises(StorageError) as stopped:
        found(out)
    assert stopped.value.exit_code == 3
    assert "\n" not in str(stopped.value)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_command_says_it_in_a_table_or_as_json(command, out):
    """Exit code 0 when the directory is whole, or was made so; 2 for one that is none; 3 when it cannot be repaired."""
    code, printed, _ = command("doctor", out)
    assert (code, "✔ whole" in printed) == (0, True)
    (out / "trials.csv").unlink()
    code, printed, _ = command("doctor", out, "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(printed) if one["state"] == "note"] == ["Report"]
    with claim(out):
        min((out / "trials").iterdir()).write_text("x")
        code, _, err = command("doctor", out)
        assert code == 3
        assert len(err.splitlines()) == 1
    for other in (out / "trials", out / "nothing"):
        code, printed, err = command("doctor", other)
        assert (code, printed) == (2, "")
        assert "expected a results directory" in err
    with pytest.raises(ResultsError):
        found(out / "trials")
