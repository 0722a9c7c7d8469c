"""A run in one small file that a repository can keep: scores by seed and, packed, which test rows were right."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regfleet import files
from regfleet.analysis.cells import Cells
from regfleet.analysis.judging import RULED
from regfleet.analysis.runs import Runs, scores_alone
from regfleet.concluding.sides import Side, StoredSide, stored_side
from regfleet.errors import InputError
from regfleet.metrics import METRICS, metrics_of
from regfleet.planning.resolved import resolve
from regfleet.results import DataFacts
from regfleet.settings import read_study
from regfleet.text import one_line, reason

if TYPE_CHECKING:
    from regfleet.metrics import Metric
    from regfleet.settings.values import Task

FORMAT: Literal[1] = 1
MOST_BYTES = 100_000
"""What a file has at most, so that it may be kept in a repository: beyond, it holds fewer metrics, then no rows."""
MOST_READ = files.MB
MOST_CELLS = 10_000_000
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeptVariant(_Record):
    """A variant on a data set: the seeds that it finished and lost, and each metric over the former, null for no value.

    ``right``: for each test row of each finished seed in order whether its class was predicted, as bits, compressed, in
    base 64; empty where that is not kept.
    """

    seeds: tuple[Seed, ...]
    failed: tuple[Seed, ...] = ()
    diverged: tuple[Seed, ...] = ()
    scores: dict[str, tuple[Number | None, ...]]
    right: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        every = [*self.seeds, *self.failed, *self.diverged]
        if len(set(every)) < len(every) or any(
            list(part) != sorted(part) for part in (self.seeds, self.failed, self.diverged)
        ):
            raise ValueError("expected each seed once, in ascending order")
        for name, values in self.scores.items():
            if name not in METRICS:
                raise ValueError(f"expected metrics of regfleet; got {name}")
            if len(values) != len(self.seeds):
                raise ValueError(f"expected {len(self.seeds)} values of {name}, one for each seed; got {len(values)}")
        return self


class KeptSet(_Record):
    """A data set: its facts, what is predicted, training, validation and test rows of a seed, and its variants.

    ``tests``: by seed the number of its test rows, and a hash of which they are and what is true of them.
    """

    facts: DataFacts
    task: Literal["classification", "regression"]
    sizes: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=3, max_length=3)]
    tests: dict[str, tuple[Annotated[int, Field(ge=0, lt=2**31)], str]] = {}
    variants: dict[str, KeptVariant]


class Baseline(_Record):
    """The file. ``study`` is the text of its TOML file; the rest is as in provenance.json."""

    regfleet_baseline: Literal[1]
    study: str
    at: Literal["last", "best"]
    versions: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    commit: str = ""
    finished: str = ""
    sets: dict[str, KeptSet]

    def text(self) -> str:
        """The file's text: a line for each field, and for each data set and variant."""
        table = self.model_dump(mode="json", exclude_defaults=True)
        sets = table.pop("sets")
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in table.items()]
        blocks = []
        for name, one in sets.items():
            variants = one.pop("variants")
            own = [f"{json.dumps(field)}: {json.dumps(value)}" for field, value in one.items()]
            of_variants = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in variants.items())
            blocks.append(
                f"{json.dumps(name)}: {{\n" + ",\n".join([*own, f'"variants": {{\n{of_variants}\n}}']) + "\n}"
            )
        return "{\n" + ",\n".join([*lines, '"sets": {\n' + ",\n".join(blocks) + "\n}"]) + "\n}\n"


def is_baseline(content: bytes) -> bool:
    """Whether a file begins as `Baseline.text` does."""
    return content.startswith(b'{\n"regfleet_baseline": ')


def baseline_of(directory: str) -> tuple[str, tuple[str, ...]]:
    """The text of the file for a results directory, and sentences on what it leaves out to stay small."""
    side = stored_side(directory)
    whole = _kept(side, rows=True, every=True)
    if not any(one.seeds for part in whole.sets.values() for one in part.variants.values()):
        raise InputError(f"{directory}: expected trials that finished; got none")
    has_rows = any(one.right for part in whole.sets.values() for one in part.variants.values())
    notes = (
        []
        if has_rows
        else ["no row is kept, because the results have no predictions of classes: a check compares seeds"]
    )
    text, left_out = whole.text(), ""
    for rows, words in ((True, "other metrics are"), (False, "other metrics, and which rows were right, are")):
        if len(text) > MOST_BYTES:
            text, left_out = _kept(side, rows=rows, every=False).text(), words
    if left_out:
        notes.append(f"{left_out} left out, to keep the file below {files.size(MOST_BYTES)}")
    if len(text) > MOST_BYTES:
        notes.append(f"the file has {files.size(len(text))}: a study of fewer variants or seeds makes a smaller one")
    return text, tuple(notes)


def _kept(side: StoredSide, *, rows: bool, every: bool) -> Baseline:
    return Baseline(
        regfleet_baseline=FORMAT,
        study=side.study.toml(),
        at=side.question.at,
        versions=dict(side.versions),
        hardware=dict(side.hardware),
        commit=side.commit,
        finished=side.finished,
        sets={name: _kept_set(side, name, rows=rows, every=every) for name in side.sizes},
    )


def _kept_set(side: StoredSide, dataset: str, *, rows: bool, every: bool) -> KeptSet:
    task, own = side.task(dataset), side.question.metric.name
    metrics = [METRICS[name] for name in metrics_of(task) if every or name == own]
    found = {one.name: side.runs(dataset, one, side.question.at, {}) for one in metrics}
    main = found[own] if own in found else next(iter(found.values()))
    status = side.trials[side.trials["dataset"] == dataset].set_index(["variant", "seed"])["status"]
    tests: dict[str, tuple[int, str]] = {}
    variants = {}
    for name, runs in main.items():
        scores = {metric: _numbers(of[name], runs) for metric, of in found.items()}
        cells = found.get("accuracy", {}).get(name, runs).cells if rows else None
        cells = None if cells is None else cells.at(runs.seeds)
        if cells is not None:
            tests |= {str(seed): mark for seed, mark in _marks(cells).items()}
        failed = {int(seed) for seed in runs.lost if status[name, seed] == "failed"}
        variants[name] = KeptVariant(
            seeds=tuple(runs.seeds.tolist()),
            failed=tuple(sorted(failed)),
            diverged=tuple(seed for seed in runs.lost.tolist() if seed not in failed),
            scores={metric: values for metric, values in scores.items() if any(one is not None for one in values)},
            right="" if cells is None else _packed(cells),
        )
    return KeptSet(facts=side.data[dataset], task=task, sizes=side.sizes[dataset], tests=tests, variants=variants)


def _numbers(runs: Runs, main: Runs) -> tuple[float | None, ...]:
    """The scores on the seeds of ``main``; None where a metric has none."""
    known = dict(zip(runs.seeds.tolist(), runs.scores.tolist(), strict=True))
    values = [known.get(seed, math.nan) for seed in main.seeds.tolist()]
    return tuple(value if math.isfinite(value) else None for value in values)


def _marks(cells: Cells) -> dict[int, tuple[int, str]]:
    """By seed the number of test rows and their hash."""
    return {
        int(seed): (part.stop - part.start, _hash(cells, part))
        for seed, part in zip(cells.seeds, cells.slices(len(cells.seeds)), strict=True)
    }


def _hash(cells: Cells, part: slice) -> str:
    rows, targets = cells.rows[part].astype("<i4"), cells.targets[part].astype("<f8")
    return hashlib.sha256(rows.tobytes() + targets.tobytes()).hexdigest()[:16]


def _packed(cells: Cells) -> str:
    return base64.b64encode(zlib.compress(np.packbits(cells.right).tobytes(), 9)).decode()


def _unpacked(text: str, many: int) -> np.ndarray:
    """The bits of so many rows; raises ValueError for any other text."""
    try:
        engine = zlib.decompressobj()
        content = engine.decompress(base64.b64decode(text, validate=True), (many + 7) // 8 + 1)
    except (zlib.error, binascii.Error):
        raise ValueError("expected compressed bits in base 64") from None
    if len(content) != (many + 7) // 8:
        raise ValueError(f"expected the bits of {many} test rows")
    return np.unpackbits(np.frombuffer(content, np.uint8), count=many).astype(bool)


@dataclass(frozen=True)
class KeptSide(Side):
    """A baseline file."""

    kept: Baseline = field(repr=False)

    def task(self, dataset: str) -> Task:
        """As it says."""
        return self.kept.sets[dataset].task

    def runs(self, dataset: str, metric: Metric, at: str, beside: Mapping[str, Runs]) -> dict[str, Runs]:
        """From the file; rows that were right are told by those of ``beside`` that tested the same ones."""
        part = self.kept.sets[dataset]
        if at != self.kept.at:
            raise InputError(
                f"{self.shown}: expected scores at the {at} epoch, which the later study judges; got {self.kept.at}"
            )
        if not any(metric.name in one.scores for one in part.variants.values()):
            known = [
                name for name in metrics_of(part.task) if any(name in one.scores for one in part.variants.values())
            ]
            raise InputError(
                f"--metric: expected one that {self.shown} keeps ({', '.join(known)}), or the results directory that "
                f"it was made of instead of the file; got {metric.name}"
            )
        tested: dict[tuple[str, str], tuple[Cells, slice]] = {}
        for cells in {id(one.cells): one.cells for one in beside.values() if one.cells is not None}.values():
            parts = zip(cells.seeds, cells.slices(max(1, len(cells.seeds))), strict=True)
            tested |= {(str(seed), _hash(cells, where)): (cells, where) for seed, where in parts}
        return {
            name: self._runs(one, metric, part, tested if metric.name in RULED else {})
            for name, one in part.variants.items()
            if metric.name in one.scores or not one.seeds
        }

    def _runs(
        self, one: KeptVariant, metric: Metric, part: KeptSet, tested: Mapping[tuple[str, str], tuple[Cells, slice]]
    ) -> Runs:
        values = np.array([math.nan if v is None else v for v in one.scores.get(metric.name, ())], np.float64)
        seeds, known = np.array(one.seeds, np.int64), np.isfinite(values)
        lost = np.sort(np.concatenate([seeds[~known], np.array([*one.failed, *one.diverged], np.int64)]))
        return scores_alone(seeds[known], values[known], lost, len(one.failed), self._cells(one, part, tested))

    def _cells(
        self, one: KeptVariant, part: KeptSet, tested: Mapping[tuple[str, str], tuple[Cells, slice]]
    ) -> Cells | None:
        if not one.right or not tested:
            return None
        marks = [part.tests.get(str(seed), (0, "")) for seed in one.seeds]
        ends = np.cumsum([many for many, _ in marks])
        if not len(ends) or ends[-1] > MOST_CELLS:
            return None
        try:
            right = _unpacked(one.right, int(ends[-1]))
        except ValueError as problem:
            raise InputError(f"{self.shown}: expected what regfleet baseline writes; got right: {problem}") from None
        found = []
        for seed, (many, mark), end in zip(one.seeds, marks, ends, strict=True):
            there = tested.get((str(seed), mark))
            if there is not None and there[1].stop - there[1].start == many:
                found.append((seed, *there, right[end - many : end]))
        if not found:
            return None
        rows = np.concatenate([cells.rows[where] for _, cells, where, _ in found])
        targets = np.concatenate([cells.targets[where] for _, cells, where, _ in found])
        hits = np.concatenate([bits for *_, bits in found])
        return Cells(
            seeds=np.array([seed for seed, *_ in found], np.int64),
            counts=np.array([len(bits) for *_, bits in found], np.intp),
            rows=rows,
            targets=targets,
            said=np.where(hits, targets, -1).astype(np.int32),
            sure=np.full(len(rows), np.nan, np.float32),
            brier=np.full(len(found), np.nan),
            classes=found[0][1].classes,
        )


def side_of(location: str) -> Side:
    """The side of a results directory, its URL or a baseline file; raises InputError or ResultsError for another."""
    if "://" not in location and files.is_other(location):
        return read_baseline(location)
    if location.endswith(".json") and "://" not in location:
        raise InputError(f"{location}: expected a results directory or a baseline file; got no file")
    return stored_side(location)


def read_baseline(location: str) -> KeptSide:
    """The side of a baseline file; raises InputError, a line on the field, for any other file."""
    what = f"{location}: expected what regfleet baseline writes; got"
    try:
        table = json.loads(files.read_text(location, MOST_READ))
    except OSError as problem:
        raise InputError(f"{what} {reason(problem)}") from None
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{what} no JSON ({one_line(problem, 120)})") from None
    version = table.get("regfleet_baseline") if isinstance(table, dict) else None
    if type(version) is not int:
        raise InputError(f"{what} another JSON file")
    if version != FORMAT:
        raise InputError(f"{location}: expected a baseline of format {FORMAT}; got {version}, of another regfleet")
    try:
        kept = Baseline.model_validate_json(json.dumps(table))
        study = read_study(tomllib.loads(kept.study), source=location)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{what} {one_line(place, 200)}: {one_line(first['msg'], 200)}") from None
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{what} study: {one_line(problem, 200)}") from None
    data = {name: one.facts for name, one in kept.sets.items()}
    resolved = resolve(study, data)
    return KeptSide(
        shown=location,
        study=study,
        question=replace(resolved.question, halves=False, at=kept.at),
        labels={one.name: one.label for one in resolved.variants},
        data=data,
        sizes={name: (one.sizes[0], one.sizes[1], one.sizes[2]) for name, one in kept.sets.items()},
        versions=kept.versions,
        hardware=kept.hardware,
        commit=kept.commit,
        finished=kept.finished,
        kept=kept,
    )
