"""The studies and the parser that the report's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from regfleet.analysis.summary import Look
from regfleet.concluding.analyze import analyze
from regfleet.report import page, render
from support.parsed import Page
from support.synthetic import HOSTILE, Conclusion, Entry, article, build, many, variant


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Conclusion]:
    """The generator of synthetic studies."""
    return build


@pytest.fixture(scope="session")
def nine() -> Conclusion:
    """The article's study with two controls and seven lost trials."""
    return build(lost={"l1(0.01)@all": 3, "batchnorm(0.99)@all[batch_size=32]": 4})


@pytest.fixture(scope="session")
def forty() -> Conclusion:
    """Forty variants, six of them a sweep, over twenty seeds."""
    return build(entries=many(39), seeds=20)


@pytest.fixture(scope="session")
def two() -> Conclusion:
    """Two data sets with a verdict each."""
    return build(datasets=("apples", "pears"), epochs=20, entries=article()[:4])


@pytest.fixture(scope="session")
def ten() -> Conclusion:
    """Ten data sets of three variants, so that there is something to say over data sets."""
    return build(datasets=tuple(f"set{n}" for n in range(10)), epochs=20, entries=article()[:3])


@pytest.fixture(scope="session")
def hostile_names() -> tuple[str, ...]:
    """Names that are attacks."""
    return HOSTILE


@pytest.fixture(scope="session")
def with_hostile_names() -> Conclusion:
    """Variants whose names and labels are attacks, one of them with failures."""
    return build(
        entries=(article()[0], *((variant(name, name), 0.01) for name in HOSTILE)), lost={HOSTILE[0]: 3}, epochs=20
    )


@pytest.fixture(scope="session", name="article")
def article_entries() -> Callable[..., tuple[Entry, ...]]:
    """The maker of the article's variants."""
    return article


@pytest.fixture(scope="session", name="many")
def many_entries() -> Callable[..., tuple[Entry, ...]]:
    """The maker of many variants."""
    return many


@pytest.fixture(scope="session")
def foreign() -> Conclusion:
    """Twelve seeds of four techniques from elsewhere, as `analyze` reads them."""
    draw = np.random.default_rng(1)
    base = 0.8 + draw.normal(0, 0.02, 12)
    effects = {"none": 0.0, "dropout": 0.03, "mixup": 0.005, "noise": -0.02}
    rows = [
        {"technique": name, "seed": seed, "accuracy": base[seed] + effect + draw.normal(0, 0.006)}
        for name, effect in effects.items()
        for seed in range(12)
    ]
    scores = pd.DataFrame(rows).assign(n_train=400, n_test=100)
    return replace(analyze(scores), trials=scores)


@pytest.fixture(scope="session")
def with_looks(nine: Conclusion) -> Conclusion:
    """The article's study as if it had added seeds in two looks of three."""
    going = Look("iris", 1, 3, 5, 0.05 / 7, ("l1(0.01)@all",), ("l2(0.01)@all",), (), 10, "On to 10 seeds on iris.", ())
    ended = replace(
        going,
        number=2,
        seeds=10,
        alpha=0.1 / 7,
        undecided=(),
        hopeless=("l2(0.01)@all", "l1(0.01)@first", "l2(0.01)@first", "dropout(0.5)@first", "unknown"),
        next_seeds=None,
        reason="Stopped on iris after 10 seeds.",
    )
    return replace(nine, summary=replace(nine.summary, looks=(going, ended)))


@pytest.fixture(scope="session")
def parse() -> type[Page]:
    """Parses a page."""
    return Page


@pytest.fixture(scope="session")
def rendered(request) -> Callable[[str], str]:
    """The function from the name of one of these studies to its report, which is made once with its figures."""
    made = cache(lambda name, _figures: render(request.getfixturevalue(name)))
    return lambda name: made(name, bool(page.FIGURES))
