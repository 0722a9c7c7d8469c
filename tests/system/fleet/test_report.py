"""What the report says of trials that were lost, and that its own command brings them back."""

from support.failures import come_back, failed


def test_lost_trials_are_told_and_come_back(worker_environment, none_left, tmp_path):
    """Trials that lose three workers or hang fail alone, each with its reason, and then run again."""
    marks = {"REGFLEET_TEST_MARKS": worker_environment["REGFLEET_TEST_MARKS"]}
    reasons, command = failed("ruin", "--trial-timeout", "15", cwd=tmp_path, **marks)
    assert sorted(reasons) == ["seed 1", "seed 2"]
    assert reasons["seed 1"].startswith("its worker was lost 3 times, last: WorkerCrashedError: The worker died")
    assert reasons["seed 2"] == "did not finish within 15 s; --trial-timeout sets the limit"
    none_left()
    come_back(command, 10, cwd=tmp_path)
