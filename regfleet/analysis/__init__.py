"""The analysis: frames in, Summary out. Pure functions on arrays, one idea per file."""

from regfleet.analysis.detection import detection, detections
from regfleet.analysis.headline import headline
from regfleet.analysis.metric import check_metric
from regfleet.analysis.sequential import planned_looks, take_look
from regfleet.analysis.summarize import Histories, summarize

__all__ = [
    "Histories",
    "check_metric",
    "detection",
    "detections",
    "headline",
    "planned_looks",
    "summarize",
    "take_look",
]
