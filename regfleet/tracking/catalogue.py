"""The trackers by name, and whether they are installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.text import given, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from regfleet.tracking.contract import Tracker

TRACKERS = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "wandb": "WandB", "aim": "Aim"}
"""Name → class in the module of that name; its package, and the extra that installs it, are called so too."""


def known_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """The trackers called ``names``, each once; raises InputError with a line for each that is none."""
    *most, last = TRACKERS
    wrong = [
        f"--log: expected {', '.join(most)} or {last}; got {given(name)}{nearest(name, TRACKERS)}"
        for name in map(str, names)
        if name not in TRACKERS
    ]
    if wrong:
        raise InputError(*wrong)
    return tuple(dict.fromkeys(names))


def check_trackers(names: Sequence[str], folder: Path | None) -> tuple[str, ...]:
    """The trackers called ``names``, each once; ``folder`` is the results directory, None for a bucket.

    Raises InputError with a line for each that is none, is not installed, or cannot log these results.
    """
    names = known_trackers(names)
    wrong = [words for words in (_wrong(name, folder) for name in names) if words]
    if wrong:
        raise InputError(*wrong)
    return names


def _wrong(name: str, folder: Path | None) -> str:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"--log {name}: expected {name} to be installed; got none. Run: pip install 'regfleet[{name}]'"
    if name == "tensorboard" and folder is None:
        return "--log tensorboard: expected --out on this machine, where its files go; got a bucket"
    return ""


def tracker_of(name: str) -> Tracker:
    """A tracker, for one study. Its package is imported here, which takes seconds."""
    tracker: Tracker = getattr(import_module(f"regfleet.tracking.{name}"), TRACKERS[name])()
    return tracker
