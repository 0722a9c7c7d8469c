"""What tuning chose, written out: for the page, the terminal and the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.metrics import METRICS
from regfleet.numbers import count, duration

if TYPE_CHECKING:
    from regfleet.analysis.summary import DatasetSummary
    from regfleet.analysis.tuning import VariantTuning


@dataclass(frozen=True, slots=True)
class Tried:
    """A variant: what its seeds chose, median and range, and what that took. ``picks``: each setting, how often.

    ``kept`` counts the seeds that kept what was typed.
    """

    label: str
    rate: str
    strengths: tuple[str, ...]
    kept: str
    fits: str
    took: str
    picks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tunings:
    """What was chosen on a data set. ``lead`` says of how many settings and by what, ``cost`` what it took."""

    lead: str
    cost: str
    rows: tuple[Tried, ...]


def tunings(dataset: DatasetSummary) -> Tunings | None:
    """What tuning chose on a data set; None where nothing was tuned."""
    tuned = dataset.tuning
    if not tuned:
        return None
    when, _, metric = tuned[0].by.split("_", 2)
    lead = (
        f"Each seed tried {count(len(tuned[0].settings), 'setting')} of every variant, control included, and kept the "
        f"one with the best validation {METRICS[metric].title} of the {when} epoch. Test rows took no part in the "
        "choice; they judge the chosen one alone."
    )
    fits, seconds = sum(one.fits for one in tuned), sum(one.seconds for one in tuned)
    return Tunings(lead, f"{count(fits, 'fit')} in {duration(seconds)} of computing", tuple(map(_tried, tuned)))


def _tried(one: VariantTuning) -> Tried:
    rate, *strengths = one.dimensions
    order = sorted(range(len(one.settings)), key=lambda place: -one.picks[place])
    return Tried(
        label=one.label,
        rate=rate.chosen,
        strengths=tuple(f"{each.name} {each.chosen}" for each in strengths),
        kept=f"{one.picks[0]} of {one.seeds}",
        fits=f"{one.fits:,}",
        took=duration(one.seconds),
        picks=tuple((one.settings[place], f"{one.picks[place]} of {one.seeds}") for place in order),
    )


def tuned_cells(one: VariantTuning | None) -> dict[str, str | int | float | None]:
    """What a row of the exports has of a variant's tuning: settings, seeds that kept what was typed, the chosen."""
    if one is None:
        return dict.fromkeys(("tuned_settings", "tuned_kept", "tuned_chosen", "tuned_fits", "tuned_seconds"))
    return {
        "tuned_settings": len(one.settings),
        "tuned_kept": one.picks[0],
        "tuned_chosen": "; ".join(f"{each.name} {each.chosen}" for each in one.dimensions),
        "tuned_fits": one.fits,
        "tuned_seconds": one.seconds,
    }
