"""What a check of a run against an earlier one found, as a record, for people, for pull requests and for CI."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Literal

from regfleet.analysis.between import Change
from regfleet.metrics import Metric
from regfleet.numbers import DASH, PERCENT, Scale, count, short
from regfleet.report.difference import seeds_of
from regfleet.text import json_text, printable

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-!|~&@:])")
Found = Literal["dropped", "kept", "unknown"]
FEW = 30
"""Variants up to which each has a line."""
WORDS = {"dropped": "Dropped", "kept": "No clear drop", "unknown": "Not checked"}


@dataclass(frozen=True, slots=True)
class Item:
    """A variant on a data set: what became of it, with the interval that holds for all checks at once.

    ``allowed`` is the drop that is, in units of the metric. ``sentence`` says what was found in plain words.
    """

    dataset: str
    metric: Metric
    change: Change
    allowed: float
    found: Found
    sentence: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: ``old`` and ``new`` are what the user called the runs; ``notes`` are for people."""

    old: str
    new: str
    looks: int
    alpha: float
    items: tuple[Item, ...]
    notes: tuple[str, ...]

    @property
    def dropped(self) -> tuple[Item, ...]:
        """What has clearly dropped by more than is allowed."""
        return tuple(item for item in self.items if item.found == "dropped")

    @property
    def shown(self) -> tuple[Item, ...]:
        """What a person reads: all of a few, of many what dropped, or may have, or could not be checked."""
        telling = (one for one in self.items if one.found != "kept" or -one.change.difference.mean > one.allowed)
        return self.items if len(self.items) <= FEW else tuple(telling)

    @property
    def headline(self) -> str:
        """What came of it, in a sentence."""
        many, sets = count(len(self.items), "variant"), len({item.dataset for item in self.items})
        if sets > 1:
            many = f"{count(len(self.items), 'comparison')} on {count(sets, 'data set')}"
        if self.dropped:
            return f"{len(self.dropped)} of {many} dropped clearly, and by more than is allowed."
        unknown = sum(item.found == "unknown" for item in self.items)
        if unknown == len(self.items):
            return f"Nothing could be checked: of {many} too few seeds finished in both runs."
        left = f" {unknown} could not be checked." if unknown else ""
        return f"No clear drop by more than is allowed, of {many}.{left}"

    @property
    def about(self) -> str:
        """How sure that is."""
        looks = f" in {self.looks:,} such checks against the same run" if self.looks > 1 else ""
        return (
            f"A drop counts that is clear by the rules of verdicts and larger than seeds make it by chance{looks}: any "
            f"false alarm has a chance of at most {short(100 * self.alpha)}{PERCENT} where runs differ by chance alone."
        )

    @property
    def advice(self) -> str:
        """What to do about a drop; empty where there is none."""
        if not self.dropped:
            return ""
        diff = shlex.join(["regfleet", "diff", self.old, self.new])
        return f"What else changed: {diff}. Where the drop is meant, hold later runs against this one."

    def json(self) -> str:
        """What was found, for machines; NaN becomes null."""
        rows = [
            {
                "dataset": item.dataset,
                "variant": item.change.name,
                "label": item.change.label,
                "metric": item.metric.name,
                "found": item.found,
                "old": item.change.old,
                "new": item.change.new,
                "change": item.change.difference.mean,
                "low": item.change.difference.low,
                "high": item.change.difference.high,
                "allowed_drop": item.allowed,
                "pairing": item.change.pairing,
                "seeds": item.change.seeds,
                "lost": item.change.lost,
                "sentence": item.sentence,
            }
            for item in self.items
        ]
        whole = {"old": self.old, "new": self.new, "looks": self.looks, "alpha": self.alpha}
        return json_text(whole | {"dropped": len(self.dropped), "items": rows, "notes": self.notes})


def markdown(checked: Checked) -> str:
    """A summary for a pull request; the names in it are text and no markup."""
    lines = [f"### regfleet check: {'dropped' if checked.dropped else 'passed'}", "", escaped(checked.headline), ""]
    lines += [f"- {escaped(item.sentence)}" for item in checked.dropped]
    if checked.dropped:
        lines.append("")
    lines += [
        "| Variant | Before | Now | Change (above zero is better) | Interval | Allowed drop | Seeds | |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    several = len({item.dataset for item in checked.items}) > 1
    for item in checked.shown:
        unit, one = Scale(item.metric), item.change
        label = f"{one.label} on {item.dataset}" if several else one.label
        cells = (
            label,
            unit.full(one.old),
            unit.full(one.new),
            unit.change(one.difference.mean),
            unit.from_to(one.difference.low, one.difference.high) or DASH,
            unit.amount(item.allowed),
            seeds_of(one),
            ("❌ " if item.found == "dropped" else "") + WORDS[item.found],
        )
        lines.append("| " + " | ".join(map(escaped, cells)) + " |")
    if len(checked.shown) < len(checked.items):
        lines += ["", f"{len(checked.items) - len(checked.shown):,} more are not below by more than is allowed\\."]
    lines += ["", escaped(f"{checked.new} against {checked.old}. {checked.about}")]
    lines += ["", escaped(checked.advice)] * bool(checked.advice)
    lines += [f"\nNote: {escaped(note)}" for note in checked.notes]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text on a line that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", printable(" ".join(text.split()), keep=""))


def junit(checked: Checked) -> str:
    """The same as JUnit XML: a test case for each variant, one that has dropped as a failure."""
    skipped = [item for item in checked.items if item.found == "unknown"]
    suite = ET.Element(
        "testsuite",
        name="regfleet check",
        tests=str(len(checked.items)),
        failures=str(len(checked.dropped)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for item in checked.items:
        where, name = printable(f"regfleet.{item.dataset}"), printable(item.change.label)
        case = ET.SubElement(suite, "testcase", classname=where, name=name, time="0")
        if item.found == "dropped":
            failure = ET.SubElement(case, "failure", message=printable(item.sentence), type="drop")
            failure.text = printable(f"{item.sentence}\n{checked.about}")
        elif item.found == "unknown":
            ET.SubElement(case, "skipped", message=printable(item.sentence))
        else:
            ET.SubElement(case, "system-out").text = printable(item.sentence)
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def is_ours(content: bytes) -> bool:
    """Whether a file is what a check writes; an empty one, as CI gives to be filled, costs nobody anything."""
    return (
        not content
        or content.startswith(b"### regfleet check: ")
        or b'<testsuite name="regfleet check"' in content[:500]
    )
