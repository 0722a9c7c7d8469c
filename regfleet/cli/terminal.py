"""What a command prints at its end: verdicts, leaderboards, looks and plans as tables that fit 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from regfleet.analysis.overall import WORDS, overall
from regfleet.analysis.sequential import stopped
from regfleet.checks import PAGE
from regfleet.cli.combinations import effects_table
from regfleet.numbers import DASH, Scale, count, duration, gap_scale, level, short
from regfleet.report.choosing import bets
from regfleet.report.references import about
from regfleet.report.tuning import tunings
from regfleet.report.verdicts import VERDICTS, chip
from regfleet.running.display import STYLES, styled
from regfleet.text import capital, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from regfleet.analysis.overall import Overall
    from regfleet.analysis.summary import DatasetSummary, Summary
    from regfleet.analysis.variant import VariantSummary
    from regfleet.report.conclusion import Conclusion
    from regfleet.report.tuning import Tunings
    from regfleet.running.forecast import Forecast


def print_conclusion(screen: Console, analysis: Conclusion) -> None:
    """The verdict in words, the leaderboards, and where the report is.

    Of several data sets the result over all of them comes first; from five up a line each stands for the leaderboards.
    """
    summary = analysis.summary
    _print_read(screen, analysis.facts.read)
    whole = overall(summary)
    if whole:
        _say(screen, whole.headline)
        screen.print(_over(summary, whole))
        screen.print()
    shared = whole.shared if whole else ()
    if summary.across:
        screen.print(_datasets(summary))
        _print_shared(screen, summary)
    else:
        for data in summary.datasets:
            _print_dataset(screen, data, analysis, shared)
    for warning in shared:
        screen.print(f"note: {warning}")
    if summary.looks:
        screen.print(_looks(summary))
    for note in analysis.facts.notes:
        screen.print(f"note: {note}")
    if analysis.failures:
        screen.print(f"{count(len(analysis.failures), 'trial')} failed or diverged; the report says why", style="red")
    _explain(screen, summary)
    if analysis.report:
        screen.print(f"Report: {analysis.report}", soft_wrap=True)


def _print_read(screen: Console, sentences: Sequence[str]) -> None:
    """How results of another tool were read, before anything is said of them."""
    for sentence in sentences:
        screen.print(sentence)
    if sentences:
        screen.print()


def _print_dataset(screen: Console, data: DatasetSummary, analysis: Conclusion, shared: Sequence[str]) -> None:
    """All that is said of one data set, but for the warnings that it shares with the others."""
    summary = analysis.summary
    _say(screen, data.headline)
    screen.print(Group(_leaderboard(data, analysis), *effects_table(data, summary)))
    for table in _references(data, Scale(summary.metric)):
        screen.print(table)
    if chosen := tunings(data):
        screen.print(_tuning(chosen))
    for said in (one.sentence for one in data.plain if one.settled):
        screen.print(f"• {said}")
    if data.odds:
        screen.print(_odds(data, summary))
    _checks(screen, data, summary)
    for warning in data.warnings:
        if warning not in shared:
            screen.print(f"note: {warning}")
    screen.print()


def _checks(screen: Console, data: DatasetSummary, summary: Summary) -> None:
    """What the checks say, both verdicts where the control overfits, and what to run next."""
    for check in data.shown_checks:
        screen.print(f"{check.code} {check.title}: {check.sentence}", style="yellow")
        if check.code == "R107" and any(one.differ for one in data.at_epochs):
            screen.print(_both(data, summary))
        if check.command:
            screen.print(f"  next: {check.command}", soft_wrap=True, markup=False)


def _explain(screen: Console, summary: Summary) -> None:
    """Where it stands what the checks that spoke look at."""
    codes = sorted({check.code for data in summary.datasets for check in data.shown_checks})
    if codes:
        screen.print(f"What {listed(codes)} {'looks' if len(codes) == 1 else 'look'} at, and what to do: {PAGE}")


def _say(screen: Console, sentences: Sequence[str]) -> None:
    for place, sentence in enumerate(sentences):
        screen.print(sentence if place == 0 else f"• {sentence}", style="" if place else "bold")


def _leaderboard(data: DatasetSummary, analysis: Conclusion) -> Table:
    """Two lines a row, the second with the intervals: it fits 80 columns."""
    unit, gap = Scale(analysis.summary.metric), gap_scale(data.task)
    title = f"{data.dataset}: {unit.metric.title}" + (f" on {data.n_test} test rows" if data.n_test else "")
    table = plain_table(title, caption(data, analysis))
    controls = {
        row.name: letter for row, letter in zip((r for r in data.variants if not r.control), "ABCDEFGH", strict=False)
    }
    for name in ("#", "Variant", capital(unit.metric.title) + (", %" if unit.points else "")):
        table.add_column(name, justify="left" if name == "Variant" else "right", max_width=22)
    table.add_column(_two_lines("vs control", unit.points), justify="right")
    table.add_column("Verdict")
    table.add_column(_two_lines("Gap", gap.points), justify="right")
    for row in data.ordered(unit.metric):
        difference = row.comparison.difference if row.comparison else None
        table.add_row(
            str(row.rank or DASH),
            row.label,
            _two_lines(unit.score(row.score.mean), unit.between(row.score.low, row.score.high)),
            _two_lines(unit.difference(difference.mean), unit.from_to(difference.low, difference.high))
            if difference
            else DASH,
            _verdict(row, controls, stopped(row, analysis.summary.looks_of(data.dataset))),
            _two_lines(gap.difference(row.gap.mean), gap.from_to(row.gap.low, row.gap.high)),
        )
    return table


def _references(data: DatasetSummary, unit: Scale) -> list[Table]:
    """Those beside the networks, two lines a row; no table where there are none."""
    if data.references is None:
        return []
    table = plain_table(f"{data.dataset}: references", f"{about(data)}.")
    for name in ("Reference", capital(unit.metric.title) + (", %" if unit.points else "")):
        table.add_column(name, justify="left" if name == "Reference" else "right", max_width=22)
    table.add_column(_two_lines("vs best network", unit.points), justify="right")
    table.add_column("Verdict")
    for row in data.references.rows:
        difference = row.comparison.difference if row.comparison else None
        table.add_row(
            row.label,
            _two_lines(unit.score(row.score.mean), unit.between(row.score.low, row.score.high)),
            _two_lines(unit.difference(difference.mean), unit.from_to(difference.low, difference.high))
            if difference
            else DASH,
            _verdict(row, {}),
        )
    return [table]


def _tuning(chosen: Tunings) -> Table:
    """What tuning chose for each variant."""
    table = plain_table("What tuning chose: the median over the seeds, and the range", f"{chosen.lead} {chosen.cost}.")
    for name in ("Variant", "Learning rate", "Strength", "As typed", "Fits", "Time"):
        table.add_column(name, justify="left" if name in ("Variant", "Strength") else "right")
    for one in chosen.rows:
        table.add_row(one.label, one.rate, "\n".join(one.strengths) or DASH, one.kept, one.fits, one.took)
    return table


def _both(data: DatasetSummary, summary: Summary) -> Table:
    """Both verdicts of each variant for which they differ."""
    unit = Scale(summary.metric)
    table = plain_table("By the weights of the last epoch and of the best", "")
    for name in ("Variant", "Last", "Verdict", "Best", "Verdict"):
        table.add_column(name, justify="right" if name in ("Last", "Best") else "left", max_width=26)
    for one in data.at_epochs:
        if one.differ:
            cells = ((one.last, one.last_verdict), (one.best, one.best_verdict))
            written = [(unit.difference(of.mean), styled((str(VERDICTS[word]), STYLES[word]))) for of, word in cells]
            table.add_row(one.label, *(part for pair in written for part in pair))
    return table


def _odds(data: DatasetSummary, summary: Summary) -> Table:
    """What speaks for choosing each variant now."""
    unit, found = Scale(summary.metric), bets(data, summary.metric)
    table = plain_table("If you must choose now", data.choice)
    losses = f"Loss, {unit.points}" if unit.points else "Loss"
    for name in ("Variant", "Best", "Matters", losses, "Seconds", "Time"):
        table.add_column(name, justify="left" if name == "Variant" else "right", max_width=30)
    for one in found.bets if found else ():
        label = f"{one.label} ({one.note})" if one.note else one.label
        table.add_row(label, one.best, one.matters, one.loss, one.seconds, one.times)
    return table


def caption(data: DatasetSummary, analysis: Conclusion) -> str:
    """What the intervals of a leaderboard are about, how sure they are, and what is too small to matter."""
    summary, question = analysis.summary, analysis.summary.question
    side = "Higher" if summary.metric.higher_is_better else "Lower"
    weights = f" {side} is better." if analysis.facts.foreign else f" Weights of the {question.at} epoch."
    looks = summary.looks_at(data.dataset)
    held = [f"all {many} {what}" for many, what in ((data.comparisons, "comparisons"), (looks, "looks")) if many > 1]
    at_once = f"; those of the differences hold for {' and '.join(held)} at once" if held else ""
    return (
        f"{level(question.alpha)} intervals about {data.about} (scope {question.scope}){at_once}. "
        f"Too small to matter: {Scale(summary.metric).rope}.{weights} {data.judged}{_ranked_by(data)}".rstrip()
    )


def _ranked_by(data: DatasetSummary) -> str:
    """What ranks go by where a variant and its control ran on other seeds; else nothing."""
    seeds = {row.name: row.seeds for row in data.variants}
    if all(row.seeds == seeds.get(row.control, row.seeds) for row in data.variants if row.control):
        return ""
    return " Where a variant and its control ran on other seeds, ranks go by the paired difference, not by the means."


def _over(summary: Summary, whole: Overall) -> Table:
    """The variants over the data sets: verdict where there is one, mean and median, on how many it is what."""
    unit = Scale(summary.metric)
    below = "▲≈●▼: on how many data sets it is better, equivalent, undecided, worse."
    if summary.across:
        below += " The mean's interval and the verdict are over data sets."
    below = f"Differences in {unit.metric.title} from the control. {below}"
    table = plain_table(f"Over {len(summary.datasets)} data sets, each counted once", below)
    table.add_column("Variant", max_width=28)
    table.add_column(_two_lines("Mean", unit.points), justify="right")
    table.add_column("Median", justify="right")
    for word in WORDS:
        table.add_column(VERDICTS[word].symbol, justify="right")
    if summary.across:
        table.add_column("Over all")
    for one in whole.tallies:
        if not one.control:
            continue
        reach = unit.from_to(one.across.difference.low, one.across.difference.high) if one.across else ""
        verdict = [styled((str(VERDICTS[one.across.verdict]), STYLES[one.across.verdict]))] if one.across else []
        mean = _two_lines(unit.difference(one.mean), reach)
        counts = (str(one.verdicts[word] or DASH) for word in WORDS)
        table.add_row(one.label, mean, unit.difference(one.median), *counts, *verdict)
    return table


def _datasets(summary: Summary) -> Table:
    """A line for each data set: its control and the variant that its verdict is about."""
    unit = Scale(summary.metric)
    table = plain_table("Each data set: its control, and its best variant", "The report has the leaderboard of each.")
    for name in ("Data set", "Control", "Best variant", "vs control", "Verdict"):
        table.add_column(name, justify="right" if name in ("Control", "vs control") else "left", max_width=30)
    for data in summary.datasets:
        compared = [row for row in data.ordered(summary.metric) if row.comparison and row.comparison.seeds]
        better = [row for row in compared if row.comparison and row.comparison.verdict == "better"]
        best = next(iter(better or compared), None)
        if best is None or best.comparison is None:
            table.add_row(data.dataset, DASH, DASH, DASH, DASH)
            continue
        control = data.variant(best.control)
        score = unit.full(control.score.mean) if control else DASH
        difference = unit.difference(best.comparison.difference.mean)
        verdict = styled((str(chip(best)), STYLES[best.comparison.verdict]))
        table.add_row(data.dataset, score, best.label, difference, verdict)
    return table


def _print_shared(screen: Console, summary: Summary) -> None:
    """Checks and warnings of many data sets: each kind once, with where it holds."""
    checks: dict[str, list[str]] = {}
    for data in summary.datasets:
        for check in data.shown_checks:
            checks.setdefault(f"{check.code} {check.title}", []).append(data.dataset)
    for title, names in sorted(checks.items()):
        where = f"all {len(names)} data sets" if len(names) == len(summary.datasets) else listed(names)
        screen.print(f"{title}: on {where}", style="yellow")
    warned = [data.dataset for data in summary.datasets if data.warnings]
    if warned:
        screen.print(f"note: there are notes on {listed(warned)}: the report has them")


def _looks(summary: Summary) -> Table:
    """What each look settled, and what then."""
    alpha = short(summary.question.alpha)
    below = f"Together they spend {alpha}. Open: not settled yet; hopeless: the last look would hardly settle it."
    table = plain_table("Looks", below)
    for name in ("Data set", "Look", "Seeds", "Share", "Settled", "Open", "Hopeless"):
        table.add_column(name, justify="left" if name == "Data set" else "right")
    table.add_column("What then")
    for look in summary.looks:
        counts = (len(names) for names in (look.settled, look.undecided, look.hopeless))
        cells = (f"{look.number} of {look.looks}", look.seeds, short(look.alpha, 3), *counts)
        table.add_row(look.dataset, *map(str, cells), look.reason)
    return table


def plain_table(title: str, below: str) -> Table:
    """A table without lines, its title above it and what it means ``below``."""
    return Table(
        title=styled("", (title, "table.title")),
        caption=below or None,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )


def _verdict(row: VariantSummary, controls: Mapping[str, str], after: str = "") -> Text:
    """The verdict, or that this is a control; below, which control, after how many seeds, and what failed."""
    several = len(controls) > 1
    lost = row.failed + row.diverged
    failed = styled((f"{lost} of {row.finished + lost} failed" if lost else "", "red"))
    if row.comparison is None:
        return styled((f"{chip(row)}{' ' + controls.get(row.name, '') if several else ''}", "dim"), "").append(failed)
    against = f"against {controls.get(row.comparison.control, '')} " if several else ""
    below = f"{against}{after} " if after and failed else f"{against}{after}"
    return styled((str(chip(row)), STYLES[row.comparison.verdict]), (below, "dim")).append(failed)


def _two_lines(value: str, below: str) -> Text:
    return styled(value, (below, "dim")) if below else styled(value)


def print_forecast(screen: Console, forecast: Forecast) -> None:
    """What each comparison takes, and what running the seeds takes."""
    for dataset, by_label in forecast.detections.items():
        if not by_label:
            continue
        table = plain_table(f"{dataset}: what it takes to see a difference of {short(forecast.effect)}", "")
        for name in ("Variant", "Scatter", "Seeds", "In words"):
            table.add_column(name, justify="left" if name in ("Variant", "In words") else "right")
        for label, one in by_label.items():
            table.add_row(label, short(one.sd, 3), str(one.seeds or DASH), one.sentence)
        screen.print(table)
        for rule, why in dict.fromkeys((one.rule, one.why) for one in by_label.values() if one.why):
            what = "pairs of halves" if rule == "halves" else "one score per seed"
            screen.print(f"Planned with {what}: {why}.", markup=False, soft_wrap=True)
    every = [one for by_label in forecast.detections.values() for one in by_label.values()]
    screen.print(f"The scatter is that of a pilot of {forecast.pilot_seeds} seeds.")
    if forecast.seeds is None:
        known = all(one.rows_factor is not None for one in every)
        said = "No number of seeds shows it; more rows would." if known else "A larger pilot has to say it."
        screen.print(said, style="bold")
        return
    seen = sum(one.seeds is not None for one in every)
    screen.print(f"{forecast.seeds} seeds show it in {seen} of {len(every)} comparisons.", style="bold")
    if not forecast.trials:
        screen.print("They have all been run.")
        return
    screen.print(
        f"{forecast.trials} trials are left to run, in {forecast.chunks} chunks, "
        f"about {duration(forecast.seconds + forecast.overhead)} on {forecast.workers} workers with start and report:",
        markup=False,
    )
    screen.print(f"  {forecast.command}", soft_wrap=True)
