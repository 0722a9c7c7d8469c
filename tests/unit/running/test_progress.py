"""Lines of progress, in a pipe and in the log of a job that another terminal follows."""

import io

import numpy as np
import pandas as pd
import pytest
from support.outcomes import VARIANTS, made_up
from support.studies import asked

from regfleet.cli.submit import _showing
from regfleet.running.display import FOLLOWED, LEADERBOARD_MARK, PROGRESS_MARK, Progressing, Screen


def lines_of_a_study():
    """What a study of two variants prints into a pipe of 80 columns."""
    written = io.StringIO()
    watch = Progressing(Screen(file=written, width=80), quiet=False)
    watch.start(list(VARIANTS.values()), dict.fromkeys(VARIANTS, 1))
    watch.advance([made_up(name, 1) for name in VARIANTS], None)
    watch.stop()
    return written.getvalue().splitlines()


def test_a_pipe_gets_one_line_of_progress():
    """It says how many trials are done and which variant leads, and bears no mark."""
    assert lines_of_a_study() == [
        "starting workers for 2 trials",
        "2/2 trials; best mean so far 50.0\u202f%, No regularization",
    ]


@pytest.mark.parametrize(("metric", "best"), [("balanced_accuracy", "80.0\u202f%, L2"), ("cross_entropy", "0.300, L2")])
def test_progress_shows_what_the_study_is_judged_by(metric, best):
    """The metric that was chosen, at the epoch that was chosen, the better first whichever way it points."""
    written = io.StringIO()
    watch = Progressing(Screen(file=written, width=80), quiet=False)
    watch.judge(asked(metric, at="best"))
    watch.start(list(VARIANTS.values()), dict.fromkeys(VARIANTS, 1))
    scores = {"balanced_accuracy": (0.7, 0.8), "cross_entropy": (0.4, 0.3)}[metric]
    outcomes = [made_up(name, 1) for name in VARIANTS]
    for outcome, score in zip(outcomes, scores, strict=True):
        outcome.metrics[f"best_test_{metric}"] = score
    watch.advance(outcomes, None)
    assert written.getvalue().splitlines()[-1] == f"2/2 trials; best mean so far {best}"


def test_what_an_earlier_run_finished_is_shown_by_the_same_metric():
    """Also where a score is missing."""
    written = io.StringIO()
    watch = Progressing(Screen(file=written, width=80), quiet=False)
    watch.judge(asked("auc"))
    watch.start(list(VARIANTS.values()), dict.fromkeys(VARIANTS, 2))
    first, second = VARIANTS
    of = {"dataset": "iris", "variant": [first, second, second]}
    watch.resume(pd.DataFrame(of | {"last_test_auc": [0.6, 0.7, np.nan]}))
    watch.advance([made_up(first, 1)], None)
    assert written.getvalue().splitlines()[-1] == "4/4 trials; best mean so far 0.700, L2"


def test_what_is_finished_counts_without_a_score():
    """Results of another version may lack the column of the metric."""
    written = io.StringIO()
    watch = Progressing(Screen(file=written, width=80), quiet=False)
    watch.judge(asked("auc"))
    watch.start(list(VARIANTS.values()), dict.fromkeys(VARIANTS, 2))
    watch.resume(pd.DataFrame({"dataset": "iris", "variant": list(VARIANTS)}))
    with watch._screen.capture() as shown:
        watch._screen.print(watch._table())
    assert shown.get().count("1/2") == 2


@pytest.fixture
def followed(monkeypatch):
    """The lines of a job that is followed."""
    monkeypatch.setenv(FOLLOWED, "1")
    return lines_of_a_study()


def test_lines_of_a_followed_job_say_what_they_are(followed):
    """Progress has its mark, every line of the leaderboard below it has another, and nothing else has one."""
    start, progress, *leaderboard = followed
    assert start == "starting workers for 2 trials"
    assert progress == f"{PROGRESS_MARK}2/2 trials; best mean so far 50.0\u202f%, No regularization"
    assert all(line.startswith(LEADERBOARD_MARK) for line in leaderboard)
    assert [line.removeprefix(LEADERBOARD_MARK).split()[0] for line in leaderboard] == ["Variant", "No", "L2"]


def test_the_follower_in_a_pipe_shows_progress_without_marks(followed, capsys):
    """The leaderboard is for terminals; a line that only looks like progress is shown as it is."""
    with _showing() as show:
        for line in [*followed, "3/4 trials were enough"]:
            show(line)
    assert capsys.readouterr().out.splitlines() == [
        "starting workers for 2 trials",
        "2/2 trials; best mean so far 50.0\u202f%, No regularization",
        "3/4 trials were enough",
    ]


def test_scores_on_half_of_the_rows_are_not_shown():
    """They count as trials; the mean is that of all rows."""
    written = io.StringIO()
    watch = Progressing(Screen(file=written, width=80), quiet=False)
    watch.judge(asked("auc"))
    watch.start(list(VARIANTS.values()), dict.fromkeys(VARIANTS, 2))
    first, second = VARIANTS
    of = {"dataset": ["iris", "iris half 1a", "iris half 1b"], "variant": [first, second, second]}
    watch.resume(pd.DataFrame(of | {"last_test_auc": [0.6, 0.7, 0.9]}))
    with watch._screen.capture() as shown:
        watch._screen.print(watch._table())
    assert "2/2" in shown.get()
    assert "0.600" in shown.get()
    assert "0.8" not in shown.get()
