"""Sources: OpenML, functions, .npz files, arrays and frames end in the same kind of data set."""

import hashlib
import http.server
import json
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.datasets

from regfleet.data import BUILTIN, check_source, cut, describe_columns, from_arrays, load_dataset, parse_split
from regfleet.errors import InputError
from regfleet.settings import Data

X, Y = sklearn.datasets.load_wine(return_X_y=True)
SPLIT = parse_split("60/20/20")


@pytest.mark.parametrize("name", BUILTIN)
def test_built_in_data_sets_load_by_name(name):
    """All of them, with a preview, and no note."""
    dataset = load_dataset(Data(location=name))
    assert dataset.name == name
    assert dataset.notes == ()
    assert len(describe_columns(dataset)) == 2


def test_a_built_in_data_set_takes_no_table_options():
    """It has no columns with names."""
    with pytest.raises(InputError, match=r"^--target: expected a table; got it with the built-in iris"):
        check_source(Data(location="iris", target="species"))


@pytest.mark.parametrize("location", ["nonsense", "iris.data", ""])
def test_what_is_no_source_is_refused(location):
    """Neither a file nor any other known kind."""
    with pytest.raises(
        InputError, match=r"^--data: expected a file, openml:NUMBER, package.module:function or one of iris"
    ):
        load_dataset(Data(location=location))


@pytest.mark.parametrize(
    "flags", [{"location": "s3://key:hunter2@bucket/t.csv"}, {"test": "s3://b/t.csv?secret_key=hunter2"}]
)
def test_a_url_with_credentials_is_refused(flags):
    """The location of the data is published with a report; a secret in it is neither kept nor repeated."""
    with pytest.raises(InputError, match="expected a URL without credentials") as caught:
        check_source(Data(**{"location": "table.csv", "target": "y"} | flags))
    assert "hunter2" not in str(caught.value)


def test_a_test_file_stands_beside_a_table(tmp_path):
    """An .npz file has arrays of its own for that."""
    np.savez(tmp_path / "a.npz", x=np.ones((20, 2)), y=np.arange(20) % 2)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"^--test: expected a file beside a file of --data; got it with .*a\.npz$"):
        check_source(Data(location=str(tmp_path / "a.npz"), test=str(tmp_path / "t.csv")))


def test_a_table_needs_a_target(tmp_path):
    """The columns are not guessed."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"^--target: expected the column of .* that is to be predicted; got none$"):
        check_source(Data(location=str(tmp_path / "t.csv")))


@pytest.mark.parametrize(
    ("source", "flag"),
    [
        ({"time": "a", "group": "b"}, "--group"),
        ({"time": "a", "test": "t.csv"}, "--test"),
    ],
)
def test_time_goes_with_neither_groups_nor_a_test_file(source, flag):
    """Each of them would decide the test set."""
    with pytest.raises(InputError, match=rf"^--time: expected neither --group nor --test beside it; got {flag}$"):
        check_source(Data(location="t.csv", target="y", **source))


def test_arrays_frames_tables_and_lists_are_the_same_rows():
    """Wine five times over gives the same sets."""
    frame = pd.DataFrame(X).rename(columns=str)
    given = [
        from_arrays("wine", X, Y),
        from_arrays("wine", X.tolist(), Y.tolist()),
        from_arrays("wine", frame, pd.Series(Y)),
        from_arrays("wine", frame.assign(kind=Y), "kind"),
        from_arrays("wine", pa.Table.from_pandas(frame.assign(kind=Y)), source=Data(location="wine", target="kind")),
    ]
    for dataset in given:
        assert cut(dataset, SPLIT, 0).test.x.tobytes() == cut(given[0], SPLIT, 0).test.x.tobytes()
        assert dataset.classes == ("0", "1", "2")


def test_held_out_arrays_are_the_test_set():
    """Rows 100 and on test on every seed."""
    dataset = from_arrays("wine", X[:100], Y[:100] % 2, test=(X[100:], Y[100:] % 2))
    assert dataset.fixed_test
    assert cut(dataset, SPLIT, 3).test.y.shape == (78, 2)
    with pytest.raises(InputError, match=r"^--test: expected features of shape \(13,\) in each row; got \(12,\)$"):
        from_arrays("wine", X, Y, test=(X[:, :12], Y))


@pytest.mark.parametrize(
    ("features", "target", "message"),
    [
        (X, Y[:-1], r"as many rows; got \(178, 13\) and \(177,\)$"),
        (X[:, 0], Y, r"expected features \(rows, columns\)"),
        (X.astype("complex128"), Y, "expected features that are numbers"),
        (X, None, r"^--target: expected what is to be predicted in t; got none$"),
        (X * np.inf, Y, r"expected numbers up to 1e\+100"),
        (np.full((178, 4, 4), np.nan), Y, "expected images without missing values"),
        ([[1], [1, 2]], [0, 1], "expected features to be an array"),
        (X[:5], Y[:5], "expected at least 10 rows with a target; got 5 in t"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(features, target, message):
    """Lengths, shapes and types."""
    with pytest.raises(InputError, match=message), np.errstate(invalid="ignore"):
        from_arrays("t", features, target)


def test_arrays_have_no_columns_to_name():
    """--drop needs names."""
    with pytest.raises(InputError, match=r"^--drop, --categorical, --group, --time: expected a table with names"):
        from_arrays("t", X, Y, source=Data(location="t", drop=("a",)))


def test_gaps_in_an_array_are_filled():
    """NaN in an array is a missing value, as in a table."""
    holes = X.copy()
    holes[::7, 3] = np.nan
    sets = cut(from_arrays("t", holes, Y), SPLIT, 0)
    assert sets.train.x.shape[1] == 14
    assert np.isfinite(sets.test.x).all()


def test_images_of_bytes_stay_bytes_until_a_seed_is_cut():
    """An eighth of the memory; the model gets float32 of mean 0 and deviation 1."""
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 6, 3)).astype("uint8")
    dataset = from_arrays("t", images, np.arange(50) % 2)
    assert dataset.features.dtype == np.uint8
    train = cut(dataset, SPLIT, 0).train.x
    assert (train.dtype, train.shape) == (np.float32, (30, 6, 6, 3))
    assert (train.mean(), train.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))


def test_numbers_of_any_width_are_read_without_a_warning():
    """A float16 cannot hold the largest number that is read, nor a float64 that of a long double."""
    for kind in ("float16", "float32"):
        assert from_arrays("t", np.ones((50, 6, 6, 1), kind), np.arange(50) % 2).features.dtype == kind
    with pytest.raises(InputError, match="expected numbers up to 1e"):
        from_arrays("t", np.full((50, 2), 2.0, np.longdouble) ** 5000, np.arange(50) % 2)


def test_an_npz_file_holds_arrays_by_name(tmp_path):
    """Keys x and y, upper case as well, and the test set's."""
    np.savez(tmp_path / "wine.npz", X=X[:100], y=Y[:100] % 2, x_test=X[100:], y_test=Y[100:] % 2)
    dataset = load_dataset(Data(location=str(tmp_path / "wine.npz")))
    assert (dataset.name, len(dataset.target), int(dataset.held_out.sum())) == ("wine", 178, 78)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "y": Y}, r"^--data: expected arrays called x and y in t; got a, y$"),
        ({"x": X, "y": Y, "x_test": X}, "expected both x_test and y_test in t; got one of them"),
        ({"x": np.array([object()] * 12), "y": Y[:12]}, "expected arrays of numbers in"),
    ],
)
def test_an_npz_file_without_usable_arrays_is_refused(tmp_path, arrays, message):
    """Nothing is unpickled, and names are named."""
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load_dataset(Data(location=str(tmp_path / "t.npz")))


CODE = """
import numpy as np, pandas as pd
X, Y = np.arange(60.0).reshape(20, 3) ** 2, np.arange(20) % 2
def pair(): return X, Y
def four(): return X, Y, X[:4], Y[:4]
def mapping(): return {"x": X, "y": Y}
def frame(): return pd.DataFrame(X, columns=list("abc")).assign(y=Y)
def columns(): return {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}
def number(): return 3
def broken():
    return X.nothing
def leaves(): raise SystemExit(3)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of its own name in the working directory."""
    name = f"data_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize(
    ("function", "target"), [("pair", None), ("four", None), ("mapping", None), ("frame", "y"), ("columns", "y")]
)
def test_a_function_in_the_working_directory_returns_the_data(module, function, target):
    """Arrays, arrays by name, a frame, or columns by name."""
    dataset = load_dataset(Data(location=f"{module}:{function}", target=target))
    assert dataset.features.shape == (24 if function == "four" else 20, 3)
    assert dataset.classes == ("0", "1")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", r"got AttributeError: .* at .*data_.*\.py:11$"),
        ("leaves", r"got SystemExit: 3 at .*data_.*\.py:12$"),
        ("number", r"to return \(features, target\), a frame, a mapping of arrays or a Dataset; got int$"),
        ("frme", r"got frme, which is not there \(did you mean frame\?\)$"),
    ],
)
def test_what_goes_wrong_in_a_function_says_where(module, function, message):
    """One line with the user's own file and line."""
    with pytest.raises(InputError, match=message) as refused:
        load_dataset(Data(location=f"{module}:{function}"))
    assert "\n" not in str(refused.value)


def test_a_module_that_is_not_there_or_does_not_compile_says_so(module, tmp_path):
    """The name, or the line."""
    with pytest.raises(InputError, match=r"got ModuleNotFoundError: No module named 'no_such_module'$"):
        load_dataset(Data(location="no_such_module:f"))
    (tmp_path / f"{module}_bad.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(InputError, match=rf"got SyntaxError: .* at .*{module}_bad.py:2$"):
        load_dataset(Data(location=f"{module}_bad:f"))


SEVERAL = "@RELATION t\n@ATTRIBUTE a REAL\n@ATTRIBUTE k {0,1}\n@ATTRIBUTE class {1,2}\n@DATA\n" + "".join(
    f"{row * row % 17},{row % 3 // 2},{row % 2 + 1}\n" for row in range(30)
)
ARFF = "@RELATION t\n@ATTRIBUTE a REAL\n@ATTRIBUTE k {u,v}\n@ATTRIBUTE class {no,yes}\n@DATA\n" + "".join(
    f"{row * row % 17},{'uv'[row % 3 // 2]},{('no', 'yes')[row % 2]}\n" for row in range(30)
)
FEATURES = [
    {"index": str(place), "name": name, "data_type": kind, "is_target": target, "is_ignore": "false"}
    | {"is_row_identifier": "false", "number_of_missing_values": "0"}
    for place, (name, kind, target) in enumerate(
        [("a", "numeric", "false"), ("k", "nominal", "false"), ("class", "nominal", "true")]
    )
]


class OpenML(http.server.BaseHTTPRequestHandler):
    """The four answers that scikit-learn asks OpenML for; any other data set is unknown there."""

    def do_GET(self):
        """Answer by path."""
        url = f"http://{self.headers['Host']}/data/t.arff"
        description = {"id": "61", "name": "t", "version": "1", "status": "active", "format": "ARFF", "url": url}
        description |= {"md5_checksum": hashlib.md5(ARFF.encode()).hexdigest(), "description": "", "file_id": "61"}
        other = description | {"id": "62", "url": url.replace("t.arff", "s.arff")}
        other["md5_checksum"] = hashlib.md5(SEVERAL.encode()).hexdigest()
        several = [FEATURES[0], FEATURES[1] | {"is_target": "true"}, FEATURES[2]]
        answers = {
            "/61": json.dumps({"data_set_description": description}),
            "/62": json.dumps({"data_set_description": other}),
            "/features/61": json.dumps({"data_features": {"feature": FEATURES}}),
            "/features/62": json.dumps({"data_features": {"feature": several}}),
            "/qualities/62": json.dumps({"data_qualities": {"quality": []}}),
            "/data/s.arff": SEVERAL,
            "/qualities/61": json.dumps(
                {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "30"}]}}
            ),
            "/data/t.arff": ARFF,
        }
        self.server.asked.append(self.path)
        answer = answers.get(self.path)
        self.send_response(200 if answer else 412)
        self.end_headers()
        self.wfile.write((answer or json.dumps({"error": {"code": "111", "message": "Unknown dataset"}})).encode())

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.fixture
def openml(monkeypatch, tmp_path):
    """scikit-learn's own download, from a server on this machine into an empty cache; the paths that it asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenML)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for name, path in (("INFO", "/{}"), ("FEATURES", "/features/{}"), ("QUALITIES", "/qualities/{}")):
        monkeypatch.setattr(f"sklearn.datasets._openml._DATA_{name}", base + path)
    yield server.asked
    server.shutdown()
    server.server_close()


def test_a_data_set_of_openml_is_downloaded_once(openml):
    """Its own target is taken; the second time nothing is asked for."""
    dataset = load_dataset(Data(location="openml:61"))
    assert (dataset.name, dataset.classes, len(dataset.target)) == ("openml:61", ("no", "yes"), 30)
    kinds = {name: kind for name, kind, _ in describe_columns(dataset)}
    assert kinds == {"class": "target", "a": "number", "k": "category"}
    asked = len(openml)
    assert load_dataset(Data(location="openml:61")).fingerprint == dataset.fingerprint
    assert len(openml) == asked
    assert load_dataset(Data(location="openml:61", target="k")).classes == ("u", "v")


@pytest.mark.usefixtures("openml")
def test_numbers_of_openml_can_be_categories_and_another_target_is_no_input():
    """Values that are declared to be few are categories and classes, numbers too."""
    dataset = load_dataset(Data(location="openml:62", target="class"))
    assert dataset.classes == ("1", "2")
    assert [name for name, _, _ in describe_columns(dataset)] == ["class", "a"]
    assert "The other targets of openml:62 are no input: k; --target chooses one." in dataset.notes
    kept = load_dataset(Data(location="openml:62", target="a", task="regression"))
    assert {name: kind for name, kind, _ in describe_columns(kept)} == {
        "a": "target",
        "k": "category",
        "class": "category",
    }


@pytest.mark.usefixtures("openml")
def test_openml_without_such_a_data_set_or_network_is_one_line(monkeypatch):
    """An unknown number, and a server that is not there."""
    with pytest.raises(InputError, match=r"^--data: expected a data set of OpenML, downloaded once; got openml:99: "):
        load_dataset(Data(location="openml:99"))
    monkeypatch.setattr("sklearn.datasets._openml._DATA_INFO", "http://127.0.0.1:9/{}")
    with pytest.raises(InputError, match=r"got openml:62: .*refused") as refused:
        load_dataset(Data(location="openml:62"))
    assert "\n" not in str(refused.value)
