"""Two-level factorials: the designs of textbooks, and no better one among all others."""

import itertools

import numpy as np
import pytest

from regfleet.analysis.design import MOST, Design

RESOLUTIONS = {6: 6, **dict.fromkeys(range(7, 17), 4)}
"""Of 32 runs: Montgomery, Design and analysis of experiments, table 8.14."""
PATTERNS = {6: (0, 0, 1), 7: (1, 2, 0), 8: (3, 4, 0), 9: (6, 8, 0), 10: (10, 16, 0), 11: (25, 0, 27)}
"""Words of length 4, 5 and 6 of the fractions of minimum aberration: Chen, Sun and Wu 1993, table of 32 runs."""


@pytest.mark.parametrize("factors", range(2, MOST + 1))
def test_effects_are_told_apart_as_far_as_the_resolution_says(factors):
    """Effects that are not measured as one are at right angles, and the control is among the runs."""
    design = Design(factors)
    runs = np.array(design.runs)
    signs = 2 * runs.astype(int) - 1
    assert len({*design.runs}) == len(runs) == 2 ** min(factors, 5)
    assert not runs[0].any()
    assert (signs.sum(axis=0) == 0).all()
    # Columns of effects: the same where they are measured as one, else at right angles.
    pairs = {(a, b): signs[:, a] * signs[:, b] for a, b in itertools.combinations(range(factors), 2)}
    assert {*itertools.chain(*design.pairs)} == {*pairs}
    for together in design.pairs:
        assert all((pairs[one] == pairs[together[0]]).all() for one in together)
    columns = np.stack([*signs.T, *(pairs[together[0]] for together in design.pairs)])
    assert (columns @ columns.T == len(runs) * np.eye(len(columns))).all()
    assert design.resolution == RESOLUTIONS.get(factors)
    assert design.full == (factors <= 5)


def test_fractions_have_minimum_aberration():
    """They have the fewest short words of all, by the literature and by a search."""
    for factors, (four, five, six) in PATTERNS.items():
        lengths = [len(word) for word in Design(factors).words]
        assert [lengths.count(length) for length in (3, 4, 5, 6)] == [0, four, five, six]
    # Nor is there a better one among all those of eight factors.
    words = [set(word) for size in (2, 3, 4, 5) for word in itertools.combinations(range(5), size)]
    mine = [sorted(map(len, Design(8).words)).count(length) for length in range(1, 9)]
    for three in itertools.combinations(words, 3):
        span = [frozenset()]
        for place, word in enumerate(three, 5):
            span += [one ^ {*word, place} for one in span]
        assert mine <= [[len(one) for one in span].count(length) for length in range(1, 9)]
