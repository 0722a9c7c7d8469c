"""What the networks of a fitted model say of rows: each of them, all together, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet.saving import rows as reading

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from regfleet.saving.preprocessing import Preprocessing
    from regfleet.saving.rows import Rows
    from regfleet.saving.signature import Signature

BATCH = 4096
"""Rows that go through a network at once."""
WHOLE = 16
"""Of which these are a multiple: the last of fewer would be rounded otherwise, and a row's answer depend on others."""


@dataclass(frozen=True, eq=False)
class Answers:
    """``each`` float64 (networks, rows, classes) of probabilities, or (networks, rows, 1) in units of the target."""

    signature: Signature
    each: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """What the ensemble gives: the mean over networks, (rows, classes) or (rows, 1)."""
        made: np.ndarray = self.each.mean(axis=0)
        return made

    @property
    def predicted(self) -> np.ndarray:
        """The number of the likeliest class, or the value, of each row."""
        made: np.ndarray = self.mean.argmax(axis=1) if self.signature.classes else self.mean[:, 0]
        return made

    @property
    def disagreement(self) -> np.ndarray:
        """How far the networks are from agreeing, (rows,), 0 where they do.

        For classes the share of the networks whose likeliest class is another than the ensemble's, 0 to 1; for values
        the standard deviation of theirs (n − 1), in units of the target, NaN of a single network.
        """
        import numpy as np

        if self.signature.classes:
            made: np.ndarray = (self.each.argmax(axis=2) != self.predicted).mean(axis=0)
            return made
        alone = len(self.each) < 2
        return np.full(self.each.shape[1], np.nan) if alone else self.each[:, :, 0].std(axis=0, ddof=1)

    def frame(self) -> pd.DataFrame:
        """A row for each, in order: ``row`` from 1, ``prediction``, probabilities by class, and the disagreement."""
        import numpy as np
        import pandas as pd

        found = self.signature
        columns: dict[str, Any] = {"row": np.arange(1, self.each.shape[1] + 1)}
        if found.classes:
            columns["prediction"] = np.array(found.classes, object)[self.predicted]
            columns |= {f"probability_{name}": self.mean[:, number] for number, name in enumerate(found.classes)}
            columns["disagreement"] = self.disagreement
        else:
            columns["prediction"] = self.predicted
            columns["spread"] = self.disagreement
        return pd.DataFrame(columns)

    def scores(self, target: np.ndarray, each: int | None = None) -> dict[str, float]:
        """All scores of a study on the rows whose ``target``, class numbers or quantities, is known.

        They are the ensemble's, or those of the network at the place ``each``.
        """
        import numpy as np

        from regfleet.training.scoring import class_scores, number_scores

        given = self.mean if each is None else self.each[each]
        if self.signature.classes:
            known = target >= 0
            one_hot = np.eye(len(self.signature.classes), dtype="float32")[target[known]]
            found = class_scores(given[known], one_hot)
            found.pop("correct", None)
            return found
        known = ~np.isnan(target)
        return number_scores(given[known, 0], target[known])


class Predictor:
    """The networks of a fitted model, each with its preprocessing."""

    def __init__(self, signature: Signature, members: Sequence[tuple[Preprocessing, keras.Model]]) -> None:
        self.signature = signature
        self.members = tuple(members)

    def __reduce__(self) -> tuple[Any, ...]:
        """As files: networks are pickled by nobody."""
        from regfleet.saving.plain import saved

        kept = [(one.json(), one.arrow(), saved(model, self.signature.variant)) for one, model in self.members]
        return _restored, (self.signature.text(), kept)

    def of(self, values: Any, name: str = "X") -> Answers:
        """What is said of the rows of a frame or an array; raises InputError for one that does not fit."""
        return self.of_rows(reading.of_memory(values, self.signature, name))

    def of_rows(self, rows: Rows) -> Answers:
        """What is said of rows that were read."""
        import numpy as np

        made, given = [], None
        for number, (preprocessing, model) in enumerate(self.members):
            if number == 0 or not self.signature.one_input:
                given = input_of(preprocessing, rows)
            made.append(answers(model, given))
        return Answers(self.signature, np.stack(made))


def answers(model: keras.Model, given: Any) -> np.ndarray:
    """What a network says of its input (rows, …), float64 (rows, outputs)."""
    import numpy as np

    from regfleet.models.texts import tensor

    parts = []
    for first in range(0, len(given), BATCH):
        batch = given[first : first + BATCH]
        filled = np.concatenate([batch, np.repeat(batch[-1:], -len(batch) % WHOLE, axis=0)])
        parts.append(np.asarray(model(tensor(filled), training=False), "float64")[: len(batch)])
    return np.concatenate([np.empty((0, model.outputs[0].shape[-1])), *parts])


def _restored(signature: str, kept: Sequence[tuple[str, bytes, bytes]]) -> Predictor:
    """A predictor of what `Predictor.__reduce__` made."""
    from regfleet.saving import preprocessing
    from regfleet.saving.plain import opened
    from regfleet.saving.signature import read

    members = [(preprocessing.read(plan, arrays, "pickle"), opened(model)) for plan, arrays, model in kept]
    return Predictor(read(signature, "pickle"), members)


def input_of(preprocessing: Preprocessing, rows: Rows) -> np.ndarray:
    """The network's input that becomes of ``rows``."""
    if rows.columns is not None:
        return preprocessing.of_columns(rows.columns, rows.count)
    if rows.matrix is None:
        raise ValueError("rows of nothing")
    return preprocessing.of_matrix(rows.matrix)
