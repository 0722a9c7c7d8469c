"""What a fit's matrix products take: TensorFlow's, with nothing between them, beside regfleet's fit and PyTorch's loop.

    python benchmarks/peers/products.py [--repeats 3]

The products of the article's networks on one core: forward, of the kernels' gradients and of the inputs' for every
update, and forward for the rows that regfleet measures after every epoch. No engine that computes them so takes less;
where PyTorch is installed, the last column says how many times as fast as its loop such an engine would be.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import statistics
import time
from typing import TYPE_CHECKING

from cases import ARTICLE, CASES, rows_of
from compare import Peer
from ours import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Case


def shapes_of(case: Case) -> Iterator[tuple[int, int, int, bool, bool]]:
    """Of each product in an epoch: its rows, the sum's terms and its columns, and which factor is transposed."""
    x, y, x_val, _ = rows_of(case)
    layers = [*itertools.pairwise((x.shape[1], *case.hidden, y.shape[1]))]
    for first in range(0, len(x), case.batch):
        rows = min(case.batch, len(x) - first)
        for number, (inputs, units) in enumerate(layers):
            yield rows, inputs, units, False, False
            yield inputs, rows, units, True, False
            if number:
                yield rows, units, inputs, False, True
    # With one batch an epoch and nothing that differs in training, the next forward pass measures the training rows.
    measured = len(x_val) if len(x) <= case.batch and not (case.dropout or case.norm) else len(x) + len(x_val)
    for inputs, units in layers:
        yield measured, inputs, units, False, False


def products(case: Case) -> Callable[[], None]:
    """A function that computes the products of all epochs, in a graph, from factors in memory."""
    import tensorflow as tf

    shapes = [
        (((terms, rows) if first else (rows, terms)), ((columns, terms) if second else (terms, columns)), first, second)
        for rows, terms, columns, first, second in shapes_of(case)
    ]
    factors = {shape: tf.Variable(tf.random.normal(shape)) for pair in shapes for shape in pair[:2]}

    @tf.function(autograph=False)
    def run() -> None:
        def epoch(number: tf.Tensor) -> tuple[tf.Tensor]:
            found = [
                tf.matmul(
                    factors[left].read_value(), factors[right].read_value(), transpose_a=first, transpose_b=second
                )
                for left, right, first, second in shapes
            ]
            with tf.control_dependencies(found):
                return (number + 1,)

        tf.while_loop(lambda number: number < case.epochs, epoch, (tf.constant(0),))

    return run


def main() -> None:
    """Time both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    ours, loop = Peer("ours"), Peer("pytorch") if importlib.util.find_spec("torch") else None
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    runtime.prepare(gpu=False)
    print("| case | products alone, s | regfleet, s | share | PyTorch's loop / products |\n|---|---:|---:|---:|---:|")
    for case in (one for one in CASES if one.group == ARTICLE):
        run = products(case)
        taken: dict[str, list[float]] = {"products": [], "ours": [], "loop": []}
        for seed in range(given.repeats + 1):
            began = time.process_time()
            run()
            taken["products"].append(time.process_time() - began)
            taken["ours"].append(ours.fit(case, seed, case.epochs)["cpu"])
            taken["loop"].append(loop.fit(case, seed, case.epochs)["cpu"] if loop else float("nan"))
        alone, whole, other = (statistics.median(seconds[1:]) for seconds in taken.values())
        print(f"| {case.name} | {alone:.2f} | {whole:.2f} | {alone / whole:.0%} | {other / alone:.1f} |", flush=True)


if __name__ == "__main__":
    main()
