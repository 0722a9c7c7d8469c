"""Studies: from flags or a file, and back."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regfleet.data import BUILTIN
from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.planning.variants import problems, resolve_variants
from regfleet.settings import (
    Analysis,
    commented,
    merge,
    open_study_file,
    parse_seeds,
    read_part,
    read_study,
    read_study_file,
    results_name,
    schema,
    seeds_text,
)


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
    assert (study.names, study.training.epochs, study.training.optimizer) == (("iris",), 350, "sgd")
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
        f"--metric: expected one of {', '.join(METRICS)}; got 'acc' (did you mean accuracy?)",
    ]


def test_a_file_is_named_with_its_field():
    """A mistake in a study file names the file and the dotted field."""
    with pytest.raises(
        InputError, match=r"^s\.toml: training\.epoch: expected no such field; got 3 \(did you mean epochs\?\)$"
    ):
        read_study({"training": {"epoch": 3}}, source="s.toml")


@pytest.mark.parametrize("content", [b"data = [", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, content):
    """Broken syntax and broken encoding are one line, not a traceback."""
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(InputError, match="expected a TOML study file"):
        read_study_file(tmp_path / "s.toml")


def test_flags_override_the_file_field_by_field():
    """A flag replaces its own field of the file and leaves the others."""
    merged = merge({"training": {"epochs": 5, "optimizer": "adam"}, "seeds": 3}, {"epochs": "7", "seeds": None})
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
        ({"alpha": "nan"}, "--alpha: expected a finite number; got 'nan'"),
    ],
)
def test_settings_of_the_analysis_are_checked_by_name(fields, expected):
    """The flag, what was expected and what was given."""
    with pytest.raises(InputError) as caught:
        read_part(Analysis, fields)
    assert str(caught.value) == expected


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
OWN = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 10**6),
        "batch_size": st.integers(1, 10**7),
        "optimizer": st.sampled_from(["sgd", "adam"]),
        "learning_rate": st.floats(1e-30, 1e30),
        "early_stopping": st.integers(1, 100),
        "class_weight": st.just("balanced"),
    },
)
COLUMNS = st.fixed_dictionaries(
    {"location": WORDS},
    optional={
        "target": WORDS,
        "drop": st.lists(WORDS, max_size=3),
        "categorical": st.lists(WORDS, max_size=2),
        "group": WORDS,
        "time": WORDS,
        "test": WORDS,
        "task": st.sampled_from(["classification", "regression"]),
    },
)
PERCEPTRON = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(lambda widths: {"hidden": widths})
MODEL = PERCEPTRON | st.fixed_dictionaries(
    {"source": WORDS},
    optional={"keep_weights": st.booleans(), "layers": st.lists(WORDS), "fingerprints": st.lists(WORDS)},
)
STUDY = st.fixed_dictionaries(
    {"data": st.lists(WORDS | COLUMNS, min_size=1, max_size=3), "variant": st.lists(WORDS, min_size=1, max_size=3)},
    optional={
        "seeds": st.integers(1, 50) | st.just("auto") | st.lists(st.integers(0, 99), min_size=1),
        "split": WORDS,
        "engine": st.sampled_from(["fused", "keras"]),
        "model": MODEL,
        "training": OWN,
        "analysis": st.fixed_dictionaries({}, optional={"metric": st.just("auc"), "rope": st.floats(0, 1)}),
    },
)


@given(fields=STUDY, own=OWN, label=st.none() | WORDS)
def test_any_study_reads_back_from_both_of_its_files(fields, own, label):
    """The stored study.toml and the commented one of `regfleet init` give the study they were written from."""
    entries = [{"technique": text} for text in fields["variant"]]
    entries[0] |= own | ({"label": label} if label is not None else {})
    study = read_study(fields | {"variant": entries})
    assert read_study(tomllib.loads(study.toml()), source="study.toml") == study
    assert read_study(tomllib.loads(commented(study)), source="study.toml") == study


SPLIT = "balanced, random, three shares that add up to 100 such as 60/20/20, folds such as 5x2, or article"
FILE = """\
data = ["iris", "irs"]
split = "70/20/20"
sedes = 3

[training]
epochs = "many"  # a comment
class-weight = "balanced"
batch_size = 16

[model]
hidden = [8, 4]

[[variant]]
technique = "l2@7"

[[variant]]
technique = "dropuot(0.5)"
epochs = 0
"""


def test_every_mistake_of_a_file_is_reported_with_its_line(tmp_path):
    """Fields that are none, values out of range, what only other stages know: one line each, where it stands."""
    path = tmp_path / "s.toml"
    path.write_text(FILE)
    file = open_study_file(path)
    with pytest.raises(InputError) as caught:
        read_study(file.fields, source=file, check=problems)
    lines = [line.removeprefix(str(path)) for line in str(caught.value).splitlines()]
    assert sorted(line.split(";")[0] for line in lines) == [
        ":14: --technique l2@7: place: expected first, all, input, a number from 1 to 2, or one of dense_1, dense_2",
        ":17: --technique dropuot(0.5): expected a technique that regfleet techniques lists",
        ":18: variant.2.epochs: expected a number from 1",
        ":1: --data: expected a file, openml:NUMBER, package.module:function or one of "
        + ", ".join(BUILTIN)
        + ", or a folder by class",
        f":2: --split: expected {SPLIT}",
        ":3: sedes: expected no such field",
        ":6: training.epochs: expected a whole number",
        ":7: training.class-weight: expected no such field",
    ]
    for said in ("got 3 (did you mean seeds?)", "(did you mean class_weight?)", "(did you mean dropout?)"):
        assert said in "".join(lines)


def test_what_a_flag_gave_is_named_by_its_flag(tmp_path):
    """Of two bad values the one that a flag put in the file's place names the flag, the other its line."""
    path = tmp_path / "s.toml"
    path.write_text("[training]\nepochs = 3\nbatch_size = 0\n")
    file, flags = open_study_file(path), {"epochs": "x", "task": "guess"}
    with pytest.raises(InputError) as caught:
        read_study(file.fields, source=file, flags=flags, check=problems)
    task, epochs, batch_size = str(caught.value).splitlines()
    assert task == "--task: expected one of classification, regression; got 'guess'"
    assert epochs == "--epochs: expected a whole number; got 'x'"
    assert batch_size == f"{path}:3: training.batch_size: expected a number from 1; got 0"


def test_flags_for_columns_reach_every_data_set():
    """``--target`` and its kin override what the file says of each data set, and leave the rest of it."""
    file = {"data": [{"location": "a.csv", "target": "x", "drop": ["id"]}, "b.csv"]}
    merged = merge(file, {"target": "y", "drop": None})
    assert merged["data"] == [
        {"location": "a.csv", "target": "y", "drop": ["id"]},
        {"location": "b.csv", "target": "y"},
    ]


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("8,4", {"hidden": ["8", "4"]}),
        ("net:build", {"source": "net:build", "keep_weights": True}),
        ("a/net.keras", {"source": "a/net.keras", "keep_weights": True}),
    ],
)
def test_a_model_by_flag_takes_the_place_of_the_files(text, model):
    """Widths and a model of one's own exclude each other: the flag's kind wins."""
    file = {"model": {"source": "old:build", "layers": ["a"], "fingerprints": ["f"], "keep_weights": True}}
    if "source" in model:
        file = {"model": {"hidden": [3], "activation": ["tanh"]}}
    merged = merge(file, {"model": text, "keep_weights": "source" in model})
    assert merged["model"] == model


def test_data_sets_are_named_after_their_files():
    """A file gives its stem, a function its name, OpenML its number, and no two data sets share a name."""
    places = ["d/churn.csv", "e/churn.parquet", "openml:61", "pkg.mod:load", "s3://b/x.tsv.gz", "iris"]
    study = read_study({"data": [{"location": place, "target": "y"} for place in places]})
    assert study.names == ("churn", "churn-2", "openml-61", "load", "x", "iris")
    assert list(study.sources()) == list(study.names)
    assert results_name(["openml:61", {"location": "d/churn.csv"}]) == "openml-61-churn"


def test_repeated_folds_have_a_seed_each():
    """``5x2`` without seeds asks for its ten folds, and no seed beyond them is taken."""
    assert read_study({"split": "3x4"}).seeds == tuple(range(12))
    with pytest.raises(InputError, match="--seeds: expected 0 to 9, the folds of --split 5x2; got 10"):
        read_study({"split": "5x2", "seeds": "0-10"}, check=problems)
    with pytest.raises(InputError, match="--seeds: expected 0 to 9, the folds of --split 5x2; got auto"):
        read_study({"split": "5x2", "seeds": "auto"}, check=problems)


def test_the_schema_knows_every_field():
    """What an editor completes: the fields of each table with their meaning, and nothing else allowed."""
    found = json.loads(schema())
    sections = {"data", "model", "training", "analysis", "variant"}
    fields = {"seeds", "split", "engine", "keep_predictions", "interval", "references", "tune", "tuned_by"}
    assert set(found["properties"]) == fields | {"combine", "greedy", "rows", "ablate"} | sections
    assert found["additionalProperties"] is False
    variant = found["$defs"]["VariantEntry"]["properties"]
    assert set(variant) >= {"technique", "label", "epochs", "class_weight"}
    assert "column to predict" in found["$defs"]["Data"]["properties"]["target"]["description"]


DEEP = "expected at most 8 lists and tables inside one another; got more"
WHOLE = "expected whole numbers of 64 bits, as TOML has them; got "


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seeds = " + "[" * 5000 + "]" * 5000, DEEP),
        ("seeds = " + "[" * 100 + "]" * 100, DEEP),
        (".".join("a" * 300_000) + " = 1", DEEP),
        ("[training]\nepochs = " + "9" * 5000, WHOLE + "thousands of digits"),
        ("[training]\nepochs = 0x" + "f" * 5000, WHOLE + "0xffffffffff… (20,000 bits)"),
        ('seeds = [1, "a"]', "seeds.2: expected a whole number; got 'a'"),
        ("seeds = [1979-05-27, 3]", "seeds.1: expected a whole number; got datetime.date(1979, 5, 27)"),
        ("seeds = [[1], 2]", "seeds.1: expected a whole number; got [1]"),
        ("seeds = [true]", "seeds: expected no truth value; got [True]"),
        ("seeds = [9007199254740993.0]", "seeds: expected a whole number written as one"),
        ('seeds = "٣"', "seeds: expected a number of seeds from 1"),
        ("[training]\nepochs = true", "training.epochs: expected no truth value; got True"),
        ("[training]\nlearning_rate = 1e308", "training.learning_rate: expected a number up to 1e+38; got 1e+308"),
        ("[analysis]\nrope = 1e308", "analysis.rope: expected a number up to 1e+100; got 1e+308"),
        ("[model]\nhidden = [" + "1," * 1000 + "]", "model.hidden: expected at most 100; got [1, 1, 1, 1, 1, 1, ...]"),
        ('"a\\u001b[31m" = 1', "'a\\x1b[31m': expected no such field; got 1"),
        ("#" + "x" * 10**6, "1 MB, where at most 1 MB are read"),
    ],
)
def test_an_odd_value_is_one_line(tmp_path, text, complaint):
    """Deep, huge, mixed, of another type: refused in a short line that shows no more than a part of it."""
    path = tmp_path / "s.toml"
    path.write_text(text)

    def read():
        file = open_study_file(path)
        return read_study(file.fields, source=file)

    with pytest.raises(InputError) as caught:
        read()
    assert complaint in str(caught.value)
    assert all(line.isprintable() and len(line) < 500 for line in str(caught.value).split("\n"))


def test_what_differs_in_the_seventh_digit_is_another_variant():
    """Both names, and with them the keys of trials, keep what tells them apart."""
    study = read_study({"variant": [{"technique": "l2(0.01|0.010000001)", "label": None}]})
    with pytest.raises(InputError, match="different label"):  # which six digits cannot be
        resolve_variants(study)
    study = read_study({"variant": [{"technique": "l2(0.010000001)"}]})
    assert [variant.name for variant in resolve_variants(study)][1] == "l2(0.010000001)@all"
