"""From a study to its report: the lines that join the stages."""

from __future__ import annotations

import json
import logging
import math
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from regfleet.datasets import SPLITS, check_builtin, load_builtin, row_counts
from regfleet.errors import InputError
from regfleet.fleet import Fleet, FleetSettings, InProcess, check_address, ray_fleet
from regfleet.logs import log_to
from regfleet.plan import Plan, Schedule, make_plan, resolve_variants
from regfleet.provenance import provenance
from regfleet.records import Failure, StudyFacts
from regfleet.results import Results, Store, claim, load, write_text
from regfleet.study import Study, read_study, read_study_file
from regfleet.training.runtime import ENVIRONMENT
from regfleet.trial import run_chunk, warm_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.records import Dataset, Outcome, Summary

log = logging.getLogger("regfleet")


class Watch(Protocol):
    """What sees a study's progress: the terminal, a test, nobody."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def start(self, plan: Plan, results: Results) -> None:
        """Training begins; ``results`` has what was finished before."""

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Trials came back."""

    def stop(self) -> None:
        """No more trials will come."""


class Silent:
    """A watch for callers who want none."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def start(self, plan: Plan, results: Results) -> None:
        """Show nothing."""

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class Comparison:
    """A study's results, what the analysis says of them, and where the report is."""

    study: Study
    results: Results
    summary: Summary
    headlines: Mapping[str, tuple[str, ...]]
    failures: tuple[Failure, ...]
    facts: StudyFacts
    report: Path
    interrupted: bool = False

    def json(self) -> str:
        """The summary for machines; NaN becomes null, and curves are left to the histories."""
        summary = asdict(self.summary)
        for data in summary["datasets"]:
            for row in data["variants"]:
                del row["curves"]
        whole = {
            "summary": summary,
            "headlines": self.headlines,
            "failures": [asdict(failure) for failure in self.failures],
            "planned": self.facts.planned,
            "finished": self.facts.finished,
            "notes": self.facts.notes,
            "report": str(self.report),
        }
        return json.dumps(_without_nan(whole), indent=2, ensure_ascii=False)


def compare(
    study: Study,
    out: str | Path,
    *,
    fleet: FleetSettings | None = None,
    in_process: bool = False,
    command: str = "regfleet.compare(…)",
    watch: Watch | None = None,
) -> Comparison:
    """Train what the results directory ``out`` does not hold yet, analyse all of it and write the report.

    Ctrl-C ends the training; what is finished is kept, analysed and reported, with ``interrupted`` set. Raises
    InputError, ResultsError or FleetError.
    """
    out, watch, started = Path(out), watch or Silent(), time.time()
    settings = replace(fleet or FleetSettings(), environment=ENVIRONMENT)
    study = _checked(study, out, settings)
    with ExitStack() as stack:
        stack.enter_context(claim(out))
        stack.enter_context(log_to(out / "regfleet.log"))
        log.info("%s", command)
        new = not (out / "study.toml").exists()
        workers = stack.enter_context(_open(settings, in_process=in_process)) if new else None
        datasets = {name: load_builtin(name) for name in study.data}
        plan = make_plan(study, SPLITS[study.split], datasets)
        write_text(out / "study.toml", study.toml())
        store = Store(out, {variant.name: variant for variant in plan.variants})
        results = load(out)
        for text in (*store.set_aside(results.problems), *_notes(plan, datasets)):
            watch.note(text)
        _same_data(results, datasets)
        missing, trained, interrupted = plan.without(results.finished), 0, False
        if missing:
            workers = workers or stack.enter_context(_open(settings, in_process=in_process))
            watch.start(plan, results)
            schedule = Schedule(missing, workers.workers, results.seconds_per_trial())
            try:
                for outcomes in workers.run(schedule, run_chunk, datasets):
                    store.append(outcomes)
                    trained += len(outcomes)
                    watch.advance(outcomes, schedule.seconds_left(workers.workers))
            except KeyboardInterrupt:
                interrupted = True
                log.warning("interrupted after %d trials", trained)
            finally:
                watch.stop()
        description = workers.description if workers else ""
        facts = provenance(
            results.provenance, command=command, datasets=datasets, fleet=description, started=started, trained=trained
        )
        write_text(out / "provenance.json", json.dumps(facts, indent=2) + "\n")
        return replace(report(out), interrupted=interrupted)


def report(out: str | Path) -> Comparison:
    """Analyse a results directory and write its report and tables again; trains nothing.

    Raises ResultsError when ``out`` holds no results.
    """
    from regfleet import analysis
    from regfleet.report import exports, render

    results = load(out)
    study = read_study(read_study_file(results.path / "study.toml"), source=str(results.path / "study.toml"))
    variants = resolve_variants(study)
    trials = results.trials
    asked = trials["variant"].isin([v.name for v in variants]) & trials["seed"].isin(study.seeds)
    trials = trials[asked & trials["dataset"].isin(study.data)]
    settings = study.analysis.settings()
    summary = analysis.summarize(trials, results.histories, variants, settings)
    headlines = {data.dataset: analysis.headline(data, settings) for data in summary.datasets}
    failures = _failures(trials)
    facts = _facts(study, results, trials)
    files = {
        "report.html": render(summary, facts, failures, trials, headlines),
        "leaderboard.csv": exports.leaderboard_csv(summary),
        "trials.csv": exports.trials_csv(trials),
    }
    for name, text in files.items():
        write_text(results.path / name, text)
    return Comparison(study, results, summary, headlines, failures, facts, results.path / "report.html")


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def _notes(plan: Plan, datasets: Mapping[str, Dataset]) -> list[str]:
    sizes = sorted({variant.training.batch_size for variant in plan.variants})
    counts = {name: row_counts(dataset, plan.split)[0] for name, dataset in datasets.items()}
    return [_batch_note(size, name, rows) for name, rows in counts.items() for size in sizes if size > rows]


def _batch_note(size: int, dataset: str, rows: int) -> str:
    return f"batch size {size} is more than the {rows} training rows of {dataset}: each epoch is a single update"


def _failures(trials: pd.DataFrame) -> tuple[Failure, ...]:
    bad = trials[trials["status"] != "done"]
    columns = ["dataset", "label", "seed", "status", "error", "traceback"]
    return tuple(Failure(*row) for row in bad[columns].itertuples(index=False))


def _facts(study: Study, results: Results, trials: pd.DataFrame) -> StudyFacts:
    variants = resolve_variants(study)
    rows = {
        str(name): int(n) for name, n in trials[trials["n_train"] > 0].groupby("dataset")["n_train"].first().items()
    }
    sizes = sorted({variant.training.batch_size for variant in variants})
    notes = [_batch_note(size, name, n) for name, n in rows.items() for size in sizes if size > n]
    if SPLITS[study.split].test_is_validation:
        notes.append(ARTICLE_SPLIT_NOTE)
    fell_back = trials[trials["execution"].str.startswith("keras (")]
    notes += [f"{label}: {how}" for label, how in fell_back.groupby("label")["execution"].first().items()]
    runs = results.provenance.get("runs", [])
    return StudyFacts(
        datasets=study.data,
        model=str(study.model.spec()),
        weights=int(trials.loc[trials["control"].isna(), "weights"].max()) if len(trials) else 0,
        seeds=study.seeds,
        epochs=study.training.epochs,
        split=study.split,
        engine=study.engine,
        planned=len(study.data) * len(variants) * len(study.seeds),
        finished=int((trials["status"] == "done").sum()),
        command=runs[-1]["command"] if runs else "",
        study_toml=study.toml(),
        notes=(*notes, *results.problems),
        article=study.is_article,
        provenance=results.provenance,
    )


ARTICLE_SPLIT_NOTE = (
    "This is the article's own protocol: one held-out quarter serves as validation set and as test set, it is not "
    "stratified, and there is no third set. Scores at the best epoch are therefore chosen on the rows that judge "
    "them, and are optimistic; read the last epoch, and prefer the split 60/20/20."
)
