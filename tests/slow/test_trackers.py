"""Trackers, as their own packages read what was logged. Needs the extras tensorboard, mlflow, wandb and aim."""

import json
import math
import os
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.outcomes import plausible, pretended

from regfleet.results import load
from regfleet.running.run import run
from regfleet.running.train import Watch
from regfleet.settings import read_study
from regfleet.trials import Outcome

pytestmark = pytest.mark.filterwarnings("ignore")  # their packages warn of each other
VARIANTS = [{"technique": one} for one in ("none", "l2(0.01)", "l1(0.1)+dropout(0.3)")]
NAMES = ("tensorboard", "mlflow", "wandb", "aim")
HISTORY = ("loss", "train_cross_entropy", "val_accuracy")
COMPARE = shlex.split("compare --seeds 2 --epochs 3 -t none -t l2 --model 4 --in-process --out out --references no")
SCORES = ("last_test_accuracy", "best_val_cross_entropy", "epochs_run", "seconds")


class Notes(Watch):
    """Keeps what the user is told."""

    def __init__(self):
        self.told = []

    def note(self, text):
        """Keep it."""
        self.told.append(text)


def pretend(chunk, _dataset, **_):
    """Finish every trial: seed 1 of L2 diverges, and seed 2 of the last variant fails."""
    found = []
    for trial in chunk.trials:
        outcome = plausible(trial, epochs=5, seconds=30.0)
        if (trial.variant[:2], trial.seed) == ("l2", 1):
            outcome = pretended(trial, None, epochs=3)
        elif (trial.variant[:2], trial.seed) == ("l1", 2) and not os.environ.get("MENDED"):
            outcome = Outcome(trial, "failed", "fused", error="ValueError: token=s3cret", traceback="…")
        else:
            for number, name in enumerate(sorted(outcome.history)):
                outcome.history[name][:] = np.arange(5) / 8 + number + trial.seed
        found.append(outcome)
    return tuple(found)


def logged(out, *names, seeds=(0, 1, 2), work=pretend):
    """Run the study; its results, and what the user was told of trackers."""
    notes = Notes()
    fields = {"seeds": list(seeds), "training": {"epochs": 5}, "variant": VARIANTS, "references": "no"}
    done = run(
        read_study(fields), out, in_process=True, work=work, watch=notes, trackers=names, command="regfleet compare …"
    )
    own = tuple(f"{name}: " for name in NAMES)
    return done, [text for text in notes.told if text.startswith(own) and "still to be logged" not in text]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working folder in which each tracker keeps its own, offline; results go to ``out``."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    if "wandb" in sys.modules:  # which reads its variables once in a process
        sys.modules["wandb"].teardown()
    return tmp_path


def read_tensorboard():
    """By key: settings, history, scores and status; then the study's own."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    multiplexer = EventMultiplexer().AddRunsFromDirectory("out/tensorboard").Reload()
    trials, study = {}, None
    for name in multiplexer.Runs():
        found = multiplexer.GetAccumulator(name)
        content = {tag: data.plugin_data.content for tag, data in found.summary_metadata.items()}
        tensors = {tag: found.Tensors(tag)[0].tensor_proto.string_val for tag in found.Tags()["tensors"]}
        if name == ".":
            experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
            texts = {tag: values[0].decode() for tag, values in tensors.items() if values}
            study = SimpleNamespace(name=experiment.name, texts=texts["report"], report=Path("out/report.html"))
            continue
        start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
        settings = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
        scalars = {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
        end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
        trials[start.group_name] = (
            settings,
            scalars,
            {tag: rows[-1][1] for tag, rows in scalars.items()},
            end.status == 2,
        )
    return trials, [study]


def read_mlflow():
    """The same of MLflow."""
    import mlflow

    client = mlflow.MlflowClient()
    runs = client.search_runs(["0"])
    parents = [one for one in runs if "mlflow.parentRunId" not in one.data.tags]
    trials = {}
    for one in runs:
        if one in parents:
            continue
        assert one.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        history = {
            name: [(row.step, row.value) for row in client.get_metric_history(one.info.run_id, name)]
            for name in one.data.metrics
        }
        key = one.data.tags["regfleet.trial"]
        assert key not in trials
        trials[key] = (one.data.params, history, one.data.metrics, one.info.status != "FINISHED")
    studies = []
    for one in parents:
        file = Path(client.download_artifacts(one.info.run_id, "report.html"))
        studies.append(SimpleNamespace(name=one.info.run_name, texts=one.data.tags["mlflow.note.content"], report=file))
    return trials, studies


def wandb_records(file):
    """The records of a run's log: blocks of 32 kB, each record in parts behind a sum, a length and a kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, record = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield Record.FromString(record)
            record = b""


def read_wandb():
    """The same of W&B's files."""
    trials, studies = {}, {}
    for file in sorted(Path("wandb").glob("offline-run-*/*.wandb")):
        history, summary, failed, report, ours = {}, {}, None, None, None
        for record in wandb_records(file):
            if record.HasField("run"):
                ours = record.run
            for item in record.history.item:
                key = item.key or "/".join(item.nested_key)
                history.setdefault(key, []).append((record.history.step.num, json.loads(item.value_json)))
            for item in [*record.summary.update]:
                summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
            if record.HasField("exit"):
                failed = record.exit.exit_code != 0
            names = [entry.path for entry in record.artifact.manifest.contents] if record.HasField("artifact") else []
            report = Path("out/report.html") if "report.html" in names else report
        if failed is None:  # as of a process that was killed
            continue
        settings = {item.key: json.loads(item.value_json) for item in ours.config.update}
        if ours.job_type == "study":
            studies[ours.run_id] = SimpleNamespace(name=ours.display_name, texts=ours.notes, report=report)
            continue
        trials[ours.run_id.partition("-")[2]] = (settings, history, summary, failed)
    return trials, [*studies.values()]


def read_aim():
    """The same of Aim, once `aim up` has made its index."""
    import aim
    from aim.sdk.index_manager import RepoIndexManager
    from aim.sdk.types import QueryReportMode

    repo = aim.Repo(str(Path.cwd()))  # by its path Aim knows managers of an index again, those of other tests too
    manager = RepoIndexManager.get_index_manager(repo)
    for name in repo.list_all_runs():
        manager.index(name)
    trials, studies = {}, []
    for found in repo.query_runs("", report_mode=QueryReportMode.DISABLED).iter_runs():
        one = found.run
        ours = one["regfleet"]
        assert not one.active
        if not ours["trial"]:
            (artifact,) = [file for file in one.artifacts.values() if file.name == "report.html"]
            file = Path(artifact.uri.removeprefix("file://"))
            studies.append(SimpleNamespace(name=one.name, texts=one.description, report=file))
            continue
        frames = {metric.name: metric.dataframe() for metric in one.metrics()}
        history = {name: [*zip(frame["step"], frame["value"], strict=True)] for name, frame in frames.items()}
        assert ours["trial"] not in trials
        trials[ours["trial"]] = (one["hparams"], history, one["metrics"], ours["status"] == "failed")
    return trials, studies


READ = {"tensorboard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb, "aim": read_aim}


def check(name, results):
    """What the tracker's own package reads is what the results hold."""
    trials, (study,) = READ[name]()
    rows = results.trials.set_index("key")
    assert trials.keys() == set(rows.index)
    assert study.name == "iris (out)"
    assert "iris" in study.texts
    assert study.report.read_bytes() == Path("out/report.html").read_bytes()
    for key, (settings, history, scores, failed) in trials.items():
        row = rows.loc[key]
        assert failed == (row["status"] == "failed")
        assert (settings["dataset"], settings["variant"]) == ("iris", row["variant"])
        assert int(settings["seed"]) == row["seed"]
        assert float(settings["learning_rate"]) == 0.01
        techniques = {"none": "none", "l2": "l2", "l1": "l1+dropout"}[row["variant"].partition("(")[0]]
        assert settings["technique"] == techniques
        assert ("strength" in settings) == (techniques == "l2")
        mine = results.histories[results.histories["key"] == key]
        for column in HISTORY:
            wanted = [(e, v) for e, v in zip(mine["epoch"], mine[column], strict=True) if math.isfinite(v)]
            assert sorted(history.get(column, [])) == wanted
        for column in SCORES:
            wanted = row[column]
            assert scores.get(column) == (pytest.approx(wanted) if math.isfinite(wanted) else None)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_holds_what_the_results_hold(monkeypatch, name):
    """After a run with a failed and a diverged trial, one with another seed that mends it, and one with none to do."""
    done, told = logged("out", name)
    assert told == []
    assert sorted(done.results.trials["status"]) == ["diverged", *["done"] * 7, "failed"]
    check(name, done.results)
    monkeypatch.setenv("MENDED", "1")
    done, told = logged("out", name, seeds=(0, 1, 2, 3))
    assert told == []
    assert len(done.results.trials) == 12
    check(name, done.results)
    before = READ[name]()[0]
    done, told = logged("out", name, seeds=(0, 1, 2, 3))
    assert told == []
    assert READ[name]()[0] == before


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", NAMES)
def test_a_finished_study_is_logged_afterwards(monkeypatch, name):
    """By the same command with ``--log``, which trains nothing."""
    monkeypatch.setenv("MENDED", "1")
    logged("out")

    def work(*_, **__):
        raise AssertionError

    done, told = logged("out", name, work=work)
    assert told == []
    check(name, done.results)


def test_all_at_once_from_the_command_line(home):
    """Real trials, four trackers, and nothing of theirs in the terminal or of the user's elsewhere."""
    words = [*COMPARE, *(word for name in NAMES for word in ("--log", name))]
    before = {path.name for path in home.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "regfleet", *words], capture_output=True, text=True, check=False, env=environment(home)
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.lower().splitlines() if "still to be logged" not in line]
    assert not [line for line in said if any(name in line for name in NAMES)], done.stderr
    assert {path.name for path in home.iterdir()} - before == {"user", "out", "mlflow.db", "mlruns", "wandb", ".aim"}
    results = load("out")
    for name in NAMES:
        assert READ[name]()[0].keys() == set(results.trials["key"])


def environment(home, **more):
    """What a command of its own sees."""
    user = home / "user"
    user.mkdir(exist_ok=True)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(user)} | more


@pytest.fixture
def deaf():
    """The URL of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


IMPATIENT = """
import sys
from dataclasses import replace
from regfleet import patience
patience.SECONDS = replace(patience.SECONDS, tracker=8.0, trackers=20.0)
from regfleet.cli import main
main()
"""


@pytest.mark.parametrize("where", ["nobody", "deaf"])
@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_server_that_does_not_answer_costs_a_note(home, deaf, name, where):
    """Whether nobody listens or nothing comes back: the study is done, the process ends, and soon."""
    url = "http://127.0.0.1:9" if where == "nobody" else deaf
    there = {"MLFLOW_TRACKING_URI": url, "WANDB_BASE_URL": url, "WANDB_API_KEY": "0" * 40, "WANDB_MODE": "online"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, *COMPARE, "--log", name],
        capture_output=True,
        text=True,
        check=False,
        env=environment(home, **there),
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "nothing more is logged" in line]
    assert line.startswith(f"note: {name}: nothing more is logged (")
    assert len(load("out").trials) == 4
    assert Path("out/report.html").exists()
    assert time.monotonic() - began < 120


def test_no_key_and_no_mode_is_said(home, monkeypatch):
    """W&B would ask at the terminal, and wait."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "none"))
    import wandb

    wandb.teardown()
    assert [text.partition(" Run")[0] for text in logged("out", "wandb")[1]] == [
        "wandb: nothing more is logged (ValueError: expected a key; got none."
    ]


def test_tensorboard_follows_no_link(home):
    """A link in the place of its folder is left alone."""
    logged("out")
    (home / "theirs").mkdir()
    Path("out/tensorboard").symlink_to(home / "theirs")
    (told,) = logged("out", "tensorboard")[1]
    assert "a symbolic link" in told
    assert not [*(home / "theirs").iterdir()]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_in_part_is_replaced(home, name):
    """A process that is killed on its way through a trial leaves none behind that is there twice, or in part."""
    words = f"""
import os
from test_trackers import logged
from regfleet.tracking.contract import TrackedTrial
count = []
true_epochs = TrackedTrial.epochs
def epochs(self):
    count.append(1)
    rows = true_epochs(self)
    if len(count) < 4:
        return rows
    def ending():
        yield rows[0]
        os._exit(9)
    return ending()
TrackedTrial.epochs = epochs
logged("out", "{name}")
"""
    done = subprocess.run(
        [sys.executable, "-c", words],
        check=False,
        capture_output=True,
        text=True,
        env=environment(home, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])),
    )
    assert done.returncode == 9, done.stderr
    done, told = logged("out", name)
    assert told == []
    check(name, done.results)
