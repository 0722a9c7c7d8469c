"""The twin of the fleet, without Ray."""

import sys

from regfleet.fleet import InProcess


def test_the_twin_in_process_gives_the_same(schedule, data, worker_environment, names, every):
    """In process the same contract holds without Ray."""
    assert worker_environment["PYTHONPATH"] in sys.path
    from support import work

    assert names(InProcess().run(schedule(3), work.outcomes, data)) == every(3)
