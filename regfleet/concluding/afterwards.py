"""A study judged by another metric than its own, from the predictions that it kept; trains nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from regfleet.concluding.analyze import free_folder
from regfleet.concluding.chosen import LUCK, looked_again
from regfleet.concluding.judge import StudyConclusion, asked_rows, judge, read_results
from regfleet.concluding.looks import analysed_of, standings, within_each
from regfleet.concluding.predictions import Asked, Known, class_count, known_of, scorer_of
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric, metrics_of
from regfleet.paths import expanded, unwritable
from regfleet.report import write
from regfleet.results import Stored, place_of
from regfleet.scorers import ALIASES, scores_of
from regfleet.settings.values import whole_name
from regfleet.text import slug

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.planning.resolved import Resolved

Advance: TypeAlias = Callable[[int], None]


def judge_by(asked: Asked, resolved: Resolved, results: Stored, advance: Advance = lambda _: None) -> StudyConclusion:
    """What a study says by another metric; writes nothing.

    Args:
        asked: the metric.
        resolved, results: the study and what is there of it.
        advance: told how many trials were scored since.

    Raises:
        InputError: the metric is not known, is not of this task, or needs predictions that were not kept.
    """
    notes: list[str] = []
    asked_for = resolved
    resolved, trials = _closed(resolved, results)
    known = known_of(resolved)
    plain = ALIASES.get(asked, asked) if isinstance(asked, str) else None
    if plain in METRICS and all(plain in metrics_of(task) for task, _ in known.values()):
        metric = METRICS[plain]
    else:
        metric, trials, notes = _scored(asked, resolved, replace(results, trials=trials), known, advance)
    if resolved.study.analysis.rope is not None and metric.name == resolved.question.metric.name:
        metric = resolved.question.metric
    planned = resolved.question.metric
    changed = replace(resolved, question=replace(resolved.question, metric=metric))
    found = judge(changed, replace(results, trials=trials), asked)
    if metric.name != planned.name:
        notes.insert(0, _looked_again(planned, metric))
    # What was asked for stays the study's own question.
    return replace(found, facts=replace(found.facts, notes=(*notes, *found.facts.notes)), resolved=asked_for)


def conclude_by(
    metric: str, directory: str, out: Path | None, templates: Path | None, advance: Advance
) -> StudyConclusion:
    """A results directory judged by another metric, with its report in ``out``, by default reports/DIRECTORY-METRIC.

    What lies in the results directory stays as it is, its own report too, but for its provenance: that records the
    look, and the study's report says it when it is written again.
    """
    resolved, results = read_results(directory)
    found = judge_by(metric, resolved, results, advance)
    name = Path(str(results.path).rstrip("/")).absolute().name
    folder = free_folder(expanded(out or Path("reports") / f"{name}-{slug(metric)}", "--out"))
    if problem := looked_again(resolved, found.summary.metric, results):
        found = replace(found, facts=replace(found.facts, notes=(problem, *found.facts.notes)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable("--out", folder, problem) from None
    return replace(found, report=write(place_of(folder), found, templates))


def _looked_again(planned: Metric, metric: Metric) -> str:
    return (
        f"Judged by {metric.title} after the study was done, which was to be judged by {planned.title}: a second "
        f"metric, chosen after seeing results. {LUCK}: test it again with new seeds."
    )


def _closed(resolved: Resolved, results: Stored) -> tuple[Resolved, pd.DataFrame]:
    """The study and its trials; one that adds seeds until its own metric is clear, as one over those that it came to.

    It spends no more of alpha than the look that saw the fewest of them did.
    """
    trials = asked_rows(resolved, results)
    if not resolved.study.adds_seeds:
        return resolved, trials
    reached = standings(resolved, trials, partial(results.predicted, at=resolved.question.at))
    first = min((standing.question for standing in reached.values()), key=lambda question: question.alpha_now)
    trials = within_each(trials, analysed_of(resolved, reached))
    closed = resolved.with_seeds(tuple(sorted({int(seed) for seed in trials["seed"]})))
    return replace(closed, question=first), trials


def _scored(
    asked: Asked, resolved: Resolved, results: Stored, known: Known, advance: Advance
) -> tuple[Metric, pd.DataFrame, list[str]]:
    """The metric, the trials that have its score or none at all, and what to say of the others."""
    trials, at = results.trials, resolved.question.at
    columns: dict[tuple[str, str, int], float] = {}
    problem, scorers = "", {name: scorer_of(asked, *of) for name, of in known.items()}
    metric = next(iter(scorers.values())).metric
    for name in resolved.parts:
        scorer, of = scorers[whole_name(name)], known[whole_name(name)]
        for variant, predictions in results.predicted(name, at):
            scored = scores_of(scorer, predictions, len(of[1]) or class_count(predictions))
            problem = problem or scored.problem
            seeds = scored.seeds.tolist()
            columns |= {(name, variant, seed): one for seed, one in zip(seeds, scored.scores.tolist(), strict=True)}
            advance(len(seeds))
    keys = zip(trials["dataset"], trials["variant"], trials["seed"], strict=True)
    values = np.array([columns.get(key, np.inf) for key in keys], dtype=np.float64)
    done = (trials["status"] == "done").to_numpy()
    absent, unscored = done & np.isinf(values), done & np.isnan(values)
    if done.any() and absent[done].all():
        usual = ", ".join(dict.fromkeys(one for task, _ in known.values() for one in metrics_of(task)))
        raise InputError(
            f"--metric: expected one of {usual}, for these results hold no predictions (made by an earlier version or "
            f"with --keep-predictions no); got {metric.name}"
        )
    if (absent | unscored)[done].all() and done.any():
        raise InputError(f"--metric: expected a metric that can score these test rows; got {metric.name}: {problem}")
    notes = []
    if absent.any():
        notes.append(f"{int(absent.sum())} trials have no predictions and are left out.")
    if unscored.any():
        why = f" ({problem})" if problem else ", as without a test row of the class"
        notes.append(f"{int(unscored.sum())} trials have no {metric.title}{why}: they are left out.")
    values[np.isinf(values)] = np.nan
    scores = trials.assign(**{f"{at}_test_{metric.name}": values})
    return metric, scores[~(absent | unscored)], notes
