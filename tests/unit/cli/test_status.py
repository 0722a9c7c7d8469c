"""`regfleet status`: where a study stands, asked from another terminal."""

import json
import logging

import pytest

from regfleet.planning.variants import resolve_variants
from regfleet.results import Store, claim, place_of, reporting
from regfleet.trials import Outcome, Trial

FIELDS = {"seeds": [0, 1, 2, 3], "variant": [{"technique": "l2"}], "model": {"hidden": [8]}}
L2 = "l2(0.01)@first"


@pytest.fixture
def half(filled, tmp_path):
    """A study of eight trials: four done, one diverged, one failed, two missing; its directory and study."""
    out = tmp_path / "half"
    study = filled(out, FIELDS, {"none": [20, 21, 22], L2: [25, None]})
    store = Store(out, {variant.name: variant for variant in resolve_variants(study)})
    store.append([Outcome(Trial("0" * 32, "iris", L2, 2), "failed", "fused", error="ValueError: no")])
    return out


def test_counts_by_variant(command, half):
    """Done, planned, diverged and failed trials of each variant, and that there is no report."""
    code, said, errors = command("status", half)
    assert (code, errors) == (0, "")
    lines = [line.split() for line in said.splitlines()]
    assert ["No", "regularization", "3", "4", "0", "0"] in lines
    assert [line[-4:] for line in lines if line[:1] == ["L2,"]] == [["1", "4", "1", "1"]]
    assert "not running, 4 of 8 trials done, 1 diverged, 1 failed" in said
    assert "There is no report yet" in said


def test_a_running_study_is_seen_and_not_held_up(command, half):
    """While a driver holds the directory it says so; asking takes nothing from the driver, nor from the next one."""
    with claim(half):
        code, said, _ = command("status", half, "--json")
        assert code == 0
        assert json.loads(said)["running"] is True
    for _ in range(3):
        assert json.loads(command("status", half, "--json")[1])["running"] is False
        with claim(half):
            pass


def test_throughput_and_time_left_come_from_the_last_run(command, half):
    """Forty trials in the twenty seconds after the first chunk are two a second; two missing ones take one second."""
    (half / "progress.json").write_text(
        '{"fleet": "on Ray 2.60.0, 4 workers", "kept": [[10, 5], [20, 30], [30, 10]], "of a later version": 1}'
    )
    with claim(half):
        found = json.loads(command("status", half, "--json")[1])
        assert found["trials_per_second"] == 2.0
        assert found["seconds_left"] == 1.5  # of eight trials four are done and one diverged
        assert found["fleet"] == "on Ray 2.60.0, 4 workers"
        assert "2 trials a second, about 2 s left" in command("status", half)[1]
    assert json.loads(command("status", half, "--json")[1])["seconds_left"] is None


def test_the_last_warnings_are_shown(command, half):
    """What the last run warned of is repeated, the newest five lines, without its secrets."""
    for count in (1, 7):
        with reporting(place_of(half)) as reporter:
            reporter.runs("in this process")
            reporter.keep(3)
            for number in range(count):
                logging.getLogger("regfleet.fleet").warning("lost worker %d of 7, token=hunter2", number)
    found = json.loads(command("status", half, "--json")[1])
    told = [text.partition(" lost ")[2] for text in found["troubles"]]
    assert told == [f"worker {n} of 7, token=***" for n in range(2, 7)]
    assert (found["fleet"], found["trials_per_second"]) == ("in this process", None)
    assert found["troubles"][-1] in command("status", half)[1]


def test_a_study_that_adds_seeds_is_counted_to_its_next_look(command, filled, tmp_path):
    """Before any trial has come the trials of the first look are planned."""
    filled(tmp_path / "auto", FIELDS | {"seeds": "auto"}, {"none": [20]})
    found = json.loads(command("status", tmp_path / "auto", "--json")[1])
    assert [one["planned"] for one in found["variants"]] == [10, 10]


@pytest.mark.parametrize("name", ["none", "."])
def test_what_is_no_results_directory_ends_with_2(command, name):
    """A missing directory and one that holds no results are named in a line."""
    code, said, errors = command("status", name)
    assert (code, said) == (2, "")
    assert errors.startswith(f"regfleet: error: {name}: expected a results directory; got ")
