"""What trackers are told of a study: its settings, its trials as they come or as they are stored, and how it ended."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.errors import ResultsError
from regfleet.results import CORRECT_COLUMNS, METRIC_COLUMNS
from regfleet.results.parts import trial_row
from regfleet.settings.values import whole_name
from regfleet.text import bounded, elide, masked, one_line
from regfleet.tracking import Ending, Feed, TrackedStudy, TrackedTrial, Value, tracker_of
from regfleet.trials import HISTORY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from regfleet.concluding.judge import StudyConclusion
    from regfleet.planning.resolved import Resolved
    from regfleet.results import Place, Provenance, Store, Stored
    from regfleet.settings.values import Variant
    from regfleet.trials import Outcome

FILES = ("report.html", "leaderboard.csv", "study.toml")
"""Of a results directory: what a tracker gets at the end."""
_FACTS = ("engine", "execution", "n_train", "n_val", "n_test", "weights", "host", "device")
_NUMBERS = ("best_epoch", "diverged_at", "epochs_run", "seconds", "trace_seconds", *METRIC_COLUMNS, *CORRECT_COLUMNS)
"""Columns of a trial that are its parameters beside its settings, and its metrics."""


@dataclass
class Tracking(AbstractContextManager["Tracking"]):
    """The trackers called ``names`` during a run of the study in ``place``; without any it does nothing."""

    names: Sequence[str]
    place: Place
    note: Callable[[str], None]
    make: Callable[[str], Any] = tracker_of
    _feeds: list[Feed] = field(default_factory=list)
    _record: Callable[..., TrackedTrial] | None = None
    _ended: bool = False

    def marked(self, before: Provenance) -> Provenance:
        """The provenance with what trackers know these results by, which stays with them."""
        return before.model_copy(update={"tracked": before.tracked or token_hex(16)}) if self.names else before

    def begin(self, resolved: Resolved, store: Store, mark: str | None, command: str) -> None:
        """Begin the study in every tracker, or go on with it."""
        if not self.names:
            return
        self._resolved, self._store = resolved, store
        study = tracked_study(resolved, self.place, str(mark), command)
        self._feeds += [Feed(name, partial(self.make, name), study, self.note) for name in self.names]

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Have trials logged that have just been kept."""
        for outcome in outcomes if self._feeds else ():
            variant = self._store.variants[outcome.trial.variant]
            trial = tracked_trial(self._resolved, variant, trial_row(outcome, variant), outcome.history)
            for feed in self._feeds:
                feed.offer(trial)

    def end(self, done: StudyConclusion, *, interrupted: bool) -> None:
        """Log what the results hold and trackers do not, then the report."""
        if not self._feeds:
            return
        with TemporaryDirectory(prefix="regfleet-") as folder:
            ending = _ending(done, self.place, Path(folder), interrupted=interrupted)
            left = (lambda _: ()) if interrupted else partial(self._left, done.results)
            self._finish(ending, left)

    def _left(self, results: Stored, there: Collection[str]) -> Iterator[TrackedTrial]:
        """The trials of the study that are stored and not in ``there``, some whole variants at a time."""
        rows = results.trials
        names = [one for one in rows["dataset"].unique() if whole_name(one) in self._resolved.study.names]
        rows = rows[~rows["key"].isin(there) & rows["variant"].isin(self._store.variants)]
        for dataset in names:
            own = rows[rows["dataset"] == dataset]
            found = {(row["variant"], row["seed"]): row for row in own.to_dict("records")}
            for (variant, seed), history in _histories(results, dataset) if found else ():
                if row := found.pop((variant, seed), None):
                    yield tracked_trial(self._resolved, self._store.variants[variant], row, history)
            for row in found.values():  # which have no history: failed ones, and references
                yield tracked_trial(self._resolved, self._store.variants[row["variant"]], row, {})

    def _finish(self, ending: Ending, left: Callable[[Collection[str]], Any]) -> None:
        self._ended = True
        deadline = time.monotonic() + patience.SECONDS.trackers
        for feed in self._feeds:
            try:
                feed.finish(ending, left, deadline)
            except (ResultsError, OSError) as problem:  # of the results, which were whole a moment ago
                self.note(f"{feed.name}: not all is logged ({problem})")

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            self._finish(Ending(), lambda _: ())


def tracked_study(resolved: Resolved, place: Place, mark: str, command: str) -> TrackedStudy:
    """The study as trackers see it."""
    study = resolved.study
    names = study.names if len(study.names) < 4 else (f"{len(study.names)} data sets",)
    title = Path(place.shown).name or place.shown
    settings: dict[str, Any] = {"split": study.split, "engine": study.engine, "model": str(resolved.model)}
    settings |= {"variants": len(resolved.variants), "datasets": ", ".join(study.names)}
    settings |= {"tune": study.tune, "interval": study.interval} | _training(study.training)
    return TrackedStudy(
        mark=mark,
        name=elide(masked(f"{', '.join(names)} ({title})"), 200),
        folder=place.local,
        score=f"{resolved.question.at}_test_{resolved.question.metric.name}",
        toml=masked(study.toml()),
        command=masked(command),
        parameters=_values(settings),
    )


def tracked_trial(
    resolved: Resolved, variant: Variant, row: Mapping[str, Any], history: Mapping[str, Any]
) -> TrackedTrial:
    """A row of the trials, with its history, as trackers see it."""
    strengths = [strength for one in variant.techniques for strength in one.values]
    dataset, seed = str(row["dataset"]), int(row["seed"])
    settings = {
        "dataset": dataset,
        "seed": seed,
        "variant": variant.name,
        "label": variant.label,
        "control": variant.control,
        "technique": variant.reference or "+".join(one.name for one in variant.techniques) or "none",
        "strength": strengths[0] if len(strengths) == 1 else None,
        "place": "+".join(dict.fromkeys(one.place for one in variant.techniques if one.place)),
        "split": resolved.study.split,
        "model": str(resolved.model),
    }
    settings |= _chosen(row.get("tuning"))
    if variant.reference:
        del settings["model"]
    else:
        settings |= _training(variant.training)
    label = f"{variant.label}, seed {seed}"
    return TrackedTrial(
        key=str(row["key"]),
        name=elide(masked(f"{dataset}: {label}" if len(resolved.parts) > 1 else label), 200),
        dataset=dataset,
        variant=variant.name,
        seed=seed,
        status=row["status"],
        parameters=_values(settings | {name: row.get(name) for name in _FACTS}),
        history={name: values for name, values in history.items() if len(values)},
        metrics={name: number for name in _NUMBERS if (number := _number(row.get(name))) is not None},
        error=masked(one_line(row.get("error") or "")),
    )


def _chosen(tuning: Any) -> dict[str, Any]:
    """What a trial chose of each that varied, as ``tuned_learning_rate``; nothing where it was not tuned."""
    with suppress(ValueError, TypeError, KeyError, IndexError):
        tried = json.loads(tuning)
        values = zip(tried["names"], tried["settings"][tried["chosen"]], strict=True)
        return {f"tuned_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}": value for name, value in values}
    return {}


def _training(training: Any) -> dict[str, Any]:
    return {**training.model_dump(), "learning_rate": training.rate}


def _values(settings: Mapping[str, Any]) -> dict[str, Value]:
    """The settings that say something, texts without credentials."""
    found: dict[str, Value] = {}
    for name, value in settings.items():
        if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
            continue
        found[name] = value if type(value) in {int, float, bool} else masked(bounded(str(value)))
    return found


def _number(value: Any) -> float | None:
    """A finite number; None for anything else, such as what is missing in a frame."""
    with suppress(TypeError, ValueError):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def _histories(results: Stored, dataset: str) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """Variant and seed of each trial on a data set, and its history."""
    for frame in results.curves(dataset):
        whole = frame.drop_duplicates(["variant", "seed", "epoch"]).sort_values("epoch")
        for trial, own in whole.groupby(["variant", "seed"], observed=True):
            variant, seed = map(str, trial)
            measured = own[list(HISTORY_COLUMNS)].dropna(axis="columns", how="all")
            yield (variant, int(seed)), {str(name): measured[name].to_numpy() for name in measured}


def _ending(done: StudyConclusion, place: Place, folder: Path, *, interrupted: bool) -> Ending:
    """What a tracker gets at the end; the files of a bucket lie in ``folder`` for the moment."""
    paths = []
    for name in FILES:
        path = (place.local or folder) / name
        if place.local is None:
            with suppress(OSError, ResultsError):
                path.write_bytes(place.read(name))
        if path.is_file():
            paths.append(path)
    datasets = done.summary.datasets
    facts = done.facts
    return Ending(
        sentences=tuple(
            f"{one.dataset}: {text}" if len(datasets) > 1 else text for one in datasets for text in one.headline
        ),
        files=tuple(paths),
        report=str(done.report or ""),
        metrics={
            "trials_planned": facts.planned,
            "trials_finished": facts.finished,
            "trials_failed": len(done.failures),
        },
        interrupted=interrupted,
    )
