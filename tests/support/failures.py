"""Trials that fail in their workers, told by the report, whose own command brings them back."""

import json
import re
import shlex
from html import unescape

import regfleet
from support.processes import python

STUDY = ["compare", "--references", "no", "--model", "16,8", "-t", "l2@all", "--seeds", "6", "--out", "out"]


def told(out):
    """Seeds → reason, as the report's section of failures tells them, and the command that it gives."""
    page = (out / "report.html").read_text()
    section = re.search(r'<section id="failures".*?</section>', page, re.DOTALL)[0]
    found = re.findall(r"<bdi>([^<]*)</bdi></summary>\s*<p>Failed: ([^<]*)\.</p>", section)
    (command,) = re.findall(r'<pre class="command"[^>]*>(.*?)</pre>', section, re.DOTALL)
    return {seeds: reason for reason, seeds in found}, unescape(re.sub("<[^>]+>", "", command))


def failed(work, *more, cwd, **environment):
    """Run a study of twelve trials with this work on Ray; what its report tells of those that fail."""
    # Shorter pauses than those of a real run between two tries.
    patience = {"REGFLEET_TEST_PATIENCE": json.dumps({"look": 1, "retry": 2, "overdue": 10})}
    done = python("-m", "support.driver", work, *STUDY, *more, cwd=cwd, **environment, **patience)
    assert done.returncode == 1, done.stderr
    reasons, command = told(cwd / "out")
    assert re.search(rf"\b{len(reasons)} trials? failed or diverged", done.stdout)
    trials = regfleet.load(cwd / "out").trials
    assert len(trials) == trials["key"].nunique() == 12
    return reasons, command


def come_back(command, finished, *, cwd):
    """Run the report's command where nothing goes wrong: what had ``finished`` stays, and all twelve are done."""
    again = python("-m", "support.driver", "pretend", *shlex.split(command)[1:], "--in-process", cwd=cwd)
    assert again.returncode == 0, again.stderr
    assert f"{finished} of them were finished before" in again.stderr
    after = regfleet.load(cwd / "out").trials
    assert after["status"].tolist() == ["done"] * 12
    assert after["key"].is_unique
