"""A node that really runs out of memory, as Ray's own monitor sees it: that of this machine, so nothing runs beside."""

import re

from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from support.failures import come_back, failed
from support.processes import wait_until

ROOM = 4 << 30
"""Bytes until the node is said to run out of memory; what other programs take meanwhile is less."""


def test_a_trial_that_takes_all_memory_fails_alone_and_comes_back(worker_environment, processes, tmp_path):
    """It loses three workers, and no other trial fails; the limit is a little above what is in use now."""
    limit = get_used_memory() + ROOM
    environment = {
        "REGFLEET_TEST_MARKS": worker_environment["REGFLEET_TEST_MARKS"],
        "REGFLEET_TEST_LIMIT": str(limit),
        "RAY_memory_usage_threshold": str(limit / get_system_memory()),
        "RAY_memory_monitor_refresh_ms": "100",
    }
    reasons, command = failed("swell", cwd=tmp_path, **environment)
    assert list(reasons) == ["seed 3"]
    assert re.match("its worker was lost 3 times, last: OutOfMemoryError: .* running low on memory$", reasons["seed 3"])
    wait_until(lambda: not processes())
    come_back(command, 11, cwd=tmp_path)
