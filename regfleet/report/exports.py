"""The leaderboard and the trials as files: full precision for machines, ready tables for papers and wikis."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

from regfleet.analysis.predicted import Together, VariantPredicted
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.analysis.variant import Comparison, VariantSummary
from regfleet.errors import InputError
from regfleet.numbers import DASH, MINUS, Scale, gap_scale, level
from regfleet.report.predicted import together
from regfleet.report.references import about as of_references
from regfleet.report.tuning import tuned_cells
from regfleet.report.verdicts import chip
from regfleet.text import json_text, printable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Cell = str | int | float | None
# Spreadsheets take the full-width forms too, and what separates cells is for each of them another thing.
_FORMULA = re.compile(r"""(^|[,;|\t\r\n])(?=[\s"']*[=+\-@＝＋－＠])|^(?=[\t\r])""")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+.!|<>~$&-])")
_WRONG = "wrong: "
PREDICTED = "what is predicted"
"""What the class or the value that is true of a row is called beside its columns."""
BLOCK = 10_000
"""Trials whose text is held at once."""
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", MINUS: "$-$", DASH: "--", "±": r"$\pm$", "λ": r"$\lambda$",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "ε": r"$\varepsilon$", "→": r"$\to$", "×": r"$\times$",
    "\u202f": r"\,", "\u00a0": "~",
}  # fmt: skip


def leaderboard_rows(summary: Summary) -> list[dict[str, Cell]]:
    """A row per data set and variant, best first, in units of the metric; None where there is no value.

    After those of a data set come its references, whose kind says so: they have no rank, and the best network for
    control.
    """
    tuned = any(dataset.tuning for dataset in summary.datasets)
    return [
        {"dataset": dataset.dataset, "metric": summary.metric.name, "scope": summary.question.scope, **_row(row)}
        | _together(dataset.networks(row.name))
        | (tuned_cells(dataset.tuned(row.name)) if tuned else {})
        | _odds(dataset, row.name)
        | {"kind": kind}
        for dataset in summary.datasets
        for kind, rows in (("variant", dataset.ordered(summary.metric)), ("reference", _references(dataset)))
        for row in rows
    ]


def _references(dataset: DatasetSummary) -> Sequence[VariantSummary]:
    return dataset.references.rows if dataset.references else ()


def _row(row: VariantSummary) -> dict[str, Cell]:
    return {
        "rank": row.rank,
        "variant": row.name,
        "label": row.label,
        "family": row.family,
        "control": row.control,
        "verdict": row.comparison.verdict if row.comparison and row.finished else chip(row).word.lower(),
        "mean": row.score.mean,
        "mean_low": row.score.low,
        "mean_high": row.score.high,
        "sd": row.sd,
        **_comparison(row.comparison),
        "train": row.train_score,
        "gap": row.gap.mean,
        "gap_low": row.gap.low,
        "gap_high": row.gap.high,
        "gap_change": row.gap_change.mean if row.gap_change else None,
        "gap_change_low": row.gap_change.low if row.gap_change else None,
        "gap_change_high": row.gap_change.high if row.gap_change else None,
        "best_epoch": row.best_epoch,
        "seconds": row.seconds,
        "finished": row.finished,
        "failed": row.failed,
        "diverged": row.diverged,
    }


def _together(one: Together | None) -> dict[str, Cell]:
    """The networks of a variant as one: their score, how many they are on a row as a rule, over how many rows.

    Then what leaves one seed out: the mean of the others, and that seed's own network on the same rows.
    """
    names = ("together", "together_networks", "together_rows", "together_others", "together_alone")
    if one is None:
        return dict.fromkeys(names)
    return dict(zip(names, (one.score, one.networks[1], one.rows, one.others, one.alone), strict=True))


def _odds(dataset: DatasetSummary, name: str) -> dict[str, Cell]:
    """What speaks for choosing a variant now: its chances, what is lost by it, and seconds a trial without tracing."""
    one = next((one for one in dataset.odds if one.name == name), None)
    values = (one.best, one.matters, one.loss, one.seconds, one.times) if one else [None] * 5
    return dict(zip(("p_best", "p_matters", "expected_loss", "fit_seconds", "times_control"), values, strict=True))


_COMPARED = (
    "difference", "difference_low", "difference_high", "p", "rope", "floor", "pairs", "dropped", "wins", "ties",
    "losses", "note", "rule", "rule_why", "same_rows", "brier", "brier_low", "brier_high", "probabilities",
)  # fmt: skip


def _comparison(one: Comparison | None) -> dict[str, Cell]:
    if one is None:
        return dict.fromkeys(_COMPARED)
    values: list[Cell] = [one.difference.mean, one.difference.low, one.difference.high, one.p, one.rope, one.floor]
    values += [len(one.seeds), one.dropped, one.wins, one.ties, one.losses, one.note, one.rule, one.rule_why, one.same]
    brier = one.companion.difference if one.companion else None
    values += [brier.mean, brier.low, brier.high] if brier else [None] * 3
    values.append(one.companion.verdict if one.companion else None)
    return dict(zip(_COMPARED, values, strict=True))


def leaderboard_csv(summary: Summary) -> str:
    """The leaderboard as CSV, in full precision."""
    rows = leaderboard_rows(summary)
    return rows_csv(rows)


def rows_csv(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows of the same columns as CSV, in full precision."""
    return _csv(list(rows[0]) if rows else [], (map(safe_cell, row.values()) for row in rows))


def trials_blocks(trials: pd.DataFrame) -> Iterator[str]:
    """The frame of trials as CSV, tracebacks left out, in blocks of rows: the text of many need not be held at once."""
    frame = trials.drop(columns="traceback", errors="ignore")
    yield _csv([str(column) for column in frame.columns], ())
    for start in range(0, len(frame), BLOCK):
        block = frame.iloc[start : start + BLOCK]
        yield _csv(None, zip(*(_safe_cells(block[name]) for name in block), strict=True))


def rows_blocks(
    summary: Summary, classes: Mapping[str, Sequence[str]], values: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    """Every row that was tested, as CSV in blocks, the data sets one after the other.

    ``tested`` and ``wrong`` count the networks of all variants that learned something; of a regression ``wrong`` is
    their mean absolute error. Then, for each variant, the share of its networks that were wrong, or their mean absolute
    error. Last what the row holds, where that is at hand.

    Args:
        summary: with what was predicted.
        classes: data set → names of its classes.
        values: data set → `table_cells` of it.
    """
    shown = [one for one in summary.datasets if one.predicted]
    names = list(dict.fromkeys(name for one in shown if one.predicted for name in one.predicted.variants))
    columns = list(dict.fromkeys(str(name) for one in shown for name in values.get(one.dataset, ())))
    head = ["dataset", "row", "target", "class", "tested", "wrong"]
    yield _csv([*head, *(f"{_WRONG}{name}" for name in names), *columns], ())
    for one in shown:
        found = one.predicted
        if found is None:
            continue
        labels, table = classes.get(one.dataset, ()), values.get(one.dataset)
        for start in range(0, len(found.numbers), BLOCK):
            at = slice(start, start + BLOCK)
            rows, tested = found.numbers[at], found.tested[at]
            is_class = found.kind == "classes"
            unknown = is_class and not found.classes
            wrong = found.wrong[at] if is_class else found.wrong[at] / tested
            cells: list[Iterable[str]] = [
                [safe_cell(one.dataset)] * len(rows),
                (safe_cell(found.row(number)) for number in rows.tolist()),
                ["" if unknown else _plain(target) for target in found.targets[at].tolist()],
                (_name(labels, target) for target in found.targets[at].tolist()),
                map(_plain, tested.tolist()),
                map(_plain, wrong.tolist()),
                *(_shares(found.variants.get(name), rows) for name in names),
                *(_values(table, column, rows) for column in columns),
            ]
            yield _csv(None, zip(*cells, strict=True))


def _plain(value: float) -> str:
    """A number as short as it can be; none for what is no number."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def _name(labels: Sequence[str], target: float) -> str:
    return safe_cell(labels[int(target)]) if labels and 0 <= target < len(labels) else ""


def _shares(one: VariantPredicted | None, rows: NDArray[np.int64]) -> list[str]:
    """How wrong a variant was on each of ``rows``; nothing where it was not tested."""
    import numpy as np

    if one is None:
        return [""] * len(rows)
    place = np.searchsorted(one.rows, rows).clip(max=len(one.rows) - 1)
    share = np.where(one.rows[place] == rows, one.wrong[place] / one.tested[place], math.nan)
    return [f"{value:.3g}" if math.isfinite(value) else "" for value in share.tolist()]


def _values(table: pd.DataFrame | None, column: str, rows: NDArray[np.int64]) -> list[str]:
    if table is None or column not in table:
        return [""] * len(rows)
    cells: list[str] = table[column].reindex(rows, fill_value="").tolist()
    return cells


def table_cells(table: pd.DataFrame) -> pd.DataFrame:
    """What the rows of a data set hold, each value as the text of its cell; by row number."""
    import pandas as pd

    return pd.DataFrame({str(name): _safe_cells(column) for name, column in table.items()})


def kept_cells(text: bytes, *, predicted: bool = False) -> dict[str, pd.DataFrame]:
    """Data set → what its rows hold, from a table that `rows_blocks` wrote when the data was at hand.

    ``predicted``: a last column, `PREDICTED`, has the class or the value that is true of the row.
    """
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(text), dtype=str, keep_default_na=False)
    # A column of the data may be called as one of ours, and pandas would give it another name.
    columns = next(csv.reader(io.StringIO(text.decode())))
    frame.columns = pd.Index(columns)
    first = 1 + max(place for place, name in enumerate(columns) if name == "wrong" or name.startswith(_WRONG))
    if first == len(columns):
        return {}
    names, rows = frame.iloc[:, 0], frame.iloc[:, 1].astype("int64")
    held = frame.iloc[:, first:].set_axis(rows, axis=0)
    if predicted:
        target, name = frame.iloc[:, 2].to_numpy(), frame.iloc[:, 3].to_numpy()
        held = held.assign(**{PREDICTED: np.where(name != "", name, target)})
    return {str(name): held[(names == name).to_numpy()] for name in names.unique()}


def is_ours(beginning: bytes) -> bool:
    """Whether a file that begins so is a table of regfleet of any version."""
    columns = {*beginning.partition(b"\n")[0].strip().split(b",")}
    ours = (
        {b"rank", b"variant", b"label"},
        {b"variant", b"seed", b"status"},
        {b"row", b"target", b"tested", b"wrong"},
        {b"dataset", b"effect", b"verdict"},
    )
    return any(columns >= names for names in ours)


def _safe_cells(column: pd.Series) -> list[str]:
    """A column's cells; each text is made safe once, however many rows hold it."""
    values = column.astype(object).where(column.notna(), None).tolist()
    if column.dtype.kind in "iu":
        return list(map(str, values))
    known = {value: safe_cell(value) for value in set(values) if isinstance(value, str)}
    return [known[value] if isinstance(value, str) else safe_cell(value) for value in values]


def leaderboard_json(summary: Summary) -> str:
    """The same rows as JSON; null where there is no value."""
    return json_text([*leaderboard_rows(summary)]) + "\n"


# Tables by hand: pandas writes Markdown through one more package, and LaTeX without the letters of _LATEX.
def leaderboard_markdown(summary: Summary) -> str:
    """The leaderboard as a Markdown table per data set."""
    parts = []
    for dataset in summary.datasets:
        header, rows = _table(dataset, summary)
        lines = [header, ["---", "---", *["---:"] * (len(header) - 3), "---"], *rows]
        cells = ([text if line is lines[1] else _markdown(text) for text in line] for line in lines)
        parts.append(
            f"**{_markdown(_caption(dataset, summary))}**\n\n" + "\n".join(f"| {' | '.join(c)} |" for c in cells)
        )
    return "\n\n".join(parts) + "\n"


def leaderboard_latex(summary: Summary) -> str:
    """The leaderboard as a LaTeX table per data set; needs booktabs, graphicx and an engine that reads UTF-8.

    A table that is wider than the text is shrunk to its width.
    """
    parts = ["% \\usepackage{booktabs,graphicx}"]
    for dataset in summary.datasets:
        header, rows = _table(dataset, summary)
        body = "\n".join(f"  {' & '.join(_latex(cell) for cell in row)} \\\\" for row in rows)
        parts.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{_latex(_caption(dataset, summary))}}}\n"
            "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n"
            f"\\begin{{tabular}}{{rl{'r' * (len(header) - 3)}l}}\n\\toprule\n"
            f"  {' & '.join(_latex(cell) for cell in header)} \\\\\n\\midrule\n"
            f"{body}\n\\bottomrule\n\\end{{tabular}}}}\n\\end{{table}}"
        )
    return "\n\n".join(parts) + "\n"


def leaderboard_html(summary: Summary) -> str:
    """The leaderboard as a plain HTML table per data set, without styles or scripts."""
    parts = []
    for dataset in summary.datasets:
        header, rows = _table(dataset, summary)
        head = "".join(f'<th scope="col">{escape(printable(cell))}</th>' for cell in header)
        body = "\n".join(
            "<tr>" + "".join(f"<td>{escape(printable(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        caption = escape(printable(_caption(dataset, summary)))
        parts.append(
            f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        )
    return "\n".join(parts) + "\n"


FORMATS: Mapping[str, Callable[[Summary], str]] = MappingProxyType(
    {
        "csv": leaderboard_csv,
        "json": leaderboard_json,
        "markdown": leaderboard_markdown,
        "latex": leaderboard_latex,
        "html": leaderboard_html,
    }
)


def leaderboard(summary: Summary, form: str) -> str:
    """The leaderboard in one of FORMATS; raises InputError for another."""
    if form not in FORMATS:
        raise InputError(f"--format: expected one of {', '.join(FORMATS)}; got {form!r}")
    return FORMATS[form](summary)


def _caption(dataset: DatasetSummary, summary: Summary) -> str:
    about = f", {dataset.about}" if dataset.about else ""
    beside = f" {of_references(dataset)}." if dataset.references else ""
    return (
        f"Test {summary.metric.title} on {dataset.dataset} with {level(summary.question.alpha)} intervals; "
        f"differences from the control are simultaneous over {dataset.comparisons} comparisons{about}.{beside}"
    )


def _table(dataset: DatasetSummary, summary: Summary) -> tuple[list[str], list[list[str]]]:
    """(header, rows) as a person reads them."""
    unit, gap = Scale(summary.metric), gap_scale(dataset.task)
    percent, points = (", %", ", points") if unit.unit else ("", "")
    gap_header = "Gap, points" if gap.unit else "Gap"
    header = ["Rank", "Variant", f"Test{percent}", f"Difference{points}", gap_header, "Seeds", "Verdict"]
    order = dataset.ordered(summary.metric)
    rows = [_cells(row, unit, gap) for row in order]
    if any(dataset.networks(row.name) for row in order):
        header.insert(-1, f"Networks together{percent}")
        for row, cells in zip(order, rows, strict=True):
            cells.insert(-1, together(dataset.networks(row.name), unit)[0])
    for row in _references(dataset):
        cells = _cells(replace(row, label=f"{row.label} (reference)"), unit, gap)
        rows.append([*cells[:-1], *[DASH] * (len(header) - len(cells)), cells[-1]])
    return header, rows


def _cells(row: VariantSummary, unit: Scale, gap: Scale) -> list[str]:
    interval = row.comparison.difference if row.comparison else None
    lost = row.failed + row.diverged
    return [
        str(row.rank or DASH),
        row.label,
        _with_interval(unit.score(row.score.mean), unit.between(row.score.low, row.score.high)),
        _with_interval(unit.difference(interval.mean), unit.from_to(interval.low, interval.high)) if interval else DASH,
        gap.score(row.gap.mean),
        f"{row.finished} ({lost} lost)" if lost else str(row.finished),
        chip(row).word,
    ]


def _with_interval(value: str, interval: str) -> str:
    return f"{value} ({interval})" if interval else value


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(printable(text).split()))


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(printable(text).split(" ")))


def safe_cell(value: object) -> str:
    """A cell's text. What a spreadsheet would run of a string gets an apostrophe in front; numbers never do."""
    if isinstance(value, str):
        return _FORMULA.sub(r"\1'", printable(value))
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return str(value)


def _csv(header: Sequence[str] | None, rows: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if header is not None:
        writer.writerow([safe_cell(name) for name in header])
    writer.writerows(rows)
    return file.getvalue()
