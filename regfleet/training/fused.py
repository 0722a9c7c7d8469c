"""The fast engine: all epochs of one seed's fit in one traced function, for any model that `model.fit` takes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.tensorflow import tensor_of
from regfleet.metrics import error_of
from regfleet.training.averaging import statistics_taken_whole
from regfleet.training.contract import Course, assign, permutation
from regfleet.training.descent import Plain, descender
from regfleet.training.loop import Loop, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras

    from regfleet.techniques.recipe import Batch
    from regfleet.training.contract import RowMetric, Settings, Start


class Program(Loop):
    """The traced fit of one seed."""

    def __init__(self, model: keras.Model, metrics: tuple[RowMetric, ...], settings: Settings, *, xla: bool) -> None:
        import tensorflow as tf

        super().__init__(model, metrics, settings, (), xla=xla)
        model.optimizer.build(model.trainable_variables)
        self._slots = [variable.numpy() for variable in model.optimizer.variables]
        values = [variable.numpy() for variable in model.variables]
        self._best = [tf.Variable(value, trainable=False) for value in values]
        self._averaging.attach(model.trainable_variables, model.variables)
        self.held_bytes = sum(array.nbytes for array in (*values, *values, *self._slots)) + self._averaging.held_bytes
        self._descender = descender(Plain(model), settings.steps)
        self._lags = False

    def run(self, start: Start) -> Course:
        """Train from ``start``, whatever ran before; leaves the model with the last weights."""
        return self._course(start, self._settings.epochs)

    def error_at(self, start: Start, rate: float, epochs: int) -> float:
        """The training error in inference mode after so many ``epochs`` at another learning ``rate``.

        Infinite where it is no number, NaN where the learning rate cannot be set.
        """
        import keras

        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not isinstance(optimizer.learning_rate, keras.Variable):
            return math.nan
        course = self._course(start, epochs, partial(optimizer.learning_rate.assign, rate))
        error = float(course.history[-1, self._settings.columns.index(f"train_{error_of(self._settings.task)}")])
        return math.inf if course.diverged_at or not math.isfinite(error) else error

    def _course(self, start: Start, epochs: int, prepare: Callable[[], object] = lambda: None) -> Course:
        end, judged = self._run([start], epochs, prepare)
        history = end.history.numpy()[: int(end.ran)]
        if self._lags:
            width = len(self._settings.metrics)
            history[:-1, width : 2 * width] = history[1:, :width]
            history[-1, width : 2 * width] = judged.numpy()
        return Course(
            history=history,
            last=[variable.numpy() for variable in self.model.variables],
            best=[variable.numpy() for variable in self._best],
            best_epoch=int(end.best_epoch),
            diverged_at=int(end.diverged_at) or None,
            snapshots=[
                [variable.numpy() for variable in kept]
                for epoch, kept in zip(self._settings.snapshots, self._averaging.snapshots, strict=True)
                if epoch <= len(history)
            ],
        )

    def _run(
        self, starts: Sequence[Start], epochs: int, prepare: Callable[[], object] = lambda: None
    ) -> tuple[Progress, Any]:
        import tensorflow as tf

        (start,) = starts
        assign(self.model.variables, start.values)
        assign(self.model.optimizer.variables, self._slots)
        prepare()
        end: tuple[Progress, Any] = self._fit(
            tf.constant(epochs), tf.constant(start.order_key), *map(tensor_of, start.rows)
        )
        return end

    def _whole_fit(
        self, epochs: Any, keys: Any, x: Any, y: Any, x_val: Any, y_val: Any, *weight: Any
    ) -> tuple[Progress, Any]:
        """The course and, where the training rows' evaluation lags, the one of the last weights."""
        # With one batch an epoch, in a model that is the same in training, the next epoch's forward pass is this one's
        # evaluation of the training rows: the history is completed with it afterwards. Evaluation does not weigh rows.
        one_batch = x.shape[0] <= self._settings.batch_size
        changed = self._settings.batches or self._settings.steps or self._averaging.active
        self._lags = one_batch and not weight and not changed and same_in_training(self.model)
        end = super()._whole_fit(epochs, keys, x, y, x_val, y_val, *weight)
        judged = self._steps.evaluate(self._infer, x, (x, y))[0] if self._lags else None
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return end, judged

    def _orders(self, keys: Any, epoch: Any, rows: int) -> Any:
        return permutation(keys, epoch, rows)

    def _update(self, batch: Batch) -> Any:
        """Keras' training step, on rows and with gradients as techniques want them."""
        for change in self._settings.batches:
            batch = change(batch)
        descent = self._descender.of(batch)
        measured = self._steps.of_batch(descent)
        self.model.optimizer.apply(descent.gradients, self.model.trainable_weights)
        return measured

    def _renew(self, x: Any) -> None:
        with statistics_taken_whole(self.model) as any_taken:
            if any_taken:
                self.model(x, training=True)

    def _evaluate(self, both: Any, x: Any, y: Any, x_val: Any, y_val: Any) -> list[Any]:
        import tensorflow as tf

        if self._lags:
            return [tf.zeros(self._steps.width), *self._steps.evaluate(self._infer, x_val, (x_val, y_val))]
        return self._steps.evaluate(self._infer, both, (x, y), (x_val, y_val))

    def _keep(self, improved: Any, ended: Any) -> None:  # noqa: ARG002 - the model itself has the last values
        import tensorflow as tf

        def copy() -> Any:
            for best, variable in zip(self._best, self.model.variables, strict=True):
                best.assign(variable.value)
            return True

        tf.cond(improved, copy, lambda: False)


def same_in_training(model: keras.Model) -> bool:
    """Whether ``model`` certainly computes the same in training as in inference mode, row by row."""
    import keras

    from regfleet.models.graph import is_model
    from regfleet.models.kernels import uses_of

    layers = keras.layers
    alike = {layers.InputLayer, layers.Dense, layers.Activation, layers.ReLU, layers.Flatten, layers.Reshape}
    alike |= {layers.Add, layers.Concatenate, layers.Conv1D, layers.Conv2D, layers.Rescaling}
    # A class of the user's own may do in its call whatever it likes.
    seen = is_model(model) and type(model).__module__.startswith("keras.")
    return (
        seen
        and not model.non_trainable_variables
        and all(
            type(layer) in alike and layer.activity_regularizer is None and not uses_of(layer) for layer in model.layers
        )
    )
