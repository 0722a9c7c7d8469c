"""Tables from files: CSV, TSV, Parquet and Feather, plain or gzipped, on this machine or at a URL pyarrow knows."""

import codecs
import csv
import functools
import io
import itertools
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.data.arrow import is_text, is_useless
from regfleet.data.layout import BLANKS, BLOCK_BYTES, SAMPLE_BYTES, cells_of, find_layout, is_utf8, regular_rows, utf8
from regfleet.data.numerals import Decimal, decimal_of
from regfleet.errors import InputError
from regfleet.memory import check_room, limited, room
from regfleet.text import given, named, nearest, one_line, reason

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = (".csv", ".tsv", ".txt", ".data", ".dat")
TABLES = (".csv", ".tsv", ".parquet", ".feather")
"""What is a table by its name; others may be."""
SUFFIXES = tuple(dict.fromkeys((*TABLES, *TEXTS)))
MAX_BYTES = 2 * 1024**3
"""Of a file, uncompressed."""
MAX_VALUES = 100_000_000
"""Rows × columns of a table. 2 million rows × 30 numbers, 0.48 GB as float64, took at most 1.1 GB to load from Parquet
and 3.4 GB from a CSV file of 1.2 GB, and 2.1 GB to cut into the sets of a seed: 5 times the numbers, or 7 from text."""
MAX_COLUMNS = 50_000
"""Each of numbers takes a third of a millisecond to look at, each of texts two: 45 s for 20,000."""
HEAD_BYTES = 1 << 24
MOST_NOTES = 10
PANDAS_INDEX = "__index_level_"


def is_file(location: str) -> bool:
    """Whether a location is written as a file or a URL, and not as a name of something else."""
    written = "/" in location or "\\" in location or suffix(location) in {*TABLES, ".npz"}
    return written or files.is_file(location)


def suffix(location: str) -> str:
    """The extension that says what is in a file, without ``.gz``."""
    return Path(location.lower().removesuffix(".gz")).suffix


def check_file(location: str, flag: str, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise InputError, naming ``flag``, when a file cannot be read: its extension, its absence, kind or size."""
    if suffix(location) not in suffixes:
        lacks = ", no such file or folder" * (not suffix(location) and not os.path.lexists(location))
        raise InputError(
            f"{flag}: expected a file called *{', *'.join(suffixes)} (or one of these with .gz); got {named(location)}"
            f"{lacks}"
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


def read_table(
    location: str,
    flag: str,
    *,
    encoding: str | None = None,
    no_header: bool = False,
    decimal: Decimal | None = None,
    texts: Collection[str] = (),
) -> "tuple[pa.Table, tuple[str, ...]]":
    """The table in a file, every column of another name, and what had to be assumed to read it.

    ``encoding`` is that of text, None to look at its bytes; ``no_header`` says that its first row is data.
    ``decimal`` stands before the decimals of numbers, a point unless they show a comma; the schema's metadata have it.
    ``texts`` are columns of a text file that stay as they are written, whatever they look like.

    Raises InputError, naming ``flag``, when there is none.
    """
    import pyarrow as pa

    check_file(location, flag)
    content, kind, name = read_bytes(location, flag), suffix(location), Path(location).name
    notes: list[str] = []
    try:
        if kind in TEXTS:
            usual = "\t" if kind == ".tsv" else ","
            how: dict[str, Any] = {"no_header": no_header, "decimal": decimal, "texts": texts}
            table, notes = _read_csv(content, name, usual, encoding, **how)
        else:
            table = _read_feather(content) if kind == ".feather" else read_parquet(content)
            table.validate(full=True)
        _check_size(table)
        metadata = table.schema.metadata if kind in TEXTS else None
        table = table.select([n for n, name in enumerate(table.column_names) if not name.startswith(PANDAS_INDEX)])
        names, renamed = unique_names(table.column_names)
    # Damaged names are no UTF-8, damaged types no types, and what is damaged says any size.
    except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError, LookupError, csv.Error) as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"{flag}: expected a table in {named(location)}; got: {said}") from None
    return table.rename_columns(names).replace_schema_metadata(metadata), (*notes, *renamed)


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
    if content[:6].to_pybytes() != b"ARROW1":  # which pyarrow does not look at, and other readers do
        raise pa.ArrowInvalid("a file that does not begin as Feather does")
    with limited(min(2 * MAX_BYTES, room())):
        schema = pa.ipc.open_file(content).schema
        used = [place for place, kind in enumerate(schema.types) if not is_useless(kind)]
        options = pa.ipc.IpcReadOptions(included_fields=used, use_threads=False)
        return _whole(pa.ipc.open_file(content, options=options).read_all(), schema)


def read_parquet(content: Any, wanted: Collection[str] | None = None) -> "pa.Table":
    """The table of a Parquet file, or its columns that are ``wanted``, in the order of the file.

    Texts are read as dictionaries, and written out once their length is known.

    Raises OSError or an exception of pyarrow's, ValueError, TypeError or LookupError where there is none.
    """
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(content))
    every, metadata = file.schema_arrow, file.metadata
    schema = every if wanted is None else pa.schema([field for field in every if field.name in wanted])
    _check_shape(metadata.num_rows, len(every))
    # Of the group, for a damaged column ends the process where pyarrow is asked for what is known of it.
    stated = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    check_room(stated + 8 * metadata.num_rows * len(every))
    used = [field for field in schema if not is_useless(field.type)]
    if len(used) < len(every) and len(set(every.names)) < len(every):
        raise pa.ArrowInvalid("columns of equal names, beside lists or bytes")
    texts = [field.name for field in used if is_text(field.type)]
    file = parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    table = file.read([field.name for field in used] if len(used) < len(every) else None)
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


def _read_csv(
    content: Any,
    name: str,
    usual: str,
    encoding: str | None,
    *,
    no_header: bool,
    decimal: Decimal | None = None,
    texts: Collection[str] = (),
) -> "tuple[pa.Table, list[str]]":
    import pyarrow as pa

    check_room(3 * content.size)
    notes = []
    if encoding and not codecs.lookup(encoding).name.startswith("utf") and is_utf8(content):
        notes.append(f"{name} looks like UTF-8, and is read as {encoding}, as --encoding says.")
    content, guessed = utf8(content, encoding)
    if guessed == "utf-8":
        notes.append(f"{name} has bytes that are no UTF-8, read as \ufffd; --encoding NAME reads it otherwise.")
    elif guessed:
        notes.append(f"{name} is not UTF-8, and read as {guessed}; --encoding NAME reads it otherwise.")
    head = content[:HEAD_BYTES].to_pybytes()
    layout = find_layout(_first_lines(head), name, usual, no_header=no_header)
    first = head[layout.above :].decode("utf-8", "replace")
    columns = len(layout.names or next(cells_of(io.StringIO(first, newline=""), layout.delimiter), ()))
    _check_shape(0, columns)
    parts = range(0, content.size, HEAD_BYTES)
    lines = sum(content[place : place + HEAD_BYTES].to_pybytes().count(b"\n") for place in parts)
    if lines * columns > 3 * MAX_VALUES:  # of lines that are within cells there may be some
        _check_shape(lines, columns)
    notes += layout.notes
    commented = layout.comments and re.search(rb"[\r\n]#", memoryview(content)[layout.above :])
    if layout.delimiter != BLANKS and not commented:
        try:
            table, doubts = _parse(content[layout.above :], layout.delimiter, layout.names, decimal, texts)
        except pa.ArrowInvalid as problem:
            refused = problem
            if " columns, got " not in str(problem):
                raise
        else:
            return table, [*notes, *doubts]
    else:
        refused = None
    try:
        regular, said = regular_rows(content, layout, columns)
    except ValueError as problem:
        raise refused or problem from None
    return _parse(pa.py_buffer(regular), ",", layout.names, decimal, texts)[0], [
        *notes,
        *(f"{name} has {words}." for words in said),
    ]


def _first_lines(head: bytes) -> str:
    """The lines at the beginning that are whole, of a sample or at least one."""
    for most in (SAMPLE_BYTES, HEAD_BYTES):
        sample = head[:most]
        if len(head) <= most:
            break
        end = max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1
        if end:
            sample = sample[:end]
            break
    return sample.decode("utf-8", "replace")


def _parse(
    content: Any,
    delimiter: str,
    names: tuple[str, ...] | None,
    decimal: Decimal | None = None,
    as_texts: Collection[str] = (),
) -> "tuple[pa.Table, list[str]]":
    """The table, of columns called ``names`` where its first row names none, and notes on numbers that may be others.

    pyarrow takes a column's type from the first block; where a later one does not fit, every column is read as text,
    and its type is found from all of its values.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    reading = arrow_csv.ReadOptions(column_names=names)
    cutting = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)

    def read(**convert: Any) -> pa.Table:
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=reading,
            parse_options=cutting,
            convert_options=arrow_csv.ConvertOptions(**convert),
        )

    def typed(**convert: Any) -> pa.Table:
        try:
            return read(column_types=dict.fromkeys(as_texts, pa.string()), **convert)
        except pa.ArrowInvalid as problem:
            if "conversion error" not in str(problem):
                raise
        reader = arrow_csv.open_csv(pa.BufferReader(content), read_options=reading, parse_options=cutting)
        return read(column_types=dict.fromkeys(reader.schema.names, pa.string()))

    table = typed(decimal_point=decimal or ".")
    doubts: dict[str, str] = {}
    for name in _perhaps_thousands(table) if decimal is None and delimiter in ";\t" else ():
        texts = read(include_columns=[name], column_types={name: pa.string()})[name].drop_null()
        if pc.all(pc.match_substring_regex(texts, r"^[-+]?[1-9]\d{0,2}(\.\d{3})?$")).as_py():
            shown = next(text for text in texts.to_pylist() if "." in text)
            said = f"{shown} is read as {float(shown):g}, where {shown.replace('.', '')} might be meant"
            doubts[name] = f"Column {name}: {said}; --decimal ',' reads it so."
    sure = [one for name, one in zip(table.column_names, table.columns, strict=True) if name not in doubts]
    decimal = decimal or decimal_of(sure, delimiter)
    if decimal == "," == decimal_of(sure):  # and not for its delimiter alone
        table = typed(decimal_point=",")
    if decimal:
        doubts.clear()
    columns = [pc.if_else(pc.equal(one, ""), None, one) if is_text(one.type) else one for one in table.columns]
    return pa.table(columns, table.column_names, metadata={"decimal": decimal} if decimal else None), [
        *doubts.values(),
        *_codes(table, content, read),
    ]


def _codes(table: "pa.Table", content: Any, read: "Callable[..., pa.Table]") -> list[str]:
    """Notes on the columns of whole numbers of which some were written with zeros before them, as codes are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not re.search(rb"[,;\t|\r\n\"]0\d\d", memoryview(content)[:HEAD_BYTES]):
        return []
    names = table.column_names
    whole = [field.name for field in table.schema if pa.types.is_integer(field.type) and names.count(field.name) == 1]
    texts = read(include_columns=whole, column_types=dict.fromkeys(whole, pa.string())) if whole else table.select([])
    notes = []
    for name, column in zip(texts.column_names, texts.columns, strict=True):
        codes = column.filter(pc.match_substring_regex(column, r"^0\d\d"))
        if len(codes):
            said = f"numbers that begin with 0, such as {codes[0]}, look like codes"
            notes.append(f"Column {name}: {said}; --categorical {name} takes each as a category.")
    return notes


def _perhaps_thousands(table: "pa.Table") -> list[str]:
    """The columns of numbers with a point, of three decimals at most and none below 1, of names that are one's own."""
    import numpy as np
    import pyarrow as pa

    found = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_floating(column.type) and table.column_names.count(name) == 1:
            values = np.abs(column.drop_null().to_numpy())
            thousand = values[(values >= 1) & (values < 1000)] * 1000
            if len(thousand) == len(values) and np.allclose(thousand % 1, np.round(thousand % 1), atol=1e-6):
                found += [name] * bool((values % 1).any())
    return found
