"""A job whose results go to a bucket: the head has the keys to it, and nothing comes back through the log."""

import json

import pytest
from support.buckets import bucket, keys

import regfleet

pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")  # Ray's client
SMALL = ["compare", "--references", "no", "--workers", "1", "--model", "8", "--epochs", "2", "-t", "l2"]


@pytest.fixture
def url():
    """A prefix of an empty bucket on an S3 server of this machine, to which no process here has the keys."""
    with bucket() as address:
        yield f"s3://bucket/studies/iris?endpoint_override={address}&scheme=http"


def test_the_results_of_a_job_are_in_the_bucket(at_head, url, tmp_path, monkeypatch):
    """Submitted without keys, watched and reported with them, and submitted again the study goes on from its trials."""
    monkeypatch.setenv("COLUMNS", "120")
    submit = ["submit", "--address", "{url}", "--", *SMALL, f"--out={url}"]
    code, first, err = at_head(*submit, "--seeds=2")
    assert code == 0, first + err
    assert "4/4 trials" in first
    assert first.count("90 training rows of iris: each epoch is a single update") == 2  # wide enough for a line
    assert "fetched" not in err
    assert list(tmp_path.iterdir()) == []

    with keys():
        state = json.loads(at_head("status", url, "--json")[1])
        before = regfleet.load(url).trials
    assert (state["running"], state["done"], state["planned"]) == (False, 4, 4)
    assert state["report"] == "s3://bucket/studies/iris/report.html"

    code, again, err = at_head(*submit, "--seeds=3")
    assert code == 0, again + err
    assert "4 of them were finished before" in again
    with keys():
        after = regfleet.load(url).trials
        assert at_head("report", url)[0] == 0
    assert len(after) == 6
    kept = after[after["key"].isin(before["key"])].sort_values("key", ignore_index=True)
    assert kept.equals(before.sort_values("key", ignore_index=True))
    assert "hunter2" not in first + again + err
