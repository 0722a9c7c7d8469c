"""Which score of another tool decides, and which way it points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.readers.columns import last, some
from regfleet.scorers import known_metric
from regfleet.text import given, nearest

if TYPE_CHECKING:
    from regfleet.readers.asked import Asked
    from regfleet.readers.columns import Columns
    from regfleet.readers.runs import Runs

SPLITS = ("test_", "val_", "valid_", "validation_", "eval_", "test/", "val/", "valid/", "validation/", "eval/")
"""What stands before the name of a metric, of rows that did not train."""


def choose_metric(runs: Runs, asked: Asked, at: Columns) -> tuple[str, bool | None, str]:
    """The score that decides, whether more of it is better, None where its name tells, and the sentence on it."""
    if not at.measured and not at.numeric():
        raise InputError(f"expected scores, that is numbers; {runs.tool} has none here")
    if asked.metric is not None:
        name = _asked_metric(runs, asked.metric, at)
        chosen = ""
    else:
        name, chosen = _own_metric(runs, at)
    shown = asked.metric if asked.metric is not None else name
    own = runs.directions.get(name)
    known = known_metric(shown)
    plain = known or known_metric(_without_split(shown))
    if asked.higher_is_better is not None:
        higher, why = asked.higher_is_better, "as you said"
    elif own is not None:
        higher, why = own, f"as {runs.tool} has it"
    elif plain is not None:
        higher, why = plain.higher_is_better, "as its name says"
    else:
        raise InputError(
            f"--higher-is-better: expected yes or no for {given(shown)}, for nothing here says which way it points; "
            "got none"
        )
    side = "more" if higher else "less"
    odd = ""
    if asked.higher_is_better is None and plain is not None and plain.higher_is_better != higher:
        odd = f" Mind that of {plain.title} {'more' if plain.higher_is_better else 'less'} would be better."
    rest = [one for one in at.measured if one != name]
    other = f"; --metric names another: {some(rest)}" if rest and not chosen and asked.metric is None else ""
    said = f"Judged by {shown}, of which {side} is better, {why}{chosen}{other}.{odd}"
    plainly = known is not None and known.higher_is_better == higher and asked.higher_is_better is None
    return name, None if plainly else higher, said


def _asked_metric(runs: Runs, name: str, at: Columns) -> str:
    choices = list(dict.fromkeys([*at.measured, *at.numeric()]))
    if name in choices:
        return name
    ends = [one for one in choices if last(one) == name.lower()]
    ends = ends or [one for one in choices if _without_split(one) == name.lower()]
    if len(ends) == 1:
        return ends[0]
    nameless = runs.metric in ("score", "value") and len(at.measured) == 1
    if nameless and known_metric(name) is not None:
        return runs.metric
    raise InputError(f"--metric: expected one of {some(choices)}; got {given(name)}{nearest(name, choices)}")


def _own_metric(runs: Runs, at: Columns) -> tuple[str, str]:
    """The score that the tool was after, or the only one whose name is known; and why, where that is worth a word."""
    if runs.metric in at.measured:
        return runs.metric, ""
    if len(at.measured) == 1:
        return at.measured[0], ""
    known = [one for one in at.measured if known_metric(_without_split(one)) is not None]
    held_out = [one for one in known if known_metric(one) is None or one.startswith("test_")] or known
    if len(held_out) == 1:
        rest = [one for one in at.measured if one != held_out[0]]
        return held_out[0], f", the score whose name is known; --metric names another: {some(rest)}"
    raise InputError(
        f"--metric: expected which of {some(known or at.measured or at.numeric())} decides, for {runs.tool} does not "
        "say; got none"
    )


def _without_split(name: str) -> str:
    plain = name.lower()
    for start in ("objective_", *SPLITS):
        plain = plain.removeprefix(start)
    return plain
