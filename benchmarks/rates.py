"""How fast each variant trains beside the machine's own matrix product, and beside `model.fit`; `speed.py` runs this.

    python benchmarks/rates.py EPOCHS FILE

In one process with one TensorFlow thread. A variant's floating-point operations are those of its matrix products: per
epoch forward, weight gradient and (but for the first layer) input gradient on the training rows, and forward in
inference mode on the training and the validation rows. The machine's own rate is measured on these very products.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet import data as datasets
from regfleet import techniques, training
from regfleet.data.dataset import Rows, Sets
from regfleet.planning.variants import resolve_variants
from regfleet.settings import Training, read_study
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPEATS = 3
SMALL = ModelSpec((64, 32), ("relu", "relu"))


def products(widths: list[int], sets: Sets, batch_size: int) -> Iterator[tuple[int, int, int, int]]:
    """Every matrix product of an epoch: its kind (0 forward, 1 weight gradient, 2 input gradient), rows, in, out."""
    full, rest = divmod(len(sets.train.x), batch_size)
    layers = list(pairwise(widths))
    for rows in [batch_size] * full + [rest] * bool(rest):
        for number, (fan_in, fan_out) in enumerate(layers):
            yield from ((kind, rows, fan_in, fan_out) for kind in (0, 1, 2)[: 3 if number else 2])
    for part in (sets.train, sets.validation):
        yield from ((0, len(part.x), *layer) for layer in layers)


def product_seconds(kind: int, rows: int, fan_in: int, fan_out: int) -> float:
    """Seconds of one product: the best of five averages over fifty."""
    draw = np.random.default_rng(0)
    shapes = {
        0: ((rows, fan_in), (fan_in, fan_out)),
        1: ((rows, fan_in), (rows, fan_out)),
        2: ((rows, fan_out), (fan_in, fan_out)),
    }
    left, right = (tf.constant(draw.normal(size=shape), tf.float32) for shape in shapes[kind])

    @tf.function(autograph=False)
    def fifty(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        def one(index: tf.Tensor, carried: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            product = tf.matmul(left + carried, right, transpose_a=kind == 1, transpose_b=kind == 2)
            return index + 1, 0 * product[0, 0]

        return tf.while_loop(lambda index, _: index < 50, one, (0, 0.0))[1]

    return min(timed(lambda: fifty(left, right).numpy()) for _ in range(6)) / 50


def timed(work: Callable[[], Any]) -> float:
    """Seconds of ``work``."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def article_rates(epochs: int) -> list[dict[str, Any]]:
    """The article's variants on Iris: seconds per trial and training rates."""
    study = read_study({})
    model = study.model.spec()
    sets = datasets.cut(datasets.load_builtin("iris"), datasets.SPLITS["60/20/20"], 0)
    widths = [sets.train.x.shape[1], *model.hidden, sets.train.y.shape[1]]
    found = []
    for variant in resolve_variants(study):
        settings = Training(epochs=epochs, batch_size=variant.training.batch_size)
        recipe = techniques.recipe(model, settings, variant.techniques)
        fit = partial(training.fit, recipe, sets, 0, "fused", variant.name)
        trace = fit().trace_seconds
        seconds = min(timed(fit) for _ in range(REPEATS))
        every = list(products(widths, sets, settings.batch_size))
        each = {product: product_seconds(*product) for product in set(every)}
        floor = epochs * sum(each[product] for product in every)
        work = epochs * sum(2 * rows * fan_in * fan_out for _, rows, fan_in, fan_out in every) / 1e9
        found.append(
            {
                "variant": variant.label,
                "GFLOP": work,
                "trace s": trace,
                "trial s": seconds,
                "trial GFLOP/s": work / seconds,
                "product GFLOP/s": work / floor,
                "share": floor / seconds,
            }
        )
    return found


def made_up(rows: int, columns: int, classes: int) -> Sets:
    """Random rows with classes that depend on them, 60/20/20."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, columns)).astype("float32")
    y = np.eye(classes, dtype="float32")[(x @ draw.normal(size=(columns, classes))).argmax(1)]
    cuts = [int(0.6 * rows), int(0.8 * rows)]
    return Sets(*(Rows(*part) for part in zip(np.split(x, cuts), np.split(y, cuts), strict=True)))


def digits() -> Sets:
    """The digits of scikit-learn, 60/20/20."""
    return datasets.cut(datasets.load_builtin("digits"), datasets.SPLITS["60/20/20"], 0)


def iris() -> Sets:
    """Iris, 60/20/20."""
    return datasets.cut(datasets.load_builtin("iris"), datasets.SPLITS["60/20/20"], 0)


def size_rates(epochs: int) -> list[dict[str, Any]]:
    """Milliseconds per epoch of both engines' work where overheads differ: `model.fit` is timed on a few epochs."""
    article = read_study({}).model.spec()
    found = []
    for name, sets, model, batch_size, fast, slow in (
        ("iris, 64-32", iris(), SMALL, 128, epochs, 40),
        ("digits, 64-32", digits(), SMALL, 128, epochs // 2, 20),
        ("digits, the article's network", digits(), article, 128, epochs // 7, 20),
        ("50,000 rows × 50, 64-32", made_up(50_000, 50, 5), SMALL, 128, epochs // 3, 2),
    ):
        for technique in ("none", "dropout", "batchnorm"):
            recipe = Recipe(model, Training(epochs=fast, batch_size=batch_size))
            layer = {"dropout": lambda name: keras.layers.Dropout(0.5, name=name), "batchnorm": normalization}
            if technique != "none":
                recipe = recipe.insert("dense_1", technique, layer[technique])
            fit = partial(training.fit, recipe, sets, 0, "fused", f"{name} {technique}")
            first = fit()
            seconds = timed(fit) / fast
            plain = plain_epoch(recipe, sets, slow)
            found.append(
                {
                    "data, network": name,
                    "technique": technique,
                    "executed as": str(first.execution),
                    "trace s": first.trace_seconds,
                    "regfleet ms/epoch": 1000 * seconds,
                    "model.fit ms/epoch": 1000 * plain,
                    "ratio": plain / seconds,
                }
            )
    return found


def normalization(name: str) -> keras.layers.Layer:
    """An insertion's ``make``."""
    return keras.layers.BatchNormalization(name=name)


def plain_epoch(recipe: Recipe, sets: Sets, epochs: int) -> float:
    """Seconds per epoch of `model.fit` with validation, its first epoch, which traces, apart."""
    from regfleet.models import build

    model = build(recipe, sets.train.x.shape[1], sets.train.y.shape[1])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mse"])
    settings = {"batch_size": recipe.training.batch_size, "verbose": 0}
    validation = (sets.validation.x, sets.validation.y)
    model.fit(sets.train.x, sets.train.y, epochs=1, validation_data=validation, **settings)
    return (
        timed(lambda: model.fit(sets.train.x, sets.train.y, epochs=epochs, validation_data=validation, **settings))
        / epochs
    )


def main() -> None:
    """Write both tables to a file."""
    epochs, file = sys.argv[1:]
    runtime.prepare(gpu=False)
    found = {"rates": article_rates(int(epochs)), "sizes": size_rates(int(epochs))}
    Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
