"""The command line as a user starts it: another process, a real Ray, real Keras models."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from regfleet.data import load_builtin, parse_split
from regfleet.planning.plan import make_plan
from regfleet.results import CORRECT_COLUMNS, METRIC_COLUMNS, Store, claim
from regfleet.settings import read_study
from regfleet.trials import HISTORY_COLUMNS, Outcome

SMALL = ["compare", "--model", "16,8", "--epochs", "4", "-t", "l2@all", "-t", "dropout(0.3)@1+batchnorm@2"]


def regfleet(*arguments, cwd, **options):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "regfleet", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment(),
        **options,
    )


def environment():
    """This process' environment, without what would point the child at another cluster, and with this code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture(scope="session")
def small():
    """The arguments of a study of three variants that trains in no time."""
    return list(SMALL)


@pytest.fixture(scope="session")
def run():
    """The function that runs the command line."""
    return regfleet


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished small study of four seeds: its directory and what the command printed."""
    folder = tmp_path_factory.mktemp("study")
    done = regfleet(*SMALL, "--seeds", "4", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done


@pytest.fixture
def command(capfd, monkeypatch, tmp_path):
    """The function that runs the command line in this process, in an empty directory: (code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments):
        from regfleet.cli import main

        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["regfleet", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.signal(signal.SIGTERM, before)
        return (ended.value.code, *capfd.readouterr())

    return run_here


@pytest.fixture(scope="session")
def filled():
    """The function that writes a results directory of Iris whose test scores are given, not trained.

    ``correct`` maps a variant's name to its correct test rows out of 30, seed by seed; None is a seed that diverged.
    """
    return fill


def fill(out, fields, correct):
    """Write the trials of the study ``fields`` into ``out``; returns the study."""
    study = read_study(fields)
    plan = make_plan(study, parse_split(study.split), {name: load_builtin(name) for name in study.names})
    with claim(out):
        (out / "study.toml").write_text(study.toml(), encoding="utf-8")
        store = Store(out, {variant.name: variant for variant in plan.variants})
        trials = {(trial.variant, trial.seed): trial for trial in plan.trials}
        store.append(
            [outcome(trials[name, seed], rows) for name, found in correct.items() for seed, rows in enumerate(found)]
        )
    return study


def outcome(trial, rows):
    """The outcome of a trial of one epoch that got ``rows`` test rows right; diverged for None."""
    history = {name: np.full(1, 0.5 if rows else np.nan, dtype="float32") for name in HISTORY_COLUMNS}
    score = np.nan if rows is None else rows / 30
    metrics = dict.fromkeys(METRIC_COLUMNS, score) | dict.fromkeys(CORRECT_COLUMNS, rows or 0)
    # No two training losses are the same, or the analysis would say that the technique is not switched on.
    metrics |= {f"{when}_train_cross_entropy": int(trial.key[:6], 16) for when in ("last", "best")}
    return Outcome(
        trial,
        "diverged" if rows is None else "done",
        "fused",
        "graph",
        history,
        metrics,
        best_epoch=1,
        diverged_at=1 if rows is None else None,
        n_train=90,
        n_val=30,
        n_test=30,
        seconds=0.5,
    )
