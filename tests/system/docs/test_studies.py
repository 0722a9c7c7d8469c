"""The study files that users copy from."""

import pytest
from support import ROOT

from regfleet.planning.presets import preset_of
from regfleet.planning.variants import problems
from regfleet.settings import open_study_file, read_study

FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_study(path, monkeypatch):
    """An example reads without a complaint where it lies."""
    monkeypatch.chdir(FOLDER)
    file = open_study_file(path)
    variants = read_study(file.fields, source=file, check=problems).variant
    assert len(variants) > 1 or preset_of(variants[0])
