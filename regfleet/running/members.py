"""The networks of a fit in its folder: kept as they come, found again where the fit goes on."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.errors import InputError, ResultsError
from regfleet.paths import content_of, digest, sums_in, write_listed
from regfleet.results.seals import read_json, sealed_json
from regfleet.running.member import Fitted
from regfleet.saving.signature import ARRAYS, MEMBER, MODEL, OF_MEMBER, PLAN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from regfleet.running.ordering import Order
    from regfleet.trials import Outcome

OTHERWISE = ": another machine, GPU or version of TensorFlow rounds otherwise"


def networks_in(folder: Path, order: Order) -> dict[int, dict[str, Any]]:
    """What is said of the networks that are there already, by seed; raises InputError for those of another fit."""
    found: dict[int, dict[str, Any]] = {}
    for own in sorted(folder.glob("seed-*")):
        facts = member_facts(own)
        if facts is None:
            continue
        seed = int(facts["seed"])
        if facts["fit"] != order.fit:
            raise InputError(
                f"--out: expected a new folder, or that of the same fit; got {folder}, which holds {facts['label']} of "
                "another. Choose another --out"
            )
        if facts["identity"] == order.identities.get(seed):
            found[seed] = facts
    return found


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


def keep(outcomes: Sequence[Outcome], folder: Path, order: Order) -> dict[int, str]:
    """Keep the networks that came; what went wrong with others, by seed."""
    failures = {}
    for outcome in outcomes:
        seed = outcome.trial.seed
        if not isinstance(outcome, Fitted):
            failures[seed] = outcome.error or outcome.status
            continue
        if order.like:
            _check_alike(outcome, order)
        contents = {MODEL: outcome.model, PLAN: outcome.plan.encode(), ARRAYS: outcome.arrays}
        facts = {
            "fit": order.fit,
            "identity": order.identities[seed],
            "seed": seed,
            "key": outcome.trial.key,
            "label": order.variant.label,
            "epochs": len(outcome.history["loss"]),
            "epoch": outcome.epoch,
            "setting": outcome.setting,
            "scores": _finite(_test_scores(outcome, order)),
            "history": history_digest(outcome.history),
            "importance": _finite(outcome.importance),
            "files": {name: digest(content) for name, content in contents.items()},
        }
        write_listed(_own_folder(folder, seed), [*contents.items(), (MEMBER, sealed_json(facts).encode())], "--out")
    return failures


def _own_folder(folder: Path, seed: int) -> Path:
    own = folder / f"seed-{seed}"
    if own.is_symlink() or (own.exists() and not own.is_dir()):
        raise InputError(f"--out: expected no other file or link in its place; got {own}")
    return own


def _test_scores(outcome: Fitted, order: Order) -> dict[str, float]:
    begin = f"{order.wanted.at}_test_"
    return {name.removeprefix(begin): value for name, value in outcome.metrics.items() if name.startswith(begin)}


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """``values`` as JSON has them, with null for what is no number."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def history_digest(history: Mapping[str, Any]) -> str:
    """A hash of all the numbers of a history."""
    found = hashlib.sha256()
    for name in sorted(history):
        found.update(name.encode() + history[name].astype("float32").tobytes())
    return found.hexdigest()


def _check_alike(outcome: Fitted, order: Order) -> None:
    """Raise ResultsError unless a network has the scores of its trial, to the last bit."""
    row = order.rows[order.rows["key"] == outcome.trial.key].iloc[0]
    other = [name for name, value in outcome.metrics.items() if name in row and _differs(value, row[name])]
    if other:
        name = other[0]
        raise ResultsError(
            f"--like-trial {outcome.trial.key}: expected {name} {float(row[name])!r}, as it was; got "
            f"{outcome.metrics[name]!r}{OTHERWISE}"
        )
    stored = _history(order)
    odd = [name for name, values in outcome.history.items() if not _same(stored[name].to_numpy(), values)]
    if odd:
        raise ResultsError(f"--like-trial {outcome.trial.key}: expected {odd[0]} as it was; got another{OTHERWISE}")


def _history(order: Order) -> pd.DataFrame:
    """The stored history of the one trial that is fitted again."""
    import pandas as pd

    (trial,) = order.group.trials
    parts = [
        one[(one["variant"] == order.variant.name) & (one["seed"] == trial.seed)]
        for one in order.results.curves(order.dataset)
    ]
    return pd.concat(parts).drop_duplicates("epoch").sort_values("epoch")


def _same(one: Any, other: Any) -> bool:
    import numpy as np

    return bool(np.array_equal(np.asarray(one, "float32"), np.asarray(other, "float32"), equal_nan=True))


def _differs(one: Any, other: Any) -> bool:
    both = float(one), float(other)
    return both[0] != both[1] and not all(map(math.isnan, both))
