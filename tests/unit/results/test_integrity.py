"""What was damaged is noticed, what cannot be read now is not damaged, and what was kept is not missed in silence."""

import errno
import json
import random
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regfleet.concluding.judge import read_results
from regfleet.errors import RegfleetError, ResultsError, StorageError
from regfleet.results import (
    Provenance,
    Reporter,
    load,
    place_of,
    read_progress,
    read_provenance,
    study_text,
    write_study,
)
from regfleet.results.parts import trial_schema
from regfleet.results.seals import sealed_toml

READ = ("study.toml", "provenance.json", "trials", "histories")
"""What a reader reads back; a folder stands for its only part."""


@pytest.fixture(scope="module")
def whole(filled, tmp_path_factory):
    """A results directory of twelve trials with all that a run writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    variants = [{"technique": "none"}, {"technique": "l2"}]
    fields = {"seeds": list(range(6)), "training": {"epochs": 1}, "variant": variants}
    study = filled(out, fields, dict.fromkeys(("none", "l2(0.01)@all"), (20, 21, 22, 23, 24, 25)))
    place = place_of(out)
    (out / "study.toml").unlink()
    write_study(place, study.toml())
    place.write("provenance.json", Provenance(versions={"regfleet": "1"}, kept=12).json_text().encode())
    Reporter(place).write()
    return out


def state(out):
    """All that is read from a results directory, as texts to compare."""
    resolved, results = read_results(out)
    frames = (results.trials.to_json(), results.histories.to_json())
    return *frames, resolved.study.toml(), results.provenance.json_text(), results.problems


@pytest.mark.parametrize("name", READ)
def test_a_flipped_bit_is_noticed_or_harmless(whole, tmp_path, name):
    """Whichever bit of a file that is read back is flipped: the same values, or somebody says so."""
    before, draw = state(whole), random.Random(name)
    noticed = 0
    for number in range(40):
        out = tmp_path / f"{number}"
        shutil.copytree(whole, out)
        path = out / name if (out / name).is_file() else next((out / name).iterdir())
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            after = state(out)
        except RegfleetError as problem:
            noticed += name in str(problem)
            continue
        noticed += bool(after[-1])
        assert after[-1] or after[:-1] == before[:-1], f"{path} changed unseen"
    assert noticed > 20


@pytest.mark.parametrize("how", ["cut", "empty", "swapped", "longer"])
@pytest.mark.parametrize("folder", ["trials", "histories", "predictions"])
def test_a_part_that_is_not_what_its_name_says_is_torn(store, outcome, how, folder):
    """Half a part, an empty one, another's content, a byte more: its own trials are missing, and run again."""
    for seed in range(3):
        store.append([outcome("none", seed)])
    one, other, _ = sorted((store.place.local / folder).iterdir())
    content = one.read_bytes()
    one.write_bytes({"cut": content[:200], "empty": b"", "swapped": other.read_bytes(), "longer": content + b"\0"}[how])
    found = load(store.place)
    assert [(problem.part, problem.kind) for problem in found.problems] == [(f"{folder}/{one.name}", "torn")]
    assert len(found.finished) == 2
    store.set_aside(found.problems)
    assert one.with_suffix(".torn").exists()
    store.append([outcome("none", seed) for seed in range(3)])
    store.merge()
    assert sorted(load(store.place).trials["seed"]) == [0, 1, 2]


@pytest.mark.parametrize("how", ["cut", "longer"])
def test_a_history_that_is_known_to_be_torn_is_left_out(store, outcome, how):
    """Whoever reads the curves, or all histories, gets those of the whole parts."""
    for seed in range(3):
        store.append([outcome("none", seed)])
    part = next((store.place.local / "histories").iterdir())
    content = part.read_bytes()
    part.write_bytes({"cut": content[:200], "longer": b"0000" + content}[how])
    found = load(store.place)
    (curves,) = found.curves("iris")
    assert sorted({*curves["seed"]}) == sorted({*found.histories["seed"]}) == sorted(found.trials["seed"])
    assert len(found.trials) == 2


@pytest.mark.parametrize("folder", ["trials", "histories", "predictions"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_part_that_cannot_be_read_now_is_not_torn(store, outcome, monkeypatch, folder, code):
    """The command stops with exit code 3 and the reason; nothing is renamed, merged or taken for missing."""
    for seed in range(3):
        store.append([outcome("none", seed)])
    files = sorted(path for path in store.place.local.rglob("*") if path.is_file())
    true_read = store.place.read

    def read(name):
        if name.startswith(f"{folder}/"):
            raise OSError(code, "not now")
        return true_read(name)

    monkeypatch.setattr(store.place, "read", read)
    with pytest.raises(StorageError, match="expected results that can be read now; got not now") as stopped:
        load(store.place)
    assert stopped.value.exit_code == 3
    store.merge()
    assert sorted(path for path in store.place.local.rglob("*") if path.is_file()) == files
    monkeypatch.undo()
    assert len(load(store.place).finished) == 3


def test_trials_that_were_kept_and_are_gone_are_said(store, outcome):
    """The provenance says how many were there: a part that was deleted is noticed, one that was added is fine."""
    store.append([outcome("none", 0), outcome("none", 1)])
    store.append([outcome("none", 2)])
    store.place.write("provenance.json", Provenance(kept=2).json_text().encode())
    assert load(store.place).problems == ()
    store.place.write("provenance.json", Provenance(kept=3).json_text().encode())
    assert load(store.place).problems == ()
    small = min((store.place.local / "trials").iterdir(), key=lambda path: len(pd.read_parquet(path)))
    small.unlink()
    (problem,) = load(store.place).problems
    assert str(problem) == "1 of the 3 trials that were kept are not there, or not in a whole part"
    assert store.set_aside([problem]) == [f"{problem}; they run again"]


NAME = "part-0123456789abcdef.parquet"
ODD = {
    "a list": lambda table: table.set_column(0, "key", pa.array([["a"]] * len(table))),
    "a struct": lambda table: table.set_column(5, "seed", pa.array([{"a": 1}] * len(table))),
    "a map": lambda table: table.set_column(1, "dataset", pa.array([[("a", 1)]], pa.map_("string", "int8"))),
    "a date": lambda table: table.set_column(5, "seed", pa.array([0] * len(table), pa.date32())),
    "half a seed": lambda table: table.set_column(5, "seed", pa.array([0.5] * len(table))),
    "a seed as words": lambda table: table.set_column(5, "seed", pa.array(["one"] * len(table))),
    "a large seed": lambda table: table.set_column(5, "seed", pa.array([2**63] * len(table), pa.uint64())),
    "bytes": lambda table: table.set_column(0, "key", pa.array([b"\xff"] * len(table))),
    "no key": lambda table: table.set_column(0, "key", pa.nulls(len(table), pa.string())),
    "no status": lambda table: table.set_column(6, "status", pa.nulls(len(table), pa.string())),
    "another status": lambda table: table.set_column(6, "status", pa.array(["best"] * len(table))),
    "a column less": lambda table: table.drop_columns(["seconds"]),
    "no column": lambda table: table.select([]),
    "a nested score": lambda table: table.set_column(
        table.column_names.index("last_test_accuracy"), "last_test_accuracy", pa.array([[0.5]] * len(table))
    ),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_part_of_another_schema_is_named(store, outcome, change):
    """Whatever its columns hold, a part is used or named, and the others are read."""
    store.append([outcome("none", 0)])
    row = pq.read_table(next((store.place.local / "trials").iterdir())).cast(trial_schema())
    pq.write_table(change(row), store.place.local / "trials" / NAME)
    found = load(store.place)
    assert [problem.part for problem in found.problems] == [f"trials/{NAME}"]
    assert found.trials["seed"].tolist() == [0]
    assert len(found.histories) == 3


PROVENANCES = {
    "nothing": "",
    "a list": "[]",
    "a number": "7",
    "null": "null",
    "rows below none": '{"data": {"iris": {"rows": -1}}}',
    "no number of seconds": '{"runs": [{"seconds": NaN}]}',
    "rows without end": '{"data": {"iris": {"rows": 1e999}}}',
    "words for rows": '{"data": {"iris": {"rows": "many"}}}',
    "a table for a list": '{"runs": {"a": 1}}',
    "versions of lists": '{"versions": {"regfleet": []}}',
    "deep": "[" * 100_000,
    "deep tables": '{"hardware": ' + '{"a": ' * 100_000,
    "long numbers": '{"kept": ' + "9" * 5000 + "}",
    "another checksum": json.dumps({"versions": {}, "checksum": "0" * 64}),
    "a checksum of another kind": json.dumps({"versions": {}, "checksum": [0]}),
}


@pytest.mark.parametrize("text", PROVENANCES.values(), ids=PROVENANCES)
def test_an_odd_provenance_is_refused(store, text):
    """The file is named in one line, with what to do; no odd content is a traceback."""
    store.place.write("provenance.json", text.encode())
    for asked in (load, lambda _: read_provenance(store.place)):
        with pytest.raises(ResultsError, match=r"provenance\.json: expected what regfleet wrote; got ") as refused:
            asked(store.place)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 600
    assert read_progress(store.place).kept == ()
    store.place.write("progress.json", text.encode())
    assert read_progress(store.place).kept == ()


def test_a_data_set_without_rows_has_no_shares(store):
    """What an earlier version or another hand wrote is no division by zero."""
    store.place.write("provenance.json", b'{"data": {"iris": {"rows": 0, "rows_by_class": [0, 0]}}}')
    assert read_provenance(store.place).data["iris"].class_shares == ()


def test_a_changed_study_is_said_with_what_to_do(store):
    """Its checksum differs; without its first line it is what somebody wants it to be."""
    write_study(store.place, "seeds = 3\n")
    text = store.place.text("study.toml")
    store.place.write("study.toml", text.replace("3\n", "4\n").encode())
    with pytest.raises(ResultsError, match=r"study\.toml: expected what regfleet wrote; .* Delete its first line"):
        read_results(store.place)


@pytest.mark.parametrize("size", [1, 9, 40, 90])
def test_a_study_that_was_cut_short_is_noticed(store, size):
    """Within its first line too, which says what the rest should be."""
    whole = sealed_toml("seeds = 2\n")
    store.place.write("study.toml", whole[:size].encode())
    with pytest.raises(ResultsError, match=r"study\.toml: expected what regfleet wrote"):
        study_text(store.place)
