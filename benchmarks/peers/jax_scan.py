"""The networks as one writes them in JAX: all epochs in one jitted `lax.scan`, one thread."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import serve
from jax import lax, random
from jax.nn import initializers

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases import Case, Rows

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_default_prng_impl", "rbg")  # the faster generator
Tree = Any
draw = initializers.glorot_uniform()


def started(case: Case, key: Any, shape: tuple[int, ...], outputs: int) -> tuple[Tree, Tree]:
    """Weights as Keras draws them, and the running statistics of batch normalizations."""
    keys = iter(random.split(key, 16))

    def dense(fan_in: int, units: int) -> Tree:
        return {"w": draw(next(keys), (fan_in, units)), "b": jnp.zeros(units)}

    if case.kind == "cnn":
        kernels = [((3, 3, 1, 16), 16), ((3, 3, 16, 32), 32)]
        return [{"w": draw(next(keys), of), "b": jnp.zeros(units)} for of, units in kernels] + [dense(800, outputs)], []
    if case.kind == "lstm":
        bias = jnp.zeros(256).at[64:128].set(1.0)
        cell = {
            "w": draw(next(keys), (shape[1], 256)),
            "u": initializers.orthogonal()(next(keys), (64, 256)),
            "b": bias,
        }
        return [cell, dense(64, outputs)], []
    widths = [*shape, *case.hidden, outputs]
    layers = [dense(*pair) for pair in pairwise(widths)]
    statistics = []
    for number in case.norm:
        layers[number - 1] |= {"scale": jnp.ones(widths[number]), "shift": jnp.zeros(widths[number])}
        statistics.append((jnp.zeros(widths[number]), jnp.ones(widths[number])))
    return layers, statistics


def called(case: Case, weights: Tree, statistics: Tree, x: Any, key: Any) -> tuple[Any, Tree]:
    """The logits and, with a ``key``, in training mode; returns the new running statistics too."""
    if case.kind == "cnn":
        for one in weights[:2]:
            x = lax.conv_general_dilated(x, one["w"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = lax.reduce_window(jax.nn.relu(x + one["b"]), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(len(x), -1)
    elif case.kind == "lstm":
        cell = weights[0]

        def step(carried: Any, now: Any) -> tuple[Any, None]:
            state, memory = carried
            enter, forget, new, leave = jnp.split(now + state @ cell["u"], 4, axis=1)
            memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(enter) * jnp.tanh(new)
            return (jax.nn.sigmoid(leave) * jnp.tanh(memory), memory), None

        none = jnp.zeros((len(x), 64))
        (x, _), _ = lax.scan(step, (none, none), jnp.swapaxes(x @ cell["w"] + cell["b"], 0, 1))
    else:
        kept = iter(statistics)
        renewed = []
        for number, one in enumerate(weights[:-1]):
            x = x @ one["w"] + one["b"]
            x = jnp.tanh(x) if case.activations[number] == "tanh" else jax.nn.relu(x)
            if key is not None and number < len(case.dropout):
                stays = 1 - case.dropout[number]
                x = jnp.where(random.bernoulli(random.fold_in(key, number), stays, x.shape), x / stays, 0.0)
            if "scale" in one:
                mean, variance = next(kept)
                if key is not None:
                    own = x.mean(0), x.var(0)
                    renewed.append((0.99 * mean + 0.01 * own[0], 0.99 * variance + 0.01 * own[1]))
                    mean, variance = own
                x = (x - mean) * lax.rsqrt(variance + 1e-3) * one["scale"] + one["shift"]
        statistics = renewed or statistics
    return x @ weights[-1]["w"] + weights[-1]["b"], statistics


def measured(case: Case, weights: Tree, statistics: Tree, x: Any, y: Any, key: Any = None) -> tuple[Any, Any]:
    """The loss; the measurements, and the new statistics."""
    logits, statistics = called(case, weights, statistics, x, key)
    entropy = -(jax.nn.log_softmax(logits) * y).sum(1).mean()
    (l1, first), (l2, second) = case.l1, case.l2
    loss = entropy + l1 * sum(jnp.abs(one["w"]).sum() for one in weights[:first])
    loss += l2 * sum(jnp.square(one["w"]).sum() for one in weights[:second])
    accuracy = (logits.argmax(1) == y.argmax(1)).mean()
    return loss, (jnp.stack([loss, entropy, accuracy, jnp.square(jax.nn.softmax(logits) - y).mean()]), statistics)


def stepped(case: Case, weights: Tree, slots: Tree, gradients: Tree) -> tuple[Tree, Tree]:
    """The weights and the optimizer's slots after an update."""
    if not case.adam:
        return jax.tree.map(lambda w, g: w - 0.01 * g, weights, gradients), slots
    count, first, second = slots
    count += 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
    return weights, (count, first, second)


@cache
def trained(case: Case, epochs: int) -> Callable[..., Any]:
    """The jitted fit of a case."""

    def whole(key: Any, x: Any, y: Any, x_val: Any, y_val: Any) -> Any:
        begin, noise = random.split(key)
        weights, statistics = started(case, begin, x.shape[1:], y.shape[1])
        zeros = jax.tree.map(jnp.zeros_like, weights)
        updates, rest = divmod(len(x), case.batch)

        def epoch(carried: Any, key: Any) -> tuple[Any, Any]:
            order = random.permutation(random.fold_in(key, 0), len(x))

            def update(carried: Any, given: Any) -> tuple[Any, Any]:
                (weights, slots, statistics), (chosen, number) = carried, given
                loss = partial(measured, case)
                key_of = random.fold_in(key, 1 + number)
                grad = jax.grad(lambda w: loss(w, statistics, x[chosen], y[chosen], key_of), has_aux=True)
                gradients, (seen, statistics) = grad(weights)
                return (*stepped(case, weights, slots, gradients), statistics), len(chosen) * seen

            batches = order[: updates * case.batch].reshape(updates, case.batch)
            carried, seen = lax.scan(update, carried, (batches, jnp.arange(updates)))
            total = seen.sum(0)
            if rest:
                carried, last = update(carried, (order[updates * case.batch :], updates))
                total += last
            weights, _, statistics = carried
            parts = [measured(case, weights, statistics, *pair)[1][0] for pair in ((x, y), (x_val, y_val))]
            return carried, jnp.concatenate([total / len(x), *parts])

        slots = (jnp.zeros(()), zeros, zeros) if case.adam else ()
        return lax.scan(epoch, (weights, slots, statistics), random.split(noise, epochs))[1]

    return jax.jit(whole)


def fit(case: Case, rows: Rows, seed: int, epochs: int) -> np.ndarray:
    """Train from ``seed``."""
    return np.asarray(trained(case, epochs)(random.key(seed), *rows))


if __name__ == "__main__":
    serve(fit)
