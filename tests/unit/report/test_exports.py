"""The leaderboard and the trials as files."""

import csv
import io
import json
import math
import re
from html.parser import HTMLParser

import matplotlib as mpl
import pandas as pd
import pytest

from regfleet.errors import InputError
from regfleet.report import export_figures, exports, matplotlib_figures, summary_html


def test_csv_holds_full_precision(nine):
    """Reading the CSV back gives the summary's numbers to the last bit, and nothing where there is none."""
    frame = pd.read_csv(io.StringIO(exports.leaderboard_csv(nine.summary))).set_index("variant")
    for row in nine.summary.datasets[0].variants:
        assert frame.loc[row.name, "mean"] == row.score.mean
        if row.comparison:
            assert frame.loc[row.name, "difference_low"] == row.comparison.difference.low
            assert frame.loc[row.name, "p"] == row.comparison.p
        else:
            assert math.isnan(frame.loc[row.name, "difference_low"])
    assert frame["mean"].is_monotonic_decreasing


def test_formulas_are_disarmed_and_numbers_are_not(with_hostile_names):
    """A text that a spreadsheet would run gets an apostrophe, a negative number stays a number."""
    rows = list(csv.DictReader(io.StringIO(exports.leaderboard_csv(with_hostile_names.summary))))
    labels = [row["label"] for row in rows]
    assert '\'=HYPERLINK("http://evil.example")' in labels
    assert all(float(row["gap"]) for row in rows)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "＝1", "＋1", "－1", "＠x", " =1", "'=1"])
def test_every_formula_start_is_disarmed(text):
    """ASCII and full-width beginnings, also behind a space."""
    assert exports.safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("separator", [",", ";", "|", "\t", "\n"])
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "＝1", ' "=1'])
def test_a_formula_behind_any_separator_is_disarmed(separator, formula):
    """Whatever a reader splits at, no cell begins with a formula, and a text without one stays."""
    cells = re.split(r"[,;|\t\n]", exports.safe_cell(f"a{separator}{formula}{separator}b"))
    assert cells == ["a", f"'{formula}", "b"]
    assert exports.safe_cell(f"a{separator}b-1") == f"a{separator}b-1"


@pytest.mark.parametrize("hidden", ["\u202e", "\r", "\x00", "\u200b", "\udcff"])
def test_what_hides_a_formula_is_visible(hidden):
    """A control in front of a formula is written out, so that the cell begins with a backslash."""
    assert exports.safe_cell(f"{hidden}=1") == f"{hidden.encode('unicode_escape').decode()}=1"


@pytest.mark.parametrize(("value", "text"), [(-1.5, "-1.5"), (-3, "-3"), (None, ""), (math.nan, ""), ("a", "a")])
def test_numbers_and_blanks_stay_themselves(value, text):
    """Numbers are written as they are; what is missing is empty."""
    assert exports.safe_cell(value) == text


def test_trials_csv_has_a_row_per_trial_and_no_tracebacks(nine):
    """All trials, the lost ones too, with their error but without the traceback."""
    frame = pd.read_csv(io.StringIO("".join(exports.trials_blocks(nine.trials))))
    assert len(frame) == 100
    assert "traceback" not in frame
    assert (frame["status"] == "done").sum() == 93
    done = nine.trials["status"] == "done"
    assert frame.loc[done, "last_test_accuracy"].tolist() == nine.trials.loc[done, "last_test_accuracy"].tolist()


def test_json_is_strict(nine):
    """Missing values are null, and no constant is there that JSON lacks."""
    rows = json.loads(exports.leaderboard_json(nine.summary), parse_constant=pytest.fail)
    assert len(rows) == 10
    assert {row["difference"] for row in rows if row["verdict"] == "control"} == {None}


def test_markdown_has_as_many_cells_in_every_line(with_hostile_names):
    """No name opens a cell, a link or a tag of its own."""
    lines = [
        line for line in exports.leaderboard_markdown(with_hostile_names.summary).splitlines() if line.startswith("|")
    ]
    assert len(lines) == 2 + 12
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "<" not in "".join(lines).replace("\\<", "")


def test_latex_is_balanced_and_escaped(with_hostile_names):
    """Booktabs rules, one ending per row, braces balanced, and no bare special character of a name."""
    text = exports.leaderboard_latex(with_hostile_names.summary)
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.startswith("  ")]
    assert len(rows) == 1 + 12
    for row in rows:
        assert row.endswith(r" \\")
        assert len(re.findall(r"(?<!\\)&", row)) == 6
    assert text.startswith("% \\usepackage{booktabs,graphicx}\n")
    for opened in ("table", "tabular"):
        assert text.count(rf"\begin{{{opened}}}") == text.count(rf"\end{{{opened}}}") == 1
    bare = re.sub(r"\\[\\{}&%$#_]", "", text)
    assert bare.count("{") == bare.count("}")
    assert "#" not in bare
    assert r"\$\textbackslash{}frac\{1\}\{0\}\$" in text


def test_html_table_has_no_markup_from_names(with_hostile_names):
    """Only the table's own tags."""
    tags = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, _attrs):
            tags.add(tag)

    Reader().feed(exports.leaderboard_html(with_hostile_names.summary))
    assert tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_unknown_formats_are_an_input_error(nine):
    """The message names the flag, what there is and what was given."""
    with pytest.raises(InputError, match=r"--format: expected one of csv, json, markdown, latex, html; got 'pdf'"):
        exports.leaderboard(nine.summary, "pdf")


@pytest.mark.parametrize("form", exports.FORMATS)
def test_every_format_names_every_variant_and_verdict(nine, form):
    """Each format holds every variant with the verdict of the analysis."""
    text = exports.leaderboard(nine.summary, form).replace("\\", "").replace("--", "–")
    for row in nine.summary.datasets[0].variants:
        assert row.label.partition(" (")[0] in text
    assert text.lower().count("worse") >= sum(
        row.comparison is not None and row.comparison.verdict == "worse" for row in nine.summary.datasets[0].variants
    )


def test_notebook_fragment_shows_verdict_and_leaderboard(nine, with_hostile_names):
    """Escaped HTML without script or style."""
    text = summary_html(nine.summary)
    assert nine.summary.datasets[0].headline[1] in text
    assert text.count("<tr>") == (1 + 10) + (1 + 10)  # of the leaderboard and of the odds
    hostile = summary_html(with_hostile_names.summary)
    assert "<script" not in hostile
    assert "<img" not in hostile


def test_figures_are_exported_as_svg_and_pdf(make_study, article, tmp_path):
    """Each figure is a file of both kinds, named after what it shows, the same bytes each time."""
    study = make_study(epochs=5, seeds=5, entries=article()[:2])
    files = export_figures(study.summary, tmp_path / "a")
    names = {file.name for file in files}
    assert {"iris-forest.svg", "iris-forest.pdf", "iris-gap.svg", "iris-curve-accuracy-none.pdf"} <= names
    assert len(names) == len(files) == 2 * (3 + 3 * 2)
    assert (tmp_path / "a/iris-forest.pdf").read_bytes().startswith(b"%PDF")
    export_figures(study.summary, tmp_path / "b")
    for name in ("iris-forest.svg", "iris-forest.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_figures_are_matplotlib_figures(nine):
    """From Python each figure comes by name, outside pyplot and without a changed setting."""
    from matplotlib.figure import Figure

    settings = ("font.size", "svg.hashsalt", "text.parse_math", "figure.facecolor")
    before = [mpl.rcParams[key] for key in settings]
    name, figure = next(matplotlib_figures(nine.summary))
    assert name == "iris-forest"
    assert isinstance(figure, Figure)
    assert [mpl.rcParams[key] for key in settings] == before
    assert figure.canvas.manager is None
