"""`regfleet report` in other forms, and `regfleet publish`."""

import csv
import io
import json
import shutil

import regfleet
from regfleet.concluding.judge import conclude


def test_the_leaderboard_is_printed_in_other_forms(study, run):
    """CSV and JSON hold every variant with the mean of its trials; an unknown form is one line with code 2."""
    out, _ = study
    means = regfleet.load(out).trials.groupby("variant")["last_test_accuracy"].mean().to_dict()
    rows = list(csv.DictReader(io.StringIO(run("report", out, "--format", "csv", cwd=out.parent).stdout)))
    assert {row["variant"]: round(float(row["mean"]), 9) for row in rows} == {k: round(v, 9) for k, v in means.items()}
    assert {row["variant"] for row in json.loads(run("report", out, "--format", "json", cwd=out.parent).stdout)} == set(
        means
    )
    refused = run("report", out, "--format", "xls", cwd=out.parent)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--format: expected one of csv, json, markdown, latex, html; got 'xls'" in refused.stderr


def test_figures_are_written_as_svg_and_pdf(study, run, tmp_path):
    """Every figure stands in both forms under the same name."""
    out, _ = study
    assert run("report", out, "--figures", tmp_path / "figures", cwd=tmp_path).returncode == 0
    names = {suffix: {path.stem for path in (tmp_path / "figures").glob(f"*.{suffix}")} for suffix in ("svg", "pdf")}
    assert names["svg"] == names["pdf"]
    assert len(names["svg"]) > 3
    assert all(path.read_bytes().startswith(b"%PDF") for path in (tmp_path / "figures").glob("*.pdf"))


def test_a_site_is_published_once(study, run, tmp_path):
    """The index names the report; publishing the same again writes nothing."""
    shutil.copytree(study[0], tmp_path / "mine")
    first = run("publish", "mine", "--site", "site", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "mine/report.html" in (tmp_path / "site" / "index.html").read_text()
    assert run("publish", "mine", "--site", "site", cwd=tmp_path).stdout.startswith("0 files written")


def test_a_notebook_shows_verdict_and_leaderboard(study, tmp_path):
    """The object that the Python API returns renders itself with its sentence and every variant."""
    out = tmp_path / "out"
    shutil.copytree(study[0], out)
    shown = conclude(out)._repr_html_()
    for words in ("Four seeds cannot give a verdict", "No regularization", "L2, all layers"):
        assert words in shown


def test_a_folder_of_ones_own_replaces_templates(study, run, tmp_path):
    """What the folder holds is taken from there, the rest stays; names from the study are still escaped."""
    shutil.copytree(study[0], tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html.j2").write_text("<p>ours: {{ title }}</p><i>{{ '<b>' }}</i>")
    done = run("report", "out", "--templates", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "report.html").read_text()
    assert text.startswith("<p>ours: ")
    assert "iris" in text
    assert text.endswith("<i>&lt;b&gt;</i>")
