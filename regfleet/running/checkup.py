"""Whether a results directory is whole: every file is looked at, and what can be repaired is."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from regfleet import atomic
from regfleet.concluding.judge import conclude, kept_study, read_results
from regfleet.errors import InputError, RegfleetError, ResultsError, StorageError
from regfleet.numbers import count
from regfleet.paths import REPORT, SOMETIMES, SUMS, digest, read_sums
from regfleet.planning.plan import planned_keys
from regfleet.results import load, place_of, read_provenance
from regfleet.results.parts import checked_by, each_part, open_part, read_groups, schema_of
from regfleet.results.place import FILES, FOLDERS, PART, unreadable
from regfleet.results.seals import STUDY, has_comment, is_sealed, read_json
from regfleet.results.store import set_aside
from regfleet.running.machine import Finding
from regfleet.text import listed, reason
from regfleet.tracking import TRACKERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from regfleet.results import Place
    from regfleet.results.parts import Problem

OTHER = "of another study or an earlier version, in the place of trials of this one"
AGAIN = "the same regfleet compare command as before runs them again"


def check_results(directory: str | Path) -> Iterator[Finding]:
    """Look at every file of a results directory or URL, and repair what can be repaired.

    What is torn is moved aside, never deleted; only what a killed driver left half written is. Nothing is touched while
    a driver holds the place. Raises ResultsError for a place that holds no results, StorageError for one that cannot be
    read.
    """
    place = place_of(directory)
    try:
        if not (place.is_ours() or is_sealed(place)):
            raise ResultsError(f"{place}: expected a results directory; got another one, or none")
        yield from _checked(place)
    except OSError as problem:
        raise unreadable(place, problem) from None


def _checked(place: Place) -> Iterator[Finding]:
    left_over = [path.name for folder in ("", *FOLDERS) for path in _left_over(place, folder)]
    with ExitStack() as held:
        why = "a driver writes there now: nothing was repaired" if place.in_use() else ""
        if not why:
            try:
                held.enter_context(place.claim())
            except (InputError, StorageError) as problem:
                why = f"nothing was repaired: {problem}"
        yield Finding("Lock", "note", why) if why else Finding("Lock", "good", "no driver writes there")
        if left_over and not why:
            yield Finding("Left over", "note", f"removed what a killed driver was writing: {listed(left_over)}")
        yield from _texts(place, repair=not why)
        yield from _parts(place, repair=not why)
        yield from _foreign(place)
        yield from _report(place, repair=not why)


def _left_over(place: Place, folder: str) -> list[Path]:
    return atomic.left_over(place.local / folder) if place.local else []


def _texts(place: Place, *, repair: bool) -> Iterator[Finding]:
    """The files that say what the results are."""

    def progress() -> None:
        try:
            read_json(place.text("progress.json"))
        except ValueError as problem:
            raise ResultsError(f"{place.at('progress.json')}: {problem}") from None

    checks = {
        "study.toml": lambda: kept_study(place),
        "provenance.json": lambda: read_provenance(place),
        "progress.json": progress,
    }
    for name, check in checks.items():
        if not place.exists(name):
            if name == "study.toml":
                yield Finding(name, "bad", "is missing", "give the same regfleet compare command as before")
            else:
                words = "is missing" + "; how many trials were kept is not known" * (name == "provenance.json")
                yield Finding(name, "note", words, "the same regfleet compare command as before writes it again")
            continue
        try:
            check()
        except StorageError:
            raise
        except RegfleetError as problem:
            ours = _may_be_ours(place, name)
            if not (repair and ours):
                then = "" if ours else "rename it: regfleet did not write it"
                yield Finding(name, "bad", str(problem).splitlines()[0], then)
                continue
            aside = _free(place, f"{name}.torn")
            place.move(name, aside)
            words = f"{str(problem).splitlines()[0]}; set aside as {aside}"
            yield Finding(name, "note", words, "the same regfleet compare command as before writes it again")
        else:
            yield Finding(name, "good", "is whole")


def _may_be_ours(place: Place, name: str) -> bool:
    """Whether a damaged text may be one that regfleet wrote."""
    content = place.read(name)
    if name == STUDY:
        return is_sealed(place) or not has_comment(content.decode("utf-8", errors="replace"))
    return content.strip(b"\0")[:1] in (b"", b"{")


def _parts(place: Place, *, repair: bool) -> Iterator[Finding]:
    problems: list[Problem] = []
    kept: dict[str, set[str]] = {}
    parts: dict[str, set[str]] = {}
    for folder in FOLDERS:
        schema = schema_of(folder)
        for name in place.sizes(folder):
            if name.endswith(".foreign"):
                yield Finding(f"{folder}/{name}", "note", f"was set aside: {OTHER}", "delete it when nobody misses it")
            if name.endswith(".torn"):
                yield _aside(place, f"{folder}/{name}", schema, repair=repair)
        found = each_part(place, folder, partial(_keys, place, schema), problems)
        parts |= {f"{folder}/{name}": set(part) for name, part in found.items()}
        keys = kept[folder] = {key for part in found.values() for key in part}
        old = sum(1 for name in found if not checked_by(name))
        words = f"{count(len(found), 'whole part')} with {count(len(keys), 'trial')}"
        words += f"; {old} from before parts had checksums" if old else ""
        words = "none were kept" if folder == "predictions" and not found else words
        yield Finding(folder.capitalize(), "good", words)
    for problem in problems:
        if problem.kind == "torn" and PART.fullmatch(problem.part.rpartition("/")[2]):
            done = set_aside(place, problem) if repair else str(problem)
            yield Finding(problem.part, "note" if repair else "bad", done, AGAIN)
        else:
            yield Finding(problem.part, "note", f"{problem}; left where it is")
    moved: set[str] = set()
    yield from _doubles(place, parts, moved, repair=repair)
    for folder in FOLDERS[1:]:
        alone = len(kept[folder] - kept["trials"] - moved)
        if alone:
            words = f"those of {count(alone, 'trial')} are there without their trials, and count for nothing"
            yield Finding(folder.capitalize(), "note", words, AGAIN)
    yield from _missing(place, kept["trials"] - moved, kept["histories"], repair=repair)


def _keys(place: Place, schema: pa.Schema, name: str) -> list[str]:
    with open_part(place, name, schema) as part:
        keys: list[str] = read_groups(part, schema)["key"].unique().to_pylist()
        return keys


def _aside(place: Place, name: str, schema: pa.Schema, *, repair: bool) -> Finding:
    """A part that was set aside: what is wrong with it can still be seen, and one that is whole is put back."""
    back = f"{name.removesuffix('.torn')}.parquet"
    try:
        _keys(place, schema, name)
    except ValueError as problem:
        return Finding(name, "note", f"was set aside: {reason(problem)}", "delete it when nobody wants to look at it")
    if not repair or place.exists(back):
        return Finding(name, "note", "was set aside, and is whole")
    place.move(name, back)
    return Finding(name, "note", f"was set aside, and is whole: put back as {back}")


def _doubles(place: Place, parts: dict[str, set[str]], moved: set[str], *, repair: bool) -> Iterator[Finding]:
    """Parts with trials that this study does not make, in the place of those that it made.

    What an earlier version made has other keys too: it is only in the way where this one made the same trials again.
    Adds the keys of what was set aside to ``moved``.
    """
    try:
        resolved, results = read_results(place)
    except StorageError:
        raise
    except RegfleetError:  # a study that is missing or damaged was named before
        return
    trials, planned = results.trials, planned_keys(resolved)
    own = trials["key"].isin(planned)
    which = ["dataset", "variant", "seed"]
    twice = {*trials.loc[~own & trials.set_index(which).index.isin(trials[own].set_index(which).index), "key"]}
    foreign = {*trials.loc[~own, "key"]}
    of_trials = [keys for name, keys in parts.items() if name.startswith("trials/") and keys & twice]
    theirs = {key for keys in of_trials if keys <= foreign for key in keys}
    for name, keys in parts.items():
        if not keys & twice:
            continue
        if not keys <= theirs:
            words = f"holds {count(len(keys & twice), 'trial')} {OTHER}, and others beside them"
            yield Finding(name, "bad", words, "give the regfleet compare command with another --out")
        elif repair:
            aside = f"{name.removesuffix('.parquet')}.foreign"
            place.move(name, aside)
            moved |= keys
            yield Finding(name, "note", f"{OTHER}; set aside as {aside.rpartition('/')[2]}")
        else:
            yield Finding(name, "bad", OTHER)


def _missing(place: Place, trials: set[str], histories: set[str], *, repair: bool) -> Iterator[Finding]:
    """Trials that were kept and are not there, or not with their histories and predictions."""
    if not place.exists("study.toml"):
        return
    results = load(place)
    lost = trials - {*results.trials["key"]}
    for folder, keys in (("Histories", lost - histories), ("Predictions", lost & histories)):
        if keys:
            yield Finding(folder, "note", f"those of {count(len(keys), 'trial')} are not there", AGAIN)
    for problem in results.problems:
        if problem.kind == "study":
            yield Finding("Study", "bad", str(problem), "put their own back, or give their compare command again")
        if problem.kind == "missing":
            if repair:
                facts = results.provenance.model_copy(update={"kept": len(results.trials)})
                place.write("provenance.json", facts.json_text().encode())
            yield Finding("Missing", "note" if repair else "bad", str(problem), AGAIN)


def _foreign(place: Place) -> Iterator[Finding]:
    known = {*FILES, *FOLDERS, *TRACKERS}
    names = [name for name in place.sizes("") if name not in known and not name.startswith(".lock.")]
    torn = [name for name in names if ".torn" in name]
    other = [name for name in names if name not in torn and not atomic.is_beside(name)]
    if torn:
        yield Finding("Set aside", "note", listed(torn), "delete them when nobody wants to look at them")
    if other:
        yield Finding("Others", "note", f"not of regfleet, and left alone: {listed(other)}")


def _report(place: Place, *, repair: bool) -> Iterator[Finding]:
    """The report and its tables, by their list."""
    if not place.exists(SUMS):
        words = "has no list of checksums" if place.exists("report.html") else "is not there"
        yield Finding("Report", "note", words, f"regfleet report {place}")
        return
    sums = read_sums(place.read(SUMS).decode("utf-8", errors="replace"))
    written = [name for name in REPORT if name in sums or name not in SOMETIMES]
    changed = [name for name in written if not (place.exists(name) and digest(place.read(name)) in sums.get(name, ()))]
    if not changed:
        yield Finding("Report", "good", "is whole, with its tables")
        return
    words = f"not as it was written: {listed(changed)}"
    if repair:
        try:
            conclude(place)
        except StorageError:
            raise
        except RegfleetError as problem:
            yield Finding("Report", "bad", f"{words}; {str(problem).splitlines()[0]}", f"regfleet report {place}")
            return
        yield Finding("Report", "note", f"{words}; written again")
    else:
        yield Finding("Report", "bad", words, f"regfleet report {place}")


def _free(place: Place, name: str) -> str:
    number = 1
    free = name
    while place.exists(free):
        number += 1
        free = f"{name}-{number}"
    return free
