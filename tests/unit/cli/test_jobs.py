"""`regfleet submit` and `regfleet jobs`: what is refused before a cluster is asked."""

import pytest

HEAD = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["jobs", "--address", HEAD], 3, f"answers within 5 s; got {HEAD}"),
        (["jobs", "--address", "ray://127.0.0.1:10001"], 2, "as Ray Client loses the study"),
        (["submit", "--address", HEAD, "--", "analyze"], 2, "expected compare and its flags after --; got 'analyze'"),
        (["submit", "--address", HEAD, "--", "compare", "--address", "x:1"], 2, "got --address after it"),
        (["submit", "--address", HEAD, "--", "compare", "--no-such-flag"], 2, "No such option: --no-such-flag"),
        (["submit", "--address", HEAD, "--", "compare", "--out=s3://key:hidden@b/c"], 2, "got s3://***@b/c"),
    ],
)
def test_what_cannot_run_is_refused_in_a_line(command, arguments, code, words):
    """A wrong address, command or flag; nothing is uploaded."""
    ended, out, err = command(*arguments)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert words in err
