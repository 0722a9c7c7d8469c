"""Trackers: each trial of a study as a run where a team looks at its runs, live, beside the results directory."""

from regfleet.tracking.catalogue import TRACKERS, check_trackers, known_trackers, tracker_of
from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial, Tracker, Value
from regfleet.tracking.feed import Feed

__all__ = [
    "TRACKERS",
    "Ending",
    "Feed",
    "TrackedStudy",
    "TrackedTrial",
    "Tracker",
    "Value",
    "check_trackers",
    "known_trackers",
    "tracker_of",
]
