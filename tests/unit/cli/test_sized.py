"""What `regfleet compare` chose for one's own table is said and kept, and a directory goes on with what it has."""

import json
import tomllib

ROWS = "\n".join(f"{number % 7},{number * 31 % 11},{'ab'[number % 2]},{number % 3 == 0}" for number in range(60))
DATA = ("--data", "t.csv", "--target", "sold", "-t", "none", "--in-process")
SAID = "sized to 36 training rows of 4 inputs: hidden layers of 256 and 128, batches of 32, adam at the rate 0.001"


def kept(place):
    """The study that a results directory holds."""
    return tomllib.loads((place / "study.toml").read_text())


def test_what_was_chosen_is_said_and_kept(command, tmp_path):
    """In the terminal, the report and the provenance; the study file has the numbers, and says nothing of choices."""
    (tmp_path / "t.csv").write_text(f"size,weight,kind,sold\n{ROWS}\n")
    code, _, err = command("compare", *DATA, "--seeds", "1", "--epochs", "1", "--out", "one")
    assert code == 0
    assert SAID in err
    study = kept(tmp_path / "one")
    assert study["model"] == {"hidden": [256, 128], "activation": ["relu"]}
    assert study["training"] == {"epochs": 1, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.001}
    assert SAID in json.loads((tmp_path / "one" / "provenance.json").read_text())["chosen"][0]
    assert SAID in " ".join((tmp_path / "one" / "report.html").read_text().split())
    again = command("compare", "one/study.toml", "--dry-run", "--out", "one")[1]
    assert "1 trials, 0 of them to run" in again
    assert "sized" not in again


def test_a_directory_goes_on_with_what_it_was_made_with(command, tmp_path):
    """The silent command adds seeds to a study of other settings; what it says itself has to be as there."""
    (tmp_path / "t.csv").write_text(f"size,weight,kind,sold\n{ROWS}\n")
    given = ("--model", "9,8", "--activation", "tanh", "--batch-size", "20", "--optimizer", "sgd", "--epochs", "2")
    assert command("compare", *DATA, *given, "--seeds", "1", "--out", "old", "-q")[0] == 0
    code, _, err = command("compare", *DATA, "--seeds", "2", "--out", "old")
    assert (code, "sized" in err) == (0, False)
    assert "2 trials" in err
    assert "1 of them were finished before" in err
    study = kept(tmp_path / "old")
    assert (study["seeds"], study["model"]["hidden"], study["training"]["optimizer"]) == ("0-1", [9, 8], "sgd")
    code, _, err = command("compare", *DATA, "--epochs", "3", "--out", "old")
    assert code == 2
    assert "epochs is 2 there and 3 here" in err
