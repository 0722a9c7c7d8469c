"""The commands and the Python of the documents, as they stand there."""

import re
import shlex
import shutil
from functools import partial

import numpy as np
import pytest
import typer
from support import ROOT
from support.outcomes import plausible

import regfleet
from regfleet.running import run as running

PAGES = (path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts)  # which copies the others
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES, *(ROOT / "examples").glob("*.md")])
INSTALLS, CHECKS = "sets up a machine: .ci/run does", "checks the code and runs the tests: .ci/run does"
DOCS = "makes the documentation site: tests/slow/test_site.py does"
CLUSTER = "needs a cluster: tests/system/fleet and tests/system/jobs have their own"
TOOLS = "reads what other tools wrote: tests/slow/test_readers.py has them write it"
TRACKER = "needs a tracker: tests/slow/test_trackers.py has them all"
NOT_RUN = {
    "{ which chromium faketime || { apt-get update && apt-get install -y chromium faketime; }; } "
    "&& python -m pip install -e '.[test]' -c constraints.txt && python -m pytest tests/unit tests/system": INSTALLS,
    "python3 -m venv .venv && . .venv/bin/activate && python -m pip install -e '.[dev]' -c constraints.txt": INSTALLS,
    "python -m pip install . -c constraints.txt": INSTALLS,
    "ruff check --fix . && ruff format .": CHECKS,
    "mypy && lint-imports": CHECKS,
    "python -m pytest --durations=20": CHECKS,
    "bash .ci/run": CHECKS,
    "python docs/pages.py": DOCS,
    "python docs/notebooks/execute.py": DOCS,
    "python -m sphinx -W --keep-going docs build/docs": DOCS,
    "python -m pytest tests/slow/test_site.py -n0": DOCS,
    "regfleet compare ... --address HOST:6379 --out s3://bucket/study": CLUSTER,
    "regfleet submit --address http://HOST:8265 -- compare ...": CLUSTER,
    "regfleet status s3://bucket/study": CLUSTER,
    "regfleet doctor --address HOST:6379": CLUSTER,
    "regfleet analyze study.db": TOOLS,
    "regfleet analyze ~/ray_results/my_experiment": TOOLS,
    "regfleet analyze tuner_dir/my_project": TOOLS,
    "regfleet analyze mlruns": TOOLS,
    "pip install 'regfleet[mlflow]'": TRACKER,
    "regfleet compare study.toml --log mlflow": TRACKER,
    "ray get-auth-token --generate > /dev/null && chmod 600 ~/.ray/auth_token": CLUSTER,
    "RAY_AUTH_MODE=token ray start --head --port=6379 --dashboard-host=127.0.0.1 --disable-usage-stats": CLUSTER,
    "RAY_AUTH_MODE=token ray start --address=HEAD:6379": CLUSTER,
    "regfleet submit --address http://HEAD:8265 -- compare churn.csv --target churned --seeds 10": CLUSTER,
    "regfleet jobs --address http://HEAD:8265": CLUSTER,
    "regfleet jobs ID --address http://HEAD:8265 --out DIR": CLUSTER,
    "regfleet stop ID --address http://HEAD:8265": CLUSTER,
}
"""Lines of the documents that are not run here, and why."""
RUN_ANYWHERE = ["--epochs", "1", "--in-process"]
"""What `regfleet compare` gets besides, so that this takes seconds."""


def blocks_of(document, *languages):
    """The fenced blocks of a document in these languages."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    return [block for language, block in fenced if language in languages]


def lines_of(document):
    """The shell lines of a document without their comments; the first one of README's is two commands."""
    lines = [re.sub(r"\s+# .*", "", line) for block in blocks_of(document, "sh", "") for line in block.splitlines()]
    return [part for line in lines for part in ([line] if line in NOT_RUN else line.split(" && "))]


SHELL = {path: lines_of(path) for path in DOCUMENTS if path.name != "ARCHITECTURE.md"}  # which draws the data's flow


def test_what_is_not_run_stands_in_the_documents():
    """No reason outlives its line."""
    assert set(NOT_RUN) <= {line for lines in SHELL.values() for line in lines}


@pytest.fixture
def folder(tmp_path):
    """A working directory with a table, and a module that builds a model."""
    shutil.copy(ROOT / "examples" / "customers.csv", tmp_path)
    shutil.copy(ROOT / "examples" / "digits_cnn.py", tmp_path / "mymodels.py")
    return tmp_path


def pretend(chunk, _dataset):
    """Finish every trial untrained."""
    return tuple(plausible(trial, epochs=chunk.variant.training.epochs) for trial in chunk.trials)


def test_every_other_line_runs(command, folder, monkeypatch):
    """One after the other in one folder, in this process; ``...`` stands for what the line before has there.

    The first study is trained, README's; of the others all but that is real: tests/slow/test_site.py trains them.
    """
    monkeypatch.syspath_prepend(str(folder))
    opened, true_run = [], running.run
    monkeypatch.setattr(typer, "launch", opened.append)
    before = []
    for line in [line for lines in SHELL.values() for line in lines if line not in NOT_RUN]:
        program, *words = shlex.split(line)
        assert program == "regfleet", line
        if "..." in words:
            place = words.index("...")
            assert before[:place] == words[:place], line
            words[place : place + 1] = before[place:]
        before = words
        trains = words[0] == "compare" and "--dry-run" not in words
        code, out, err = command(*words, *(RUN_ANYWHERE if trains else []))
        assert code == 0, f"{line}\n{out}{err}"
        if trains:
            monkeypatch.setattr(running, "run", partial(true_run, work=pretend))
    assert len(opened) == 1
    assert {path.name for path in (folder / "reports").iterdir()} == {"iris", "mine", "customers"}


def build(input_shape, outputs):
    """A model for the example in Python."""
    import keras

    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(8, "relu"), keras.layers.Dense(outputs, "softmax")]
    )


def test_the_python_of_its_page_runs(command, folder, monkeypatch):
    """Each block runs by itself, given the data, the model and the results that it speaks of."""
    assert command("compare", "--seeds", "2", "--model", "8", "-t", "l2", *RUN_ANYWHERE)[0] == 0
    monkeypatch.setattr(regfleet, "compare", partial(regfleet.compare, epochs=1, in_process=True, progress=False))
    draw = np.random.default_rng(0)
    x = draw.normal(size=(100, 3))
    trials = []
    for block in blocks_of(ROOT / "docs" / "python.md", "python"):
        names = {"X": x, "y": np.where(x[:, 0] > 0, "up", "down"), "build": build}
        exec(compile(block, "python.md", "exec"), names)
        trials.append(len(names["results"].trials))
    assert trials == [3 * 10, 2 * 2]
    assert (folder / "reports" / "iris").exists()
