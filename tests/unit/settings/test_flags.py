"""Settings by name: what a flag gives, what Python may give, and the page that lists them."""

import inspect
from pathlib import Path

import pytest

import regfleet
from regfleet.settings import FLAGS, Study, Training, read_study, settings_page
from regfleet.settings.flags import PARTS

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_of_settings_is_what_the_settings_declare():
    """docs/settings.md is written by the command in its second line."""
    assert PAGE.read_text(encoding="utf-8") == settings_page()


def test_a_flag_gives_one_field_and_leaves_the_rest():
    """Texts become what their fields hold, None gives nothing, and what no flag names is as it was."""
    given = {"epochs": "7", "batch_size": 16, "activation": "relu, tanh", "model": "8,4", "at": "best", "task": None}
    study = read_study({}, flags=given)
    assert study.training == Training(epochs=7, batch_size=16)
    assert (study.model.hidden, study.model.activation) == ((8, 4), ("relu", "tanh"))
    assert study.analysis.at == "best"
    assert study.data == Study.model_fields["data"].default


def test_every_flag_has_a_meaning_and_a_field():
    """No flag is empty, and each of its fields is one of the study's."""
    for flag in FLAGS.values():
        assert flag.text
        for place in flag.fields:
            assert place[-1] in PARTS[place[0] if len(place) > 1 else ""].model_fields


def test_compare_has_a_keyword_for_every_flag():
    """In Python ``technique`` is `techniques`; a keyword that is none is a TypeError, as of any function."""
    keywords = inspect.signature(regfleet.compare).parameters
    assert {"techniques" if name == "technique" else name for name in FLAGS} <= set(keywords)
    assert "settings" not in keywords
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        regfleet.compare(epoch=3)
