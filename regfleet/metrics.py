"""The metrics a study can be judged by, and what the analysis must know of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a trial on a set of rows.

    ``rope`` is the default half-width of the region of practical equivalence: in units of the metric,
    or, with ``relative_rope``, as a share of the control's mean. ``counts`` is true where the score is a
    count of rows divided by their number, so that it cannot move by less than one row.
    """

    name: str
    title: str
    higher_is_better: bool
    rope: float
    relative_rope: bool = False
    counts: bool = False
    percent: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, 0.01, counts=True, percent=True),
        Metric("macro_f1", "macro-F1", True, 0.01, percent=True),
        Metric("cross_entropy", "cross-entropy", False, 0.01, relative_rope=True),
        Metric("mse", "mean squared error", False, 0.01, relative_rope=True),
        Metric("calibration_error", "calibration error", False, 0.01, percent=True),
    )
}
