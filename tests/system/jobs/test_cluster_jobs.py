"""Studies as jobs of a real Ray head: started once, followed, stopped, and their reports brought back."""

import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from support.processes import environment

import regfleet

pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning")  # Ray's client
ONE = ["--references", "no", "--workers", "1", "-t", "l2"]  # a second one only imports TensorFlow once more
SMALL = [*ONE, "--model", "8", "--epochs", "2", "--seeds", "2"]
LONG = ["compare", *ONE, "--model", "64", "--epochs", "1000", "--seeds", "20000"]
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
    command = shlex.join([sys.executable, *head.words("jobs", name, "--address", "{url}")])
    shown = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=folder,
        env=environment(TERM="xterm", COLUMNS="100", **head.variables(folder)),
        capture_output=True,
        check=True,
    ).stdout
    shutil.rmtree(folder / "reports")
    *_, after = shown.rpartition(b"Mean test accuracy so far")
    table, _, after = after.partition(b"\r\x1b[2K")  # erases a line
    assert re.search(rb"No regularization +2/2 +\d\d\.\d\xe2\x80\xaf%", table)
    assert b"accuracy on 36 test rows" in after


def test_a_driver_that_joins_a_cluster_says_where_its_dashboard_is(head, finished):
    """Whoever follows the study can look at the cluster in a browser."""
    assert f"note: Ray's dashboard: {head.url} on the head" in finished[-1].stdout


def test_the_token_stays_out_of_what_is_written(head, finished):
    """Neither the log nor a file of the results holds the cluster's token."""
    _, out, _, done = finished
    assert head.token not in done.stdout + done.stderr
    assert head.token.encode() not in everything(out)


def test_the_same_again_trains_nothing(at_head, finished):
    """The trials that are here go along, so that the job has nothing to do, and they come back unchanged."""
    _, out, command, _ = finished
    before = {part.name: part.read_bytes() for part in out.glob("*/*.parquet")}
    code, said, err = at_head("submit", "--address", "{url}", "--", *command)
    assert code == 0, said + err
    assert "starting workers" not in said
    assert {part.name: part.read_bytes() for part in out.glob("*/*.parquet")} == before


def test_a_job_is_started_once_followed_and_stopped(head, at_head, wire, tmp_path):
    """The same again attaches; Ctrl-C and a cut wire leave the job; a stopped one hands back what it has."""
    submit = ["submit", "--address", "{url}"]
    code, _, detached = at_head(*submit, "--detach", "--", *LONG)
    assert code == 0, detached
    name = re.search(r"(regfleet-[0-9a-f]{12}) started", detached)[1]
    assert f"regfleet jobs {name} --address {head.url} --out reports/iris" in detached
    assert f"regfleet stop {name} --address {head.url}" in detached

    with head.running(*submit, "--", *LONG, cwd=tmp_path) as followed:
        followed.send_signal(signal.SIGINT)
        _, said = followed.communicate()
    assert followed.returncode == 3
    assert f"{name} runs already: following it" in said
    assert f"no longer following {name}, which goes on" in said

    with head.running("jobs", name, "--address", wire.url, cwd=tmp_path) as followed:
        wire.cut()
        _, said = followed.communicate()
    assert followed.returncode == 3
    assert "the connection to the cluster was lost" in said
    assert f"regfleet jobs {name}" in said
    listed = at_head("jobs", "--address", "{url}")[1]
    assert re.search(rf"{name}\W+running", listed), listed

    code, _, said = at_head("stop", name, "--address", "{url}")
    assert (code, f"{name} is stopping" in said) == (0, True), said
    code, fetched, said = at_head("jobs", name, "--address", "{url}", "--out", "reports/iris")
    assert code == 3, said
    kept = int(re.search(r"interrupted: (\d+) of 40000 trials are kept", fetched)[1])
    assert len(regfleet.load(tmp_path / "reports" / "iris").trials) == kept > 0
    assert "had ended before" in at_head("stop", name, "--address", "{url}")[2]

    again = at_head(*submit, "--detach", "--id", name, "--", *LONG)[2]
    assert f"{name} has ended" in again
    assert f"{name}-2 started" in again
    assert at_head("stop", f"{name}-2", "--address", "{url}")[0] == 0


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
        (["jobs", "--address", "{url}", "nobody"], "ID: expected a job of this cluster (regfleet jobs lists them)"),
        (["stop", "../../etc", "--address", "{url}"], "ID: expected a job of this cluster"),
        (["submit", "--address", "{url}", "--id", "a/b", "--", "compare"], "--id: expected letters"),
    ],
)
def test_what_is_no_job_is_refused_in_a_line(at_head, arguments, words):
    """An unknown name, and one that cannot be a name."""
    code, out, err = at_head(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
