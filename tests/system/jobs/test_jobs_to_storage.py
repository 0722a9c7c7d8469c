"""A job whose results go to a bucket: the head has the keys to it, and nothing comes back through the log."""

import json
import logging

import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem

import regfleet

SMALL = ["compare", "--model", "8", "--epochs", "2", "-t", "l2"]


@pytest.fixture
def url(monkeypatch, keys):
    """A prefix of an empty bucket on an S3 server of this machine; afterwards no process here has the keys to it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request tells nothing
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = ":".join(map(str, server.get_host_and_port()))
    with monkeypatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True).create_dir("bucket")
    yield f"s3://bucket/studies/iris?endpoint_override={address}&scheme=http"
    server.stop()


def test_the_results_of_a_job_are_in_the_bucket(head, url, keys, tmp_path, monkeypatch):
    """Submitted without keys, watched and reported with them, and submitted again the study goes on from its trials."""
    monkeypatch.setenv("COLUMNS", "120")
    submit = ["submit", "--address", "{url}", "--", *SMALL, f"--out={url}"]
    first = head.run(*submit, "--seeds=2", cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "4/4 trials" in first.stdout
    assert first.stdout.count("90 training rows of iris: each epoch is a single update") == 2  # wide enough for a line
    assert "fetched" not in first.stderr
    assert list(tmp_path.iterdir()) == []

    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    state = json.loads(head.run("status", url, "--json", cwd=tmp_path).stdout)
    assert (state["running"], state["done"], state["planned"]) == (False, 4, 4)
    assert state["report"] == "s3://bucket/studies/iris/report.html"
    before = regfleet.load(url).trials

    again = head.run(*submit, "--seeds=3", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "4 of them were finished before" in again.stdout
    after = regfleet.load(url).trials
    assert len(after) == 6
    kept = after[after["key"].isin(before["key"])].sort_values("key", ignore_index=True)
    assert kept.equals(before.sort_values("key", ignore_index=True))

    reported = head.run("report", url, cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "hunter2" not in first.stdout + first.stderr + again.stdout + again.stderr
