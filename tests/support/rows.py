"""A study of twenty rows whose predictions are known, for the tests of verdicts by single rows."""

import numpy as np
import pandas as pd

from regfleet.predictions import Predictions

DEALT = """
8 9 14 15 : 0111 : 1101
3 11 17 18 : 0101 : 0001
2 4 13 16 : 1111 : 1111
0 5 7 12 : 0110 : 1011
1 6 10 19 : 1000 : 1001
12 14 15 19 : 0110 : 1111
3 6 11 17 : 1010 : 0110
0 2 9 18 : 0111 : 0111
1 4 10 13 : 1110 : 1001
5 7 8 16 : 1100 : 1101
""".strip().splitlines()
"""A line for each seed: rows of 20 that it tested, which of them the control had right, which the variant."""


ROWS, CONTROL, VARIANT = (
    np.array([[int(cell) for cell in (part.split() if place == 0 else part.strip())] for part in parts])
    for place, parts in enumerate(zip(*(line.split(":") for line in DEALT), strict=True))
)


def predictions(right, rows, sure=0.9):
    """Two classes, of which every row is of the second; ``right`` (seeds, rows of a seed) says where that was said."""
    seeds = np.repeat(np.arange(len(right)), right.shape[1])
    said = np.ravel(right).astype(np.float64)
    likely = np.where(said == 1, sure, 1 - sure)
    return Predictions(
        seeds=seeds,
        rows=np.ravel(rows).astype(np.int32),
        target=np.ones_like(said),
        predicted=said,
        probabilities=np.stack([1 - likely, likely], axis=1).astype(np.float32),
    )


def trials_of(right, rows=20, n_train=12, **columns):
    """The trials of a study on ``rows`` rows, of which ``right`` says by variant where it was right."""
    frames = [
        pd.DataFrame(
            {
                "dataset": "toy",
                "variant": name,
                "seed": np.arange(len(one)),
                "status": "done",
                "n_train": n_train,
                "n_val": rows - n_train - one.shape[1],
                "n_test": one.shape[1],
                "n_rows": rows,
                "last_test_correct": one.sum(axis=1),
                "last_test_accuracy": one.mean(axis=1),
                "last_test_macro_f1": one.mean(axis=1),
                "last_test_mse": 1 - one.mean(axis=1),
                **columns,
            }
        )
        for name, one in right.items()
    ]
    return pd.concat(frames, ignore_index=True)
