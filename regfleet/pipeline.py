"""From a study to its report: the lines that join the stages."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.analysis.sequential import LOOKS
from regfleet.conclusion import Conclusion, batch_notes, conclude, data_facts, standings
from regfleet.datasets import SPLITS, check_source, load_dataset
from regfleet.errors import InputError
from regfleet.fleet import Fleet, FleetSettings, InProcess, check_address, ray_fleet
from regfleet.logs import log_to
from regfleet.plan import Plan, Schedule, make_plan, resolve_variants
from regfleet.provenance import provenance
from regfleet.results import Results, Store, claim, load, write_text
from regfleet.study import Study, read_study, read_study_file
from regfleet.training.runtime import ENVIRONMENT
from regfleet.trial import run_chunk, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import pandas as pd

    from regfleet.records import Dataset, Look, Outcome, Variant

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


def compare(
    study: Study,
    out: str | Path,
    *,
    fleet: FleetSettings | None = None,
    in_process: bool = False,
    command: str = "regfleet.compare(…)",
    watch: Watch | None = None,
) -> Conclusion:
    """Train what the results directory ``out`` does not hold yet, analyse all of it and write the report.

    Ctrl-C ends the training; what is finished is kept, analysed and reported, with ``interrupted`` set. Raises
    InputError, ResultsError or FleetError.
    """
    out, watch, started = Path(out), watch or Watch(), time.time()
    settings = replace(fleet or FleetSettings(), environment=ENVIRONMENT)
    study = _checked(study, out, settings)
    variants = resolve_variants(study)
    with claim(out), log_to(out / "regfleet.log"), ExitStack() as stack:
        log.info("%s", command)
        stack.callback(watch.stop)
        opened: list[Fleet] = []

        def start(planned: Mapping[str, int]) -> Fleet:
            if not opened:
                watch.start(variants, planned)
                opened.append(stack.enter_context(_open(settings, in_process=in_process)))
            return opened[0]

        # A new directory needs workers for certain: they start, and import TensorFlow, while the driver plans.
        new = not (out / "study.toml").exists()
        if new:
            seeds = LOOKS[0] if study.adds_seeds else len(study.seeds)
            start(dict.fromkeys((variant.name for variant in variants), len(study.data) * seeds))
        datasets = {name: load_dataset(source) for name, source in study.sources().items()}
        if not new:
            _same_data(load(out), datasets)
        plan = make_plan(study, SPLITS[study.split], datasets)
        write_text(out / "study.toml", study.toml())
        store, results = Store(out, {variant.name: variant for variant in variants}), load(out)
        data = {name: data_facts(dataset, plan.split) for name, dataset in datasets.items()}
        training_rows = {name: facts["training_rows"] for name, facts in data.items()}
        for text in (
            *store.set_aside(results.problems),
            *batch_notes(training_rows, (variant.training.batch_size for variant in variants)),
        ):
            watch.note(text)

        def record(trained: int) -> None:
            fleet_words = opened[0].description if opened else ""
            facts = provenance(
                results.provenance, command=command, data=data, fleet=fleet_words, started=started, trained=trained
            )
            write_text(out / "provenance.json", json.dumps(facts, indent=2) + "\n")

        record(trained=0)  # whatever becomes of this run, its trials can be analysed
        recorded = replace(results)  # the same trials, with the new provenance
        trained, interrupted = _train(study, plan, datasets, recorded, store, start, watch)
        stack.close()  # no worker outlives the training
        record(trained)
        return replace(conclude(out), interrupted=interrupted)


def _train(
    study: Study,
    plan: Plan,
    datasets: Mapping[str, Dataset],
    before: Results,
    store: Store,
    start: Callable[[Mapping[str, int]], Fleet],
    watch: Watch,
) -> tuple[int, bool]:
    """Run what is missing and store it as it comes; returns the trials that came and whether Ctrl-C ended it."""
    tried: set[str] = set()
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
            for outcomes in workers.run(schedule, run_chunk, datasets):
                store.append(outcomes)
                tried |= {outcome.trial.key for outcome in outcomes}
                watch.advance(outcomes, schedule.seconds_left(workers.workers))
    except KeyboardInterrupt:
        log.warning("interrupted after %d trials", len(tried))
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
        results = load(results.path)


def _open(settings: FleetSettings, *, in_process: bool) -> AbstractContextManager[Fleet]:
    if in_process:
        return nullcontext(InProcess())
    return ray_fleet(settings, warm_up=warm_up)


def _checked(study: Study, out: Path, settings: FleetSettings) -> Study:
    """Everything that can be refused before anything is written; returns the study with the seeds already there."""
    for source in study.sources().values():
        check_source(source)
    resolve_variants(study)
    if settings.address:
        check_address(settings.address)
    file = out / "study.toml"
    if not file.exists():
        return study
    there = read_study(read_study_file(file), source=str(file))
    different = there.differences(study)
    if different:
        msg = f"--out: expected results of this study; got {out}, where {'; '.join(different)}. Choose another --out"
        raise InputError(msg)
    return study.model_copy(update={"seeds": tuple(sorted({*there.seeds, *study.seeds}))})


def _same_data(results: Results, datasets: Mapping[str, Dataset]) -> None:
    for name, was in results.provenance.get("data", {}).items():
        if name in datasets and was["sha256"] != datasets[name].fingerprint:
            msg = f"--data: expected the {name} that {results.path} was made with; got other rows. Choose another --out"
            raise InputError(msg)
