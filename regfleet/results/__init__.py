"""Results: atomic, content-addressed, readable with pandas alone; in a directory or an object store.

    study.toml  provenance.json  progress.json  regfleet.log  report.html  leaderboard.csv  trials.csv  regfleet.sha256
    trials/part-*.parquet       one row per trial; columns: see TRIAL_FIELDS
    histories/part-*.parquet    one row per trial and epoch; columns: see HISTORY_FIELDS
    predictions/part-*.parquet  one row per trial, weights and test row; columns: see PREDICTION_FIELDS

Only the driver writes. A file appears whole or not at all: in a directory it is written beside its place, flushed to
disk and renamed; in an object store it is one object. Parts of predictions and of histories land before their part of
trials, and that one is the commit. The names of all begin with a hash of the keys they hold and end with one of their
content, by which they are checked when they are read. ``study.toml``, ``provenance.json`` and ``progress.json`` hold a
checksum of their own, ``regfleet.sha256`` those of the report and its tables. Small parts are merged into larger ones.
"""

from regfleet.results.address import claim, place_of
from regfleet.results.copying import copy_trials, differing_details
from regfleet.results.loading import Stored, load, no_results
from regfleet.results.parts import (
    CORRECT_COLUMNS,
    HISTORY_FIELDS,
    METRIC_COLUMNS,
    PREDICTION_FIELDS,
    TRIAL_FIELDS,
    Problem,
)
from regfleet.results.place import Place
from regfleet.results.progress import Reporter, read_progress, reporting
from regfleet.results.provenance import (
    Choice,
    DataFacts,
    Provenance,
    RunFacts,
    Source,
    add_choice,
    read_provenance,
)
from regfleet.results.seals import study_seal, study_text, write_study
from regfleet.results.store import Store

__all__ = [
    "CORRECT_COLUMNS",
    "HISTORY_FIELDS",
    "METRIC_COLUMNS",
    "PREDICTION_FIELDS",
    "TRIAL_FIELDS",
    "Choice",
    "DataFacts",
    "Place",
    "Problem",
    "Provenance",
    "Reporter",
    "RunFacts",
    "Source",
    "Store",
    "Stored",
    "add_choice",
    "claim",
    "copy_trials",
    "differing_details",
    "load",
    "no_results",
    "place_of",
    "read_progress",
    "read_provenance",
    "reporting",
    "study_seal",
    "study_text",
    "write_study",
]
