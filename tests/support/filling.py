"""Results directories of Iris whose test scores are given, not trained."""

from regfleet.data import load_builtin
from regfleet.results import Store, claim
from regfleet.settings import read_study
from support.outcomes import pretended
from support.planning import planned


def fill(out, fields, correct):
    """Write the trials of the study ``fields`` into ``out``; returns the study.

    ``correct`` maps a variant's name to its correct test rows out of 30, seed by seed; None is a seed that diverged.
    """
    study = read_study(fields)
    plan = planned(study, {name: load_builtin(name) for name in study.names})
    with claim(out):
        (out / "study.toml").write_text(study.toml(), encoding="utf-8")
        store = Store(out, {group.variant.name: group.variant for group in plan.groups})
        trials = {(trial.variant, trial.seed): trial for trial in plan.trials}
        store.append(
            [pretended(trials[name, seed], rows) for name, found in correct.items() for seed, rows in enumerate(found)]
        )
    return study
