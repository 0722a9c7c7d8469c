"""Seeds until the answer is clear: the looks of a study, taken again from its trials whenever they are needed.

Nothing about a look is stored: the same trials give the same looks, so a study can be stopped and resumed anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis import Histories, summarize, take_look
from regfleet.analysis.across import over_datasets
from regfleet.analysis.rows import sweeps
from regfleet.analysis.summary import DatasetSummary, Look, Summary
from regfleet.settings.values import AnalysisSettings, Variant

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a data set has come: ``looks`` taken, and the number of seeds (from 0) that each variant needs.

    ``asked`` counts the seeds up to the look that is due or was the last, ``analysed`` those up to the last look whose
    trials are all there; before the first they are the same. ``settings`` belong to ``analysed``.
    """

    settings: AnalysisSettings
    looks: tuple[Look, ...]
    asked: Mapping[str, int]
    analysed: Mapping[str, int]


def take_looks(
    trials: pd.DataFrame,
    variants: Sequence[Variant],
    settings: AnalysisSettings,
    planned: Sequence[int],
    shares: Mapping[str, Sequence[float]],
) -> Standing:
    """The looks that the trials of one data set allow.

    Args:
        trials: the data set's rows of the trials frame; a trial that is missing here is one that has to run.
        variants: of the study.
        settings: metric, scope, alpha, ROPE and which weights.
        planned: seeds at each look.
        shares: data set → shares of its classes.
    """
    asked = dict.fromkeys([variant.name for variant in variants], planned[0])
    standing = Standing(replace(settings, look=1, looks=len(planned)), (), asked, asked)
    for number in range(1, len(planned) + 1):
        rows = within(trials, asked)
        if len(rows) < sum(asked.values()):
            break
        now = replace(settings, look=number, looks=len(planned))
        (dataset,) = summarize(rows, None, variants, now, shares).datasets
        look = take_look(dataset, now, planned)
        following = asked | dict.fromkeys(look.running, look.next_seeds or 0)
        standing = Standing(now, (*standing.looks, look), following, asked)
        if look.next_seeds is None:
            break
        asked = following
    return standing


def within(trials: pd.DataFrame, seeds: Mapping[str, int]) -> pd.DataFrame:
    """The rows of ``trials`` whose seed is below ``seeds`` of its variant."""
    asked = [seed < seeds.get(name, 0) for seed, name in zip(trials["seed"], trials["variant"], strict=True)]
    return trials[np.array(asked, dtype=bool)]


def summarize_standings(
    trials: pd.DataFrame,
    histories: Histories,
    variants: Sequence[Variant],
    settings: AnalysisSettings,
    standings: Mapping[str, Standing],
    shares: Mapping[str, Sequence[float]],
) -> Summary:
    """The Summary of a study that adds seeds: each data set as its last look saw it.

    The comparison over data sets is made once, at the end, with all of alpha: no look depended on it.
    """
    whole = summarize(trials.iloc[:0], None, variants, settings)
    datasets: list[DatasetSummary] = []
    for name, standing in sorted(standings.items()):
        rows = within(trials[trials["dataset"] == name], standing.analysed)
        datasets += summarize(rows, histories, variants, standing.settings, shares).datasets
    order = [variant.name for variant in variants] + list(sweeps(variants))
    looks = tuple(look for _, standing in sorted(standings.items()) for look in standing.looks)
    across = over_datasets(tuple(datasets), order, settings)
    return replace(whole, datasets=tuple(datasets), across=across, looks=looks)
