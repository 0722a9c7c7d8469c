"""What both engines take and give: a compiled Keras model, its rows and settings in; a course of training out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.metrics import error_of
from regfleet.streams import stream_int
from regfleet.techniques.recipe import Length
from regfleet.trials import HISTORY_OF, history_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import numpy as np
    import tensorflow as tf

    from regfleet.data.dataset import Rows
    from regfleet.settings import Training
    from regfleet.settings.values import Found, Output, Task
    from regfleet.techniques.recipe import Average, Batch, Recipe, Step

    RowMetric = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. Batches hold ``batch_size`` rows, the last of an epoch what remains.

    ``patience`` epochs without a lower value of ``monitor`` end the fit; None: never. Without ``shuffle`` the rows keep
    their order. ``batches``, ``steps`` and ``average`` are those of a `Recipe`; the weights at the end of the epochs
    ``snapshots`` are returned too.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    shuffle: bool = True
    task: Task = "classification"
    batches: tuple[Callable[[Batch], Batch], ...] = ()
    steps: tuple[Step, ...] = ()
    average: Average | None = None
    snapshots: tuple[int, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a history measures."""
        return HISTORY_OF[self.task]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a history."""
        return history_columns(self.task)

    @property
    def monitor(self) -> str:
        """The column that picks the best epoch."""
        return f"val_{error_of(self.task)}"


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a fit begins: the values of ``model.variables``, the training and validation rows, the order's key.

    ``weight``: float32 (training rows,), what the loss of each row counts in the updates; None: all alike.
    """

    values: Sequence[np.ndarray]
    train: Rows
    validation: Rows
    order_key: int
    weight: np.ndarray | None = None

    @property
    def rows(self) -> tuple[np.ndarray, ...]:
        """Training rows, validation rows and, where there are any, weights of the training rows."""
        weight = () if self.weight is None else (self.weight,)
        return (self.train.x, self.train.y, self.validation.x, self.validation.y, *weight)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How a fit went.

    ``history``: float32 (epochs run, columns), its columns `Settings.columns`. ``last`` and ``best`` are values of
    ``model.variables`` after the fit and after ``best_epoch`` (from 1), ``snapshots`` those of the epochs asked for.
    ``diverged_at``: as in `trials.Fit`.
    """

    history: np.ndarray
    last: list[np.ndarray]
    best: list[np.ndarray]
    best_epoch: int
    diverged_at: int | None
    snapshots: list[list[np.ndarray]] = field(default_factory=list)


def compile_model(
    model: keras.Model,
    training: Training,
    task: Task,
    found: Found | None = None,
    changes: Recipe | None = None,
    updates: int = 1,
) -> None:
    """Compile ``model`` for one-hot classes or one number, with the optimizer of ``training``, a history's metrics.

    The loss is the one that the model's original was compiled with, or fits its output. Loss and optimizer are then
    changed as ``changes`` say, for so many ``updates`` an epoch.
    """
    import keras

    from regfleet.models.objective import changed_loss, compiled_of, loss_for, remember

    output, own = _output(task, found), compiled_of(model)
    remember(model, own)  # what is compiled here is no loss of its own
    if training.optimizer == "model":
        if own is None:
            raise InputError("--optimizer model: expected a model that was compiled; got one that was not")
        optimizer = own.new_optimizer(training.learning_rate)
    else:
        rate = {} if training.learning_rate is None else {"learning_rate": training.learning_rate}
        optimizer = keras.optimizers.get({"class_name": training.optimizer, "config": rate})
    loss = loss_for(output, own and own.loss, labels=bool(found and found.labels))
    if changes:
        loss = changed_loss(loss, output, changes.losses)
        for change in changes.optimizers:
            change(optimizer, model, Length(training.epochs, updates))
    names = HISTORY_OF[task][1:]
    metrics: list[object] = [
        keras.metrics.MeanMetricWrapper(metric, name)
        for name, metric in zip(names, row_metrics(task, output), strict=True)
    ]
    if output == "number":
        metrics = [*names]
    elif output == "probabilities":
        metrics = [keras.metrics.CategoricalCrossentropy(name="cross_entropy"), "accuracy", "mse"]
    measures = not steps_itself(model)  # who trains in a way of its own may not
    # A compile of the class's own may take other arguments.
    metrics_given = metrics if measures else None
    keras.Model.compile(model, optimizer, loss, loss_weights=own and own.weight, metrics=metrics_given)


def steps_itself(model: keras.Model) -> bool:
    """Whether the class of ``model`` trains in a way of its own, which `model.fit` alone knows."""
    import keras

    kind = type(model)
    return kind.train_step is not keras.Model.train_step or kind.fit is not keras.Model.fit


def _output(task: Task, found: Found | None) -> Output:
    return "number" if task == "regression" else found.output if found else "probabilities"


def row_metrics(task: Task, output: Output = "probabilities") -> tuple[RowMetric, ...]:
    """The metrics of a history after its loss, of each row: (y, predicted) → (rows,), which Keras' metrics average.

    ``predicted`` is what the model gives, of which a classification's ``output`` says what it is.
    """
    import keras

    from regfleet.models.objective import read

    if task == "regression":
        return keras.losses.mean_squared_error, keras.losses.mean_absolute_error
    metrics: tuple[RowMetric, ...] = (
        keras.losses.categorical_crossentropy,
        keras.metrics.categorical_accuracy,
        keras.losses.mean_squared_error,
    )
    if output == "probabilities":
        return metrics

    def of_probabilities(metric: RowMetric) -> RowMetric:
        return lambda y, predicted: metric(y, read(output, predicted))

    return tuple(map(of_probabilities, metrics))


def balanced_weight(y: np.ndarray) -> np.ndarray:
    """What each row of one-hot ``y`` (rows, classes) counts for so that all classes that occur in it count alike.

    Returns:
        float32 (rows,): rows / (classes · rows of its class), 1 on average.
    """
    counts = y.sum(axis=0)
    weight: np.ndarray = len(y) / ((counts > 0).sum() * counts[y.argmax(axis=1)])
    return weight.astype("float32")


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Set each of ``variables`` to its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.value.assign(value, read_value=False)


def order_key(seed: int) -> int:
    """The key of the batch-order stream of a study's ``seed``, for `permutation`."""
    return stream_int(seed, "order")


def permutation(key: int | tf.Tensor, epoch: int | tf.Tensor, rows: int) -> tf.Tensor:
    """The order of the training rows in ``epoch`` (from 0): int32 (rows,), the same with and without a graph or XLA."""
    import tensorflow as tf

    seed = tf.stack([tf.cast(key, tf.int32), tf.cast(epoch, tf.int32)])
    draws = tf.random.stateless_uniform((rows,), seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    return tf.argsort(draws, stable=True)
