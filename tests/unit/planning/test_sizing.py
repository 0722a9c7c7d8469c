"""What a study on one's own data leaves open is sized to the rows; what is given stays, and Iris is the article's."""

import numpy as np
import pytest
from support.planning import planned

from regfleet.data import from_arrays, load_builtin
from regfleet.planning.sizing import Size, sized
from regfleet.running.prepare import Given, prepare
from regfleet.settings import commented, read_study

OWN = {"data": [{"location": "own.csv"}]}
OLD = {
    "data": ["wine"],
    "model": {"hidden": [512, 256, 128, 64, 32], "activation": ["tanh", "tanh", "tanh", "tanh", "relu"]},
    "training": {"epochs": 350, "batch_size": 128, "optimizer": "sgd"},
    "variant": [{"technique": "l1(0.01)@first"}, {"technique": "batchnorm@all", "batch_size": 32}],
}
"""A study that was stored when the article's settings stood for silence on any data."""


@pytest.mark.parametrize(
    ("rows", "inputs", "task", "hidden", "batch", "epochs"),
    [
        # A fiftieth is 16, so 32; 25 updates an epoch make 20 epochs for 500.
        (785, 7, "classification", (256, 128), 32, 20),
        # A fiftieth is 60, near 64; 47 updates an epoch make 11 epochs, in fives 10.
        (3_000, 73, "classification", (256, 128), 64, 10),
        # Every epoch is one update: no more than 40.
        (20, 3, "classification", (256, 128), 32, 40),
        # A fiftieth is 2,000, so 256; at least 10 epochs. 784 inputs are more than the widest layer.
        (100_000, 784, "classification", (512, 256), 256, 10),
        # 306 inputs are nearer 256 than 512; 55 updates would be 45 epochs.
        (1_758, 306, "regression", (256, 128), 32, 40),
        (32_364, 400, "regression", (512, 256), 256, 20),
    ],
)
def test_the_rule_by_hand(rows, inputs, task, hidden, batch, epochs):
    """Widths by the inputs, batches by the rows, epochs by updates, as docs/defaults.md has it; the reason is said."""
    study, (said,) = sized(read_study(OWN), [Size(rows, inputs)], task)
    assert (study.model.hidden, study.model.activation) == (hidden, ("relu",))
    training = study.training
    assert (training.batch_size, training.epochs, training.optimizer) == (batch, epochs, "adam")
    assert training.learning_rate == 0.001
    assert f"{rows:,} training rows of {inputs} inputs" in said
    assert all(str(number) in said for number in (*hidden, batch, epochs))


def test_several_share_a_size_between_them():
    """A hundred and ten thousand rows are sized as a thousand: batches of 32, 32 updates an epoch, 16 epochs of 500."""
    study, (said,) = sized(read_study(OWN), [Size(100, 4), Size(10_000, 16)], "classification")
    assert (study.training.batch_size, study.training.epochs) == (32, 15)
    assert "about 1,000 training rows of 8 inputs, the geometric mean of 2 data sets" in said


@pytest.mark.parametrize(
    ("fields", "open_"),
    [
        ({}, ("hidden", "activation", "epochs", "batch_size", "optimizer", "learning_rate")),
        ({"model": {"hidden": [8]}}, ("epochs", "batch_size", "optimizer", "learning_rate")),
        ({"model": {"activation": "tanh"}}, ("hidden", "epochs", "batch_size", "optimizer", "learning_rate")),
        ({"model": {"source": "a:b"}}, ("epochs", "batch_size", "optimizer", "learning_rate")),
        ({"training": {"optimizer": "sgd"}}, ("hidden", "activation", "epochs", "batch_size")),
        ({"training": {"learning_rate": 0.1}}, ("hidden", "activation", "epochs", "batch_size", "optimizer")),
        ({"training": {"batch_size": 7}}, ("hidden", "activation", "epochs", "optimizer", "learning_rate")),
    ],
)
def test_what_is_given_stays(fields, open_):
    """Each setting by itself; the sized study holds it all, and read again leaves nothing open."""
    study = read_study(OWN | fields)
    assert study.left_open == open_
    done, _ = sized(study, [Size(785, 7)], "classification")
    for part, values in fields.items():
        for name, value in values.items():
            kept = getattr(getattr(done, part), name)
            assert kept in (value, (value,)) or list(kept) == value
    again = read_study(done.table())
    assert again == done
    assert again.left_open == ()
    assert sized(again, [Size(9, 9)], "regression") == (again, ())
    assert read_study(__import__("tomllib").loads(commented(study))) == study


def test_techniques_are_the_classic_ones_and_on_iris_the_articles():
    """Iris is the article's study in every respect, with settings of one's own too."""
    assert [entry.technique for entry in read_study(OWN).variant] == ["classic"]
    assert [entry.technique for entry in read_study(OWN | {"variant": [{"technique": "l2"}]}).variant] == ["l2"]
    for data in ("iris", ["iris"], [{"location": "iris", "scale": "none"}]):
        study = read_study({"data": data, "training": {"epochs": 3}})
        assert study.left_open == ()
        assert (len(study.variant), study.training.batch_size, study.training.optimizer) == (8, 128, "sgd")
    assert read_study({"data": ["iris", "wine"]}).left_open


def test_an_old_directory_goes_on_with_what_it_was_made_with():
    """The silent command on its data is its study, trial by trial; on other data it is another."""
    old, wine = read_study(OLD), load_builtin("wine")
    resumed = read_study({"data": ["wine"], "seeds": 10}).as_in(old)
    keys = [trial.key for trial in planned(old, {"wine": wine}).trials]
    assert [trial.key for trial in planned(resumed, {"wine": wine}).trials] == keys
    assert not old.differences(resumed)
    other = read_study({"data": ["digits"]})
    assert other.as_in(old) is other
    given = read_study({"data": ["wine"], "training": {"epochs": 3}, "variant": [{"technique": "l2"}]}).as_in(old)
    assert (given.training.epochs, given.training.batch_size) == (3, 128)
    assert [entry.technique for entry in given.variant] == ["l2"]


def test_data_are_measured_as_they_go_in():
    """Nine of fifteen rows train; a colour of three values and two numbers are five inputs; images go in flattened."""
    draw = np.random.default_rng(0)
    frame = __import__("pandas").DataFrame(
        {"a": draw.normal(size=150), "b": draw.normal(size=150), "kind": ["red", "green", "blue"] * 50}
    )
    ready = prepare(read_study({"data": "own"}), given=Given({"own": from_arrays("own", frame, np.arange(150) % 2)}))
    assert "sized to 90 training rows of 5 inputs" in ready.chosen[0]
    assert "labelsmoothing(0.1)" in ready.resolved.names
    images = from_arrays("own", draw.normal(size=(60, 16, 16, 1)), np.arange(60) % 2)
    ready = prepare(read_study({"data": "own", "variant": [{"technique": "none"}]}), given=Given({"own": images}))
    assert "36 training rows of 256 inputs: hidden layers of 256 and 128" in ready.chosen[0]
