"""From frames to the Summary: the one place where the parts of the analysis meet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from regfleet.analysis.across import over_datasets
from regfleet.analysis.cells import Cells, PredictionsOf
from regfleet.analysis.checks import Seen, checks
from regfleet.analysis.comparing import Terms, lead
from regfleet.analysis.curves import variant_curves
from regfleet.analysis.headline import headline, warnings
from regfleet.analysis.judging import Tested, unfit
from regfleet.analysis.power import rows_for_equivalence, useful_seeds, useful_seeds_by_rows
from regfleet.analysis.predicting import predicted_of, read
from regfleet.analysis.question import Question
from regfleet.analysis.references import references_of
from regfleet.analysis.row_rule import RowEstimate
from regfleet.analysis.rows import family_row, sweeps, variant_row
from regfleet.analysis.runs import Runs, runs_of
from regfleet.analysis.sentences import about, idle_sentence, judged_sentence, lead_sentence
from regfleet.analysis.summary import Curve, DatasetSummary, Summary, VariantSummary
from regfleet.analysis.together import ScoreOf
from regfleet.errors import InputError
from regfleet.metrics import Metric, default_metric
from regfleet.settings.values import PAIRS, Scope, Task, Variant

if TYPE_CHECKING:
    import pandas as pd

Histories: TypeAlias = "pd.DataFrame | Callable[[str], Iterable[pd.DataFrame]] | None"


def summarize(  # noqa: PLR0913 - what there is of a study, and what is asked of it
    trials: pd.DataFrame,
    histories: Histories,
    variants: Sequence[Variant],
    question: Question,
    class_shares: Mapping[str, Sequence[float]] | None = None,
    test_shares: Mapping[str, Sequence[float]] | None = None,
    predictions: PredictionsOf | None = None,
    *,
    score: ScoreOf | None = None,
    references: Sequence[Variant] = (),
) -> Summary:
    """The whole analysis of a study.

    Args:
        trials: one row per trial: dataset, variant, seed, status, n_train, n_val, n_test, best_epoch, seconds, the
            metrics of `Outcome.metrics` (R² tells a regression), and perhaps ``fixed_test``, whether the test rows are
            the same for every seed, ``grouped``, whether rows of one group stay together, ``n_rows``, how many can be
            tested, by default those that were, and ``half``, the number of the half of the rows that the trial had, −1
            for all rows.
        histories: one row per trial and epoch: dataset, variant, seed, epoch (from 1), HISTORY_COLUMNS; a frame, or a
            function that yields those of a data set, some whole variants at a time; None without any.
        variants: of the study, in its order; one without a finished seed is still a row.
        question: metric, scope, alpha and which weights.
        class_shares: data set → shares of its classes, for scoring failed runs as the majority class; without it, and
            for regression judged by its errors, the worst finished score stands in.
        predictions: of test rows; None where none were kept.
        score: what the networks of a variant taken together are scored by; None: of the predictions only the
            comparisons are wanted.
        references: learners beside the networks, which the trials may hold too.

    Returns:
        the Summary; data sets in alphabetical order.

    Raises:
        InputError: a seed occurs twice, or the row counts that the scope needs are missing.
    """
    shares, tested = class_shares or {}, test_shares or {}
    datasets = tuple(
        _dataset(
            str(name),
            rows,
            (histories, predictions, score),
            variants,
            question,
            shares.get(str(name)),
            tested.get(str(name)),
            references,
        )
        for name, rows in trials.groupby("dataset", sort=True)
    )
    order = [*(variant.name for variant in variants), *(family.name for family in sweeps(variants))]
    return Summary(question, datasets, across=over_datasets(datasets, order, question))


def _dataset(  # noqa: PLR0913, PLR0917 - what there is of a data set, and what is asked of it
    name: str,
    trials: pd.DataFrame,
    kept: tuple[Histories, PredictionsOf | None, ScoreOf | None],
    variants: Sequence[Variant],
    question: Question,
    shares: Sequence[float] | None,
    test_shares: Sequence[float] | None,
    references: Sequence[Variant],
) -> DatasetSummary:
    histories, predictions, score = kept
    references = [one for one in references if (trials["variant"] == one.name).any()]
    halves: list[pd.DataFrame] = []
    if question.halves:
        half = trials["half"]
        halves, trials = [trials[half == number] for number in range(2 * PAIRS)], trials[half < 0]
    terms, n_train, fixed = _terms(name, trials, variants, question, shares)
    groups, *of_halves = ({str(key): rows for key, rows in part.groupby("variant")} for part in (trials, *halves))

    def finished(of: Mapping[str, pd.DataFrame], variant: str) -> Runs:
        return runs_of(of.get(variant, trials.iloc[:0]), terms.metric, question.at, terms.task)

    runs = {
        one.name: replace(finished(groups, one.name), halves=tuple(finished(of, one.name) for of in of_halves))
        for one in (*variants, *references)
    }
    is_class = terms.task == "classification"
    found = {}
    if predictions is not None and (is_class or score is not None):
        found = read(predictions(name), {key: one.seeds for key, one in runs.items()}, score and score(name))
    cells = {key: one.cells for key, one in found.items() if is_class}
    terms = replace(terms, tested=_counted(terms.tested, cells, kept=predictions is not None))
    runs = {key: replace(one, cells=cells.get(key)) for key, one in runs.items()}
    networks = {one.name: runs[one.name] for one in variants}
    curves = _curves(name, histories, networks)
    dataset = DatasetSummary(
        dataset=name,
        n_train=n_train,
        n_val=terms.n_val,
        n_test=terms.n_test,
        ratio=terms.ratio,
        comparisons=terms.comparisons,
        variants=_ranked([variant_row(one, runs, terms, curves.get(one.name)) for one in variants], terms),
        lead=None,
        families=tuple(family_row(family, members, runs, terms) for family, members in sweeps(variants).items()),
        fixed_test=fixed,
        about=terms.where,
        task=terms.task,
        rows=terms.tested.rows,
    )
    dataset = replace(dataset, checks=checks(Seen(dataset, groups, variants, question, shares, test_shares)))
    if score is not None:
        controls = {one.name: one.control for one in variants}
        of_networks = {key: one for key, one in found.items() if key in networks}
        dataset = replace(dataset, predicted=predicted_of(of_networks, controls, dataset.knows_nothing))
    dataset = replace(dataset, references=references_of(references, dataset.variants, runs, terms))
    return _worded(_without_advice(dataset), networks, terms, variants)


def _terms(
    name: str,
    trials: pd.DataFrame,
    variants: Sequence[Variant],
    question: Question,
    shares: Sequence[float] | None,
) -> tuple[Terms, int, bool]:
    """What the comparisons share; the number of training rows; whether the test rows are fixed."""
    n_train, n_val, n_test = (_rows(trials, column) for column in ("n_train", "n_val", "n_test"))
    fixed = bool("fixed_test" in trials and trials["fixed_test"].any())
    new_data = question.scope == "new_data"
    terms = Terms(
        question=question,
        ratio=_ratio(name, n_test, n_train, trials) if new_data and not fixed else 0.0,
        gap_ratio=n_val / n_train if new_data and n_train else 0.0,
        comparisons=max(1, sum(variant.control is not None for variant in variants) + len(sweeps(variants))),
        n_test=n_test,
        n_val=n_val,
        shares=shares,
        where=about(question.scope, fixed_test=fixed),
        labels={variant.name: variant.label for variant in variants},
        task=_task(trials, question.metric, question.at),
        tested=Tested(
            _rows(trials, "n_rows"),
            n_train,
            _dependent(question.scope, fixed=fixed, grouped="grouped" in trials and bool(trials["grouped"].any()))
            or unfit(question.metric),
        ),
    )
    return terms, n_train, fixed


def _dependent(scope: Scope, *, fixed: bool, grouped: bool) -> str:
    """Why the rows of a data set are not judged one by one; empty where they are."""
    if scope == "this_dataset":
        return "the question is about these rows, not about new ones"
    if fixed:
        return "every seed is tested on the same rows"
    return "its rows come in groups, so they are not independent" if grouped else ""


def _counted(tested: Tested, cells: Mapping[str, Cells], *, kept: bool) -> Tested:
    """``tested`` with the number of rows, which is not known of scores from elsewhere, and why some may be missing."""
    seen = np.unique(np.concatenate([[], *{id(one.rows): np.unique(one.rows) for one in cells.values()}.values()]))
    rows = max(tested.rows, len(seen))
    not_kept = "no predictions of test rows were kept, as in results of earlier versions or with --keep-predictions no"
    return replace(tested, rows=rows, absent=not_kept if kept else "there are only scores, no predictions of test rows")


def _without_advice(dataset: DatasetSummary) -> DatasetSummary:
    """``dataset`` without a word of what to take where a variant and its control learned nothing."""
    nothing = dataset.knows_nothing

    def reworded(row: VariantSummary) -> VariantSummary:
        one = row.comparison
        if one is None or one.identical or not nothing >= {row.name, one.control}:
            return row
        if one.verdict == "undecided" and not one.same:
            return row
        text = idle_sentence(row.label, dataset.labels[one.control], one.verdict)
        return replace(row, comparison=replace(one, sentence=text, same=0))

    return replace(
        dataset,
        variants=tuple(map(reworded, dataset.variants)),
        families=tuple(replace(one, tuned=reworded(one.tuned)) for one in dataset.families),
    )


def _worded(
    dataset: DatasetSummary, runs: Mapping[str, Runs], terms: Terms, variants: Sequence[Variant]
) -> DatasetSummary:
    """``dataset`` with what is said about all of its rows together: floor, lead, headline, warnings."""
    floors = [row.comparison.floor for row in dataset.shown if row.comparison and not math.isnan(row.comparison.floor)]
    first = lead([(row.name, runs[row.name]) for row in dataset.variants if row.rank is not None], terms)
    if first is not None:
        labels = terms.labels[first.best], terms.labels[first.runner_up]
        score = next(row.score.mean for row in dataset.variants if row.name == first.best)
        first = replace(first, sentence=lead_sentence(*labels, first, terms.metric, terms.where, score))
    least = min((floor for floor in floors if floor > 0), default=0.0 if floors else math.nan)
    by_rows = any(row.comparison and row.comparison.rule == "rows" for row in dataset.shown)
    needed = 0
    if by_rows and terms.metric.counts and terms.metric.rope > 0:
        needed = rows_for_equivalence(terms.metric.rope, terms.question.alpha_now, terms.comparisons)
    judged = judged_sentence(dataset.shown)
    dataset = replace(
        dataset, lead=first, floor=least, equivalence_rows=needed, judged=judged, useful_seeds=_useful(dataset, terms)
    )
    return replace(
        dataset,
        headline=headline(dataset, terms.metric),
        warnings=warnings(dataset, terms.question, variants),
    )


def _useful(dataset: DatasetSummary, terms: Terms) -> int | None:
    """The number of seeds after which more add next to nothing to any comparison, by the rules that judge them."""
    found: list[int | None] = []
    for one in [row.comparison for row in dataset.shown if row.comparison is not None]:
        if one.rule == "seeds":
            found.append(useful_seeds(terms.ratio))
        elif isinstance(one.outlook, RowEstimate):
            found.append(useful_seeds_by_rows(one.outlook, terms.n_test, terms.question.alpha_now, terms.comparisons))
        else:
            found.append(None)
    known = [seeds for seeds in found if seeds is not None]
    return max(known) if known and len(known) == len(found) else None


def _ranked(rows: Sequence[VariantSummary], terms: Terms) -> tuple[VariantSummary, ...]:
    """``rows`` with their places, best first; those without one last, equals in the order of the study."""
    ranks = _shared_ranks([terms.metric.sign * row.score.mean for row in rows])
    placed = [replace(row, rank=rank) for row, rank in zip(rows, ranks, strict=True)]
    return tuple(sorted(placed, key=lambda row: math.inf if row.rank is None else row.rank))


def _shared_ranks(scores: Sequence[float]) -> list[int | None]:
    """Places from 1 for ``scores``, larger is better; equals share the better place and NaN has none."""
    rounded = [float(f"{score:.12g}") for score in scores]
    return [None if math.isnan(mine) else 1 + sum(other > mine for other in rounded) for mine in rounded]


def _curves(dataset: str, histories: Histories, runs: Mapping[str, Runs]) -> dict[str, Mapping[str, Curve]]:
    if histories is None or (not callable(histories) and histories.empty):
        return {}
    frames = histories(dataset) if callable(histories) else [histories[histories["dataset"] == dataset]]
    return {
        str(name): variant_curves(rows[rows["seed"].isin(runs[str(name)].seeds)])
        for frame in frames
        for name, rows in frame.groupby("variant", observed=True)
        if str(name) in runs
    }


def _rows(trials: pd.DataFrame, column: str) -> int:
    """The typical number of rows over the finished trials; 0 if unknown."""
    if column not in trials:
        return 0
    counts = trials.loc[trials["status"] == "done", column].dropna()
    return int(counts.median()) if len(counts) else 0


def _task(trials: pd.DataFrame, metric: Metric, at: str) -> Task:
    """What was to be predicted: the one thing that ``metric`` can judge, or what there are scores of."""
    columns = {task: f"{at}_val_{default_metric(task)}" for task in metric.tasks}
    scored = [task for task, column in columns.items() if column in trials and trials[column].notna().any()]
    return (scored or list(metric.tasks))[0]


def _ratio(name: str, n_test: int, n_train: int, trials: pd.DataFrame) -> float:
    if n_test > 0 and n_train > 0:
        return n_test / n_train
    if not (trials["status"] == "done").any():
        return 0.0
    raise InputError(
        f"n_train and n_test must be given for scope new_data, or the scope be this_dataset. "
        f"Got n_train {n_train}, n_test {n_test} for {name}"
    )
