"""The sentences that open the terminal's summary and the report, and the warnings that go with them."""

from __future__ import annotations

from collections.abc import Sequence

from regfleet.analysis.intervals import MINIMUM_PAIRS
from regfleet.analysis.question import Question
from regfleet.analysis.sentences import change
from regfleet.analysis.summary import AcrossComparison, DatasetSummary
from regfleet.analysis.variant import VariantSummary
from regfleet.metrics import Metric
from regfleet.numbers import Scale, counted, number_word
from regfleet.settings.values import Variant
from regfleet.text import capital, listed


def verdict_counts(variants: Sequence[VariantSummary]) -> str:
    """``1 better, 2 equivalent, 5 undecided, 1 worse``, without the empty ones."""
    words: list[str] = [variant.comparison.verdict for variant in variants if variant.comparison is not None]
    order = ("better", "equivalent", "undecided", "worse")
    return ", ".join(f"{words.count(word)} {word}" for word in order if words.count(word))


def _same(dataset: DatasetSummary, compared: Sequence[VariantSummary]) -> list[str]:
    """Which variants predicted exactly what their control did."""
    found: dict[tuple[str, int], list[str]] = {}
    for row in compared:
        one = row.comparison
        if one is not None and one.same and not one.identical:
            found.setdefault((one.control, one.same), []).append(row.label)
    return [
        f"{listed(labels)} gave the same predictions as {dataset.labels[control]} on all {rows:,} rows tested."
        for (control, rows), labels in found.items()
    ]


def _companions(compared: Sequence[VariantSummary], metric: Metric) -> list[str]:
    """What the probabilities say of variants that the metric does not tell from their control."""
    told: dict[str, list[str]] = {"better": [], "worse": []}
    for row in compared:
        one = row.comparison
        if one is not None and one.companion and one.verdict in ("undecided", "equivalent"):
            told.get(one.companion.verdict, []).append(row.label)
    parts = [f"of {listed(labels)} are {word}" for word, labels in told.items() if labels]
    if not parts:
        return []
    said = f"the probabilities {', those '.join(parts)} than their control's"
    return [f"Where {metric.title} does not tell, {said} (Brier score); that decides nothing here."]


def headline(dataset: DatasetSummary, metric: Metric) -> tuple[str, ...]:
    """The study's result on one data set, most important sentence first, then whether a network is worth having."""
    first, *others = _among_variants(dataset, metric)
    beside = dataset.references.sentence if dataset.references else ""
    return (first, *([beside] if beside else []), *others)


def _among_variants(dataset: DatasetSummary, metric: Metric) -> tuple[str, ...]:
    """What is to be said of the variants."""
    compared = [variant for variant in dataset.shown if variant.comparison is not None]
    if not any(variant.finished for variant in dataset.shown):
        return (f"No run on {dataset.dataset} finished, so there is nothing to compare.",)
    if not compared:
        return (*_nothing_learned(dataset), f"Nothing on {dataset.dataset} has a control to be compared with.")
    seeds = max(len(variant.comparison.seeds) for variant in compared if variant.comparison is not None)
    nothing = _nothing_learned(dataset)
    if seeds == 0:
        return (
            *nothing,
            f"No variant on {dataset.dataset} has a finished seed in common with its control: no verdict.",
        )
    if seeds < MINIMUM_PAIRS:
        few = f"{capital(counted(seeds, 'seed'))} cannot give a verdict on {dataset.dataset}"
        tried = max(variant.finished + variant.failed + variant.diverged for variant in dataset.shown)
        if tried >= MINIMUM_PAIRS:
            of = f"of {counted(tried, 'seed')} only {number_word(seeds)} finished for a variant and its control, too"
            few = f"No verdict on {dataset.dataset}: {of}"
        return (*nothing, f"{few}: {number_word(MINIMUM_PAIRS)} are the least.")
    lines = [*(nothing or (_result(dataset, compared, seeds, metric),))]
    if len(compared) > 1:
        lines.append(f"Against their controls: {verdict_counts(compared)}.")
    lines += _same(dataset, compared)
    if dataset.lead is not None:
        lines.append(dataset.lead.sentence)
    lines += _companions(compared, metric)
    return tuple(line for line in (*lines, _resolution(dataset, metric)) if line)


def _nothing_learned(dataset: DatasetSummary) -> tuple[str, ...]:
    """What comes in place of a result where no variant learned anything, or no control did and no variant is better."""
    check = next((check for check in dataset.checks if check.code == "R101"), None)
    if check is None:
        return ()
    if dataset.learned_nothing:
        nothing = "By accuracy nothing" if check.flags else "Nothing"
        return (f"{nothing} was learned on {dataset.dataset}: {check.sentence}",)
    compared = [row for row in dataset.shown if row.comparison is not None]
    better = {row.name for row in compared if row.comparison and row.comparison.verdict == "better"}
    if better - dataset.knows_nothing or not dataset.knows_nothing.issuperset(row.control for row in compared):
        return ()
    return (f"On {dataset.dataset}: {check.sentence}",)


def _result(dataset: DatasetSummary, compared: Sequence[VariantSummary], seeds: int, metric: Metric) -> str:
    by_word = {
        word: [variant for variant in compared if variant.comparison and variant.comparison.verdict == word]
        for word in ("better", "equivalent", "undecided", "worse")
    }
    control = _control(dataset, compared)
    if by_word["better"]:
        best = max(by_word["better"], key=lambda variant: dataset.standing(variant, metric))
        return _best(dataset, best, metric)
    worse = listed([variant.label for variant in by_word["worse"]]) if by_word["worse"] else ""
    verb = "is" if len(by_word["worse"]) == 1 else "are"
    if len(by_word["equivalent"]) == len(compared):
        return f"On {dataset.dataset} none of these techniques makes a difference that matters: take the simplest."
    if worse:
        return f"No technique is clearly better than {control} on {dataset.dataset}, and {worse} {verb} clearly worse."
    by_word["equivalent"] = [row for row in by_word["equivalent"] if row.name not in dataset.knows_nothing]
    if by_word["equivalent"]:
        return (
            f"No technique is clearly better or worse than {control} on {dataset.dataset}; "
            f"{listed([variant.label for variant in by_word['equivalent']])} can be left out without loss."
        )
    return (
        f"{capital(counted(seeds, 'seed'))} cannot separate these techniques on {dataset.dataset}: "
        f"no variant is clearly better than {control}."
    )


def _best(dataset: DatasetSummary, best: VariantSummary, metric: Metric) -> str:
    comparison = best.comparison
    if comparison is None:
        return ""
    to = f", to {Scale(metric).full(best.score.mean)}" if dataset.task == "regression" else ""
    return (
        f"{best.label} is better than {dataset.labels[comparison.control]} on {dataset.dataset}: it "
        f"{change(comparison.difference, Scale(metric), dataset.about)}{to}, ahead on {comparison.wins} of "
        f"{len(comparison.seeds)} seeds."
    )


def _control(dataset: DatasetSummary, compared: Sequence[VariantSummary]) -> str:
    controls = {variant.comparison.control for variant in compared if variant.comparison is not None}
    return dataset.labels[controls.pop()] if len(controls) == 1 else "its control"


def _resolution(dataset: DatasetSummary, metric: Metric) -> str:
    """What this study cannot see; empty where that is not known."""
    if dataset.fixed_test:
        return "All of this is about this one test set; other test rows may say otherwise."
    if any(row.comparison and row.comparison.rule == "halves" for row in dataset.shown):
        return (
            "These intervals hold for any score and are wide on purpose: more rows would narrow them, more seeds do so "
            "only a little."
        )
    if dataset.ratio == 0:
        return "All of this is about random splits of these rows; new rows may say otherwise."
    if not dataset.floor > 0:  # no seed tells any two apart
        return ""
    unit = Scale(metric)
    told = [row.comparison for row in dataset.shown if row.comparison and row.comparison.verdict in ("better", "worse")]
    if any(abs(one.difference.mean) < dataset.floor for one in told):  # without scatter it was seen all the same
        return ""
    floors = [row.comparison.floor for row in dataset.shown if row.comparison and row.comparison.floor > 0]
    least, most = unit.amount(dataset.floor), unit.amount(max(floors))
    about = least if least == most else f"{unit.size(dataset.floor)} to {most}, depending on the variant,"
    needed = dataset.equivalence_rows
    rows = f" with {dataset.rows:,} rows" if needed else ""
    alike = f" To show that two are alike within {unit.amount(metric.rope)} takes {needed:,} rows at least."
    return (
        f"Differences under about {about} cannot be seen for new data{rows}, however many seeds are run; more rows or "
        f"more data sets would show them.{alike if dataset.rows < needed else ''}"
    )


def across_headline(comparisons: Sequence[AcrossComparison], datasets: Sequence[DatasetSummary]) -> tuple[str, ...]:
    """The result over data sets, and on which of them nothing was learned."""
    nothing = [data.dataset for data in datasets if data.learned_nothing]
    if len(nothing) == len(datasets):
        return (f"Nothing was learned on any of {len(datasets)} data sets, so they say nothing about the techniques.",)
    result = _across_result(comparisons, len(datasets))
    if not nothing:
        return result
    rest = "it counts in the means all the same" if len(nothing) == 1 else "they count in the means all the same"
    return (*result, f"Nothing was learned on {listed(nothing)}: {rest}.")


def _across_result(comparisons: Sequence[AcrossComparison], datasets: int) -> tuple[str, ...]:
    clear = [one for one in comparisons if one.verdict == "better"]
    if clear:
        best = max(clear, key=lambda one: one.difference.mean)
        said = "is better than its control" if len(clear) == 1 else "are better than their controls"
        names = listed([one.label for one in clear])
        return (f"On average over {datasets} data sets, {names} {said}.", best.sentence)
    if comparisons and all(one.verdict == "equivalent" for one in comparisons):
        none = "none of these techniques makes a difference that matters: take the simplest"
        return (f"On average over {datasets} data sets, {none}.",)
    worse = [one.label for one in comparisons if one.verdict == "worse"]
    verb = "is" if len(worse) == 1 else "are"
    tail = f"; {listed(worse)} {verb} clearly worse" if worse else ""
    return (f"On average over {datasets} data sets, no technique is clearly better than its control{tail}.",)


def warnings(dataset: DatasetSummary, question: Question, variants: Sequence[Variant]) -> tuple[str, ...]:
    """What a reader of one data set's results must know: failures, techniques without effect, optimistic gaps."""
    sentences = []
    rows = {row.name: row for row in dataset.variants}
    for row in dataset.variants:
        lost, attempted = row.failed + row.diverged, row.finished + row.failed + row.diverged
        comparison = row.comparison
        if lost and not row.finished:
            sentences.append(f"{row.label}: none of its {counted(attempted, 'run')} finished.")
        control = rows.get(row.control or "")
        if comparison is None or control is None:
            if row.control is not None and control is None:
                sentences.append(f"{row.label} cannot be compared: its control {row.control} is not in the results.")
            continue
        other = control.failed + control.diverged
        if lost * (control.finished + other) != other * attempted:
            rates = f"{row.label} lost {lost} of {attempted} runs and {control.label} {other}"
            clear = _lost_unequally(lost, row.finished, other, control.finished, question.alpha)
            which = "an unequal share of failed runs is itself a result" if clear else "which may be chance"
            sentences.append(f"{rates}{':' if clear else ','} {which}.")
        if comparison.identical:
            sentences.append(comparison.sentence)
    if question.at == "best" or any(variant.training.early_stopping for variant in variants):
        sentences.append(
            "Validation rows chose the epoch, so validation scores are optimistic and gaps look too small."
        )
    return tuple(sentences)


def _lost_unequally(lost: int, finished: int, other: int, others: int, alpha: float) -> bool:
    """Whether two variants lost shares of their runs that chance hardly gives, by Fisher's exact test."""
    from scipy.stats import fisher_exact

    return bool(fisher_exact([[lost, finished], [other, others]]).pvalue < alpha)
