"""`regfleet predict`: a fitted model, new rows, and a file of what it says of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet import saving
from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.numbers import Scale, count
from regfleet.paths import expanded, write_listed
from regfleet.running.logs import log_to
from regfleet.saving.seen import count as count_seen
from regfleet.text import named

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from regfleet.saving import Answers
    from regfleet.saving.rows import Rows

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Predicted:
    """Predictions as CSV text, empty where they went to a file, and what is to be said of them."""

    text: str
    sentences: tuple[str, ...]


def predict(
    model: str | Path, rows: str, out: str | Path | None, note: Callable[[str], object] = lambda _: None
) -> Predicted:
    """Predict the rows at ``rows`` with the fitted model in the folder ``model``, into the file ``out``.

    Raises:
        InputError: the rows do not fit the model, or ``out`` is a file that somebody changed or made.
        ResultsError: the folder holds no fitted model, or not the one that was written.
    """
    from regfleet.saving import rows as reading

    path = None if out is None else _new_file(out)
    # What TensorFlow says when it is imported is not for the user.
    with tempfile.NamedTemporaryFile() as file, log_to(Path(file.name)):
        found = saving.load(model)
        given = reading.at(rows, found.signature)
        for text in given.notes:
            note(f"note: {text}")
        answers = found.predictor.of_rows(given)
    frame = answers.frame()
    if given.names:
        frame.insert(1, "file", given.names)
    said = (*_sentences(answers, given), *_trained_on(given, found.seen, scored=given.target is not None))
    if path is None:
        return Predicted(frame.to_csv(index=False), said)
    _write(path, frame)
    return Predicted("", (*said, f"{count(len(frame), 'row')} predicted in {path}"))


def _new_file(out: str | Path) -> Path:
    path = expanded(out, "--out")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out: expected a file {' or '.join(SUFFIXES)}; got {named(str(out))}")
    if not path.parent.is_dir():
        raise InputError(f"--out: expected a file in a folder that is there; got {path}")
    return path


def _write(path: Path, frame: pd.DataFrame) -> None:
    import io

    if path.suffix.lower() == ".csv":
        content = frame.to_csv(index=False).encode()
    else:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        content = buffer.getvalue()
    write_listed(path.parent, [(path.name, content)], "--out")


def _trained_on(rows: Rows, seen: bytes, *, scored: bool) -> tuple[str, ...]:
    """That rows are such as the networks were trained on, where some are."""
    many = count_seen(rows, seen)
    if not many:
        return ()
    every = "all" if many == rows.count > 1 else f"{many:,}"
    text = (
        f"{every} of these {rows.count:,} rows {'has' if many == 1 else 'have'} the same input as rows that one of the "
    )
    text += "networks was trained on"
    return (text + (": a score on them says little of new rows" if scored else ""),)


def _sentences(answers: Answers, rows: Rows) -> tuple[str, ...]:
    """The score, where the target is known, beside what the study promised."""
    import numpy as np

    target, found = rows.target, answers.signature
    if target is None:
        return ()
    known = int((target >= 0).sum() if found.classes else (~np.isnan(target)).sum())
    if not known:
        return ()
    metric = METRICS[found.expected.metric]
    score, unit = answers.scores(target)[metric.name], Scale(metric)
    text = f"{metric.title} on {count(known, 'row')}: {unit.full(score)}"
    expected = found.expected
    if expected.mean is not None:
        promised = unit.full(expected.mean)
        ends = "" if expected.low is None or expected.high is None else unit.between(expected.low, expected.high)
        text += f"; the study expects {promised}" + (f" ({ends}{unit.unit})" if ends else "") + " of one network"
    return (text,)
