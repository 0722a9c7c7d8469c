"""The study files that users copy from."""

from pathlib import Path

import pytest

from regfleet.plan import resolve_variants
from regfleet.study import read_study, read_study_file

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*-*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_study(path):
    """An example reads without a complaint and has a control for each of its variants."""
    study = read_study(read_study_file(path), source=path.name)
    variants = {variant.name: variant for variant in resolve_variants(study)}
    assert len(variants) > 2
    assert all(variants[v.control].techniques == () for v in variants.values() if v.control)


def test_there_are_examples():
    """The folder was found."""
    assert EXAMPLES
