"""What is fitted: which variant of a study, its seeds, and how they are trained."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from regfleet.data import BUILTIN, load_dataset
from regfleet.errors import InputError
from regfleet.paths import digest, expanded
from regfleet.running.member import Wanted
from regfleet.techniques import parse_techniques
from regfleet.text import listed, named, nearest, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from regfleet.analysis.summary import DatasetSummary
    from regfleet.concluding.judge import StudyConclusion
    from regfleet.metrics import Metric
    from regfleet.planning.plan import Group
    from regfleet.results import Stored
    from regfleet.running.prepare import Given, Prepared
    from regfleet.settings import Study
    from regfleet.settings.values import ModelSpec, Variant
    from regfleet.trials import Chunk

MOST_SEEDS = 10
"""Networks where nobody says how many, of the study's first seeds: more hardly change what they say together."""
BEST = "best"


@dataclass(frozen=True)
class Order:
    """What is to be fitted: the group of its trials, and how.

    ``fit`` says, whatever the seeds, that it is the same fit, and ``identities``, by seed, that it is the same network.
    ``rows`` are the variant's trials that finished, and ``like`` the key of the one that is wanted as it was.
    """

    group: Group
    variant: Variant
    wanted: Wanted
    dataset: str
    fit: str
    rows: pd.DataFrame
    results: Stored
    like: str | None = None
    identities: Mapping[int, str] = field(default_factory=dict)


def dataset_of(found: StudyConclusion, wanted: str | None) -> tuple[str, str | None]:
    """The data set that is fitted, and where it is now if that was said."""
    names = found.resolved.study.names
    if wanted is None and len(names) > 1:
        raise InputError(f"--data: expected which data set to fit, one of {listed(names, 8)}; got none")
    if wanted is None or wanted in names:
        return wanted or names[0], None
    name, _, place = wanted.partition("=")
    if name in names and place:
        return name, place
    said = f"{listed(names, 8)}, or NAME=PLACE where it is elsewhere now"
    raise InputError(f"--data: expected a data set of the study, {said}; got {named(wanted)}{nearest(wanted, names)}")


def with_data(given: Given, study: Study, name: str, place: str | None) -> Given:
    """What is in memory, with the data read from where the study says they are or, of ``name``, from ``place``."""
    if given.datasets is not None:
        return given
    sources = study.sources()
    if place:
        sources[name] = sources[name].model_copy(update={"location": place})
    datasets = {}
    for called, source in sources.items():
        try:
            datasets[called] = replace(load_dataset(source), name=called)
        except InputError as problem:
            if not any(map(_is_gone, filter(None, (source.location, source.test)))):
                raise
            said = "" if place and called == name else f", or say where the data are: --data {called}=PLACE"
            if not Path(source.location).suffix:
                said += "; data that were in memory are given to regfleet.fit in Python"
            raise InputError(f"{problem}. Run fit in the folder in which the study ran{said}") from None
    return replace(given, datasets=datasets)


def _is_gone(location: str) -> bool:
    """Whether a location names nothing here, and may name something in another folder."""
    is_elsewhere = location in BUILTIN or location.startswith("openml:") or "://" in location
    return not is_elsewhere and not os.path.lexists(expanded(location, "--data"))


def order_of(
    found: StudyConclusion,
    ready: Prepared,
    name: str,
    *,
    variant: str,
    seeds: int | None,
    on: Literal["train", "all"],
    like_trial: str | None,
) -> Order:
    """What `fitting.fit` is asked for on the data set called ``name``; its arguments are of that."""
    trials = found.results.trials
    row = None if like_trial is None else _trial(trials, name, like_trial)
    like = None if row is None else str(row["key"])
    taken = _variant(found, name, variant if row is None else str(row["variant"]))
    own = trials[(trials["dataset"] == name) & (trials["variant"] == taken.name) & (trials["status"] == "done")]
    if not len(own):
        raise InputError(f"--variant {taken.name}: expected a variant that finished on {name}; got none of its trials")
    chosen_seeds = _seeds(own, seeds) if row is None else (int(row["seed"]),)
    plan = ready.planned((taken,), chosen_seeds)
    group = next(group for group in plan.groups if group.dataset == name and group.split.whole)
    group = replace(group, stack=1)
    if like is not None and group.trials[0].key != like:
        raise InputError(
            f"--like-trial: expected a trial that this version would train alike; got {like}, of another version"
        )
    at = found.resolved.question.at
    settings = {
        int(seed): int(json.loads(text)["chosen"])
        for seed, text in zip(own["seed"], own["tuning"], strict=True)
        if isinstance(text, str) and text  # missing from before there was any
    }
    if on == "all" and settings:  # a seed that the study did not have takes the setting of one that it had
        known = [settings[seed] for seed in sorted(settings)]
        settings = {seed: settings.get(seed, known[place % len(known)]) for place, seed in enumerate(chosen_seeds)}
    epoch = _epoch(own, taken, at, group) if on == "all" else None
    wanted = Wanted(on, at, epoch, settings, found.resolved.question.metric.name)
    identities = {
        trial.seed: digest(json.dumps([trial.key, on, at, epoch, settings.get(trial.seed)]).encode())
        for trial in group.trials
    }
    model, training = group.model, taken.training.model_dump()
    what: list[Any] = [name, taken.name, training, model.hidden, model.activations, model.source, model.fingerprint]
    what += [group.split.name, group.engine, found.resolved.data[name].sha256, on, at, epoch, like]
    fit_identity = digest(json.dumps(what).encode())
    return Order(group, taken, wanted, name, fit_identity, own, found.results, like, identities)


def chosen(data: DatasetSummary, metric: Metric) -> str:
    """The name of the best variant by the study's rule.

    1. Where variants are clearly better than their control, the one of them with the best standing: the headline's.
    2. Else the one that "if you must choose now" takes: the least expected loss, or the control where that risks hardly
       more (half a ROPE), as it is simpler.
    3. Else, with fewer than five seeds or where nothing was learned, the control that most are compared with, or the
       best mean where there is none.

    Of a sweep it is a member, not the one that each seed chose by itself.
    """
    rows = [row for row in data.ordered(metric) if data.variant(row.name) and math.isfinite(row.score.mean)]
    if not rows:
        raise InputError(f"--variant best: expected a variant that finished on {data.dataset}; got none")
    better = [row for row in rows if row.comparison and row.comparison.verdict == "better"]
    if better:
        return better[0].name
    odds = [one for one in data.odds if data.variant(one.name)]
    if odds:
        rope = max((row.comparison.rope for row in rows if row.comparison), default=0.0)
        simple = next((one for one in odds if one.name in data.controls and one.loss - odds[0].loss <= rope / 2), None)
        return (simple or odds[0]).name
    return next((row for row in rows if row.name in data.controls[:1]), rows[0]).name


def _variant(found: StudyConclusion, name: str, asked: str) -> Variant:
    """The variant called ``asked``, by name or by label, or the best one."""
    from regfleet.concluding.stepwise import judged_on

    resolved = judged_on(found.resolved, name) if found.resolved.study.greedy else found.resolved
    known = {one.name: one for one in resolved.variants}
    if asked == BEST and BEST not in known:
        data = next((one for one in found.summary.datasets if one.dataset == name), None)
        if data is None:
            raise InputError(f"--variant best: expected trials of {name} that finished; got none")
        return known[chosen(data, found.summary.metric)]
    alike = [one for one in known.values() if one.label == asked] or _typed(asked, resolved.model, known)
    if asked in known or len(alike) == 1:
        return known.get(asked) or alike[0]
    if asked in {one for reference in resolved.references for one in (reference.name, reference.label)}:
        raise InputError(f"--variant: expected a network; got {asked}, a reference row")
    names = [*known]
    raise InputError(
        f"--variant: expected best or one of {one_line('; '.join(names), 300)}; got {named(asked)}"
        f"{nearest(asked, [*names, *(one.label for one in known.values())])}"
    )


def _typed(text: str, model: ModelSpec, known: Mapping[str, Variant]) -> list[Variant]:
    """The variants of the techniques that somebody typed, however they did."""
    try:
        combinations = parse_techniques(text, model).combinations
    except InputError:
        return []
    wanted = [sorted(map(str, one)) for one in combinations]
    return [one for one in known.values() if [sorted(map(str, one.techniques))] == wanted]


def _trial(trials: pd.DataFrame, name: str, key: str) -> pd.Series:
    """The row of the trial with this key, or one that begins so."""
    matching = trials[trials["key"].str.startswith(key)] if len(key) >= 6 else trials[trials["key"] == key]
    if len(matching) != 1:
        got = (
            f"{len(matching)} trials that begin with {named(key)}" if len(matching) else f"{named(key)}, which is none"
        )
        raise InputError(f"--like-trial: expected the key of a trial, as trials.csv has it; got {got}")
    row = matching.iloc[0]
    if row["status"] != "done" or row["engine"] == "scikit-learn" or row["dataset"] != name:
        got = (
            f"one of {row['dataset']}"
            if row["dataset"] != name
            else "a reference row"
            if row["engine"] == "scikit-learn"
            else f"one that {row['status']}"
        )
        raise InputError(f"--like-trial: expected a finished trial of a network on {name}; got {got}")
    return row


def _seeds(own: pd.DataFrame, many: int | None) -> tuple[int, ...]:
    """The seeds of the networks: those of the variant's finished trials, in order, then others."""
    there = sorted(int(seed) for seed in own["seed"].unique())
    if many is None:
        return tuple(there[:MOST_SEEDS])
    further = (seed for seed in range(2**31) if seed not in there)
    return tuple((*there, *(next(further) for _ in range(many - len(there))))[:many])


def _epoch(own: pd.DataFrame, variant: Variant, at: str, chunk: Chunk) -> int | None:
    """After which epoch a fit on all rows is over, which has no validation rows to tell: the median of the study's.

    None: at its end, as in the study.
    """
    from regfleet.running.choosing import recipes_of

    recipe = recipes_of(chunk, None)[0][0]
    if at == "best" or recipe.restores_best:
        return max(1, round(median(int(epoch) for epoch in own["best_epoch"])))
    if variant.training.early_stopping:
        return max(1, round(median(int(epoch) for epoch in own["epochs_run"])))
    return None
