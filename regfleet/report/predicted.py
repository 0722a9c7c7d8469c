"""What the networks predict, written out: the rows they get wrong, the classes they confuse, how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from regfleet.analysis.predicted import Changes, Confused, HardRow, Predicted, Spread, Together, VariantPredicted
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import VariantSummary
from regfleet.metrics import METRICS, Metric
from regfleet.numbers import DASH, Scale, count, number, percent, short
from regfleet.report.figures.predictions import plate_name
from regfleet.report.verdicts import Chip, chip
from regfleet.text import elide, listed

if TYPE_CHECKING:
    from markupsafe import Markup

LEAST = 0.05
"""Rows a seed from which a cell of a matrix has a number."""
NAMED = 5
"""Rows that a sentence names."""
MANY = 0.1
"""The share of hopeless rows from which the model is at fault rather than the labels."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a confusion matrix: rows a seed, the change from the control, and how dark it is, in percent."""

    rows: str
    change: str
    shade: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first of each row heads it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """What one variant predicted. ``classes`` heads its ``matrix``, a row for each true class; none of many classes."""

    label: str
    chip: Chip
    sentence: str
    figure: Markup | None
    caption: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[Cell, ...], ...]
    changed: bool
    scores: Table
    confused: Table
    moved: Table


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The section on what the networks get wrong: ``verdict`` says what to look at, ``hard`` lists those rows.

    ``telling``: there are rows to look at. ``sure``: it is known how sure they were. ``once``: each row was tested by
    one network of a variant only.
    """

    verdict: str
    telling: bool
    is_class: bool
    sure: bool
    once: bool
    hard: Table
    variants: tuple[Variant, ...]


def mistakes(
    dataset: DatasetSummary, metric: Metric, figures: Mapping[str, Markup], names: Sequence[str] = ()
) -> Mistakes | None:
    """The section, or None where no prediction was kept; ``names`` are those of the classes, numbers without."""
    found = dataset.predicted
    if found is None:
        return None
    places = {row.name: place for place, row in enumerate(dataset.variants)}
    return Mistakes(
        verdict=verdict(found),
        telling=found.hopeless > 0,
        is_class=found.kind == "classes",
        sure=any(one.bins for one in found.variants.values()),
        once=all(one.tested.max(initial=0) <= 1 for one in found.variants.values()),
        hard=_hard(found, names),
        variants=tuple(
            _variant(row, found, figures.get(plate_name(places[row.name])), names)
            for row in dataset.ordered(metric)
            if row.name in found.variants
        ),
    )


def _variant(row: VariantSummary, found: Predicted, figure: Markup | None, names: Sequence[str]) -> Variant:
    one = found.variants[row.name]
    matrix = one.matrix or ()
    return Variant(
        label=row.label,
        chip=chip(row),
        sentence=_changed(one.changes, found.kind),
        figure=figure,
        caption=_caption(one, found, names),
        classes=tuple(class_name(place, names) for place in range(len(matrix))),
        matrix=tuple(_cells(cells, one.change[place] if one.change else ()) for place, cells in enumerate(matrix)),
        changed=one.change is not None,
        scores=_scores(one, names),
        confused=Table((), ()) if matrix else _confused(one.confused, names),
        moved=_moved(one.changes, found, names),
    )


def verdict(found: Predicted) -> str:
    """What to look at: the rows that no network gets right, by number."""
    if not found.learned:
        return "No network learned anything, so none of them says which rows are hard."
    if not found.judged:
        return "No row was tested by three networks or more, so none can be called one that nobody gets right."
    return _far_off(found) if found.kind == "values" else _always_wrong(found)


def _far_off(found: Predicted) -> str:
    """The rows of a regression that are missed by far."""
    if not found.hard:
        return "No row is far off in the networks that were tested on it."
    named = _rows(found, [row.row for row in found.hard], found.hopeless)
    are = "is" if found.hopeless == 1 else "are"
    return (
        f"{named} {are} missed by three times the usual error or more, on average over the networks: look at their "
        "target, and whether they are like the others."
    )


def _always_wrong(found: Predicted) -> str:
    """The rows whose class no network predicts."""
    if not found.hopeless:
        return f"Each of the {found.judged:,} rows that were tested by three networks or more is right in some of them."
    always = [row for row in found.hard if row.wrong == row.tested]
    tests = [row.tested for row in always]
    span = f"{min(tests):,}" if min(tests) == max(tests) else f"{min(tests):,} to {max(tests):,}"
    named = _rows(found, [row.row for row in always], found.hopeless)
    are, it = ("is", "it") if found.hopeless == 1 else ("are", "each")
    said = f"{named} {are} wrong in every one of the {span} networks that were tested on {it}"
    if found.hopeless > MANY * found.judged:
        share = percent(round(found.hopeless / found.judged, 2))
        return f"{said}, {share} of all: too many for wrong labels alone, so the model or its inputs lack something."
    return f"{said}: look at {'its label' if found.hopeless == 1 else 'their labels'}."


def _rows(found: Predicted, numbers: Sequence[int], many: int) -> str:
    """``Row 7``, ``Rows 7, 70 and 3 more``: sorted, those that are not named counted."""
    shown = [row_name(row, found) for row in sorted(numbers[:NAMED])]
    rest = many - len(shown)
    return f"Row{'' if many == 1 else 's'} {listed([*shown, f'{rest:,} more'] if rest else shown, NAMED + 1)}"


def row_name(number: int, found: Predicted) -> str:
    """What a row is called, cut where that is long."""
    return elide(found.row(number), 40)


def class_name(value: float, names: Sequence[str]) -> str:
    """The name of a class, or its number; a dash where there is none."""
    if not math.isfinite(value) or value < 0:
        return DASH
    place = int(value)
    return elide(names[place], 40) if place < len(names) and names[place].strip() else str(place)


def _value(value: float, found: Predicted, names: Sequence[str]) -> str:
    if found.kind == "classes":
        return class_name(value, names)
    return short(value, 4) if math.isfinite(value) else DASH


def _hard(found: Predicted, names: Sequence[str]) -> Table:
    if found.kind == "values":
        head = ("Row", "True value", "Mean prediction", "Networks", "Error, times the usual")
        return Table(head, tuple(_far(row, found) for row in found.hard))
    head = ("Row", "True class", "Taken for", "Wrong in", "How sure they were")
    rows = (
        (
            row_name(row.row, found),
            class_name(row.target, names),
            f"{class_name(row.said, names)}{'' if row.votes == row.wrong else f', {row.votes:,} times'}",
            f"{row.wrong:,} of {row.tested:,}",
            _share(row.confidence),
        )
        for row in found.hard
    )
    known = found.classes > 0
    shown = (True, known, known, True, any(math.isfinite(row.confidence) for row in found.hard))
    return Table(tuple(compress(head, shown)), tuple(tuple(compress(row, shown)) for row in rows))


def _far(row: HardRow, found: Predicted) -> tuple[str, ...]:
    return (
        row_name(row.row, found),
        short(row.target, 4),
        short(row.said, 4),
        f"{row.tested:,}",
        number(row.confidence, 1),
    )


def _share(value: float) -> str:
    return percent(round(value, 2)) if math.isfinite(value) else DASH


def _changed(changes: Changes | None, kind: str) -> str:
    """How often a variant and its control say another thing, and who is right then."""
    if changes is None:
        return ""
    if not changes.cells:
        return "It shares no test row with its control."
    cells = count(changes.cells, "prediction")
    if not changes.differ:
        return f"It says exactly what its control says, in all {cells}."
    share = percent(float(f"{changes.differ / changes.cells:.2g}"))
    if kind == "values":
        return (
            f"It is nearer to the truth than its control in {changes.gained:,} of {cells}, farther in {changes.lost:,}."
        )
    neither = changes.differ - changes.gained - changes.lost
    text = (
        f"It differs from its control in {changes.differ:,} of {cells} ({share}): right where the control is wrong in "
        f"{changes.gained:,}, wrong where it is right in {changes.lost:,}"
    )
    return f"{text}; in {neither:,} both are wrong." if neither else f"{text}."


def _moved(changes: Changes | None, found: Predicted, names: Sequence[str]) -> Table:
    if changes is None or not changes.rows:
        return Table((), ())
    if found.kind == "values":
        head = ("Row", "True value", "Tested", "Control is off by", "Variant is off by")
        return Table(
            head,
            tuple(
                (
                    row_name(row.row, found),
                    short(row.target, 4),
                    f"{row.tested:,}",
                    short(row.control, 3),
                    short(row.variant, 3),
                )
                for row in changes.rows
            ),
        )
    head = ("Row", "True class", "Tested", "Control right", "Variant right")
    shown = (True, found.classes > 0, True, True, True)
    rows = (
        (
            row_name(row.row, found),
            class_name(row.target, names),
            f"{row.tested:,}",
            f"{row.control:.0f}",
            f"{row.variant:.0f}",
        )
        for row in changes.rows
    )
    return Table(tuple(compress(head, shown)), tuple(tuple(compress(row, shown)) for row in rows))


def _scores(one: VariantPredicted, names: Sequence[str]) -> Table:
    areas = {curve.number: curve for curve in one.thresholds}
    head = ["Class", "Rows a seed", "Precision", "Recall", "F1", *(["AUC", "Average precision"] if areas else [])]
    rows = []
    for score in one.classes:
        cells = [class_name(score.number, names), number(score.rows, 1)]
        cells += [_spread(value) for value in (score.precision, score.recall, score.f1)]
        if areas:
            curve = areas.get(score.number)
            cells += [_spread(curve.auc, 3), _spread(curve.average_precision, 3)] if curve else [DASH, DASH]
        rows.append(tuple(cells))
    return Table(tuple(head), tuple(rows))


def _cells(rows: Sequence[float], changes: Sequence[float]) -> tuple[Cell, ...]:
    whole = sum(rows) or 1.0
    return tuple(
        Cell(
            _few(value) if value >= LEAST else "",
            _few(change, signed=True) if abs(change := changes[place] if changes else 0.0) >= LEAST else "",
            round(50 * value / whole),
        )
        for place, value in enumerate(rows)
    )


def _few(value: float, *, signed: bool = False) -> str:
    """Rows a seed: one decimal, none of a hundred and more."""
    return number(value, 0 if abs(value) >= 100 else 1, signed=signed)


def _confused(pairs: Sequence[Confused], names: Sequence[str]) -> Table:
    if not pairs:
        return Table((), ())
    head = ("True class", "Taken for", "Rows a seed", "Change from the control")
    return Table(
        head,
        tuple(
            (
                class_name(pair.true, names),
                class_name(pair.said, names),
                _few(pair.rows),
                _few(pair.more, signed=True) if math.isfinite(pair.more) else DASH,
            )
            for pair in pairs
        ),
    )


def _spread(one: Spread, decimals: int = 2) -> str:
    """A mean over seeds with its standard deviation."""
    if not math.isfinite(one.mean):
        return DASH
    mean = f"{one.mean:.{decimals}f}"
    return f"{mean} ± {one.sd:.{decimals}f}" if math.isfinite(one.sd) else mean


def _caption(one: VariantPredicted, found: Predicted, names: Sequence[str]) -> str:
    """What the figure shows, in numbers."""
    if one.residuals is not None:
        bias = one.residuals.bias
        if not math.isfinite(bias):
            return "No prediction is a number."
        return f"Predictions are {short(abs(bias), 3)} too {'high' if bias > 0 else 'low'} on average."
    parts = []
    if math.isfinite(one.ece):
        unit = Scale(METRICS["calibration_error"])
        parts.append(
            f"Calibration error {unit.full(one.ece)} of all seeds together, {unit.full(one.seed_ece)} of a single seed "
            "on average, whose few rows add to it"
        )
    worst = min(one.thresholds, key=lambda curve: curve.auc.mean, default=None)
    if worst is not None:
        which = "Class" if found.classes == 2 else "Hardest class"
        parts.append(f"{which} {class_name(worst.number, names)}: AUC {_spread(worst.auc, 3)}")
    return f"{'. '.join(parts)}." if parts else ""


def together(one: Together | None, unit: Scale) -> tuple[str, str]:
    """The networks of a variant as one: their score, a dash where there is none, and what they gain over one."""
    if one is None or not math.isfinite(one.score):
        return DASH, ""
    alone = unit.metric.sign * (one.others - one.alone)
    gain = f"{unit.difference(alone)} to one" if math.isfinite(alone) else ""
    return unit.score(one.score), gain


def networks(found: Predicted | None) -> str:
    """How many networks of a variant are taken as one on a row; empty where there are none."""
    known = [one.together.networks for one in found.variants.values() if one.together] if found else []
    if not known:
        return ""
    least, most = min(few for few, _, _ in known), max(many for _, _, many in known)
    return count(most, "network") if least == most else f"{least:,} to {most:,} networks"
