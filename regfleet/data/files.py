"""Tables from files: CSV, TSV, Parquet and Feather, plain or gzipped, on this machine or at a URL pyarrow knows."""

import csv
import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.text import nearest, one_line

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".parquet", ".feather")
MAX_BYTES = 2 * 1024**3
"""Of a file, uncompressed."""
MAX_VALUES = 100_000_000
"""Rows × columns of a table. 2 million rows × 30 numbers, 0.48 GB as float64, took at most 1.1 GB to load from Parquet
and 3.4 GB from a CSV file of 1.2 GB, and 2.1 GB to cut into the sets of a seed: 5 times the numbers, or 7 from text."""
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAMPLE_BYTES = 1 << 16
PANDAS_INDEX = "__index_level_"


def is_file(location: str) -> bool:
    """Whether a location is written as a file or a URL, and not as a name of something else."""
    return "/" in location or "\\" in location or suffix(location) in {*SUFFIXES, ".npz"} or Path(location).is_file()


def suffix(location: str) -> str:
    """The extension that says what is in a file, without ``.gz``."""
    return Path(location.lower().removesuffix(".gz")).suffix


def check_file(location: str, flag: str, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise InputError, naming ``flag``, when a file cannot be read: its extension, its absence or its size."""
    from pyarrow.fs import FileType

    if suffix(location) not in suffixes:
        raise InputError(
            f"{flag}: expected a file called *{', *'.join(suffixes)} (or one of these with .gz); got {location}"
        )
    filesystem, path = _filesystem(location, flag)
    try:
        info = filesystem.get_file_info(path)
    except OSError as problem:
        raise InputError(
            f"{flag}: expected a file that can be read; got {location}: {one_line(problem, 200)}"
        ) from None
    if info.type != FileType.File:
        kind = "a folder" if info.type == FileType.Directory else "no such file"
        raise InputError(f"{flag}: expected a file; got {location}, {kind}{_nearest(location)}")
    if not info.size:
        raise InputError(f"{flag}: expected a table; got {location}, which is empty")
    if info.size > MAX_BYTES:
        raise InputError(
            f"{flag}: expected a file of at most {MAX_BYTES / 1e9:.1f} GB; got {location} of {info.size / 1e9:.1f} GB"
        )


def read_bytes(location: str, flag: str) -> Any:
    """The bytes of a file, decompressed, as a pyarrow buffer; a plain local file is mapped and not copied."""
    import pyarrow as pa

    filesystem, path = _filesystem(location, flag)
    try:
        if filesystem.type_name == "local" and not path.endswith(".gz"):
            return pa.memory_map(path).read_buffer()
        with filesystem.open_input_stream(path, compression="gzip" if path.endswith(".gz") else None) as stream:
            content = stream.read_buffer(MAX_BYTES + 1)
    except (OSError, pa.ArrowInvalid) as problem:
        raise InputError(
            f"{flag}: expected a file that can be read; got {location}: {one_line(problem, 200)}"
        ) from None
    if content.size > MAX_BYTES:
        raise InputError(
            f"{flag}: expected a file of at most {MAX_BYTES / 1e9:.1f} GB; {location} holds more than that unpacked"
        )
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
            table = _read_arrow(content, kind)
    except (pa.ArrowException, OSError, csv.Error) as problem:
        raise InputError(f"{flag}: expected a table in {location}; got: {one_line(problem, 200)}") from None
    if table.num_rows * table.num_columns > MAX_VALUES:
        msg = f"{flag}: expected at most {MAX_VALUES:,} values; got {table.num_rows:,} rows × {table.num_columns:,}"
        raise InputError(f"{msg} columns in {location}")
    table = table.select([place for place, name in enumerate(table.column_names) if not name.startswith(PANDAS_INDEX)])
    names, renamed = unique_names(table.column_names)
    return table.rename_columns(names), (*notes, *renamed)


def unique_names(names: list[str]) -> tuple[list[str], list[str]]:
    """The names on one line, with a number behind those that stood before, and a note for each that was changed."""
    plain = ["".join(mark if mark.isprintable() else "?" for mark in " ".join(name.split())) for name in names]
    found: dict[str, None] = {}
    notes, taken = [], set(plain)
    for place, (name, old) in enumerate(zip(plain, names, strict=True), 1):
        new, number = name or f"column {place}", 2
        while new in found or (new != name and new in taken):
            new, number = f"{name or 'column'} {number}", number + 1
        if new != old:
            notes.append(f"The column {old!r} at place {place} is called {new!r} here.")
        found[new] = None
    return list(found), notes


def _filesystem(location: str, flag: str) -> tuple[Any, str]:
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in location:
        return fs.LocalFileSystem(), str(Path(location).expanduser().absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (pa.ArrowException, OSError, ValueError) as problem:
        msg = f"{flag}: expected a path, or a URL that pyarrow can open (file://, s3://, gs://); got {location}"
        raise InputError(f"{msg}: {one_line(problem, 200)}") from None
    return filesystem, path


def _nearest(location: str) -> str:
    if "://" in location:
        return ""
    folder = Path(location).expanduser().parent
    return nearest(Path(location).name, [file.name for file in folder.iterdir()] if folder.is_dir() else [])


def _read_arrow(content: Any, kind: str) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import feather, parquet

    source = pa.BufferReader(content)
    if kind == ".feather":
        return feather.read_table(source)
    file = parquet.ParquetFile(source)
    if file.metadata.num_rows * file.metadata.num_columns > MAX_VALUES:
        shape = f"{file.metadata.num_rows:,} rows × {file.metadata.num_columns:,} columns"
        raise pa.ArrowInvalid(f"{shape}, more than {MAX_VALUES:,} values")
    return file.read()


def _read_csv(content: Any, name: str, usual: str) -> "tuple[pa.Table, list[str]]":
    import pyarrow as pa

    start = content[:SAMPLE_BYTES].to_pybytes()
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    delimiter = _delimiter(start.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace"), usual)
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
