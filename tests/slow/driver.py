"""A driver in a process of its own: joins a cluster and prints a line of JSON for every batch of outcomes."""

import json
import logging
import os
import sys
import time

import ray
from support.fleet import DATA, Source

from regfleet.fleet import FleetSettings, ray_fleet
from regfleet.trials import Outcome


def work(chunk, _dataset):
    """Take as long as was said, and say on which node."""
    time.sleep(SECONDS)
    node = ray.get_runtime_context().get_node_id()
    return tuple(Outcome(trial, "done", "test", host=node, seconds=SECONDS) for trial in chunk.trials)


ADDRESS, SEEDS, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
# Ray prints what becomes of nodes; only our lines are for the test.
said = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
settings = FleetSettings(address=ADDRESS, environment={"PYTHONPATH": os.environ["PYTHONPATH"]})
with ray_fleet(settings, warm_up=os.getpid) as fleet:
    for batch in fleet.run(Source(SEEDS, 1, SECONDS), work, DATA):
        print(json.dumps([(one.trial.key, one.status, one.host) for one in batch]), file=said, flush=True)
