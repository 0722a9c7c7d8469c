"""The index of a published site: what each report says of itself, newest first."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regfleet.report import tokens
from regfleet.report.provenance import day
from regfleet.report.templates import environment, source
from regfleet.text import clean

_ENTRY = re.compile(r'<script type="application/json" id="entry">(.*?)</script>', re.DOTALL)


def read_entry(report: str) -> dict[str, Any] | None:
    """What a report's file says of itself; None when it is no report of ours."""
    found = _ENTRY.search(report)
    if found is None:
        return None
    try:
        entry = json.loads(found[1])
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"title", "finished", "datasets"} <= entry.keys() else None


def index_html(entries: Mapping[str, Mapping[str, Any]], templates: Path | None = None) -> str:
    """The index page; ``entries`` maps a report's folder to what it says of itself and to its ``files``."""
    from markupsafe import Markup

    made = environment(templates)
    script = "\n".join(line.strip() for line in source(made, "site.js").splitlines())
    shown = [_shown(folder, entry) for folder, entry in entries.items()]
    # Two stable sorts: newest first, and among equals by folder.
    shown.sort(key=lambda one: one["folder"])
    shown.sort(key=lambda one: one["finished"], reverse=True)
    return made.get_template("site.html.j2").render(
        entries=shown,
        choices={
            "dataset": sorted({name for one in shown for name in one["datasets"]}),
            "model": sorted({one["model"] for one in shown}),
            "verdict": sorted({word for one in shown for word in one["verdicts"]}),
        },
        tokens=Markup(tokens.style_sheet()),  # noqa: S704 - our own table of colours
        style=Markup(source(made, "report.css") + source(made, "site.css")),  # noqa: S704 - files of the templates
        script=Markup(script),  # noqa: S704 - a file of the templates
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _shown(folder: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    datasets: Sequence[Mapping[str, Any]] = entry["datasets"]
    words = {str(row["verdict"]).rpartition(" ")[2] for data in datasets for row in data["leaderboard"]}
    texts = [entry["title"], entry["model"], *(data["verdict"] for data in datasets)]
    texts += [row["label"] for data in datasets for row in data["leaderboard"]]
    return {
        "folder": folder,
        "title": entry["title"],
        "model": str(entry["model"]),
        "status": entry.get("status", ""),
        "finished": str(entry["finished"]),
        "day": day(str(entry["finished"])),
        "datasets": [str(data["name"]) for data in datasets],
        "sections": datasets,
        "verdicts": sorted(words - {"Control"}),
        "files": entry.get("files", ()),
        "text": clean(" ".join(map(str, texts))).lower(),
    }
