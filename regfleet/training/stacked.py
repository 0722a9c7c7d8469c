"""Several seeds of one variant in one program, for a GPU that one small network cannot fill.

Every variable of the model gets a first axis of seeds. Keras' own steps are written for one seed and mapped over all by
`tf.vectorized_map`; the optimizer, which works number by number, updates all seeds at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regfleet.training.contract import Course, assign
from regfleet.training.mapping import add_rules
from regfleet.training.order import permutation
from regfleet.training.rules import no_gradients_kept
from regfleet.training.steps import Steps, epoch_of_updates
from regfleet.trials import STACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import tensorflow as tf

    from regfleet.training.contract import RowMetric, Settings, Start


class Progress(NamedTuple):
    """What the loop over epochs carries; all but ``epoch`` and ``history`` have an axis of seeds.

    ``ran``: epochs run, while ``running`` and after. ``best_epoch`` and ``diverged_at`` count from 1; 0 is none yet.
    """

    epoch: tf.Tensor
    running: tf.Tensor
    history: tf.TensorArray
    lowest: tf.Tensor
    ran: tf.Tensor
    best_epoch: tf.Tensor
    diverged_at: tf.Tensor


class Stack:
    """A traced fit of ``seeds`` seeds of a compiled model side by side: one trace for all whose rows have one shape.

    A seed's numbers do not depend on the others in its stack: each has its own rows, order, weights and noise, and
    the stack is always of the same size, so that the same kernels run.
    """

    def __init__(
        self, model: keras.Model, metrics: tuple[RowMetric, ...], settings: Settings, seeds: int, *, xla: bool
    ) -> None:
        import keras
        import tensorflow as tf

        add_rules()
        self.model = model
        self.seeds = seeds
        self.execution = ("xla" if xla else "graph") + STACKED
        self._settings = settings
        self._steps = Steps(model, metrics)
        self._xla = xla
        self._fit = tf.function(self._whole_fit, autograph=False, jit_compile=xla)

        def stacked(variable: keras.Variable) -> keras.Variable:
            zeros = np.zeros((seeds, *variable.shape), keras.backend.standardize_dtype(variable.dtype))
            return keras.Variable(zeros, trainable=variable.trainable, name=variable.name)

        self._of_model = [*model.trainable_variables, *model.non_trainable_variables]
        self._values = [stacked(variable) for variable in self._of_model]
        self._trainable = self._values[: len(model.trainable_variables)]
        self._optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(model.optimizer))
        self._optimizer.build(self._trainable)
        self._slots = [variable.numpy() for variable in self._optimizer.variables]
        self._last, self._best = ([tf.Variable(v.value, trainable=False) for v in self._values] for _ in range(2))
        held = [*self._optimizer.variables, *self._values, *self._last, *self._best]
        self.held_bytes = sum(variable.numpy().nbytes for variable in held)

    def trace(self, start: Start) -> None:
        """Trace the fit for rows of the shapes in ``start``: what cannot be traced or mapped fails here.

        Raises:
            Exception: whatever the model's layers raise, and ValueError for an operation that cannot be mapped.
        """
        import tensorflow as tf

        constrained = [v.path for v in self._of_model if getattr(v, "constraint", None) is not None]
        if constrained:
            msg = f"the constraint of {constrained[0]} is for one seed"
            raise ValueError(msg)
        rows = tf.TensorSpec((None, *start.train.x.shape[1:]), start.train.x.dtype)
        self._infer = tf.function(self._steps.infer, (rows,), autograph=False)
        with no_gradients_kept():
            self._run([start], epochs=0)

    def run(self, starts: Sequence[Start]) -> list[Course]:
        """Train from each of ``starts``, at most `seeds` of them."""
        end = self._run(starts, self._settings.epochs)
        history, ran = np.moveaxis(end.history.numpy(), 1, 0), end.ran.numpy()
        best_epoch, diverged_at = end.best_epoch.numpy(), end.diverged_at.numpy()
        last, best = ([variable.numpy() for variable in values] for values in (self._last, self._best))
        place = {id(variable): index for index, variable in enumerate(self._of_model)}
        order = [place[id(variable)] for variable in self.model.variables]
        return [
            Course(
                history=history[seed, : ran[seed]],
                last=[last[index][seed] for index in order],
                best=[best[index][seed] for index in order],
                best_epoch=int(best_epoch[seed]),
                diverged_at=int(diverged_at[seed]) or None,
            )
            for seed in range(len(starts))
        ]

    def _run(self, starts: Sequence[Start], epochs: int) -> Progress:
        import tensorflow as tf

        # A place left over trains the last seed again: a smaller stack would be other kernels with other rounding.
        filled = [*starts, *[starts[-1]] * (self.seeds - len(starts))]
        place = {id(variable): index for index, variable in enumerate(self.model.variables)}
        order = [place[id(variable)] for variable in self._of_model]
        assign(self._values, [np.stack([start.values[index] for start in filled]) for index in order])
        assign(self._optimizer.variables, self._slots)
        keys = tf.constant([start.order_key for start in filled])
        rows = (tf.constant(np.stack(part)) for part in zip(*(start.rows for start in filled), strict=True))
        end: Progress = self._fit(tf.constant(epochs), keys, *rows)
        return end

    def _mapped(self, function: Callable[..., Any], *given: Any) -> Any:
        """The function's results for every seed: it sees the model with a seed's values and that seed's ``given``.

        It is called with the values of the model's trainable variables, a function from variables to their new values,
        and ``given``.
        """
        import keras
        import tensorflow as tf

        def one(inputs: tuple[Any, Any]) -> Any:
            values, mine = inputs
            with keras.StatelessScope(list(zip(self._of_model, values, strict=True)), collect_losses=True) as scope:
                return function(values[: len(self._trainable)], scope.get_current_value, *mine)

        values = [variable.value for variable in self._values]
        return tf.vectorized_map(one, (values, given), fallback_to_while_loop=False)

    def _whole_fit(self, epochs: Any, keys: Any, x: Any, y: Any, x_val: Any, y_val: Any, *weights: Any) -> Progress:
        import tensorflow as tf

        both = tf.concat([x, x_val], axis=1)
        rows = x.shape[1]

        def update_on(batch: Any) -> Any:
            return self._update(*(tf.gather(part, batch, batch_dims=1) for part in (x, y, *weights)))

        def measured(_values: Any, _current: Any, both: Any, y: Any, y_val: Any) -> Any:
            x, x_val = both[:rows], both[rows:]
            return tf.concat(self._steps.evaluate(self._steps.infer, both, (x, y), (x_val, y_val)), axis=0)

        def epoch(progress: Progress) -> tuple[Progress]:
            order = tf.tile(tf.range(rows)[None], (self.seeds, 1))
            if self._settings.shuffle:
                order = tf.vectorized_map(lambda key: permutation(key, progress.epoch, rows), keys)
            totals = tf.zeros((self.seeds, self._steps.width))
            seen = epoch_of_updates(order, self._settings.batch_size, update_on, totals, static=self._xla)
            row = tf.concat([seen, self._mapped(measured, both, y, y_val)], axis=1)
            return (self._judge(progress, row, epochs),)

        none = tf.zeros(self.seeds, tf.int32)
        shape = (self.seeds, len(self._settings.columns))
        history = tf.TensorArray(tf.float32, self._settings.epochs, element_shape=shape)
        lowest = tf.fill((self.seeds,), float("inf"))
        begin = Progress(tf.constant(0), tf.fill((self.seeds,), epochs > 0), history, lowest, none, none, none)
        end: Progress
        (end,) = tf.while_loop(lambda progress: tf.reduce_any(progress.running), epoch, (begin,))
        return end._replace(history=end.history.stack())

    def _update(self, x: Any, y: Any, *weight: Any) -> Any:
        """One update of every seed on its rows; returns the measurements of the batch times its rows."""
        import tensorflow as tf

        def gradients(values: Any, current: Any, x: Any, y: Any, *weight: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss, measured = self._steps.loss(x, y, *(weight or (None,)))
            changed = [current(variable) for variable in self._of_model[len(values) :]]
            return tape.gradient(loss, values, unconnected_gradients="zero"), changed, measured

        found, changed, measured = self._mapped(gradients, x, y, *weight)
        self._optimizer.apply(found, self._trainable)
        for variable, value in zip(self._values[len(self._trainable) :], changed, strict=True):
            variable.assign(value)
        return measured

    def _judge(self, progress: Progress, row: Any, epochs: Any) -> Progress:
        """Note the epoch's ``row``, keep the weights of seeds that are at their best or at their end."""
        import tensorflow as tf

        epoch = progress.epoch + 1
        column = dict(zip(self._settings.columns, tf.unstack(row, axis=1), strict=True))
        finite = tf.math.is_finite(column["loss"] + column["val_loss"])
        current = column[self._settings.monitor]
        improved = progress.running & ((finite & (current < progress.lowest)) | (epoch == 1))
        best_epoch = tf.where(improved, epoch, progress.best_epoch)
        running = progress.running & finite & (epoch < epochs)
        if self._settings.patience is not None:
            running &= improved | (epoch - best_epoch < self._settings.patience)
        self._keep(self._best, improved)
        self._keep(self._last, progress.running & ~running)
        return Progress(
            epoch,
            running,
            progress.history.write(progress.epoch, row),
            tf.where(improved, current, progress.lowest),
            tf.where(progress.running, epoch, progress.ran),
            best_epoch,
            tf.where(progress.running & ~finite, epoch, progress.diverged_at),
        )

    def _keep(self, kept: Sequence[tf.Variable], which: Any) -> None:
        """Copy the values of the seeds that ``which`` names."""
        import tensorflow as tf

        def copy() -> Any:
            for old, variable in zip(kept, self._values, strict=True):
                mask = tf.reshape(which, (self.seeds, *(1 for _ in variable.shape[1:])))
                old.assign(tf.where(mask, variable.value, old))
            return True

        tf.cond(tf.reduce_any(which), copy, lambda: False)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The model's output for ``x`` in inference mode."""
        import tensorflow as tf

        predicted: np.ndarray = self._infer(tf.constant(x))[0].numpy()
        return predicted
