"""Plans: variants with their controls, trial keys, chunks."""

import dataclasses
import math

import numpy as np
import pytest
from support.planning import planned, resolved

from regfleet.data import SPLITS
from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.planning.plan import make_plan, planned_keys
from regfleet.planning.resolved import data_facts, resolve
from regfleet.planning.variants import problems, resolve_variants
from regfleet.results import DataFacts
from regfleet.settings import read_study
from regfleet.settings.values import Family, ModelSpec

DATA = {"iris": Dataset("iris", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "fingerprint")}
SPLIT = SPLITS["60/20/20"]
CONSERVATIVE = {"interval": "conservative"}


def test_the_article_has_nine_variants_and_a_second_control():
    """Nine models as the article numbers them, and no regularization at batch 32 for its two batch-norm models."""
    variants = resolve_variants(read_study({}))
    assert [(v.label, v.training.batch_size, v.control) for v in variants] == [
        ("No regularization", 128, None),
        ("L1, first layer", 128, "none"),
        ("L1, all layers", 128, "none"),
        ("L2, first layer", 128, "none"),
        ("L2, all layers", 128, "none"),
        ("Dropout, first layer", 128, "none"),
        ("Dropout, four layers", 128, "none"),
        ("No regularization, batch 32", 32, None),
        ("Batch norm, one layer", 32, "none[batch_size=32]"),
        ("Batch norm, all layers", 32, "none[batch_size=32]"),
    ]


def swept(text, **training):
    """(name, family, value) of the variants of a study of the one sweep ``text``, its controls left out."""
    variants = resolve_variants(read_study({"variant": [{"technique": text, **training}]}))
    return [(one.name, one.family, one.value) for one in variants if one.control is not None]


def test_a_sweep_becomes_a_family_of_variants():
    """Each value of a sweep is a variant of its own that knows its family and its value there."""
    family = Family("l2(1e-4|1e-3)", "L2, all layers (λ 0.0001 … 0.001)", "L2, all layers, tuned (λ 0.0001 … 0.001)")
    assert swept("l2(1e-4|1e-3)") == [("l2(0.0001)@all", family, 0.0001), ("l2(0.001)@all", family, 0.001)]


@pytest.mark.parametrize(
    ("text", "training", "title"),
    [
        ("l2(1e-5|0.1)@first", {"batch_size": 32}, "L2, first layer, batch 32 (λ 1e-05 … 0.1)"),
        ("dropout(0.2|0.1)@first+l1(1)@all", {}, "Dropout, first layer + L1, all layers (λ = 1) (rate 0.1 … 0.2)"),
        ("l1(0.1)@all+l2(0.1|0.2)", {}, "L1, all layers (λ = 0.1) + L2, all layers (λ 0.1 … 0.2)"),
        ("batchnorm(0.9|0.99)@2", {}, "Batch norm, layer 2 (momentum 0.9 … 0.99)"),
        ("dropout(0.3,0.1|0.3)@1,2", {}, None),
        ("l2(1|2)+l1(1|2)", {}, None),
    ],
)
def test_a_sweep_is_called_by_what_its_variants_share_and_the_range_of_what_varies(text, training, title):
    """The titles come from the techniques' declarations; where no single number varies, the sweep's text stands in."""
    (family,) = {family for _, family, _ in swept(text, **training)}
    assert (family.name, family.title) == (text, title or text)
    common, bracket, reach = (title or text).rpartition(" (")
    assert family.label == (f"{common}, tuned{bracket}{reach}" if title else f"{text}, tuned")


def test_the_swept_value_is_known_where_one_number_varies():
    """A grid of two has no single axis, and a single value is no sweep."""
    assert [value for *_, value in swept("dropout(0.3,0.1|0.4)@1,2")] == [0.1, 0.4]
    assert all(math.isnan(value) for *_, value in swept("l2(1|2)+l1(1|2)"))
    assert [family for _, family, _ in swept("l2(1)")] == [None]


def test_a_variant_that_was_there_before_is_not_the_sweeps():
    """The first entry decides what a variant is called and where it belongs."""
    study = read_study({"variant": [{"technique": "l2(1)", "label": "mine"}, {"technique": "l2(1|2|3)"}]})
    families = {one.name: one.family and one.family.title for one in resolve_variants(study)}
    title = "L2, all layers (λ 2 … 3)"
    assert families == {"none": None, "l2(1)@all": None, "l2(2)@all": title, "l2(3)@all": title}


def test_a_technique_that_does_not_fit_the_model_names_its_flag():
    """A place beyond the last layer is an error of --technique."""
    with pytest.raises(InputError, match=r"^--technique l2@3: place: expected .* a number from 1 to 2"):
        resolve_variants(read_study({"model": {"hidden": [8, 4]}, "variant": [{"technique": "l2@3"}]}))


def test_two_variants_with_one_label_are_refused():
    """Labels tell variants apart in every table."""
    entries = [{"technique": "l1", "label": "mine"}, {"technique": "l2", "label": "mine"}]
    with pytest.raises(InputError, match="got 'mine' twice"):
        resolve_variants(read_study({"variant": entries}))


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"epochs": 3}},
        {"training": {"optimizer": "adam"}},
        {"training": {"learning_rate": 0.5}},
        {"training": {"early_stopping": 2}},
        {"model": {"hidden": [8]}},
        {"engine": "keras"},
    ],
)
def test_whatever_determines_a_result_is_in_its_key(change):
    """A study that differs in one such field shares no trial with another."""
    keys = {trial.key for trial in planned(read_study({}), DATA).trials}
    other = {trial.key for trial in planned(read_study(change), DATA).trials}
    assert len(keys) == 100
    assert keys.isdisjoint(other)


def test_other_rows_or_another_split_give_other_keys():
    """The data set's content and the split are part of a key, the analysis is not."""
    study = read_study({})
    keys = {trial.key for trial in planned(study, DATA).trials}
    edited = {"iris": dataclasses.replace(DATA["iris"], fingerprint="other")}
    assert keys.isdisjoint(trial.key for trial in planned(study, edited).trials)
    assert keys.isdisjoint(trial.key for trial in planned(study.model_copy(update={"split": "article"}), DATA).trials)
    judged = read_study({"analysis": {"metric": "mse", "alpha": 0.2}})
    assert keys == {trial.key for trial in planned(judged, DATA).trials}


def test_more_seeds_keep_the_old_keys():
    """Ten of twenty seeds' trials are those of the ten-seed study."""
    ten = {trial.key for trial in planned(read_study({"seeds": "10"}), DATA).trials}
    plan = planned(read_study({"seeds": "20"}), DATA)
    assert sum(len(group.trials) for group in plan.without(ten)) == 100
    assert ten < {trial.key for trial in plan.trials}


@pytest.mark.parametrize(
    ("fields", "rows", "features", "stack"),
    [
        ({}, 150, (4,), 32),
        ({"engine": "keras"}, 150, (4,), 1),
        ({"model": {"hidden": [2048, 2048]}}, 10_000, (30,), 1),  # 4.3 million weights
        ({"model": {"hidden": [1024, 1024]}, "training": {"batch_size": 4096}}, 10_000, (30,), 1),  # 4.4e9 a batch
        ({"model": {"hidden": [1024, 1024]}, "training": {"batch_size": 4096}}, 500, (30,), 32),  # of 500 rows
        ({}, 150, (8, 8, 1), 1),  # images
    ],
)
def test_what_a_gpu_may_stack(fields, rows, features, stack):
    """Networks on tables that are small, by weights and by weights times rows of an update, with the fast engine."""
    data = Dataset("made up", np.zeros((rows, *features)), np.arange(rows) % 2, ("a", "b"), "f")
    plan = planned(read_study({"variant": [{"technique": "none"}]} | fields), {"made up": data})
    assert {group.stack for group in plan.groups} == {stack}


def test_a_study_that_adds_seeds_is_planned_to_its_last_look():
    """Ten times n_train / n_test seeds at most for new data, 160 about these rows; a limit holds per variant."""
    iris = {"iris": Dataset("iris", np.zeros((150, 2)), np.arange(150) % 3, ("a", "b", "c"), "f")}
    fields = {"seeds": "auto", "variant": [{"technique": "l2"}]}
    plan = planned(read_study(fields), iris)
    assert [len(group.trials) for group in plan.groups] == [30, 30]
    wide = planned(read_study(fields | {"analysis": {"scope": "this_dataset"}}), iris)
    assert [len(group.trials) for group in wide.groups] == [160, 160]
    limited = plan.limited({"iris": {"none": 20, "l2(0.01)@all": 10}})
    assert [[trial.seed for trial in group.trials][-1] for group in limited.groups] == [19, 9]


def test_a_variant_with_training_settings_of_its_own_has_a_control_with_them():
    """Its name says in which settings it differs, and so does its control, whose label may be given."""
    fields = {
        "training": {"epochs": 9, "optimizer": "adam"},
        "variant": [
            {"technique": "l2@all", "epochs": 50, "batch_size": 32, "learning_rate": 0.001},
            {"technique": "dropout(0.5)", "class_weight": "balanced"},
            {"technique": "none", "class_weight": "balanced", "label": "weighed"},
            {"technique": "l1@all", "epochs": 9},
        ],
    }
    own = "[batch_size=32,epochs=50,learning_rate=0.001]"
    assert [(v.name, v.label, v.control) for v in resolve_variants(read_study(fields))] == [
        ("none", "No regularization", None),
        (f"none{own}", "No regularization, batch 32, 50 epochs, learning rate 0.001", None),
        (
            f"l2(0.01)@all{own}",
            "L2, all layers (λ = 0.01), batch 32, 50 epochs, learning rate 0.001",
            f"none{own}",
        ),
        ("none[class_weight=balanced]", "weighed", None),
        (
            "dropout(0.5)@all[class_weight=balanced]",
            "Dropout, all layers (rate 0.5), balanced classes",
            "none[class_weight=balanced]",
        ),
        ("l1(0.01)@all", "L1, all layers (λ = 0.01)", "none"),
    ]


def test_a_fixed_test_set_needs_no_more_looks_for_its_size():
    """Seeds of a study on a fixed test set are independent: looks go on as for these rows alone."""
    study = read_study({"seeds": "auto"})
    rows = DataFacts(training_rows=90, test_rows=30)
    found = resolve(study, {"redrawn": rows, "fixed": rows.model_copy(update={"fixed_test": True})})
    assert (found.looks_at("redrawn")[-1], found.looks_at("fixed")[-1]) == (30, 160)


def test_models_of_ones_own_are_part_of_a_key():
    """Two models with the same layers and another fingerprint share no trial."""
    study = read_study({"model": {"source": "net:build", "layers": ["a", "b"]}, "variant": [{"technique": "l2@a"}]})
    keys = [
        {trial.key for trial in planned(study, DATA, {"iris": model}).trials}
        for model in (
            ModelSpec((), (), "net:build", ("a", "b"), "one"),
            ModelSpec((), (), "net:build", ("a", "b"), "two"),
            ModelSpec((), (), "net:build", ("a", "b"), "two", keep_weights=True),
        )
    ]
    assert len(set.union(*keys)) == 3 * len(keys[0]) == 60


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"seeds": "auto"},
        {"model": {"source": "net:build", "layers": ["a"], "fingerprints": ["x"]}, "variant": [{"technique": "l2@a"}]},
    ],
)
def test_the_keys_of_a_study_are_known_without_its_data(fields):
    """What is known of the data gives the keys of the plan that reads it."""
    study = read_study(fields)
    models = {"iris": study.model.spec()}
    assert planned_keys(resolved(study, DATA)) == {trial.key for trial in planned(study, DATA, models).trials}


def test_the_conservative_interval_adds_halves_and_keeps_the_keys():
    """Ten pairs of halves: 21 times the trials, each once, those of all rows by the keys that they had."""
    data = {"iris": dataclasses.replace(DATA["iris"], target=np.array([0, 1] * 10), features=np.zeros((20, 2)))}
    fields = {"variant": [{"technique": "l2(0.1)"}], "seeds": 5}
    alone, asked = (make_plan(resolve(read_study(fields | more), {}), data) for more in ({}, CONSERVATIVE))
    assert len(asked.trials) == 21 * len(alone.trials) == 210
    assert asked.trials[:10] == alone.trials
    assert len({trial.key for trial in asked.trials}) == 210
    assert {(trial.dataset, trial.variant, trial.seed) for trial in asked.trials} >= {("iris half 10b", "none", 4)}
    facts = {"iris": data_facts(data["iris"], SPLITS["balanced"])}
    assert planned_keys(resolve(read_study(fields | CONSERVATIVE), facts)) == {trial.key for trial in asked.trials}
    few = read_study({"seeds": 3_000, "interval": "conservative"})
    with pytest.raises(InputError, match=r"got 1,260,000 of 10 variants") as problem:
        make_plan(resolve(few, {}), data | {"wine": data["iris"]})
    assert "halves" in str(problem.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"seeds": "auto"}, "expected a number of seeds"), ({"analysis": {"scope": "this_dataset"}}, "--scope new_data")],
)
def test_the_conservative_interval_is_refused_where_it_says_nothing(fields, words):
    """It needs a number of seeds, and a question about new data."""
    (found,) = [text for place, text in problems(read_study(fields | CONSERVATIVE)) if place == ("interval",)]
    assert words in found


def test_two_data_sets_of_the_same_rows_are_refused(command, tmp_path):
    """A trial of one is that of the other, and would be stored under one name: both are named; other rows are taken."""
    rows = [f"{row % 7},{row % 5},{'ab'[row % 2]}" for row in range(60)]
    for name, kept in (("one", rows), ("two", rows), ("three", rows[::-1])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y,kind", *kept]))
    asked = ("compare", "--target", "kind", "--seeds", "2", "--dry-run")
    for data, said in ((("one.csv", "three.csv", "two.csv"), "one and two"), (("iris", "iris"), "iris and iris-2")):
        code, _, errors = command(
            *asked[: 1 if data[0] == "iris" else 3], *asked[3:], *(f"--data={one}" for one in data)
        )
        assert (code, errors.splitlines()[-1].partition("got ")[2]) == (2, f"the same in {said}. Leave one of them out")
    assert command(*asked, "--data=one.csv", "--data=three.csv")[0] == 0
