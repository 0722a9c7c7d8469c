"""From a study to its report: the lines that join the stages."""

from __future__ import annotations

import json
import logging
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.conclusion import Conclusion, batch_notes, conclude
from regfleet.datasets import SPLITS, check_builtin, load_builtin, row_counts
from regfleet.errors import InputError
from regfleet.fleet import Fleet, FleetSettings, InProcess, check_address, ray_fleet
from regfleet.logs import log_to
from regfleet.plan import Schedule, make_plan, resolve_variants
from regfleet.provenance import provenance
from regfleet.results import Results, Store, claim, load, write_text
from regfleet.study import Study, read_study, read_study_file
from regfleet.training.runtime import ENVIRONMENT
from regfleet.trial import run_chunk, warm_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.records import Chunk, Dataset, Outcome, Variant

log = logging.getLogger("regfleet")


class Watch:
    """Sees a study's progress. This one shows nothing; the terminal's overrides what it shows."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def start(self, variants: Sequence[Variant], planned: int) -> None:
        """Workers are being started for that many trials."""

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
    planned = len(study.data) * len(variants) * len(study.seeds)
    with claim(out), log_to(out / "regfleet.log"), ExitStack() as stack:
        log.info("%s", command)
        stack.callback(watch.stop)

        def start() -> Fleet:
            watch.start(variants, planned)
            return stack.enter_context(_open(settings, in_process=in_process))

        # A new directory needs workers for certain: they start, and import TensorFlow, while the driver plans.
        new = not (out / "study.toml").exists()
        workers = start() if new else None
        datasets = {name: load_builtin(name) for name in study.data}
        if not new:
            _same_data(load(out), datasets)
        plan = make_plan(study, SPLITS[study.split], datasets)
        write_text(out / "study.toml", study.toml())
        store, results = Store(out, {variant.name: variant for variant in variants}), load(out)
        counts = {name: row_counts(dataset, plan.split)[0] for name, dataset in datasets.items()}
        for text in (
            *store.set_aside(results.problems),
            *batch_notes(counts, (variant.training.batch_size for variant in variants)),
        ):
            watch.note(text)
        missing, trained, interrupted = plan.without(results.finished), 0, False
        if missing:
            workers = workers or start()
            planned_keys = {trial.key for trial in plan.trials}
            watch.resume(results.trials[results.trials["key"].isin(planned_keys & results.finished)])
            trained, interrupted = _train(missing, workers, datasets, store, results, watch)
        watch.stop()
        description = workers.description if workers else ""
        facts = provenance(
            results.provenance, command=command, datasets=datasets, fleet=description, started=started, trained=trained
        )
        write_text(out / "provenance.json", json.dumps(facts, indent=2) + "\n")
        return replace(conclude(out), interrupted=interrupted)


def _train(
    missing: Sequence[Chunk],
    workers: Fleet,
    datasets: Mapping[str, Dataset],
    store: Store,
    results: Results,
    watch: Watch,
) -> tuple[int, bool]:
    """Run what is missing and store it as it comes; returns the trials that came and whether Ctrl-C ended it."""
    schedule, trained = Schedule(missing, workers.workers, results.seconds_per_trial()), 0
    try:
        for outcomes in workers.run(schedule, run_chunk, datasets):
            store.append(outcomes)
            trained += len(outcomes)
            watch.advance(outcomes, schedule.seconds_left(workers.workers))
    except KeyboardInterrupt:
        log.warning("interrupted after %d trials", trained)
        return trained, True
    return trained, False


def _open(settings: FleetSettings, *, in_process: bool) -> AbstractContextManager[Fleet]:
    if in_process:
        return nullcontext(InProcess())
    return ray_fleet(settings, warm_up=warm_up)


def _checked(study: Study, out: Path, settings: FleetSettings) -> Study:
    """Everything that can be refused before anything is written; returns the study with the seeds already there."""
    for name in study.data:
        check_builtin(name)
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
