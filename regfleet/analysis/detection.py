"""What it takes to see a difference of a given size: seeds, or more rows."""

from __future__ import annotations

import math

from regfleet.analysis.metric import metric_of
from regfleet.analysis.power import MOST_SEEDS, seeds_for, smallest_effect
from regfleet.analysis.sentences import three_digits
from regfleet.analysis.summary import DatasetSummary, Detection
from regfleet.errors import InputError
from regfleet.settings.values import AnalysisSettings


def detection(
    effect: float, sd: float, ratio: float, alpha: float, comparisons: int = 1, wanted: float = 0.9, unit: str = ""
) -> Detection:
    """What it takes to see a difference of ``effect``, from the scatter ``sd`` of a pilot.

    With k times the rows at the same shares, ``ratio`` stays and ``sd`` falls as 1/√k, because each score then
    averages k times the rows.

    Args:
        effect: the difference to detect, in units of the metric; above 0.
        sd: standard deviation of the pilot's paired differences.
        ratio, alpha, comparisons: as in the study to come.
        wanted: the chance of seeing it.
        unit: "points" for a percent metric, "" for the metric's own.

    Returns:
        the number of seeds, or the factor on the rows, and a sentence.

    Raises:
        InputError: ``effect`` is not above 0.
    """
    if not effect > 0:
        raise InputError(f"the difference to detect must be above 0. Got {effect:g}")
    seeds = seeds_for(effect, sd, ratio, alpha, comparisons, wanted)
    smallest = smallest_effect(sd, ratio, alpha, comparisons, wanted)
    times = (smallest / effect) ** 2
    shown, least = (f"{100 * value:.1f} {unit}" if unit else three_digits(value) for value in (effect, smallest))
    if seeds is not None:
        sentence = f"{seeds} seeds show a difference of {shown} with a chance of {wanted:.0%}."
    elif smallest > effect:
        sentence = (
            f"No number of seeds shows a difference of {shown} with a chance of {wanted:.0%}: the least that this many "
            f"rows can show is {least}. About {_plain(times)} times the rows would."
        )
    else:
        sentence = f"A difference of {shown} takes more than {MOST_SEEDS} seeds."
    return Detection(effect, sd, ratio, wanted, seeds, times if seeds is None else None, smallest, sentence)


def _plain(value: float) -> str:
    """``value`` above 1 to two digits, never with an exponent: ``1.2``, ``16``, ``120``, ``1,200``."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def detections(dataset: DatasetSummary, settings: AnalysisSettings, effect: float) -> dict[str, Detection]:
    """`detection` for each comparison of a pilot that has a standard deviation, by name of the variant.

    Args:
        dataset: the pilot's summary, computed with ``settings``.
        settings: metric and alpha, likewise those of the study to come.
        effect: the difference to detect, in units of the metric; above 0.
    """
    unit = "points" if metric_of(settings).percent else ""
    shown = [*dataset.variants, *(family.tuned for family in dataset.families)]
    return {
        row.name: detection(effect, row.comparison.sd, dataset.ratio, settings.alpha, dataset.comparisons, unit=unit)
        for row in shown
        if row.comparison is not None and not math.isnan(row.comparison.sd)
    }
