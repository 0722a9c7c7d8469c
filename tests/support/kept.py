"""Results directories of Iris with predictions and provenance, whose right and wrong rows are given, not trained."""

from dataclasses import replace

import numpy as np

from regfleet.data import load_builtin, parse_split, split_rows
from regfleet.predictions import of_classes
from regfleet.results import Provenance, Store, claim, study_seal, write_study
from regfleet.results.place import Place
from regfleet.settings import read_study
from regfleet.trials import Outcome
from support.outcomes import pretended
from support.planning import planned, resolved

FIELDS = {"seeds": "10", "variant": [{"technique": "l2"}, {"technique": "dropout"}], "model": {"hidden": [8]}}
L2, DROPOUT = "l2(0.01)@first", "dropout(0.5)@first"
HARDWARE = {"system": "Linux x86_64", "processor": "one"}
VERSIONS = {"regfleet": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}


def by_row(shares):
    """A function that says which test rows are wrong: of each variant so many of a hundred rows, the same each time."""

    def wrong(variant, seed, rows):
        draw = np.random.default_rng([seed, 7]).random(len(rows))
        return (rows * 37 % 100 + 20 * draw) < 100 * shares.get(variant, 0.05)

    return wrong


def keep(out, fields=FIELDS, wrong=None, *, lost=(), predicted=True, only=bool, **facts):
    """Write a study of Iris as if it had been trained; returns it.

    ``wrong(variant, seed, rows)`` says which of the test rows are wrong. ``lost``: (variant, seed) that failed.
    ``only`` picks the trials that are there; ``facts`` are those of the data set, or hardware and versions.
    """
    wrong = wrong or by_row({})
    hardware, versions = facts.pop("hardware", HARDWARE), facts.pop("versions", VERSIONS)
    study, iris = read_study(fields), load_builtin("iris")
    datasets = {study.names[0]: iris}
    plan, split = planned(study, datasets), parse_split(study.split)
    data = {name: one.model_copy(update=facts) for name, one in resolved(study, datasets).data.items()}
    outcomes = []
    for trial in (one for one in plan.trials if only(one)):
        if (trial.variant, trial.seed) in lost:
            outcomes.append(Outcome(trial, "failed", "fused", error="MemoryError: no"))
            continue
        rows = np.sort(split_rows(iris, split, trial.seed)[2])
        miss, target = wrong(trial.variant, trial.seed, rows), iris.target[rows]
        said = np.where(miss, (target + 1) % 3, target)
        made = of_classes(trial.seed, rows, target, np.eye(3, dtype="float32")[said] * 0.4 + 0.2)
        outcome = pretended(trial, int((~miss).sum()))
        outcomes.append(replace(outcome, predictions={"last": made, "best": made} if predicted else {}))
    with claim(out):
        store = Store(out, {group.variant.name: group.variant for group in plan.groups})
        write_study(store.place, study.toml())
        store.append(outcomes)
        record(store.place, data, hardware, versions, len(outcomes))
    return study


def record(place: Place, data, hardware, versions, kept):
    """Write where the results come from."""
    facts = Provenance(versions=versions, hardware=hardware, data=data, kept=kept, study=study_seal(place))
    place.write("provenance.json", facts.json_text().encode())
