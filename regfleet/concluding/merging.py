"""Results of one study from several machines, as one directory, as if it had been computed at once."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.concluding.judge import StudyConclusion, judge, kept_study, read_results
from regfleet.errors import InputError, ResultsError
from regfleet.metrics import METRICS, Metric, default_metric
from regfleet.numbers import count
from regfleet.planning.resolved import same_rows
from regfleet.planning.variants import resolve_variants
from regfleet.report import write
from regfleet.report.background import unfinished
from regfleet.report.page import kept_contents
from regfleet.results import (
    CORRECT_COLUMNS,
    METRIC_COLUMNS,
    DataFacts,
    Place,
    Provenance,
    Source,
    Stored,
    copy_trials,
    differing_details,
    load,
    place_of,
    study_seal,
    write_study,
)
from regfleet.settings import Study
from regfleet.text import listed, masked

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.settings.values import Task

EXACT = ("system", "processor"), ("tensorflow", "keras", "numpy", "scikit-learn")
"""Of hardware and versions what decides whether equal trials have equal bits."""
NOT_COMPARED = {
    "engine",
    "execution",
    "host",
    "device",
    "seconds",
    "trace_seconds",
    "error",
    "traceback",
    "label",
    "control",
}
"""Columns of trials that say how, where and how long one ran, not what came of it."""
SAID = {"tuning", "rate_test"}
"""Columns of a trial that hold measured times, or were taken beside it."""
SAME_FACTS = {
    "sha256": "rows",
    "task": "task",
    "scaling_key": "scaling",
    "training_rows": "training rows",
    "test_rows": "test rows",
    "fixed_test": "test set",
    "grouped": "groups",
}
"""Facts of a data set on which its trials depend, and what they are called."""
RECORDED_LATER = {"sha256", "training_rows", "test_rows"}
"""Those that are empty in results of earlier versions."""
FREE = {"seeds", "variant", "data", "keep_predictions", "references"}
"""Fields of a study that may differ between its parts."""
MOST_CONFLICTS = 20


@dataclass(frozen=True)
class Merged:
    """What became of a merger: trials by source, how many were there twice; sentences on those and on missing ones."""

    conclusion: StudyConclusion
    place: str
    trials: Mapping[str, int]
    equal: int
    said: tuple[str, ...]


def merge(sources: Sequence[str], out: str | Path, advance: Callable[[int], None] = lambda _: None) -> Merged:
    """Put results directories together into the new directory ``out``, and write its report; the sources stay.

    Args:
        sources: results directories or their URLs, two or more; where a trial is there twice the first counts.
        out: a new directory, or an empty one.
        advance: told how many trials were copied since.

    Raises:
        InputError: a line for each conflict: studies that are not one, other data, equal trials that do not agree.
        ResultsError: a source cannot be read as it is. Nothing is written in either case.
    """
    if len(sources) < 2:
        raise InputError(f"merge: expected two results directories or more; got {len(sources)}")
    place = place_of(out)
    _refuse_filled(place)
    parts = [_read(source) for source in sources]
    _refuse_doubles(parts, place)
    study = reduce(_together, ((part.shown, part.study) for part in parts))[1]
    data = _facts(parts)
    chosen, equal, said = _chosen(parts)
    provenance = _provenance(parts, chosen, data)
    with place.claim():
        _refuse_filled(place)
        write_study(place, study.toml())
        for part, keys in zip(parts, chosen, strict=True):
            copy_trials(part.results, keys, place, advance)
        kept = sum(map(len, chosen))
        # A study file is read from this machine alone; of a bucket's, the report has a copy to download.
        where = (place.at("study.toml"), str(place)) if place.local else ("study.toml", masked(str(out)))
        again = shlex.join(["regfleet", "compare", where[0], "--out", where[1]])
        made = provenance.model_copy(update={"kept": kept, "study": study_seal(place), "whole": again})
        place.write("provenance.json", made.json_text().encode())
        there = len(load(place).trials)
        if there != kept:
            raise ResultsError(f"{place}: expected {kept:,} trials after the merger; got {there:,}")
        found = _concluded(place, parts)
    trials = {part.shown: len(keys) for part, keys in zip(parts, chosen, strict=True)}
    missing = unfinished(found.facts, found.failures)
    if missing:
        said = (*said, f"{count(missing, 'trial')} of the whole ran in no part: {again}")
    return Merged(found, str(place), trials, equal, said)


@dataclass(frozen=True)
class _Part:
    shown: str
    study: Study
    results: Stored

    @property
    def facts(self) -> Provenance:
        return self.results.provenance


def _refuse_filled(place: Place) -> None:
    if place.exists("study.toml") or (place.is_ours() and any(place.sizes("trials"))):
        raise InputError(f"--out: expected a new directory; got {place}, which holds results")


def _read(source: str) -> _Part:
    place = place_of(source)
    results = load(place)
    if place.in_use():
        raise InputError(f"{place}: expected results that nobody writes to now; got a study that runs")
    problem = next((one for one in results.problems if one.kind != "missing"), None)
    if problem:
        raise ResultsError(f"{place}: expected whole results; got {problem}. Run: regfleet doctor {place}")
    return _Part(str(results.path), kept_study(place), results)


def _refuse_doubles(parts: Sequence[_Part], out: Place) -> None:
    seen: dict[str, str] = {}
    for part in parts:
        root = str(Path(part.results.place.root).resolve()) if part.results.place.local else part.results.place.root
        if root in seen:
            raise InputError(f"{part.shown}: expected each results directory once; got it twice")
        seen[root] = part.shown
    if out.local and str(Path(out.root).resolve()) in seen:
        raise InputError(f"--out: expected a directory beside those that are merged; got {out}")


def _together(first: tuple[str, Study], second: tuple[str, Study]) -> tuple[str, Study]:
    """Two parts of a study as one; raises InputError, a line for each field that says that they are not."""
    (shown, mine), (other_shown, other) = first, second
    tables = [_flat(one.model_dump(exclude=FREE)) for one in (mine, other)]
    different = [
        name for name in tables[0] if tables[0][name] != tables[1][name] and not name.startswith("model.fingerprints")
    ]
    lines = []
    for name in different:
        got = f"{_words(tables[0][name])} in {shown} and {_words(tables[1][name])} in {other_shown}"
        lines.append(f"{name}: expected one study; got {got}")
    if mine.adds_seeds != other.adds_seeds:
        lines.append(f"seeds: expected one study; got seeds that are added in one of {shown} and {other_shown} alone")
    if lines:
        raise InputError(*lines)
    data = _data(first, second)
    values: dict[str, Any] = {
        "data": tuple(data.values()),
        "seeds": tuple(sorted({*mine.seeds, *other.seeds})),
        "variant": _variants(mine, other),
        "keep_predictions": mine.keep_predictions or other.keep_predictions,
        "references": "auto" if "auto" in (mine.references, other.references) else "no",
    }
    if mine.model.fingerprints or other.model.fingerprints:
        values["model"] = mine.model.model_copy(update={"fingerprints": _fingerprints(mine, other, tuple(data))})
    made = mine.model_copy(update=values)
    if made.names != tuple(data):  # two tables of one name are called by their order, which a merger must not change
        raise InputError(f"data: expected data sets of different names; got {listed(list(data), 10)}")
    return shown, made


def _data(first: tuple[str, Study], second: tuple[str, Study]) -> dict[str, Any]:
    """The data sets of both by name; where a table lies is another place on another machine."""
    (shown, mine), (other_shown, other) = first, second
    found = dict(mine.sources())
    lines = []
    for name, source in other.sources().items():
        known, read = (one.model_dump(exclude={"location", "test"}) for one in (found.setdefault(name, source), source))
        lines += [
            f"data {name}: expected one {field}; got {_words(known[field])} in {shown} and {_words(read[field])} in "
            f"{other_shown}"
            for field in known
            if known[field] != read[field]
        ]
    if lines:
        raise InputError(*lines)
    return found


def _variants(mine: Study, other: Study) -> tuple[Any, ...]:
    """The entries of both, those of the second without what the first has, whatever it calls it."""
    known = [(one.technique, one.overrides()) for one in mine.variant]
    entries = [*mine.variant, *(one for one in other.variant if (one.technique, one.overrides()) not in known)]
    there = {one.name for one in resolve_variants(mine)}
    labels = {one.label for one in resolve_variants(mine)}
    added = []
    for entry in entries[len(mine.variant) :]:
        own = resolve_variants(other.model_copy(update={"variant": (entry,), "combine": (), "greedy": False}))
        new = [one for one in own if one.name not in there and one.techniques]
        if not new and any(one.techniques for one in own):
            continue  # it is typed otherwise, and the same
        twice = next((one.label for one in new if one.label in labels), None)
        if twice is not None:
            raise InputError(f"variant label: expected one technique called {twice}; got two, {new[0].name} among them")
        added.append(entry)
    return (*mine.variant, *added)


def _fingerprints(mine: Study, other: Study, names: tuple[str, ...]) -> tuple[str, ...]:
    """The hash of the model of the user's own for each data set."""
    pairs = [dict(zip(one.names, one.model.fingerprints, strict=False)) for one in (mine, other)]
    found: list[str] = []
    for name in names:
        prints = list(dict.fromkeys(pair[name] for pair in pairs if pair.get(name)))
        if len(prints) > 1:
            raise InputError(f"model.fingerprints: expected one model for {name}; got two")
        found += prints
    return tuple(found)


def _facts(parts: Sequence[_Part]) -> dict[str, DataFacts]:
    """What is known of the data sets; raises InputError where two parts had other rows under one name."""
    found: dict[str, tuple[str, DataFacts]] = {}
    lines = []
    for part in parts:
        for name, facts in part.facts.data.items():
            shown, known = found.setdefault(name, (part.shown, facts))
            if part.shown != shown and not (known.sha256 and facts.sha256):
                lines.append(f"data {name}: expected a record of its rows in {shown} and {part.shown}; got none")
            if not known.references:  # a part without reference rows does not know them
                found[name] = (
                    shown,
                    known.model_copy(update={"references": facts.references, "references_note": facts.references_note}),
                )
            for field, called in SAME_FACTS.items():
                mine, other = getattr(known, field), getattr(facts, field)
                unknown = field in RECORDED_LATER and not (mine and other)
                if mine != other and not unknown:
                    got = "others" if field == "sha256" else f"{_words(mine)} in {shown} and {_words(other)}"
                    lines.append(f"data {name}: expected the {called} of {shown}; got {got} in {part.shown}")
    if lines:
        raise InputError(*lines)
    together = {name: facts for name, (_, facts) in found.items()}
    if twice := same_rows(together):
        raise InputError(f"data: {twice}")
    return together


def _chosen(parts: Sequence[_Part]) -> tuple[list[set[str]], int, tuple[str, ...]]:
    """The keys that each part gives, how many trials were there twice, and what to say of these.

    Raises InputError, a line for each, where they do not agree.
    """
    chosen: list[set[str]] = [set() for _ in parts]
    owner: dict[str, int] = {}
    lines: list[str] = []
    equal, near = 0, 0
    for number, part in enumerate(parts):
        trials = part.results.trials.set_index("key", drop=False)
        both: dict[int, list[str]] = {}
        for key in trials["key"]:
            if key in owner:
                both.setdefault(owner[key], []).append(key)
            else:
                owner[key] = number
                chosen[number].add(key)
        for there, keys in both.items():
            first = parts[there].results.trials.set_index("key", drop=False)
            failed = [set(one.loc[one["status"] == "failed", "key"]) for one in (first, trials)]
            for key in (failed[0] - failed[1]).intersection(keys):  # what failed once and finished once has finished
                owner[key] = number
                chosen[there].discard(key)
                chosen[number].add(key)
            finished = [key for key in keys if key not in failed[0] | failed[1]]
            found, tolerated = _conflicts(parts[there], part, first, trials, finished)
            lines += found
            equal += len(finished) - tolerated
            near += tolerated
    _refuse_others(parts, chosen, lines)
    if lines:
        more = len(lines) - MOST_CONFLICTS
        raise InputError(*lines[:MOST_CONFLICTS], *([f"and {more:,} conflicts more"] if more > 0 else []))
    said = []
    if equal:
        said.append(f"{count(equal, 'trial')} {'was' if equal == 1 else 'were'} there twice, the same to the last bit.")
    if near:
        many = f"{count(near, 'trial')} {'was' if near == 1 else 'were'} there twice"
        said.append(
            f"{many}, not the same to the last bit, as on other machines or versions; the scores agree within what "
            "matters, and the first one counts."
        )
    return chosen, equal + near, tuple(said)


def _refuse_others(parts: Sequence[_Part], chosen: Sequence[set[str]], lines: list[str]) -> None:
    """Trials of one variant, data set and seed with other keys came of other settings."""
    import pandas as pd

    columns = ["dataset", "variant", "seed", "key"]
    frames = [
        part.results.trials[part.results.trials["key"].isin(keys)][columns].assign(part=part.shown)
        for part, keys in zip(parts, chosen, strict=True)
    ]
    every = pd.concat(frames)
    twice = every[every.duplicated(columns[:3], keep=False)]
    for (dataset, variant, seed), rows in twice.groupby(columns[:3], sort=True):
        keys, places = rows["key"].tolist(), rows["part"].tolist()
        lines.append(
            f"{variant} on {dataset}, seed {seed}: expected one trial; got {keys[0]} in {places[0]} and {keys[1]} in "
            f"{places[1]}, of other settings or data"
        )


def _conflicts(
    first: _Part, second: _Part, mine: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str]
) -> tuple[list[str], int]:
    """A line for each trial of both that does not agree, and how many agree within what matters alone."""
    if not keys:
        return [], 0
    exact = _one_machine(first.facts, second.facts)
    details = differing_details(first.results, second.results, keys)
    columns = [name for name in mine.columns if name not in NOT_COMPARED | SAID and name in other.columns]
    rows = [{str(row["key"]): row for row in table.loc[list(keys)].to_dict("records")} for table in (mine, other)]
    lines, near = [], 0
    for key in keys:
        one, two = rows[0][key], rows[1][key]
        names = [name for name in columns if not _alike(one[name], two[name])]
        if not names and key not in details:
            continue
        metric = _judging(first.study, one)
        what = _conflict(one, two, names, metric, details.get(key, ""), exact=exact)
        if what is None:
            near += 1
            continue
        where = f"{one['variant']} on {one['dataset']}, seed {one['seed']}"
        name, (mine_is, other_is) = what
        got = f"{name} {mine_is} in {first.shown} and {other_is} in {second.shown}"
        lines.append(f"{where}: expected one result; got {got}")
    return lines, near


def _judging(study: Study, trial: Mapping[Any, Any]) -> Metric:
    """What the study judges a trial by."""
    tasks: tuple[Task, ...] = ("classification", "regression")
    usual = [default_metric(task) for task in tasks]
    scored = [name for name in usual if not _alike(trial[f"last_test_{name}"], None)]
    return METRICS[study.analysis.metric or next(iter(scored), usual[0])]


def _conflict(
    one: Mapping[Any, Any], two: Mapping[Any, Any], names: Sequence[str], metric: Metric, detail: str, *, exact: bool
) -> tuple[str, tuple[object, object]] | None:
    """The column in which two trials conflict with its values; None where they agree within what matters."""
    if exact:
        scores = [name for name in names if name in (*METRIC_COLUMNS, *CORRECT_COLUMNS)]
        if not names:
            return detail, ("other values", "others")
        name = next(iter([one for one in scores if f"test_{metric.name}" in one] or scores or names))
        return name, (one[name], two[name])
    for name in ("status", "n_train", "n_val", "n_test", "weights"):
        if name in names:
            return name, (one[name], two[name])
    if one["status"] != "done":
        return None
    name = f"last_test_{metric.name}"
    mine, other = float(one[name]), float(two[name])
    allowed = max(metric.rope_at(mine), 1.0000001 / one["n_test"] if metric.counts and one["n_test"] else 0.0)
    if _alike(mine, other) or abs(mine - other) <= allowed:
        return None
    return name, (one[name], two[name])


def _alike(one: Any, two: Any) -> bool:
    missing = [value is None or (isinstance(value, float) and math.isnan(value)) for value in (one, two)]
    return all(missing) or (not any(missing) and bool(one == two))


def _one_machine(first: Provenance, second: Provenance) -> bool:
    """Whether equal trials have equal bits: one kind of machine, and one version of what trains."""
    hardware, versions = EXACT
    return all(first.hardware.get(name) == second.hardware.get(name) for name in hardware) and all(
        first.versions.get(name) == second.versions.get(name) for name in versions
    )


def _provenance(parts: Sequence[_Part], chosen: Sequence[set[str]], data: Mapping[str, DataFacts]) -> Provenance:
    """Where the merged results come from."""
    facts = [part.facts for part in parts]
    later = tuple(dict.fromkeys(one for each in facts for one in each.later))
    runs = {one.model_dump_json(): one for each in facts for one in each.runs}
    merged = [
        Source(place=part.shown, trials=len(keys), versions=part.facts.versions, hardware=part.facts.hardware)
        for part, keys in zip(parts, chosen, strict=True)
    ]
    return Provenance(
        versions={
            name: _all_of(one.versions.get(name) for one in facts) for name in _names(one.versions for one in facts)
        },
        hardware={
            name: value if len(values) == 1 else " and ".join(map(str, values))
            for name in _names(one.hardware for one in facts)
            for values in [list(dict.fromkeys(one.hardware[name] for one in facts if name in one.hardware))]
            for value in values[:1]
        },
        commit=_all_of(one.commit for one in facts) or None,
        data=dict(data),
        runs=tuple(sorted(runs.values(), key=lambda one: one.started)),
        chosen=tuple(dict.fromkeys(text for one in facts for text in one.chosen)),
        chosen_later=later or None,
        merged=tuple(merged),
    )


def _names(tables: Any) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))


def _all_of(values: Any) -> str:
    return " and ".join(dict.fromkeys(value for value in values if value))


def _concluded(place: Place, parts: Sequence[_Part]) -> StudyConclusion:
    """The analysis of what was merged, with its report."""
    contents: dict[str, pd.DataFrame] = {}
    for part in parts:
        for name, table in kept_contents(part.results.place).items():
            before = contents.get(name)
            contents[name] = table if before is None else _both(before, table)
    found = judge(*read_results(place))
    if contents and any(dataset.predicted for dataset in found.summary.datasets):
        found = replace(found, contents=contents)
    return replace(found, report=write(place, found))


def _both(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    table = pd.concat([first, second])
    kept: pd.DataFrame = table[~table.index.duplicated()].sort_index().fillna("")
    return kept


def _flat(fields: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
    return found


def _words(value: Any) -> str:
    if value in (None, "", (), []):
        return "none"
    return listed([str(one) for one in value], 8) if isinstance(value, tuple | list) else str(value)
