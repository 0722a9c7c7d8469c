"""Presets in a study: what they stand for, what is left out, and what stays refused."""

import numpy as np
import pytest

from regfleet.data import from_arrays
from regfleet.errors import InputError
from regfleet.planning.presets import CLASSIC, COCKTAIL
from regfleet.planning.resolved import resolve
from regfleet.planning.variants import problems, resolve_variants
from regfleet.running.prepare import Given, prepare
from regfleet.settings import Study, read_study
from regfleet.settings.defaults import ARTICLE_VARIANTS
from regfleet.techniques import TECHNIQUES


def prepared(techniques, *, regression=False, model="8,8", notes=None, **flags):
    """The variants' names of a study of 60 rows, for classes or a number."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 4)).astype("float32"), np.arange(60) % 2
    data = from_arrays("mine", x, y + draw.normal(size=60) if regression else y)
    study = read_study({}, flags={"data": ["mine"], "model": model, "technique": techniques, **flags})
    ready = prepare(study, given=Given({"mine": data}), note=(notes if notes is not None else []).append)
    return ready.resolved


def test_the_articles_eight_are_what_is_compared_without_a_technique():
    """With labels and batch sizes; after it is expanded, the study is the article's own."""
    study = read_study({}, flags={"technique": ["article"]})
    assert [one.label for one in resolve_variants(study)] == [one.label for one in resolve_variants(read_study({}))]
    named = prepared(["article", "maxnorm"], model="9,8,7,6,5")
    texts = {f"{text}[batch_size={size}]" if size else text for text, _, size in ARTICLE_VARIANTS}
    texts.remove("dropout(0.5,0.5,0.5,0.3)")  # is spelled with its place
    assert texts | {"dropout(0.5,0.5,0.5,0.3)@1,2,3,4", "maxnorm(3)@all"} >= {
        n for n in named.names if n[:4] != "none"
    } - {"batchnorm(0.99)@2", "batchnorm(0.99)@all"}
    # So few rows have batches of 32 throughout, those of the article's batch norm, and one control.
    assert {variant.training.batch_size for variant in named.variants} == {32}
    assert len(named.names) == 8 + 1 + 1


def test_the_atlas_has_every_technique_that_fits_and_says_what_it_left_out():
    """A regression has no labels to smooth; the study that is kept names techniques alone, and reads back the same."""
    notes = []
    for regression in (False, True):
        resolved = prepared(["atlas", "l2(0.5)"], regression=regression, notes=notes)
        there = {technique.name for variant in resolved.variants for technique in variant.techniques}
        assert {"labelsmoothing", "focal"} <= TECHNIQUES.keys() - there if regression else {"focal"} <= there
        assert {"l2", "skip", "shakeshake", "smaller"} <= there
        assert "l2(0.5)@all" in resolved.names
        again = read_study(resolved.study.table())
        assert isinstance(again, Study)
        assert resolve(again, {}).names == resolved.names
    assert "labelsmoothing (labelsmoothing cannot act there: the target is a number, not a class)" in notes[-1]


def test_a_technique_that_cannot_act_is_refused_by_name():
    """Beside presets too; nothing is silently its control."""
    with pytest.raises(InputError, match=r"^--technique focal\(2\): expected .* the target is a number, not a class$"):
        prepared(["focal", "l2"], regression=True)
    with pytest.raises(InputError, match="label: expected none beside the preset article"):
        prepared([{"technique": "article", "label": "Mine"}])
    study = read_study({}, flags={"technique": ["atlas+l2"]})
    assert ["atlas" in words for _, words in problems(study)] == [True]


def test_a_members_training_settings_are_the_presets_own():
    """As those of any technique, with a control of their own."""
    resolved = prepared([{"technique": "article", "batch_size": 16}])
    assert {variant.training.batch_size for variant in resolved.variants if variant.techniques} == {16}


def test_presets_name_techniques_that_there_are():
    """Ten and thirteen of them."""
    assert (len(CLASSIC), len(COCKTAIL)) == (10, 13)
    named = {name.partition("(")[0] for text in CLASSIC + COCKTAIL for name in text.split("+")}
    assert named <= TECHNIQUES.keys()
