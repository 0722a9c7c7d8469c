"""The study: what is to be compared, read from flags or a TOML file."""

from regfleet.settings.fields import DataFields, VariantFields, results_name
from regfleet.settings.reading import StudyFile, merge, open_study_file, read_analysis, read_study, read_study_file
from regfleet.settings.seeds import parse_seeds, seeds_text
from regfleet.settings.study import Study, model_fields
from regfleet.settings.writing import SCHEMA_FILE, commented, schema

__all__ = [
    "SCHEMA_FILE",
    "DataFields",
    "Study",
    "StudyFile",
    "VariantFields",
    "commented",
    "merge",
    "model_fields",
    "open_study_file",
    "parse_seeds",
    "read_analysis",
    "read_study",
    "read_study_file",
    "results_name",
    "schema",
    "seeds_text",
]
