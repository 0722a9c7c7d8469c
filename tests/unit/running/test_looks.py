"""`--seeds auto`: seeds are added until the answer is clear."""

import json
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from support.outcomes import pretended

import regfleet
from regfleet.errors import InputError
from regfleet.running import run as pipeline
from regfleet.running.run import Watch
from regfleet.settings import read_study

FIELDS = {
    "data": ["iris"],
    "seeds": "auto",
    "model": {"hidden": [12, 6]},
    "training": {"epochs": 2, "batch_size": 16},
    "variant": [{"technique": "dropout(0.9)@all"}, {"technique": "dropout(0.2)@all"}],
}
IRIS = FIELDS | {"variant": [{"technique": "l2"}, {"technique": "l1"}, {"technique": "dropout"}]}
BASE = (24 + np.random.default_rng(1).integers(-2, 3, 30)).tolist()
WORSE = [rows - 12 + seed % 2 for seed, rows in enumerate(BASE)]
OPEN = [rows + 1 + seed * 7 % 4 for seed, rows in enumerate(BASE)]
HOPELESS = [rows + (3 if seed % 2 else -3) for seed, rows in enumerate(BASE)]


CORRECT = {"none": BASE, "dropout(0.9)@all": WORSE, "dropout(0.2)@all": OPEN}
"""Test rows, of 30, that each seed of a variant of ``FIELDS`` gets right."""


LEFT = {"none": BASE, "l2(0.01)@all": WORSE, "l1(0.01)@all": OPEN, "dropout(0.5)@all": HOPELESS}
"""The same of ``IRIS``."""


def score(chunk, _dataset, correct=CORRECT):
    """Take the scores of trials from ``correct``."""
    return tuple(pretended(trial, correct[trial.variant][trial.seed], epochs=2) for trial in chunk.trials)


def train(out, watch=None, **changes):
    """Run the study of ``FIELDS`` into ``out``."""
    return pipeline.run(read_study(FIELDS | changes), out, in_process=True, watch=watch, work=score)


class KilledError(Exception):
    """Stands for the end of the driver: nothing of ours runs after it."""


class Killer(Watch):
    """Ends the run after so many trials, as a kill would."""

    def __init__(self, after):
        self.left = after

    def advance(self, outcomes, _):
        """Count down."""
        self.left -= len(outcomes)
        if self.left <= 0:
            raise KilledError


class Listener(Watch):
    """Keeps what a run said and planned."""

    def __init__(self):
        self.said, self.planned, self.trained = [], [], 0

    def extend(self, planned, said):
        """Keep both."""
        self.planned.append(sum(planned.values()))
        self.said += said

    def advance(self, outcomes, _):
        """Count."""
        self.trained += len(outcomes)


def seeds_of(path):
    """Variant → how many seeds were trained."""
    return regfleet.load(path).trials.groupby("variant")["seed"].count().to_dict()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study with looks, run in one go: its directory, its conclusion and what it said."""
    out, listener = tmp_path_factory.mktemp("auto") / "out", Listener()
    return out, train(out, listener), listener


def test_settled_variants_get_no_more_seeds_and_the_end_says_why(whole):
    """Deep dropout is settled after ten seeds, so twenty and thirty are trained for the other and the control alone."""
    out, found, listener = whole
    looks = found.summary.looks
    assert [look.seeds for look in looks] == [10, 20, 30][: len(looks)]
    assert len(looks) > 1
    assert looks[0].settled == ("dropout(0.9)@all",)
    assert looks[0].alpha == pytest.approx(0.05 / 7)  # looks at 10, 20 and 30: 1 + 2 + 4 shares
    assert seeds_of(out) == {
        "dropout(0.9)@all": 10,
        "dropout(0.2)@all": looks[-1].seeds,
        "none": looks[-1].seeds,
    }
    assert looks[-1].next_seeds is None
    assert looks[-1].reason.startswith("Stopped on iris ")
    # Five seeds of each first, then the looks at ten, twenty and thirty.
    assert listener.planned == [15, *(30 + 20 * number for number in range(len(looks)))]
    assert listener.said == [look.reason for look in looks[:-1]]
    assert listener.trained == found.facts.planned == found.facts.finished == listener.planned[-1]


def test_looks_are_printed_and_stored(whole, command):
    """study.toml says auto, and the terminal, the JSON and the report show the same looks."""
    out, found, _ = whole
    assert 'seeds = "auto"' in (out / "study.toml").read_text()
    code, printed, _ = command("report", out)
    assert code == 0
    words = " ".join(printed.split())
    assert f"all {found.summary.looks[0].looks} looks at once" in words
    _, text, _ = command("report", out, "--json")
    looks = json.loads(text)["summary"]["looks"]
    assert [(look["number"], look["seeds"], look["reason"]) for look in looks] == [
        (look.number, look.seeds, look.reason) for look in found.summary.looks
    ]
    page = (out / "report.html").read_text()
    for look in found.summary.looks:
        assert f"{look.number} of {look.looks}" in printed
        assert look.reason in page


def test_report_and_a_second_run_find_the_same_looks_and_train_nothing(whole):
    """The looks are a function of the trials: the same file again, byte for byte."""
    out, found, _ = whole
    before, listener = (out / "report.html").read_bytes(), Listener()
    again = train(out, listener)
    assert listener.trained == 0
    assert again.summary.looks == found.summary.looks
    assert (out / "report.html").read_bytes() == before


@pytest.mark.parametrize("after", [7, 33])
def test_a_killed_study_goes_on_to_the_same_looks_and_the_same_bits(whole, tmp_path, after):
    """Killed within the first look or within the second, it ends with what an undisturbed run ends with."""
    out, found, _ = whole
    with pytest.raises(KilledError):
        train(tmp_path / "out", Killer(after))
    resumed = train(tmp_path / "out")
    assert resumed.summary.looks == found.summary.looks
    columns = ["key", "variant", "seed", "status", "last_test_cross_entropy", "best_test_correct"]
    pd.testing.assert_frame_equal(
        regfleet.load(tmp_path / "out").trials[columns], regfleet.load(out).trials[columns], check_exact=True
    )
    assert (tmp_path / "out/leaderboard.csv").read_text().count("\n") == (out / "leaderboard.csv").read_text().count(
        "\n"
    )


def test_what_the_last_look_would_hardly_settle_stops_after_five_seeds(tmp_path):
    """It claims nothing, and terminal, report and sentence say after how many seeds and what would settle it."""
    listener = Listener()
    study = read_study(IRIS)
    done = pipeline.run(study, tmp_path / "out", in_process=True, watch=listener, work=partial(score, correct=LEFT))
    last = done.summary.looks[-1]
    assert seeds_of(tmp_path / "out") == {
        "none": last.seeds,
        "l1(0.01)@all": last.seeds,
        "l2(0.01)@all": 10,
        "dropout(0.5)@all": 5,
    }
    assert listener.planned[:2] == [20, 35]
    assert listener.said[0] == "On to 10 seeds on iris, without 1 that 30 would hardly settle, by the first 5."
    assert last.hopeless == ("dropout(0.5)@all",)
    one = done.summary.datasets[0].variant("dropout(0.5)@all").comparison
    assert (one.verdict, len(one.seeds)) == ("undecided", 5)
    assert re.search(r"more rows would|about [\d,]+ rows would", one.sentence)
    page = (tmp_path / "out/report.html").read_text()
    assert "left after 5 seeds" in page
    assert "settled after 10 seeds" in page


def test_nothing_is_claimed_before_the_first_look(filled, tmp_path):
    """Five seeds of a variant that is far worse are no verdict yet, and it goes on to ten."""
    study = filled(tmp_path / "out", FIELDS, {name: rows[:5] for name, rows in CORRECT.items()})
    with pytest.raises(KilledError):
        pipeline.run(study, tmp_path / "out", in_process=True, watch=Killer(1), work=score)
    found = regfleet.load(tmp_path / "out").summary()
    one = found.datasets[0].variant("dropout(0.9)@all").comparison
    assert one.difference.high < -0.2
    assert (one.verdict, one.note, found.looks) == ("undecided", "before the first look", ())
    assert seeds_of(train(tmp_path / "out").results.path)["dropout(0.9)@all"] == 10


def test_results_of_a_version_that_went_on_keep_their_looks(filled, tmp_path):
    """What has the seeds of the next look already is judged at it, and nothing is trained."""
    study, listener = filled(tmp_path / "out", IRIS, LEFT | {"l2(0.01)@all": WORSE[:10]}), Listener()
    found = pipeline.run(study, tmp_path / "out", in_process=True, watch=listener)
    assert listener.trained == 0
    assert [look.seeds for look in found.summary.looks] == [10, 20, 30]
    assert len(found.summary.datasets[0].variant("dropout(0.5)@all").comparison.seeds) == 30


def test_trials_of_an_unfinished_look_wait(filled, tmp_path):
    """Stopped after the first look, the report is the first look's, and says what waits."""
    correct = {
        "none": BASE[:15],
        "l2(0.01)@all": WORSE[:10],
        "l1(0.01)@all": OPEN[:12],
        "dropout(0.5)@all": HOPELESS[:10],
    }
    filled(tmp_path / "out", IRIS, correct)
    (tmp_path / "out/provenance.json").write_text(
        json.dumps({"data": {"iris": {"sha256": "", "rows": 150, "training_rows": 90, "test_rows": 30}}})
    )
    from regfleet.concluding.judge import conclude

    found = conclude(tmp_path / "out")
    (look,) = found.summary.looks
    assert (look.settled, look.undecided, look.hopeless) == (
        ("l2(0.01)@all",),
        ("l1(0.01)@all",),
        ("dropout(0.5)@all",),
    )
    assert {row.finished for row in found.summary.datasets[0].variants} == {10}
    assert (found.facts.finished, found.facts.planned) == (47, 60)
    assert "7 more trials have finished; they wait for the others of their look to be analysed" in found.facts.notes
    assert pd.read_csv(tmp_path / "out/trials.csv").groupby("variant").size().unique().tolist() == [10]


def test_nothing_open_is_the_end(filled, tmp_path):
    """With one variant settled and one that no number of seeds decides, it stops at ten and says so."""
    fields = IRIS | {"variant": [{"technique": "l2"}, {"technique": "dropout"}]}
    correct = {"none": BASE[:10], "l2(0.01)@all": WORSE[:10], "dropout(0.5)@all": HOPELESS[:10]}
    study, listener = filled(tmp_path / "out", fields, correct), Listener()
    found = pipeline.run(study, tmp_path / "out", in_process=True, watch=listener)
    assert listener.trained == 0
    (look,) = found.summary.looks
    assert "no number of seeds will decide the 1 still undecided; more rows" in look.reason


def test_each_look_spends_its_own_share(filled, tmp_path):
    """Over two comparisons, what stopped at the first of three looks has t intervals at 1/7 of alpha, the last 4/7."""
    from scipy import stats

    fields = IRIS | {"variant": [{"technique": "l2"}, {"technique": "l1"}]}
    noisy = [rows + (0, 6, 3, 5, 1)[seed % 5] for seed, rows in enumerate(BASE)]
    study = filled(tmp_path / "out", fields, {"none": BASE, "l2(0.01)@all": WORSE[:10], "l1(0.01)@all": noisy})
    found = pipeline.run(study, tmp_path / "out", in_process=True)
    assert [look.alpha for look in found.summary.looks] == pytest.approx([0.05 * share / 7 for share in (1, 2, 4)])
    rows = {row.name: row for row in found.summary.datasets[0].variants}
    for name, scores, share in (("l2(0.01)@all", WORSE[:10], 1), ("l1(0.01)@all", noisy, 4)):
        d = (np.array(scores) - np.array(BASE[: len(scores)])) / 30
        reach = stats.t.ppf(1 - 0.05 * share / 7 / 4, len(d) - 1) * d.std(ddof=1) * np.sqrt(1 / len(d) + 1 / 3)
        assert rows[name].comparison.difference.high == pytest.approx(d.mean() + reach)


def test_looks_are_planned_before_the_first_seed(whole):
    """A directory with looks takes no fixed seeds: it says so and changes nothing."""
    out, _, _ = whole
    before = (out / "study.toml").read_bytes()
    with pytest.raises(InputError, match=r"^--out: .*seeds is auto there and 0-39 here.*Choose another --out$"):
        train(out, seeds="40")
    assert (out / "study.toml").read_bytes() == before


def test_a_directory_that_lost_its_provenance_says_so_and_can_be_mended(filled, command, tmp_path):
    """Without the numbers of rows nothing says when to look; the study's command writes them again."""
    fields = IRIS | {"variant": [{"technique": "l2"}]}
    filled(tmp_path / "out", fields, {"none": BASE[:10], "l2(0.01)@all": WORSE[:10]})
    complaint = "provenance.json: expected the rows of iris, which say when to look; got none. Run compare again"
    assert command("report", "out") == (2, "", f"regfleet: error: {complaint}\n")
    assert command("compare", "out/study.toml", "--out", "out", "--in-process")[0] == 0
    assert command("report", "out")[0] == 0
