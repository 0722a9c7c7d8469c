"""The Python API, from a script as a user writes it."""

import json

from support.processes import python

SCRIPT = """
import json, os, sys, tempfile
from pathlib import Path
import keras, numpy as np
import regfleet
from regfleet.report import page
from regfleet.running import display

def build(input_shape, outputs):
    return keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(8, activation="tanh", name="wide"),
        keras.layers.Dense(outputs, activation="softmax"),
    ])

if __name__ == "__main__":
    page.FIGURES = ()  # figures() draws them once
    draw = np.random.default_rng(0)
    X = draw.normal(size=(100, 3))
    y = np.where(X[:, 0] > 0, "up", "down")
    techniques = ["l2(1e-2)@wide", {"technique": "dropout(0.3)", "label": "drop", "epochs": 2}]
    settings = {"model": build, "techniques": techniques, "epochs": 3, "seeds": 2, "workers": 1, "references": "no"}
    results = regfleet.compare((X, y), **settings, progress=False)
    again = regfleet.compare((X, y), **settings, in_process=True, progress=False)
    where = Path(results.path)
    report = results.report("r/report.html")
    found = {
        "status": results.trials["status"].value_counts().to_dict(),
        "labels": sorted(set(results.trials["label"])),
        "errors": sorted({str(error) for error in results.trials["error"]}),
        "epochs": results.histories.groupby("variant", observed=True)["epoch"].max().to_dict(),
        "same": bool(results.histories.equals(again.histories)),
        "dataset": [data.dataset for data in results.summary().datasets],
        "figures": all(type(figure).__name__ == "Figure" for figure in results.figures().values()),
        "html": "No regularization" in results._repr_html_() and "<table" in results._repr_html_(),
        "report": report.read_text()[:15].lower(),
        "there": where.exists(),
        "text": repr(results),
        "interrupted": results.interrupted,
    }
    del results, again
    found["gone"] = not where.exists()

    def interrupted(*_):
        raise KeyboardInterrupt

    display.Progressing.advance = interrupted
    stopped = regfleet.compare((X, y), **settings, in_process=True, out="kept")
    found["stopped"] = [stopped.interrupted, len(stopped.trials), len(regfleet.load("kept").trials)]
    print("FOUND" + json.dumps(found))
"""


def test_a_script_compares_a_function_of_its_own(tmp_path):
    """Arrays and a function of __main__ on Ray: frames, figures, report; nothing stays; Ctrl-C keeps results."""
    (tmp_path / "script.py").write_text(SCRIPT)
    # On by itself on newer processors only, and a script that imports Keras first keeps what it found.
    done = python("script.py", cwd=tmp_path, TF_ENABLE_ONEDNN_OPTS="1")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    found = json.loads(line.removeprefix("FOUND"))
    assert found["status"] == {"done": 8}, found["errors"]
    assert found["labels"] == sorted(
        ["No regularization", "No regularization, 2 epochs", "L2, first layer (λ = 0.01)", "drop"]
    )
    assert found["epochs"] == {
        "none": 3, "none[epochs=2]": 2, "l2(0.01)@first": 3, "dropout(0.3)@first[epochs=2]": 2
    }  # fmt: skip
    assert (found["same"], found["dataset"], found["figures"], found["html"]) == (True, ["data"], True, True)
    assert (found["report"], found["there"], found["gone"], found["interrupted"]) == (
        "<!doctype html>", True, True, False
    )  # fmt: skip
    assert found["text"].startswith("Results: 8 of 8 trials are done\n")
    assert found["stopped"] == [True, 1, 1]
