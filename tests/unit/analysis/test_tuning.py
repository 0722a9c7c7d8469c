"""What is said of tuning: what was chosen and how often, what it took, and when the best may lie beyond."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.cli import terminal
from regfleet.report.exports import leaderboard_rows
from regfleet.report.templates import environment
from regfleet.report.tuning import tunings
from regfleet.running.display import console
from regfleet.settings.values import Candidate, Dimension, Technique, Tuning

RATES = (0.01, 0.001, 0.003, 0.1)
STRENGTHS = (0.01, 0.1, 1e-5, 1e-3)
CORRECT = {"none": (27, 28, 26, 29, 27), "l2": (28, 28, 27, 29, 28)}


def analysed(rates, strengths, last=(), absent=0):
    """The data set where seeds of the control and of L2 chose settings of these numbers."""
    technique = Technique("l2", (0.01,), "all")
    candidates = [
        Candidate(rate, (replace(technique, values=(one,)),)) for rate, one in zip(RATES, STRENGTHS, strict=True)
    ]
    rate = Dimension("learning rate", 0.001, 0.1)
    control, l2 = make_variants(list(CORRECT))
    tunings_of = {
        "none": Tuning("last_val_auc", (rate,), tuple(replace(one, techniques=()) for one in candidates)),
        "l2": Tuning("last_val_auc", (rate, Dimension("l2 strength", 1e-6, 0.1, (0, 0), last)), tuple(candidates)),
    }
    variants = [replace(one, tuning=tunings_of[one.name]) for one in (control, replace(l2, techniques=(technique,)))]

    def record(name, chosen):
        tuning = tunings_of[name]
        settings = [[each.of(one) for each in tuning.dimensions] for one in tuning.candidates]
        return json.dumps({"by": tuning.by, "settings": settings, "seconds": [1.0, 2.0, 3.0, 0.5], "chosen": chosen})

    texts = [record("none", one) for one in rates] + [record("l2", one) for one in strengths]
    texts = [None] * absent + texts[absent:]
    trials = make_trials(CORRECT).assign(tuning=texts)
    return summarize(trials, None, variants, asked())


def test_the_choices_are_counted():
    """Median and range over seeds, how often each, how often the typed one, fits and seconds; in table and exports."""
    summary = analysed((0, 0, 1, 2, 2), (0, 1, 3, 3, 3))
    control, l2 = summary.datasets[0].tuning
    assert (control.picks, l2.picks) == ((2, 1, 2, 0), (1, 1, 0, 3))
    assert [(one.median, one.least, one.most) for one in l2.dimensions] == [(0.1, 0.001, 0.1), (0.001, 0.001, 0.1)]
    assert (l2.fits, l2.seconds) == (20, 32.5)
    shown = tunings(summary.datasets[0])
    assert shown.lead.startswith(
        "Each seed tried 4 settings of every variant, control included, and kept the one with the best validation AUC "
        "of the last epoch."
    )
    assert shown.cost == "40 fits in 65 s of computing"
    assert shown.rows[0].rate == "0.003 (0.001 to 0.01)"
    assert shown.rows[1].strengths == ("l2 strength 0.001 (0.001 to 0.1)",)
    assert shown.rows[1].kept == "1 of 5"
    assert shown.rows[1].picks[0] == ("0.1, l2 strength 0.001", "3 of 5")
    (row,) = (one for one in leaderboard_rows(summary) if one["variant"] == "l2")
    assert (row["tuned_settings"], row["tuned_kept"], row["tuned_fits"]) == (4, 1, 20)
    assert row["tuned_chosen"] == "learning rate 0.1 (0.001 to 0.1); l2 strength 0.001 (0.001 to 0.1)"


@pytest.mark.parametrize(
    ("rates", "strengths", "last", "variants", "flags"),
    [
        ((0, 2, 0, 2, 0), (0, 2, 3, 0, 0), (), None, ""),  # inside
        ((3, 3, 3, 0, 1), (0, 0, 0, 0, 0), (), ("none",), "--learning-rate 0.1"),
        ((0, 0, 0, 0, 0), (1, 1, 1, 0, 0), (), ("l2",), "--learning-rate 0.001"),
        ((0, 0, 0, 0, 0), (2, 2, 2, 2, 0), (), ("l2",), "-t 'l2(1e-06)@all'"),
        ((0, 0, 0, 0, 0), (2, 2, 2, 2, 0), (1e-6,), None, ""),  # beyond which there is nothing
    ],
)
def test_a_best_value_at_the_edge_of_its_range_is_said(rates, strengths, last, variants, flags):
    """More than half of the seeds at one end, with the flags that go beyond; a rate before the strength beside it."""
    (check,) = [one for one in analysed(rates, strengths, last).datasets[0].checks if one.code == "R201"] or [None]
    assert (check and set(check.variants)) == (variants and set(variants))
    if check:
        assert check.flags == flags
        assert f"with {flags} and another --out" in check.sentence


def test_trials_without_a_record_are_left_out():
    """As they are in results of other tools or versions; without any there is nothing to say, and no column more."""
    control, _ = analysed((0, 0, 0, 0, 0), (1, 1, 1, 1, 1), absent=2).datasets[0].tuning
    assert (control.seeds, control.fits) == (3, 12)
    none = analysed((0,) * 5, (0,) * 5, absent=10)
    assert none.datasets[0].tuning == ()
    assert "tuned_settings" not in leaderboard_rows(none)[0]


def test_page_and_terminal_show_what_was_chosen():
    """A row a variant, every setting in a fold; names from outside are escaped."""
    summary = analysed((0, 0, 1, 2, 2), (0, 1, 3, 3, 3))
    chosen = tunings(summary.datasets[0])
    hostile = replace(chosen, rows=(chosen.rows[0], replace(chosen.rows[1], label="<b>L2</b>")))
    section = SimpleNamespace(tuning=hostile)
    page = environment().get_template("_tuning.html.j2").render(section=section, p="d1-", h="h3", where=" on iris")
    for text in ('<h3 id="d1-tuning-h">What tuning chose on iris</h3>', "0.003 (0.001 to 0.01)", "l2 strength 0.001"):
        assert text in page
    assert "0.1, l2 strength 0.001 (3 of 5)" in page
    assert "<b>L2</b>" not in page
    with console(1) as screen, screen.capture() as shown:
        screen.print(terminal._tuning(chosen))
    assert "0.003 (0.001 to" in shown.get()
    assert "40 fits in 65 s of computing." in " ".join(shown.get().split())
