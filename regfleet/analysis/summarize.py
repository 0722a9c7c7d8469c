"""From frames to the Summary: the one place where the parts of the analysis meet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from regfleet.analysis.across import over_datasets
from regfleet.analysis.cells import Cells, PredictionsOf
from regfleet.analysis.checks import checks
from regfleet.analysis.choosing import odds
from regfleet.analysis.combined_words import worded
from regfleet.analysis.comparing import Terms, lead
from regfleet.analysis.curves import jumping, variant_curves
from regfleet.analysis.design import Factorial
from regfleet.analysis.effects import combined
from regfleet.analysis.effects_across import with_effects
from regfleet.analysis.grouping import Words, grouped
from regfleet.analysis.headline import headline, warnings
from regfleet.analysis.judging import Tested, unfit
from regfleet.analysis.power import rows_for_equivalence, useful_seeds, useful_seeds_by_rows
from regfleet.analysis.predicting import predicted_of, read
from regfleet.analysis.prospects import what_it_takes
from regfleet.analysis.question import Question
from regfleet.analysis.references import references_of
from regfleet.analysis.row_rule import RowEstimate
from regfleet.analysis.rows import family_row, sweeps, variant_row
from regfleet.analysis.runs import Runs, runs_of
from regfleet.analysis.seen import Seen
from regfleet.analysis.sentences import about, choice_sentence, hope, idle_sentence, judged_sentence, lead_sentence
from regfleet.analysis.stepwise import Walk
from regfleet.analysis.stepwise_words import stepped
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.analysis.together import ScoreOf
from regfleet.analysis.tuning import tuning_of
from regfleet.analysis.variant import Curve, VariantSummary, standing
from regfleet.errors import InputError
from regfleet.metrics import Metric, default_metric, error_of
from regfleet.numbers import Scale
from regfleet.settings.values import PAIRS, Scope, Task, Variant

if TYPE_CHECKING:
    import pandas as pd

Combining: TypeAlias = Factorial | tuple[Walk, int] | None
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
    combining: Combining = None,
    choosing: bool = True,
) -> Summary:
    """The whole analysis of a study.

    Args:
        trials: one row per trial: dataset, variant, seed, status, n_train, n_val, n_test, best_epoch, seconds, the
            metrics of `Outcome.metrics` (R² tells a regression), and perhaps ``fixed_test``, whether the test rows are
            the same for every seed, ``test_validates``, whether they are the validation
            rows too, ``grouped``, whether rows of one group stay together, ``n_rows``, how many can be
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
        combining: which variants are the runs of a factorial, or the steps that added techniques one by one with the
            number of their seeds; None where nothing is combined.
        choosing: whether what speaks for choosing each variant now is wanted.

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
            (histories, predictions, score, combining, choosing),
            variants,
            question,
            shares.get(str(name)),
            tested.get(str(name)),
            references,
        )
        for name, rows in trials.groupby("dataset", sort=True)
    )
    order = [*(variant.name for variant in variants), *(family.name for family in sweeps(variants))]
    across = with_effects(over_datasets(datasets, order, question), datasets, question)
    return Summary(question, datasets, across=across)


def _dataset(  # noqa: PLR0913, PLR0917 - what there is of a data set, and what is asked of it
    name: str,
    trials: pd.DataFrame,
    kept: tuple[Histories, PredictionsOf | None, ScoreOf | None, Combining, bool],
    variants: Sequence[Variant],
    question: Question,
    shares: Sequence[float] | None,
    test_shares: Sequence[float] | None,
    references: Sequence[Variant],
) -> DatasetSummary:
    histories, predictions, score, combining, choosing = kept
    references = [one for one in references if (trials["variant"] == one.name).any()]
    halves: list[pd.DataFrame] = []
    if question.halves:
        half = trials["half"]
        halves, trials = [trials[half == number] for number in range(2 * PAIRS)], trials[half < 0]
    terms, n_train, fixed = terms_of(name, trials, variants, question, shares)
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
    curves, jumps = _curves(name, histories, networks, error_of(terms.task))
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
        columns=int(trials["n_columns"].max()) if "n_columns" in trials else 0,
        tuning=tuning_of(variants, groups),
    )
    dataset = replace(dataset, checks=checks(Seen(dataset, groups, variants, question, shares, test_shares, jumps)))
    if score is not None:
        controls = {one.name: one.control for one in variants}
        of_networks = {key: one for key, one in found.items() if key in networks}
        dataset = replace(dataset, predicted=predicted_of(of_networks, controls, dataset.knows_nothing))
    dataset = replace(dataset, references=references_of(references, dataset.variants, runs, terms))
    dataset = _worded(_without_advice(dataset), networks, terms, variants)
    dataset = _with_combinations(dataset, combining, networks, terms)
    wanted = choosing and not dataset.learned_nothing
    return _with_odds(dataset, networks, terms, groups) if wanted else dataset


def _with_combinations(
    dataset: DatasetSummary, combining: Combining, runs: Mapping[str, Runs], terms: Terms
) -> DatasetSummary:
    """``dataset`` with what techniques do in combination."""
    if combining is None:
        return dataset
    if isinstance(combining, Factorial):
        found = worded(combined(combining, runs, dataset, terms), dataset, terms.metric)
        said = filter(None, (*found.effects_said, found.best_said))
        return replace(dataset, combined=found, headline=(*dataset.headline, *said))
    steps = stepped(*combining, runs, dataset, terms)
    return replace(dataset, stepwise=steps, headline=(*dataset.headline, *steps.said))


def _with_odds(
    dataset: DatasetSummary, runs: Mapping[str, Runs], terms: Terms, trials: Mapping[str, pd.DataFrame]
) -> DatasetSummary:
    """``dataset`` with what speaks for choosing each variant now."""
    ranked = [row for row in dataset.variants if row.rank is not None]
    found = odds(ranked, runs, terms, {row.name: _training_seconds(trials[row.name]) for row in ranked})
    if not found:
        return dataset
    verdicts = {row.name: row.comparison.verdict for row in ranked if row.comparison}
    controls = [row.name for row in ranked if row.control is None]
    hardly = max((row.comparison.rope for row in ranked if row.comparison), default=0.0) / 2
    choice = choice_sentence(found, verdicts, controls, hardly, Scale(terms.metric))
    return replace(dataset, odds=found, choice=choice)


def _training_seconds(trials: pd.DataFrame) -> float:
    """What a trial takes, as a rule, without the tracing that the first of its kind in a worker pays; NaN: unknown."""
    if "seconds" not in trials:
        return math.nan
    done = trials[trials["status"] == "done"]
    traced = done["trace_seconds"].fillna(0) if "trace_seconds" in done else 0.0
    return float((done["seconds"] - traced).median())


def terms_of(
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
        test_validates="test_validates" in trials and bool(trials["test_validates"].any()),
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
    words = Words(
        Scale(terms.metric),
        terms.where,
        dataset.labels,
        lambda one: hope(one, terms.question, terms.ratio, terms.comparisons, terms.ahead),
        lambda one: what_it_takes(one, terms.ahead) if terms.ahead else "",
    )
    return replace(
        dataset,
        headline=headline(dataset, terms.metric),
        plain=grouped(dataset.ordered(terms.metric), words),
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
    by_name = {row.name: row for row in rows}
    ranks = _shared_ranks([standing(row, by_name.get(row.control or ""), terms.metric) for row in rows])
    placed = [replace(row, rank=rank) for row, rank in zip(rows, ranks, strict=True)]
    return tuple(sorted(placed, key=lambda row: math.inf if row.rank is None else row.rank))


def _shared_ranks(scores: Sequence[float]) -> list[int | None]:
    """Places from 1 for ``scores``, larger is better; equals share the better place and NaN has none."""
    rounded = [float(f"{score:.12g}") for score in scores]
    return [None if math.isnan(mine) else 1 + sum(other > mine for other in rounded) for mine in rounded]


def _curves(
    dataset: str, histories: Histories, runs: Mapping[str, Runs], error: str
) -> tuple[dict[str, Mapping[str, Curve]], dict[str, int]]:
    """The curves of each variant, and the number of its seeds whose training ``error`` jumps."""
    if histories is None or (not callable(histories) and histories.empty):
        return {}, {}
    frames = histories(dataset) if callable(histories) else [histories[histories["dataset"] == dataset]]
    curves, jumps = {}, {}
    for frame in frames:
        for key, rows in frame.groupby("variant", observed=True):
            if (name := str(key)) in runs:
                finished = rows[rows["seed"].isin(runs[name].seeds)]
                curves[name], jumps[name] = variant_curves(finished), jumping(finished, error)
    return curves, jumps


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
    if "overlap" in trials:  # of folds whose numbers of rows are not known
        return float(trials["overlap"].iloc[0])
    if n_test > 0 and n_train > 0:
        return n_test / n_train
    if not (trials["status"] == "done").any():
        return 0.0
    raise InputError(
        f"n_train and n_test must be given for scope new_data, or the scope be this_dataset. "
        f"Got n_train {n_train}, n_test {n_test} for {name}"
    )
