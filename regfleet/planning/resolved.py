"""A study with all that follows from it and from its data, worked out once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.analysis import Question, ask, planned_looks
from regfleet.analysis.design import Factorial
from regfleet.analysis.stepwise import Walk
from regfleet.data import (
    parse_split,
    row_counts,
    scaling_key,
    scaling_meaning,
    split_meaning,
    split_rows,
    stratifies,
)
from regfleet.errors import ResultsError
from regfleet.planning.combining import factorial_of
from regfleet.planning.parts import Part, parts_of
from regfleet.planning.references import reference_variants
from regfleet.planning.variants import resolve_variants
from regfleet.results import DataFacts
from regfleet.settings.values import ModelSpec, Reference, SplitSpec, Variant

if TYPE_CHECKING:
    from regfleet.data.dataset import Dataset
    from regfleet.settings import Study


@dataclass(frozen=True)
class Resolved:
    """What a study means: its model, split, variants with their controls, what the analysis is asked, its data.

    ``data`` holds what is known of each data set, by name, and ``looks`` the numbers of seeds at which a study that
    adds seeds looks at it; both lack a data set that was not read yet. ``factorial``: the variants that are the runs
    of one, where techniques are combined; ``walks``: how far they were added one by one, by data set.
    """

    study: Study
    model: ModelSpec
    split: SplitSpec
    variants: tuple[Variant, ...]
    question: Question
    data: Mapping[str, DataFacts]
    looks: Mapping[str, tuple[int, ...]]
    factorial: Factorial | None = None
    walks: Mapping[str, Walk] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names of the variants."""
        return tuple(variant.name for variant in self.variants)

    def references_on(self, dataset: str) -> tuple[Variant, ...]:
        """The reference rows of a data set; none of one that was not read yet."""
        facts = self.data.get(dataset)
        wanted = facts is not None and self.study.references == "auto"
        return reference_variants(facts.references, self.study, facts.task) if facts and wanted else ()

    @property
    def references(self) -> tuple[Variant, ...]:
        """The reference rows of all data sets, each once."""
        return tuple(dict.fromkeys(one for name in self.study.names for one in self.references_on(name)))

    @property
    def trained(self) -> tuple[Variant, ...]:
        """All that trials are of: the variants, then the reference rows."""
        return (*self.variants, *self.references)

    @property
    def parts(self) -> tuple[str, ...]:
        """What results call the data sets of the study and all parts of them that trials are of."""
        found = [part for name in self.study.names for part in self.parts_on(name)]
        return tuple(part.name for part in sorted(found, key=lambda part: not part.split.whole))

    def parts_on(self, dataset: str) -> tuple[Part, ...]:
        """The parts of a data set that trials are of, all of it first; columns are left out where it was read."""
        facts = self.data.get(dataset)
        return parts_of(self.study, self.split, self.variants, dataset, facts.ablated if facts else ())

    @property
    def extra_parts(self) -> tuple[Part, ...]:
        """The parts of all data sets that are beside the study's own question."""
        return tuple(part for name in self.study.names for part in self.parts_on(name) if part.extra)

    @property
    def class_shares(self) -> dict[str, tuple[float, ...]]:
        """Data set → shares of its classes, where they are known."""
        return {name: facts.class_shares for name, facts in self.data.items() if facts.class_shares}

    @property
    def test_shares(self) -> dict[str, tuple[float, ...]]:
        """Data set → shares of its classes in the test set that every seed has; without those that have none."""
        return {name: facts.test_shares for name, facts in self.data.items() if facts.test_shares}

    def looks_at(self, dataset: str) -> tuple[int, ...]:
        """The numbers of seeds at which ``dataset`` is looked at; raises ResultsError when its rows are not known."""
        if dataset not in self.looks:
            raise ResultsError(
                f"provenance.json: expected the rows of {dataset}, which say when to look; got none. Run compare again"
            )
        return self.looks[dataset]

    def with_seeds(self, seeds: tuple[int, ...]) -> Resolved:
        """The same study over ``seeds``."""
        return replace(self, study=self.study.model_copy(update={"seeds": seeds}))


def resolve(study: Study, data: Mapping[str, DataFacts]) -> Resolved:
    """The study with what follows from it and from its ``data``.

    Raises InputError for variants or a split that the study cannot have.
    """
    question = replace(ask(study.analysis), halves=study.interval == "conservative")
    return Resolved(
        study=study,
        model=study.model.spec(),
        split=parse_split(study.split),
        variants=resolve_variants(study),
        question=question,
        data=data,
        looks={name: _looks(facts, question) for name, facts in data.items() if facts.training_rows},
        factorial=factorial_of(study, study.model.spec()),
    )


def data_facts(
    dataset: Dataset,
    split: SplitSpec,
    model: tuple[str, ...] = (),
    references: tuple[tuple[Reference, ...], str] = ((), ""),
) -> DataFacts:
    """What is to be known of a data set without reading it again.

    ``model`` has sentences on the model for it, ``references`` are those of `references_for`.
    """
    import numpy as np

    n_train, n_validation, n_test = row_counts(dataset, split)
    classes = len(dataset.classes)

    def by_class(target: np.ndarray) -> tuple[int, ...]:
        return tuple(np.bincount(target, minlength=classes).tolist())

    facts = DataFacts(
        sha256=dataset.fingerprint,
        task=dataset.task,
        rows=len(dataset.target),
        columns=math.prod(dataset.features.shape[1:]),
        training_rows=n_train,
        validation_rows=n_validation,
        test_rows=n_test,
        fixed_test=dataset.fixed_test,
        grouped=dataset.groups is not None,
        split=_meaning(split, dataset),
        notes=dataset.notes,
        model=model,
        scaling=scaling_meaning(dataset),
        scaling_key=scaling_key(dataset),
        classes=dataset.classes,
        rows_by_class=by_class(dataset.target) if classes else None,
        test_rows_by_class=by_class(dataset.target[split_rows(dataset, split, 0)[2]])
        if classes and dataset.fixed_test
        else None,
        references=references[0],
        references_note=references[1],
    )
    axes = dataset.features.ndim - 1
    return facts.model_copy(update={"axes": axes}) if axes > 1 else facts


def same_rows(data: Mapping[str, DataFacts]) -> str:
    """Which two data sets have the same rows, in words; empty where none have.

    A trial of one would be that of the other, and is stored once.
    """
    first: dict[tuple[str, str], str] = {}
    for name, facts in data.items():
        if facts.sha256 and (known := first.setdefault((facts.sha256, facts.scaling_key), name)) != name:
            return f"expected other rows in each data set; got the same in {known} and {name}"
    return ""


def _looks(facts: DataFacts, question: Question) -> tuple[int, ...]:
    redrawn = question.scope == "new_data" and not facts.fixed_test
    return planned_looks(facts.test_rows / facts.training_rows if redrawn else 0.0)


def _meaning(split: SplitSpec, dataset: Dataset) -> str:
    """What the split means for the interval, empty for sets dealt or drawn, which the report explains."""
    special = dataset.fixed_test or split.repeats or dataset.groups is not None
    plain = not special and (not split.stratified or dataset.task == "regression" or stratifies(dataset, split))
    return "" if plain else split_meaning(split, dataset)
