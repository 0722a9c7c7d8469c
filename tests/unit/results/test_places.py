"""Places that need no server: directories by URL, and URLs that are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem
from support.outcomes import VARIANTS

from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import Store, load, place_of, write_study
from regfleet.results.objects import ObjectPlace


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (Path("s3://bucket/x"), r"expected a URL as text; got s3:/bucket/x as a path"),
        ("s3://", r"expected s3://BUCKET/PREFIX; got s3://"),
        ("s3://bucket", r"expected s3://BUCKET/PREFIX; got s3://bucket"),
        ("ftp://host/x", r"a path, or a URL with s3://, gs:// or file://; got one with ftp://"),
        ("s3://k:hunter2@bucket/x?endpoint=h", r"got s3://bucket/x \(endpoint is not one of access_key, .*\)"),
    ],
)
def test_a_url_of_another_form_is_refused(out, words):
    """What is no bucket and prefix, or has fields nobody knows, is said in a line without its secrets."""
    with pytest.raises(InputError, match=f"^--out: .*{words}") as complaint:
        place_of(out)
    assert "hunter2" not in str(complaint.value)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A prefix of a bucket that is a folder."""
    for folder in ("trials", "histories", "predictions"):
        (tmp_path / "bucket/x" / folder).mkdir(parents=True)
    monkeypatch.setattr(patience, "SECONDS", replace(patience.SECONDS, settle=0.0))
    return ObjectPlace(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "bucket/x", "s3://bucket/x")


def test_a_bucket_with_nothing_but_a_study_of_ours_is_ours(bucket):
    """A driver that ended before its first trial leaves that; a study file of somebody else's is theirs."""
    with bucket.claim():
        write_study(bucket, "seeds = 3\n")
    with bucket.claim():
        pass
    assert bucket.text("study.toml").endswith("\nseeds = 3\n")
    bucket.write("study.toml", b"# mine \xff\nseeds = 3\n")
    with pytest.raises(InputError, match=r"^--out: expected an empty or a results prefix; got .*, with study\.toml"):
        bucket.claim().__enter__()


def test_of_a_bucket_the_histories_are_not_read_whole(bucket, outcome, monkeypatch):
    """Their keys say which trials are finished; the rest stays where it is."""
    with bucket.claim():
        write_study(bucket, "seeds = 3\n")
        Store(bucket, VARIANTS).append([outcome("none", 0)])
        read, names = bucket.read, []
        monkeypatch.setattr(bucket, "read", lambda name: names.append(name) or read(name))
        assert len(load(bucket).finished) == 1
    assert any(name.startswith("trials/") for name in names)
    assert not any(name.startswith("histories/") for name in names)
