"""Places that need no server: directories by URL, and URLs that are refused."""

from pathlib import Path

import pytest

from regfleet.errors import InputError
from regfleet.results import place_of


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
