"""Dates as people write them, in one order throughout a column: 2019-12-31, 31.12.19, 12/31/2019 4 PM, 5 Jan 2019."""

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari",
    "feb february februar février févr fév fevrier fevr febrero febbraio febb fevereiro fev februari febr",
    "mar march märz mrz mär maerz mars marzo março marco maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei maj",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august août aout agosto ago augustus augusti",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc decembre diciembre dic dicembre dezembro desember",
)
"""The names of the months in English, German, French, Spanish, Italian, Portuguese and Dutch, as they are shortened."""
MONTH = {name: number for number, names in enumerate(MONTHS, 1) for name in names.split()}
GAP = r"(?:[-/., ]+|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)|(?<=\d)\. ?)"
FIELD = r"(\d{1,4}|[^\W\d_]{3,10}\.?)"
ZONE = r"z|utc|gmt|(?:utc|gmt)?[+-]\d\d:?(?:\d\d)?"
TIME = rf"(\d{{1,2}}):(\d\d)(?::(\d\d)(?:[.,](\d{{1,9}}))?)? ?([ap])?(?(8)\.?m\.?)(?: ?({ZONE}))?"
DATE = re.compile(rf"{FIELD}{GAP}{FIELD}{GAP}{FIELD}(?:(?:[t :]|, ?| at )+{TIME})?")
_NAME = r"([^\W\d_]{3,10}|q[1-4])"
MONTHLY = re.compile(
    rf"{_NAME}\.?(?:[-/., ]*(\d{{4}})|[-'](\d\d))|(\d{{4}})(?:[-/](\d\d)|[-/., ]*{_NAME}\.?)|(\d\d?)[-/](\d{{4}})"
)
QUARTER = {"q1": 1, "q2": 4, "q3": 7, "q4": 10}
DAY_NAMES = (
    "mon tue wed thu fri sat sun mo di mi do fr sa so lun mar mer jeu ven sam dim mié jue vie sáb dom gio seg ter qua "
    "qui sex"
)
WEEKDAY = re.compile(rf"^(?:{'|'.join(DAY_NAMES.split())})[^\W\d_]*\.?,? (?=.*\d.*\d{{2}})")
SMALL_WORDS = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b|\b(?:de|del|of|le)\b")
YEAR_LAST = re.compile(r"^(?:[a-z]{3} )?([a-z]{3} \d\d?) (\d\d?:\d\d(?::\d\d)?)( [+-]\d{4}| utc| gmt)? (\d{4})$")
"""Tue Jan 05 10:00:00 +0000 2021, as C and Twitter write it."""
TIME_FIRST = re.compile(r"^(\d\d?:\d\d(?::\d\d)?),? (\d\d?[-/.].*)$")
FULL_HOUR = re.compile(r"(?<= )(\d{1,2}) ?([ap])\.?m\.?$")
ORDERS = ("ymd", "dmy", "mdy")
SAMPLE = 1000
LONGEST = 80
DIGIT = re.compile(r"\d")
"""Without one a text is neither a number nor a date."""


Dates = tuple["pd.Series", tuple[str, ...]]
"""Datetime64[us] for each text, NaT where it is no date, and what was assumed, which may be said of the column."""


def read_dates(texts: "pd.Series", rows: "np.ndarray", *, day_first: bool | None = None) -> Dates:
    """The dates in the different ``texts`` of a column, each of which stands in so many ``rows``, times those of UTC.

    All are read in the one order of day, month and year that most of them fit. Where several do, ``day_first`` is what
    the file's other dates say.
    """
    import numpy as np
    import pandas as pd

    nothing = pd.Series(pd.NaT, index=texts.index, dtype="M8[us]")
    step = -(-len(texts) // SAMPLE)
    if not len(texts) or sum(_fields(text) is not None for text in texts[::step]) < 0.5 * len(texts[::step]):
        return nothing, ()
    fields = [_fields(text) for text in texts]
    iso = _iso(texts)
    read = {order: _in_order(fields, order, texts.index) for order in ORDERS}
    fits = {order: int(rows[values.notna()].sum()) for order, values in read.items()}
    if int(rows[iso.notna()].sum()) >= max(fits.values()):
        return iso, ()
    best = [order for order in ORDERS if fits[order] == max(fits.values())]
    taken = _preferred(best, fields, day_first)
    spans = {order: read[order].max() - read[order].min() for order in best}
    if "ymd" in best and 2 * spans["ymd"] < spans[taken]:  # 19-03-01 to 23-02-11 are days of four years, not of thirty
        taken = "ymd"
    values = read[taken]
    shown = [one for one in fields if one]
    notes: tuple[str, ...] = ()
    dotted = all(one.mark == "." for one in shown)
    others = [order for order in best if not read[order].equals(values) and not (dotted and order == "mdy")]
    if others:
        differ = np.flatnonzero((read[others[0]] != values).to_numpy() & values.notna().to_numpy())
        example = values.iloc[differ[0]]
        what = f"{texts.iloc[differ[0]]} is read as {example:%Y-%m-%d}, and no value tells which part is the day"
        notes += (f"{what}; dates as YYYY-MM-DD leave no doubt.",)
    place = taken.index("y")
    if any(len(one.date[place]) == 2 for one in shown):
        notes += ("years of two digits are those from 1969 to 2068.",)
    return values, notes


def is_date(text: str) -> bool:
    """Whether a text has the parts of a date, in whichever order."""
    return _fields(text) is not None


def day_first_of(texts: "pd.Series") -> bool | None:
    """Whether numbers with two gaps, as 31/12/2019, say by themselves that days come first; None: they do not."""
    found = [one.date for text in texts if (one := _fields(text)) and all(part.isdecimal() for part in one.date)]
    found = [date for date in found if len(date[0]) <= 2]
    first, second = (any(int(date[place]) > 12 for date in found) for place in (0, 1))
    return None if first == second else first


@dataclass(frozen=True, slots=True)
class _Fields:
    date: tuple[str, str, str]
    seconds: float
    named: int | None
    mark: str


def _fields(text: str) -> _Fields | None:
    """The three parts of a date as they stand there, a month's name as its number, and the seconds of the day."""
    if len(text) > LONGEST or not DIGIT.search(text):
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    plain = FULL_HOUR.sub(r"\1:00 \2m", " ".join(text.casefold().split()))
    found = _match(plain)
    if found is None:
        return None
    parts = [part.rstrip(".") for part in found.groups()[:3]]
    names = [place for place, part in enumerate(parts) if not part.isdecimal()]
    if len(names) > 1 or any(parts[place] not in MONTH for place in names):
        return None
    for place in names:
        parts[place] = str(MONTH[parts[place]])
    hour, minute, second, fraction, half, zone = found.groups()[3:]
    seconds = 0.0
    if hour is not None:
        hours = int(hour) % 12 + 12 * (half == "p") if half else int(hour)
        if hours > 23 or int(minute) > 59 or int(second or 0) > 60 or (half and not 1 <= int(hour) <= 12):
            return None
        seconds = hours * 3600 + int(minute) * 60 + int(second or 0) + float(f"0.{fraction or 0}") - _offset(zone or "")
    return _Fields((parts[0], parts[1], parts[2]), seconds, names[0] if names else None, plain[found.end(1)])


def _match(plain: str) -> "re.Match[str] | None":
    found = DATE.fullmatch(YEAR_LAST.sub(r"\1 \4 \2\3", TIME_FIRST.sub(r"\2 \1", plain)))
    if found is None and (shorter := SMALL_WORDS.sub("", WEEKDAY.sub("", plain, count=1))) != plain:
        found = DATE.fullmatch(" ".join(shorter.split()))
    if found is None and (monthly := MONTHLY.fullmatch(plain)):
        before, *years, number, behind, first, last = monthly.groups()
        month = number or first or (MONTH | QUARTER).get(before or behind)
        if month:
            found = DATE.fullmatch(f"{last or next(filter(None, years))}-{month}-1")
    return found


def _offset(zone: str) -> int:
    """The seconds that a zone is before UTC."""
    found = re.search(r"([+-])(\d\d):?(\d\d)?$", zone)
    if not found:
        return 0
    return (1 if found[1] == "+" else -1) * (int(found[2]) * 3600 + int(found[3] or 0) * 60)


def _in_order(fields: "list[_Fields | None]", order: str, index: "pd.Index") -> "pd.Series":
    """Datetime64[us], the dates whose parts stand in that ``order``, NaT where that is none."""
    import numpy as np
    import pandas as pd

    year, month, day = (order.index(part) for part in "ymd")
    numbers = np.zeros((len(fields), 4))
    numbers[:, 0] = np.nan
    for row, one in enumerate(fields):
        if one is None or (one.named is not None and one.named != month) or len(one.date[year]) not in {2, 4}:
            continue
        if len(one.date[month]) > 2 or len(one.date[day]) > 2 or (order != "ymd" and len(one.date[0]) > 2):
            continue
        number = int(one.date[year])
        if len(one.date[year]) == 2:
            number += 1900 if number >= 69 else 2000
        numbers[row] = number, int(one.date[month]), int(one.date[day]), one.seconds
    valid = ~np.isnan(numbers[:, 0]) & (numbers[:, 0] >= 1)
    valid &= (numbers[:, 1] >= 1) & (numbers[:, 1] <= 12) & (numbers[:, 2] >= 1)
    whole = np.where(valid[:, None], numbers, [2000, 1, 1, 0])
    months = (whole[:, 0].astype(int) - 1970).astype("M8[Y]").astype("M8[M]") + (whole[:, 1].astype(int) - 1)
    length = ((months + 1).astype("M8[D]") - months.astype("M8[D]")).astype(int)
    valid &= whole[:, 2] <= length
    days = months.astype("M8[D]") + (whole[:, 2].astype(int) - 1)
    times = days.astype("M8[us]") + np.round(whole[:, 3] * 1e6).astype("int64").astype("m8[us]")
    times[~valid] = np.datetime64("NaT")
    return pd.Series(times, index=index)


def _iso(texts: "pd.Series") -> "pd.Series":
    import pandas as pd

    dates = texts.where(texts.str.contains(r"^\d{4}-\d{2}-\d{2}", regex=True))
    return pd.to_datetime(dates, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None).astype("M8[us]")


def _preferred(orders: list[str], fields: "list[_Fields | None]", day_first: bool | None) -> str:  # noqa: FBT001 - three values
    """The one of several orders that fit equally: a part that is always 1 is the day, else what is usual."""
    shown = [one for one in fields if one]
    if {"dmy", "mdy"} <= {*orders} and len({one.date for one in shown}) > 2:
        for place, order in ((0, "dmy"), (1, "mdy")):
            if all(int(one.date[place]) == 1 for one in shown) and len({one.date[1 - place] for one in shown}) > 2:
                return order
    slashes = sum(one.mark == "/" for one in shown) > len(shown) / 2
    first = not slashes if day_first is None else day_first
    usual = ["dmy", "mdy"] if first else ["mdy", "dmy"]
    return next(order for order in (*usual, "ymd") if order in orders)
