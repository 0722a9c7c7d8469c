"""`regfleet report` in other forms, and `regfleet publish`."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

import regfleet
from regfleet.concluding.judge import conclude
from regfleet.errors import InputError
from regfleet.predictions import Predictions
from regfleet.results import Stored


def test_the_leaderboard_is_printed_in_other_forms(command, finished):
    """CSV and JSON hold every variant with the mean of its trials; an unknown form is one line with code 2."""
    means = regfleet.load(finished).trials.groupby("variant")["last_test_accuracy"].mean().to_dict()
    rows = list(csv.DictReader(io.StringIO(command("report", finished, "--format", "csv")[1])))
    assert {row["variant"]: round(float(row["mean"]), 9) for row in rows} == {k: round(v, 9) for k, v in means.items()}
    assert {row["variant"] for row in json.loads(command("report", finished, "--format", "json")[1])} == set(means)
    assert command("report", finished, "--format", "xls") == (
        2,
        "",
        "regfleet: error: --format: expected one of csv, json, markdown, latex, html; got 'xls'\n",
    )


def test_figures_are_written_as_svg_and_pdf(command, finished, tmp_path):
    """Every figure stands in both forms under the same name."""
    assert command("report", finished, "--figures", "figures")[0] == 0
    names = {suffix: {path.stem for path in (tmp_path / "figures").glob(f"*.{suffix}")} for suffix in ("svg", "pdf")}
    assert names["svg"] == names["pdf"]
    assert len(names["svg"]) > 3
    assert all(path.read_bytes().startswith(b"%PDF") for path in (tmp_path / "figures").glob("*.pdf"))


def test_a_site_is_published_once(command, finished, tmp_path):
    """The index names the report; publishing the same again writes nothing."""
    assert command("publish", finished.name, "--site", "site")[0] == 0
    assert f"{finished.name}/report.html" in (tmp_path / "site" / "index.html").read_text()
    assert command("publish", finished.name, "--site", "site")[1].startswith("0 files written")


def test_a_published_copy_is_not_emptied(command, finished, tmp_path):
    """It has the tables of its trials without the trials: written again they would be empty."""
    out, copy = finished, tmp_path / "copy"
    copy.mkdir()
    for file in out.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    held = {file.name: file.read_bytes() for file in copy.iterdir()}
    code, _, said = command("report", copy)
    assert code == 2
    assert "expected the trials that its trials.csv tells of; got none, as in a published copy" in said
    assert "Its report and tables stay as they are" in said
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == held


def test_a_notebook_shows_verdict_and_leaderboard(finished):
    """The object that the Python API returns renders itself with its sentence and every variant."""
    shown = conclude(finished)._repr_html_()
    for words in ("Four seeds cannot give a verdict", "No regularization", "L2, all layers"):
        assert words in shown


def test_a_folder_of_ones_own_replaces_templates(command, finished, tmp_path):
    """What the folder holds is taken from there, the rest stays; names from the study are still escaped."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html.j2").write_text("<p>ours: {{ title }}</p><i>{{ '<b>' }}</i>")
    assert command("report", finished, "--templates", "mine")[0] == 0
    text = (finished / "report.html").read_text()
    assert text.startswith("<p>ours: ")
    assert "iris" in text
    assert text.endswith("<i>&lt;b&gt;</i>")


BY_RECALL = ["--metric", "recall:virginica", "--json"]


def predicted(self, *_, **__):
    """What every trial of a variant said: the control is right on all rows, the others on all but some of class 2."""
    for name, trials in self.trials.groupby("variant"):
        seeds = trials["seed"].sort_values().to_numpy()
        rows = np.arange(30, dtype=np.int32)
        truth = np.tile(rows % 3, len(seeds)).astype(float)
        said = np.where((truth == 2) & (np.tile(rows, len(seeds)) < 12) & (name != "none"), 1.0, truth)
        p = (0.7 * np.eye(3)[said.astype(int)] + 0.1).astype(np.float32)
        yield name, Predictions(np.repeat(seeds, 30), np.tile(rows, len(seeds)), truth, said, p)


def test_results_are_judged_by_another_metric_without_training(command, finished, tmp_path, monkeypatch):
    """By name and by a function, in a report of its own; that of the study stays as it was, and both are told apart."""
    monkeypatch.setattr(Stored, "predicted", predicted, raising=False)
    before = {path.name: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    origin = json.loads(before.pop("provenance.json"))
    code, out, err = command("report", finished, "--metric", "recall:virginica", "--format", "json")
    assert (code, err) == (0, "")
    assert {row["variant"]: round(float(row["mean"]), 6) for row in json.loads(out)} == dict.fromkeys(
        ["l2(0.01)@all", "dropout(0.3)@first+batchnorm(0.99)@2"], 0.6
    ) | {"none": 1.0}
    after = {path.name: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    look = {"setting": "metric", "was": "accuracy", "now": "recall:virginica", "trials": 12, "look": True}
    told = json.loads(after.pop("provenance.json"))
    assert told.pop("chosen_later") == [look]
    assert {**told, "checksum": ""} == {**origin, "checksum": ""}
    assert after == before
    page = (tmp_path / "reports/out-recall-virginica/report.html").read_text()
    assert "Judged by recall of virginica after the study was done, which was to be judged by accuracy" in page
    results = regfleet.load(finished)
    wrong = results.score(lambda truth, said: np.sum(truth != said), higher_is_better=False)
    means = {row.name: row.score.mean for row in wrong.summary().datasets[0].variants}
    assert means == {"none": 0.0, "l2(0.01)@all": 4.0, "dropout(0.3)@first+batchnorm(0.99)@2": 4.0}
    assert wrong.summary().datasets[0].variants[0].name == "none"
    sure = results.score(lambda _, p: p.max(axis=1).mean(), higher_is_better=True, on="probabilities")
    assert sure.summary().datasets[0].variants[0].score.mean == pytest.approx(0.8)
    assert results.summary().metric.name == "accuracy"
    later = [json.loads(command("report", finished, *more)[1])["notes"] for more in (["--json"], BY_RECALL)]
    said = "Also judged by recall of virginica, a second metric, chosen after seeing results."
    assert [any(note.startswith(said) for note in notes) for notes in later] == [True, False]
    assert "a second metric, chosen after seeing results" in later[1][0]
    for metric, more, complaint in (
        (np.mean, {}, "higher_is_better: expected True or False beside a function; got None"),
        (
            "brier",
            {"higher_is_better": False},
            "metric: expected a function beside higher_is_better and on; got 'brier'",
        ),
        ("recall:cat", {}, "--metric: expected a class, one of setosa, versicolor, virginica; got 'cat'"),
        (3, {}, "metric: expected a name or a function; got int"),
    ):
        with pytest.raises(InputError, match=complaint):
            results.score(metric, **more)


def test_without_predictions_the_metrics_of_the_trials_can_still_be_asked(command, finished, monkeypatch):
    """Of others a line says what is missing, and which those are."""
    monkeypatch.setattr(Stored, "predicted", lambda *_, **__: iter(()), raising=False)
    assert command("report", finished, "--metric", "f1_macro", "--out", "by", "--json")[0] == 0
    code, out, err = command("report", finished, "--metric", "log_loss")
    assert (code, out) == (2, "")
    assert err.startswith("regfleet: error: --metric: expected one of accuracy, balanced_accuracy, macro_f1, auc, ")
    assert "no predictions (made by an earlier version or with --keep-predictions no); got log_loss" in err
    assert "--out: expected it beside --metric" in command("report", finished, "--out", "by")[2]
