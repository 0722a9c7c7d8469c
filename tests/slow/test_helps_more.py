"""Real studies of fewer rows and columns: what is known of the data is what they say."""

import numpy as np
import pandas as pd
import pytest

import regfleet
from regfleet import saving
from regfleet.running.fitting import fit


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_column_that_matters_is_needed_and_looked_at(task, tmp_path):
    """One column makes the target and two are noise: without it the score falls, and so when it is shuffled."""
    draw, rows = np.random.default_rng(3), 400
    frame = pd.DataFrame({"x": draw.normal(size=rows), "noise": draw.normal(size=rows)})
    frame["kind"] = draw.choice(["a", "b", "c"], rows)
    made = frame["x"] + draw.normal(0, 0.3, rows)
    frame["y"] = made if task == "regression" else np.where(made > 0, "yes", "no")
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = regfleet.compare(
        str(tmp_path / "t.csv"),
        target="y",
        rows="25,50,100%",
        ablate="columns",
        techniques=["l2(0.01)"],
        model=[8],
        seeds=6,
        epochs=30,
        learning_rate=0.01,
        optimizer="adam",
        batch_size=32,
        references="no",
        out=tmp_path / "study",
        in_process=True,
        progress=False,
    )
    (data,) = found.summary().datasets
    columns = {one.label: one for one in data.ablation.columns}
    assert data.ablation.columns[0].label == "x"
    assert columns["x"].verdict == "better"
    assert {columns[name].verdict for name in ("noise", "kind")} <= {"equivalent", "undecided", "worse"}
    assert [share.rows for share in data.learning.shares] == [60, 120, 240]
    assert data.learning.answer != "unknown"
    fit(tmp_path / "study", tmp_path / "model", in_process=True)
    found = saving.load(tmp_path / "model").signature.importance
    assert found[0].column == "x"
    assert found[0].low > 0
    assert all(one.low <= 0 for one in found[1:])
