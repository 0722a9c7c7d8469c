"""The analysis: frames in, Summary out. Pure functions on arrays, one idea per file."""

from regfleet.analysis.headline import headline
from regfleet.analysis.power import detection
from regfleet.analysis.sequential import planned_looks, take_look
from regfleet.analysis.summary import summarize

__all__ = ["detection", "headline", "planned_looks", "summarize", "take_look"]
