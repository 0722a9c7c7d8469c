"""From a results directory to what the analysis says of it and the report."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.datasets import SPLITS
from regfleet.plan import resolve_variants
from regfleet.records import Failure, StudyFacts
from regfleet.results import Results, load, write_text
from regfleet.study import Study, read_study, read_study_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from regfleet.records import Summary

ARTICLE_SPLIT_NOTE = (
    "This is the article's own protocol: one held-out quarter serves as validation set and as test set, it is not "
    "stratified, and there is no third set. Scores at the best epoch are therefore chosen on the rows that judge "
    "them, and are optimistic; read the last epoch, and prefer the split 60/20/20."
)


@dataclass(frozen=True)
class Conclusion:
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


def conclude(out: str | Path) -> Conclusion:
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
    return Conclusion(study, results, summary, headlines, failures, facts, results.path / "report.html")


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def batch_notes(training_rows: Mapping[str, int], batch_sizes: Iterable[int]) -> list[str]:
    """What to say where a batch is larger than the training rows of a data set, which is allowed."""
    return [
        f"batch size {size} is more than the {rows} training rows of {name}: each epoch is a single update"
        for name, rows in training_rows.items()
        for size in sorted(set(batch_sizes))
        if size > rows
    ]


def _failures(trials: pd.DataFrame) -> tuple[Failure, ...]:
    bad = trials[trials["status"] != "done"]
    columns = ["dataset", "label", "seed", "status", "error", "traceback"]
    return tuple(Failure(*row) for row in bad[columns].itertuples(index=False))


def _facts(study: Study, results: Results, trials: pd.DataFrame) -> StudyFacts:
    variants = resolve_variants(study)
    rows = {
        str(name): int(n) for name, n in trials[trials["n_train"] > 0].groupby("dataset")["n_train"].first().items()
    }
    notes = batch_notes(rows, (variant.training.batch_size for variant in variants))
    if SPLITS[study.split].test_is_validation:
        notes.append(ARTICLE_SPLIT_NOTE)
    fell_back = trials[trials["execution"].str.startswith("keras (")]
    notes += [f"{label}: {how}" for label, how in fell_back.groupby("label")["execution"].first().items()]
    runs = results.provenance.get("runs", [])
    return StudyFacts(
        datasets=study.data,
        model=str(study.model.spec()),
        # The base network's; normalization layers add to it.
        weights=int(trials.loc[trials["weights"] > 0, "weights"].min()) if (trials["weights"] > 0).any() else 0,
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
