"""Studies resolved with data that are in memory, and their plans."""

from regfleet.data import parse_split
from regfleet.planning.plan import make_plan
from regfleet.planning.references import references_for
from regfleet.planning.resolved import data_facts, resolve


def resolved(study, datasets):
    """The study with what follows from it and from ``datasets``, by name."""
    split = parse_split(study.split)
    return resolve(
        study,
        {
            name: data_facts(dataset, split, references=references_for(dataset, split, 0))
            for name, dataset in datasets.items()
        },
    )


def planned(study, datasets, models=None):
    """The trials of the study on ``datasets``, by name; ``models`` of the user's own likewise."""
    return make_plan(resolved(study, datasets), datasets, models)
