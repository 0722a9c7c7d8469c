"""What runs on the head: ``python -m regfleet.jobs.remote KEY OUT compare …`` runs the command and sends OUT back.

It runs in a folder of its own that outlives the job: the same submission again finds the trials of the first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from regfleet.jobs.archive import LIMIT_BYTES, lines, pack
from regfleet.jobs.parcel import CODE
from regfleet.paths import REPORT

BAD_INPUT = 2  # then nothing was written


def run(key: str, out: str, command: list[str]) -> int:
    """Run ``regfleet`` with ``command`` in the folder of ``key`` and print its results; returns its exit code."""
    home = Path.home() / ".cache" / "regfleet" / "jobs" / key
    if not home.exists():
        beside = home.with_name(f"{key}.{os.getpid()}")
        shutil.copytree(".", beside, ignore=shutil.ignore_patterns(CODE, "__pycache__"))
        beside.rename(home)
    os.chdir(home)
    # Ray sends SIGTERM to every process of a job that is stopped; this one stays, to send back what is finished.
    signal.signal(signal.SIGTERM, lambda *_: None)
    code = subprocess.call([sys.executable, "-m", "regfleet", *command])  # noqa: S603 - the user's own command line
    if out and code != BAD_INPUT and (Path(out) / "study.toml").exists():
        _send(Path(out))
    if code < 0:
        _say(f"the command was ended by signal {-code}")
        return 3
    return code


def _send(out: Path) -> None:
    archive = pack(out)
    if len(archive) > LIMIT_BYTES:
        _say(
            f"the results are {len(archive) / 1e6:.0f} MB, and {LIMIT_BYTES / 1e6:.0f} MB at most come back through "
            f"the job: they stay on the head in {out.resolve()}; --out URL puts them into storage that you read, "
            "--keep-predictions no makes them smaller"
        )
        archive = pack(out, only=REPORT)
        if len(archive) > LIMIT_BYTES:
            return
        _say(f"only the report and its tables come back ({', '.join(REPORT)})")
    sys.stdout.writelines(f"{line}\n" for line in lines(archive))


def _say(text: str) -> None:
    sys.stdout.write(f"regfleet: {text}\n")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3:]))
