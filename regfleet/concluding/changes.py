"""What changed from one run of a study to another, in what was run and in what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from regfleet.analysis.between import Change, change
from regfleet.analysis.comparing import Terms
from regfleet.analysis.question import Question
from regfleet.analysis.runs import Runs
from regfleet.concluding.contents import RowChange, row_change
from regfleet.concluding.sides import Side, common_metric, counted_rows, order_notes, same_splits, terms_of
from regfleet.errors import InputError
from regfleet.numbers import count, counted
from regfleet.report.difference import PAIRED, DataChange, Difference, SetChange, Setting, differing
from regfleet.settings import seeds_text
from regfleet.text import listed

Rows = Mapping[str, RowChange | None]
FACTS = {
    "sha256": "content",
    "task": "task",
    "rows": "rows",
    "columns": "input columns",
    "training_rows": "training rows of a seed",
    "validation_rows": "validation rows of a seed",
    "test_rows": "test rows of a seed",
    "fixed_test": "the same test set for every seed",
    "grouped": "rows in groups",
    "split": "split",
    "classes": "classes",
    "rows_by_class": "rows of each class",
    "scaling": "scaling",
}
"""What is said of a data set, and its name for people."""
MOST = 200


def differences(
    old: Side,
    new: Side,
    metric: str | None = None,
    variants: Sequence[str] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> Difference:
    """What changed from ``old`` to ``new``.

    Args:
        old, new: the two runs.
        metric: what their scores are compared by; None is the later study's own.
        variants: names or labels of those to compare; empty for all that both have.
        advance: told how many comparisons were made since.

    Raises:
        InputError: the runs have no data set in common, a variant is not in both, or the metric cannot judge them.
    """
    names = common_datasets(old, new)
    rows = rows_between(old, new, names)
    sets, notes = [], [*order_notes(old, new), *_only("Data set", *_apart(old.data, new.data), old, new)]
    for name in names:
        if old.task(name) != new.task(name):
            notes.append(f"{name}: a {old.task(name)} before and a {new.task(name)} now, so scores do not compare.")
            continue
        sets.append(_set_change(old, new, name, common_metric((old, new), name, metric), rows.get(name), variants))
        advance(len(sets[-1].changes))
    return Difference(
        old=old.shown,
        new=new.shown,
        finished=(old.finished, new.finished),
        study=differing(_settings(old), _settings(new)),
        data=tuple(found for name in names if (found := _data_change(old, new, name, rows.get(name)))),
        versions=differing(*({**side.versions, "commit": side.commit} for side in (old, new))),
        hardware=differing(_words(old.hardware), _words(new.hardware)),
        sets=tuple(sets),
        alpha=new.question.alpha,
        notes=tuple(notes),
    )


def common_datasets(old: Side, new: Side) -> list[str]:
    """The data sets of both runs; raises InputError where there is none."""
    names = [name for name in new.data if name in old.data]
    if not names:
        had, has = listed(list(old.data)), listed(list(new.data))
        raise InputError(f"{new.shown}: expected a data set of {old.shown} ({had}); got {has}")
    return names


def rows_between(old: Side, new: Side, names: Sequence[str]) -> Rows:
    """Of each data set that changed what became of its rows; without those of which that is not known."""
    changed = [name for name in names if old.data[name].sha256 != new.data[name].sha256]
    if not changed:
        return {}
    before, after = old.contents(), new.contents()
    many = {name: (old.data[name].rows, new.data[name].rows) for name in changed}
    return {
        name: row_change(before[name], after[name], many[name] if all(many[name]) else None)
        for name in changed
        if name in before and name in after
    }


def apart(old: Side, new: Side, dataset: str, rows: RowChange | None) -> str:
    """Why a seed did not test the same rows in both runs; empty where it did."""
    mine, other = new.data[dataset], old.data[dataset]
    if not same_splits(old, new):
        return f"rows were split as {old.study.split} before and as {new.study.split} now"
    if not (mine.sha256 and other.sha256):
        return "it was not recorded which rows there were"
    if mine.sha256 == other.sha256 or (rows is not None and rows.numbered):
        return ""
    if rows is None:
        return "the data set has another content, and what its rows hold was not kept"
    if not rows.whole:
        return "the data set has another content, and not every row was tested, so it is not known which are the same"
    what = [word for many, word in ((rows.added, "added"), (rows.removed, "removed")) if many]
    return (
        f"rows were {listed(what)}, so seeds test others" if what else "rows have another order, so seeds test others"
    )


def wanted_variants(old: Side, new: Side, asked: Sequence[str]) -> list[str]:
    """The variants of both studies that are ``asked`` for by name or label, by default all of them.

    Raises InputError for one that is not in both, and where there is none.
    """
    both = [name for name in new.labels if name in old.labels]
    if not both:
        had, has = (listed([*side.labels.values()], 10) for side in (old, new))
        raise InputError(f"{new.shown}: expected a variant that {old.shown} has too ({had}); got {has}")
    found = []
    for text in asked:
        named = [name for name in both if text in (name, new.labels[name])]
        if not named:
            there = [side.shown for side in (old, new) if text in (*side.labels, *side.labels.values())]
            where = f"{text}, which only {there[0]} has" if there else text
            raise InputError(f"--variant: expected one of {', '.join(both[:20])}; got {where}")
        found += named
    return list(dict.fromkeys(found)) or both


def runs_between(old: Side, new: Side, dataset: str, question: Question) -> tuple[dict[str, Runs], dict[str, Runs]]:
    """The runs of both (old, new) by variant, on the weights of one epoch."""
    later = new.runs(dataset, question.metric, question.at, {})
    return old.runs(dataset, question.metric, question.at, later), later


def _set_change(
    old: Side, new: Side, dataset: str, metric: Any, rows: RowChange | None, variants: Sequence[str]
) -> SetChange:
    question = replace(new.question, metric=metric)
    before, after = runs_between(old, new, dataset, question)
    wanted = [name for name in wanted_variants(old, new, variants) if name in before and name in after]
    terms = counted_rows(terms_of(new, dataset, question, len(wanted)), after)
    why = apart(old, new, dataset, rows)
    earlier = terms_of(old, dataset, question, len(wanted))
    changes = tuple(change(name, new.labels[name], after[name], before[name], terms, why, earlier) for name in wanted)
    only = (
        [old.labels[n] for n in old.labels if n not in new.labels],
        [new.labels[n] for n in new.labels if n not in old.labels],
    )
    return SetChange(
        dataset=dataset,
        metric=metric,
        where=terms.where,
        comparisons=terms.comparisons,
        headline=_headline(dataset, changes, terms),
        judged=_judged(changes),
        changes=changes,
        only_old=tuple(() if variants else only[0]),
        only_new=tuple(() if variants else only[1]),
    )


def _headline(dataset: str, changes: Sequence[Change], terms: Terms) -> str:
    """What came of all variants on a data set."""
    if not changes:
        return f"On {dataset} no variant has trials in both runs."
    if all(one.identical for one in changes):
        return f"On {dataset} every variant trained as before to the last bit."
    parts = []
    for word in ("worse", "better"):
        found = [one.label for one in changes if one.verdict == word]
        if found:
            parts.append(f"{listed(found)} {'is' if len(found) == 1 else 'are'} {word} than before")
    rest = len(changes) - sum(one.verdict in ("worse", "better") for one in changes)
    few = sum(one.difference.low != one.difference.low for one in changes)
    if not parts:
        alike = sum(one.verdict == "equivalent" for one in changes)
        if alike == len(changes):
            return f"On {dataset} every variant does as before, within what matters in {terms.metric.title}."
        if few == len(changes):
            return f"On {dataset} too few seeds can be compared to say anything."
        return (
            f"On {dataset} no variant has clearly changed in {terms.metric.title}, of {count(len(changes), 'variant')}."
        )
    others = f"; {counted(rest, 'other')} {'has' if rest == 1 else 'have'} not clearly changed" if rest else ""
    return f"On {dataset} {' and '.join(parts)} in {terms.metric.title}{others}."


def _judged(changes: Sequence[Change]) -> str:
    """What is held against what, and why it is nothing finer."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in changes:
        found.setdefault((PAIRED[one.pairing], one.why), []).append(one.label)
    parts = []
    for (how, why), labels in found.items():
        who = f"{listed(labels)}: " if len(found) > 1 else ""
        parts.append(f"{who}{how}{f', because {why}' if why else ''}")
    return f"Runs are {'; '.join(parts)}." if parts else ""


def _settings(side: Side) -> dict[str, str]:
    """The study's settings by name, without its variants, which are compared one by one."""
    table = side.study.table()
    del table["variant"]
    table["seeds"] = seeds_text(side.study.seeds)
    return _words(table)


def _words(table: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """A table in one level, ``outer.inner``, with every value as text."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= _words(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = _text(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def _data_change(old: Side, new: Side, dataset: str, rows: RowChange | None) -> DataChange | None:
    """What differs about a data set; None where nothing does."""
    before, after = (
        {called: _text(getattr(side.data[dataset], name))[:MOST] for name, called in FACTS.items()}
        for side in (old, new)
    )
    # What an earlier version did not record is not what has changed.
    known = {called for called in before if before[called] not in ("", "0") and after[called] not in ("", "0")}
    found = [one for one in differing(before, after) if one.name in known or one.name == "split"]
    same = before["content"] == after["content"]
    if same:
        found = [one for one in found if one.name not in ("rows of each class", "classes")]
    found = [Setting(one.name, one.old[:12], one.new[:12]) if one.name == "content" else one for one in found]
    said = rows.sentences() if rows else []
    if rows is None and not same and before["content"] and after["content"]:
        said = ["Its content changed; which rows did is not known, for no rows were kept that can be compared."]
    return DataChange(dataset, tuple(found), tuple(said)) if found or said else None


def _apart(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[list[str], list[str]]:
    return [name for name in old if name not in new], [name for name in new if name not in old]


def _only(what: str, before: Sequence[str], after: Sequence[str], old: Side, new: Side) -> list[str]:
    plural = what.lower() + "s"
    return [
        f"{what if len(names) == 1 else plural.capitalize()} of {side.shown} only: {listed(list(names), 10)}."
        for names, side in ((before, old), (after, new))
        if names
    ]
