"""`regfleet plan --detect`: what it takes to see a difference."""

import json

import numpy as np
import pytest
from scipy import stats
from support.planning import planned

import regfleet
from regfleet.planning.schedule import Schedule
from regfleet.running import run as pipeline

NONE = [27, 28, 26, 29, 27, 28, 25, 28, 27, 29]
L2 = [28, 28, 27, 29, 28, 28, 27, 29, 27, 29]
FIELDS = {"seeds": "10", "model": {"hidden": [8, 4]}, "variant": [{"technique": "l2"}]}


@pytest.fixture
def pilot(filled, tmp_path):
    """Ten seeds of one comparison on Iris whose differences scatter by .0207, half a second a trial."""
    study = filled(tmp_path / "out", FIELDS, {"none": NONE, "l2(0.01)@all": L2})
    pipeline.run(study, tmp_path / "out", in_process=True)
    return tmp_path / "out"


def chance(effect, seeds):
    """The chance that the corrected interval of so many seeds excludes zero when the difference is ``effect``."""
    sd = np.std((np.array(L2) - np.array(NONE)) / 30, ddof=1)
    shift = effect / (sd * np.sqrt(1 / seeds + 1 / 3))
    return stats.nct.sf(stats.t.ppf(0.975, seeds - 1), seeds - 1, shift)


def test_seeds_trials_chunks_and_time(command, pilot):
    """The least number of seeds with a chance of 90 %, the trials that the results lack, and their seconds."""
    code, out, err = command("plan", pilot, "--detect", "0.045", "--workers", "2", "--json")
    assert (code, err) == (0, "")
    plan = json.loads(out)
    seeds = plan["seeds"]
    assert seeds > 10
    assert chance(0.045, seeds) >= 0.9 > chance(0.045, seeds - 1)
    assert plan["trials"] == 2 * (seeds - 10)
    assert plan["seconds"] == pytest.approx(0.5 * plan["trials"] / 2)
    assert 1 <= plan["chunks"] <= plan["trials"]
    assert plan["command"] == f"regfleet compare {pilot}/study.toml --seeds {seeds} --out {pilot}"
    _, words, _ = command("plan", pilot, "--detect", "0.045", "--workers", "2")
    assert f"{seeds} seeds show a difference of 4.5 points" in " ".join(words.split())
    assert f"{plan['trials']} trials are left to run, in {plan['chunks']} chunks" in words


def test_only_more_rows_can_show_a_point_on_iris(command, pilot):
    """One point is below the floor of Iris: no number of seeds, but so many times the rows."""
    code, out, _ = command("plan", pilot, "--detect", "0.01", "--json")
    assert code == 0
    plan = json.loads(out)
    (one,) = plan["detections"]["iris"].values()
    assert (plan["seeds"], one["seeds"]) == (None, None)
    sd = np.std((np.array(L2) - np.array(NONE)) / 30, ddof=1)
    least = (stats.norm.ppf(0.975) + stats.norm.ppf(0.9)) * sd * np.sqrt(1 / 3)
    assert one["rows_factor"] == pytest.approx((least / 0.01) ** 2)
    _, words, _ = command("plan", pilot, "--detect", "0.01")
    assert "No number of seeds shows it; more rows would." in words


def test_the_planned_chunks_are_those_of_the_run(pilot):
    """The schedule that would run it hands out as many chunks as were planned."""
    from regfleet.data import load_builtin
    from regfleet.running.forecast import forecast
    from regfleet.settings import read_study

    plan = forecast(pilot, 0.045, workers=2)
    results = regfleet.load(pilot)
    whole = planned(read_study(FIELDS | {"seeds": str(plan.seeds)}), {"iris": load_builtin("iris")})
    schedule = Schedule(whole.without(results.finished), 2, results.seconds_per_trial())
    handed = []
    while chunk := schedule.next():
        handed.append(len(chunk.trials))
    assert (len(handed), sum(handed)) == (plan.chunks, plan.trials)


def test_planning_changes_nothing(command, pilot):
    """No file of the pilot is touched."""
    before = {path: path.read_bytes() for path in pilot.rglob("*") if path.is_file()}
    command("plan", pilot, "--detect", "0.045")
    assert {path: path.read_bytes() for path in pilot.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--detect", "x"], "--detect: expected a number above 0; got 'x'"),
        (["--detect", "0"], "--detect: expected a number above 0; got 0"),
        (["--detect", "1e-160"], "--detect: expected a number from 1e-09; got 1e-160"),
        (["--detect", "nan"], "--detect: expected a number above 0; got nan"),
        (["nowhere", "--detect", "0.1"], "nowhere: expected a results directory; got no directory"),
        (["--detect", "0.1", "--workers", "0"], "--workers: expected a whole number from 1; got '0'"),
        ([], "reports/iris: expected a results directory; got no directory"),
    ],
)
def test_bad_input_is_one_line(command, arguments, complaint):
    """The flag, what was expected, what was given, exit code 2."""
    code, out, err = command("plan", *arguments)
    assert (code, out, err) == (2, "", f"regfleet: error: {complaint}\n")


def test_without_a_difference_it_plans_for_the_least_that_matters(command, pilot):
    """The ROPE, a point of accuracy, as if it had been typed."""
    code, out, err = command("plan", pilot, "--json")
    assert (code, err) == (0, "")
    assert out == command("plan", pilot, "--detect", "0.01", "--json")[1]


def test_results_without_a_report_get_it_before_they_are_published(command, pilot):
    """Instead of a refusal of all that was asked for; the report is the one that `report` writes."""
    (pilot / "report.html").rename(pilot.parent / "kept.html")
    code, out, err = command("publish", pilot, "--site", pilot.parent / "site")
    assert (code, "1 report in" in out) == (0, True)
    assert f"regfleet: writing the report of {pilot}\n" in err
    assert (pilot.parent / "site" / "out" / "report.html").read_bytes() == (pilot.parent / "kept.html").read_bytes()
