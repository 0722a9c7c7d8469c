"""`--combine` and `--greedy` on networks that are trained: what is there by construction is found, and no more."""

from support.quicker import first, second

from regfleet.planning.variants import problems
from regfleet.running import run as pipeline
from regfleet.settings import read_study

QUICK, ALSO = (f"support.quicker:{one.__name__}" for one in (first, second))
FIELDS = {
    "data": ["wine"],
    "seeds": 10,
    "model": {"hidden": [12], "activation": ["tanh"]},
    "training": {"epochs": 25, "batch_size": 32, "optimizer": "sgd", "learning_rate": 0.001},
}


def run(out, **changes):
    """Train a study in this process."""
    return pipeline.run(read_study(FIELDS | changes, check=problems), out, in_process=True).summary.datasets[0]


def test_what_two_techniques_do_alike_is_less_together_than_apart(tmp_path):
    """Each raises the learning rate to the same value, so that the second adds nothing to the first."""
    found = run(tmp_path, combine=[QUICK, ALSO]).combined
    one, other, both = found.effects
    assert found.rule == "rows"
    assert [one.verdict, other.verdict, both.verdict] == ["better", "better", "worse"]
    neither, *alone, together = both.means
    assert alone[0] == alone[1] == together > neither
    assert not found.clear


def test_no_interaction_is_claimed_where_a_technique_does_nothing(tmp_path):
    """A penalty of next to nothing neither adds anything nor changes what another one adds."""
    found = run(tmp_path, combine=[QUICK, "l2(1e-12)", "noise(1e-9)"]).combined
    quick, *rest = found.effects
    assert quick.verdict == "better"
    assert {one.verdict for one in rest} <= {"undecided", "equivalent"}


def test_steps_take_what_helps_once(tmp_path):
    """The first of the two is added, and the second after it is not."""
    found = run(tmp_path, combine=[QUICK, ALSO, "l2(1e-12)"], greedy=True).stepwise
    assert [step.clear for step in found.steps] == [True, False]
    assert found.single == found.final
