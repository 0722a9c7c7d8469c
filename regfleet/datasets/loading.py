"""A data set from wherever it is."""

from pathlib import Path

from regfleet.datasets.arrays import load_npz
from regfleet.datasets.builtin import BUILTIN, load_builtin
from regfleet.datasets.functions import FUNCTION, load_function
from regfleet.datasets.openml import PREFIX, load_openml
from regfleet.datasets.readers import check_file, is_file, nearest, read_table, suffix
from regfleet.datasets.tables import build_dataset
from regfleet.errors import InputError
from regfleet.masking import masked
from regfleet.records import Dataset, DataSource


def check_source(source: DataSource) -> None:
    """Raise InputError for what can be seen to be wrong without reading any row."""
    place = source.location
    _check_flags(source)
    if place in BUILTIN:
        given = {"--target": source.target, "--drop": source.drop, "--categorical": source.categorical}
        given |= {"--group": source.group, "--time": source.time, "--test": source.test, "--task": source.task}
        for flag in (flag for flag, value in given.items() if value):
            raise InputError(f"{flag}: expected a table; got it with the built-in {place}, which needs none")
    elif place.startswith(PREFIX) and len(place) > len(PREFIX):
        pass
    elif suffix(place) == ".npz":
        check_file(place, "--data", (".npz",))
    elif FUNCTION.fullmatch(place) and not Path(place).exists():
        pass
    elif is_file(place):
        check_file(place, "--data")
        if source.target is None:
            raise InputError(f"--target: expected the column of {place} that is to be predicted; got none")
    else:
        near = nearest(place, [*BUILTIN, *(file.name for file in Path().iterdir() if file.is_file())])
        said = f"a file, openml:NUMBER, package.module:function or one of {', '.join(BUILTIN)}"
        raise InputError(f"--data: expected {said}; got {place!r}{near}")
    if source.test is not None:
        check_file(source.test, "--test")


def load_dataset(source: DataSource) -> Dataset:
    """The data set at ``source``; raises InputError naming the flag when it cannot be used."""
    check_source(source)
    place = source.location
    if place in BUILTIN:
        return load_builtin(place)
    if place.startswith(PREFIX):
        return load_openml(source)
    if suffix(place) == ".npz":
        return load_npz(source)
    if FUNCTION.fullmatch(place) and not Path(place).exists():
        return load_function(source)
    table, notes = read_table(place, "--data")
    test, said = (None, ()) if source.test is None else read_table(source.test, "--test")
    return build_dataset(data_name(place), table, source, test=test, notes=(*notes, *said))


def data_name(location: str) -> str:
    """What a report calls the data at ``location``: a file without folder and extension, else the location itself."""
    return Path(location.removesuffix(".gz")).stem if is_file(location) else location


def _check_flags(source: DataSource) -> None:
    for flag, given in (("--data", source.location), ("--test", source.test or "")):
        if masked(given) != given:
            said = "a URL without credentials, which would be in the report; give them in the environment"
            raise InputError(f"{flag}: expected {said}; got {masked(given)}")
    if source.time and (source.group or source.test):
        other = "--group" if source.group else "--test"
        raise InputError(f"--time: expected neither --group nor --test beside it; got {other}")
    if source.test and not is_file(source.location):
        raise InputError(f"--test: expected a file beside a file of --data; got it with {source.location}")
