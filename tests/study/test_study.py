"""Studies: from flags or a file, and back."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regfleet.errors import InputError
from regfleet.study import merge, parse_seeds, read_analysis, read_study, read_study_file, seeds_text


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", (0, 1, 2)), ("1", (0,)), ("5-7", (5, 6, 7)), ("4,1,1", (1, 4)), ("0-2,9", (0, 1, 2, 9)), ("7-7", (7,))],
)
def test_seeds_are_a_number_a_range_or_a_list(text, seeds):
    """Each of the three forms gives the seeds it says."""
    assert read_study({"seeds": text}).seeds == seeds


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=50))
def test_seeds_text_reads_back(seeds):
    """What study.toml holds stands for exactly the seeds it was written from."""
    assert parse_seeds(seeds_text(tuple(seeds))) == tuple(sorted(seeds))


@pytest.mark.parametrize("text", ["0", "-1", "3-1", "a", "", "1.5", "1,,2", "1-2-3", "10000000"])
def test_seeds_that_are_none_are_refused(text):
    """Nothing, a negative number, a backward range, too many: each names the flag."""
    with pytest.raises(InputError, match=r"^--seeds: expected .*; got"):
        read_study({"seeds": text})


def test_the_study_file_reads_back_to_an_equal_study():
    """The resolved study is the same study when it is read again."""
    fields = {
        "data": ["wine"],
        "seeds": "2-4",
        "model": {"hidden": ["64", "32"], "activation": ["tanh", "relu"]},
        "training": {"epochs": 7, "optimizer": "adam", "learning_rate": 0.002, "early_stopping": 3},
        "analysis": {"metric": "mse", "alpha": 0.1, "at": "best"},
        "variant": [{"technique": "l2(1e-3)", "label": "weight penalty", "batch_size": 16}],
    }
    study = read_study(fields)
    assert read_study(tomllib.loads(study.toml()), source="study.toml") == study


def test_the_article_is_what_an_empty_study_means():
    """With nothing said the study is the article's: Iris, 350 epochs, plain SGD, batch norm at batch 32."""
    study = read_study({})
    assert study.is_article
    assert (study.data, study.training.epochs, study.training.optimizer) == (("iris",), 350, "sgd")
    assert (study.training.batch_size, study.training.learning_rate) == (128, None)
    assert [v.batch_size for v in study.variant if v.technique.startswith("batchnorm")] == [32, 32]
    assert not read_study({"training": {"epochs": 3}}).is_article


def test_a_batch_size_that_is_given_holds_for_every_variant():
    """An explicit batch size leaves no variant with one of its own."""
    assert {entry.batch_size for entry in read_study({"training": {"batch_size": 16}}).variant} == {None}


def test_every_mistake_is_reported_at_once():
    """Three bad fields give three lines, each with flag, expectation and value."""
    with pytest.raises(InputError) as caught:
        read_study({"training": {"epochs": "x", "batch_size": 0}, "analysis": {"metric": "acc"}})
    assert str(caught.value).splitlines() == [
        "--epochs: expected a whole number; got 'x'",
        "--batch-size: expected a number from 1; got 0",
        "--metric: expected one of accuracy, macro_f1, cross_entropy, mse, calibration_error; got 'acc'",
    ]


def test_a_file_is_named_with_its_field():
    """A mistake in a study file names the file and the dotted field."""
    with pytest.raises(InputError, match=r"^s\.toml: training\.epoch: expected no such field; got 3$"):
        read_study({"training": {"epoch": 3}}, source="s.toml")


@pytest.mark.parametrize("content", [b"data = [", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, content):
    """Broken syntax and broken encoding are one line, not a traceback."""
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(InputError, match="expected a TOML study file"):
        read_study_file(tmp_path / "s.toml")


def test_flags_override_the_file_field_by_field():
    """A flag replaces its own field of the file and leaves the others."""
    merged = merge(
        {"training": {"epochs": 5, "optimizer": "adam"}, "seeds": 3}, {"training": {"epochs": "7"}, "seeds": None}
    )
    assert merged == {"training": {"epochs": "7", "optimizer": "adam"}, "seeds": 3}


def test_differences_name_fields_and_lost_variants():
    """Seeds, analysis and added variants make no other study; epochs and removed variants do."""
    before = read_study({"variant": [{"technique": "l1"}]})
    grown = {"seeds": "20", "analysis": {"alpha": 0.1}, "variant": [{"technique": "l1"}, {"technique": "l2"}]}
    assert before.differences(read_study(grown)) == []
    other = read_study({"training": {"epochs": 3}, "variant": [{"technique": "l2"}]})
    assert before.differences(other) == [
        "training.epochs is 350 there and 3 here",
        "variant l1 is there and not here",
    ]


def test_auto_seeds_are_none_until_looks_ask_for_them():
    """``auto`` names no seed, survives study.toml, and is another study than one of fixed seeds."""
    study = read_study({"seeds": "auto"})
    assert (study.seeds, study.adds_seeds) == ((), True)
    assert tomllib.loads(study.toml())["seeds"] == "auto"
    assert read_study(tomllib.loads(study.toml()), source="study.toml") == study
    assert read_study({"seeds": "3"}).differences(study) == ["seeds is 0-2 there and auto here"]
    with pytest.raises(InputError, match=r"^--seeds: expected at least one; got \[\]"):
        read_study({"seeds": []})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"scope": "all"}, "--scope: expected one of new_data, this_dataset; got 'all'"),
        ({"rope": "-1"}, "--rope: expected a number from 0.0; got '-1'"),
        ({"alpha": "nan"}, "--alpha: expected a number below 1.0; got 'nan'"),
    ],
)
def test_settings_of_the_analysis_are_checked_by_name(fields, expected):
    """The flag, what was expected and what was given."""
    with pytest.raises(InputError) as caught:
        read_analysis(fields)
    assert str(caught.value) == expected
