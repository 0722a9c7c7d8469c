"""`regfleet status` after a real study."""


def test_a_finished_study_names_its_report(run, study, tmp_path):
    """After a real study everything is done, the fleet and the report are named, and a torn part is a note."""
    out, _ = study
    done = run("status", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not running, 12 of 12 trials done" in done.stdout
    assert f"Report: {out}/report.html" in done.stdout
    assert "Trials ran on Ray" in done.stdout
    assert "trials a second" in done.stdout
