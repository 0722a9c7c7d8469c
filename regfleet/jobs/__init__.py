"""Studies as jobs of a Ray cluster: packed, started once, followed, and their results brought back."""

from regfleet.jobs.archive import is_result, unpack
from regfleet.jobs.client import (
    Answer,
    Jobs,
    Started,
    ask,
    check_name,
    details,
    entrypoint,
    every,
    exit_code,
    follow,
    start,
    stop,
)
from regfleet.jobs.parcel import CODE, Parcel, fingerprint

__all__ = [
    "CODE",
    "Answer",
    "Jobs",
    "Parcel",
    "Started",
    "ask",
    "check_name",
    "details",
    "entrypoint",
    "every",
    "exit_code",
    "fingerprint",
    "follow",
    "is_result",
    "start",
    "stop",
    "unpack",
]
