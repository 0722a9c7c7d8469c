"""One of two runs that are held against each other: a results directory, or the small file that `baseline` writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet import files
from regfleet.analysis.comparing import Terms
from regfleet.analysis.judging import RULED, Tested, unfit
from regfleet.analysis.predicting import read
from regfleet.analysis.question import Question
from regfleet.analysis.runs import Runs, runs_of
from regfleet.analysis.sentences import about
from regfleet.concluding.judge import asked_rows, read_results
from regfleet.concluding.predictions import class_count, classes_of, scorer_of
from regfleet.data import parse_split
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric, default_metric, metrics_of, resolve_metric
from regfleet.report.page import kept_contents
from regfleet.report.trend import moment
from regfleet.results import DataFacts, Stored
from regfleet.scorers import ALIASES, scores_of
from regfleet.settings import Study
from regfleet.trials import ROW_COUNTS

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.planning.resolved import Resolved
    from regfleet.settings.values import Task

NO_ROWS = "no predictions of test rows were kept by both runs"


@dataclass(frozen=True)
class Side(ABC):
    """A run with all that a comparison needs of it.

    ``shown`` is what the user called it. ``question`` is its study's own. ``labels`` of its variants, by name and in
    their order. ``data`` has the facts of its data sets, ``sizes`` the training, validation and test rows of a seed.
    """

    shown: str
    study: Study
    question: Question
    labels: Mapping[str, str]
    data: Mapping[str, DataFacts]
    sizes: Mapping[str, tuple[int, int, int]]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    commit: str
    finished: str

    @abstractmethod
    def task(self, dataset: str) -> Task:
        """What is predicted on a data set."""

    @abstractmethod
    def runs(self, dataset: str, metric: Metric, at: str, beside: Mapping[str, Runs]) -> dict[str, Runs]:
        """The runs of each variant; where rows can judge, with what was said of them.

        ``beside`` are those of another side, whose rows a side that keeps only a hash of its own takes them from.
        """

    def contents(self) -> Mapping[str, pd.DataFrame]:
        """Data set → what its tested rows hold and, last, what is true of them, by row number; where that was kept."""
        return {}


@dataclass(frozen=True)
class StoredSide(Side):
    """A results directory."""

    resolved: Resolved = field(repr=False)
    results: Stored = field(repr=False)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The trials of its networks on whole data sets."""
        rows = asked_rows(self.resolved, self.results)
        return rows[rows["variant"].isin(self.labels) & rows["dataset"].isin(self.study.names)]

    def task(self, dataset: str) -> Task:
        """By its scores: results of earlier versions do not say it."""
        rows = self.trials[self.trials["dataset"] == dataset]
        tasks: tuple[Task, ...] = ("classification", "regression")
        columns = {task: f"{self.question.at}_val_{default_metric(task)}" for task in tasks}
        scored = [task for task, column in columns.items() if column in rows and rows[column].notna().any()]
        return (scored or [self.data[dataset].task])[0]

    def runs(self, dataset: str, metric: Metric, at: str, beside: Mapping[str, Runs]) -> dict[str, Runs]:
        """From its trials, and the predictions where these judge or are scored."""
        del beside
        rows = self.trials[self.trials["dataset"] == dataset]
        task = self.task(dataset)
        rows = rows if metric.name in METRICS else self._scored(rows, dataset, metric, at)
        found = {str(name): runs_of(own, metric, at, task) for name, own in rows.groupby("variant")}
        if metric.name in RULED:
            seeds = {name: one.seeds for name, one in found.items()}
            cells = read(self.results.predicted(dataset, at), seeds)  # type: ignore[arg-type]
            found = {
                name: replace(one, cells=cells[name].cells if name in cells else None) for name, one in found.items()
            }
        return found

    def _scored(self, rows: pd.DataFrame, dataset: str, metric: Metric, at: str) -> pd.DataFrame:
        """The trials with a score that is worked out from their predictions, without those that finished without one.

        Raises InputError where no predictions are there, or cannot be scored.
        """
        classes = classes_of(self.data[dataset])
        scorer = scorer_of(metric.name, self.task(dataset), classes)
        scores: dict[tuple[str, int], float] = {}
        problem = "no predictions were kept"
        for variant, predictions in self.results.predicted(dataset, at):  # type: ignore[arg-type]
            found = scores_of(scorer, predictions, len(classes) or class_count(predictions))
            problem = found.problem
            scores |= {(variant, int(seed)): one for seed, one in zip(found.seeds, found.scores, strict=True)}
        keys = zip(rows["variant"], rows["seed"], strict=True)
        values = np.array([scores.get((variant, int(seed)), np.nan) for variant, seed in keys], np.float64)
        done = (rows["status"] == "done").to_numpy()
        if done.any() and not np.isfinite(values[done]).any():
            known = ", ".join(metrics_of(self.task(dataset)))
            why = f" ({problem})" if problem else ""
            raise InputError(f"--metric: expected one of {known}, which {self.shown} has; got {metric.name}{why}")
        scored: pd.DataFrame = rows.assign(**{f"{at}_test_{metric.name}": values})[~done | np.isfinite(values)]
        return scored

    def contents(self) -> Mapping[str, pd.DataFrame]:
        """From the table beside its report."""
        return kept_contents(self.results.place, predicted=True)


def stored_side(location: str) -> StoredSide:
    """The side of a results directory or its URL; raises ResultsError or InputError where there is none."""
    resolved, results = read_results(location)
    facts = results.provenance
    found = StoredSide(
        shown=str(results.path),
        study=resolved.study,
        question=replace(resolved.question, halves=False),
        labels={one.name: one.label for one in resolved.variants},
        data={name: resolved.data.get(name, DataFacts()) for name in resolved.study.names},
        sizes={},
        versions=facts.versions,
        hardware=facts.hardware,
        commit=facts.commit or "",
        finished=facts.finished,
        resolved=resolved,
        results=results,
    )
    done = found.trials[found.trials["status"] == "done"]
    sizes = {
        str(name): tuple(int(rows[column].median()) for column in ROW_COUNTS) for name, rows in done.groupby("dataset")
    }
    devices = sorted(set(done["device"].dropna().unique()) - {""})
    hardware = {**found.hardware, **({"device": ", ".join(devices)} if devices else {})}
    return replace(found, sizes=sizes, hardware=hardware)  # type: ignore[arg-type]


def later_side(location: str) -> StoredSide:
    """The side of the later run; raises InputError for a baseline file, which says less than a run is compared by."""
    if "://" not in location and files.is_other(location):
        raise InputError(
            f"{location}: expected a results directory, for a file can only be the earlier run; got a file"
        )
    return stored_side(location)


def order_notes(old: Side, new: Side) -> list[str]:
    """What to say where the earlier run was finished after the later one, as if named the wrong way round."""
    before, after = moment(old.finished), moment(new.finished)
    if not (before and after and after < before):
        return []
    return [f"{new.shown} was finished before {old.shown}: are they the right way round?"]


def common_metric(sides: tuple[Side, Side], dataset: str, asked: str | None) -> Metric:
    """The metric that both runs are compared by: the one that is ``asked`` for, or the later run's own.

    ``sides`` are (old, new). Raises InputError for one that cannot judge the data set.
    """
    old, new = sides
    task = new.task(dataset)
    if old.task(dataset) != task:
        raise InputError(f"{dataset}: expected one task in both runs; got {old.task(dataset)} and {task}")
    if asked is None:
        return new.question.metric
    own, plain = new.question.metric, ALIASES.get(asked, asked)
    if plain not in METRICS:
        return scorer_of(asked, task, classes_of(new.data[dataset])).metric
    if plain not in metrics_of(task):
        raise InputError(f"--metric: expected one of {', '.join(metrics_of(task))} for a {task}; got {asked}")
    return own if own.name == plain else resolve_metric(plain, task=task)


def terms_of(side: Side, dataset: str, question: Question, comparisons: int) -> Terms:
    """What comparisons with the run ``side`` on a data set have in common."""
    facts, (n_train, n_val, n_test) = side.data[dataset], side.sizes.get(dataset, (0, 0, 0))
    new_data = question.scope == "new_data"
    ratio = n_test / n_train if new_data and not facts.fixed_test and n_train else 0.0
    dependent = ""
    if not new_data:
        dependent = "the question is about these rows, not about new ones"
    elif facts.fixed_test:
        dependent = "every seed is tested on the same rows"
    elif facts.grouped:
        dependent = "its rows come in groups, so they are not independent"
    return Terms(
        question=question,
        ratio=ratio,
        gap_ratio=0.0,
        comparisons=max(1, comparisons),
        n_test=n_test,
        n_val=n_val,
        shares=facts.class_shares or None,
        where=about(question.scope, fixed_test=facts.fixed_test),
        labels=side.labels,
        task=side.task(dataset),
        tested=Tested(facts.rows, n_train, dependent or unfit(question.metric), NO_ROWS),
    )


def counted_rows(terms: Terms, runs: Mapping[str, Runs]) -> Terms:
    """``terms`` with the number of rows that can be tested, where it is not known."""
    seen = [one.cells.rows for one in runs.values() if one.cells is not None]
    tested = len(np.unique(np.concatenate(seen))) if seen else 0
    return replace(terms, tested=replace(terms.tested, rows=max(terms.tested.rows, tested)))


def same_splits(old: Side, new: Side) -> bool:
    """Whether both studies cut the rows of a data set into the same sets for a seed."""
    return parse_split(old.study.split) == parse_split(new.study.split)
