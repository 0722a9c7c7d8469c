"""`regfleet analyze` on what the other tools write themselves, each run here.

Needs optuna, keras-tuner, benchopt, mlflow, pytest-benchmark and ray[tune], which nothing else does.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import regfleet
from regfleet.errors import InputError

pytestmark = pytest.mark.filterwarnings("default")  # the tools warn of what they use
SEEDS = 6
SCORES = {
    name: (mean + np.random.default_rng(place).normal(0, 0.01, SEEDS)).tolist()
    for place, (name, mean) in enumerate({"sgd": 0.80, "adam": 0.85}.items())
}
"""Accuracies that every tool is given; the last of sgd is lost."""


@pytest.fixture(autouse=True)
def _apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def expected():
    """The mean difference of adam and sgd over the seeds that both finished, and its interval, by scipy."""
    difference = np.subtract(SCORES["adam"], SCORES["sgd"])[:-1]
    low, high = stats.t.interval(0.95, len(difference) - 1, np.mean(difference), stats.sem(difference))
    return np.mean(difference), low, high


def assert_judged(found, *words):
    """The two optimizers are told apart as scipy does, one run of sgd is lost, and the words are said."""
    (data,) = found.summary.datasets
    rows = {row.name: row for row in data.variants}
    assert set(rows) == {"sgd", "adam"}
    one = rows["adam"].comparison
    assert (one.difference.mean, one.difference.low, one.difference.high) == pytest.approx(expected())
    assert (one.verdict, rows["sgd"].failed + rows["sgd"].diverged, len(one.seeds)) == ("better", 1, SEEDS - 1)
    said = " ".join(found.facts.read)
    assert [word for word in words if word not in said] == []


@pytest.fixture
def optuna():
    """Optuna, quiet."""
    found = pytest.importorskip("optuna", exc_type=ImportError)
    found.logging.set_verbosity(found.logging.ERROR)
    return found


def searched(optuna, storage, lose):
    """A grid of optimizers and seeds."""

    def objective(trial):
        name, seed = trial.suggest_categorical("optimizer", ["sgd", "adam"]), trial.suggest_int("seed", 0, SEEDS - 1)
        if (name, seed) == ("sgd", SEEDS - 1):
            raise lose
        trial.set_user_attr("took", 0.5 * trial.number)
        return SCORES[name][seed]

    grid = {"optimizer": ["sgd", "adam"], "seed": range(SEEDS)}
    study = optuna.create_study(
        study_name="opt", storage=storage, direction="maximize", sampler=optuna.samplers.GridSampler(grid, seed=0)
    )
    study.optimize(objective, catch=(ValueError,))
    study.enqueue_trial({"optimizer": "sgd", "seed": 0})
    return study


def test_optuna(optuna, tmp_path):
    """A database, a journal, and the table of either say the same; a pruned and a failed trial are both lost."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    places = {"study.db": "sqlite:///study.db", "study.log": JournalStorage(JournalFileBackend("study.log"))}
    for name, storage in places.items():
        lose = optuna.TrialPruned() if name == "study.db" else ValueError("lost")
        study = searched(optuna, storage, lose)
        words = (
            "Read as Optuna's: 13 trials of 'opt'",
            "Left out: 1 waiting",
            "value, of which more is better, as Optuna",
        )
        before = (tmp_path / name).read_bytes()
        assert_judged(regfleet.analyze(name, "sgd"), *words)
        assert (tmp_path / name).read_bytes() == before
        assert_judged(regfleet.analyze(study, "sgd"), *words)
        study.trials_dataframe().to_csv("trials.csv")
        assert_judged(regfleet.analyze("trials.csv", "sgd", higher_is_better=True), "as you said")
        assert_judged(regfleet.analyze(study.trials_dataframe(), "sgd", higher_is_better=True))
        with pytest.raises(InputError, match="--higher-is-better: expected yes or no for 'value'"):
            regfleet.analyze("trials.csv")


def test_optunas_search_without_repeats_is_refused_with_advice(optuna):
    """Thirty learning rates, each tried once, and two objectives of which nothing says which decides."""
    study = optuna.create_study(storage="sqlite:///tpe.db")
    study.optimize(lambda trial: (trial.suggest_float("lr", 1e-4, 1, log=True) - 0.1) ** 2, n_trials=30)
    with pytest.raises(
        InputError, match=r"got 30 settings of lr, each run once: run each setting .* with several seeds"
    ):
        regfleet.analyze("tpe.db")
    study = optuna.create_study(storage="sqlite:///two.db", directions=["maximize", "minimize"])
    study.set_metric_names(["accuracy", "cost"])
    for name, scores in SCORES.items():
        for seed, score in enumerate(scores):
            study.enqueue_trial({"optimizer": name, "seed": seed}, user_attrs={"score": score})

    def objective(trial):
        trial.suggest_int("seed", 0, SEEDS - 1)
        trial.suggest_categorical("optimizer", ["sgd", "adam"])
        return trial.user_attrs["score"], 1.0

    study.optimize(objective, n_trials=2 * SEEDS)
    found = regfleet.analyze("two.db", "sgd", metric="accuracy")
    assert found.summary.datasets[0].variants[0].name == "adam"
    assert found.summary.metric.percent


@pytest.fixture
def grid(tmp_path):
    """A ResultGrid of Ray Tune, whose experiment lies in runs/exp."""
    import ray

    tune = pytest.importorskip("ray.tune", exc_type=ImportError)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    scores, last = SCORES, SEEDS - 1

    def trainable(config):
        name, seed = config["model"]["optimizer"], config["seed"]
        for step in range(2):
            if (name, seed, step) == ("sgd", last, 1):
                raise ValueError("lost")
            tune.report({"val_accuracy": scores[name][seed] - 0.1 * (1 - step), "loss": 1.0})

    space = {"model": {"optimizer": tune.grid_search(["sgd", "adam"])}, "seed": tune.grid_search([*range(SEEDS)])}
    tuner = tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(metric="val_accuracy", mode="max"),
        run_config=tune.RunConfig(name="exp", storage_path=str(tmp_path / "runs"), verbose=0),
    )
    try:
        yield tuner.fit()
    finally:
        ray.shutdown()


def test_ray_tune(grid):
    """A ResultGrid knows its metric; its folder has a name for it; each by the last result of a trial."""
    assert_judged(regfleet.analyze(grid, "sgd"), "val_accuracy, of which more is better, as Ray Tune has it")
    words = ("Read as Ray Tune's: 12 trials", "Compared: the values of model/optimizer", "as its name says")
    assert_judged(regfleet.analyze("runs/exp", "sgd"), *words)
    grid.get_dataframe().to_csv("grid.csv")
    found = regfleet.analyze("grid.csv", "sgd")
    assert "does not say which trials failed" in " ".join(found.facts.read)
    assert {row.name for row in found.summary.datasets[0].variants} == {"sgd", "adam"}


def test_keras_tuner():
    """The folder of a project, whose objective is found by its values."""
    tuner = pytest.importorskip("keras_tuner", exc_type=ImportError)

    class Given(tuner.GridSearch):
        def run_trial(self, trial, *_args, **_kwargs):
            values = trial.hyperparameters
            name, seed = values.Choice("optimizer", ["sgd", "adam"]), values.Int("seed", 0, SEEDS - 1)
            if (name, seed) == ("sgd", SEEDS - 1):
                raise tuner.errors.FailedTrialError("lost")
            return {"loss": 1.0, "accuracy": 0.9, "val_accuracy": SCORES[name][seed]}

    space = tuner.HyperParameters()
    space.Choice("optimizer", ["sgd", "adam"])
    space.Int("seed", 0, SEEDS - 1)
    search = Given(
        hypermodel=lambda _: None,
        objective="val_accuracy",
        hyperparameters=space,
        max_trials=2 * SEEDS,
        directory="tuned",
        project_name="opt",
    )
    search.search(verbose=0)
    words = ("Read as KerasTuner's: 12 trials of opt", "val_accuracy, of which more is better, as KerasTuner has it")
    assert_judged(regfleet.analyze("tuned/opt", "sgd"), *words)
    assert_judged(regfleet.analyze("tuned", "sgd"), *words)


@pytest.mark.parametrize("where", ["sqlite:///runs.db", "mlruns"])
def test_mlflow(where, monkeypatch, tmp_path, request):
    """A database and a folder, with a parent run, a failed one and a deleted one, and the tables of both."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
    request.addfinalizer(partial(mlflow.set_tracking_uri, None))  # which holds for the whole process
    mlflow.set_tracking_uri(where if "sqlite" in where else (tmp_path / where).as_uri())
    experiment = mlflow.create_experiment("opt")
    with mlflow.start_run(experiment_id=experiment, run_name="all"):
        for name, scores in SCORES.items():
            for seed, score in enumerate(scores):
                state = "FAILED" if (name, seed) == ("sgd", SEEDS - 1) else "FINISHED"
                mlflow.start_run(experiment_id=experiment, run_name=f"{name}-{seed}", nested=True)
                mlflow.log_params({"optimizer": name, "seed": seed, "lr": 0.1})
                mlflow.log_metric("val_accuracy", score - 0.1, step=0)
                mlflow.log_metric("val_accuracy", score, step=1)
                mlflow.log_metric("loss", 1.0)
                mlflow.end_run(state)
    with mlflow.start_run(experiment_id=experiment) as gone:
        mlflow.log_params({"optimizer": "adam", "seed": 0})
    mlflow.delete_run(gone.info.run_id)
    words = ("Read as MLflow's: 14 runs", "1 deleted, 1 with other runs in it", "val_accuracy, of which more is better")
    assert_judged(regfleet.analyze(where.removeprefix("sqlite:///"), "sgd"), *words)
    table = mlflow.search_runs([experiment])
    table.to_csv("runs.csv", index=False)
    for source in ("runs.csv", table):
        assert_judged(regfleet.analyze(source, "sgd"), "Read as MLflow's: 13 runs")


def test_benchopt(tmp_path):
    """The Parquet file of a benchmark that benchopt ran, on two data sets, by the last point of each curve."""
    pytest.importorskip("benchopt", exc_type=ImportError)
    home = tmp_path / "bench"
    for folder in ("solvers", "datasets"):
        (home / folder).mkdir(parents=True)
    (home / "objective.py").write_text(
        "from benchopt import BaseObjective\n"
        "class Objective(BaseObjective):\n"
        "    name = 'opt'\n"
        "    def set_data(self, shift): self.shift = shift\n"
        "    def get_one_result(self): return dict(value=0.0)\n"
        "    def evaluate_result(self, value): return dict(value=value + self.shift, other=1.0)\n"
        "    def get_objective(self): return dict(shift=self.shift)\n"
    )
    for name, shift in {"one": 0.0, "two": 1.0}.items():
        (home / "datasets" / f"{name}.py").write_text(
            "from benchopt import BaseDataset\n"
            "class Dataset(BaseDataset):\n"
            f"    name = '{name}'\n"
            f"    def get_data(self): return dict(shift={shift})\n"
        )
    for name, scores in SCORES.items():
        (home / "solvers" / f"{name}.py").write_text(
            "from benchopt import BaseSolver\n"
            "class Solver(BaseSolver):\n"
            f"    name = '{name}'\n"
            "    sampling_strategy = 'run_once'\n"
            "    def set_objective(self, shift): pass\n"
            f"    def run(self, _): self.value = {[1 - one for one in scores]}[self._objective._repetition]\n"
            "    def get_result(self): return dict(value=self.value)\n"
        )
    command = ["-m", "benchopt", "run", "bench", "-r", str(SEEDS), "--no-plot", "--no-cache", "--output", "found"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for place in (home / "outputs" / "found.parquet", home):
        found = regfleet.analyze(place, "sgd")
        rows = found.trials[found.trials["variant"] == "adam"].sort_values(["dataset", "seed"])
        assert rows["last_test_objective_value"].tolist() == pytest.approx(
            [1 - one for one in SCORES["adam"]] + [2 - one for one in SCORES["adam"]]
        )
        assert [data.dataset for data in found.summary.datasets] == ["one", "two"]
        assert "objective_value, of which less is better, as benchopt has it" in " ".join(found.facts.read)


def test_pytest_benchmark(tmp_path):
    """Rounds of one run with their times, refused without them; several runs in a folder, by their medians."""
    pytest.importorskip("pytest_benchmark", exc_type=ImportError)
    (tmp_path / "test_speed.py").write_text(
        "import pytest, time\n"
        "@pytest.mark.parametrize('size', [1, 30])\n"
        "def test_wait(benchmark, size):\n"
        "    benchmark.pedantic(time.sleep, args=(size / 10_000,), rounds=8)\n"
    )
    base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_speed.py"]
    for flags in (["--benchmark-json=with.json", "--benchmark-save-data"], *[["--benchmark-autosave"]] * 5):
        done = subprocess.run([*base, *flags], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    found = regfleet.analyze("with.json")
    means = {row.name: row.score.mean for row in found.summary.datasets[0].variants}
    stated = {one["name"]: one["stats"]["mean"] for one in json.loads(Path("with.json").read_text())["benchmarks"]}
    assert means == pytest.approx(stated)
    (saved, *_) = sorted(Path(".benchmarks").glob("*/*.json"))
    with pytest.raises(InputError, match=r"expected the times of the rounds, .* --benchmark-save-data"):
        regfleet.analyze(saved)
    found = regfleet.analyze(".benchmarks")
    (data,) = found.summary.datasets
    assert [row.name for row in data.variants] == ["test_wait[1]", "test_wait[30]"]
    assert data.variants[1].comparison.verdict == "worse"
    assert "5 runs of pytest" in " ".join(found.facts.read)
