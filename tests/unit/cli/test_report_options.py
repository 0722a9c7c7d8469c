"""`regfleet report` in other forms, and `regfleet publish`."""

import csv
import io
import json

import regfleet
from regfleet.concluding.judge import conclude


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
