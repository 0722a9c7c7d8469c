"""What a command prints at its end: verdicts, leaderboards, looks and plans as tables that fit 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from regfleet.checks import PAGE
from regfleet.numbers import DASH, Scale, duration, gap_scale, level, short
from regfleet.report.references import about
from regfleet.report.verdicts import VERDICTS, chip
from regfleet.running.display import styled
from regfleet.text import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from regfleet.analysis.summary import DatasetSummary, Summary, VariantSummary
    from regfleet.report.conclusion import Conclusion
    from regfleet.running.forecast import Forecast

STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}


def print_conclusion(screen: Console, analysis: Conclusion) -> None:
    """The verdict in words, the leaderboard of each data set, and where the report is."""
    summary = analysis.summary
    for data in summary.datasets:
        _say(screen, data.headline)
        screen.print(_leaderboard(data, analysis), *_references(data, Scale(summary.metric)), sep="\n")
        for sentence in verdicts(data):
            screen.print(f"• {sentence}")
        for check in data.shown_checks:
            screen.print(f"{check.code} {check.title}: {check.sentence}", style="yellow")
        for warning in data.warnings:
            screen.print(f"note: {warning}")
        screen.print()
    if summary.across:
        _say(screen, summary.across.headline)
        screen.print(_across(summary))
    if summary.looks:
        screen.print(_looks(summary))
    for note in analysis.facts.notes:
        screen.print(f"note: {note}")
    if analysis.failures:
        screen.print(f"{len(analysis.failures)} trials failed or diverged; the report says why", style="red")
    _explain(screen, summary)
    if analysis.report:
        screen.print(f"Report: {analysis.report}", soft_wrap=True)


def _explain(screen: Console, summary: Summary) -> None:
    """Where it stands what the checks that spoke look at."""
    codes = sorted({check.code for data in summary.datasets for check in data.shown_checks})
    if codes:
        screen.print(f"What {listed(codes)} {'looks' if len(codes) == 1 else 'look'} at, and what to do: {PAGE}")


def verdicts(data: DatasetSummary) -> list[str]:
    """What each verdict that was reached, or withdrawn, means: the sentences of the analysis, in order of the table."""
    compared = [row.comparison for row in data.shown if row.comparison]
    reached = [
        one for one in compared if (one.verdict != "undecided" or one.withdrawn or one.same) and not one.identical
    ]
    return [one.sentence for one in reached]


def _say(screen: Console, sentences: Sequence[str]) -> None:
    for place, sentence in enumerate(sentences):
        screen.print(sentence if place == 0 else f"• {sentence}", style="" if place else "bold")


def _leaderboard(data: DatasetSummary, analysis: Conclusion) -> Table:
    """Two lines a row, the second with the intervals: it fits 80 columns."""
    unit, gap = Scale(analysis.summary.metric), gap_scale(data.task)
    title = f"{data.dataset}: {unit.metric.title}" + (f" on {data.n_test} test rows" if data.n_test else "")
    table = _table(title, caption(data, analysis))
    controls = {
        row.name: letter for row, letter in zip((r for r in data.variants if not r.control), "ABCDEFGH", strict=False)
    }
    for name in ("#", "Variant", unit.metric.title.capitalize() + (", %" if unit.points else "")):
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
            _verdict(row, controls),
            _two_lines(gap.difference(row.gap.mean), gap.from_to(row.gap.low, row.gap.high)),
        )
    return table


def _references(data: DatasetSummary, unit: Scale) -> list[Table]:
    """Those beside the networks, two lines a row; no table where there are none."""
    if data.references is None:
        return []
    table = _table(f"{data.dataset}: references", f"{about(data)}.")
    for name in ("Reference", unit.metric.title.capitalize() + (", %" if unit.points else "")):
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
        f"Too small to matter: {Scale(summary.metric).rope}.{weights} {data.judged}".rstrip()
    )


def _across(summary: Summary) -> Table:
    """The verdicts over data sets."""
    unit, across = Scale(summary.metric), summary.across
    table = _table(f"Over {len(summary.datasets)} data sets, each counted once", "")
    table.add_column("Variant")
    table.add_column(_two_lines("vs control", unit.points), justify="right")
    table.add_column("Verdict")
    for one in across.comparisons if across else ():
        interval = one.difference
        difference = _two_lines(unit.difference(interval.mean), unit.from_to(interval.low, interval.high))
        table.add_row(one.label, difference, styled((str(VERDICTS[one.verdict]), STYLES[one.verdict])))
    return table


def _looks(summary: Summary) -> Table:
    """What each look settled, and what then."""
    alpha = short(summary.question.alpha)
    below = f"Together they spend {alpha}. Open: not settled yet; hopeless: no seeds will settle it."
    table = _table("Looks", below)
    for name in ("Data set", "Look", "Seeds", "Share", "Settled", "Open", "Hopeless"):
        table.add_column(name, justify="left" if name == "Data set" else "right")
    table.add_column("What then")
    for look in summary.looks:
        counts = (len(names) for names in (look.settled, look.undecided, look.hopeless))
        cells = (f"{look.number} of {look.looks}", look.seeds, short(look.alpha, 3), *counts)
        table.add_row(look.dataset, *map(str, cells), look.reason)
    return table


def _table(title: str, below: str) -> Table:
    return Table(
        title=styled("", (title, "table.title")),
        caption=below or None,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )


def _verdict(row: VariantSummary, controls: Mapping[str, str]) -> Text:
    """The verdict, or that this is a control; below, which control, and what failed."""
    several = len(controls) > 1
    lost = row.failed + row.diverged
    failed = styled((f"{lost} of {row.finished + lost} failed" if lost else "", "red"))
    if row.comparison is None:
        return styled((f"{chip(row)}{' ' + controls.get(row.name, '') if several else ''}", "dim"), "").append(failed)
    against = f"against {controls.get(row.comparison.control, '')} " if several else ""
    return styled((str(chip(row)), STYLES[row.comparison.verdict]), (against, "dim")).append(failed)


def _two_lines(value: str, below: str) -> Text:
    return styled(value, (below, "dim")) if below else styled(value)


def print_forecast(screen: Console, forecast: Forecast) -> None:
    """What each comparison takes, and what running the seeds takes."""
    for dataset, by_label in forecast.detections.items():
        if not by_label:
            continue
        table = _table(f"{dataset}: what it takes to see a difference of {short(forecast.effect)}", "")
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
        f"about {duration(forecast.seconds)} on {forecast.workers} workers:",
        markup=False,
    )
    screen.print(f"  {forecast.command}", soft_wrap=True)
