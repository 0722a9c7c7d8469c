"""Files that regfleet reads: valid ones, damaged ones, and made up ones that are as odd as their format allows."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from hostile import NAMES, NUMBERS, TOKENS, link, mutated, other_values
from studies import make

from regfleet.jobs.archive import Carried, lines, pack, unpack

if TYPE_CHECKING:
    from harness import Case

ROWS = 40
STUDY = """data = ["iris", { location = "table.csv", target = "y", drop = ["b"] }]
seeds = "0-3"
split = "60/20/20"

[model]
hidden = [8, 4]
activation = ["tanh", "relu"]

[training]
epochs = 3
batch_size = 16
optimizer = "adam"
learning_rate = 0.001

[analysis]
scope = "new_data"
metric = "accuracy"
rope = 0.01
alpha = 0.05

[[variant]]
technique = "none"

[[variant]]
technique = "l2(0.01)@all+dropout(0.3)@1"
label = "Both"
training = { batch_size = 32 }
"""
ARGUMENTS = {
    "table": ("datasets", "{}", "--target", "y"),
    "arrays": ("datasets", "{}"),
    "study": ("compare", "{}", "--dry-run", "--out", "new"),
    "scores": ("analyze", "{}", "--scope", "this_dataset", "--out", "judged"),
}
"""How each kind of file is handed over."""


def prepare(folder: Path) -> None:
    """Valid files of every format, and a results directory with its report."""
    make(folder)
    draw = np.random.default_rng(0)
    table = pa.table({
        "a": draw.normal(size=ROWS), "b": draw.integers(0, 9, ROWS), "c": [*"xyzw"] * (ROWS // 4),
        "d": pa.array(draw.integers(0, 2**31, ROWS), pa.timestamp("s")), "e": draw.random(ROWS) < 0.5,
        "y": ["yes", "no"] * (ROWS // 2),
    })  # fmt: skip
    text = io.BytesIO()
    pa.csv.write_csv(table, text)
    written = {
        "table.csv": text.getvalue(),
        "table.tsv": text.getvalue().replace(b",", b"\t"),
        "table.csv.gz": gzip.compress(text.getvalue()),
        "utf16.csv": text.getvalue().decode().encode("utf-16"),
        "study.toml": STUDY.encode(),
        "wide.csv": _wide(draw),
        "long.csv": b"technique,seed,accuracy,n_train,n_test\n"
        + b"".join(b"%s,%d,0.%d,90,30\n" % (name, seed, 70 + seed) for name in (b"none", b"l2") for seed in range(9)),
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    pyarrow.parquet.write_table(table, folder / "table.parquet")
    for how in ("lz4", "zstd", "uncompressed"):
        pyarrow.feather.write_feather(table, folder / f"{how}.feather", compression=how)
    pyarrow.parquet.write_table(pa.csv.read_csv(folder / "wide.csv"), folder / "wide.parquet")
    arrays = {"x": draw.normal(size=(ROWS, 3)), "y": draw.integers(0, 2, ROWS)}
    np.savez(folder / "arrays.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays, x_test=arrays["x"], y_test=arrays["y"])


def _wide(draw: np.random.Generator) -> bytes:
    rows = (f"{seed},{draw.random():.3f},{draw.random():.3f},{draw.random():.3f}" for seed in range(9))
    return "\n".join(["seed,none,l2,dropout", *rows, ""]).encode()


def _bomb_parquet(path: Path) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, "int32")), ["x" * 10_000])
    pyarrow.parquet.write_table(pa.table({"a": long, "y": long}), path)


def _bomb_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, shape in (("x", (150_000_000, 2)), ("y", (150_000_000,))):
            head = io.BytesIO()
            np.lib.format.write_array_header_1_0(head, {"descr": "|i1", "fortran_order": False, "shape": shape})
            with packed.open(f"{name}.npy", "w") as member:
                member.write(head.getvalue())
                for _ in range(int(np.prod(shape)) // 10_000_000):
                    member.write(bytes(10_000_000))


def _text(content: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content())


BOMBS: dict[str, Callable[[Path], object]] = {
    "bomb.parquet": _bomb_parquet,
    "bomb.npz": _bomb_npz,
    "bomb.csv.gz": _text(lambda: gzip.compress(b"1,2\n" * 5_000_000, 1) * 60),
    "equal.csv": _text(lambda: b"a," * 100_000 + b"y\n" + b"1," * 100_000 + b"2\n"),
    "columns.csv": _text(lambda: b",".join(b"c%d" % one for one in range(50_000)) + b"\n"),
    "deep.toml": _text(lambda: b"seeds = " + b"[" * 5000 + b"]" * 5000),
    "number.toml": _text(lambda: b"seeds = " + b"9" * 5000),
    "dotted.toml": _text(lambda: b".".join([b"a"] * 5000) + b" = 1"),
    "tables.toml": _text(lambda: b"[[variant]]\n" * 100_000),
    "deep.csv": _text(lambda: b'seed,none,"' + b'""' * 1_000_000),
}
"""Small files that unpack to much, or that take long."""


def play(case: Case) -> None:
    """Hand over one file of a random kind."""
    case.draw.choices([*PLAYS], [*PLAYS.values()])[0](case)


def _hand_over(case: Case, kind: str, name: str, content: bytes | None) -> None:
    path = case.folder / name
    if content is not None:
        path.write_bytes(content)
    case.command(*(one.format(name) for one in ARGUMENTS[kind]))
    if not case.refused and not case.findings and name.endswith((".feather", ".parquet")) and kind == "table":
        case.call(partial(_valid, path))


def _valid(path: Path) -> None:
    """What was accepted is whole to a reader that looks at every value; raises otherwise."""
    read = pyarrow.feather.read_table if path.suffix == ".feather" else pyarrow.parquet.read_table
    read(path).validate(full=True)


SOURCES = {
    "table": ("table.csv", "table.tsv", "table.csv.gz", "utf16.csv", "table.parquet", "lz4.feather", "zstd.feather",
              "uncompressed.feather"),
    "arrays": ("arrays.npz", "packed.npz"),
    "study": ("study.toml",),
    "scores": ("wide.csv", "long.csv", "wide.parquet"),
}  # fmt: skip


def _damaged(case: Case) -> None:
    draw = case.draw
    kind = draw.choices([*SOURCES], [5, 2, 2, 3])[0]
    name = draw.choice(SOURCES[kind])
    content, other = ((case.seeds / one).read_bytes() for one in (name, draw.choice(SOURCES[kind])))
    if name.endswith(".gz") and draw.random() < 0.7:
        content = gzip.compress(mutated(draw, gzip.decompress(content), other))
    elif name.endswith(".npz") and draw.random() < 0.7:
        content = _repacked(draw, content)
    else:
        content = mutated(draw, content, other)
    shutil.copy(case.seeds / "table.csv", case.folder)
    _hand_over(case, kind, f"given.{name.partition('.')[2]}", content)


def _encodable(name: str) -> str:
    """The name without what no UTF-8 holds."""
    return name.encode("utf-8", "ignore").decode() or "x"


def _repacked(draw: Random, content: bytes) -> bytes:
    """The archive with damaged members, under good checksums."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", draw.choice((0, 8, 12, 14))) as new:
        for name in old.namelist():
            member = mutated(draw, old.read(name)) if draw.random() < 0.6 else old.read(name)
            new.writestr(name if draw.random() < 0.9 else _encodable(draw.choice(NAMES)), member)
    return packed.getvalue()


def _as_it_is(case: Case) -> None:
    draw = case.draw
    name = draw.choice([*BOMBS])
    kinds = {".toml": ("study",), ".npz": ("arrays",), ".parquet": ("table", "scores"), ".csv": ("table", "scores")}
    BOMBS[name](case.folder / name)
    _hand_over(case, draw.choice(kinds.get(Path(name).suffix, ("table",))), name, None)


def _special(case: Case) -> None:
    """A file that is none: a pipe, a device, a folder, a link round about, one that cannot be read."""
    draw = case.draw
    kind = draw.choice([*SOURCES])
    path = case.folder / f"given.{draw.choice(SOURCES[kind]).partition('.')[2]}"
    makes: tuple[Callable[[Path], Any], ...] = (
        os.mkfifo, os.mkdir, lambda at: at.touch(0), lambda at: os.truncate(_touched(at), 3 * 2**30),
        *(partial(link, target) for target in (path.name, "/dev/zero", "/dev/null", "/proc/self/mem", "/dev/stdin")),
    )  # fmt: skip
    draw.choice(makes)(path)
    case.command(*(one.format(path.name) for one in ARGUMENTS[kind]), seconds=20)


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _odd_table(case: Case) -> None:
    """A valid Arrow file of unusual types."""
    draw = case.draw
    columns = {_encodable(draw.choice(NAMES)): draw.choice(ODD)() for _ in range(3)}
    columns |= {"y": draw.choice((*ODD, lambda: pa.array(["yes", "no"] * (ROWS // 2))))()}
    table = pa.table(columns)
    name = draw.choice(("given.feather", "given.parquet"))
    try:
        (pyarrow.feather.write_feather if name.endswith("feather") else pyarrow.parquet.write_table)(
            table, case.folder / name
        )
    except (pa.ArrowException, ValueError, TypeError):
        return
    _hand_over(case, "table", name, None)


def _of(kind: pa.DataType, values: Any = None) -> Callable[[], pa.Array]:
    return lambda: pa.array([None, *([values] * (ROWS - 1))], kind)


ODD: tuple[Callable[[], pa.Array], ...] = (
    _of(pa.binary(4), b"abcd"), _of(pa.binary_view(), b"abc"), _of(pa.string_view(), "abc"), _of(pa.null()),
    _of(pa.month_day_nano_interval(), (1, 2, 3)), _of(pa.date64(), 86_400_000 * 10**7), _of(pa.date32(), 2**31 - 1),
    _of(pa.timestamp("s"), 2**60), _of(pa.timestamp("ns", "Europe/Berlin"), 1), _of(pa.duration("s"), 2**62),
    _of(pa.time32("s"), 1), _of(pa.decimal128(38, 10), 1), _of(pa.decimal256(76, 0), 10**75), _of(pa.float16(), 1.5),
    _of(pa.list_(pa.int8()), [1]), _of(pa.map_(pa.string(), pa.int8()), [("a", 1)]), _of(pa.uint64(), 2**64 - 1),
    _of(pa.struct([("a", pa.int8())]), {"a": 1}), _of(pa.large_binary(), b"\xff"), _of(pa.list_(pa.int8(), 2), [1, 2]),
    lambda: pa.array(["a", None] * (ROWS // 2)).dictionary_encode(), lambda: pa.array([1.5, None] * (ROWS // 2)),
    lambda: pa.array(range(ROWS)), lambda: pa.array([float("nan"), float("inf")] * (ROWS // 2)),
    lambda: pa.DictionaryArray.from_arrays(pa.array([0, 1] * (ROWS // 2)), pa.array([[1], [2]])),
    lambda: pa.array((np.arange(ROWS) - 10**14).astype("M8[ms]")),
    lambda: pa.array([f"9{one:05}-01-01" for one in range(ROWS)]),
    lambda: pa.array([*map(_encodable, NAMES[:ROWS])]),
    lambda: pa.array([*(NUMBERS * 2)[:ROWS]]), lambda: pa.RunEndEncodedArray.from_arrays([ROWS], [1.5]),
)  # fmt: skip
"""Columns of forty rows."""


def _odd_arrays(case: Case) -> None:
    """A valid .npz of unusual arrays."""
    draw = case.draw
    shapes = [(ROWS, 3), (ROWS,), (ROWS, 0), (0, 3), (), (ROWS, 2, 2), (1, 3), (ROWS, 1)]
    kinds = [
        "f8",
        "f4",
        "f2",
        "i8",
        "u8",
        "?",
        "c16",
        "S3",
        "U3",
        "M8[s]",
        "m8[s]",
        "V4",
        "O",
        ">f8",
        "g",
        [("a", "i4")],
    ]
    made = {
        draw.choice(("x", "X", "data", name)): np.zeros(
            draw.choice(shapes[:3] + shapes), draw.choice(kinds[:4] + kinds)
        )
        for name in ("x", "x_test", "extra")
    }
    for name in draw.sample(("y", "y_test", "target"), draw.choice((1, 1, 2))):
        values = [np.arange(ROWS) % 2, np.arange(ROWS) % 2 * 1.5, np.full(ROWS, np.nan), np.array([*"ab"] * 20)]
        made[name] = draw.choice([*values, np.zeros((ROWS, 2)), np.array(3), np.arange(ROWS).astype("M8[s]")])
    np.savez(case.folder / "given.npz", **made)
    _hand_over(case, "arrays", "given.npz", None)


def _odd_study(case: Case) -> None:
    """A study whose fields hold other things."""
    import tomllib

    import tomli_w

    draw = case.draw
    tree = other_values(draw, tomllib.loads(STUDY))
    try:
        text = tomli_w.dumps(tree)
        content = text.encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, AttributeError, RecursionError):
        content = mutated(draw, STUDY.encode())
    shutil.copy(case.seeds / "table.csv", case.folder)
    _hand_over(case, "study", "given.toml", content)


def _odd_scores(case: Case) -> None:
    """Scores of hostile names and numbers."""
    draw = case.draw
    values = [*NUMBERS, "0.5", "0.9", "", "x"]
    head = ["seed", "none", *(draw.choice((*NAMES, "accuracy", "n_test", "dataset", "technique")) for _ in range(2))]
    rows = [[draw.choice(("1", str(n), *NUMBERS)) if draw.random() < 0.1 else str(n)] for n in range(8)]
    for row in rows:
        row += [draw.choice(values) if draw.random() < 0.1 else f"0.{draw.randrange(10, 99)}" for _ in head[1:]]
    text = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in (head, *rows))
    (case.folder / "given.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    more = draw.choice(
        (
            (),
            ("--metric", draw.choice(("seed", "technique", "loss", "accuracy", "x"))),
            ("--rope", draw.choice(NUMBERS)),
        )
    )
    case.command("analyze", "given.csv", "--scope", "this_dataset", "--out", draw.choice(("judged", ".")), *more)


def _beside(case: Case) -> None:
    """The other files of a results directory, and the site's: damaged, or well-formed with other values."""
    draw, out = case.draw, case.folder / "out"
    shutil.copytree(case.seeds / "whole", out)
    if draw.random() < 0.4:
        (case.folder / "site").mkdir()
        report = (out / "report.html").read_bytes()
        manifest = {"entries": {"old": _entry(report)}, "files": {"index.html": "0" * 64, "old/report.html": "0" * 64}}
        if draw.random() < 0.7:
            text = _damaged_json(draw, json.dumps(manifest).encode())
            (case.folder / "site" / "regfleet-site.json").write_bytes(text)
        else:
            entry = json.dumps(other_values(draw, _entry(report))).encode()
            start, end = _entry_span(report)
            (out / "report.html").write_bytes(report[:start] + entry + report[end:])
        case.command("publish", "out", "--site", "site")
        return
    path = out / draw.choice(("provenance.json", "progress.json", "study.toml"))
    change = mutated if path.suffix == ".toml" else _damaged_json
    path.write_bytes(change(draw, path.read_bytes()))
    for command in ("status", "report"):
        case.command(command, "out")
    case.command("compare", "--out", "out", "--dry-run", "--epochs", "3", "--seeds", "4", "-t", "l2")


def _damaged_json(draw: Random, content: bytes) -> bytes:
    if draw.random() < 0.3:
        return mutated(draw, content)
    text = json.dumps(other_values(draw, json.loads(content)), ensure_ascii=draw.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _entry_span(report: bytes) -> tuple[int, int]:
    start = report.index(b'id="entry">') + len(b'id="entry">')
    return start, report.index(b"</script>", start)


def _entry(report: bytes) -> Any:
    start, end = _entry_span(report)
    return json.loads(report[start:end])


def _archive(case: Case) -> None:
    """What a job sends back: damaged under a good checksum, with hostile names, or damaged on its way."""
    draw = case.draw
    packed = pack(case.seeds / "whole")
    way = draw.random()
    if way < 0.4:
        packed = mutated(draw, packed)
    elif way < 0.8:
        packed = _with_member(draw, packed)
    text = "\n".join(lines(packed)).encode()
    if way > 0.8:
        text = mutated(draw, text)

    def fetched(_: object) -> None:
        carried = Carried()
        for line in text.decode("utf-8", "replace").splitlines():
            carried.take(line)
        if archive := carried.archive():
            unpack(archive, Path("out"))
        raise SystemExit(0)

    def instead() -> None:
        from regfleet.concluding import status

        status.status = fetched

    # What is wrong is said as every command says it.
    case.command("status", "out", before=instead)
    outside = [path for path in case.folder.parents[1].rglob("*") if case.folder not in (path, *path.parents)]
    if any(path.is_file() for path in outside):
        case.found("written outside", str(outside))


def _with_member(draw: Random, packed: bytes) -> bytes:
    made = io.BytesIO(packed)
    name = draw.choice(
        (*NAMES, "sitecustomize.py", "trials/../../x", "study.toml", "trials", "a/b/c", "x.tmp", "trials/x.py")
    )
    with zipfile.ZipFile(made, "a", draw.choice((0, 8, 12, 14))) as archive:
        info = zipfile.ZipInfo(_encodable(name))
        info.external_attr = draw.choice((0, 0o120777 << 16, 0o040755 << 16, 0o4755 << 16))
        info.flag_bits |= draw.choice((0, 1))
        archive.writestr(info, draw.choice(TOKENS))
    return made.getvalue()


PLAYS: dict[Callable[[Case], None], int] = {
    _damaged: 60, _odd_table: 8, _odd_arrays: 6, _odd_study: 10, _odd_scores: 8, _beside: 4, _archive: 5, _special: 2,
    _as_it_is: 1,
}  # fmt: skip
"""Which file is handed over, and how often."""
