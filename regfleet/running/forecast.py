"""What it takes to see a difference of a given size: seeds, trials and time, planned from a directory's results."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from regfleet.analysis.power import Detection
from regfleet.concluding.judge import judge, read_results
from regfleet.concluding.stepwise import variants_with
from regfleet.data import load_dataset
from regfleet.errors import InputError
from regfleet.planning.combining import choosing_seeds
from regfleet.planning.plan import Plan, make_plan
from regfleet.planning.resolved import Resolved
from regfleet.planning.schedule import Schedule
from regfleet.results import Stored
from regfleet.running.pace import overhead, speed
from regfleet.text import json_text

LEAST_EFFECT = 1e-9
"""That is planned for: a smaller one takes rows without number."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """``detections[data set][label]`` of each comparison, and what running the most of their seeds takes.

    ``seeds`` None: no number of seeds shows the difference in any comparison. ``trials`` are those still to run, in
    ``chunks`` tasks, in about ``seconds`` on ``workers`` workers and ``overhead`` seconds beside them, as in `Preview`;
    ``command`` runs them.
    """

    effect: float
    pilot_seeds: int
    detections: Mapping[str, Mapping[str, Detection]]
    seeds: int | None
    workers: int
    trials: int = 0
    chunks: int = 0
    seconds: float = 0.0
    overhead: float = 0.0
    command: str = ""

    def json(self) -> str:
        """The same for machines."""
        return json_text(asdict(self))


def forecast(directory: str | Path, effect: float | None = None, workers: int | None = None) -> Forecast:
    """Plan a study that sees a difference of ``effect``, in units of the metric, from the results of a pilot.

    Args:
        directory: a results directory; its scatter and its seconds per trial are those of the study to come.
        effect: the difference to detect, above 0: 0.02 is two points of accuracy. None is the ROPE, the least that
            matters; of one that is a share of the control's mean that of the data set where it is least.
        workers: tasks at once; None is one per CPU.

    Raises:
        InputError: ``effect`` is not above 0, or not given where the ROPE is 0; no comparison has two finished seeds.
        ResultsError: ``directory`` holds no results.
    """
    from regfleet.analysis import detections

    if effect is not None and 0 < effect < LEAST_EFFECT:
        raise InputError(f"--detect: expected a number from {LEAST_EFFECT:g}; got {effect:g}")
    if effect is not None and not 0 < effect < math.inf:
        raise InputError(f"--detect: expected a number above 0; got {effect:g}")
    resolved, results = read_results(directory)
    found: dict[str, dict[str, Detection]] = {}
    summary = judge(resolved, results).summary
    if effect is None:
        ropes = [row.comparison.rope for data in summary.datasets for row in data.shown if row.comparison]
        effect = min((rope for rope in ropes if rope >= LEAST_EFFECT), default=None)
        if effect is None:
            raise InputError(f"--detect: expected the difference to be seen, as the ROPE of {directory} is 0; got none")
    for data in summary.datasets:
        found[data.dataset] = {
            data.labels[name]: one for name, one in detections(data, summary.question, effect).items()
        }
    every = [one for by_label in found.values() for one in by_label.values()]
    if not every:
        raise InputError(f"{directory}: expected two finished seeds of a variant and its control; got fewer")
    pilot = max(row.finished for data in summary.datasets for row in data.variants)
    count = workers or len(os.sched_getaffinity(0))
    seeds = max((one.seeds for one in every if one.seeds is not None), default=None)
    if seeds is None:
        return Forecast(effect, pilot, found, None, count)
    return _planned(Forecast(effect, pilot, found, seeds, count), seeds, resolved, results)


def _planned(bare: Forecast, seeds: int, resolved: Resolved, results: Stored) -> Forecast:
    """``bare`` with the trials of ``seeds`` that the results lack."""
    study = resolved.study
    # Looks are planned before the first seed, so results with looks cannot be added to.
    out = f"{results.path}-{seeds}" if study.adds_seeds else results.path
    datasets = {name: load_dataset(source) for name, source in study.sources().items()}
    more = resolved.with_seeds(tuple(sorted({*study.seeds, *range(seeds)})))
    plan = make_plan(more, datasets)
    if study.greedy:  # as many seeds choose as judge
        asked = dict.fromkeys(name for walk in (resolved.walks or {}).values() for name in walk.asked)
        choosing = replace(more.with_seeds(choosing_seeds(more.study)), variants=variants_with(study, asked))
        plan = Plan((*plan.groups, *make_plan(choosing, datasets).groups))
    missing = plan.without(() if study.adds_seeds else results.finished)
    schedule = Schedule(missing, bare.workers, results.seconds_per_trial())
    seconds, chunks = schedule.seconds_left(bare.workers) or 0.0, schedule.count()
    command = ["regfleet", "compare", results.place.at("study.toml"), "--seeds", str(seeds), "--out", str(out)]
    return Forecast(
        bare.effect,
        bare.pilot_seeds,
        bare.detections,
        seeds,
        bare.workers,
        trials=sum(len(group.trials) for group in missing),
        chunks=chunks.total(),
        seconds=seconds,
        overhead=speed(bare.workers) * overhead(missing, chunks, datasets, bare.workers),
        command=shlex.join(command),
    )
