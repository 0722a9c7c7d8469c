"""Scores that any other tool produced: the same analysis, the same report."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet import files
from regfleet.atomic import is_beside
from regfleet.concluding.judge import failures_of
from regfleet.concluding.predictions import together_by
from regfleet.errors import InputError
from regfleet.paths import REPORT, SUMS, expanded, is_ours, sums_in, unwritable
from regfleet.report.conclusion import Conclusion, StudyFacts
from regfleet.report.publish import is_report
from regfleet.results import DataFacts, Provenance, place_of
from regfleet.settings import Analysis, read_part
from regfleet.text import given, named, one_line, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from regfleet.analysis.summary import Summary
    from regfleet.concluding.score_table import Scores
    from regfleet.readers import Arranged, Asked, Runs, Source

NAMES = ("technique", "dataset", "y_true", "y_pred", "group")
"""Columns of text: what looks like a number or like a missing value there, such as None, is a name."""
MISSING = ["", "NA", "N/A", "na", "n/a", "NaN", "nan", "null", "NULL", "None", "-"]
OWN = {*REPORT, SUMS}
HEADS = (b"dataset,metric,scope,rank,variant,label,family,control,verdict,", b"dataset,variant,seed,status,last_test_")
"""How the tables begin that we write beside a report on scores."""


def analyze(
    scores: object,
    control: str | None = None,
    *,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    technique: str | Sequence[str] | None = None,
    seed: str | None = None,
    rows: tuple[int, int] | None = None,
    scope: str | None = None,
    rope: float | None = None,
    alpha: float = 0.05,
    silence: Sequence[str] = (),
    out: str | Path | None = None,
    command: str = "regfleet.analyze(…)",
    advance: Callable[[int], None] | None = None,
) -> Conclusion:
    """Analyse scores that any tool produced, with the same rules as a study's.

    Args:
        scores: a frame, or a CSV or Parquet file. Long: columns technique, seed and a metric, with n_train and n_test
            for scope new_data, and dataset where there are several; or wide: seed and a column for each technique. Or
            long with a line for each test row: technique, seed, row (its number or name in the data set) and n_train,
            with correct, or y_true with y_pred or a column proba_CLASS for each class, or the score of a row. Or
            results of another tool, a file, a folder or an object, as docs/other-tools.md has them: ``cv_results_``,
            ``{name: cross_validate(…)}`` or a ResultGrid for three.
        control: the technique that the others are compared with; by default baseline, none or control, and of another
            tool's results the first.
        metric: a column of a long frame, by default accuracy or the only one; what a wide frame holds; of predictions
            of rows any metric that they can be scored by; a score of another tool.
        higher_is_better: which way a metric points that is neither one of regfleet's nor a scorer of scikit-learn.
        technique: the columns or settings whose values are compared, by default technique, or what a tool varied.
        seed: the column or setting that tells repeats apart, by default seed, or what a tool calls seed or fold.
        rows: how many rows trained and were tested in each run, where the scores do not say.
        scope: new_data, or this_dataset, as of a study; by default the latter of another tool's results that do not say
            how many rows trained and were tested.
        rope, alpha, silence: as of a study.
        out: a directory for the report and its tables; None writes nothing.
        command: how it was asked for, for the report.
        advance: is told how many files of a folder, or rows of a database, were read.

    Raises:
        InputError: one line that names the column, the technique or the setting, and what was expected.
    """
    from regfleet.concluding.row_scores import has_rows
    from regfleet.concluding.score_table import columns_of, read_scores
    from regfleet.readers import Asked

    given_scope = {} if scope is None else {"scope": scope}
    asked = read_part(Analysis, {**given_scope, "rope": rope, "alpha": alpha, "silence": silence})
    wanted = Asked(
        technique=(technique,) if isinstance(technique, str) else tuple(technique or ()),
        seed=seed,
        metric=metric,
        higher_is_better=higher_is_better,
        control=control,
        scope=scope,
        rows=rows,
    )
    name, frame, arranged, facts = _read(scores, wanted, advance)
    if arranged is not None:
        control, metric, higher_is_better = arranged.control, arranged.metric, arranged.higher_is_better
        asked = asked.model_copy(update={"scope": arranged.scope})
    elif metric is not None and "technique" in frame and metric not in frame and not has_rows(frame):
        raise InputError(f"--metric: expected a column of {name}: {columns_of(frame)}; got {given(metric)}")
    if isinstance(scores, str | Path) and "dataset" not in frame:
        frame = frame.assign(dataset=called(scores))
    directory = None if out is None else free_folder(expanded(out, "--out"), scores)
    try:
        found = read_scores(
            frame,
            asked,
            control,
            metric=metric,
            higher_is_better=higher_is_better,
            overlap=arranged.overlap if arranged else None,
            own_words=arranged is None,
        )
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from None
    summary = _summarized(found)
    told = _facts(found, [data.dataset for data in summary.datasets], command, facts)
    told = replace(told, read=arranged.said if arranged else ())
    error = found.trials["status"].map({"failed": "there is no score", "diverged": "the score is not finite"})
    trials = found.trials.assign(label=found.trials["variant"], error=error, traceback="")
    done = Conclusion(summary=summary, facts=told, failures=failures_of(trials), trials=found.trials)
    if directory is None:
        return done
    from regfleet.report import write

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable("--out", directory, problem) from None
    return replace(done, report=write(place_of(directory), done))


def called(scores: str | Path) -> str:
    """What a file or a folder of scores is called in a report, and its report by default."""
    path = Path(scores)
    path = path if path.name.strip(".") else path.absolute()
    return (path.name if path.is_dir() else path.stem).strip(".") or "scores"


def _summarized(found: Scores) -> Summary:
    """The analysis of scores, with what was predicted where there is a line for each test row."""
    from regfleet import analysis

    rows = found.rows
    if rows is None or not rows.predicted:
        return analysis.summarize(found.trials, None, found.variants, found.question)
    score = together_by(rows.metric, dict.fromkeys(rows.predicted, (rows.task, rows.classes)))
    summary = analysis.summarize(found.trials, None, found.variants, found.question, predictions=rows.of, score=score)
    named = (
        replace(one, predicted=one.predicted and replace(one.predicted, row_names=rows.row_names))
        for one in summary.datasets
    )
    return replace(summary, datasets=tuple(named))


def _facts(found: Scores, datasets: Sequence[str], command: str, provenance: Provenance) -> StudyFacts:
    return StudyFacts(
        datasets=tuple(datasets),
        model="",
        weights=0,
        seeds=tuple(sorted({int(seed) for seed in found.trials["seed"]})),
        epochs=0,
        split="",
        engine="",
        planned=len(found.trials),
        finished=int((found.trials["status"] == "done").sum()),
        command=command,
        study_toml="",
        notes=found.notes,
        article=False,
        provenance=_with_classes(provenance, found, datasets),
        foreign=True,
    )


def _with_classes(provenance: Provenance, found: Scores, datasets: Sequence[str]) -> Provenance:
    """``provenance`` with the names of the classes, where rows say which was predicted."""
    if found.rows is None or not found.rows.classes:
        return provenance
    facts = DataFacts(classes=found.rows.classes)
    return provenance.model_copy(update={"data": dict.fromkeys(datasets, facts)})


def _read(
    scores: object, asked: Asked, advance: Callable[[int], None] | None
) -> tuple[str, pd.DataFrame, Arranged | None, Provenance]:
    """The name of the scores, their frame, how another tool's were read, and where they come from for the report."""
    from regfleet import __version__
    from regfleet.readers import Source, find, runs_of

    name = named(str(scores)) if isinstance(scores, str | Path) else "scores"
    try:
        source = Source(scores, advance)
        runs = find(source)
        if runs is None and (asked.technique or asked.seed):
            runs = runs_of(source)
        arranged = None if runs is None else _arranged(runs, asked, name)
        frame = arranged.frame if arranged else _plain(source, asked)
        digest = source.sha256
    # Damaged files raise whatever the library that reads them comes upon.
    except (OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError, csv.Error) as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"{name}: expected a CSV or Parquet file of scores; got {said}") from None
    place = None if source.path is None else source.path.name
    versions = {"regfleet": __version__}
    return name, frame, arranged, Provenance(versions=versions, scores=place, sha256=digest, rows=len(frame))


def _arranged(runs: Runs, asked: Asked, name: str) -> Arranged:
    """The table of another tool's runs; errors that name no flag name the file."""
    from regfleet.readers import arrange

    try:
        return arrange(runs, asked)
    except InputError as problem:
        text = str(problem)
        raise InputError(text if text.startswith("--") else f"{name}: {text}") from None


def _plain(source: Source, asked: Asked) -> pd.DataFrame:
    """A table of technique, seed and scores as it is, with the numbers of rows that were given beside it."""
    if source.kind == "object":
        frame: pd.DataFrame = source.given  # type: ignore[assignment]
    else:
        frame = _parquet(source.content) if source.kind == "parquet" else _csv(source.content, source.name)
    return frame if asked.rows is None else frame.assign(n_train=asked.rows[0], n_test=asked.rows[1])


def _csv(content: bytes, name: str) -> pd.DataFrame:
    import pandas as pd

    from regfleet.concluding.score_table import MOST_COLUMNS
    from regfleet.readers.source import HEAD_BYTES

    rows = csv.reader(io.StringIO(content[:HEAD_BYTES].decode("utf-8-sig", "replace"), newline=""))
    header, first = next(rows, []), next(rows, [])
    twice = next((column for column, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{name}: columns must have names of their own. Got {given(twice)} twice")
    if len(header) > MOST_COLUMNS:
        raise InputError(f"{name}: expected at most {MOST_COLUMNS:,} columns; got {len(header):,}")
    if len(first) > len(header):  # pandas would take the first column for row names
        raise InputError(f"{name}: expected {len(header)} values in each row, as in the header; got {len(first)}")
    missing = {column: [""] if column in NAMES else MISSING for column in header}
    frame: pd.DataFrame = pd.read_csv(
        io.BytesIO(content),
        encoding="utf-8-sig",
        dtype={column: str for column in (*NAMES, "seed") if column in header},  # a float may not hold a seed
        keep_default_na=False,
        na_values=missing,
        low_memory=False,
    )
    if "dataset" in frame and frame["dataset"].isna().any():
        raise InputError(
            f"{name}: dataset must be a name. Got nothing in row {int(frame['dataset'].isna().argmax()) + 1}"
        )
    return frame


def _parquet(content: bytes) -> pd.DataFrame:
    import pyarrow as pa

    from regfleet.data.files import read_parquet

    table = read_parquet(pa.py_buffer(content))
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def free_folder(out: Path, scores: object = None) -> Path:
    """``out``, if nothing but an earlier report without its study stands there, and not the scores themselves."""
    try:
        names = sorted(entry.name for entry in out.iterdir()) if os.path.lexists(out) else []
        sums = sums_in(out)
        own = OWN if sums else OWN - {SUMS}
        foreign = [name for name in names if name not in own and not is_beside(name)]
        foreign += [name for name in sorted(OWN - {SUMS}) if not is_ours(out / name, sums, name, _is_own)]
        if isinstance(scores, str | Path):
            foreign += [name for name in names if name in OWN and (out / name).samefile(files.local(str(scores)))]
    except OSError as problem:
        raise InputError(f"--out: expected a directory; got {out} ({reason(problem)})") from None
    if foreign:
        raise InputError(f"--out: expected an empty directory or a report on scores; got {out}, with {foreign[0]}")
    return out


def _is_own(content: bytes) -> bool:
    """Whether a file is of an earlier report on scores."""
    return content.startswith(HEADS) or is_report(content)
