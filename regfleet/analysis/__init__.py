"""The analysis: frames in, Summary out. Pure functions on arrays, one idea per file."""

from regfleet.analysis.cells import PredictionsOf
from regfleet.analysis.power import detection, detections
from regfleet.analysis.question import Question, ask
from regfleet.analysis.sequential import GLANCE, going_on, planned_looks, take_look
from regfleet.analysis.summarize import Histories, summarize
from regfleet.analysis.together import Score, ScoreOf

__all__ = [
    "GLANCE",
    "Histories",
    "PredictionsOf",
    "Question",
    "Score",
    "ScoreOf",
    "ask",
    "detection",
    "detections",
    "going_on",
    "planned_looks",
    "summarize",
    "take_look",
]
