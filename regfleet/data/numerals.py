"""Numbers as people write them, in one way throughout a column: 1,234.50 or 1.234,50, $5, 12 %, (3), 80 kg."""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

Decimal = Literal[".", ","]

WAYS: tuple[tuple[str, Decimal], ...] = ((",", "."), (".", ","), (" ", "."), (" ", ","), ("'", "."), ("'", ","))
"""What stands between thousands, and before decimals; the first is taken where nothing tells them apart."""
SYMBOL = "$¢£¤¥฿₠-⃏"
CODES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW MXN MYR NGN NOK "
    "NZD PEN PHP PLN RMB RON RUB SAR SEK SFr Fr SGD THB TRY TWD UAH USD VND ZAR kr Kr Kč Ft Rs zł"
)
MONEY = rf"(?:[A-Z]{{1,3}})?[{SYMBOL}]|(?:{'|'.join(CODES.split())})\b\.?"
UNIT = rf"[%‰]|{MONEY}|°?[^\W\d_]+\.?(?:[ /.·][^\W\d_]+)*[23²³]?|[°\"′″]"
NUMERAL = re.compile(
    rf"(\()?([+-])? ?({MONEY})? ?([+-])?((?:\d[\d.,' ]*|[.,]\d+)(?:[eE][+-]?\d+)?) ?({UNIT})?(-)?(\))?"
)
MEASURES = {
    *(
        "",
        "%",
        "‰",
        "k",
        "K",
        "M",
        "B",
        "G",
        "mn",
        "bn",
        "Mio",
        "Mrd",
        "g",
        "kg",
        "mg",
        "t",
        "lb",
        "lbs",
        "oz",
        "kB",
        "KB",
    ),
    *(
        "m",
        "cm",
        "mm",
        "km",
        "mi",
        "ft",
        "in",
        "l",
        "L",
        "ml",
        "s",
        "ms",
        "sec",
        "min",
        "h",
        "hr",
        "hrs",
        "hours",
        "MB",
    ),
    *(
        "d",
        "days",
        "weeks",
        "months",
        "years",
        "yrs",
        "°C",
        "°F",
        "mph",
        "km/h",
        "W",
        "kW",
        "kWh",
        "V",
        "A",
        "GB",
        "TB",
    ),
}
"""Units of measure, of which a column may hold several."""
IS_MONEY = re.compile(MONEY)
SAME = str.maketrans(
    {"−": "-", "–": "-", "‒": "-", "’": "'", "‘": "'", "ʼ": "'", "′": "'", "٫": ".", "٬": ",", "٪": "%"}
)
NO_CENTS = re.compile(r"(?<=\d)[.,][-—–]{1,2}(?!\S)")
MOST_ROWS = 100_000
"""Of a column of more rows, that many are looked at for what the file has before decimals."""
HEAD = 1000
"""Rows of which one has a digit in a column of numbers."""
SAMPLE = 1000
"""Of more different texts, that many are looked at first."""


Numbers = tuple["pd.Series", tuple[str, ...]]
"""Float64 for each text, NaN where it is no number, and what was assumed, which may be said of the column."""


class _Written(NamedTuple):
    sign: float
    body: str
    unit: str
    behind: bool


def read_numbers(
    texts: "pd.Series", rows: "np.ndarray", decimal: Decimal | None = None, *, sure: bool = False
) -> Numbers:
    """The numbers in the different ``texts`` of a column, each of which stands in so many ``rows``.

    All are read in the one way that most of them fit; what is written in another way is no number here. Where several
    fit, ``decimal`` is what stands before decimals elsewhere in the file, or, with ``sure``, as the user says.
    """
    import numpy as np
    import pandas as pd

    nothing = pd.Series(np.nan, index=texts.index, dtype="float64")
    step = -(-len(texts) // SAMPLE)
    if not len(texts) or sum(_numeral(text) is not None for text in texts[::step]) < 0.5 * len(texts[::step]):
        return nothing, ()
    written, notes = _of_one_unit([_numeral(text) for text in texts], rows)
    ways = [way for way in WAYS if not sure or way[1] == decimal]
    read = [np.array([_value(one, *way) for one in written]) for way in ways]
    fits = [int(rows[~np.isnan(values)].sum()) for values in read]
    best = [place for place in range(len(ways)) if fits[place] == max(fits)]
    if not max(fits):
        return nothing, notes
    taken = next((place for place in best if ways[place][1] == decimal), best[0])
    values = read[taken]
    for place in best:
        differ = np.flatnonzero(read[place] != values) if not sure else np.array([], int)
        differ = differ[~np.isnan(values[differ])]
        if differ.size and (decimal == "," or any("," in written[one].body for one in differ)):
            first = int(differ[0])
            what = (
                f"{texts.iloc[first]} is read as {values[first]:.15g}, where {read[place][first]:.15g} might be meant"
            )
            notes += (f"{what}; --decimal '{ways[place][1]}' reads it so.",)
            break
    return pd.Series(values, index=texts.index), notes


def is_number(text: str) -> bool:
    """Whether a text is a number in any way of writing, of money or percent at most: 10 km may be a name."""
    written = _numeral(text)
    return written is not None and (written.unit in {"", "%", "‰"} or IS_MONEY.fullmatch(written.unit) is not None)


def _numeral(text: str) -> _Written | None:
    """Sign, digits with what stands between them, and unit; None for what is no number in any way of writing."""
    if not text.isascii():
        if any(unicodedata.category(mark) == "No" for mark in text[:-1]):  # 10² is not 102
            return None
        text = "".join(mark if mark in "²³" else _plain(mark) for mark in text).translate(SAME)
    text = NO_CENTS.sub("", " ".join(text.split()))
    found = NUMERAL.fullmatch(text)
    if not found:
        return None
    opened, sign, before, second, body, after, last, closed = found.groups()
    signs = [one for one in (sign, second, last) if one]
    if bool(opened) != bool(closed) or len(signs) + bool(opened) > 1:
        return None
    unit = ((before or "") + (after or "")).rstrip(".")
    if unit in {"st", "nd", "rd", "th"}:
        return None
    negative = opened or "-" in signs
    return _Written(-1.0 if negative else 1.0, body.strip(), unit, bool(opened or last))


def _plain(mark: str) -> str:
    digit = unicodedata.decimal(mark, None)
    return unicodedata.normalize("NFKC", mark) if digit is None else str(digit)


def _of_one_unit(
    written: Sequence[_Written | None], rows: "np.ndarray"
) -> tuple[list[_Written | None], tuple[str, ...]]:
    """What is ``written`` with the unit that most rows have, and a note on it; nothing where there is no such unit.

    Money may lack its sign, and 0 the percent.
    """
    counts: Counter[str] = Counter()
    for one, number in zip(written, rows, strict=True):
        if one:
            counts[one.unit] += int(number)
    units = [unit for unit, _ in counts.most_common()]
    main = units[0]
    money = [unit for unit in units if IS_MONEY.fullmatch(unit)]
    if not main and len(money) == 1:
        main = money[0]
    allowed = {main, ""} if main in money else {main}
    percent = main in {"%", "‰"}
    kept = [
        one if one and (one.unit in allowed or (percent and not one.unit and not one.body.strip("0.,"))) else None
        for one in written
    ]
    if int(rows[[one is not None for one in kept]].sum()) < 0.9 * sum(counts.values()):
        return [None] * len(written), _different(units[0], units[1])
    words = main and main not in money and not percent and len({one for one in kept if one}) < 3
    if words or all(one.behind for one in kept if one):  # 2WD and 4WD, or (1) and (2)
        return [None] * len(written), ()
    if percent:
        share = 0.12 if main == "%" else 0.012
        return kept, (f"12{main} is read as {share:g}.",)
    if main and main not in money:
        if None in kept:  # 10 or more hours, beside 9 hours
            return [None] * len(written), ()
        return kept, (f"numbers with the unit {main}, which is left out.",)
    return kept, ()


def _different(first: str, second: str) -> tuple[str, ...]:
    if not all(IS_MONEY.sub("", unit) in MEASURES for unit in (first, second)):
        return ()  # 1st and 2nd, or 12A and 12B
    return (f"numbers of different units, {first or 'none'} and {second or 'none'}, so no numbers to compare.",)


def _value(written: _Written | None, thousands: str, decimal: Decimal) -> float:
    """The number, NaN where it is not written in that way."""
    if written is None:
        return float("nan")
    mantissa, _, exponent = written.body.replace("E", "e").partition("e")
    if not FORMS[thousands, decimal].fullmatch(mantissa):
        return float("nan")
    plain = mantissa.replace(thousands, "").replace(decimal, ".")
    number = float(f"{plain}e{exponent or 0}")
    return written.sign * number / {"%": 100, "‰": 1000}.get(written.unit, 1)


def _form(thousands: str, decimal: str) -> "re.Pattern[str]":
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+"
    if thousands == ",":  # as in India: 12,34,567
        grouped += r"|[1-9]\d?(?:,\d\d)+,\d{3}"
    point = re.escape(decimal)
    return re.compile(rf"(?:{grouped}|\d+)(?:{point}\d*)?|{point}\d+")


FORMS = {way: _form(*way) for way in WAYS}

DECIDES: tuple[tuple[Decimal, str], ...] = (
    (",", r"^\D{0,4}(0,\d+|\d+,(\d{1,2}|\d{4,})|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d+)\D{0,8}$"),
    (".", r"^\D{0,4}(0\.\d+|\d+\.(\d{1,2}|\d{4,})|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d+)\D{0,8}$"),
)
"""Numbers that can be read in one way only."""


def decimal_of(columns: "Iterable[pa.ChunkedArray]", delimiter: str = "") -> Decimal | None:
    """What stands before decimals in a table whose columns do not contradict each other; None where that is not seen.

    ``delimiter`` is that of a file whose numbers were read with a point; where it is a semicolon a comma is usual.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: set[Decimal] = set()
    doubtful = False
    for whole in _with_digits(columns):
        column = whole[:MOST_ROWS]
        if pa.types.is_floating(column.type) and delimiter and _has_decimals(column):
            found.add(".")
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            given = len(column) - column.null_count

            def share(pattern: str, column: "pa.ChunkedArray" = column, given: int = given) -> float:
                return (pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0) / max(given, 1)

            if share(r"^\D{0,4}\d[\d.,' ]*\D{0,8}$") < 0.5:
                continue
            decided = {mark for mark, pattern in DECIDES if share(pattern)}
            found |= decided if len(decided) == 1 else set()
            doubtful |= not decided and share(r"^\D{0,4}[1-9]\d{0,2},\d{3}\D{0,8}$") > 0
    if len(found) == 1:
        return found.pop()
    return "," if doubtful and not found and delimiter == ";" else None


def _with_digits(columns: "Iterable[pa.ChunkedArray]") -> "list[pa.ChunkedArray]":
    """The columns without those of texts whose first ones hold no digit: all are looked at in one call."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [*columns]
    texts = [one for one in found if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)]
    heads = [one[:HEAD].cast(pa.large_string()).combine_chunks() for one in texts]
    if not heads:
        return found
    digits = pc.match_substring_regex(pa.concat_arrays(heads), r"\d")
    ends = itertools.accumulate(map(len, heads))
    without = {
        id(one)
        for one, head, end in zip(texts, heads, ends, strict=True)
        if not pc.any(digits[end - len(head) : end]).as_py()
    }
    return [one for one in found if id(one) not in without]


def _has_decimals(column: "pa.ChunkedArray") -> bool:
    """Whether numbers read with a point cannot be thousands: some have other than three decimals, or are below 1."""
    import numpy as np

    values = column.drop_null().to_numpy()
    values = np.abs(values[np.isfinite(values)])
    values = values[values % 1 != 0]
    if not values.size:
        return False
    hundredths, thousandths = (np.isclose(values * scale % 1, [[0], [1]], atol=1e-6).any(0) for scale in (100, 1000))
    return bool((values < 1).any() or not thousandths.all() or hundredths.all())
