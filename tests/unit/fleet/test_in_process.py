"""The twin of the fleet, without Ray."""

from support import work

from regfleet.fleet import InProcess


def test_the_twin_in_process_gives_the_same(schedule, data, names, every):
    """In process the same contract holds without Ray."""
    assert names(InProcess().run(schedule(3), work.outcomes, data)) == every(3)
