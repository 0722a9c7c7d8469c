"""The results directory: atomic, content-addressed, readable with pandas alone.

    study.toml  provenance.json  regfleet.log  report.html  leaderboard.csv  trials.csv
    trials/part-*.parquet       one row per trial; columns: see TRIAL_FIELDS
    histories/part-*.parquet    one row per trial and epoch; columns: see HISTORY_FIELDS

Only the driver writes. A part is written beside its place, flushed to disk and renamed; a part of histories lands
before its part of trials, and that one is the commit. Both have the same name, a hash of the keys they hold.
"""

from regfleet.results.files import claim, write_text
from regfleet.results.reading import Results, load
from regfleet.results.schema import CORRECT_COLUMNS, HISTORY_FIELDS, METRIC_COLUMNS, TRIAL_FIELDS
from regfleet.results.store import Store

__all__ = [
    "CORRECT_COLUMNS",
    "HISTORY_FIELDS",
    "METRIC_COLUMNS",
    "TRIAL_FIELDS",
    "Results",
    "Store",
    "claim",
    "load",
    "write_text",
]
