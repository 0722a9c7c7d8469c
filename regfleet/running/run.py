"""From a study to its report: the lines that join the stages."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.analysis.sequential import LOOKS
from regfleet.concluding.judge import StudyConclusion, batch_notes, conclude, data_facts, kept_study, standings
from regfleet.data import BUILTIN
from regfleet.errors import FleetError, InputError
from regfleet.fleet import Fleet, FleetSettings, InProcess, check_address, ray_fleet
from regfleet.metrics import metrics_of
from regfleet.planning.plan import Plan, resolve_variants
from regfleet.planning.schedule import Schedule
from regfleet.results import Place, Results, Store, load, place_of
from regfleet.running.logs import log_to
from regfleet.running.prepare import NOTHING, Given, Prepared, check, prepare
from regfleet.running.provenance import provenance
from regfleet.running.trial import run_chunk, warm_up
from regfleet.settings import Study
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import pandas as pd

    from regfleet.analysis.summary import Look
    from regfleet.data.dataset import Dataset
    from regfleet.settings.values import Variant
    from regfleet.trials import Outcome

log = logging.getLogger("regfleet")


class Watch:
    """Sees a study's progress. This one shows nothing; the terminal's overrides what it shows."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def start(self, variants: Sequence[Variant], planned: Mapping[str, int]) -> None:
        """Workers are being started for that many trials of each variant, by name."""

    def extend(self, planned: Mapping[str, int], said: Sequence[str]) -> None:
        """So many trials of each variant are due, ``said`` saying why these; again after every look."""

    def resume(self, trials: pd.DataFrame) -> None:
        """These of the planned trials were finished before."""

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Trials came back."""

    def stop(self) -> None:
        """No more trials will come."""


def run(
    study: Study,
    out: str | Path | Place,
    *,
    fleet: FleetSettings | None = None,
    in_process: bool = False,
    command: str = "regfleet.compare(…)",
    watch: Watch | None = None,
    given: Given = NOTHING,
    work: Callable[..., tuple[Outcome, ...]] = run_chunk,
) -> StudyConclusion:
    """Train what the results directory ``out`` does not hold yet, analyse all of it and write the report.

    ``given`` is what is in memory already, ``work`` what a worker does with a chunk.
    Ctrl-C, or the loss of the cluster, ends the training; what is finished is kept, analysed and reported, with
    ``interrupted`` set. Raises InputError, ResultsError or FleetError.
    """
    place, watch, started, begun = place_of(out), watch or Watch(), time.time(), time.monotonic()
    settings = replace(fleet or FleetSettings(), environment=runtime.ENVIRONMENT)
    check(study, sources=given == NOTHING)
    get_ready = partial(prepare, given=given, note=watch.note, gpu=in_process)
    # Nothing is written before data and model of the user's own were seen to be right.
    known = given == NOTHING and not study.model.source and {one.location for one in study.data} <= {*BUILTIN}
    known = known and study.analysis.metric in (None, *metrics_of("classification"))
    ready: Prepared | None = None if known else get_ready(study)
    study = _checked(ready.study if ready else study, place, settings)
    variants = resolve_variants(study)
    with place.claim(), place.appending("regfleet.log") as log_file, log_to(log_file), ExitStack() as stack:
        log.info("%s", command)
        stack.callback(watch.stop)
        opened: list[Fleet] = []

        def start(planned: Mapping[str, int]) -> Fleet:
            if not opened:
                watch.start(variants, planned)
                opened.append(stack.enter_context(_open(settings, watch.note, in_process=in_process)))
            return opened[0]

        # A new directory needs workers for certain: they start, and import TensorFlow, while the driver plans.
        new = not place.exists("study.toml")
        if new:
            seeds = LOOKS[0] if study.adds_seeds else len(study.seeds)
            start(dict.fromkeys((variant.name for variant in variants), len(study.data) * seeds))
        if ready is None:
            ready = get_ready(study)
            study = ready.study
        if not new:
            _same_data(load(place), ready.datasets)
        plan = ready.plan(study)
        place.write("study.toml", study.toml().encode())
        store, results = Store(place, {variant.name: variant for variant in variants}), load(place)
        data = {name: data_facts(dataset, plan.split) for name, dataset in ready.datasets.items()}
        training_rows = {name: facts["training_rows"] for name, facts in data.items()}
        for text in (
            *store.set_aside(results.problems),
            *batch_notes(training_rows, (variant.training.batch_size for variant in variants)),
        ):
            watch.note(text)

        def record(trained: int) -> None:
            fleet_words = opened[0].description if opened else ""
            facts = provenance(
                results.provenance,
                command=command,
                data=data,
                fleet=fleet_words,
                started=started,
                seconds=time.monotonic() - begun,
                trained=trained,
            )
            place.write("provenance.json", (json.dumps(facts, indent=2) + "\n").encode())

        record(trained=0)  # whatever becomes of this run, its trials can be analysed
        recorded = replace(results)  # the same trials, with the new provenance
        trained, interrupted = _train(ready, study, plan, recorded, store, start, watch, work)
        stack.close()  # no worker outlives the training
        store.merge()
        record(trained)
        return replace(conclude(place), interrupted=interrupted)


def _train(
    ready: Prepared,
    study: Study,
    plan: Plan,
    before: Results,
    store: Store,
    start: Callable[[Mapping[str, int]], Fleet],
    watch: Watch,
    work: Callable[..., tuple[Outcome, ...]],
) -> tuple[int, bool]:
    """Run what is missing and store it as it comes; returns the trials that came and whether that was cut short."""
    tried: set[str] = set()
    work = partial(work, base=ready.base) if ready.base else work
    try:
        for due, results, said in _stages(study, plan, before, tried):
            missing = due.without(results.finished | tried)
            if not missing:
                break
            planned = Counter(trial.variant for trial in due.trials)
            workers = start(planned)
            watch.extend(planned, said)
            if not tried:
                keys = {trial.key for trial in due.trials} & results.finished
                watch.resume(results.trials[results.trials["key"].isin(keys)])
            schedule = Schedule(missing, workers.workers, results.seconds_per_trial())
            for outcomes in workers.run(schedule, work, ready.datasets):
                store.append(outcomes)
                tried |= {outcome.trial.key for outcome in outcomes}
                watch.advance(outcomes, schedule.seconds_left(workers.workers))
    except KeyboardInterrupt:
        log.warning("interrupted after %d trials", len(tried))
        return len(tried), True
    except FleetError as problem:
        watch.note(str(problem))
        log.error("%s, after %d trials", problem, len(tried))  # noqa: TRY400  # a line says it all
        return len(tried), True
    return len(tried), False


def _stages(
    study: Study, plan: Plan, results: Results, tried: AbstractSet[str]
) -> Iterator[tuple[Plan, Results, list[str]]]:
    """What is due, the results so far and what to say: the whole plan or, look by look, what has to be looked at next.

    ``tried`` grows with the keys of the trials that came. One that failed before is tried again before a look takes it
    for failed.
    """
    if not study.adds_seeds:
        yield plan, results, []
    told: set[Look] = set()
    while study.adds_seeds:
        trials = results.trials[(results.trials["status"] != "failed") | results.trials["key"].isin(tried)]
        standing = standings(study, trials, results.provenance)
        looks = [look for one in standing.values() for look in one.looks]
        due = plan.limited({name: one.asked for name, one in standing.items()})
        yield due, results, [look.reason for look in looks if look not in told]
        told |= set(looks)
        results = load(results.place)


def _open(settings: FleetSettings, note: Callable[[str], None], *, in_process: bool) -> AbstractContextManager[Fleet]:
    if in_process:
        runtime.prepare(gpu=True)
        return nullcontext(InProcess(on_gpu=runtime.has_gpu()))
    return ray_fleet(settings, warm_up=warm_up, note=note)


def _checked(study: Study, place: Place, settings: FleetSettings) -> Study:
    """Everything that can be refused before anything is written; returns the study with the seeds already there."""
    if settings.address:
        check_address(settings.address)
    if not place.exists("study.toml"):
        return study
    there = kept_study(place)
    different = there.differences(study)
    if different:
        msg = f"--out: expected results of this study; got {place}, where {'; '.join(different)}. Choose another --out"
        raise InputError(msg)
    return study.model_copy(update={"seeds": tuple(sorted({*there.seeds, *study.seeds}))})


def _same_data(results: Results, datasets: Mapping[str, Dataset]) -> None:
    for name, was in results.provenance.get("data", {}).items():
        if name in datasets and was["sha256"] != datasets[name].fingerprint:
            msg = f"--data: expected the {name} that {results.path} was made with; got other rows. Choose another --out"
            raise InputError(msg)
