"""A fitted model: the study's own networks as files of plain Keras, and rows read and encoded as the study's were."""

import json
import shutil
import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score

import regfleet
from regfleet import saving
from regfleet.data import cut, load_dataset, parse_split, split_rows
from regfleet.errors import InputError, ResultsError
from regfleet.models import build
from regfleet.paths import digest
from regfleet.running.fitting import fit
from regfleet.running.ordering import chosen
from regfleet.running.predicting import predict
from regfleet.saving import rows as reading
from regfleet.saving.plain import foreign, plain
from regfleet.saving.predicting import answers
from regfleet.saving.preprocessing import columns_of, fitted
from regfleet.saving.signature import Signature
from regfleet.settings import Training, read_study
from regfleet.settings.values import ModelSpec
from regfleet.techniques import parse_techniques, recipe

DRAW = np.random.default_rng(5)
ROWS = 120


def passengers(rows=ROWS):
    """A table with what tables have: gaps, categories, one that is rare, dates, money as text, texts of many values."""
    sex, age = DRAW.choice(["female", "male"], rows), DRAW.normal(30, 12, rows).round(1)
    frame = pd.DataFrame(
        {
            "sex": sex,
            "deck": DRAW.choice([1, 2, 3], rows),
            "age": np.where(DRAW.random(rows) < 0.2, np.nan, age),
            "fare": [f"{fare:,.2f} $" for fare in np.exp(DRAW.normal(7, 1, rows))],
            "port": DRAW.choice(["S", "C", None], rows, p=[0.6, 0.3, 0.1]),
            "day": (pd.Timestamp("2020-01-01") + pd.to_timedelta(DRAW.integers(0, 700, rows), "D")).strftime(
                "%d.%m.%Y"
            ),
            "remark": [
                " ".join(DRAW.choice(["calm", "sea", "storm", "deck", "cabin", "music"], 4)) for _ in range(rows)
            ],
            "lived": np.where((sex == "female") ^ (DRAW.random(rows) < 0.1), "yes", "no"),
        }
    )
    frame.loc[0, "port"] = "Q"
    return frame


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of two seeds with its table, and rows that it never saw."""
    folder = tmp_path_factory.mktemp("study")
    passengers().to_csv(folder / "ship.csv", index=False)
    regfleet.compare(
        str(folder / "ship.csv"),
        target="lived",
        model=[4],
        techniques=["none", "l2(0.01)+dropout(0.2)"],
        seeds=2,
        epochs=4,
        optimizer="adam",
        categorical=["deck"],
        at="best",
        references="no",
        out=folder / "results",
        in_process=True,
        progress=False,
    )
    return folder


@pytest.fixture(scope="module")
def model(study):
    """Its variant with techniques, fitted."""
    fit(study / "results", study / "model", variant="l2(0.01)@first+dropout(0.2)@first", in_process=True)
    return study / "model"


@pytest.fixture(scope="module")
def loaded(model):
    """The same, loaded."""
    return saving.load(model)


def test_networks_are_those_of_the_study_and_anybody_can_load_them(study, model, loaded):
    """Scores of the stored files on the test rows are the trials'; the ensemble answers as both networks' mean."""
    trials = regfleet.load(study / "results").trials.set_index("key")
    data = load_dataset(read_study({}, flags=_flags(study)).data[0])
    frame = pd.read_csv(study / "ship.csv")
    answers = loaded.predictor.of(frame)
    for place, member in enumerate(loaded.signature.members):
        *_, test = split_rows(data, parse_split("balanced"), member.seed)
        truth = frame["lived"].to_numpy()[test]
        predicted = np.array(loaded.signature.classes)[answers.each[place].argmax(axis=1)][test]
        assert accuracy_score(truth, predicted) == pytest.approx(trials.loc[member.key, "best_test_accuracy"])
    ensemble = keras.models.load_model(model / "ensemble.keras")
    inputs = {
        f"seed_{member.seed}": saving.predicting.input_of(made, reading.of_memory(frame, loaded.signature))
        for member, (made, _) in zip(loaded.signature.members, loaded.predictor.members, strict=True)
    }
    assert ensemble.predict(inputs, verbose=0) == pytest.approx(answers.mean, abs=1e-6)
    assert not [*foreign(json.loads(zipfile.ZipFile(model / "ensemble.keras").read("config.json")))]


def _flags(study):
    return {"data": [str(study / "ship.csv")], "target": "lived", "categorical": ["deck"]}


def test_one_trial_comes_again_to_the_last_bit(study, tmp_path):
    """The beginning of its key names it. Its scores are compared with the stored ones, and so is its history here."""
    results = regfleet.load(study / "results")
    row = results.trials[(results.trials["variant"] != "none") & (results.trials["seed"] == 1)].iloc[0]
    fit(study / "results", tmp_path / "one", like_trial=row["key"][:12], in_process=True)
    (member,) = saving.load(tmp_path / "one").signature.members
    assert member.scores["cross_entropy"] == row["best_test_cross_entropy"]
    history = results.histories[results.histories["key"] == row["key"]]
    stored = {name: history[name].to_numpy() for name in history.columns if history[name].dtype == "float32"}
    stored = {name: values for name, values in stored.items() if not np.isnan(values).all()}
    facts = json.loads((tmp_path / "one/seed-1/member.json").read_text())
    assert facts["key"] == row["key"]
    assert facts["history"] == regfleet.running.members.history_digest(stored)


def test_the_same_fit_trains_nothing_again_and_another_is_refused(study, model):
    """Files that are whole stay as they are; the folder of one variant takes no other."""
    before = {path: path.stat().st_mtime_ns for path in model.glob("seed-*/*")}
    done = fit(study / "results", model, variant="l2(0.01)@first+dropout(0.2)@first", in_process=True)
    assert (done.networks, before) == (2, {path: path.stat().st_mtime_ns for path in model.glob("seed-*/*")})
    with pytest.raises(InputError, match=r"--out: expected a new folder, or that of the same fit; got .* of another"):
        fit(study / "results", model, variant="none", in_process=True)


def test_all_rows_train_up_to_the_median_of_the_epochs_that_the_study_chose(study, tmp_path):
    """Both networks then encode alike, so that the ensemble has one input, and nothing is scored."""
    done = fit(study / "results", tmp_path / "all", variant="dropout(.2)+l2(1e-2)", on="all", in_process=True)
    trials = regfleet.load(study / "results").trials
    epochs = trials.loc[trials["variant"] != "none", "best_epoch"]
    found = saving.load(tmp_path / "all")
    assert {member.epoch for member in found.signature.members} == {round(float(epochs.median()))}
    assert [member.scores for member in found.signature.members] == [{}, {}]
    assert "nothing is left to check it with" in done.sentences[0]
    rows = reading.of_memory(pd.read_csv(study / "ship.csv"), found.signature)
    ensemble = keras.models.load_model(tmp_path / "all/ensemble.keras")
    inputs = saving.predicting.input_of(found.predictor.members[0][0], rows)
    assert ensemble.predict(inputs, verbose=0) == pytest.approx(found.predictor.of_rows(rows).mean, abs=1e-6)


def row(name, mean, verdict=None, rope=0.01):
    """A row of a leaderboard, as far as the choice looks at it."""
    comparison = SimpleNamespace(verdict=verdict, rope=rope) if verdict else None
    return SimpleNamespace(name=name, label=name, score=SimpleNamespace(mean=mean), comparison=comparison)


@pytest.mark.parametrize(
    ("rows", "losses", "taken"),
    [
        ([row("a", 0.9, "undecided"), row("b", 0.8, "better"), row("none", 0.7)], {"a": 0.0}, "b"),
        ([row("a", 0.9, "undecided"), row("none", 0.7)], {"a": 0.001, "none": 0.0059}, "none"),
        ([row("a", 0.9, "undecided"), row("none", 0.7)], {"a": 0.001, "none": 0.0061}, "a"),
        ([row("a", 0.9, "undecided"), row("none", 0.7)], {}, "none"),
    ],
)
def test_the_best_is_the_headline_then_the_least_loss_then_the_control(rows, losses, taken):
    """Better ones first; else what risks least, or the control where it risks at most half a ROPE more."""
    odds = tuple(SimpleNamespace(name=name, label=name, loss=loss) for name, loss in losses.items())
    by_name = {one.name: one for one in rows}
    data = SimpleNamespace(dataset="d", ordered=lambda _: rows, variant=by_name.get, odds=odds, controls=("none",))
    assert chosen(data, None) == taken


def test_data_that_were_moved_are_named_and_changed_ones_refused(study, model, tmp_path):
    """Wherever they are now, by the fingerprint that the study has of them."""
    shutil.copytree(study / "results", tmp_path / "results")
    table, moved = study / "ship.csv", tmp_path / "moved.csv"
    whole = table.read_bytes()
    where = (
        r"no such file.*\. Run fit in the folder in which the study ran, or say where the data are: --data ship=PLACE$"
    )
    changed = r"--data: expected the ship that .* was made with; got changed data"
    try:
        table.rename(moved)
        with pytest.raises(InputError, match=where):
            fit(tmp_path / "results", tmp_path / "model", in_process=True)
        again = {"variant": "l2(0.01)@first+dropout(0.2)@first", "in_process": True}
        assert fit(study / "results", model, data=f"ship={moved}", **again).networks == 2
        for place, data in ((moved, f"ship={moved}"), (table, None)):
            place.write_bytes(whole.replace(b"female", b"FEMALE", 1))
            with pytest.raises(InputError, match=changed):
                fit(tmp_path / "results", tmp_path / "model", data=data, in_process=True)
    finally:
        table.write_bytes(whole)
    assert not (tmp_path / "model").exists()


def test_rows_are_encoded_as_in_training(study):
    """Each kind of column, as `cut` makes it of the rows that test: from the table, and read again from text."""
    data = load_dataset(read_study({}, flags=_flags(study)).data[0])
    split = parse_split("balanced")
    for seed in (0, 1):
        train, _, test = split_rows(data, split, seed)
        made, sets = fitted(data, train), cut(data, split, seed)
        assert np.array_equal(made.of_columns(columns_of(data, train), len(train)), sets.train.x)
        assert made.of_columns(columns_of(data, test), len(test)) == pytest.approx(sets.test.x, abs=1e-5)


def test_awkward_rows_are_read_as_the_study_read_its_own(study, loaded):
    """Other order, numbers as text, dates as dates, gaps, one row, none: the same answer; what is new is said."""
    frame = pd.read_csv(study / "ship.csv").head(8)
    usual = loaded.predictor.of(frame).mean
    other = frame[[*frame.columns[::-1]]].assign(
        deck=frame["deck"].astype(str), day=pd.to_datetime(frame["day"], format="%d.%m.%Y")
    )
    assert loaded.predictor.of(other).mean == pytest.approx(usual, abs=1e-6)
    single = [loaded.predictor.of(frame.iloc[[row]]).mean[0] for row in range(8)]
    assert np.array(single) == pytest.approx(usual, abs=1e-5)
    new = frame.drop(columns="lived").assign(sex="other", age=[None] * 8, port="")
    found = reading.of_memory(new, loaded.signature)
    assert "8 rows have a category that the study did not have, such as 'other'" in " ".join(found.notes)
    assert np.isfinite(loaded.predictor.of_rows(found).mean).all()
    assert loaded.predictor.of(frame.head(0)).mean.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="fare"), "expected the column fare; got sex"),
        (lambda frame: frame.assign(cabin=1), "got also cabin"),
        (lambda frame: frame.assign(age="old"), "expected numbers in the column age; got 'old'"),
        (lambda frame: frame.assign(day=17), "expected dates in the column day; got int64 values"),
        (lambda frame: frame.assign(sex=1.5), "expected one of female and male in the column sex; got 1.5"),
        (lambda frame: frame.assign(lived="perhaps"), "expected the classes of lived"),
        (lambda frame: frame.to_numpy()[:, :3], "expected 7 features"),
    ],
)
def test_columns_that_do_not_fit_are_named(study, loaded, change, said):
    """With what was expected and what was given."""
    with pytest.raises(InputError) as refused:
        loaded.predictor.of(change(pd.read_csv(study / "ship.csv").head(5)))
    assert said in str(refused.value)


def test_predictions_go_to_a_file_with_their_score(study, model, loaded, tmp_path):
    """A row for each, probabilities that add up to one; the score is scikit-learn's."""
    found = predict(model, str(study / "ship.csv"), tmp_path / "out.csv")
    frame, table = pd.read_csv(tmp_path / "out.csv"), pd.read_csv(study / "ship.csv")
    assert [*frame] == ["row", "prediction", "probability_no", "probability_yes", "disagreement"]
    assert frame[["probability_no", "probability_yes"]].sum(axis=1).to_numpy() == pytest.approx(1)
    share = accuracy_score(table["lived"], frame["prediction"])
    assert f"accuracy on 120 rows: {100 * share:.1f} %" in found.sentences[0].replace(
        "\N{NO-BREAK SPACE}", " "
    ).replace("\N{NARROW NO-BREAK SPACE}", " ")
    each = loaded.predictor.of(table).each.argmax(axis=2)
    assert frame["disagreement"].to_numpy() == pytest.approx((each[0] != each[1]) / 2)
    (tmp_path / "mine.csv").write_text("precious")
    with pytest.raises(InputError, match="--out: expected no file that regfleet did not write"):
        predict(model, str(study / "ship.csv"), tmp_path / "mine.csv")


def _evil(folder):
    """A network with a Lambda in it, and a signature that knows its hash."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    model.save(folder / "seed-0/model.keras")
    _resigned(folder, "seed-0/model.keras")


def _resigned(folder, name):
    text = json.loads((folder / "signature.json").read_text())
    text.pop("checksum")
    text["files"][name] = digest((folder / name).read_bytes())
    (folder / "signature.json").write_text(Signature.model_validate(text).text())


def _linked(folder):
    shutil.move(folder / "seed-0", folder / "elsewhere")
    (folder / "seed-0").symlink_to(folder / "elsewhere")


def _swapped(folder):
    """The preprocessing of another width, with its hash."""
    plan = json.loads((folder / "seed-0/preprocessing.json").read_text())
    plan["padding"] += 1
    (folder / "seed-0/preprocessing.json").write_text(json.dumps(plan))
    _resigned(folder, "seed-0/preprocessing.json")


def _outside(folder):
    text = json.loads((folder / "signature.json").read_text())
    text.pop("checksum")
    text["files"]["../../secret"] = "0" * 64
    (folder / "signature.json").write_text(json.dumps(text))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "seed-0/model.keras").write_bytes(b"PK"), "expected the file that signature.json"),
        (lambda folder: (folder / "seed-1/preprocessing.arrow").unlink(), "expected a file that signature.json lists"),
        (
            lambda folder: (folder / "signature.json").write_text('{"format": 2, "regfleet": "9"}'),
            "regfleet 9 wrote it",
        ),
        (lambda folder: (folder / "signature.json").write_text("[" * 100_000), "expected the signature"),
        (lambda folder: (folder / "signature.json").unlink(), "got one that is not finished"),
        (_evil, "so that no code runs; got Lambda"),
        (_linked, "a folder that is a symbolic link"),
        (_swapped, "expected a network of"),
        (_outside, "expected those of a fitted model; got '../../secret'"),
    ],
)
def test_a_folder_that_is_not_as_it_was_written_is_refused(model, tmp_path, damage, said):
    """In a line, before any of it runs."""
    folder = shutil.copytree(model, tmp_path / "copy")
    damage(folder)
    with pytest.raises((InputError, ResultsError)) as refused:
        saving.load(folder)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "spectral+weightnoise(0.1)",
        "weightstandardization",
        "skip+stochasticdepth(0.3)",
        "skip+shakeshake",
        "l1(0.1)+l2",
    ],
)
def test_what_techniques_put_in_is_plain_keras_in_inference(text):
    """The plain model answers as the one that was trained, and its file names no class but Keras'."""
    spec, training = ModelSpec((6, 5), ("tanh", "relu")), Training()
    (techniques,) = parse_techniques(text, spec).combinations
    made = build(recipe(spec, training, techniques), (4,), 3)
    rows = DRAW.normal(size=(16, 4)).astype("float32")
    values = [DRAW.normal(size=one.shape).astype(one.dtype) for one in made.variables]
    values = [old.numpy() if "seed" in old.path else new for old, new in zip(made.variables, values, strict=True)]
    flat = plain(made, values, rows, text)
    assert np.asarray(flat(rows)) == pytest.approx(np.asarray(made(rows, training=False)), abs=1e-5)
    assert {type(layer).__module__.split(".")[0] for layer in flat.layers} == {"keras"}
    assert not [*foreign(keras.saving.serialize_keras_object(flat))]


def test_a_row_is_answered_alike_alone_and_among_others():
    """To the last bit, wherever it stands."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3, "softmax")])
    rows = np.random.default_rng(0).normal(size=(75, 6)).astype("float32")
    together = answers(model, rows)
    for taken in ([3], [74], [*range(9, 30)], [*range(75)][::-1], [*range(75)] * 2):
        assert (answers(model, rows[taken]) == together[taken]).all()
    assert answers(model, rows[:0]).shape == (0, 3)


def test_an_estimator_of_scikit_learn_predicts_with_it(study, model):
    """As the command does; it clones, and pickles by its folder."""
    from sklearn.base import clone, is_classifier

    table = pd.read_csv(study / "ship.csv")
    one = regfleet.load_model(model)
    assert is_classifier(one)
    assert [*one.feature_names_in_] == [*table.columns[:-1]]
    assert (one.n_features_in_, [*one.classes_]) == (7, ["no", "yes"])
    assert one.score(table, table["lived"]) == accuracy_score(table["lived"], clone(one).predict(table))
    assert one.predict_proba(table.iloc[:, :-1].to_numpy(object)) == pytest.approx(one.predict_proba(table), abs=1e-6)


def test_what_a_network_looks_at_is_scikit_learns_permutation_importance(study, model, loaded):
    """Of the table's own columns, on the test rows of the network's seed; over all networks most comes first."""
    frame, place = pd.read_csv(study / "ship.csv"), 1
    preprocessing, network = loaded.predictor.members[place]
    seed = loaded.signature.members[place].seed
    data = load_dataset(read_study({}, flags=_flags(study)).data[0])
    test = split_rows(data, parse_split("balanced"), seed)[2]
    names = [column.name for column in loaded.signature.input.columns]

    def accuracy(_, x, y):
        rows = reading.of_memory(x, loaded.signature)
        said = saving.predicting.answers(network, saving.predicting.input_of(preprocessing, rows)).argmax(axis=1)
        return accuracy_score(y, np.array(loaded.signature.classes)[said])

    anything = SimpleNamespace(fit=print, predict=print)
    x, y = frame.loc[test, names].reset_index(drop=True), frame["lived"].to_numpy()[test]
    expected = permutation_importance(anything, x, y, scoring=accuracy, n_repeats=5, random_state=seed)
    facts = json.loads((model / f"seed-{seed}/member.json").read_text())
    assert [facts["importance"][name] for name in names] == pytest.approx(expected.importances_mean)
    found = loaded.signature.importance
    assert {one.column for one in found} == set(names)
    assert [one.mean for one in found] == sorted((one.mean for one in found), reverse=True)
    assert "What the networks look at" in (model / "model-card.md").read_text()


def test_rows_that_were_trained_on_are_counted(study, model, tmp_path):
    """All that trained one of the networks, whatever their order; none that nobody saw."""
    data = load_dataset(read_study({}, flags=_flags(study)).data[0])
    trained = {row for seed in (0, 1) for row in split_rows(data, parse_split("balanced"), seed)[0].tolist()}
    said = predict(model, str(study / "ship.csv"), tmp_path / "p.csv").sentences
    assert any(f"{len(trained)} of these {ROWS} rows have the same input as rows that one" in text for text in said)
    pd.read_csv(study / "ship.csv").assign(age=77.77).to_csv(tmp_path / "new.csv", index=False)
    assert not any("same input" in text for text in predict(model, str(tmp_path / "new.csv"), None).sentences)
