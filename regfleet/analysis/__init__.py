"""The analysis: frames in, Summary out. Pure functions on arrays, one idea per file."""

from regfleet.analysis.headline import headline
from regfleet.analysis.metric import check_metric
from regfleet.analysis.planning import detection, detections
from regfleet.analysis.scores import read_scores
from regfleet.analysis.sequential import planned_looks, take_look
from regfleet.analysis.summary import Histories, summarize

__all__ = [
    "Histories",
    "check_metric",
    "detection",
    "detections",
    "headline",
    "planned_looks",
    "read_scores",
    "summarize",
    "take_look",
]
