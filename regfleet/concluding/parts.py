"""What trials on fewer rows and without single columns say, put beside the verdicts of a study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.analysis.ablation import ablation
from regfleet.analysis.learning import learning
from regfleet.analysis.predicting import read
from regfleet.analysis.runs import runs_of
from regfleet.analysis.summarize import terms_of
from regfleet.results import DataFacts

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.analysis import PredictionsOf
    from regfleet.analysis.runs import Runs
    from regfleet.analysis.summary import DatasetSummary, Summary
    from regfleet.planning.parts import Part
    from regfleet.planning.resolved import Resolved


def extra_names(resolved: Resolved) -> frozenset[str]:
    """What results call the parts of data sets that are beside the study's own question."""
    return frozenset(part.name for part in resolved.extra_parts)


def with_parts(
    summary: Summary, resolved: Resolved, trials: pd.DataFrame, predictions: PredictionsOf | None
) -> Summary:
    """The summary with learning curves and columns left out, where the study asks for them.

    ``trials`` are those of whole data sets and of their parts.
    """
    if not (resolved.study.rows or resolved.study.ablate):
        return summary
    datasets = (_judged(dataset, summary, resolved, trials, predictions) for dataset in summary.datasets)
    return replace(summary, datasets=tuple(datasets))


def _judged(
    dataset: DatasetSummary,
    summary: Summary,
    resolved: Resolved,
    trials: pd.DataFrame,
    predictions: PredictionsOf | None,
) -> DatasetSummary:
    name, question = dataset.dataset, summary.question
    facts = resolved.data.get(name, DataFacts())
    parts = [part for part in resolved.parts_on(name) if part.extra or part.split.whole]
    here = trials[trials["dataset"] == name]
    marks = {"fixed_test": facts.fixed_test, "grouped": facts.grouped, "n_rows": facts.rows}
    shares = resolved.class_shares.get(name)
    terms, n_train, _ = terms_of(name, here.assign(**marks), resolved.variants, question, shares)
    terms = replace(terms, tested=replace(terms.tested, absent="no predictions of test rows were kept"))
    found = {part.name: _runs(part, trials, predictions, terms.task, resolved) for part in parts}
    whole, said = found[name], list[str]()
    if resolved.study.rows:
        runs = {1.0: whole} | {part.split.share: found[part.name] for part in parts if part.split.share}
        rows = {1.0: n_train} | {
            part.split.share: _train_rows(trials, part, n_train) for part in parts if part.split.share
        }
        curve = learning(runs, rows, resolved.variants, dataset, terms)
        dataset = replace(dataset, learning=curve)
        said += curve.said[:1]
    without = {part.split.without: found[part.name] for part in parts if part.split.without is not None}
    if without:
        control = resolved.variants[0]
        own = {column: runs[control.name] for column, runs in without.items()}
        columns = ablation(whole[control.name], own, control.label, dataset, terms)
        dataset = replace(dataset, ablation=columns)
        said += columns.said[:1]
    return replace(dataset, headline=(*dataset.headline, *said))


def _train_rows(trials: pd.DataFrame, part: Part, whole: int) -> int:
    """The training rows of a share, as its trials had them; as planned where none has run."""
    found = trials.loc[(trials["dataset"] == part.name) & (trials["n_train"] > 0), "n_train"]
    return int(found.min()) if len(found) else round(whole * (part.split.share or 1.0))


def _runs(
    part: Part, trials: pd.DataFrame, predictions: PredictionsOf | None, task: str, resolved: Resolved
) -> dict[str, Runs]:
    """The runs of each variant on a part, with what they said of test rows."""
    question = resolved.question
    own = trials[trials["dataset"] == part.name]
    found = {
        one.name: runs_of(own[own["variant"] == one.name], question.metric, question.at, task)  # type: ignore[arg-type]
        for one in part.variants
    }
    if predictions is None or task != "classification":
        return found
    cells = read(predictions(part.name), {name: runs.seeds for name, runs in found.items()})
    return {name: replace(runs, cells=cells[name].cells if name in cells else None) for name, runs in found.items()}
