"""What a command needs to run as a job elsewhere: its files, and its words as they are said there."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from regfleet.cli.compare import compare
from regfleet.cli.options import built, read
from regfleet.errors import InputError
from regfleet.jobs import Parcel, is_result
from regfleet.paths import PROGRESS, REPORT, SUMS, expanded
from regfleet.settings import FLAGS, read_study_file, results_name
from regfleet.tracking import known_trackers

_MADE_AGAIN = {*PROGRESS, *REPORT, SUMS}
"""Of a results directory: what the job makes of its trials."""

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Order:
    """A command for a job: ``fetched`` is its results directory there if that has to come back, else empty."""

    parcel: Parcel
    texts: dict[str, str]
    command: list[str]
    out: str
    fetched: str


def order_of(command: list[str]) -> Order:
    """What a job needs to run ``command``; raises InputError for one that cannot run as a job."""
    given = _parsed(command)
    # What compare would refuse is refused before any file that a study names is looked at.
    flags = {name: given[name] for name in FLAGS}
    known_trackers(given["log"] or ())
    study = read(given["study"], {name: value for name, value in flags.items() if value not in ([], ())})
    parcel = Parcel()
    texts: dict[str, str] = {}
    for data in study.data:
        parcel.add_data(data.location, "--data")
        if data.test:
            parcel.add_data(data.test, "--test")
    if study.model.source:
        parcel.add_model(study.model.source)
    if given["study"]:
        before = dict(parcel.moved)
        texts = _renamed(given["study"], parcel.add_study(str(given["study"])), before)
    out = str(given["out"] or Path("reports") / results_name([one.location for one in study.data]))
    fetched = "" if "://" in out else out
    if fetched:
        given_out, out = out, str(expanded(out, "--out"))
        if Path(out).is_absolute() or ".." in Path(out).parts:
            fetched = f"reports/{Path(out).name}"
            parcel.moved[given_out] = fetched
        _add_results(Path(out), fetched, parcel)
    parcel.check_size()
    words = [_moved(word, parcel.moved) for word in command[1:]]
    return Order(parcel, texts, ["compare", "--out", fetched or out, *words], out, fetched)


def _parsed(command: list[str]) -> dict[str, Any]:
    """The values of a compare command; what compare refuses is refused here, before anything is uploaded."""
    if command[0] != "compare":
        raise InputError(f"submit: expected compare and its flags after --; got {command[0]!r}")
    context: typer.Context = built(compare, "compare").make_context("compare", command[1:])
    for name in ("address", "in_process"):
        source = context.get_parameter_source(name)  # an address in the environment is not meant for the job
        if source and source.name == "COMMANDLINE":
            raise InputError(f"submit: expected the address before -- only; got --{name.replace('_', '-')} after it")
    return context.params


def _renamed(file: Path, place: str, moved: Mapping[str, str]) -> dict[str, str]:
    """The text of a study file, by its place, where the job has to find the files that it names elsewhere."""
    import tomli_w

    fields = read_study_file(file)
    there = deepcopy(fields)
    data = there.get("data", [])
    for entry in data if isinstance(data, list) else [data]:
        if isinstance(entry, dict):
            entry.update({name: moved.get(entry[name], entry[name]) for name in ("location", "test") if name in entry})
    if isinstance(data, str):
        there["data"] = moved.get(data, data)
    elif isinstance(data, list):
        there["data"] = [moved.get(entry, entry) if isinstance(entry, str) else entry for entry in data]
    model = there.get("model")
    if isinstance(model, dict) and "source" in model:
        model["source"] = moved.get(model["source"], model["source"])
    return {} if there == fields else {place: tomli_w.dumps(there)}


def _add_results(out: Path, place: str, parcel: Parcel) -> None:
    """Send along the trials that are here already, so that the job runs what is missing only."""
    if out.exists():
        from regfleet.results import claim

        with claim(out):
            for path in [*out.glob("*.*"), *out.glob("*/*")]:
                name = path.relative_to(out).as_posix()
                if is_result(name) and name not in _MADE_AGAIN and path.is_file() and not path.is_symlink():
                    parcel.files[f"{place}/{name}"] = path


def _moved(word: str, moved: dict[str, str]) -> str:
    name, equals, value = word.partition("=")
    if word.startswith("--") and equals:
        return f"{name}={_moved(value, moved)}"
    return next((place for text, place in moved.items() if Path(text) == Path(word)), word)
