"""Credentials never reach a log or a provenance file."""

import logging

import pytest

from regfleet.results import Provenance
from regfleet.running.logs import log_to
from regfleet.running.origin import Beginning, provenance
from regfleet.text import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--out s3://KEY:hunter2@bucket/x", "--out s3://***@bucket/x"),
        ("https://ada:hunter2@data.org/a.csv?x=1", "https://***@data.org/a.csv?x=1"),
        ("s3://b/x?region=eu&secret_key=hunter2&scheme=http", "s3://b/x?region=eu&secret_key=***&scheme=http"),
        ("s3://b/x?access_key=hunter2", "s3://b/x?access_key=***"),
        ("s3://b/x?session_token=hunter2", "s3://b/x?session_token=***"),
        ("https://b/x?X-Amz-Signature=hunter2&a=b", "https://b/x?X-Amz-Signature=***&a=b"),
        ("tool --token hunter2 --epochs 3", "tool --token *** --epochs 3"),
        ("tool --api-key='hunter2 and more' -t l2", "tool --api-key=*** -t l2"),
        ("AWS_SECRET_ACCESS_KEY=hunter2 regfleet", "AWS_SECRET_ACCESS_KEY=*** regfleet"),
        ('{"password": "hunter2", "epochs": 3}', '{"password": ***, "epochs": 3}'),
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        ("found AKIAIOSFODNN7EXAMPLE there", "found *** there"),
    ],
)
def test_credentials_are_masked(text, expected):
    """Wherever a command, an address or a header holds a credential, three stars stand for it."""
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "regfleet compare --model 16,8 -t 'l2(1e-3)@all+dropout(0.3)@dense_1'",
        "part-0123456789abcdef.parquet: 12 trials at 10:30:00, s3://bucket/prefix/report.html",
        "lost worker 1 of 3 with none on iris, seeds 0, 1: NodeDiedError: 10.0.0.3:6379",
        "set RAY_AUTH_MODE and put a token into the file",
    ],
)
def test_other_text_stays_as_it_is(text):
    """What holds no credential is not touched."""
    assert masked(text) == text


def test_the_log_and_the_provenance_hold_no_secret(tmp_path):
    """The same command is masked in both, an exception's traceback in the log too."""
    command = "regfleet compare --out 's3://KEY:hunter2@bucket/x?secret_key=hunter2'"
    with log_to(tmp_path / "regfleet.log"):
        logging.getLogger("regfleet").info("%s", command)
        try:
            int(command)
        except ValueError:
            logging.getLogger("regfleet.results").exception("it failed")
    facts = provenance(
        Provenance(), command=command, data={}, fleet="on s3://a:hunter2@b", beginning=Beginning(), trained=1
    )
    assert "hunter2" not in (tmp_path / "regfleet.log").read_text() + facts.json_text()
    assert facts.runs[0].command == "regfleet compare --out 's3://***@bucket/x?secret_key=***'"
