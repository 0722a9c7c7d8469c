"""The section on what the networks get wrong, and the table of rows."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regfleet.analysis.predicting import predicted_of, read
from regfleet.concluding.predictions import together_by
from regfleet.paths import ROWS
from regfleet.predictions import Predictions
from regfleet.report import exports, render, write
from regfleet.results.local import LocalPlace

LABELS = ("<b>setosa</b>", "=1+1", "virginica")


def predicted(names, classes=3, rows=150, tested=30, seeds=10):
    """Invented predictions of each of ``names``; rows 7 and 70 are always taken for the next class."""
    draw = np.random.default_rng(3)
    truth = draw.integers(0, classes, rows)
    base = draw.normal(0, 1, (rows, classes)) + 2 * np.eye(classes)[truth]
    for wrong in (7, 70):
        base[wrong] = 8.0 * np.eye(classes)[(truth[wrong] + 1) % classes]
    at = np.concatenate([np.sort(draw.permutation(rows)[:tested]) for _ in range(seeds)])
    for name in sorted(names):
        p = np.exp(base[at] + draw.normal(0, 1, (len(at), classes)))
        p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
        said = p.argmax(axis=1).astype(np.float64)
        seed = np.repeat(np.arange(seeds), tested).astype(np.int64)
        yield name, Predictions(seed, at.astype(np.int32), truth[at].astype(np.float64), said, p)


@pytest.fixture(scope="module")
def study(nine):
    """The article's study with predictions, and classes of hostile names."""
    names = [row.name for row in nine.summary.datasets[0].variants]
    kept = list(predicted(names))
    provenance = nine.facts.provenance
    data = {name: facts.model_copy(update={"classes": LABELS}) for name, facts in provenance.data.items()}
    facts = replace(nine.facts, provenance=provenance.model_copy(update={"data": data}))
    (dataset,) = nine.summary.datasets
    score = together_by("accuracy", {dataset.dataset: ("classification", LABELS)})(dataset.dataset)
    found = read(kept, {row.name: row.seeds for row in dataset.variants}, score)
    said = predicted_of(found, {row.name: row.control for row in dataset.variants}, dataset.knows_nothing)
    summary = replace(nine.summary, datasets=(replace(dataset, predicted=said),))
    return replace(nine, summary=summary, facts=facts)


@pytest.mark.usefixtures("drawn")
def test_the_page_names_the_rows_that_nobody_gets_right_and_stays_small(parse, rendered, study):
    """First in the verdict, then in its section; nine variants fit 700 kB; hostile names are text.

    Of figures, whose drawing takes most of the time, it has twice as many as the page without rows at most.
    """
    source = render(study)
    figures, without = (page.count('<svg class="plate"') for page in (source, rendered("nine")))
    assert 0 < without <= figures <= 2 * without
    assert len(source.encode()) <= 700_000
    page = parse(source)
    sentence = "Rows 7 and 70 are wrong in every one of the 20 to 26 networks that were tested on each"
    assert page.text.count(sentence) == 2
    assert "<b>setosa</b>" in page.text
    assert "<b>setosa" not in source
    assert len(page.values("id")) == len(set(page.values("id")))
    assert "mistakes" in page.values("id")
    assert "2 to 6 networks" in page.text
    together = study.summary.datasets[0].predicted.variants["none"].together
    assert f"{100 * together.score:.1f}" in page.text


def test_a_page_without_predictions_has_no_such_section(parse, rendered):
    """Results of before, or of a study that keeps none."""
    page = parse(rendered("nine"))
    assert "mistakes" not in page.values("id")
    assert "Networks" not in page.text


def test_the_table_of_rows_counts_them_and_keeps_what_they_hold(study, tmp_path):
    """By hand for one row; written again without the data, it is the same file, and one of ours."""
    held = pd.DataFrame({"row": np.arange(150) / 10, "note": ["=1", *["-2"] * 149]})
    place = LocalPlace(tmp_path)
    write(place, replace(study, contents={"iris": exports.table_cells(held)}))
    before = (tmp_path / ROWS).read_bytes()
    rows = list(csv.reader(io.StringIO(before.decode())))
    head, row = rows[0], next(row for row in rows[1:] if row[1] == "70")
    found = study.summary.datasets[0].predicted
    assert head[:6] == ["dataset", "row", "target", "class", "tested", "wrong"]
    assert row[4] == row[5] == str(sum(one.tested[one.rows == 70].sum() for one in found.variants.values()))[:-2]
    assert row[6:-2] == ["1"] * len(found.variants)
    assert (head[-2:], row[-2:], rows[1][-1]) == (["row", "note"], ["7.0", "'-2"], "'=1")
    assert {row[3] for row in rows[1:]} == {"<b>setosa</b>", "'=1+1", "virginica"}
    write(place, study)
    assert (tmp_path / ROWS).read_bytes() == before
    assert exports.is_ours(before)


def test_machines_get_what_was_predicted_without_curves(study):
    """JSON has the hard rows and each variant's changes; no array of all rows."""
    (data,) = json.loads(study.json())["summary"]["datasets"]
    assert [row["row"] for row in data["predicted"]["hard"]][:2] == [7, 70] or data["predicted"]["hopeless"] == 2
    assert data["predicted"]["variants"]["none"]["together"]["networks"][0] == 2
    assert data["predicted"]["variants"]["l1(0.01)@first"]["changes"]["cells"] == 300
