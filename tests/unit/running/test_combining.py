"""`--combine` and `--greedy`, from flags to the report, with trials whose scores are known."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.outcomes import pretended

import regfleet
from regfleet.concluding.judge import read_results
from regfleet.concluding.status import status
from regfleet.errors import InputError
from regfleet.planning.combining import CHOOSING
from regfleet.planning.variants import problems, resolve_variants
from regfleet.running import run as pipeline
from regfleet.running.display import Progressing, Screen
from regfleet.running.preview import preview
from regfleet.running.run import Watch
from regfleet.settings import read_study

FIELDS = {
    "data": ["iris"],
    "seeds": 6,
    "model": {"hidden": [6]},
    "training": {"epochs": 1, "batch_size": 16},
}
L2, DROPOUT, MIXUP = "l2(0.01)@first", "dropout(0.5)@first", "mixup(0.2)"
ADDS = {"iris": {L2: 1, DROPOUT: 4, MIXUP: 3}, "wine": {L2: 4, DROPOUT: 0, MIXUP: 0}}


def study(**changes):
    """The study of ``FIELDS`` with changes."""
    return read_study(FIELDS | changes, check=problems)


def correct(trial):
    """Correct rows of 30: L2 and dropout give 5 less together than apart, and seeds differ by up to 2."""
    names = trial.variant.split("+")
    rows = 18 + sum(ADDS[trial.dataset].get(name, 0) for name in names) + trial.seed % 3
    return rows - 5 * ({L2, DROPOUT} <= {*names}) + (trial.seed * len(names)) % 2


def work(chunk, _dataset):
    """Trials of such scores."""
    return tuple(pretended(trial, correct(trial)) for trial in chunk.trials)


def poisoned(chunk, _dataset):
    """The same on validation rows; test rows say that L2 alone is worth having."""
    return tuple(
        replace(
            one,
            metrics=one.metrics
            | {f"{at}_test_accuracy": 0.9 if L2 in one.trial.variant else 0.1 for at in ("last", "best")},
        )
        for one in work(chunk, _dataset)
    )


class Ended(Watch):
    """Ends the run after so many trials, as Ctrl-C does; keeps what was trained."""

    def __init__(self, after=10**6):
        self.left, self.trained, self.said = after, [], []

    def extend(self, _, reasons):
        """Keep the reasons."""
        self.said += reasons

    def advance(self, outcomes, _):
        """Count down."""
        self.trained += [(one.trial.dataset, one.trial.variant, one.trial.seed) for one in outcomes]
        self.left -= len(outcomes)
        if self.left <= 0:
            raise KeyboardInterrupt


def run(out, watch=None, work=work, **changes):
    """Run the study into ``out``."""
    return pipeline.run(study(**changes), out, in_process=True, watch=watch, work=work)


@pytest.fixture
def unwritten(monkeypatch):
    """No report is drawn and written: that takes most of the time."""
    monkeypatch.setattr("regfleet.concluding.judge.write", lambda *_: None)


def test_combinations_are_variants_as_if_they_were_typed():
    """Flags of any spelling make the variants, names and keys of the same typed by hand; singles stand first."""
    asked = read_study({}, flags={"combine": "l2=.001, dropout(0.3,0.2)@1,2,batchnorm@all:before"}, check=problems)
    assert asked.combine == ("l2(.001)", "dropout(0.3,0.2)@1,2", "batchnorm@all:before")
    names = [one.name for one in resolve_variants(asked)]
    parts = ("l2(0.001)@all", "dropout(0.3,0.2)@1,2", "batchnorm(0.99)@all:before")
    typed = ["+".join(some) for size in (1, 2, 3) for some in itertools.combinations(parts, size)]
    by_hand = read_study({"variant": [{"technique": text} for text in typed]}, check=problems)
    assert names == [one.name for one in resolve_variants(by_hand)]
    assert len(names) == 8
    again = read_study(asked.table())
    assert again == asked
    assert "combine" not in read_study({}).table()
    six = study(combine="l2,dropout,batchnorm,mixup,labelsmoothing,noise")
    assert len(resolve_variants(six)) == 32 + 6


@pytest.mark.parametrize(
    ("combine", "more", "said"),
    [
        ("l2", {}, "--combine: expected two techniques or more; got l2 alone"),
        ("l2,,l1", {}, "--combine: expected techniques with a comma between two of them; got 'l2,,l1'"),
        ("mixup,cutmix", {}, "mixup: expected no cutmix beside it; got both"),
        ("l2,l2=1", {}, "--combine: expected each technique once at a place; got l2 twice"),
        ("l2,l1(0.1|1)", {}, "--combine l1(0.1|1): expected one value of each; got a sweep of 2"),
        ("l2,drop", {}, "--combine drop: expected a technique"),
        ("l2,none", {}, "--combine: expected techniques, to which no technique is the control; got none"),
        (",".join(f"l2@{n}" for n in range(1, 18)), {}, "--combine: expected at most 16 techniques"),
        (None, {"greedy": True}, "--greedy: expected --combine with the techniques to choose from; got none"),
        ("l2,l1", {"greedy": True, "seeds": "auto"}, "--greedy: expected a number of seeds"),
        ("l2,l1", {"greedy": True, "split": "5x2"}, "--greedy: expected a split that has further seeds"),
        ("l2,l1", {"greedy": True, "seeds": f"0,{CHOOSING}"}, "--greedy: expected seeds below 1,000,000,000"),
        ("l2,l1", {"greedy": True, "interval": "conservative"}, "--greedy: expected --interval auto"),
    ],
)
def test_what_cannot_be_combined_is_refused_in_one_line(combine, more, said):
    """The line names the flag and the technique."""
    with pytest.raises(InputError) as refused:
        read_study({}, flags={"combine": combine, **more}, check=problems)
    (line,) = str(refused.value).splitlines()
    assert said in line


@pytest.mark.usefixtures("drawn")
def test_a_factorial_is_planned_run_judged_and_written_down(tmp_path, monkeypatch):
    """The interaction that is there is found, in every place; what was typed before is not trained again."""
    out, watch = tmp_path / "out", Ended()
    with monkeypatch.context() as unseen:
        unseen.setattr("regfleet.concluding.judge.write", lambda *_: None)
        run(out, variant=[{"technique": L2}])
    done = run(out, watch, combine=f"{L2},{DROPOUT}")
    assert {name for _, name, _ in watch.trained} == {DROPOUT, f"{L2}+{DROPOUT}"}
    (data,) = done.summary.datasets
    assert [(one.label, one.verdict) for one in data.combined.effects] == [
        ("L2", "worse"),
        ("Dropout", "better"),
        ("L2 × Dropout", "worse"),
    ]
    assert data.combined.effects[2].difference.mean == pytest.approx(-5 / 30, abs=0.02)
    assert not data.combined.clear
    table = pd.read_csv(out / "effects.csv")
    assert table["difference"].to_list() == [one.difference.mean for one in data.combined.effects]
    page = (out / "report.html").read_text()
    assert "Less together" in page
    assert "What techniques do in combination" in page
    assert "L2 and Dropout: less together than apart" in repr(regfleet.load(out))
    assert "What each technique adds to test accuracy in combination" in page
    with pytest.raises(InputError, match="combine is"):
        run(out, combine=f"{L2},{MIXUP}")


@pytest.mark.usefixtures("unwritten")
def test_a_factorial_of_seeds_until_the_answer_is_clear_adds_them_to_all_its_runs(tmp_path):
    """Effects are over the seeds of all runs, so that none may stop before the others."""
    done = run(tmp_path, seeds="auto", combine=f"{L2},{MIXUP}")
    counts = done.results.trials.groupby("variant").size()
    assert {*counts} == {counts.iloc[0]}
    assert len(done.summary.datasets[0].combined.seeds) == counts.iloc[0]


@pytest.mark.usefixtures("unwritten")
def test_techniques_are_added_one_by_one_and_judged_on_other_seeds(tmp_path):
    """Dropout helps most, then mix-up; L2 beside dropout does not. Steps are the same after an interruption."""
    whole = Ended()
    done = run(tmp_path / "whole", whole, combine=f"{L2},{DROPOUT},{MIXUP}", greedy=True)
    final = f"{DROPOUT}+{MIXUP}"
    steps = done.summary.datasets[0].stepwise
    assert [(one.name, one.clear) for one in steps.steps] == [
        (DROPOUT, True),
        (final, True),
        (f"{L2}+{final}", False),
    ]
    assert (steps.single, steps.final) == (DROPOUT, final)
    assert steps.lead.mean == pytest.approx(3 / 30, abs=0.02)
    assert {row.name for row in done.summary.datasets[0].variants} == {"none", DROPOUT, final}
    chose = {(name, seed) for _, name, seed in whole.trained if seed >= CHOOSING}
    judged = {(name, seed) for _, name, seed in whole.trained if seed < CHOOSING}
    assert {seed for _, seed in chose} == {*range(CHOOSING, CHOOSING + 6)}
    assert {name for name, _ in judged} == {"none", DROPOUT, final}
    assert len(chose) == 6 * (1 + 3 + 2 + 1)
    assert "iris: Step 1: Dropout helps most" in " ".join(whole.said)
    assert "is clearly ahead of the best single technique" in done.summary.datasets[0].headline[-1]
    pieces = [Ended(25), Ended(13), Ended()]
    for piece in pieces:
        again = run(tmp_path / "pieces", piece, combine=f"{L2},{DROPOUT},{MIXUP}", greedy=True)
        assert again.interrupted == (piece is not pieces[-1])
    trained = [one for piece in pieces for one in piece.trained]
    assert len(trained) == len({*trained}) == len(whole.trained)
    assert again.summary == done.summary
    written = io.StringIO()
    shown = Progressing(Screen(file=written, width=200), quiet=False)
    run(tmp_path / "pieces", shown, combine=f"{L2},{DROPOUT},{MIXUP}", greedy=True, seeds=7)
    assert "70/70 trials" in written.getvalue()
    assert "iris: Step 3: L2 would help most, and not clearly" in written.getvalue()
    assert status(tmp_path / "whole").done == len(whole.trained) == status(tmp_path / "whole").planned


@pytest.mark.usefixtures("unwritten")
def test_no_test_row_has_a_say_in_what_is_added(tmp_path):
    """With test rows that speak for L2 alone, the steps are the same."""
    done = run(tmp_path, work=poisoned, combine=f"{L2},{DROPOUT}", greedy=True)
    assert [one.name for one in done.summary.datasets[0].stepwise.steps if one.clear] == [DROPOUT]


@pytest.mark.usefixtures("unwritten")
def test_each_data_set_has_steps_of_its_own(tmp_path):
    """On wine L2 is all that helps; each is judged by its own set."""
    done = run(tmp_path, data=["iris", "wine"], combine=f"{L2},{DROPOUT}", greedy=True)
    found = {data.dataset: data for data in done.summary.datasets}
    assert {name: data.stepwise.final for name, data in found.items()} == {"iris": DROPOUT, "wine": L2}
    assert {row.name for row in found["wine"].variants} == {"none", L2}
    assert done.facts.planned == done.facts.finished == 6 * (2 + 4 + 2 + 4)
    nothing = run(tmp_path / "more", data=["wine"], combine=f"{MIXUP},{DROPOUT}", greedy=True)
    (data,) = nothing.summary.datasets
    assert data.stepwise.final == "none"
    assert any("techniques came to no technique" in text for text in data.headline)
    resolved, _ = read_results(tmp_path / "more")
    assert len(resolved.names) == 2


def test_a_dry_run_counts_what_is_combined(tmp_path):
    """Combinations are counted as they are; of steps the first is, and a note says how far they may go."""
    said = []
    found = preview(study(combine="l2,dropout,mixup"), tmp_path / "none", note=said.append)
    assert sum(row.trials for row in found.rows) == 8 * 6
    assert "all 8 combinations of 3 techniques are trained" in said
    found = preview(study(combine="l2,dropout,mixup", greedy=True), tmp_path / "none", note=said.append)
    assert sum(row.trials for row in found.rows) == 4 * 6
    assert "24 to 42, as far as steps go, trials choose by validation rows" in said[-1]
    assert np.isfinite(found.seconds)
