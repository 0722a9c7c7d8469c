"""The study files that users copy from, trained at small size; `pip install -e '.[atlas]'` brings tables of one."""

import json

from support import ROOT
from support.processes import python

import regfleet

FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.glob("*.toml"))
RUNS = """
import json, sys
from regfleet.cli import main
for number, (name, flags) in enumerate(json.loads(sys.argv[1])):
    sys.argv = ["regfleet", "compare", name, *flags]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (name, end.code)
"""


def test_every_example_runs(tmp_path):
    """At small size each trains all its trials, on the data and the model that it names."""
    assert len(EXAMPLES) >= 5
    small = ["--seeds", "2", "--epochs", "1", "--in-process", "--quiet"]
    less = {"great-study": ["--tune", "1", "-t", "l2(1e-3)"]}
    runs = [(path.name, [*small, *less.get(path.stem, []), "--out", str(tmp_path / path.stem)]) for path in EXAMPLES]
    done = python("-c", RUNS, json.dumps(runs), cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    found = {path.stem: regfleet.load(tmp_path / path.stem) for path in EXAMPLES}
    for results in found.values():
        assert set(results.trials["status"]) == {"done"}
        assert set(results.trials["seed"]) == {0, 1}
    (data,) = found["fixed-test"].summary().datasets
    assert data.fixed_test
    assert data.ratio == 0
    (data,) = found["regression"].summary().datasets
    assert (data.task, found["regression"].summary().metric.name) == ("regression", "r2")
    assert len(found["great-study"].summary().datasets) == 12
    (data,) = found["digits-cnn"].summary().datasets
    assert {row.label for row in data.variants} >= {"No regularization", "Batch norm, convolutions"}
