"""Study files from the command line: written, checked, shown, run, and run again."""

import json
import tomllib

import jsonschema
import pandas as pd
import pytest

import regfleet

FLAGS = ["--data", "wine", "--seeds", "2", "--model", "8,4", "--epochs", "3", "--split", "50/25/25"]
FLAGS += ["-t", "l2(1e-3|1e-2)", "-t", "dropout(0.3)@1+batchnorm", "--metric", "macro_f1", "--class-weight", "balanced"]


def test_init_writes_the_study_that_the_flags_mean(command, tmp_path):
    """The plan of the file is that of the flags, its schema holds, and it is not overwritten unless that is asked."""
    code, out, err = command("init", *FLAGS, "-o", "s.toml")
    assert (code, err) == (0, "")
    assert "regfleet compare s.toml" in out
    written = (tmp_path / "s.toml").read_text()
    jsonschema.validate(tomllib.loads(written), json.loads(command("schema")[1]))
    from_file, from_flags = (command("compare", *given, "--dry-run", "--json")[1] for given in (["s.toml"], FLAGS))
    assert json.loads(from_file) == json.loads(from_flags)
    code, _, err = command("init", "-o", "s.toml")
    assert (code, err) == (
        2,
        "regfleet: error: --out: expected a new file; got s.toml, which exists. Overwrite it with --force\n",
    )
    assert (tmp_path / "s.toml").read_text() == written
    assert command("init", "-o", "s.toml", "--force")[0] == 0
    assert (tmp_path / "s.toml").read_text() != written


def test_a_dry_run_shows_the_plan_and_writes_nothing(command, tmp_path):
    """Trials, chunks and weights by hand: 13·8 + 8 + 8·4 + 4 + 4·3 + 3 for wine with 8 and 4 hidden units."""
    code, out, err = command("compare", *FLAGS, "--dry-run", "--json", "--workers", "3")
    assert (code, err) == (0, "")
    plan = json.loads(out)
    assert [(row["label"], row["control"], row["trials"], row["left"], row["weights"]) for row in plan["rows"]] == [
        (label, control, 2, 2, 163)
        for label, control in (
            ("No regularization", None),
            ("L2, all layers (λ = 0.001)", "No regularization"),
            ("L2, all layers (λ = 0.01)", "No regularization"),
            ("Batch norm, all layers + Dropout, first layer (rate 0.3)", "No regularization"),
        )
    ]
    assert all(1 <= row["chunks"] <= 2 for row in plan["rows"])
    assert (plan["workers"], plan["measured"], plan["metric"]) == (3, False, "macro_f1")
    words = command("compare", *FLAGS, "--dry-run")[1]
    for said in ("8 trials, 8 of them to run", "rough", "Memory: about", "Nothing was trained or written."):
        assert said in words
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_what_is_there(command, filled, tmp_path):
    """Finished trials are not to run, and their seconds, half a one each, make the estimate."""
    fields = {"seeds": "4", "model": {"hidden": [8, 4]}, "variant": [{"technique": "l2"}]}
    filled(tmp_path / "out", fields, {"none": [27, 28], "l2(0.01)@all": [27, 28, 29]})
    flags = ["--model", "8,4", "-t", "l2", "--seeds", "4", "--out", "out", "--workers", "1"]
    plan = json.loads(command("compare", *flags, "--dry-run", "--json")[1])
    assert [row["left"] for row in plan["rows"]] == [2, 1]
    assert (plan["measured"], plan["seconds"]) == (True, pytest.approx(1.5))


def test_every_mistake_of_file_and_flags_at_once(command, tmp_path):
    """A line for each, in the file by line and by flag otherwise; nothing is written."""
    (tmp_path / "s.toml").write_text("sedes = 3\n[training]\nepochs = 0\n[[variant]]\ntechnique = 'l3'\n")
    code, out, err = command("compare", "s.toml", "--batch-size", "x", "--split", "1/2", "--data", "irs")
    assert (code, out) == (2, "")
    complaints = [line.removeprefix("regfleet: error: ").split(" expected")[0] for line in err.splitlines()]
    assert sorted(complaints) == [
        "--batch-size:",
        "--data:",
        "--split:",
        "s.toml:1: sedes:",
        "s.toml:3: training.epochs:",
        "s.toml:5: --technique l3:",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


def test_columns_are_shown_before_anything_is_trained(command, tmp_path):
    """`regfleet datasets FILE` says how each column is used; without FILE what --data takes."""
    rows = [f"{number % 7},{'ab'[number % 2]},{number % 3}" for number in range(60)]
    (tmp_path / "t.csv").write_text("size,kind,grade\n" + "\n".join(rows) + "\n")
    code, out, _ = command("datasets", "t.csv", "--target", "grade")
    assert code == 0
    for words in (("grade", "target", "3 classes"), ("size", "number"), ("kind", "category")):
        (line,) = [line for line in out.splitlines() if words[0] in line]
        assert all(word in line for word in words), line
    out = command("datasets")[1]
    assert all(kind in out for kind in ("iris", "customers.csv", "openml:61", "package.module:function", "arrays.npz"))
    code, out, _ = command("datasets", "t.csv")
    assert code == 0
    assert all(name in out for name in ("size", "kind", "grade"))


@pytest.mark.usefixtures("undrawn")
def test_the_stored_study_runs_again_to_the_same_bits(command, tmp_path):
    """What study.toml holds of a study with columns, settings of its own and a label trains the very same numbers."""
    rows = [f"{number % 7},{number * 31 % 11},{'ab'[number % 2]},{number % 3 == 0}" for number in range(90)]
    (tmp_path / "t.csv").write_text("size,weight,kind,sold\n" + "\n".join(rows) + "\n")
    (tmp_path / "s.toml").write_text(
        'seeds = 2\n[[data]]\nlocation = "t.csv"\ntarget = "sold"\ndrop = ["weight"]\n[model]\nhidden = [4]\n'
        '[training]\nepochs = 2\nclass_weight = "balanced"\n'
        '[[variant]]\ntechnique = "l2"\nlabel = "mine"\nlearning_rate = 0.1\n'
    )
    assert command("compare", "s.toml", "--in-process", "--out", "one", "--quiet")[0] == 0
    assert command("compare", "one/study.toml", "--in-process", "--out", "two", "--quiet")[0] == 0
    assert (tmp_path / "one" / "study.toml").read_bytes() == (tmp_path / "two" / "study.toml").read_bytes()
    first, second = (regfleet.load(tmp_path / name) for name in ("one", "two"))
    times = ["seconds", "trace_seconds"]
    pd.testing.assert_frame_equal(first.trials.drop(columns=times), second.trials.drop(columns=times), check_exact=True)
    pd.testing.assert_frame_equal(first.histories, second.histories, check_exact=True)
    assert set(first.trials["label"]) == {"No regularization, learning rate 0.1", "No regularization", "mine"}
