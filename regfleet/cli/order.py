"""What a command needs to run as a job elsewhere: its files, and its words as they are said there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from regfleet.cli.compare import compare
from regfleet.cli.options import built
from regfleet.errors import InputError
from regfleet.jobs import Parcel
from regfleet.paths import expanded

NO_FILES = {"out", "technique", "label", "address"}
"""Flags and fields of a study whose values are never the names of files to upload."""


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
    parcel = Parcel()
    texts: dict[str, str] = {}
    for name, value in given.items():
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str | Path) and name not in NO_FILES:
                place = parcel.add(str(text))
                if name == "study":
                    texts |= _study(Path(text), place, parcel)
    out = str(given["out"] or Path("reports") / _default_name(given))
    fetched = "" if "://" in out else out
    if fetched:
        given_out, out = out, str(expanded(out, "--out"))
        if Path(out).is_absolute() or ".." in Path(out).parts:
            fetched = f"reports/{Path(out).name}"
            parcel.moved[given_out] = fetched
        _add_results(Path(out), fetched, parcel)
    parcel.check_size()
    moved = [_moved(word, parcel.moved) for word in command[1:]]
    return Order(parcel, texts, ["compare", "--out", fetched or out, *moved], out, fetched)


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


def _study(file: Path, place: str, parcel: Parcel) -> dict[str, str]:
    """Add the files that a study file names; its text where it has to name them otherwise."""
    import tomli_w

    from regfleet.settings import read_study_file

    fields = read_study_file(file)

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: inner if name in NO_FILES else placed(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [placed(inner) for inner in value]
        return parcel.add(value) if isinstance(value, str) else value

    there = placed(fields)
    return {} if there == fields else {place: tomli_w.dumps(there)}


def _default_name(given: dict[str, Any]) -> str:
    """The name that compare gives a results directory: that of its data sets."""
    from regfleet.settings import read_study_file, results_name

    fields = read_study_file(given["study"]) if given["study"] else {}
    return results_name(given["data"] or fields.get("data"))


def _add_results(out: Path, place: str, parcel: Parcel) -> None:
    """Send along the trials that are here already, so that the job runs what is missing only."""
    if out.exists():
        from regfleet.results import claim

        with claim(out):
            for part in ("study.toml", "provenance.json"):
                if (out / part).is_file():
                    parcel.files[f"{place}/{part}"] = out / part
            for folder in ("histories", "trials"):
                parcel.add_tree(out / folder, f"{place}/{folder}")


def _moved(word: str, moved: dict[str, str]) -> str:
    name, equals, value = word.partition("=")
    if word.startswith("--") and equals:
        return f"{name}={_moved(value, moved)}"
    return next((place for text, place in moved.items() if Path(text) == Path(word)), word)
