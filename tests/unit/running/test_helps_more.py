"""A learning curve and columns left out: their trials, what they cost, and their numbers by hand."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from scipy import stats
from support.outcomes import pretended

from regfleet.data import load_builtin
from regfleet.errors import InputError
from regfleet.results import load
from regfleet.running.prepare import Given, prepare
from regfleet.running.run import run
from regfleet.running.train import Watch
from regfleet.settings import read_study

FIELDS = {"seeds": 6, "references": "no", "training": {"epochs": 1}}
FIELDS["variant"] = [{"technique": "l2(0.01)"}, {"technique": "dropout(0.2)"}]
ASKED = {"rows": "25,50%", "ablate": "columns"}


class Notes(Watch):
    """Keeps what the user is told."""

    def __init__(self):
        self.told = []

    def note(self, text):
        """Keep it."""
        self.told.append(text)


def scorer(effects, made, *, chances):
    """A worker that gives each part and variant its ``effects`` on 20 right rows of 30, by ``chances`` one off."""

    def work(chunk, _dataset, **_):
        made.extend(chunk.trials)
        rows = {0.25: 22, 0.5: 45}.get(chunk.split.share, 90)
        found = []
        for trial in chunk.trials:
            called = f"{trial.dataset}, {trial.variant}"
            right = 20 + sum(size for name, size in effects.items() if name in called)
            chance = chances and crc32(f"{called} {trial.seed}".encode()) % 3 - 1
            found.append(replace(pretended(trial, right + chance), n_train=rows))
        return tuple(found)

    return work


@pytest.fixture
def no_page(monkeypatch):
    """Studies are judged, and no report is drawn."""
    monkeypatch.setattr("regfleet.concluding.judge.write", lambda *_: None)


def done(out, effects, made=None, *, chances=True, **fields):
    """The study run with such effects; what came of it, and what the user was told."""
    notes = Notes()
    work = scorer(effects, [] if made is None else made, chances=chances)
    return run(read_study(FIELDS | fields), out, in_process=True, work=work, watch=notes), notes.told


def corrected(d, n_train, many):
    """Nadeau and Bengio's interval for a mean of differences, simultaneous over so many."""
    half = stats.t.isf(0.025 / many, len(d) - 1) * d.std(ddof=1) * np.sqrt(1 / len(d) + 30 / n_train)
    return [d.mean() - half, d.mean(), d.mean() + half]


def test_they_are_asked_for_later_and_said_by_the_formulas(tmp_path):
    """Trials that were there stay; a part has each trial once; numbers are the paired ones of the stored trials."""
    out, made = tmp_path / "out", []
    effects = {"rows 50%": -4, "rows 25%": -7, "without column 3": -9, "dropout": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regfleet.concluding.judge.write", lambda *_: None)
        done(out, effects, made)
    first = {trial.key for trial in made}
    found, told = done(out, effects, made, **ASKED)
    assert len(made) == len({trial.key for trial in made}) == 18 + 36 + 24
    assert first <= {trial.key for trial in made}
    assert (found.facts.planned, found.facts.finished, found.failures) == (78, 78, ())
    assert any("36 trials" in text and "4 columns, one at a time: 24 trials" in text for text in told)
    assert "Would more rows help more?" in (page := (out / "report.html").read_text())
    assert "needs column 3 (accuracy " in page

    trials = load(out).trials.pivot_table("last_test_accuracy", ["dataset", "seed"], "variant")
    whole, half = trials.loc["iris"], trials.loc["iris rows 50%"]
    (data,) = found.summary.datasets
    curve = data.learning
    best = next(name for name in whole if name.startswith("dropout"))
    assert [(share.share, share.rows) for share in curve.shares] == [(0.25, 22), (0.5, 45), (1.0, 90)]
    assert curve.best == best
    gain = curve.shares[-1].gain.difference
    assert [gain.low, gain.mean, gain.high] == pytest.approx(corrected(whole["none"] - half["none"], 45, 2))
    lead = curve.lead.difference
    by_hand = corrected(2 * whole["none"] - half["none"] - whole[best], 45, 2)
    assert [lead.low, lead.mean, lead.high] == pytest.approx(by_hand)
    on_half = next(one for one in curve.shares[1].variants if one.name == best).difference.difference
    assert [on_half.low, on_half.mean, on_half.high] == pytest.approx(corrected(half[best] - half["none"], 45, 4))

    columns = {one.label: one for one in data.ablation.columns}
    assert next(iter(columns)) == "column 3"
    third = columns["column 3"].difference
    by_hand = corrected(whole["none"] - trials.loc["iris without column 3", "none"], 90, 4)
    assert [third.low, third.mean, third.high] == pytest.approx(by_hand)
    assert {name: one.verdict for name, one in columns.items()}["column 3"] == "better"


@pytest.mark.parametrize(
    ("effects", "answer", "words"),
    [
        ({"rows 50%": -12, "l2": 1}, "rows", "More rows did more than any technique: twice the training rows"),
        ({"rows 50%": -1, "l2": 9}, "technique", "The best technique did more than more rows"),
        ({"rows 50%": -2, "l2": 2}, "alike", "as much, to within what matters"),
    ],
)
@pytest.mark.usefixtures("no_page")
def test_the_answer_is_what_the_trials_were_made_with(effects, answer, words, tmp_path):
    """More rows, a technique, or as much."""
    rope = {"analysis": {"rope": 0.15}} if answer == "alike" else {}
    found, _ = done(tmp_path / "out", effects, chances=not rope, rows="50", **rope)
    (data,) = found.summary.datasets
    assert data.learning.answer == answer
    assert words in data.learning.said[0]
    assert data.learning.said[0] in data.headline


@pytest.mark.usefixtures("no_page")
def test_few_seeds_and_no_technique_claim_nothing(tmp_path):
    """With three seeds nothing is said of rows or columns; without a technique only what rows do."""
    found, _ = done(tmp_path / "few", {"rows 50%": -9}, seeds=3, **(ASKED | {"rows": "50"}))
    (data,) = found.summary.datasets
    assert data.learning.said == ("Too few seeds to say what more rows do: five are the least.",)
    assert data.ablation.said[0].startswith("Too few seeds")
    assert {one.verdict for one in data.ablation.columns} == {"undecided"}
    found, _ = done(tmp_path / "none", {"rows 50%": -6}, rows="50", variant=[{"technique": "none"}])
    (data,) = found.summary.datasets
    assert (data.learning.answer, data.learning.lead) == ("unknown", None)
    assert data.learning.said[0].startswith("Twice the training rows")


@pytest.mark.parametrize(
    ("data", "fields", "words"),
    [
        ("digits_images", {"ablate": "columns"}, "digits_images, whose row is an image of 8 × 8 × 1 numbers"),
        ("iris", {"rows": "5"}, "5% of iris, 4 of 90 rows"),
        ("iris", {"rows": "50", "seeds": "auto"}, "--rows: expected a number of seeds"),
        ("iris", {"ablate": "columns", "interval": "conservative"}, "--ablate: expected --interval auto"),
        ("iris", {"ablate": "columns", "model": {"source": "net.keras"}}, "whose input is fixed"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(data, fields, words, tmp_path):
    """Before anything is written, with the flag and what was given."""
    with pytest.raises(InputError) as refused:
        run(read_study(FIELDS | {"data": data} | fields), tmp_path / "out", in_process=True)
    assert any(words in line for line in str(refused.value).splitlines())
    assert not (tmp_path / "out").exists()


def test_columns_of_several_data_sets_are_each_their_own():
    """The plan has the columns of each, and the keys of a study that asks for nothing are as they were."""
    datasets = {name: load_builtin(name) for name in ("iris", "wine")}
    plain, asked = (
        prepare(read_study(FIELDS | {"data": [*datasets]} | more), given=Given(datasets)).plan()
        for more in ({}, {"ablate": "columns"})
    )
    assert {trial.key for trial in plain.trials} < {trial.key for trial in asked.trials}
    left_out = {trial.dataset for trial in asked.trials} - set(datasets)
    assert len(left_out) == 4 + 13
    assert len(asked.trials) - len(plain.trials) == 6 * 17
