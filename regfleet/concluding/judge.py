"""From a results directory to what the analysis says of it, and its report."""

from __future__ import annotations

import gc
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.concluding.advice import with_both_epochs, with_commands
from regfleet.concluding.chosen import later_notes
from regfleet.concluding.code import pasted
from regfleet.concluding.looks import analysed, analysed_of, asked_of, standings, summarize_standings, within_each
from regfleet.concluding.parts import extra_names, with_parts
from regfleet.concluding.predictions import Asked, known_of, together_by
from regfleet.concluding.stepwise import due, followed, summarize_walks
from regfleet.errors import InputError, ResultsError
from regfleet.planning.combining import greedy_cost
from regfleet.planning.plan import conservative_cost, trial_counts
from regfleet.planning.resolved import Resolved, resolve
from regfleet.report import write
from regfleet.report.conclusion import Conclusion, Failure, StudyFacts
from regfleet.report.exports import table_cells
from regfleet.results import Place, Stored, load, study_text
from regfleet.settings import Study, read_study
from regfleet.techniques import technique_named
from regfleet.text import capital, listed
from regfleet.trials import Execution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

ARTICLE_SPLIT_NOTE = (
    "This is the article's own protocol: one held-out quarter serves as validation set and as test set, it is not "
    "stratified, and there is no third set. Scores at the best epoch, and those of a tuned sweep, are therefore chosen "
    "on the rows that judge them, and are optimistic; read the last epoch, and prefer --split balanced."
)


@dataclass(frozen=True, kw_only=True)
class StudyConclusion(Conclusion):
    """The same of a study, with its results; ``interrupted`` where its training was cut short."""

    resolved: Resolved
    results: Stored
    interrupted: bool = False


def conclude(
    out: str | Path | Place, templates: Path | None = None, tables: Mapping[str, pd.DataFrame] | None = None
) -> StudyConclusion:
    """Analyse a results directory and write its report and tables again; trains nothing.

    ``templates`` is a folder whose files replace the report's own, ``tables`` what the rows of the data sets hold,
    where that is in memory. Raises ResultsError when ``out`` holds no results, or its tables alone.
    """
    with _old_left_alone():
        resolved, results = read_results(out)
        _refuse_tables_alone(results)
        conclusion = judge(resolved, results)
        if tables and any(dataset.predicted for dataset in conclusion.summary.datasets):
            conclusion = replace(conclusion, contents={name: table_cells(table) for name, table in tables.items()})
        return replace(conclusion, report=write(conclusion.results.place, conclusion, templates))


def _refuse_tables_alone(results: Stored) -> None:
    """A published copy has the tables of its trials without the trials: written again, both would be empty."""
    place = results.place
    if results.trials.empty and place.exists("trials.csv") and place.read("trials.csv").count(b"\n") > 1:
        raise ResultsError(
            f"{place}: expected the trials that its trials.csv tells of; got none, as in a published copy. "
            "Its report and tables stay as they are"
        )


@contextmanager
def _old_left_alone() -> Iterator[None]:
    """Let garbage collections look at new objects alone: a figure makes so many that they take a fifth of the time."""
    frozen = gc.get_freeze_count()
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


def read_results(out: str | Path | Place) -> tuple[Resolved, Stored]:
    """The study of a results directory and what it holds; raises ResultsError when it holds no results."""
    results = load(out)
    return followed(resolve(kept_study(results.place), results.provenance.data), results.trials), results


def kept_study(place: Place) -> Study:
    """The study whose results are kept there; raises InputError when its study.toml is not one."""
    file = place.at("study.toml")
    try:
        return read_study(tomllib.loads(study_text(place)), source=file)
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{file}: expected a TOML study file; got {problem}") from None


def judge(resolved: Resolved, results: Stored, asked: Asked | None = None) -> StudyConclusion:
    """Analyse what a results directory holds of its study, for its report; writes nothing.

    ``asked`` is the metric that it is judged by where that is not one of a trial's own.
    Raises ResultsError when a study that adds seeds does not know its rows, which say when to look, and for trials that
    are there twice.
    """
    resolved = followed(resolved, results.trials)
    everything = asked_rows(resolved, results)
    _refuse_doubles(everything, results)
    trials = everything[~everything["dataset"].isin(extra_names(resolved))]
    predictions = partial(results.predicted, at=resolved.question.at)
    score = together_by(asked or resolved.question.metric.name, known_of(resolved))
    questions = {}
    if resolved.study.adds_seeds:
        reached = standings(resolved, trials, predictions)
        asked_for = asked_of(resolved, reached)
        finished = _done(within_each(trials, asked_for))
        planned = sum(sum(seeds.values()) for seeds in asked_for.values())
        trials = within_each(trials, analysed_of(resolved, reached))
        questions = {name: standing.question for name, standing in reached.items()}
        summary = summarize_standings(resolved, reached, trials, results.curves, predictions, score)
    elif resolved.study.greedy:
        rows, counts = due(resolved, results.trials)
        planned, finished = sum(counts.values()), _done(rows)
        summary = summarize_walks(resolved, trials, results.curves, predictions, score)
    else:
        planned = sum(trial_counts(resolved).values())
        finished = _done(everything)
        summary = analysed(resolved, trials, results.curves, predictions, score=score)
    summary = with_both_epochs(summary, resolved, results, trials, questions)
    summary = with_parts(summary, resolved, everything, predictions)
    trials = trials if resolved.study.adds_seeds else everything
    summary = with_commands(summary, resolved, results.provenance.command)
    return StudyConclusion(
        summary=summary,
        facts=_facts(resolved, results, trials, planned, finished),
        failures=failures_of(trials),
        trials=trials,
        code=pasted(resolved, results, summary),
        resolved=resolved,
        results=results,
    )


def asked_rows(resolved: Resolved, results: Stored) -> pd.DataFrame:
    """The rows of the trials that the study is about, those of halves of its data sets too where these judge."""
    trials, study = results.trials, resolved.study
    wanted = [one.name for one in resolved.trained]
    asked = trials["variant"].isin(wanted) & trials["dataset"].isin(resolved.parts)
    rows = trials[asked & (study.adds_seeds | trials["seed"].isin(study.seeds))]
    fixed = [name for name, facts in resolved.data.items() if facts.fixed_test]
    return rows.assign(fixed_test=rows["dataset"].isin(fixed)) if fixed else rows


def _refuse_doubles(trials: pd.DataFrame, results: Stored) -> None:
    """One trial is there twice where a part of another study was put into the directory."""
    twice = trials[trials.duplicated(["dataset", "variant", "seed"])]
    if len(twice):
        first, place = twice.iloc[0], results.place
        got = f"seed {first['seed']} twice for {first['variant']} on {first['dataset']}"
        raise ResultsError(f"{place}: expected each trial once; got {got}. Run: regfleet doctor {place}")


def failures_of(trials: pd.DataFrame) -> tuple[Failure, ...]:
    """The trials that failed or diverged."""
    bad = trials[trials["status"] != "done"]
    columns = ["dataset", "label", "seed", "status", "error", "traceback"]
    return tuple(Failure(*row) for row in bad[columns].itertuples(index=False))


def batch_notes(training_rows: Mapping[str, int], batch_sizes: Iterable[int]) -> list[str]:
    """What to say where a batch is larger than the training rows of data sets, which is allowed."""
    notes = []
    for size in sorted(set(batch_sizes)):
        small = {name: rows for name, rows in training_rows.items() if size > rows}
        if len(small) == 1:
            ((name, rows),) = small.items()
            notes.append(
                f"batch size {size} is more than the {rows} training rows of {name}: each epoch is a single update"
            )
        elif small:
            names = listed([f"{name} ({rows})" for name, rows in small.items()])
            notes.append(f"batch size {size} is more than the training rows of {names}: each epoch is a single update")
    return notes


def _done(trials: pd.DataFrame) -> int:
    return int((trials["status"] == "done").sum())


def _facts(resolved: Resolved, results: Stored, trials: pd.DataFrame, planned: int, finished: int) -> StudyFacts:
    study = resolved.study
    waiting = 0 if study.greedy else finished - _done(trials)
    whole = trials[trials["dataset"].isin(study.names)]
    weights = whole.loc[whole["weights"] > 0, "weights"]
    return StudyFacts(
        datasets=study.names,
        model=str(resolved.model),
        # The base network's; normalization layers add to it.
        weights=int(weights.min()) if len(weights) else 0,
        seeds=study.seeds or tuple(sorted({int(seed) for seed in trials["seed"]})),
        epochs=study.training.epochs,
        split=study.split,
        engine=study.engine,
        planned=planned,
        finished=finished,
        command=results.provenance.command,
        study_toml=study.toml(),
        notes=(
            *results.provenance.chosen,
            *_notes(resolved, whole, waiting),
            *later_notes(results.provenance.later, resolved.question.metric.name),
            *map(str, results.problems),
        ),
        article=study.is_article,
        techniques=_explained(resolved),
        provenance=results.provenance,
    )


def _notes(resolved: Resolved, trials: pd.DataFrame, waiting: int) -> list[str]:
    """What a reader should know of the protocol, the data and the training."""
    trained = trials[trials["n_train"] > 0].groupby("dataset")["n_train"].first()
    rows = {str(name): int(count) for name, count in trained.items()}
    notes = batch_notes(rows, (variant.training.batch_size for variant in resolved.variants))
    where: dict[str, list[str]] = {}
    for name, facts in resolved.data.items():
        scaling = facts.scaling if facts.scaling_key else ""  # a table's is what anyone expects
        left_out = facts.references_note if resolved.references_on(name) else ""
        for sentence in (facts.split, scaling, *facts.notes, *facts.model, left_out):
            if sentence:
                where.setdefault(sentence, []).append(name)
    notes += [f"{listed(names)}: {sentence}" for sentence, names in where.items()]
    if resolved.split.test_is_validation:
        notes.append(ARTICLE_SPLIT_NOTE)
    executions = {text: Execution.read(text) for text in trials["execution"].unique()}
    fallbacks = [text for text, execution in executions.items() if execution and execution.untraceable]
    fell_back = trials[trials["execution"].isin(fallbacks)]
    notes += [f"{label}: {how}" for label, how in fell_back.groupby("label")["execution"].first().items()]
    if resolved.study.greedy:
        notes.append(capital(greedy_cost(resolved.study)))
    if resolved.question.halves:
        notes.append(f"As --interval conservative asked, {conservative_cost(resolved)}")
    if waiting:
        notes.append(f"{waiting} more trials have finished; they wait for the others of their look to be analysed")
    return notes


def _explained(resolved: Resolved) -> tuple[tuple[str, str, str], ...]:
    """Title, paragraph and source of each technique of the study."""
    names = dict.fromkeys(technique.name for variant in resolved.variants for technique in variant.techniques)
    found = map(technique_named, names)
    return tuple((one.title, one.about or one.summary, one.source) for one in found)
