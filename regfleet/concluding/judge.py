"""From a results directory to what the analysis says of it and the report."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.concluding.looks import Standing, summarize_standings, take_looks, within
from regfleet.data import parse_split, row_counts, split_meaning, stratifies
from regfleet.errors import InputError, ResultsError
from regfleet.planning.plan import looks_of, resolve_variants
from regfleet.report.conclusion import Conclusion, Failure, StudyFacts
from regfleet.results import Place, Results, load
from regfleet.settings import Study, read_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from regfleet.analysis.summary import Summary
    from regfleet.data.dataset import Dataset
    from regfleet.settings.values import SplitSpec

ARTICLE_SPLIT_NOTE = (
    "This is the article's own protocol: one held-out quarter serves as validation set and as test set, it is not "
    "stratified, and there is no third set. Scores at the best epoch are therefore chosen on the rows that judge "
    "them, and are optimistic; read the last epoch, and prefer the split 60/20/20."
)


@dataclass(frozen=True, kw_only=True)
class StudyConclusion(Conclusion):
    """The same of a study, with its results; ``interrupted`` where its training was cut short."""

    study: Study
    results: Results
    interrupted: bool = False


@dataclass(frozen=True)
class Analysed:
    """The Summary of a study with the ``trials`` it rests on; of ``planned`` trials ``finished`` are done so far."""

    summary: Summary
    trials: pd.DataFrame
    planned: int
    finished: int


def conclude(out: str | Path | Place, templates: Path | None = None) -> StudyConclusion:
    """Analyse a results directory and write its report and tables again; trains nothing.

    ``templates`` is a folder whose files replace the report's own. Raises ResultsError when ``out`` holds no results.
    """
    from regfleet.report import write

    found = judge(*read_results(out))
    return replace(found, report=write(found.results.place, found, templates))


def judge(study: Study, results: Results) -> StudyConclusion:
    """Analyse what a results directory holds of its study, for its report; writes nothing."""
    found = analyse(study, results)
    return StudyConclusion(
        summary=found.summary,
        failures=failures_of(found.trials),
        facts=_facts(study, results, found),
        study=study,
        results=results,
        trials=found.trials,
    )


def read_results(out: str | Path | Place) -> tuple[Study, Results]:
    """The study of a results directory and what it holds; raises ResultsError when it holds no results."""
    results = load(out)
    return kept_study(results.place), results


def kept_study(place: Place) -> Study:
    """The study whose results are kept there; raises InputError when its study.toml is not one."""
    file = place.at("study.toml")
    try:
        return read_study(tomllib.loads(place.text("study.toml")), source=file)
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{file}: expected a TOML study file; got {problem}") from None


def analyse(study: Study, results: Results) -> Analysed:
    """Analyse what a results directory holds of its study; writes nothing."""
    from regfleet import analysis

    variants, settings = resolve_variants(study), study.analysis.settings()
    trials, shares = asked_rows(study, results), class_shares(results.provenance)
    if not study.adds_seeds:
        planned = len(study.names) * len(variants) * len(study.seeds)
        summary = analysis.summarize(trials, results.curves, variants, settings, shares)
        return Analysed(summary, trials, planned, _done(trials))
    stand = standings(study, trials, results.provenance)
    asked = _within(trials, {name: one.asked for name, one in stand.items()})
    trials = _within(trials, {name: one.analysed for name, one in stand.items()})
    summary = summarize_standings(trials, results.curves, variants, settings, stand, shares)
    return Analysed(summary, trials, sum(sum(one.asked.values()) for one in stand.values()), _done(asked))


def _done(trials: pd.DataFrame) -> int:
    return int((trials["status"] == "done").sum())


def standings(study: Study, trials: pd.DataFrame, provenance: Mapping[str, Any]) -> dict[str, Standing]:
    """How far each data set of a study that adds seeds has come; ``provenance`` is that of its directory.

    Raises ResultsError when it does not hold the numbers of rows, which say when to look.
    """
    variants, settings, shares = resolve_variants(study), study.analysis.settings(), class_shares(provenance)
    found = {}
    for name in study.names:
        rows = provenance.get("data", {}).get(name, {})
        if not {"training_rows", "test_rows"} <= set(rows):
            msg = f"provenance.json: expected the rows of {name}, which say when to look; got none. Run compare again"
            raise ResultsError(msg)
        planned = looks_of(study, rows["training_rows"], rows["test_rows"], fixed_test=rows.get("fixed_test", False))
        found[name] = take_looks(trials[trials["dataset"] == name], variants, settings, planned, shares)
    return found


def data_facts(dataset: Dataset, split: SplitSpec) -> dict[str, Any]:
    """What provenance.json holds of a data set, so that results can be analysed without it."""
    import numpy as np

    n_train, n_validation, n_test = row_counts(dataset, split)
    facts: dict[str, Any] = {
        "sha256": dataset.fingerprint,
        "task": dataset.task,
        "rows": len(dataset.target),
        "training_rows": n_train,
        "validation_rows": n_validation,
        "test_rows": n_test,
        "fixed_test": dataset.fixed_test,
        "split": _meaning(split, dataset),
        "notes": list(dataset.notes),
    }
    if dataset.task == "classification":
        facts["rows_by_class"] = np.bincount(dataset.target, minlength=len(dataset.classes)).tolist()
    return facts


def _meaning(split: SplitSpec, dataset: Dataset) -> str:
    """What the split means for the interval, empty for sets drawn at random, which the report explains."""
    special = dataset.fixed_test or split.folds or dataset.groups is not None
    plain = not special and (not split.stratified or dataset.task == "regression" or stratifies(dataset, split))
    return "" if plain else split_meaning(split, dataset)


def class_shares(provenance: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Data set → shares of its classes, as far as provenance.json holds them."""
    return {
        name: tuple(count / data["rows"] for count in data["rows_by_class"])
        for name, data in provenance.get("data", {}).items()
        if "rows_by_class" in data
    }


def asked_rows(study: Study, results: Results) -> pd.DataFrame:
    """The rows of the trials that the study is about."""
    trials = results.trials
    asked = trials["variant"].isin([v.name for v in resolve_variants(study)]) & trials["dataset"].isin(study.names)
    rows = trials[asked & (study.adds_seeds | trials["seed"].isin(study.seeds))]
    fixed = [name for name, data in results.provenance.get("data", {}).items() if data.get("fixed_test")]
    return rows.assign(fixed_test=rows["dataset"].isin(fixed)) if fixed else rows


def _within(trials: pd.DataFrame, seeds: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """The rows of ``trials`` whose seed is below ``seeds[data set][variant]``."""
    import pandas as pd

    return pd.concat([within(trials[trials["dataset"] == name], limits) for name, limits in seeds.items()])


def batch_notes(training_rows: Mapping[str, int], batch_sizes: Iterable[int]) -> list[str]:
    """What to say where a batch is larger than the training rows of a data set, which is allowed."""
    return [
        f"batch size {size} is more than the {rows} training rows of {name}: each epoch is a single update"
        for name, rows in training_rows.items()
        for size in sorted(set(batch_sizes))
        if size > rows
    ]


def failures_of(trials: pd.DataFrame) -> tuple[Failure, ...]:
    """The trials that failed or diverged."""
    bad = trials[trials["status"] != "done"]
    columns = ["dataset", "label", "seed", "status", "error", "traceback"]
    return tuple(Failure(*row) for row in bad[columns].itertuples(index=False))


def _facts(study: Study, results: Results, found: Analysed) -> StudyFacts:
    variants, trials = resolve_variants(study), found.trials
    rows = {
        str(name): int(n) for name, n in trials[trials["n_train"] > 0].groupby("dataset")["n_train"].first().items()
    }
    notes = batch_notes(rows, (variant.training.batch_size for variant in variants))
    for name, data in results.provenance.get("data", {}).items():
        notes += [f"{name}: {sentence}" for sentence in (data.get("split"), *data.get("notes", ())) if sentence]
    if parse_split(study.split).test_is_validation:
        notes.append(ARTICLE_SPLIT_NOTE)
    fell_back = trials[trials["execution"].str.startswith("keras (")]
    notes += [f"{label}: {how}" for label, how in fell_back.groupby("label")["execution"].first().items()]
    waiting = found.finished - _done(trials)
    if waiting:
        notes.append(f"{waiting} more trials have finished; they wait for the others of their look to be analysed")
    runs = results.provenance.get("runs", [])
    return StudyFacts(
        datasets=study.names,
        model=str(study.model.spec()),
        # The base network's; normalization layers add to it.
        weights=int(trials.loc[trials["weights"] > 0, "weights"].min()) if (trials["weights"] > 0).any() else 0,
        seeds=study.seeds or tuple(sorted({int(seed) for seed in trials["seed"]})),
        epochs=study.training.epochs,
        split=study.split,
        engine=study.engine,
        planned=found.planned,
        finished=found.finished,
        command=runs[-1]["command"] if runs else "",
        study_toml=study.toml(),
        notes=(*notes, *results.problems),
        article=study.is_article,
        provenance=results.provenance,
    )
