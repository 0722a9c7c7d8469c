"""An S3 server on this machine, and results to put there."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from support import planning
from support.buckets import KEYS, bucket, keys
from support.outcomes import pretended, said

from regfleet.data.sources import load_builtin
from regfleet.results import Store
from regfleet.settings import read_study


@pytest.fixture(scope="session")
def server():
    """HOST:PORT of an S3 server with an empty bucket called ``bucket``, to which this process has the keys."""
    with bucket() as address, keys():
        yield address


@pytest.fixture
def url(server, request):
    """A prefix of the bucket that no other test uses."""
    return f"s3://bucket/studies/{request.node.name}?endpoint_override={server}&scheme=http"


@pytest.fixture
def storage(server):
    """The variables that a process needs to reach the server by s3://bucket/… alone."""
    return KEYS | {"AWS_ENDPOINT_URL": f"http://{server}"}


# libfaketime 0.9.10 refuses the clock_nanosleep of Python's own.
SLEEP = "import select, time; time.sleep = lambda seconds: [select.select([], [], [], seconds)] and None"


@pytest.fixture
def clock(tmp_path):
    """The environment of processes whose wall clock is wrong, and the function that sets it, to "+1d" say.

    Time flows for them as for everybody: what counts seconds by the monotonic clock sees nothing.
    """
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.fail("faketime is not installed: apt-get install faketime")
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLEEP)
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "offset"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # or Python would compile every module again
        "PYTHONPATH": str(folder),
    }
    (folder / "offset").write_text("+0")
    return environment, (folder / "offset").write_text


@pytest.fixture
def silent():
    """HOST:PORT of something that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield ":".join(map(str, listening.getsockname()))


@pytest.fixture(scope="session")
def planned():
    """A study of two variants and four seeds of Iris, and the outcome of each of its trials; nothing is trained."""
    study = read_study({"seeds": [0, 1, 2, 3], "variant": [{"technique": "l2"}], "model": {"hidden": [8]}})
    plan = planning.planned(study, {"iris": load_builtin("iris")})
    # How many of 30 test rows were right depends on the seed and the variant.
    rows = [20 + trial.seed + 3 * (trial.variant != "none") for trial in plan.trials]
    outcomes = [pretended(*one, epochs=3) for one in zip(plan.trials, rows, strict=True)]
    return (
        study,
        plan,
        [replace(one, predictions=dict.fromkeys(("last", "best"), said(one.trial.seed))) for one in outcomes],
    )


@pytest.fixture
def write(planned):
    """The function that puts that study's results into a place."""
    study, plan, outcomes = planned

    def into(place):
        with place.claim():
            place.write("study.toml", study.toml().encode())
            store = Store(place, {group.variant.name: group.variant for group in plan.groups})
            for outcome in outcomes:
                store.append([outcome])
        return store

    return into
