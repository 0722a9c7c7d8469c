"""Tables of numbers some at a time: to the bit what scikit-learn makes of the whole."""

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from regfleet.data import matrix
from regfleet.data.encoding import encode

PARTS = np.split(np.random.default_rng(1).permutation(5_003), [3_001, 4_002])


@pytest.mark.parametrize("columns", [1, 2, 7, 30])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_blocks_change_no_bit(monkeypatch, columns, missing):
    """Blocks of two or three columns, and of few rows, with and without columns for what is missing."""
    monkeypatch.setattr(matrix, "BLOCK", 9_000)
    draw = np.random.default_rng(columns)
    x = draw.normal(3, 5, (5_003, columns)) * draw.uniform(0.1, 100, columns)
    x[(draw.random(x.shape) < missing) & (np.arange(columns) % 3 == 0)] = np.nan
    steps = [SimpleImputer(add_indicator=True, keep_empty_features=True)] * bool(missing) + [StandardScaler()]
    whole = make_pipeline(*steps).fit(x[PARTS[0]])
    found = encode(x, PARTS)
    assert found[0].shape[1] == columns + bool(missing) * -(-columns // 3)
    for made, rows in zip(found, PARTS, strict=True):
        np.testing.assert_array_equal(made, whole.transform(x[rows]).astype("float32"))


@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_rows_are_standardized_as_by_scikit_learn(chunks):
    """All at once and some at a time, with columns that hardly vary, or not at all."""
    draw = np.random.default_rng(chunks)
    x = draw.normal(3, 5, (1_001, 6)) * [1, 1e6, 1e-9, 1, 0, 0] + [0, 0, 0, 0, 0, 12345.678]
    x[:, 3] = 1e9 + 1e-7 * x[:, 3]
    ours, theirs = matrix.Standard(), StandardScaler()
    for rows in np.array_split(x, chunks):
        ours.seen(rows)
        theirs.partial_fit(rows)
    np.testing.assert_array_equal([ours.mean, ours.scale], [theirs.mean_, theirs.scale_])
    assert (ours.scale == 1).sum() >= 2
    np.testing.assert_array_equal(ours.of(x.copy()), theirs.transform(x))


def test_no_second_matrix_is_made():
    """Beside what comes out, a few blocks: 48 MB of float64 become 24 MB with less than 20 MB more."""
    import tracemalloc

    x = np.random.default_rng(0).normal(size=(200_000, 30))
    rows = np.split(np.arange(200_000), [120_000, 160_000])
    tracemalloc.start()
    encode(x, rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24e6 + 44e6
