"""Parts that go while a study runs, or before it is run again."""

import pytest
from support.outcomes import plausible

from regfleet.results import load, place_of
from regfleet.results.local import LocalPlace
from regfleet.running.run import run
from regfleet.running.train import Watch
from regfleet.settings import read_study

FIELDS = {"seeds": [0, 1, 2], "training": {"epochs": 1}, "variant": [{"technique": "none"}, {"technique": "l2"}]}


class Notes(Watch):
    """Keeps what the user is told."""

    def __init__(self):
        self.told = []

    def note(self, text):
        """Keep it."""
        self.told.append(text)


def pretend(chunk, _dataset, **_):
    """Finish every trial; half a minute for each makes chunks of one trial."""
    return tuple(plausible(trial, seconds=30.0) for trial in chunk.trials)


def trained(out, work=pretend):
    """Run the study; what came of it, and what the user was told."""
    notes = Notes()
    return run(read_study(FIELDS), out, in_process=True, work=work, watch=notes), notes.told


@pytest.mark.parametrize("spoil", [lambda part: part.unlink(), lambda part: part.write_bytes(b"PAR1")])
def test_a_part_that_goes_while_the_study_runs_is_missed(tmp_path, spoil):
    """The run ends as an interrupted one, exit code 3, says how many trials are gone, and the next one runs them."""
    out = tmp_path / "out"

    def losing(chunk, dataset, **_):
        parts = sorted((out / "trials").glob("part-*"))
        if len(parts) == 3:
            spoil(parts[0])
        return pretend(chunk, dataset)

    done, told = trained(out, losing)
    lost = 6 - done.facts.finished
    words = f"{lost} of the 6 trials that were kept are not there, or not in a whole part"
    assert done.interrupted
    assert 0 < lost < 6
    assert words in told
    assert words in done.facts.notes
    done, told = trained(out)
    assert (done.interrupted, done.facts.finished) == (False, 6)
    assert f"{words}; they run again" in told
    done, told = trained(out)
    assert not [text for text in told if "not there" in text]
    assert load(out).problems == ()


def test_a_part_that_cannot_be_read_at_the_end_ends_the_run(tmp_path, monkeypatch):
    """The disk fails after the training: exit code 3, nothing is set aside, and the report is written the next time."""
    out = tmp_path / "out"
    trained(out)
    (part,) = (out / "trials").iterdir()
    true_read = LocalPlace.read
    reads = []

    def read(self, name):
        reads.append(name)
        if name.startswith("trials/") and sum(one.startswith("trials/") for one in reads) > 1:
            raise PermissionError(13, "Permission denied")
        return true_read(self, name)

    monkeypatch.setattr(LocalPlace, "read", read)
    with pytest.raises(Exception, match="expected results that can be read now; got Permission denied") as stopped:
        trained(out)
    assert stopped.value.exit_code == 3
    monkeypatch.undo()
    assert part.exists()
    assert len(load(place_of(out)).finished) == 6
