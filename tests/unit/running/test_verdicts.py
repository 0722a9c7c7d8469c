"""What a study says, and that it says the same everywhere."""

import io
import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from regfleet.running import run as pipeline
from regfleet.settings import read_study

REAL = {
    "data": ["wine"],
    "seeds": "6",
    "model": {"hidden": [16, 8]},
    "training": {"epochs": 40, "batch_size": 16, "learning_rate": 0.1},
    "variant": [{"technique": "dropout(0.9)@all"}, {"technique": "l2(1e-4|1e-2)"}],
}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A study with a real difference in it, deep dropout on a tiny network, and a sweep."""
    out = tmp_path_factory.mktemp("real") / "out"
    return out, pipeline.run(read_study(REAL), out, in_process=True)


class Rows(HTMLParser):
    """The cells of the report's leaderboard, row by row, as text."""

    def __init__(self, page):
        super().__init__()
        self.rows, self._inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Open a row or a cell of it."""
        if tag == "tr":
            self._inside = "row-" in (dict(attrs).get("id") or "")
            if self._inside:
                self.rows.append([])
        elif self._inside and tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        """Close a row."""
        if tag == "tr":
            self._inside = False

    def handle_data(self, data):
        """Add to the open cell."""
        if self._inside and self.rows[-1]:
            self.rows[-1][-1] = " ".join([*self.rows[-1][-1].split(), *data.split()])


def test_a_real_difference_is_called_worse(real):
    """Dropout of nine units in ten on two narrow layers: every run is far below its control, and the tool says so."""
    _, found = real
    rows = {row.name: row for row in found.summary.datasets[0].variants}
    comparison = rows["dropout(0.9)@all"].comparison
    assert comparison.verdict == "worse"
    assert comparison.note == "by enough to matter"
    assert (comparison.wins, comparison.losses) == (0, 6)
    assert comparison.difference.high < -0.1
    assert "Dropout, all layers (rate 0.9) is clearly worse" in found.summary.datasets[0].headline[0]
    assert comparison.sentence.startswith("Avoid Dropout, all layers (rate 0.9): it lowers accuracy on new data by")


def test_terminal_json_csv_and_report_say_the_same(real, command):
    """Verdict, rank, mean, difference and interval of every row agree in all four places, the tuned sweep included."""
    out, _ = real
    _, text, _ = command("report", out, "--json")
    (data,) = json.loads(text)["summary"]["datasets"]
    rows = {row["name"]: row for row in [*data["variants"], *(family["tuned"] for family in data["families"])]}
    table = pd.read_csv(out / "leaderboard.csv", keep_default_na=False).set_index("variant")
    _, printed, _ = command("report", out)
    page = {cells[1]: cells for cells in Rows((out / "report.html").read_text()).rows}
    shown = " ".join(printed.split())
    assert set(rows) == set(table.index) == {
        "none", "dropout(0.9)@all", "l2(0.0001)@all", "l2(0.01)@all", "l2(1e-4|1e-2)",
    }  # fmt: skip
    assert set(page) == {row["label"] for row in rows.values()}
    for name, row in rows.items():
        cells, compared = " ".join(page[row["label"]]), row["comparison"]
        assert float(table.loc[name, "mean"]) == row["score"]["mean"]
        assert table.loc[name, "rank"] == str(row["rank"] or "")
        assert page[row["label"]][0] == str(row["rank"] or "–")
        for number in (points(row["score"]["mean"]), interval(row["score"])):
            assert number in cells
            assert number in shown
        if compared is None:
            assert table.loc[name, "verdict"] == "control"
            assert "◆ Control" in cells
            continue
        assert float(table.loc[name, "difference_low"]) == compared["difference"]["low"]
        assert float(table.loc[name, "difference_high"]) == compared["difference"]["high"]
        assert table.loc[name, "verdict"] == compared["verdict"]
        assert ("Same predictions" if compared["same"] else compared["verdict"].capitalize()) in cells
        reach = f"{signed(compared['difference']['low'])} to {signed(compared['difference']['high'])}"
        assert reach in cells
        assert reach in shown
    # The order of the rows and the words beside each are the same too.
    assert list(page) == list(table["label"])
    words = re.findall(r"[▲▼≈●◆=] (Better|Worse|Equivalent|Undecided|Control|Same)", printed)
    told = [row["verdict"] if row["same_rows"] in ("", "0") else "same" for _, row in table.iterrows()]
    assert [word.lower() for word in words] == told
    for sentence in data["headline"]:
        assert sentence in shown


def points(value):
    """A share as the percentage that people read."""
    return f"{100 * value:.1f}"


def interval(found):
    """An interval of shares, likewise."""
    return f"{points(found['low'])}–{points(found['high'])}"


def signed(value):
    """A difference in points with its sign."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def test_trials_in_the_csv_and_in_the_report_are_those_that_were_judged(real):
    """Recomputing the mean of a variant from trials.csv gives the leaderboard's."""
    out, _ = real
    trials = pd.read_csv(out / "trials.csv", keep_default_na=False)
    table = pd.read_csv(io.StringIO((out / "leaderboard.csv").read_text()), keep_default_na=False).set_index("variant")
    means = (trials["last_test_correct"].astype(float) / trials["n_test"]).groupby(trials["variant"]).mean()
    for name, mean in means.items():
        assert float(table.loc[name, "mean"]) == pytest.approx(mean)


CHANGED = {
    "metric": ("mse", "±1 % of the control's mean"),
    "scope": ("this_dataset", "scope this_dataset"),
    "rope": ("0.03", "Too small to matter: ±3.0 points"),
    "alpha": ("0.1", "90 % intervals"),
    "at": ("best", "Weights of the best epoch"),
}


@pytest.mark.parametrize("flags", [["metric"], ["scope", "rope", "alpha", "at"]], ids="+".join)
def test_another_question_is_recorded_and_printed_and_trains_nothing(real, command, tmp_path, flags):
    """Each setting of the analysis lands in study.toml, the caption, the JSON and the report; no trial is run."""
    out, given = tmp_path / "out", [word for flag in flags for word in (f"--{flag}", CHANGED[flag][0])]
    shutil.copytree(real[0], out)
    parts = sorted((out / "trials").iterdir())
    code, printed, _ = command("compare", out / "study.toml", *given, "--in-process", "--out", out)
    assert code == 0
    assert sorted((out / "trials").iterdir()) == parts
    _, text, _ = command("report", out, "--json")
    page = (out / "report.html").read_text().replace("\u202f", " ")
    for flag in flags:
        value, words = CHANGED[flag]
        assert words in " ".join(printed.split())
        assert re.search(rf"^{flag} = \"?{value}\"?$", (out / "study.toml").read_text(), re.MULTILINE)
        assert str(json.loads(text)["summary"]["settings"][flag]) == value
        assert {"rope": "±3.0 points", "metric": "±1 % of the control", "alpha": "90 %"}.get(flag, "") in page


def test_runs_that_fail_are_scored_as_the_majority_class(filled, tmp_path):
    """Eight good seeds and two that diverged are no verdict, once these two count as always saying one class.

    With 10 of 30 rows for them the differences are eight times .2 and twice −.333: mean .0933, sd .2249, and the
    interval ± t(.975, 9) · .2249 · √(1/10 + 1/3) = ± .335 holds zero. Without the two it is .2 and clear of it.
    """
    fields = {"seeds": "10", "model": {"hidden": [8, 4]}, "variant": [{"technique": "l2"}]}
    wobble = [0, 1, -1, 0, 1, -1, 0, 1, -1, 0]
    correct = {
        "none": [20 + change for change in wobble],
        "l2(0.01)@all": [None if seed in (3, 6) else 26 + change for seed, change in enumerate(reversed(wobble))],
    }
    study = filled(tmp_path / "out", fields, correct)
    found = pipeline.run(study, tmp_path / "out", in_process=True)
    comparison = next(row.comparison for row in found.summary.datasets[0].variants if row.comparison)
    assert (comparison.verdict, comparison.withdrawn, comparison.dropped) == ("undecided", "better", 2)
    assert json.loads((tmp_path / "out/provenance.json").read_text())["data"]["iris"]["rows_by_class"] == [50, 50, 50]
    assert any("lost 2 of 10 runs" in warning for warning in found.summary.datasets[0].warnings)


def test_two_data_sets_are_two_verdicts(command, tmp_path):
    """Each data set has its own leaderboard, in the terminal and in the report, and nothing is said over both."""
    study = read_study(
        REAL
        | {"data": ["iris", "wine"], "seeds": "3", "model": {"hidden": [8]}, "variant": [{"technique": "l1"}]}
        | {"training": REAL["training"] | {"epochs": 3}}
    )
    found = pipeline.run(study, tmp_path / "out", in_process=True)
    assert [data.dataset for data in found.summary.datasets] == ["iris", "wine"]
    assert found.summary.across is None
    code, printed, _ = command("report", tmp_path / "out")
    assert code == 0
    for data in found.summary.datasets:
        assert f"{data.dataset}: accuracy on {data.n_test} test rows" in printed
        assert data.headline[0] in " ".join(printed.split())
    assert len(Rows((tmp_path / "out/report.html").read_text()).rows) == 4
