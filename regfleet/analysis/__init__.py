"""The analysis: frames in, Summary out. Pure functions on arrays, one idea per file."""

from regfleet.analysis.headline import headline
from regfleet.analysis.planning import detection, detections
from regfleet.analysis.scores import read_scores
from regfleet.analysis.sequential import planned_looks, take_look
from regfleet.analysis.summary import summarize

__all__ = ["detection", "detections", "headline", "planned_looks", "read_scores", "summarize", "take_look"]
