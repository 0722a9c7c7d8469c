"""The index of a published site: a card per report, the newest of each study first, and where to find the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from regfleet.report import feed
from regfleet.report.background import day
from regfleet.report.templates import assets, environment
from regfleet.report.trend import Run, moment
from regfleet.report.trend_page import between, since
from regfleet.text import elide, listed, printable

SHOWN, MOST_TOLD, FOUND = 3, 2, 200
"""Variants of a card, facts that tell it from another of the same title, and variants that a search finds in it."""
LETTERS = 60
BESIDE = ("references", "keep_predictions")
"""Settings of what stands beside a comparison: they tell no studies apart, and neither does one that is left open."""
Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Site:
    """What a site holds: ``entries`` maps a report's folder to what it says of itself, ``histories`` a study to runs.

    ``base`` is where it is on the web, with a slash behind it; empty when that is not known.
    """

    entries: Entries
    histories: Mapping[str, Sequence[Run]]
    base: str

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """The run of each report of which more is known than it says of itself."""
        return {run.folder: run for runs in self.histories.values() for run in runs if run.folder}


@dataclass(frozen=True, slots=True)
class Group:
    """The reports of a study: the card of the ``newest``, those of ``earlier`` runs, and its page over time.

    ``trend`` has the page's ``href`` and says of what ``runs`` it is; None without one.
    """

    newest: dict[str, Any]
    earlier: list[dict[str, Any]]
    trend: Mapping[str, str] | None


def index(site: Site, trends: Iterable[str], templates: Path | None) -> str:
    """The index page; ``trends`` are the studies that have a page of their own."""
    made = environment(templates)
    cards = {folder: _card(folder, entry, site.runs.get(folder)) for folder, entry in sorted(site.entries.items())}
    groups = _groups(cards, site, set(trends))
    _tell_apart([group.newest for group in groups], site)
    return made.get_template("site.html.j2").render(
        groups=groups,
        reports=len(cards),
        feed=feed.FILE if site.base else "",
        most_found=FOUND,
        choices={
            "dataset": sorted({name for one in cards.values() for name in one["datasets"]}),
            "model": sorted({one["model"] for one in cards.values()}),
            "verdict": sorted({word for one in cards.values() for word in one["verdicts"]}),
        },
        **assets(made, "site.js", "report.css", "site.css"),
    )


def news(site: Site) -> list[feed.News]:
    """What a feed tells of the reports: their results, and what changed since the run before."""
    found = []
    for folder, entry in site.entries.items():
        run, finished = site.runs.get(folder), moment(str(entry["finished"]))
        changed = since(site.histories[run.study], run) if run else ""
        said = [_lead(entry), changed, f"{entry['model']} · {entry.get('status', '')}"]
        origin = run.origin if run and run.origin else finished
        found.append(feed.News(folder, origin, finished, f"{folder}: {_title(entry)}", " ".join(filter(None, said))))
    return found


def _groups(cards: Mapping[str, dict[str, Any]], site: Site, trends: set[str]) -> list[Group]:
    """The reports by study, newest first; one of an unknown study stands by itself."""
    found: dict[str, list[dict[str, Any]]] = {}
    for folder, card in cards.items():
        found.setdefault(site.runs[folder].study if folder in site.runs else f"/{folder}", []).append(card)
    groups = []
    for study, members in found.items():
        members.sort(key=lambda one: one["finished"], reverse=True)  # equals stay in the order of their folders
        trend = {"href": f"trends/{study}.html", "runs": between(site.histories[study])} if study in trends else None
        groups.append(Group(members[0], members[1:], trend))
    groups.sort(key=lambda one: one.newest["finished"], reverse=True)
    return groups


def _title(entry: Mapping[str, Any]) -> str:
    names = [str(data["name"]) for data in entry["datasets"]]
    return names[0] if len(names) == 1 else f"{len(names)} data sets"


def _lead(entry: Mapping[str, Any]) -> str:
    """The overall result in a sentence; of several data sets without one, how often each verdict was given."""
    if entry.get("overall"):
        return str(entry["overall"]["verdict"])
    datasets = entry["datasets"]
    if len(datasets) == 1:
        return " ".join(filter(None, (str(datasets[0]["verdict"]), str(datasets[0].get("beside", "")))))
    words = [row["verdict"] for data in datasets for row in data["leaderboard"] if row["verdict"] != "Control"]
    counts = [f"{words.count(word):,} {word.lower()}" for word in dict.fromkeys(words)]
    return f"Verdicts over {len(datasets)} data sets: {listed(counts)}." if counts else ""


def _card(folder: str, entry: Mapping[str, Any], run: Run | None) -> dict[str, Any]:
    datasets: Sequence[Mapping[str, Any]] = entry["datasets"]
    words = {row["verdict"] for data in datasets for row in data["leaderboard"]}
    names = [str(data["name"]) for data in datasets]
    return {
        "folder": folder,
        "title": _title(entry),
        "apart": "",
        "question": entry["title"],
        "lead": _lead(entry),
        "overall": entry.get("overall"),
        "model": str(entry["model"]),
        "status": entry.get("status", ""),
        "finished": str(entry["finished"]),
        "day": day(str(entry["finished"])),
        "datasets": names,
        "sections": datasets,
        "verdicts": sorted(words - {"Control"}),
        "files": entry.get("files", ()),
        "text": _searched(folder, entry, run),
    }


def _searched(folder: str, entry: Mapping[str, Any], run: Run | None) -> str:
    """All that a search looks at, each text once: what the report says, its settings, versions and data."""
    datasets = entry["datasets"]
    texts = [folder, entry["title"], entry["model"], entry.get("status", ""), entry["finished"], _lead(entry)]
    texts += [text for data in datasets for text in (data["name"], data["metric"], data["verdict"])]
    texts += [row["label"] for data in datasets for row in (*data["leaderboard"], *data.get("references", ()))]
    if run:
        texts += [score.variant for score in run.scores]
        texts += [run.commit, *run.targets]
        texts += [f"{key} {value}" for table in (run.versions, run.settings) for key, value in table.items()]
    return printable(" ".join(dict.fromkeys(map(str, texts)))).lower()


def _tell_apart(cards: Sequence[dict[str, Any]], site: Site) -> None:
    """Put what differs behind titles that are the same: other data sets, techniques, model, metric, rows, settings."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for card in cards:
        alike.setdefault(card["title"], []).append(card)
    for group in (one for one in alike.values() if len(one) > 1):
        facts = [_facts(card, site.runs.get(card["folder"])) for card in group]
        names = list(dict.fromkeys(name for one in facts for name in one))
        differing = [name for name in names if len({one.get(name) for one in facts}) > 1]
        for card, own in zip(group, facts, strict=True):
            others = [one for one in facts if one is not own]
            told = [_told(name, own[name], [one.get(name, ()) for one in others]) for name in differing if name in own]
            card["apart"] = ", ".join([text for text in told if text][:MOST_TOLD])


def _facts(card: Mapping[str, Any], run: Run | None) -> dict[str, tuple[str, ...]]:
    """What may tell a report from others, the most telling first."""
    labels = [row["label"] for data in card["sections"] for row in data["leaderboard"] if row["verdict"] != "Control"]
    facts = {
        "on": tuple(card["datasets"]),
        "predicting": run.targets if run else (),
        "with": tuple(dict.fromkeys(labels)),
        "by": tuple(dict.fromkeys(str(data["metric"]) for data in card["sections"])),
        "model": (card["model"],),
    }
    if run:
        facts |= {"rows": tuple(f"{data.rows:,}" for data in run.data.values())}
        facts |= {name: (value,) for name, value in run.settings.items() if name not in BESIDE and value != "auto"}
    return facts


def _told(name: str, own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    """A fact in words: of several things those that no other has; empty where there are none."""
    elsewhere = {text for one in others for text in one}
    only = [elide(text, LETTERS) for text in own if text not in elsewhere]
    if not only:
        return f"{len(own)} techniques" if name == "with" else ""
    text = " and ".join(["; ".join(only[:SHOWN]), *([f"{len(only) - SHOWN} more"] if len(only) > SHOWN else [])])
    return f"{text} rows" if name == "rows" else f"{name} {text}"
