"""Studies as jobs of a real Ray head: started once, followed, stopped, and their reports brought back."""

import re
import shlex
import shutil
import signal
import subprocess

import pytest

import regfleet

SMALL = ["--model", "8", "--epochs", "2", "--seeds", "2", "-t", "l2"]
LONG = ["compare", "--model", "64", "--epochs", "1000", "--seeds", "20000", "-t", "l2"]
ODD = 'it\'s "odd" $(touch pwned) `touch pwned`\nand long'


def everything(folder):
    """The content of every file of a folder, joined."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def finished(head, tmp_path_factory):
    """A small study, named and put where no job could find it, after its job: working directory, results, output."""
    folder, elsewhere = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "study.toml").write_text('data = ["wine"]\n')
    out = elsewhere / ODD
    command = ["compare", elsewhere / "study.toml", *SMALL, f"--out={out}"]
    done = head.run("submit", "--address", "{url}", "--", *command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, out, command, done


def test_the_report_of_a_job_comes_back(head, finished):
    """The log is followed, all trials and the report are here, and no shell has run what a name holds."""
    folder, out, _, done = finished
    assert "4/4 trials" in done.stdout
    assert "Mean test accuracy so far" not in done.stdout  # a pipe gets a line, a terminal the whole leaderboard
    assert "regfleet-results" not in done.stdout
    assert "regfleet-code" not in done.stdout  # the command as the job's shell got it
    assert len(regfleet.load(out).trials) == 4
    assert "</html>" in (out / "report.html").read_text()
    assert not list(head.home.rglob("pwned"))
    assert list(folder.iterdir()) == []


def test_a_terminal_shows_the_leaderboard_of_a_job(head, finished):
    """Progress and leaderboard are drawn and taken away again, and what the study says at its end stands."""
    folder, _, _, done = finished
    name = re.search(r"(regfleet-[0-9a-f]{12}) started", done.stderr)[1]
    command = shlex.join(head.command("jobs", name, "--address", "{url}"))
    shown = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=folder,
        env=head.environment(folder) | {"TERM": "xterm", "COLUMNS": "100"},
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    shutil.rmtree(folder / "reports")
    *_, after = shown.rpartition(b"Mean test accuracy so far")
    table, _, after = after.partition(b"\r\x1b[2K")  # erases a line
    assert re.search(rb"No regularization +2/2 +\d\d\.\d%", table)
    assert b"accuracy on 36 test rows" in after


def test_a_driver_that_joins_a_cluster_says_where_its_dashboard_is(head, finished):
    """Whoever follows the study can look at the cluster in a browser."""
    assert f"note: Ray's dashboard: {head.url} on the head" in finished[-1].stdout


def test_the_token_stays_out_of_what_is_written(head, finished):
    """Neither the log nor a file of the results holds the cluster's token."""
    _, out, _, done = finished
    assert head.token not in done.stdout + done.stderr
    assert head.token.encode() not in everything(out)


def test_the_same_again_trains_nothing(head, finished):
    """The trials that are here go along, so that the job has nothing to do, and they come back unchanged."""
    folder, out, command, _ = finished
    before = {part.name: part.read_bytes() for part in out.glob("*/*.parquet")}
    done = head.run("submit", "--address", "{url}", "--", *command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting workers" not in done.stdout
    assert {part.name: part.read_bytes() for part in out.glob("*/*.parquet")} == before


def test_a_job_is_started_once_followed_and_stopped(head, wire, tmp_path):
    """The same again attaches; Ctrl-C and a cut wire leave the job; a stopped one hands back what it has."""
    submit = ["submit", "--address", "{url}"]
    detached = head.run(*submit, "--detach", "--", *LONG, cwd=tmp_path)
    assert detached.returncode == 0, detached.stderr
    name = re.search(r"(regfleet-[0-9a-f]{12}) started", detached.stderr)[1]
    assert f"regfleet jobs {name} --address {head.url} --out reports/iris" in detached.stderr
    assert f"regfleet stop {name} --address {head.url}" in detached.stderr

    with head.running(*submit, "--", *LONG, cwd=tmp_path) as followed:
        followed.send_signal(signal.SIGINT)
        _, said = followed.communicate(timeout=20)
    assert followed.returncode == 3
    assert f"{name} runs already: following it" in said
    assert f"no longer following {name}, which goes on" in said

    with head.running("jobs", name, "--address", wire.url, cwd=tmp_path) as followed:
        wire.cut()
        _, said = followed.communicate(timeout=20)
    assert followed.returncode == 3
    assert "the connection to the cluster was lost" in said
    assert f"regfleet jobs {name}" in said
    listed = head.run("jobs", "--address", "{url}", cwd=tmp_path).stdout
    assert re.search(rf"{name}\W+running", listed), listed

    stopped = head.run("stop", name, "--address", "{url}", cwd=tmp_path)
    assert (stopped.returncode, f"{name} is stopping" in stopped.stderr) == (0, True), stopped.stderr
    fetched = head.run("jobs", name, "--address", "{url}", "--out", "reports/iris", cwd=tmp_path)
    assert fetched.returncode == 3, fetched.stderr
    kept = int(re.search(r"interrupted: (\d+) of 40000 trials are kept", fetched.stdout)[1])
    assert len(regfleet.load(tmp_path / "reports" / "iris").trials) == kept > 0
    assert "had ended before" in head.run("stop", name, "--address", "{url}", cwd=tmp_path).stderr

    again = head.run(*submit, "--detach", "--id", name, "--", *LONG, cwd=tmp_path).stderr
    assert f"{name} has ended" in again
    assert f"{name}-2 started" in again
    assert head.run("stop", f"{name}-2", "--address", "{url}", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "expected a token; got none"), ("wrong" * 8, "expected another token; got one it refuses")],
)
def test_without_the_token_nobody_gets_in(head, tmp_path, token, words):
    """No token and a wrong one end at once, in one line that says where the token belongs."""
    done = head.run("submit", "--address", "{url}", "--", "compare", cwd=tmp_path, token=token)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert words in done.stderr
    assert "RAY_AUTH_TOKEN" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "--address", "http://127.0.0.1:1"], "answers within 5 s; got http://127.0.0.1:1"),
        (["jobs", "--address", "ray://127.0.0.1:10001"], "as Ray Client loses the study"),
        (["jobs", "--address", "{url}", "nobody"], "ID: expected a job of this cluster (regfleet jobs lists them)"),
        (["stop", "../../etc", "--address", "{url}"], "ID: expected a job of this cluster"),
        (["submit", "--address", "{url}", "--id", "a/b", "--", "compare"], "--id: expected letters"),
        (["submit", "--address", "{url}", "--", "analyze"], "expected compare and its flags after --; got 'analyze'"),
        (["submit", "--address", "{url}", "--", "compare", "--address", "x:1"], "got --address after it"),
        (["submit", "--address", "{url}", "--", "compare", "--no-such-flag"], "No such option: --no-such-flag"),
        (["submit", "--address", "{url}", "--", "compare", "--out=s3://key:hidden@b/c"], "got s3://***@b/c"),
    ],
)
def test_what_cannot_run_is_refused_in_a_line(head, tmp_path, arguments, words):
    """A wrong address, job, command or flag is refused before anything is uploaded."""
    done = head.run(*arguments, cwd=tmp_path)
    assert done.returncode in {2, 3}
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr
