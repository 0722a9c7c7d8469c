"""Results of other tools: what is found, what is assumed and said, and what is refused; by files of each format."""

import json
import math
import pickle
import sqlite3

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

import regfleet
from regfleet.errors import InputError
from regfleet.readers import Asked, Runs, Source, arrange, find

ADAM = [0.86, 0.84, 0.87, 0.85, 0.88, 0.86]
SGD = [0.81, 0.80, 0.83, 0.79, 0.82, 0.80]
RUNS = [(name, seed, score) for name, scores in (("sgd", SGD), ("adam", ADAM)) for seed, score in enumerate(scores)]


def optuna_database(path, *, view=False, lacking=""):
    """A study as Optuna's tables hold it: twelve trials, one of them pruned; or with a view for a table."""
    base = sqlite3.connect(path)
    tables = {
        "studies": "study_id, study_name",
        "study_directions": "study_id, direction, objective",
        "trials": "trial_id, number, study_id, state",
        "trial_params": "param_id, trial_id, param_name, param_value, distribution_json",
        "trial_values": "trial_id, objective, value, value_type",
    }
    for name, columns in tables.items():
        if name != lacking:
            base.execute(f"CREATE TABLE {name} ({columns})")
    base.execute("INSERT INTO studies VALUES (1, 'Robert''); DROP TABLE trials;--')")
    base.execute("INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 0)")
    choices = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}})
    whole = json.dumps({"name": "IntDistribution", "attributes": {"low": 0, "high": 9}})
    for number, (name, seed, score) in enumerate(RUNS):
        state = "PRUNED" if (name, seed) == ("sgd", 5) else "COMPLETE"
        base.execute("INSERT INTO trials VALUES (?, ?, 1, ?)", (number, number, state))
        params = [("optimizer", ["sgd", "adam"].index(name), choices), ("seed", float(seed), whole)]
        for place, (param, value, distribution) in enumerate(params):
            row = (2 * number + place, number, param, value, distribution)
            base.execute("INSERT INTO trial_params VALUES (?, ?, ?, ?, ?)", row)
        if lacking != "trial_values":
            base.execute("INSERT INTO trial_values VALUES (?, 0, ?, 'FINITE')", (number, score))
    if view:
        base.execute("ALTER TABLE trials RENAME TO kept")
        endless = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT i, i, 1, 'COMPLETE' FROM n"
        base.execute(f"CREATE VIEW trials (trial_id, number, study_id, state) AS {endless}")
    base.commit()
    base.close()


def optuna_journal():
    """The same as a journal, with a second study that was deleted and a last line that is not finished."""
    choices = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}})
    whole = json.dumps({"name": "IntDistribution", "attributes": {"low": 0, "high": 9}})
    lines = [
        {"op_code": 0, "study_name": "gone", "directions": [1]},
        {"op_code": 1, "study_id": 0},
        {"op_code": 0, "study_name": "kept", "directions": [2]},
    ]
    for number, (name, seed, score) in enumerate(RUNS):
        lost = (name, seed) == ("sgd", 5)
        trial = {"trial_id": number}
        lines += [
            {"op_code": 4, "study_id": 1, "datetime_start": "x"},
            trial
            | {"op_code": 5, "param_name": "optimizer", "distribution": choices}
            | {"param_value_internal": ["sgd", "adam"].index(name)},
            trial | {"op_code": 5, "param_name": "seed", "param_value_internal": float(seed), "distribution": whole},
            trial | {"op_code": 6, "state": 2 if lost else 1, "values": None if lost else [score]},
            trial | {"op_code": 6, "state": 1, "values": [0.0]},
        ]
    return "\n".join(map(json.dumps, lines)) + '\n{"op_code": 4, "stu'


def optuna_table():
    """The table of trials_dataframe()."""
    frame = pd.DataFrame(RUNS, columns=["params_optimizer", "params_seed", "value"])
    frame["state"] = ["PRUNED" if row[:2] == ("sgd", 5) else "COMPLETE" for row in RUNS]
    return frame.assign(number=range(12), datetime_start="2026-01-01").to_csv()


def ray_folder(path):
    """An experiment: a lost trial has a first result and error.txt."""
    for number, (name, seed, score) in enumerate(RUNS):
        folder = path / f"trainable_{number:05}_{name}"
        folder.mkdir(parents=True)
        (folder / "params.json").write_text(json.dumps({"opt": {"name": name}, "seed": seed}))
        beside = {"training_iteration": 1, "time_total_s": 0.1, "pid": 7, "loss": 1.0, "config": {}}
        first, last = ({"val_accuracy": one} | beside for one in (0.1, score))
        lost = (name, seed) == ("sgd", 5)
        (folder / "result.json").write_text(json.dumps(first) + "\n" + ("" if lost else json.dumps(last) + "\n"))
        if lost:
            (folder / "error.txt").write_text("x")
    (path / "experiment_state-1.json").write_text("{}")


def keras_tuner_folder(path):
    """A project in its folder."""
    for number, (name, seed, score) in enumerate(RUNS):
        folder = path / "project" / f"trial_{number:02}"
        folder.mkdir(parents=True)
        lost = (name, seed) == ("sgd", 5)
        history = {"direction": "max", "observations": [{"value": [0.1], "step": 0}, {"value": [score], "step": 3}]}
        other = {"direction": "min", "observations": [{"value": [0.5], "step": 3}]}
        trial = {
            "trial_id": f"{number:02}",
            "hyperparameters": {"space": [], "values": {"optimizer": name, "seed": seed, "tuner/trial_id": number}},
            "metrics": {"metrics": {} if lost else {"loss": other, "val_accuracy": history}},
            "score": None if lost else score,
            "best_step": 3,
            "status": "FAILED" if lost else "COMPLETED",
        }
        (folder / "trial.json").write_text(json.dumps(trial))


def mlflow_folder(path):
    """A folder mlruns with one experiment, its metrics out of order."""
    for number, (name, seed, score) in enumerate(RUNS):
        folder = path / "mlruns" / "1" / f"run{number:02}"
        for part in ("params", "metrics", "tags"):
            (folder / part).mkdir(parents=True)
        status = 4 if (name, seed) == ("sgd", 5) else 3
        meta = f"experiment_id: '1'\nlifecycle_stage: active\nrun_id: run{number:02}\nstart_time: {number}\n"
        (folder / "meta.yaml").write_text(meta + f"run_name: a\nstatus: {status}\ntags: []\n")
        (folder / "params" / "optimizer").write_text(name)
        (folder / "params" / "seed").write_text(str(seed))
        (folder / "metrics" / "val_accuracy").write_text(f"1 0.1 0\n3 {score} 2\n2 0.2 1\n")
    (path / "mlruns" / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: opt\n")


def wandb_table():
    """The table of a project, with a loss of which nothing is known."""
    frame = pd.DataFrame(RUNS, columns=["optimizer", "seed", "val_accuracy"])
    state = ["crashed" if row[:2] == ("sgd", 5) else "finished" for row in RUNS]
    frame = frame.assign(
        Name=[f"sun-{place}" for place in range(12)], State=state, Runtime=3, loss=np.linspace(1, 2, 12)
    )
    return frame.to_csv(index=False)


def mlflow_page():
    """The table that the page of an experiment gives."""
    books = ["Start Time", "Duration", "Run ID", "Name", "Source Type", "Source Name", "User", "Status"]
    rows = [
        [*["x"] * 7, "FAILED" if (name, seed) == ("sgd", 5) else "FINISHED", name, seed, 0.5, score]
        for name, seed, score in RUNS
    ]
    return pd.DataFrame(rows, columns=[*books, "optimizer", "seed", "loss", "val_accuracy"]).to_csv(index=False)


def wandb_api():
    """The table that the guide to the API writes."""
    rows = [
        {
            "summary": str({"val_accuracy": score if (name, seed) != ("sgd", 5) else None, "_runtime": 3}),
            "config": str({"optimizer": name, "seed": seed}),
            "name": "sun",
        }
        for name, seed, score in RUNS
    ]
    return pd.DataFrame(rows).to_csv()


def wandb_states():
    """The same with what became of each run, one still going, a loss that diverged, and configurations as JSON."""
    rows = [
        {
            "summary": str({"val_accuracy": score, "loss": math.nan, "more": -math.inf}),
            "config": json.dumps({"optimizer": name, "seed": seed, "on": True}, indent=1),
            "name": "sun",
            "state": "crashed" if (name, seed) == ("sgd", 5) else "finished",
        }
        for name, seed, score in RUNS
    ]
    return pd.DataFrame([*rows, rows[0] | {"state": "running"}]).to_csv()


def benchopt_table():
    """Curves of two points."""
    rows = [
        {
            "solver_name": name,
            "dataset_name": "simulated",
            "objective_name": "opt",
            "idx_rep": seed,
            "stop_val": stop,
            "time": 0.1,
            "objective_test_accuracy": math.nan if (name, seed) == ("sgd", 5) else score - 0.1 * (1 - stop),
        }
        for name, seed, score in RUNS
        for stop in (0, 1)
    ]
    return pd.DataFrame(rows)


def written(place, folder):
    """A file or a folder of a format, and where it is."""
    path = folder / place
    makers = {"optuna.db": optuna_database, "ray": ray_folder, "tuned": keras_tuner_folder, "logged": mlflow_folder}
    texts = {
        "journal.log": optuna_journal,
        "trials.csv": optuna_table,
        "wandb.csv": wandb_table,
        "page.csv": mlflow_page,
        "api.csv": wandb_api,
        "states.csv": wandb_states,
    }
    if place in makers:
        makers[place](path)
    elif place == "bench.parquet":
        benchopt_table().assign(final_results=b"\x00benchopt-pkl\x00cos\nsystem\n").to_parquet(path)
    else:
        path.write_text(texts[place]())
    return path


@pytest.mark.parametrize(
    ("place", "more", "words"),
    [
        ("optuna.db", {}, "value, of which more is better, as Optuna has it"),
        ("journal.log", {}, "12 trials of 'kept'"),
        ("trials.csv", {"higher_is_better": True}, "value, of which more is better, as you said"),
        ("ray", {}, "Compared: the values of opt/name (sgd, adam)"),
        ("tuned", {}, "val_accuracy, of which more is better, as KerasTuner has it"),
        ("logged", {}, "each by the last value of its metrics, of 'opt'"),
        ("wandb.csv", {}, "which columns were set and which came out"),
        ("page.csv", {}, "Read as MLflow's table of the page of an experiment: 12 runs"),
        ("api.csv", {}, "Read as W&B's: 12 runs, each by its summary"),
        ("states.csv", {"metric": "val_accuracy"}, "Left out: 1 still running. 1 failed run counts as runs without"),
        ("bench.parquet", {}, "each by the last point of its curve"),
    ],
)
def test_every_format_says_the_same_of_the_same_runs(tmp_path, place, more, words):
    """Two optimizers on six seeds, one run lost; what was assumed is said; no file is touched."""
    path = written(place, tmp_path)
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    found = arrange(find(Source(path)), Asked(**more))
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before
    assert found.frame["technique"].tolist() == [row[0] for row in RUNS]
    assert found.frame["seed"].tolist() == [row[1] for row in RUNS]
    expected = [math.nan if row[:2] == ("sgd", 5) else row[2] for row in RUNS]
    np.testing.assert_allclose(found.frame[found.metric], expected)
    assert (found.control, found.scope) == ("sgd", "this_dataset")
    said = " ".join(found.said)
    for part in (words, "Repeats: the values of", "compared with sgd, the first there is", "scope this_dataset"):
        assert part in said


@pytest.mark.parametrize("where", ["file", "frame"])
def test_the_index_that_pandas_writes_is_no_score(tmp_path, where):
    """Of the table of Ray Tune's results as `to_csv` writes it, which counts its lines in a column without a name."""
    frame = pd.DataFrame(RUNS, columns=["config/optimizer", "config/seed", "val_accuracy"])
    frame = frame.assign(trial_id=[f"t{place}" for place in range(12)], loss=np.linspace(2, 1, 12))
    frame.to_csv(tmp_path / "grid.csv")
    found = arrange(find(Source(tmp_path / "grid.csv" if where == "file" else frame)), Asked())
    assert found.metric == "val_accuracy"
    np.testing.assert_allclose(found.frame["val_accuracy"], [score for _, _, score in RUNS])


def test_their_runs_are_judged_as_scipy_does(tmp_path):
    """The paired t interval over the seeds that both finished; a pruned run is lost."""
    found = regfleet.analyze(written("optuna.db", tmp_path))
    rows = {row.name: row for row in found.summary.datasets[0].variants}
    difference = np.subtract(ADAM, SGD)[:-1]
    one = rows["adam"].comparison
    expected = difference.mean(), *stats.t.interval(0.95, 4, difference.mean(), stats.sem(difference))
    assert (one.difference.mean, one.difference.low, one.difference.high) == pytest.approx(expected)
    assert (one.control, one.verdict, rows["sgd"].failed) == ("sgd", "better", 1)


IRIS = load_iris(return_X_y=True)


def test_folds_of_scikit_learn_get_the_corrected_interval(tmp_path, command):
    """Nadeau and Bengio's: variance times 1/N + n_test/n_train, of five folds 1/4; from memory, JSON and CSV."""
    search = GridSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": [3, 50, 90], "weights": ["uniform"]},
        cv=KFold(5, shuffle=True, random_state=0),
    )
    found = search.fit(*IRIS).cv_results_
    splits = np.array([found[f"split{fold}_test_score"] for fold in range(5)])
    difference = splits[:, 2] - splits[:, 0]
    half = stats.t.ppf(1 - 0.05 / 4, 4) * difference.std(ddof=1) * math.sqrt(1 / 5 + 1 / 4)
    pd.DataFrame(found).to_csv(tmp_path / "search.csv")
    plain = {name: values.tolist() for name, values in found.items() if name != "params"}
    (tmp_path / "search.json").write_text(json.dumps(plain | {"params": found["params"]}))
    pd.DataFrame(found).to_json(tmp_path / "frame.json")
    done = regfleet.analyze(found, metric="accuracy")
    rows = {row.name: row.comparison for row in done.summary.datasets[0].variants}
    assert set(rows) == {"n_neighbors=3", "n_neighbors=50", "n_neighbors=90"}
    one = rows["n_neighbors=90"].difference
    assert (one.mean, one.high - one.mean) == pytest.approx((difference.mean(), half))
    said = " ".join(done.facts.read)
    for words in ("Folds are no independent repeats", "n_test/n_train = 0.25"):
        assert words in said
    first, *others = (
        arrange(find(Source(scores)), Asked())
        for scores in (found, pd.DataFrame(found), *map(tmp_path.joinpath, ("search.csv", "search.json", "frame.json")))
    )
    for other in others:
        pd.testing.assert_frame_equal(other.frame, first.frame)
        assert other.said == first.said
    code, out, err = command("analyze", "search.json", "--control", "90", "--rows", "100,50")
    assert (code, err) == (0, "")
    assert "are taken for one cross-validation" not in out
    assert out.index("Folds are no independent repeats") < out.index("no variant is clearly")
    page = (tmp_path / "reports/search/report.html").read_text()
    assert page.index("How these results were read") < page.index("leaderboard-h")
    many = {f"split{fold}_test_score": [0.8 + fold / 1000, 0.9] for fold in range(30)} | {"param_a": [1, 2]}
    assert "taken for repeats of five, each tested on a fifth" in " ".join(arrange(find(Source(many)), Asked()).said)


def test_cross_validate_of_several_models(tmp_path):
    """Its indices give the numbers of rows and show whether the folds are the same; without them that is assumed."""
    models = {"tree": DecisionTreeClassifier(random_state=0), "neighbors": KNeighborsClassifier(60)}
    cv = ShuffleSplit(6, test_size=30, random_state=0)
    found = {
        name: cross_validate(one, *IRIS, cv=cv, return_indices=True, scoring=["accuracy"])
        for name, one in models.items()
    }
    done = regfleet.analyze(found)
    difference = found["neighbors"]["test_accuracy"] - found["tree"]["test_accuracy"]
    half = stats.t.ppf(0.975, 5) * difference.std(ddof=1) * math.sqrt(1 / 6 + 30 / 120)
    one = next(row.comparison.difference for row in done.summary.datasets[0].variants if row.comparison)
    assert (one.mean, one.high - one.mean) == pytest.approx((difference.mean(), half))
    assert "as the indices show" in " ".join(done.facts.read)
    other = cross_validate(
        models["tree"],
        *IRIS,
        cv=ShuffleSplit(6, test_size=30, random_state=1),
        return_indices=True,
        scoring=["accuracy"],
    )
    with pytest.raises(InputError, match="the same folds for every model; got other test rows for 'shuffled'"):
        regfleet.analyze(found | {"shuffled": other})
    with pytest.raises(InputError, match="cross_validate returns for at least two models"):
        regfleet.analyze(found["tree"])
    bare = {name: {key: values for key, values in one.items() if key != "indices"} for name, one in found.items()}
    pd.concat({name: pd.DataFrame(one) for name, one in bare.items()}, names=["model", "fold"]).reset_index().to_csv(
        tmp_path / "cv.csv"
    )
    (tmp_path / "cv.json").write_text(
        json.dumps({name: {key: list(values) for key, values in one.items()} for name, one in bare.items()})
    )
    for source in (bare, tmp_path / "cv.csv", tmp_path / "cv.json"):
        assumed = arrange(find(Source(source)), Asked())
        assert "cv must have been the same splitter" in " ".join(assumed.said)
        assert assumed.frame["test_accuracy"].tolist() == pytest.approx(
            [*found["tree"]["test_accuracy"], *found["neighbors"]["test_accuracy"]]
        )


def runs(columns, scores, **more):
    """Runs of a tool as a reader would return them."""
    return Runs(tool="Tool", settings=pd.DataFrame(columns, dtype=object), scores=pd.DataFrame(scores), **more)


def test_what_repeats_is_found_or_numbered_and_said():
    """Seeds of text are numbered; equal settings are repeats; what ran once is left out; a retry counts once."""
    named = {"lr": [0.1, 0.1, 0.2, 0.2], "Random-Seed": ["a", "b", "a", "b"]}
    found = arrange(runs(named, {"accuracy": [1.0, 2, 3, 4]}), Asked())
    assert found.frame[["technique", "seed"]].to_numpy().tolist() == [
        ["lr=0.1", 0],
        ["lr=0.1", 1],
        ["lr=0.2", 0],
        ["lr=0.2", 1],
    ]
    assert "which were numbered" in " ".join(found.said)
    equal = {"lr": [0.1, 0.2, 0.1, 0.2, 0.3]}
    found = arrange(runs(equal, {"accuracy": [1.0, 2, 3, 4, 5]}), Asked())
    assert found.frame["seed"].tolist() == [0, 0, 1, 1]
    for words in ("Nothing ties a repeat", "Left out: 1 setting that ran only once"):
        assert words in " ".join(found.said)
    again = {"lr": [1, 1, 1, 2, 2], "seed": [0, 0, 1, 0, 1]}
    found = arrange(runs(again, {"accuracy": [np.nan, 2.0, 3, 4, 5]}, lost=[True, *[False] * 4]), Asked())
    assert found.frame[found.metric].tolist() == [2, 3, 4, 5]
    assert "1 run that failed was done again" in " ".join(found.said)
    apart = {"opt": [*"aabb"], "seed": [7, 3, 9, 11]}
    found = arrange(runs(apart, {"accuracy": [1.0, 2, 3, 4]}), Asked())
    assert found.frame["seed"].tolist() == [0, 1, 0, 1]
    assert "no two of them share a value of seed" in " ".join(found.said)
    early = {"opt": [*"aabb", None], "seed": [0, 1, 0, 1, None]}
    lost = [*[False] * 4, True]
    found = arrange(runs(early, {"accuracy": [1.0, 2, 3, 4, np.nan]}, lost=lost), Asked())
    assert len(found.frame) == 4
    assert "1 run that failed before it was recorded" in " ".join(found.said)
    two = {"opt": [*"aabb"], "net/width": [8, 8, 9, 9], "seed": [0, 1, 0, 1]}
    found = arrange(runs(two, {"accuracy": [1.0, 2, 3, 4]}), Asked(technique=("opt, width",)))
    assert {*found.frame["technique"]} == {"opt=a, width=8", "opt=b, width=9"}
    other = {"opt": [*"aabb"], "lr": [1, 2, 3, 4], "seed": [0, 1, 0, 1]}
    found = arrange(runs(other, {"accuracy": [1.0, 2, 3, 4]}), Asked(technique=("opt",)))
    assert "also differ in lr: what that changes counts as luck" in " ".join(found.said)
    both = {"opt": ["a", "a", "b", "b"] * 2, "seed": [0, 1] * 4, "dataset": ["x"] * 4 + ["y"] * 4}
    found = arrange(runs(both, {"accuracy": range(8)}), Asked(control="b", rows=(9, 3)))
    assert (found.frame["dataset"].tolist(), found.scope) == (["x"] * 4 + ["y"] * 4, "new_data")
    assert found.frame["n_test"].tolist() == [3] * 8


@pytest.mark.parametrize(
    ("columns", "asked", "complaint"),
    [
        ({"lr": [1, 2, 3, 4]}, {}, "got 4 settings of lr, each run once: .* with several seeds"),
        ({"lr": [1, 2, 3, 4], "seed": [0, 1, 0, 1]}, {}, "each run once: .* --technique names fewer of lr"),
        ({"seed": [0, 1, 2, 3]}, {}, "at least two techniques .* differ in no setting"),
        ({"opt": [*"aabb"], "seed": [0, 0, 1, 1], "lr": [1, 2, 3, 4]}, {"technique": ("opt",)}, "also differ in lr"),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"technique": ("lr",)}, "--technique: expected one of opt, seed"),
        (
            {"opt": [*"aabb"], "lr": [1, 2, 3, 4]},
            {"technique": ("opt",)},
            "that differ in lr, and no seed that they share",
        ),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"technique": ("seed",), "seed": "seed"}, "tells repeats apart"),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"seed": "fold"}, "--seed: expected one of opt, seed, accuracy"),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"control": "c"}, "--control: expected one of a, b; got 'c'"),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"metric": "acc"}, "--metric: expected one of accuracy; got 'acc'"),
        ({"opt": [*"aabb"], "seed": [0, 1, 0, 1]}, {"scope": "new_data"}, "--rows: expected TRAIN,TEST"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_advice(columns, asked, complaint):
    """One line that says what to give, or what to run."""
    with pytest.raises(InputError, match=complaint):
        arrange(runs(columns, {"accuracy": [1.0, 2, 3, 4]}), Asked(**asked))


def test_scores_of_unclear_worth_are_asked_for():
    """Which of several decides, which way one points; a known name decides, and a contradiction is said."""
    columns = {"opt": [*"aabb"], "seed": [0, 1, 0, 1]}
    four = [1.0, 2, 3, 4]
    split = {"test_r2": four, "train_r2": four, "test_mae": four}
    named = arrange(runs(columns, split), Asked(metric="r2"))
    assert (named.metric, named.frame["r2 (own scale)"].tolist()) == ("r2 (own scale)", four)
    with pytest.raises(InputError, match="--metric: expected which of foo, bar decides"):
        arrange(runs(columns, {"foo": four, "bar": four}), Asked())
    with pytest.raises(InputError, match="--higher-is-better: expected yes or no for 'foo'"):
        arrange(runs(columns, {"foo": four}), Asked())
    found = arrange(runs(columns, {"foo": four, "val/mse": four}), Asked())
    assert (found.metric, found.higher_is_better) == ("val/mse", False)
    found = arrange(runs(columns, {"accuracy": four}, directions={"accuracy": False}), Asked())
    assert "Mind that of accuracy more would be better" in " ".join(found.said)
    found = arrange(runs(columns, {"accuracy": [87.0, 88, 89, 90]}), Asked())
    assert (found.metric, found.higher_is_better) == ("accuracy (own scale)", True)


def test_a_table_of_technique_and_seed_is_taken_as_it_is():
    """Whatever else it has of a tool's columns."""
    frame = pd.DataFrame(RUNS, columns=["technique", "seed", "test_score"]).assign(fit_time=1.0, score_time=1.0)
    assert find(Source(frame)) is None
    assert find(Source(frame.rename(columns={"seed": "fold"}))).tool == "scikit-learn"


def test_a_plain_table_is_read_by_the_columns_that_are_named(tmp_path, command):
    """Of no tool's table somebody says what is compared and what repeats, and how many rows there were."""
    frame = pd.DataFrame(RUNS, columns=["optimizer", "run", "accuracy"]).assign(lr=0.1)
    frame.to_csv(tmp_path / "own.csv", index=False)
    flags = ("--technique", "optimizer", "--seed", "run", "--metric", "accuracy")
    code, out, err = command("analyze", "own.csv", *flags, "--rows", "120,30", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["summary"]["settings"]["scope"] == "new_data"
    assert said["read"][0].startswith("Compared: the values of optimizer")
    code, _, err = command("analyze", "own.csv", *flags, "--rows", "120")
    assert (code, err) == (2, "regfleet: error: --rows: expected TRAIN,TEST, two whole numbers from 1; got '120'\n")


class Bomb:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def gone(path, place, change):
    """A folder of a format with a change to one of its files."""
    folder = written(place, path)
    first = sorted(
        one for one in folder.rglob("*") if one.name in ("trial.json", "meta.yaml", "result.json", "val_accuracy")
    )
    change(first)
    return folder


def text(content):
    """What writes a text."""
    return lambda path: path.write_text(content)


def damaged(place, number, content):
    """What writes a folder of a format, one file of which is something else."""
    return lambda path: gone(path, place, lambda files: files[number].write_text(content))


def json_text(**values):
    """What writes JSON."""
    return text(json.dumps(values))


UNTIMED = {"machine_info": {}, "benchmarks": [{"name": "a", "stats": {}}]}
BAD = {
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Bomb())), "a pickle, which may run anything"),
    "a pickle called CSV": (lambda path: path.with_suffix(".csv").write_bytes(pickle.dumps(Bomb())), "a pickle"),
    "SQL": (text("PRAGMA foreign_keys=OFF;\nCREATE TABLE studies (x);"), "SQL text, which is not run"),
    "an archive": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)), "an archive: unpack it"),
    "no tool's JSON": (json_text(a=[1, 2]), "JSON of none of these"),
    "half of JSON": (text('{"benchmarks": ['), "expected JSON; got Expecting value"),
    "deep JSON": (text("[" * 100_000), "expected JSON; got "),
    "no tool's database": (
        lambda path: sqlite3.connect(path).execute("CREATE TABLE x (y)").connection.close(),
        "a SQLite file of none of these",
    ),
    "half a database": (
        lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(200)),
        "expected a SQLite file that can be read",
    ),
    "a view for a table": (lambda path: optuna_database(path, view=True), "a SQLite file of none of these"),
    "a table that lacks": (
        lambda path: optuna_database(path, lacking="trial_values"),
        "Optuna's table trial_values; got none",
    ),
    "a journal with other lines": (text('{"op_code": 0}\n[1]\n{}'), "got something else on line 2"),
    "trials without values": (text("number,state,params_a\n0,COMPLETE,1\n"), "Optuna's column value, or values_"),
    "a state of nobody's": (
        text("number,state,params_a,value\n0,DONE,1,1\n"),
        "one of Optuna's states of a trial; got 'DONE'",
    ),
    "an unnamed model": (text("fit_time,score_time,test_score\n1,1,1\n"), "a column technique or model"),
    "half of benchopt": (text("solver_name,objective_value\na,1\n"), "benchopt's column objective_name; got none"),
    "a benchmark without times": (json_text(**UNTIMED), "expected the times of the rounds"),
    "other benchmarks": (json_text(machine_info={}, benchmarks=[1]), "name and stats of each benchmark"),
    "a cell that is no dictionary": (
        text("name,config,summary\na,__import__('os'),{}\n"),
        "a dictionary in each cell of config",
    ),
    "search without splits": (json_text(params=[], mean_test_score=[]), "the columns split0_test_"),
    "an empty folder": (lambda path: path.mkdir(), "a folder with nothing of these in it"),
    "one of our folders": (lambda path: (path.mkdir(), (path / "study.toml").touch()), "regfleet's own results"),
    "a trial that lacks": (damaged("tuned", 0, "{}"), "KerasTuner's field hyperparameters; got none"),
    "a run that lacks": (damaged("logged", 1, "a: b"), "MLflow's field run_id; got none"),
    "a metric in words": (damaged("logged", 2, "good"), "time, value and step on each line"),
    "a result in words": (damaged("ray", 0, "good"), "expected JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_hostile_and_nearly_right_files_are_one_line(tmp_path, case):
    """What was expected, what was given and what to do; nothing in them is run."""
    make, complaint = BAD[case]
    make(tmp_path / "given")
    (path,) = [*tmp_path.iterdir()]
    inside = path / {"a trial that lacks": "tuned", "a result in words": "ray"}.get(case, "logged")
    with pytest.raises(InputError, match=complaint) as refused:
        regfleet.analyze(inside if inside.is_dir() else path)
    assert "\n" not in str(refused.value)


def test_benchmarks_of_several_runs_are_repeats(tmp_path):
    """Each run of pytest counts once, by the median of its rounds; less time is better."""
    for number in range(6):
        stats_of = {"quick": 1 + number / 100, "slow": 2 + number / 200}
        benchmarks = [
            {"name": name, "group": None, "params": None, "stats": {"median": one, "min": 0}}
            for name, one in stats_of.items()
        ]
        (tmp_path / f"{number:04}_x.json").write_text(
            json.dumps({"machine_info": {"node": "a"}, "benchmarks": benchmarks})
        )
    found = regfleet.analyze(tmp_path, "slow")
    one = found.summary.datasets[0].variants[0]
    assert (one.name, one.comparison.verdict, one.finished) == ("quick", "better", 6)
    assert one.comparison.difference.mean == pytest.approx(np.mean([1 - number / 200 for number in range(6)]))


def test_large_results_are_read_sparingly(tmp_path):
    """Of a long result.json only its end, and of a database only the tables that are asked for."""
    ray_folder(tmp_path / "ray")
    longest = tmp_path / "ray" / "trainable_00006_adam" / "result.json"
    last = longest.read_text().splitlines()[-1]
    with longest.open("w") as file:
        file.write('{"val_accuracy": 0.1}\n')
        file.truncate(3 * 10**9)  # a hole, of no size on a disk
        file.seek(3 * 10**9)
        file.write("\n" + last + "\n")
    told = []
    found = find(Source(tmp_path / "ray", told.append))
    assert found.scores["val_accuracy"].iloc[6] == ADAM[0]
    assert sum(told) == 24
