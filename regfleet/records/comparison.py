"""What the analysis is asked, and what it says of one variant against its control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["new_data", "this_dataset"]
Word = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What the analysis is asked. ``rope`` None is the metric's default; ``at`` picks last or best-epoch weights.

    ``higher_is_better`` is needed for a metric that `regfleet.metrics` does not know. ``look`` of ``looks`` says which
    share of ``alpha`` a study that adds seeds until the answer is clear may spend now.
    """

    metric: str = "accuracy"
    scope: Scope = "new_data"
    alpha: float = 0.05
    rope: float | None = None
    at: Literal["last", "best"] = "last"
    higher_is_better: bool | None = None
    look: int = 1
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, in units of the metric. NaN bounds: too few values for one."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How the seeds of a variant scatter. ``iqm`` is the mean of the middle half."""

    sd: float
    median: float
    minimum: float
    maximum: float
    iqm: float


@dataclass(frozen=True, slots=True)
class Effects:
    """Effect sizes of paired differences, all about these rows (scope ``this_dataset``); NaN where undefined.

    ``superiority`` is the chance that the variant beats its control on one seed, ties counting half, with its
    bootstrap interval. ``d_z`` is mean / sd of the differences and ``g_z`` the same without its small-sample bias;
    ``a12`` and ``cliff_delta`` ignore the pairing. ``seeds_needed`` tells such a ``superiority`` from a coin (Noether);
    None: no number does.
    """

    superiority: Interval
    d_z: float
    g_z: float
    a12: float
    cliff_delta: float
    seeds_needed: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant against its control over the seeds that both finished; differences are oriented: larger is better.

    ``difference`` is the interval that decides, simultaneous over the comparisons shown. ``floor`` is the half-width
    below which no number of seeds brings it. ``note`` qualifies the verdict ("tiny but real", "too few seeds", …).
    ``sentence`` says it all in plain words. ``dropped`` counts seeds lost to a failure of either side.
    ``withdrawn`` is the verdict that did not survive scoring failures as the majority class. ``identical`` warns that
    the variant trained exactly as its control. ``this_dataset`` is the same interval for random splits of these rows.
    """

    control: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    difference: Interval
    sd: float
    p: float
    p_worse: float
    p_equivalent: float
    p_better: float
    wins: int
    ties: int
    losses: int
    rope: float
    floor: float
    verdict: Word
    note: str
    sentence: str = ""
    dropped: int = 0
    withdrawn: Word | None = None
    identical: bool = False
    this_dataset: Interval | None = None
    effects: Effects | None = None
