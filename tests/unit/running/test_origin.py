"""Where results are said to come from."""

import subprocess

from regfleet.results import Provenance
from regfleet.running.origin import Beginning, provenance


def test_the_commit_is_that_of_the_beginning(tmp_path, monkeypatch):
    """A run that rewrites results kept under git does not make its own commit a changed one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("before")
    who = "-c user.name=a -c user.email=a@b"
    subprocess.run(f"git init -q && git add . && git {who} commit -qm a", shell=True, check=True)
    beginning = Beginning()
    (tmp_path / "report.html").write_text("after")
    says = {"command": "c", "data": {}, "fleet": "f", "trained": 1}
    commit = provenance(Provenance(), beginning=beginning, **says).commit
    head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert commit == head.strip()
    assert provenance(Provenance(), beginning=Beginning(), **says).commit == f"{commit}-dirty"
