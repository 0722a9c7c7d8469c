"""From a study to its report: the lines that join the stages."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from regfleet.analysis import GLANCE
from regfleet.concluding.judge import StudyConclusion, batch_notes, conclude, kept_study
from regfleet.data import BUILTIN, load_builtin
from regfleet.data.dataset import table_of
from regfleet.errors import InputError, ResultsError
from regfleet.fleet import Fleet, FleetSettings, InProcess, check_address, ray_fleet
from regfleet.functions import meanwhile
from regfleet.metrics import metrics_of
from regfleet.models.travel import check_travels
from regfleet.numbers import duration
from regfleet.planning.plan import fits_per_seed, shared_bytes
from regfleet.planning.presets import preset_of
from regfleet.planning.references import reference_variants
from regfleet.planning.resolved import resolve
from regfleet.planning.variants import resolve_variants
from regfleet.report.page import refuse_foreign
from regfleet.results import (
    Choice,
    Place,
    Provenance,
    Store,
    load,
    place_of,
    read_provenance,
    reporting,
    study_seal,
    write_study,
)
from regfleet.running.logs import log_to
from regfleet.running.origin import Beginning, provenance
from regfleet.running.prepare import NOTHING, Given, check, prepare
from regfleet.running.preview import rough_seconds, study_there
from regfleet.running.tracked import Tracking
from regfleet.running.train import Session, Watch
from regfleet.running.trial import encode, fork_server, run_chunk, warm_up
from regfleet.running.worth import LEAST, asked, workers_for
from regfleet.settings import seeds_text
from regfleet.settings.values import Reference
from regfleet.techniques import Facts, why_unfit
from regfleet.tracking import check_trackers
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from regfleet.results import DataFacts, Reporter, Stored
    from regfleet.running.prepare import Prepared
    from regfleet.running.train import Work
    from regfleet.settings import Study
    from regfleet.settings.values import Variant

log = logging.getLogger("regfleet")


def run(  # noqa: PLR0913 - a study, where it goes, and what may stand in for each stage
    study: Study,
    out: str | Path | Place,
    *,
    fleet: FleetSettings | None = None,
    in_process: bool = False,
    command: str = "regfleet.compare(…)",
    watch: Watch | None = None,
    given: Given = NOTHING,
    trackers: Sequence[str] = (),
    work: Work = run_chunk,
) -> StudyConclusion:
    """Train what the results directory ``out`` does not hold yet, analyse all of it and write the report.

    ``given`` is what is in memory already, ``work`` what a worker does with a chunk. ``trackers``: names of those that
    get every trial too.
    Ctrl-C, or the loss of the cluster, ends the training; what is finished is kept, analysed and reported, with
    ``interrupted`` set. Raises InputError, ResultsError or FleetError.
    """
    place, watch, beginning = place_of(out), watch or Watch(), Beginning()
    fleet = fleet or FleetSettings()
    trackers = check_trackers(trackers, place.local)
    check(study, sources=given == NOTHING)
    there = study_there(place)
    with fleet.forks or fork_server() as forks:
        fleet = replace(fleet, environment=runtime.ENVIRONMENT, forks=forks)
        # A new directory needs workers for certain: they import TensorFlow while all else begins.
        if there is None and not (in_process or fleet.address):
            forks.start()
        else:
            forks.stop()
        get_ready = partial(prepare, given=given, there=there, note=watch.note, gpu=in_process)
        # Nothing is written before data and model of the user's own were seen to be right. What is built in is right;
        # only for more workers than a small machine has it matters how much work it is.
        waits = not in_process and (asked(fleet) or 0) > LEAST
        ready = get_ready(study) if waits or not _holds_nothing_own(study, given) else None
        if ready:
            fleet = replace(fleet, data_bytes=sum(map(shared_bytes, ready.datasets.values())))
            _look_over(ready, fleet, watch, in_process=in_process)
        if fleet.address:
            check_address(fleet.address)
        study = _with_kept_seeds(ready.resolved.study if ready else study, place)
        tracking = Tracking(trackers, place, watch.note)
        with (
            place.claim(),
            place.appending("regfleet.log") as log_file,
            log_to(log_file),
            reporting(place) as reporter,
            tracking,
        ):
            refuse_foreign(place)
            log.info("%s", command)
            with _Workers(fleet, watch, reporter, in_process=in_process) as workers:
                if not place.exists("study.toml"):
                    workers.start_early(study, ready)
                ready = (ready or get_ready(study)).as_kept(study)
                before = tracking.marked(_before(place, ready.chosen))
                watch.judge(ready.resolved.question)
                store, results, later = _opened(ready, place, before, watch)
                facts = partial(
                    provenance,
                    before,
                    command=command,
                    data=ready.resolved.data,
                    beginning=beginning,
                    chosen_later=later or None,
                )
                workers.limit(ready, results)
                # Whatever becomes of this run, its trials can be analysed.
                _record(place, facts(fleet=workers.description, trained=0), {*results.trials["key"]})
                start = partial(workers.start, ready.resolved.trained)
                tracking.begin(ready.resolved, store, before.tracked, command)
                session = Session(ready, store, start, work, watch, reporter, tracking.take)
                interrupted = session.run(results)
            store.merge()
            tried = session.tried
            _record(place, facts(fleet=workers.description, trained=len(tried)), {*results.trials["key"], *tried})
            tables = {name: table_of(dataset) for name, dataset in ready.datasets.items()}
            done = conclude(place, tables={name: table for name, table in tables.items() if table is not None})
            lost = [str(problem) for problem in done.results.problems if problem.kind == "missing"]
            for text in lost:
                log.error("%s", text)
                watch.note(text)
            tracking.end(done, interrupted=interrupted)
            return replace(done, interrupted=interrupted or bool(lost))


def _look_over(ready: Prepared, fleet: FleetSettings, watch: Watch, *, in_process: bool) -> None:
    """Say how much a study of many variants is; raises InputError for a model that cannot go to workers."""
    if any(map(preset_of, ready.resolved.study.variant)):
        count, took = ready.plan().counts.total(), duration(rough_seconds(ready, fleet.workers))
        watch.note(
            f"{len(ready.resolved.variants)} variants with their controls, {count:,} trials, about {took} (rough)"
        )
    if ready.base and not in_process:
        check_travels(ready.base)


def _opened(
    ready: Prepared, place: Place, before: Provenance, watch: Watch
) -> tuple[Store, Stored, tuple[Choice, ...]]:
    """What ``place`` holds, with the study written to it, and what was chosen later than its first trials.

    Says all that the user should know before it begins. Raises InputError for other data than is kept there.
    """
    resolved = ready.resolved
    _refuse_other_data(before, resolved.data, place)
    there = kept_study(place) if place.exists("study.toml") else resolved.study
    write_study(place, resolved.study.toml())
    store, results = Store(place, {variant.name: variant for variant in resolved.trained}), load(place)
    # The study was written just now; where it came from is recorded next.
    problems = [problem for problem in results.problems if problem.kind != "study"]
    scaled = (f"{name}: {facts.scaling}" for name, facts in resolved.data.items() if facts.scaling_key)
    rows = {name: facts.training_rows for name, facts in resolved.data.items()}
    sizes = (variant.training.batch_size for variant in resolved.variants)
    for text in (*ready.chosen, *store.set_aside(problems), *scaled, *batch_notes(rows, sizes)):
        watch.note(text)
    return store, results, (*before.later, *_chosen_later(there, resolved.study, results))


@dataclass
class _Workers(AbstractContextManager["_Workers"]):
    """The fleet of a run, started when it is first needed; no worker outlives the block."""

    settings: FleetSettings
    watch: Watch
    reporter: Reporter
    in_process: bool
    description: str = ""
    _fleet: Fleet | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._open.callback(self.watch.stop)
        return self

    def limit(self, ready: Prepared, results: Stored | None = None) -> None:
        """Start no more workers than the trials are worth that ``results`` lack."""
        most = asked(self.settings)
        if self._fleet is not None or self.in_process or most is None or most <= LEAST:
            return
        known = results.seconds_per_trial() if results else {}
        missing = ready.plan().without(results.finished if results else ())
        count = workers_for(ready, most, known, missing, self.settings.address)
        if count < most:
            self.settings = replace(self.settings, workers=count)
            log.info("%d workers of %d: the trials are not worth to start more", count, most)

    def start_early(self, study: Study, ready: Prepared | None) -> None:
        """A new directory needs workers for certain: they start, and import TensorFlow, while the driver plans."""
        if not (ready or self.in_process):
            # Ray's start is waiting, this is scikit-learn's import.
            meanwhile(partial(load_builtin, study.data[0].location))
        begun = ready.resolved if ready else resolve(study, {})
        self.watch.judge(begun.question)
        each = len(study.data) * (GLANCE if study.adds_seeds else len(study.seeds)) * fits_per_seed(study)
        # What is built in is small and has all references, whatever it turns out to hold.
        kinds = get_args(Reference) if not ready and study.has_references else ()
        trained = (*begun.trained, *reference_variants(kinds, study, None))
        if ready:
            self.limit(ready)
        self.start(trained, dict.fromkeys((one.name for one in trained), each))

    def start(self, variants: tuple[Variant, ...], planned: Mapping[str, int]) -> Fleet:
        """The fleet, for so many trials of each variant, by name."""
        if self._fleet is None:
            self.watch.start(variants, planned)
            self._fleet = self._open.enter_context(self._started())
            self.description = self._fleet.description
            self.reporter.runs(self.description)
        return self._fleet

    def _started(self) -> AbstractContextManager[Fleet]:
        if self.in_process:
            runtime.prepare(gpu=True)
            return nullcontext(InProcess(on_gpu=runtime.has_gpu()))
        return ray_fleet(self.settings, warm_up=warm_up, note=self.watch.note, encode=encode)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fleet is not None:
            self.description = self._fleet.description
        self._open.__exit__(kind, problem, trace)


def _holds_nothing_own(study: Study, given: Given) -> bool:
    """Whether data, model and metric cannot turn out to be wrong once the study's fields are right."""
    return (
        given == NOTHING
        and not study.model.source
        and not study.left_open
        and not (study.rows or study.ablate)
        and not any(map(preset_of, study.variant))
        and all(_fits_tables(variant, study) for variant in resolve_variants(study))
        and {data.location for data in study.data} <= {*BUILTIN}
        and study.analysis.metric in (None, *metrics_of("classification"))
    )


def _fits_tables(variant: Variant, study: Study) -> bool:
    """Whether a variant can act on any table of numbers."""
    table = Facts(
        "classification", (4,), whole=False, outputs=3, rows=100, training=variant.training, model=study.model.spec()
    )
    tables = (table, table._replace(task="regression", outputs=1))
    return not any(why_unfit(variant.techniques, facts) for facts in tables)


def _with_kept_seeds(study: Study, place: Place) -> Study:
    """The study with the seeds that ``place`` holds already; raises InputError where another study lies there."""
    there = study_there(place)
    if there is None:
        return study
    different = there.differences(study)
    if different:
        raise InputError(
            f"--out: expected results of this study; got {place}, where {'; '.join(different)}. Choose another --out"
        )
    seeds = tuple(sorted({*there.seeds, *study.seeds}))
    return study.model_copy(update={"seeds": seeds, "tuned_by": there.tuned_by})


def _before(place: Place, chosen: tuple[str, ...]) -> Provenance:
    """Where the results that are there come from, with what was ``chosen`` now if anything was."""
    found = read_provenance(place)
    return found.model_copy(update={"chosen": chosen}) if chosen else found


def _refuse_other_data(before: Provenance, data: Mapping[str, DataFacts], place: Place) -> None:
    for name, facts in before.data.items():
        if name in data and facts.sha256 != data[name].sha256:
            raise InputError(
                f"--data: expected the {name} that {place} was made with; got other rows. Choose another --out"
            )
        if name in data and facts.scaling_key != data[name].scaling_key:
            was = facts.scaling or "standardized as a whole"
            raise InputError(
                f"--scale: expected the scaling of {name} that {place} was made with ({was}); got another. "
                "Choose another --out"
            )


def _chosen_later(there: Study, now: Study, results: Stored) -> list[Choice]:
    """What is judged otherwise than the study that lies ``there``, once it has trials that finished."""
    trials = int((results.trials["status"] == "done").sum())
    return [
        Choice(setting=name, was=str(was), now=str(chosen), trials=trials)
        for name in get_args(Choice.model_fields["setting"].annotation)
        if trials and (was := _chosen(there, name)) != (chosen := _chosen(now, name))
        if name != "metric" or was is not None
    ]


def _chosen(study: Study, setting: str) -> Any:
    if setting == "seeds":
        return seeds_text(study.seeds)
    return study.interval if setting == "interval" else getattr(study.analysis, setting)


def _record(place: Place, facts: Provenance, kept: Collection[str]) -> None:
    """Write where the results come from, and how many trials are kept."""
    try:
        looks = [one for one in read_provenance(place).later if one.look and one not in facts.later]
    except ResultsError:  # it is written anew
        looks = []
    # Reports may have been made by another metric while this run went on.
    now = {"kept": len(kept), "study": study_seal(place), "chosen_later": (*facts.later, *looks) or None}
    place.write("provenance.json", facts.model_copy(update=now).json_text().encode())
