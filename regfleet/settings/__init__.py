"""The study: what is to be compared, read from flags or a TOML file."""

from regfleet.settings.flags import FLAGS, Flag, merge
from regfleet.settings.reading import StudyFile, open_study_file, read_part, read_study, read_study_file
from regfleet.settings.sections import Analysis, Data, Model, VariantEntry, results_name
from regfleet.settings.seeds import parse_seeds, seeds_text
from regfleet.settings.study import Study
from regfleet.settings.training import Training
from regfleet.settings.writing import SCHEMA_FILE, commented, schema, settings_page

__all__ = [
    "FLAGS",
    "SCHEMA_FILE",
    "Analysis",
    "Data",
    "Flag",
    "Model",
    "Study",
    "StudyFile",
    "Training",
    "VariantEntry",
    "commented",
    "merge",
    "open_study_file",
    "parse_seeds",
    "read_part",
    "read_study",
    "read_study_file",
    "results_name",
    "schema",
    "seeds_text",
    "settings_page",
]
