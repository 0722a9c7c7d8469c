"""The results directory runs out of room."""

from support.processes import python

import regfleet


def test_a_full_disk_ends_the_run_and_loses_nothing(small, tmp_path):
    """One line says what could not be written; what was written stays, and the same command runs the rest."""
    command = [*small, "--seeds", "5", "--out", "out", "--in-process"]
    done = python("-m", "support.driver", "fill_up", *command, cwd=tmp_path, REGFLEET_TEST_MARKS=str(tmp_path))
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "File too large" in line]
    assert "--out: expected room to write; got out/" in line
    kept = regfleet.load(tmp_path / "out").trials
    assert 0 < len(kept) < 15
    again = python("-m", "support.driver", "pretend", *command, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"{len(kept)} of them were finished before" in again.stderr
    after = regfleet.load(tmp_path / "out").trials
    assert after["status"].tolist() == ["done"] * 15
    assert after["key"].is_unique
