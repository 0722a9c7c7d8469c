"""What a fit is asked for, and what is known of its networks that are there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.paths import content_of, digest, sums_in
from regfleet.results.seals import read_json
from regfleet.saving.signature import MEMBER, OF_MEMBER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from regfleet.planning.plan import Group
    from regfleet.results import Stored
    from regfleet.running.member import Wanted
    from regfleet.settings.values import Variant

ALL_ROWS = (
    "Trained on all rows: nothing is left to check it with. What may be expected is what networks of the study scored "
    "that had fewer rows."
)


@dataclass(frozen=True)
class Order:
    """What is to be fitted: the group of its trials, and how.

    ``fit`` says, whatever the seeds, that it is the same fit, and ``identities``, by seed, that it is the same network.
    ``rows`` are the variant's trials that finished, and ``like`` the key of the one that is wanted as it was.
    """

    group: Group
    variant: Variant
    wanted: Wanted
    dataset: str
    fit: str
    rows: pd.DataFrame
    results: Stored
    like: str | None = None
    identities: Mapping[int, str] = field(default_factory=dict)


def history_digest(history: Mapping[str, Any]) -> str:
    """A hash of all the numbers of a history."""
    found = hashlib.sha256()
    for name in sorted(history):
        found.update(name.encode() + history[name].astype("float32").tobytes())
    return found.hexdigest()


def member_facts(own: Path) -> dict[str, Any] | None:
    """What ``member.json`` says of a network whose files are all as they were written; None where one is not."""
    content = content_of(own / MEMBER, files.MB)
    listed_there = sums_in(own)
    if content is None or own.is_symlink() or digest(content) not in listed_there.get(MEMBER, ()):
        return None
    try:
        facts = read_json(content.decode())
        whole = all(digest(content_of(own / name) or b"") == facts["files"][name] for name in OF_MEMBER)
        return (
            facts
            if whole and "fit" in facts and isinstance(facts["seed"], int) and own.name == f"seed-{facts['seed']}"
            else None
        )
    except (ValueError, KeyError, TypeError):
        return None
