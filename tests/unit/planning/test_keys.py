"""Keys of trials as they were always stored, and plans of a million of them, counted without making any."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.planning import planned

from regfleet.concluding.judge import kept_study
from regfleet.data.dataset import Dataset
from regfleet.planning.keys import SeedTrials
from regfleet.planning.plan import planned_keys
from regfleet.planning.resolved import resolve
from regfleet.planning.schedule import Schedule
from regfleet.results import place_of, read_provenance
from regfleet.settings import read_study
from regfleet.trials import Trial

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
DATA = {"iris": Dataset("iris", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "fingerprint")}


def test_a_stored_study_keeps_its_keys():
    """Those of the published example, which another version trained."""
    with (EXAMPLE / "trials.csv").open(encoding="utf-8") as file:
        stored = {row["key"] for row in csv.DictReader(file)}
    assert len(stored) > 100
    assert planned_keys(resolve(kept_study(place_of(EXAMPLE)), read_provenance(place_of(EXAMPLE)).data)) == stored


def test_trials_are_a_sequence_of_their_seeds():
    """A place, a slice and an iteration give the same trials; those that are finished are left out by their keys."""
    trials = SeedTrials({"what": 1}, "iris", "none", range(5, 15))
    every = list(trials)
    assert [trial.seed for trial in every] == [*range(5, 15)]
    assert every[3] == trials[3] == Trial(every[3].key, "iris", "none", 8)
    assert list(trials[2:4]) == every[2:4]
    assert [*trials.keys()] == [trial.key for trial in every]
    assert len({*trials.keys()}) == len(trials) == 10
    found = set()
    left = trials.without({every[0].key, every[7].key, "another"}, found)
    assert (list(left), found) == ([*every[1:7], *every[8:]], {every[0].key, every[7].key})


@pytest.mark.parametrize("draw", range(6))
def test_chunks_are_counted_as_they_are_handed_out(draw):
    """Whatever the variants take, and however many of their trials are left, in rounds or one by one."""
    random = np.random.default_rng(draw)
    plan = planned(read_study({"seeds": 400}), DATA)
    keys = [trial.key for trial in plan.trials]
    missing = plan.without(set(random.choice(keys, random.integers(1, 2_000), replace=False)))
    seconds = {("iris", group.variant.name): float(10 ** random.uniform(-3, 1.5)) for group in missing[draw % 3 :]}
    handed, schedule = Counter(), Schedule(missing, 1 + draw, seconds)
    while chunk := schedule.next():
        handed[chunk.dataset, chunk.variant.name] += 1
    assert Schedule(missing, 1 + draw, seconds).count() == handed


def test_a_million_trials_are_counted_and_not_made(monkeypatch):
    """No key is needed to say how many trials there are, in how many chunks."""
    monkeypatch.setattr(SeedTrials, "keys", None)
    plan = planned(read_study({"seeds": "0-99999"}), DATA)
    assert plan.counts.total() == 1_000_000
    seconds = {("iris", group.variant.name): 0.01 for group in plan.groups}
    chunks = Schedule(plan.without(()), 2, seconds).count()
    assert 1_000_000 / 53 <= chunks.total() < 1_000_000 / 52 + 200  # 53 trials of 18.8 kB are a megabyte
