"""How a text file holds its table: the encoding, the delimiter, what stands above the rows, and rows cut short."""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet.data.dates import is_date
from regfleet.data.marks import is_mark
from regfleet.data.numerals import is_number
from regfleet.text import elide

if TYPE_CHECKING:
    from typing import TextIO

BLOCK_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 16
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

BLANKS = " "
"""The delimiter of columns between which any number of blanks and tabs may stand."""
_MARKS = DELIMITERS | {BLANKS: "blanks"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # whose first half is the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""How a file begins that says its encoding."""
OTHERS = (
    (b"pk\3\4", "a zip archive or an Excel workbook: save its sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save its sheet as CSV"),
    (b"\x1f\x8b", "a gzip file, which is to be called *.gz"),
    (b"par1", "a Parquet file, which is to be called *.parquet"),
    (b"arrow1", "a Feather file, which is to be called *.feather"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"%pdf-", "a PDF file"),
    (b'{"', "JSON"),
    (b'[{"', "JSON"),
)
"""How files begin, in small letters, that are often called *.csv and are none."""
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
LATIN = ("cp1252", "cp1250", "cp850", "mac_roman", "latin-1")
OTHER_SCRIPTS = (
    "cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip
"""What charset-normalizer chooses from; of all that it knows, it takes short Latin texts for anything."""
JUDGED_ROWS = 200
MOST_ABOVE = 50
"""Lines above the names of the columns that are left out."""
LEFT_OUT_SHARE = 0.05
"""Of the rows, that do not fit; more of them are another mistake."""


def utf8(content: Any, encoding: str | None) -> tuple[Any, str]:
    """The text in ``content``, in UTF-8 without a mark, as a pyarrow buffer, and the encoding that had to be guessed.

    Raises ValueError for bytes that are none of ``encoding``.
    """
    import pyarrow as pa

    guessed, said = "", " (--encoding)" * bool(encoding)
    if encoding is None:
        start = content[:SAMPLE_BYTES].to_pybytes()
        if kind := next((kind for mark, kind in OTHERS if start.lower().startswith(mark)), None):
            raise ValueError(f"no text, but {kind}")
        encoding = next((name for mark, name in MARKS if start.startswith(mark)), None) or _wide(start)
        if encoding is None:
            at = _first_odd_byte(content)
            if at is None:
                return content, ""
            begin = max(len(start), at - SAMPLE_BYTES)
            around = content[begin : at + SAMPLE_BYTES].to_pybytes()
            if begin > len(start):
                around = around[around.find(b"\n") + 1 :]
            if b"\0" in start + around:
                raise ValueError(f"no text: bytes that are no UTF-8, and zero bytes, near byte {at:,}")
            guessed = encoding = guess(start + around)
    decoder = codecs.getincrementaldecoder(encoding)("replace" if guessed == "utf-8" else "strict")
    text = bytearray()
    for at in range(0, max(content.size, 1), BLOCK_BYTES):
        block = content[at : at + BLOCK_BYTES].to_pybytes()
        try:
            text += decoder.decode(block, at + BLOCK_BYTES >= content.size).encode()
        except UnicodeError as problem:
            raise ValueError(
                f"no {encoding} text{said}: {getattr(problem, 'reason', problem)} near byte {at:,}"
            ) from None
    return pa.py_buffer(bytes(text).removeprefix(codecs.BOM_UTF8)), guessed


def _wide(start: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, told by its zero bytes: the one of most ASCII letters."""
    if b"\0" not in start[:1000]:
        return None
    found = {}
    for name in WIDE:
        text = codecs.getincrementaldecoder(name)("replace").decode(start)
        if "\0" not in text:
            found[name] = sum(letter.isascii() for letter in text) / len(text)
    best = max(found, key=lambda name: found[name], default=None)
    return best if best and found[best] > 0.1 else None


def _first_odd_byte(content: Any) -> int | None:
    """Where ``content`` stops being UTF-8; None where it does not."""
    decoder, held = codecs.getincrementaldecoder("utf-8")(), 0
    for at in range(0, content.size, BLOCK_BYTES):
        try:
            decoder.decode(content[at : at + BLOCK_BYTES].to_pybytes(), at + BLOCK_BYTES >= content.size)
        except UnicodeDecodeError as problem:
            return max(0, at - held + problem.start)
        held = len(decoder.getstate()[0])
    return None


def is_utf8(content: Any) -> bool:
    """Whether ``content`` has letters beyond ASCII, all of them in UTF-8, which text in another encoding hardly is."""
    ascii_alone = all(
        content[at : at + BLOCK_BYTES].to_pybytes().isascii() for at in range(0, content.size, BLOCK_BYTES)
    )
    return not ascii_alone and _first_odd_byte(content) is None


def guess(sample: bytes) -> str:
    """The encoding of text that is no UTF-8, or UTF-8 where only few of its bytes are damaged.

    Western European text is cp1252, which Latin-1 is a part of, where that can be; other scripts show in words most of
    whose letters are beyond ASCII.
    """
    from charset_normalizer import from_bytes

    text = sample.decode("utf-8", "replace")
    damaged, beyond = text.count("\ufffd"), sum(not letter.isascii() for letter in text)
    if damaged < beyond / 10:
        return "utf-8"
    lines = [line for line in sample.splitlines() if not line.isascii()]
    words = [word for word in re.findall(rb"[A-Za-z\x80-\xff]+", sample) if not word.isascii()]
    foreign = [word for word in words if len(word) / 2 < sum(byte > 127 for byte in word) > 1]
    if len(foreign) > len(words) / 2:
        found = from_bytes(b"\n".join(lines[:1000]), cp_isolation=list(OTHER_SCRIPTS)).best()
        if found and decodes(sample, found.encoding):
            return str(found.encoding)
    return next(name for name in LATIN if decodes(sample, name))


def decodes(sample: bytes, encoding: str) -> bool:
    """Whether ``sample``, which may end within a character, is text in ``encoding``."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows of a text begin, and how they are cut into cells.

    ``above``: bytes before the names of the columns, or before the first row where ``names`` are given. ``delimiter``:
    one character, `BLANKS` for any number of them. ``comments``: whether lines that begin with # are none of the rows.
    ``notes`` are sentences on what had to be assumed.
    """

    above: int
    delimiter: str
    names: tuple[str, ...] | None
    comments: bool
    notes: tuple[str, ...]


Row = tuple[int, list[str]]
"""The line on which a row begins, from 0, and its cells."""


def find_layout(start: str, name: str, usual: str, *, no_header: bool) -> Layout:
    """The layout of the file called ``name`` that begins with ``start``, whole lines; ``usual`` delimits it if any may.

    ``no_header`` says that the first row is data; the columns are then called by their places.
    """
    lines = list(io.StringIO(start, newline=""))
    first, delimiter, comments = _above(lines)
    delimiter = delimiter or _delimiter(lines[first:], usual)
    rows = [(first + at, cells) for at, cells in _rows(lines[first:], delimiter)]
    if not rows:
        raise ValueError("no rows, but blanks or comments only")
    begin, names = _table_start(rows, no_header=no_header)
    notes = []
    if delimiter != usual:
        notes.append(f"The columns of {name} are separated by {_MARKS.get(delimiter, repr(delimiter))}.")
    if begin:
        said = f"above the table and left out, {elide(lines[rows[0][0]], 40)!r} among them"
        notes.append(f"{_counted(rows[begin][0] - rows[0][0], 'line')} of {name} {said}.")
    above = rows[begin][0]
    if no_header:
        names = tuple(f"column {place}" for place in range(1, _width(rows) + 1))
    elif names is not None:
        above = rows[begin + 1][0]
    elif comments and (header := _commented_header(lines[comments[-1]], delimiter, rows)):
        if header[0].startswith("#"):  # a name, as it stands
            above, names = comments.pop(), None
        else:
            names = header
    elif looks_like_data(rows[begin:]):
        shown = elide(", ".join(rows[begin][1]), 60)
        notes.append(
            f"The first row of {name} looks like data, and is taken for the names of its columns: {shown}; "
            "use --no-header if it is none."
        )
    if comments:
        notes.append(f"The lines of {name} that begin with # are comments and left out.")
    return Layout(len("".join(lines[:above]).encode()), delimiter, names, bool(comments), tuple(notes))


def _above(lines: Sequence[str]) -> tuple[int, str | None, list[int]]:
    """How many lines stand before all rows, the delimiter that one of them gives, and which are comments."""
    delimiter, comments = None, []
    for at, line in enumerate(lines):
        if given := re.match(r"""["']?sep=(.)["']?[,;\s]*$""", line, re.IGNORECASE) if delimiter is None else None:
            delimiter = given[1]
        elif line.startswith("#"):
            comments.append(at)
        elif line.strip():
            return at, delimiter, comments
    return len(lines), delimiter, comments


def _rows(lines: Sequence[str], delimiter: str) -> list[Row]:
    """The first rows in ``lines`` that hold anything."""
    reader = cells_of(lines, delimiter)
    found: list[Row] = []
    while len(found) < JUDGED_ROWS:
        at = reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error:
            if found:
                break
            raise
        if cells is None:
            break
        if any(cell.strip() for cell in cells):
            found.append((at, cells))
    return found


def cells_of(lines: Iterable[str], delimiter: str) -> Any:
    """The reader of the standard library over ``lines``."""
    if delimiter != BLANKS:
        return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return csv.reader((line.replace("\t", " ").strip() for line in lines), delimiter=" ", skipinitialspace=True)


def _width(rows: Sequence[Row]) -> int:
    """The number of cells that most rows have."""
    counted = Counter(len(cells) for _, cells in rows)
    return max(counted, key=lambda width: (counted[width], width), default=0)


def _delimiter(lines: Sequence[str], usual: str) -> str:
    """The delimiter that cuts the lines into equally many columns, from the first on if it can be, and into most."""

    def score(mark: str) -> tuple[float, int, int, bool]:
        try:
            rows = _rows(lines, mark)
        except csv.Error:
            return 0.0, 0, 0, False
        width = _width(rows)
        if width < 2:
            return 0.0, 0, 0, False
        begin = next(at for at, (_, cells) in enumerate(rows) if len(cells) == width)
        alike = sum(len(cells) == width for _, cells in rows[begin:]) / (len(rows) - begin)
        return alike if mark == BLANKS else round(alike, 1), -begin, width, mark == usual

    best = max(DELIMITERS, key=score)
    apart = sum(re.search(r"\d {2,}[-+.\d]", line) is not None for line in lines) > len(lines) / 2
    if len(lines) > 2 and (apart or not score(best)[0]) and score(BLANKS)[0] == 1:
        return BLANKS
    return best if score(best)[0] else usual


def _table_start(rows: Sequence[Row], *, no_header: bool) -> tuple[int, tuple[str, ...] | None]:
    """Which of the rows is the table's first, and the names of its columns where that row lacks one.

    As many statistics programs write them, the column before the first has no name, or nothing stands after the last.
    """
    width = _width(rows)
    begin = next((at for at, (_, cells) in enumerate(rows) if len(cells) == width), 0)
    if not begin:
        while width > 2 and begin < min(MOST_ABOVE, len(rows) - 1) and _filled(rows[begin][1]) < 2:
            begin += 1
        return begin, None
    before = rows[begin - 1][1]
    if no_header or _looks_like_names(rows[begin:]):
        return begin, None
    rest = [cells for _, cells in rows[begin:]]
    if len(before) == width - 1 > 0 and len(rest) > 2 and all(len(cells) == width for cells in rest):
        last_is_empty = not any(cells[-1].strip() for cells in rest)
        return begin - 1, (*before, "") if last_is_empty else ("", *before)
    return (begin, None) if all(_filled(cells) < 2 for _, cells in rows[:begin]) else (0, None)


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _commented_header(line: str, delimiter: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """The names in a comment right above rows of as many cells that look like none; empty where there are none."""
    cells = next(cells_of([line], delimiter))
    if len(cells) != _width(rows) or len(cells) < 2 or _looks_like_names(rows):
        return ()
    return (re.sub(r"^#\s+", "", cells[0]), *cells[1:])


def _kind(cell: str) -> str:
    cell = cell.strip()
    if not cell or is_mark(cell):
        return ""
    return "date" if is_date(cell) else "number" if is_number(cell) else "text"


def _evidence(rows: Sequence[Row]) -> tuple[int, int, int, int]:
    """How many cells of the first row are like what is below them, stand there too, differ from it, say nothing."""
    (_, first), *rest = rows
    alike, again, other, silent = 0, 0, 0, 0
    for place, cell in enumerate(first):
        below = [cells[place] for _, cells in rest if place < len(cells)]
        kinds = Counter(filter(None, map(_kind, below)))
        common = max(kinds, key=lambda kind: kinds[kind], default="")
        kind = _kind(cell)
        if common in {"number", "date"} and kind and kinds[common] > 0.8 * kinds.total():
            alike, other = alike + (kind == common), other + (kind != common)
        elif kind and cell in below:
            again += 1
        else:
            silent += bool(kind)
    return (0 if _counted_through(first) else alike), again, other, silent


def _counted_through(cells: Sequence[str]) -> bool:
    """Whether the numbers among the cells are names by themselves: places or years."""
    numbers = [cell.strip() for cell in cells if _kind(cell) == "number"]
    if not all(re.fullmatch(r"\d{1,9}", number) for number in numbers):
        return False
    steps = {int(after) - int(before) for before, after in itertools.pairwise(numbers)}
    return steps == {1} or (len(steps) == 1 and steps != {0} and len(numbers) > 2)


def looks_like_data(rows: Sequence[Row]) -> bool:
    """Whether the first of the rows is none of names, but one like the others."""
    if len(rows) < 3:
        return False
    alike, again, other, silent = _evidence(rows)
    return not other and (alike > 0 or again > 1) and alike + again > silent


def _looks_like_names(rows: Sequence[Row]) -> bool:
    if len(rows) < 3:
        return False
    alike, again, other, _ = _evidence(rows)
    return not alike and (other > 0 or not again)


def regular_rows(content: Any, layout: Layout, width: int) -> tuple[bytes, list[str]]:
    """The rows of ``content`` after what stands ``above``, in UTF-8 with commas, and notes on those that did not fit.

    A row that lacks cells at its end gets empty ones, cells that are too many and empty go, and other rows that do not
    fit are left out. Raises ValueError where these are many.
    """
    text: TextIO = io.TextIOWrapper(io.BytesIO(content[layout.above :]), "utf-8", "replace", newline="")
    reader, kept = cells_of(text, layout.delimiter), io.StringIO(newline="")
    write = csv.writer(kept, lineterminator="\n").writerow
    rows, filled, odd, commented, first = 0, 0, 0, 0, ""
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        if cells[0].startswith("#") and (layout.comments or len(cells) != width):
            commented += not layout.comments
            continue
        rows += 1
        extra = cells[width:]
        if len(cells) < width and 2 * len(cells) > width:
            write([*cells, *[""] * (width - len(cells))])
            filled += 1
            continue
        if len(cells) < width or any(map(str.strip, extra)):
            odd += 1
            first = (
                first or f"the first has {_counted(len(cells), 'cell')} for {width}: {elide(', '.join(cells), 40)!r}"
            )
            continue
        write(cells[:width])
    if odd > max(LEFT_OUT_SHARE * rows, rows > 10):
        raise ValueError(f"{odd:,} of {rows:,} rows of another number of cells than the first; {first}")
    notes = [f"rows without their last cells, which count as missing: {filled:,}"] if filled else []
    notes += [f"rows of more or fewer cells than columns: {odd:,} left out; {first}"] if odd else []
    notes += [f"lines among the rows that begin with #: {commented:,} left out"] if commented else []
    return kept.getvalue().encode(), notes


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
