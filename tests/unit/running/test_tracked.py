"""A study with trackers: what they are told, and what they cost when they fail."""

import threading
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from support.outcomes import plausible

from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import load
from regfleet.running.run import run
from regfleet.running.tracked import Tracking
from regfleet.running.train import Watch
from regfleet.settings import read_study
from regfleet.tracking import check_trackers, feed
from regfleet.trials import Outcome

FIELDS = {"seeds": [0, 1, 2], "training": {"epochs": 2}, "variant": [{"technique": "none"}, {"technique": "l2(0.01)"}]}


class Recording:
    """A tracker that keeps what it is told; ``there`` are the trials that it has, by key."""

    def __init__(self):
        self.there, self.studies, self.endings = {}, [], []

    def open(self, study):
        """Begin."""
        self.studies.append(study)
        return self.there.keys()

    def log(self, trial):
        """Keep a trial; none comes twice."""
        assert trial.key not in self.there or self.there[trial.key].status == "failed"
        self.there[trial.key] = trial

    def close(self, ending):
        """Keep what the files hold."""
        self.endings.append((ending, {path.name: path.read_text() for path in ending.files}))


class Notes(Watch):
    """Keeps what the user is told."""

    def __init__(self):
        self.told = []

    def note(self, text):
        """Keep it."""
        assert threading.current_thread() is threading.main_thread()
        self.told.append(text)


def pretend(chunk, _dataset, **_):
    """Finish every trial of two epochs; half a minute for each makes chunks of one trial."""
    return tuple(plausible(trial, epochs=2, seconds=30.0) for trial in chunk.trials)


@pytest.fixture
def tracked(monkeypatch):
    """The function that runs the study with one tracker of the test's own: what came of it, and the notes on it."""
    monkeypatch.setattr("regfleet.running.run.check_trackers", lambda names, _: names)
    monkeypatch.setattr(feed, "SAID_AFTER", 1e9)  # on a machine that is busy the end may take longer

    def run_with(tracker, out, work=pretend, names=("own",), **fields):
        monkeypatch.setattr("regfleet.running.run.Tracking", partial(Tracking, make=lambda _: tracker))
        notes = Notes()
        study = read_study(FIELDS | fields)
        done = run(
            study, out, in_process=True, work=work, watch=notes, trackers=names, command="regfleet --token s3cret"
        )
        return done, [text for text in notes.told if text.startswith("own: ")]

    return run_with


def parts_of(out):
    """The names of all parts of results."""
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("part-*"))


def test_a_tracker_gets_every_trial_once(tracked, tmp_path):
    """As it is stored, then the report; another run adds what it lacks; and results are those without a tracker."""
    tracker, out = Recording(), tmp_path / "out"
    done, told = tracked(tracker, out)
    stored = load(out)
    assert tracker.there.keys() == set(stored.trials["key"])
    assert len(tracker.there) == 6
    for row in stored.trials.to_dict("records"):
        trial = tracker.there[row["key"]]
        mine = stored.histories[stored.histories["key"] == row["key"]]
        epochs = dict(trial.epochs())
        assert [*epochs] == [1, 2]
        assert [epochs[one]["val_accuracy"] for one in epochs] == mine["val_accuracy"].tolist()
        assert trial.metrics["last_test_accuracy"] == row["last_test_accuracy"]
        assert trial.metrics["epochs_run"] == 2
        said = trial.parameters
        assert (said["variant"], said["seed"], said["dataset"]) == (row["variant"], row["seed"], "iris")
        assert (said["technique"], said.get("strength")) == (("l2", 0.01) if "l2" in row["variant"] else ("none", None))
        assert (said["epochs"], said["learning_rate"], said["n_train"]) == (2, 0.01, 90)
    ((study,), ((ending, files),)) = tracker.studies, tracker.endings
    assert (study.name, study.score, study.folder) == ("iris (out)", "last_test_accuracy", out)
    assert "s3cret" not in study.command
    assert (ending.interrupted, ending.metrics["trials_finished"], ending.report) == (False, 6, str(done.report))
    assert ending.sentences == done.summary.datasets[0].headline
    assert files["report.html"] == (out / "report.html").read_text()
    assert told == []
    # The names of parts have a hash of the keys that they hold, and one of their content.
    tracked(tracker, tmp_path / "without", names=())
    assert parts_of(tmp_path / "without") == parts_of(out)
    assert load(tmp_path / "without").provenance.tracked is None
    # Four seeds after three, and one of the first that the tracker has lost.
    lost = tracker.there.pop(stored.trials["key"][0])
    tracked(tracker, out, seeds=[0, 1, 2, 3])
    assert len(tracker.there) == 8
    again = tracker.there[lost.key]
    assert again.parameters == lost.parameters
    assert again.metrics == pytest.approx(lost.metrics)
    for name, values in lost.history.items():
        np.testing.assert_array_equal(again.history[name], values)
    assert tracker.studies[1].mark == study.mark
    assert load(out).provenance.tracked == study.mark


def broken():
    """Raise what names a key."""
    raise ConnectionError("no answer from https://me:s3cret@host/api")


def leave():
    """Raise what ends a process."""
    raise SystemExit(3)


def hang():
    """Never come back."""
    time.sleep(3600)


NO_ANSWER = "ConnectionError: no answer from https://***@host/api"


@pytest.mark.parametrize(
    ("method", "how", "why"),
    [
        ("open", broken, NO_ANSWER),
        ("open", hang, "it takes too long"),
        ("log", broken, NO_ANSWER),
        ("log", hang, "it takes too long"),
        ("close", leave, "SystemExit: 3"),
    ],
)
def test_a_tracker_that_fails_costs_a_note(tracked, tmp_path, monkeypatch, method, how, why):
    """Whatever it does, in whichever method: all trials are there, judged and reported; one that hangs is left."""
    if how is hang:
        monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, tracker=0.2, trackers=3600.0))
    tracker = Recording()
    setattr(tracker, method, lambda _: how())
    done, told = tracked(tracker, tmp_path / "out")
    assert (done.interrupted, done.facts.finished, len(done.failures)) == (False, 6, 0)
    assert done.report.exists()
    assert told == [f"own: nothing more is logged ({why}); the same command logs what is missing"]


def test_a_trial_that_could_not_be_logged_is_tried_once_more_at_the_end(tracked, tmp_path):
    """What fails once, as a server that was away for a moment, is there; of what fails twice a note tells."""
    tracker, tries = Recording(), []
    true_log = tracker.log

    def log(trial):
        tries.append(trial.key)
        if tries.count(trial.key) <= {0: 1, 2: 2}.get([*dict.fromkeys(tries)].index(trial.key), 0):
            broken()
        true_log(trial)

    tracker.log = log
    _, told = tracked(tracker, tmp_path / "out")
    first, _, third, *_ = dict.fromkeys(tries)
    assert first in tracker.there
    assert third not in tracker.there
    assert len(tracker.there) == 5
    assert told == [f"own: one trial not logged ({NO_ANSWER}); the same command tries again"]


def test_what_a_slow_tracker_has_no_room_for_is_logged_from_the_results(tracked, tmp_path, monkeypatch):
    """Training never waits: with room for one trial, the others come at the end."""
    monkeypatch.setattr(feed, "MOST_WAITING", 1)
    tracker, gate = Recording(), threading.Event()
    true_log = tracker.log

    def log(trial):
        gate.wait()
        true_log(trial)

    def work(chunk, dataset, **_):
        if len(seen := [*seeds, *chunk.trials]) == 6:
            gate.set()
        seeds[:] = seen
        return pretend(chunk, dataset)

    seeds = []
    tracker.log = log
    assert tracked(tracker, tmp_path / "out", work=work)[1] == []
    assert len(tracker.there) == 6
    assert all(trial.history for trial in tracker.there.values())


def test_an_interrupted_study_is_gone_on_with(tracked, tmp_path):
    """It says so to the tracker; a trial that failed is logged as failed, and anew when it is done."""
    tracker, out = Recording(), tmp_path / "out"

    def work(chunk, dataset, **_):
        if len(tracker.studies) == 1 and chunk.trials[0].seed == 1:
            raise KeyboardInterrupt
        if len(tracker.studies) == 1:
            return tuple(Outcome(trial, "failed", "fused", error="ValueError: no") for trial in chunk.trials)
        return pretend(chunk, dataset)

    assert tracked(tracker, out, work=work)[0].interrupted
    assert tracker.endings[0][0].interrupted
    failed = [one for one in tracker.there.values() if one.status == "failed"]
    assert failed
    assert {one.error for one in failed} == {"ValueError: no"}
    true_open = tracker.open
    tracker.open = lambda study: [key for key in true_open(study) if tracker.there[key].status != "failed"]
    assert not tracked(tracker, out, work=work)[0].interrupted
    assert {one.status for one in tracker.there.values()} == {"done"}
    assert len(tracker.there) == 6


@pytest.mark.parametrize(
    ("names", "folder", "lines"),
    [
        (["mlfow"], "out", ["expected tensorboard, mlflow, wandb or aim; got 'mlfow' (did you mean mlflow?)"]),
        (
            ["aim", "wandb"],
            "out",
            [
                f"{one}: expected {one} to be installed; got none. Run: pip install 'regfleet[{one}]'"
                for one in ("aim", "wandb")
            ],
        ),
        (["tensorboard"], None, ["tensorboard: expected --out on this machine, where its files go; got a bucket"]),
        ([[]], "out", ["expected tensorboard, mlflow, wandb or aim; got '[]'"]),
    ],
)
def test_what_cannot_log_is_refused_before_anything_is_written(tmp_path, monkeypatch, names, folder, lines):
    """A line for each, with what to run; nothing is written."""

    def version(name):
        if name != "tensorboard":
            raise PackageNotFoundError(name)
        return "2"

    monkeypatch.setattr("regfleet.tracking.catalogue.metadata.version", version)
    with pytest.raises(InputError) as refused:
        check_trackers(names, folder)
    told = str(refused.value).splitlines()
    assert [line.replace("--log: ", "").replace("--log ", "") for line in told] == lines
    if folder:
        with pytest.raises(InputError):
            run(read_study(FIELDS), tmp_path / "out", in_process=True, work=pretend, trackers=names)
    assert not (tmp_path / "out").exists()
