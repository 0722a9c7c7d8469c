"""Tables from files: CSV, TSV, Parquet and Feather, plain or gzipped, on this machine or at a URL pyarrow knows."""

import csv
import functools
import io
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.data.columns import is_text, is_useless
from regfleet.errors import InputError
from regfleet.memory import check_room, limited, room
from regfleet.text import given, named, nearest, one_line, reason

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".parquet", ".feather")
MAX_BYTES = 2 * 1024**3
"""Of a file, uncompressed."""
MAX_VALUES = 100_000_000
"""Rows × columns of a table. 2 million rows × 30 numbers, 0.48 GB as float64, took at most 1.1 GB to load from Parquet
and 3.4 GB from a CSV file of 1.2 GB, and 2.1 GB to cut into the sets of a seed: 5 times the numbers, or 7 from text."""
MAX_COLUMNS = 50_000
"""Each takes a third of a millisecond to look at."""
HEAD_BYTES = 1 << 24
MOST_NOTES = 10
BLOCK_BYTES = 1 << 20
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAMPLE_BYTES = 1 << 16
PANDAS_INDEX = "__index_level_"


def is_file(location: str) -> bool:
    """Whether a location is written as a file or a URL, and not as a name of something else."""
    written = "/" in location or "\\" in location or suffix(location) in {*SUFFIXES, ".npz"}
    return written or files.is_file(location)


def suffix(location: str) -> str:
    """The extension that says what is in a file, without ``.gz``."""
    return Path(location.lower().removesuffix(".gz")).suffix


def check_file(location: str, flag: str, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise InputError, naming ``flag``, when a file cannot be read: its extension, its absence, kind or size."""
    if suffix(location) not in suffixes:
        raise InputError(
            f"{flag}: expected a file called *{', *'.join(suffixes)} (or one of these with .gz); got {named(location)}"
        )
    try:
        filesystem, path = _filesystem(location, flag)
        found = _remote_size(filesystem, path) if filesystem else files.check(path, MAX_BYTES)
    except FileNotFoundError:
        raise InputError(f"{flag}: expected a file; got {named(location)}, no such file{_nearest(location)}") from None
    except OSError as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"{flag}: expected a file that can be read; got {named(location)}: {said}") from None
    if not found:
        raise InputError(f"{flag}: expected a table; got {named(location)}, which is empty")


def read_bytes(location: str, flag: str) -> Any:
    """The bytes of a file, decompressed, as a pyarrow buffer.

    A file is not mapped: one that somebody makes shorter meanwhile would end the process.
    """
    import pyarrow as pa

    try:
        filesystem, path = _filesystem(location, flag)
        most = min(MAX_BYTES, room())
        if not filesystem and not path.endswith(".gz"):
            return pa.py_buffer(files.read(path, most))
        compression = "gzip" if path.endswith(".gz") else None
        with filesystem.open_input_stream(path, compression=None) if filesystem else files.opened(path, most) as raw:
            stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), compression) if compression else raw
            return pa.py_buffer(_at_most(stream, most))
    except (OSError, pa.ArrowException) as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"{flag}: expected a file that can be read; got {named(location)}: {said}") from None


def _at_most(stream: Any, most: int) -> bytearray:
    """What ``stream`` gives; raises OSError as soon as it is more than so many bytes."""
    content = bytearray()
    while block := stream.read(BLOCK_BYTES):
        content += block
        if len(content) > most:
            raise files.UnfitFileError(f"more than the {files.size(most)} that are read, unpacked")
    return content


def read_table(location: str, flag: str) -> "tuple[pa.Table, tuple[str, ...]]":
    """The table in a file, every column of another name, and what had to be assumed to read it.

    Raises InputError, naming ``flag``, when there is none.
    """
    import pyarrow as pa

    check_file(location, flag)
    content, kind, name = read_bytes(location, flag), suffix(location), Path(location).name
    notes: list[str] = []
    try:
        if kind in {".csv", ".tsv"}:
            table, notes = _read_csv(content, name, "\t" if kind == ".tsv" else ",")
        else:
            table = _read_feather(content) if kind == ".feather" else read_parquet(content)
            table.validate(full=True)
        _check_size(table)
        table = table.select([n for n, name in enumerate(table.column_names) if not name.startswith(PANDAS_INDEX)])
        names, renamed = unique_names(table.column_names)
    # Damaged names are no UTF-8, damaged types no types, and what is damaged says any size.
    except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError, LookupError, csv.Error) as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"{flag}: expected a table in {named(location)}; got: {said}") from None
    return table.rename_columns(names), (*notes, *renamed)


def _check_size(table: "pa.Table") -> None:
    """Raise OSError for a table whose values are too many or take too much memory once they are written out."""
    import pyarrow as pa

    _check_shape(table.num_rows, table.num_columns)
    coded = pa.types.is_dictionary
    held = sum(_written_out(column) if coded(column.type) else column.nbytes for column in table.columns)
    if held > MAX_BYTES:
        raise files.UnfitFileError(f"{files.size(held)} of values, where at most {files.size(MAX_BYTES)} are read")
    check_room(held)


def check_values(rows: int, columns: int) -> None:
    """Raise OSError for more values than are read."""
    if rows * columns > MAX_VALUES:
        raise files.UnfitFileError(f"{rows:,} rows × {columns:,} columns, where at most {MAX_VALUES:,} values are read")


def _check_shape(rows: int, columns: int) -> None:
    check_values(rows, columns)
    if columns > MAX_COLUMNS:
        raise files.UnfitFileError(f"{columns:,} columns, where at most {MAX_COLUMNS:,} are read")


def _written_out(column: "pa.ChunkedArray") -> int:
    """The bytes that a dictionary's values take where each row has its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not is_text(column.type.value_type):
        return len(column) * 16
    sizes = (pc.take(pc.binary_length(part.dictionary.cast(pa.large_string())), part.indices) for part in column.chunks)
    return sum(pc.sum(size).as_py() or 0 for size in sizes) + 8 * len(column)


def unique_names(names: list[str]) -> tuple[list[str], list[str]]:
    """The names on one line, with a number behind those that stood before, and notes on those that were changed."""
    plain = ["".join(mark if mark.isprintable() else "?" for mark in " ".join(name.split())) for name in names]
    found: dict[str, None] = {}
    notes, taken = [], set(plain)
    following: dict[str, int] = {}
    for place, (name, old) in enumerate(zip(plain, names, strict=True), 1):
        new, stem = name or f"column {place}", name or "column"
        while new in found or (new != name and new in taken):
            following[stem] = following.get(stem, 1) + 1
            new = f"{stem} {following[stem]}"
        if new != old:
            notes.append(f"The column {given(old)} at place {place} is called {given(new)} here.")
        found[new] = None
    if len(notes) > MOST_NOTES:
        notes = [*notes[: MOST_NOTES - 1], f"{len(notes) - MOST_NOTES + 1:,} more columns are called otherwise here."]
    return list(found), notes


def _filesystem(location: str, flag: str) -> tuple[Any, str]:
    """The file system of a URL, None for this machine's, and the path there."""
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in location:
        return None, str(files.local(location).absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (pa.ArrowException, OSError, ValueError) as problem:
        msg = f"{flag}: expected a path, or a URL that pyarrow can open (file://, s3://, gs://); got {named(location)}"
        raise InputError(f"{msg}: {one_line(problem, 200)}") from None
    return (None if filesystem.type_name == "local" else filesystem), path


def _remote_size(filesystem: Any, path: str) -> int:
    from pyarrow.fs import FileType

    info = filesystem.get_file_info(path)
    if info.type == FileType.NotFound:
        raise FileNotFoundError
    if info.type != FileType.File:
        raise files.UnfitFileError("a folder")
    if info.size is not None and info.size > MAX_BYTES:
        raise files.UnfitFileError(f"{files.size(info.size)}, where at most {files.size(MAX_BYTES)} are read")
    return 1 if info.size is None else int(info.size)


def _nearest(location: str) -> str:
    if "://" in location:
        return ""
    folder = files.local(location).parent
    try:
        return nearest(Path(location).name, sorted(itertools.islice(os.listdir(folder), 1000)))  # noqa: PTH208 - names
    except OSError:
        return ""


def _read_feather(content: Any) -> "pa.Table":
    """The table of a Feather file, which is Arrow's IPC file; the first version of Feather was another format."""
    import pyarrow as pa

    if content[:4].to_pybytes() == b"FEA1":
        raise pa.ArrowInvalid("Feather version 1; write it again as version 2")
    with limited(min(2 * MAX_BYTES, room())):
        schema = pa.ipc.open_file(content).schema
        used = [place for place, kind in enumerate(schema.types) if not is_useless(kind)]
        options = pa.ipc.IpcReadOptions(included_fields=used, use_threads=False)
        return _whole(pa.ipc.open_file(content, options=options).read_all(), schema)


def read_parquet(content: Any) -> "pa.Table":
    """The table of a Parquet file; texts are read as dictionaries, and written out once their length is known.

    Raises OSError or an exception of pyarrow's, ValueError, TypeError or LookupError where there is none.
    """
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(content))
    schema, metadata = file.schema_arrow, file.metadata
    _check_shape(metadata.num_rows, len(schema))
    # Of the group, for a damaged column ends the process where pyarrow is asked for what is known of it.
    stated = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    check_room(stated + 8 * metadata.num_rows * len(schema))
    used = [field for field in schema if not is_useless(field.type)]
    if len(used) < len(schema) and len(set(schema.names)) < len(schema):
        raise pa.ArrowInvalid("columns of equal names, beside lists or bytes")
    texts = [field.name for field in used if is_text(field.type)]
    file = parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    table = file.read([field.name for field in used] if len(used) < len(schema) else None)
    _check_size(table)
    columns = [
        column.cast(pa.large_string()) if is_text(field.type) else column
        for field, column in zip(used, table.columns, strict=True)
    ]
    return _whole(pa.table(columns, names=[field.name for field in used]), schema)


def _whole(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """``table`` with the columns of ``schema`` that are of no use, and were not read, as empty ones of their type."""
    import pyarrow as pa

    read = iter(table.columns)
    empty = functools.partial(pa.nulls, len(table))
    columns = [pa.chunked_array([empty(kind)]) if is_useless(kind) else next(read) for kind in schema.types]
    return pa.table(columns, names=schema.names)


def _read_csv(content: Any, name: str, usual: str) -> "tuple[pa.Table, list[str]]":
    import pyarrow as pa

    start = content[:SAMPLE_BYTES].to_pybytes()
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    delimiter = _delimiter(start.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace"), usual)
    head = content[:HEAD_BYTES].to_pybytes().decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    columns = len(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), ()))
    _check_shape(0, columns)
    parts = range(0, content.size, HEAD_BYTES)
    lines = sum(content[place : place + HEAD_BYTES].to_pybytes().count(b"\n") for place in parts)
    if lines * columns > 3 * MAX_VALUES:  # of lines that are within cells there may be some
        _check_shape(lines, columns)
    check_room(3 * content.size)
    notes = [] if delimiter == usual else [f"The columns of {name} are separated by {DELIMITERS[delimiter]}."]
    table = _parse(content, encoding, delimiter)
    if table is None:
        table = _parse(content, "latin-1", delimiter)
        notes.append(f"{name} is not UTF-8; it was read as Latin-1.")
    if table is None:
        raise pa.ArrowInvalid("neither UTF-8 nor Latin-1 text")
    return table, notes


def _delimiter(sample: str, usual: str) -> str:
    """The delimiter that cuts the first lines into equally many columns, and into most."""

    def score(mark: str) -> tuple[float, int, bool]:
        try:
            widths = [len(row) for row in itertools.islice(csv.reader(io.StringIO(sample), delimiter=mark), 50) if row]
        except csv.Error:
            return 0.0, 0, False
        alike = sum(width == widths[0] for width in widths) / len(widths) if widths and widths[0] > 1 else 0.0
        return round(alike, 1), widths[0] if widths else 0, mark == usual

    best = max(DELIMITERS, key=score)
    return best if score(best)[0] else usual


def _parse(content: Any, encoding: str, delimiter: str) -> "pa.Table | None":
    """The table, or None when the bytes are not of that encoding.

    pyarrow takes a column's type from the first block; where a later one does not fit, every column is read as text,
    and its type is found from all of its values.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    def read(**convert: Any) -> pa.Table:
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(encoding=encoding),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(strings_can_be_null=True, **convert),
        )

    try:
        try:
            table = read()
        except pa.ArrowInvalid as problem:
            if "conversion error" not in str(problem):
                raise
            table = read(column_types=dict.fromkeys(_header(content, encoding, delimiter), pa.string()))
        table = table.rename_columns(table.column_names)  # decodes the names
        undecoded = any(pa.types.is_binary(field.type) for field in table.schema)
    except UnicodeDecodeError:
        return None
    except pa.ArrowInvalid as problem:
        if "UTF8" in str(problem) or "UTF-8" in str(problem):
            return None
        raise
    return None if undecoded else table


def _header(content: Any, encoding: str, delimiter: str) -> list[str]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    reader = arrow_csv.open_csv(
        pa.BufferReader(content),
        read_options=arrow_csv.ReadOptions(encoding=encoding),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    )
    names: list[str] = reader.schema.names
    return names
