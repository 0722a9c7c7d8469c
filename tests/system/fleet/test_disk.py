"""The results directory runs out of room."""

import regfleet

STUDY = ["compare", "--model", "16,8", "--epochs", "20", "-t", "l2@all", "--seeds", "5", "--out", "out"]
# From the first outcomes on no file of the driver may grow beyond 2000 bytes, so that its next write really fails.
FULL = """
import resource
from regfleet.terminal import Progressing
seen = Progressing.advance
def advance(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    seen(*arguments)
Progressing.advance = advance
"""


def test_a_full_disk_ends_the_run_and_loses_nothing(driver, tmp_path):
    """One line says what could not be written; what was written stays, and the same command runs the rest."""
    process = driver(*STUDY, setup=FULL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Traceback" not in stderr
    (line,) = [line for line in stderr.splitlines() if "File too large" in line]
    assert "--out: expected room to write; got out/" in line
    kept = regfleet.load(tmp_path / "out").trials
    assert 0 < len(kept) < 10
    again = driver(*STUDY)
    _, stderr = again.communicate(timeout=120)
    assert again.returncode == 0, stderr
    assert f"{len(kept)} of them were finished before" in stderr
    after = regfleet.load(tmp_path / "out").trials
    assert after["status"].tolist() == ["done"] * 10
    assert after["key"].is_unique
