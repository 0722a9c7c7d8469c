"""Several seeds of one variant in one program, for a GPU that one small network cannot fill.

Every variable of the model gets a first axis of seeds. Keras' own steps, clipping and constraints are written for one
seed and mapped over all by `tf.vectorized_map`; the optimizer, which works number by number, updates all seeds at once.
An optimizer that comes with the model may not, and is not stacked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.borrowed.keras import clipped, not_decayed
from regfleet.borrowed.tensorflow import add_mapping_rules
from regfleet.techniques.recipe import Batch
from regfleet.training.averaging import statistics_taken_whole
from regfleet.training.contract import Course, assign, permutation
from regfleet.training.descent import Plain, descender
from regfleet.training.loop import Loop, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras

    from regfleet.training.contract import RowMetric, Settings, Start


class Stack(Loop):
    """The traced fit of ``seeds`` seeds side by side.

    A seed's numbers do not depend on the others in its stack: each has its own rows, order, weights and noise, and
    the stack is always of the same size, so that the same kernels run.
    """

    def __init__(
        self, model: keras.Model, metrics: tuple[RowMetric, ...], settings: Settings, seeds: int, *, xla: bool
    ) -> None:
        import keras
        import tensorflow as tf

        add_mapping_rules()
        super().__init__(model, metrics, settings, (seeds,), xla=xla)
        self.seeds = seeds

        def stacked(variable: keras.Variable) -> keras.Variable:
            zeros = np.zeros((seeds, *variable.shape), keras.backend.standardize_dtype(variable.dtype))
            return keras.Variable(zeros, trainable=variable.trainable, name=variable.name)

        self._of_model = [*model.trainable_variables, *model.non_trainable_variables]
        self._values = [stacked(variable) for variable in self._of_model]
        self._trainable = self._values[: len(model.trainable_variables)]
        self._optimizer = self._stacked_optimizer()
        self._slots = [variable.numpy() for variable in self._optimizer.variables]
        self._averaging.attach(self._trainable, self._values)
        self._last, self._best = ([tf.Variable(v.value, trainable=False) for v in self._values] for _ in range(2))
        held = [*self._optimizer.variables, *self._values, *self._last, *self._best]
        self.held_bytes = sum(variable.numpy().nbytes for variable in held) + self._averaging.held_bytes

    def _stacked_optimizer(self) -> keras.optimizers.Optimizer:
        """The model's optimizer for the stack; it leaves clipping to `_update`, which does it seed by seed."""
        own = self.model.optimizer
        config = own.get_config() | {"clipnorm": None, "global_clipnorm": None, "clipvalue": None}
        optimizer = type(own).from_config(config)
        excluded = not_decayed(own, self.model.trainable_variables)
        optimizer.exclude_from_weight_decay(
            [variable for variable, out in zip(self._trainable, excluded, strict=True) if out]
        )
        optimizer.build(self._trainable)
        return optimizer

    def run(self, starts: Sequence[Start]) -> list[Course]:
        """Train from each of ``starts``, at most `seeds` of them."""
        end = self._run(starts, self._settings.epochs)
        history, ran = np.moveaxis(end.history.numpy(), 1, 0), end.ran.numpy()
        best_epoch, diverged_at = end.best_epoch.numpy(), end.diverged_at.numpy()
        last, best = ([variable.numpy() for variable in values] for values in (self._last, self._best))
        snapshots = [[variable.numpy() for variable in kept] for kept in self._averaging.snapshots]
        order = _places(self._of_model, self.model.variables)
        return [
            Course(
                history=history[seed, : ran[seed]],
                last=[last[index][seed] for index in order],
                best=[best[index][seed] for index in order],
                best_epoch=int(best_epoch[seed]),
                diverged_at=int(diverged_at[seed]) or None,
                snapshots=[
                    [kept[index][seed] for index in order]
                    for epoch, kept in zip(self._settings.snapshots, snapshots, strict=True)
                    if epoch <= ran[seed]
                ],
            )
            for seed in range(len(starts))
        ]

    def _run(self, starts: Sequence[Start], epochs: int) -> Progress:
        import tensorflow as tf

        # A place left over trains the last seed again: a smaller stack would be other kernels with other rounding.
        filled = [*starts, *[starts[-1]] * (self.seeds - len(starts))]
        order = _places(self.model.variables, self._of_model)
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
                result = function(values[: len(self._trainable)], scope.get_current_value, *mine)
            if set(scope.state_mapping) - {id(variable) for variable in self._of_model}:
                raise ValueError("noise without a seed of its own, or a state outside of the model, is for one seed")
            return result

        values = [variable.value for variable in self._values]
        return tf.vectorized_map(one, (values, given), fallback_to_while_loop=False)

    def _orders(self, keys: Any, epoch: Any, rows: int) -> Any:
        import tensorflow as tf

        return tf.vectorized_map(lambda key: permutation(key, epoch, rows), keys)

    def _update(self, batch: Batch) -> Any:
        """Keras' training step for every seed on its rows, as in `Program`."""
        import tensorflow as tf

        def gradients(values: Any, current: Any, x: Any, y: Any, rows: Any, key: Any, *weight: Any) -> Any:
            mine = Batch(x, y, weight[0] if weight else None, rows, key, batch.update, batch.total)
            for change in self._settings.batches:
                mine = change(mine)
            descent = descender(Plain(self.model, values), self._settings.steps).of(mine)
            changed = [current(variable) for variable in self._of_model[len(values) :]]
            return clipped(self.model.optimizer, descent.gradients), changed, self._steps.of_batch(descent)

        weight = () if batch.weight is None else (batch.weight,)
        descent, changed, measured = self._mapped(gradients, batch.x, batch.y, batch.rows, batch.key, *weight)
        self._optimizer.apply(descent, self._trainable)
        for variable, one in zip(self._trainable, self._of_model, strict=False):
            if one.constraint is not None:
                variable.assign(tf.vectorized_map(one.constraint, variable.value, fallback_to_while_loop=False))
        for variable, value in zip(self._values[len(self._trainable) :], changed, strict=True):
            variable.assign(value)
        return measured

    def _renew(self, x: Any) -> None:
        with statistics_taken_whole(self.model) as any_taken:
            if not any_taken:
                return

            def renewed(values: Any, current: Any, x: Any) -> Any:
                self.model(x, training=True)
                return [current(variable) for variable in self._of_model[len(values) :]]

            changed = self._mapped(renewed, x)
            for variable, value in zip(self._values[len(self._trainable) :], changed, strict=True):
                variable.assign(value)

    def _evaluate(self, both: Any, x: Any, y: Any, x_val: Any, y_val: Any) -> list[Any]:  # noqa: ARG002 - ``both`` has them
        import tensorflow as tf

        rows = x.shape[1]

        def measured(_values: Any, _current: Any, both: Any, y: Any, y_val: Any) -> Any:
            x, x_val = both[:rows], both[rows:]
            return tf.concat(self._steps.evaluate(self._steps.infer, both, (x, y), (x_val, y_val)), axis=0)

        return [self._mapped(measured, both, y, y_val)]

    def _keep(self, improved: Any, ended: Any) -> None:
        import tensorflow as tf

        def copy(kept: Sequence[Any], which: Any) -> Any:
            for old, variable in zip(kept, self._values, strict=True):
                mask = tf.reshape(which, (self.seeds, *(1 for _ in variable.shape[1:])))
                old.assign(tf.where(mask, variable.value, old))
            return True

        for kept, which in ((self._best, improved), (self._last, ended)):
            tf.cond(tf.reduce_any(which), lambda kept=kept, which=which: copy(kept, which), lambda: False)


def _places(among: Sequence[keras.Variable], variables: Sequence[keras.Variable]) -> list[int]:
    """Where each of ``variables`` stands ``among`` the same in another order."""
    place = {id(variable): index for index, variable in enumerate(among)}
    return [place[id(variable)] for variable in variables]
