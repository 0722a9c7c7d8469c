"""Trials, as a worker runs them: paired by seed, blind to the test rows, one failure apart from the others."""

import dataclasses
import sys
from collections import OrderedDict

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from support.planning import planned, resolved
from support.training import traced_once

from regfleet import models, techniques
from regfleet.data import SPLITS, cut, load_builtin, split_rows
from regfleet.data.dataset import Dataset
from regfleet.running.trial import run_chunk
from regfleet.settings import Training, read_study
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, Definition
from regfleet.techniques.recipe import Recipe
from regfleet.training import engines, fit, fit_side_by_side, runtime
from regfleet.trials import Execution

IRIS = load_builtin("iris")
DIABETES = Dataset("diabetes", *load_diabetes(return_X_y=True), classes=(), fingerprint="diabetes")
SPLIT = SPLITS["balanced"]
ARTICLE = {
    # As the article's code builds them: layers in order, numbers in weights (batch norm has 4 per unit).
    "No regularization": ([], 177_219),
    "L1, first layer": ([], 177_219),
    "L1, all layers": ([], 177_219),
    "L2, first layer": ([], 177_219),
    "L2, all layers": ([], 177_219),
    "Dropout, first layer": ([("Dropout", 1)], 177_219),
    "Dropout, four layers": ([("Dropout", 1), ("Dropout", 2), ("Dropout", 3), ("Dropout", 4)], 177_219),
    "No regularization, batch 32": ([], 177_219),
    "Batch norm, one layer": ([("BatchNormalization", 2)], 177_219 + 4 * 256),
    "Batch norm, all layers": (
        [("BatchNormalization", number) for number in range(1, 6)],
        177_219 + 4 * (512 + 256 + 128 + 64 + 32),
    ),
}


def plan(engine="keras", **fields):
    """A plan of one seed on Iris with a network that trains in no time."""
    small = {"model": {"hidden": [8, 4], "activation": ["tanh"]}, "training": {"epochs": 2}, "seeds": "1"}
    return planned(read_study(small | {"engine": engine} | fields), {"iris": IRIS})


def built(label):
    """The Keras model of one of the article's variants."""
    study = resolved(read_study({}), {"iris": IRIS})
    variant = next(variant for variant in study.variants if variant.label == label)
    return models.build(techniques.recipe(study.model, variant.training, variant.techniques), (4,), 3)


@pytest.mark.parametrize("label", ARTICLE)
def test_the_article_model(label):
    """Layers, activations, penalties and weights of each of the nine models are those of the article."""
    model = built(label)
    inserted, weights = ARTICLE[label]
    expected = []
    for number, (units, activation) in enumerate(zip((512, 256, 128, 64, 32), ["tanh"] * 4 + ["relu"], strict=True), 1):
        expected.append(("Dense", units, activation))
        expected += [(kind,) for kind, after in inserted if after == number]
    expected.append(("Dense", 3, "softmax"))
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [
        ("Dense", layer.units, layer.activation.__name__)
        if isinstance(layer, keras.layers.Dense)
        else (type(layer).__name__,)
        for layer in layers
    ] == expected
    assert model.count_params() == weights
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    penalized = {"first": 1, "all": 5}[label.split(", ")[1].split()[0]] if label.startswith("L") else 0
    kind, strength = ("L1", "l1") if label.startswith("L1") else ("L2", "l2")
    for number, layer in enumerate(dense):
        if number < penalized:
            assert type(layer.kernel_regularizer).__name__ == kind
            assert float(getattr(layer.kernel_regularizer, strength)) == pytest.approx(0.01)
        else:
            assert layer.kernel_regularizer is None
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == {"Dropout, first layer": [0.5], "Dropout, four layers": [0.5, 0.5, 0.5, 0.3]}.get(label, [])


def test_layers_that_are_shared_start_alike():
    """One seed gives a layer the same initial weights in every variant; another seed gives others."""

    def start(label, seed):
        model = built(label)
        named = dict(
            zip((variable.path for variable in model.variables), models.initial_weights(model, seed), strict=True)
        )
        return {path: value for path, value in named.items() if path.endswith(("kernel", "bias"))}

    base, other = start("No regularization", 4), start("No regularization", 5)
    for label in ("L1, all layers", "Dropout, four layers", "Batch norm, all layers"):
        shared = start(label, 4)
        assert shared.keys() == base.keys()
        assert all(np.array_equal(shared[path], base[path]) for path in base)
    assert not np.array_equal(base["dense_1/kernel"], other["dense_1/kernel"])


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_test_rows_appear_only_at_the_end(engine):
    """Poisoned test rows change no epoch, no weight and no best epoch: only the test scores."""
    study = plan(engine)
    variant = study.groups[0].variant
    recipe = techniques.recipe(study.groups[0].model, variant.training, variant.techniques)
    _, _, test = split_rows(IRIS, SPLIT, 0)
    poisoned = IRIS.features.copy()
    poisoned[test] = -1e6
    clean, dirty = (
        fit(recipe, cut(data, SPLIT, 0), 0, engine, cache_key="leak")
        for data in (IRIS, dataclasses.replace(IRIS, features=poisoned))
    )
    assert all(np.array_equal(clean.history[name], dirty.history[name]) for name in clean.history)
    assert all(np.array_equal(a, b) for a, b in zip(clean.weights, dirty.weights, strict=True))
    assert clean.best_epoch == dirty.best_epoch
    assert not np.array_equal(clean.predictions["last"]["test"], dirty.predictions["last"]["test"])


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_scores_are_those_of_scikit_learn_and_keras(engine):
    """Accuracy, macro-F1, cross-entropy and the correct rows are what other libraries make of the predictions."""
    study = plan(engine)
    (outcome,) = run_chunk(study.groups[0], IRIS)
    assert outcome.status == "done", outcome.traceback
    variant = study.groups[0].variant
    recipe = techniques.recipe(study.groups[0].model, variant.training, variant.techniques)
    sets = cut(IRIS, SPLIT, 0)
    predicted = fit(recipe, sets, 0, engine, cache_key="scores").predictions["last"]["test"]
    truth = sets.test.y.argmax(1)
    correct = int((predicted.argmax(1) == truth).sum())
    assert outcome.metrics["last_test_correct"] == correct
    assert outcome.metrics["last_test_accuracy"] == pytest.approx(correct / 30)
    macro = f1_score(truth, predicted.argmax(1), average="macro")
    assert outcome.metrics["last_test_macro_f1"] == pytest.approx(macro)
    balanced = balanced_accuracy_score(truth, predicted.argmax(1))
    assert outcome.metrics["last_test_balanced_accuracy"] == pytest.approx(balanced)
    area = roc_auc_score(sets.test.y, predicted, average="macro")  # the classes as columns: each against the rest
    assert outcome.metrics["last_test_auc"] == pytest.approx(area)
    entropy = float(np.mean(keras.losses.categorical_crossentropy(sets.test.y, predicted)))
    assert outcome.metrics["last_test_cross_entropy"] == pytest.approx(entropy, rel=1e-5)
    assert outcome.metrics["last_train_accuracy"] == pytest.approx(outcome.history["train_accuracy"][-1])
    assert outcome.metrics["last_val_loss"] == pytest.approx(outcome.history["val_loss"][-1], rel=1e-5)


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_scores_of_a_regression_are_in_units_of_the_target(engine):
    """R², MAE, RMSE and MSE are scikit-learn's on the target as it was given; the loss is that of the history."""
    study = plan(engine, variant=[{"technique": "l2"}])
    chunk = study.groups[-1]
    (outcome,) = run_chunk(chunk, DIABETES)
    assert outcome.status == "done", outcome.traceback
    recipe = techniques.recipe(study.groups[0].model, chunk.variant.training, chunk.variant.techniques)
    sets = cut(DIABETES, SPLIT, 0)
    _, _, test = split_rows(DIABETES, SPLIT, 0)
    predicted = fit(recipe, sets, 0, engine, cache_key="numbers").predictions["last"]["test"][:, 0]
    predicted = sets.target_mean + sets.target_scale * predicted
    oracles = {"r2": r2_score, "mae": mean_absolute_error, "mse": mean_squared_error, "rmse": root_mean_squared_error}
    for name, oracle in oracles.items():
        assert outcome.metrics[f"last_test_{name}"] == pytest.approx(oracle(DIABETES.target[test], predicted), rel=1e-4)
    for rows in ("train", "val"):
        mse, loss = (outcome.history[f"{rows}_{name}"][-1] for name in ("mse", "loss"))
        assert outcome.metrics[f"last_{rows}_mse"] == pytest.approx(mse * sets.target_scale**2, rel=1e-4)
        assert outcome.metrics[f"last_{rows}_loss"] == pytest.approx(loss, rel=1e-4)
        assert loss > mse
    assert outcome.metrics["last_train_r2"] == pytest.approx(1 - outcome.history["train_mse"][-1], rel=1e-4)
    assert not [name for name in outcome.metrics if name.endswith(("correct", "accuracy", "entropy"))]


def test_a_failing_trial_fails_alone(monkeypatch):
    """What a layer raises, SystemExit included, is that variant's outcome with its traceback; the others are done."""

    def explode(recipe, _values, layers):
        def make(name):
            sys.exit(f"no {name} today")

        return recipe.insert(layers[0], "explosion", make)

    definition = Definition("explode", "Explode", "fails", "this test", (), explode, lambda _: "")
    monkeypatch.setitem(TECHNIQUES, "explode", definition)
    study = plan("fused", variant=[{"technique": "l2"}, {"technique": "explode@1"}])
    found = {group.variant.label: run_chunk(group, IRIS)[0] for group in study.groups}
    assert {label: outcome.status for label, outcome in found.items()} == {
        "No regularization": "done",
        "L2, all layers (λ = 0.01)": "done",
        "Explode, first layer": "failed",
    }
    failed = found["Explode, first layer"]
    assert failed.error == "SystemExit: no explosion_after_dense_1 today"
    assert "in make" in failed.traceback


@pytest.mark.parametrize("text", ["l2@1+dropout(0.2)@1+batchnorm@1", "batchnorm@1+dropout(0.2)@1+l2@1"])
def test_recipes_compose_in_the_order_of_the_catalogue(text):
    """Batch norm then dropout stand behind one layer however they are typed, and the penalty moves no layer."""
    study = plan(variant=[{"technique": text}])
    variant = study.groups[-1].variant
    recipe = techniques.recipe(study.groups[0].model, variant.training, variant.techniques)
    assert isinstance(recipe, Recipe)
    names = [layer.name for layer in models.build(recipe, (4,), 3).layers]
    assert names[1:] == ["dense_1", "batchnorm_after_dense_1", "dropout_after_dense_1", "dense_2", "output"]


def own_model(input_shape, outputs):
    """A model of the user's own, whose weights are told apart from any that a seed draws."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input(input_shape), layers.Dense(5, "tanh", name="mine"), layers.Dense(outputs, "softmax", name="out")]
    )
    for number, weight in enumerate(model.weights):
        weight.assign(np.full(weight.shape, 0.1 * (number + 1), "float32"))
    return model


class AtRest(keras.Model):
    """A model of a class of its own, which drops what its layers do not show, in training alone."""

    def __init__(self, units, outputs):
        super().__init__()
        self.first = keras.layers.Dense(units, "tanh", name="first")
        self.last = keras.layers.Dense(outputs, "softmax", name="last")

    def call(self, x, training=False):
        """Half of the hidden activations while training, all of them otherwise."""
        return self.last(self.first(x) * (0.5 if training else 1.0))


def with_techniques(input_shape, outputs, techniques):
    """A builder that puts the techniques in itself."""
    del input_shape, techniques
    return AtRest(5, outputs)


OWN = ModelSpec((), (), source="own:model", layers=("mine",))


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_a_model_of_ones_own_is_trained(engine):
    """The chunk's model is the one that ``base`` makes, with the technique at its own layer."""
    study = plan(engine, variant=[{"technique": "l2"}])
    variant = study.groups[-1].variant
    own = dataclasses.replace(variant, techniques=(dataclasses.replace(variant.techniques[0], place="mine"),))
    chunk = dataclasses.replace(study.groups[-1], variant=own, model=OWN)
    (outcome,) = run_chunk(chunk, IRIS, base=own_model)
    assert outcome.status == "done", outcome.traceback
    assert outcome.weights == 4 * 5 + 5 + 5 * 3 + 3
    assert outcome.metrics["last_val_loss"] > outcome.metrics["last_val_cross_entropy"]


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_kept_weights_are_where_every_seed_starts(engine):
    """Fine-tuning starts each seed from the model's own weights, whatever was trained before; else seeds draw them."""
    still = Training(epochs=1, batch_size=30, learning_rate=1e-30)
    moving = Training(epochs=3, batch_size=30, learning_rate=0.5)
    kept = dataclasses.replace(OWN, keep_weights=True)
    sets = cut(IRIS, SPLIT, 0)
    with traced_once():
        for training in (moving, still):
            recipe = Recipe(kept, training, base=own_model)
            for seed in (0, 1):
                found = fit(recipe, sets, seed, engine, cache_key="kept").weights
                own = [weight.numpy() for weight in own_model((4,), 3).weights]
                same = [np.allclose(one, other, rtol=1e-6) for one, other in zip(found, own, strict=True)]
                assert same == [training is still] * 4
        recipe = Recipe(OWN, still, base=own_model)
        drawn = [fit(recipe, sets, seed, engine, cache_key="drawn").weights for seed in (0, 1)]
    assert not np.allclose(drawn[0][0], drawn[1][0])


@pytest.mark.parametrize("batch_size", [30, 90])
def test_a_class_of_ones_own_trains_as_in_keras(batch_size):
    """Both engines agree on a model whose call nobody can see into, one batch an epoch included."""
    training = Training(epochs=4, batch_size=batch_size, learning_rate=0.3)
    recipe = Recipe(OWN, training, base=models.base_of(with_techniques))
    sets = cut(IRIS, SPLIT, 0)
    fused, reference = (fit(recipe, sets, 0, engine, cache_key="class") for engine in ("fused", "keras"))
    assert fused.execution == Execution("graph")
    for name, values in reference.history.items():
        np.testing.assert_allclose(fused.history[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    assert abs(reference.history["loss"][1] - reference.history["train_loss"][0]) > 1e-3


@pytest.fixture
def on_gpu(monkeypatch):
    """A function that runs a chunk as on a GPU, in stacks of three."""
    monkeypatch.setattr(runtime, "has_gpu", lambda: True)
    monkeypatch.setattr("regfleet.training.engines._PROGRAMS", OrderedDict())
    return lambda chunk, data: run_chunk(dataclasses.replace(chunk, stack=3), data)


def assert_as_by_keras(outcomes, chunk, data):
    """Every outcome has the scores and the history that `model.fit` gives for its trial."""
    assert [outcome.trial for outcome in outcomes] == list(chunk.trials)
    with traced_once():
        expected = run_chunk(dataclasses.replace(chunk, engine="keras"), data)
    for outcome, other in zip(outcomes, expected, strict=True):
        assert outcome.metrics == pytest.approx(other.metrics, rel=1e-4, abs=1e-6)
        np.testing.assert_allclose(outcome.history["val_loss"], other.history["val_loss"], rtol=1e-5)


def test_on_a_gpu_seeds_are_trained_side_by_side(on_gpu):
    """Five seeds in stacks of three and two score as `model.fit` does; the trace is paid for once."""
    fields = {"seeds": "5", "variant": [{"technique": "dropout(0.3)"}], "training": {"epochs": 4}}
    (_, chunk) = plan("fused", **fields).groups
    outcomes = on_gpu(chunk, IRIS)
    assert {outcome.execution for outcome in outcomes} == {Execution("graph", stacked=True)}
    assert [outcome.trace_seconds > 0 for outcome in outcomes] == [True, False, False, False, False]
    assert all(outcome.seconds > outcome.trace_seconds for outcome in outcomes)
    assert_as_by_keras(outcomes, chunk, IRIS)


def test_rows_of_another_shape_make_another_stack(on_gpu):
    """Seeds whose training rows hold other categories have inputs of other widths, and are stacked apart."""
    rare = np.where(np.arange(60) % 20 == 0, np.arange(60).astype(str), "common")
    table = pd.DataFrame({"size": np.arange(60) % 7 / 7.0, "kind": rare})
    data = Dataset("table", table, np.arange(60) % 2, ("no", "yes"), "table")
    fields = {"model": {"hidden": [4]}, "training": {"epochs": 2}, "seeds": "3", "variant": [{"technique": "none"}]}
    (chunk,) = planned(read_study(fields), {"table": data}).groups
    outcomes = on_gpu(chunk, data)
    assert len({cut(data, SPLIT, trial.seed).train.x.shape[1] for trial in chunk.trials}) > 1
    assert {outcome.execution for outcome in outcomes} == {Execution("graph", stacked=True)}
    assert_as_by_keras(outcomes, chunk, data)


def test_what_cannot_be_stacked_runs_one_by_one(on_gpu, monkeypatch):
    """A network that fills the GPU by itself is trained alone, and every trial says why."""
    monkeypatch.setattr(engines, "STACK_WORK", 10)
    (chunk,) = plan("fused", seeds="2", variant=[{"technique": "none"}]).groups
    text = "graph (one by one: ValueError: one network fills the device)"
    assert {str(outcome.execution) for outcome in on_gpu(chunk, IRIS)} == {text}


def test_a_seed_that_cannot_be_cut_fails_alone(on_gpu, monkeypatch):
    """The others stay in their stack."""

    def refuse_one(dataset, split, seed):
        if seed == 1:
            raise ValueError("no such rows")
        return cut(dataset, split, seed)

    monkeypatch.setattr("regfleet.running.trial.datasets.cut", refuse_one)
    (chunk,) = plan("fused", seeds="3", variant=[{"technique": "none"}]).groups
    outcomes = on_gpu(chunk, IRIS)
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    assert outcomes[1].error == "ValueError: no such rows"
    assert outcomes[0].execution == outcomes[2].execution == Execution("graph", stacked=True)


def test_a_model_that_leaves_takes_no_finished_stack_with_it(on_gpu, monkeypatch):
    """`sys.exit` in a second stack: the first one's trials are done, the others are tried one by one and fail."""

    def leave_from_three(recipe, rows, seeds, *rest):
        if 3 in seeds:
            sys.exit(4)
        return fit_side_by_side(recipe, rows, seeds, *rest)

    def leave(*_):
        sys.exit(4)

    monkeypatch.setattr("regfleet.training.fit_side_by_side", leave_from_three)
    monkeypatch.setattr("regfleet.training.fit", leave)
    (chunk,) = plan("fused", seeds="5", variant=[{"technique": "none"}]).groups
    outcomes = on_gpu(chunk, IRIS)
    assert [outcome.status for outcome in outcomes] == ["done"] * 3 + ["failed"] * 2
    assert outcomes[-1].error == "SystemExit: 4"
