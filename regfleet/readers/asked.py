"""What somebody said of results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody said of results: None, or nothing, where they left it to us. ``rows``: n_train and n_test."""

    technique: tuple[str, ...] = ()
    seed: str | None = None
    metric: str | None = None
    higher_is_better: bool | None = None
    control: str | None = None
    scope: str | None = None
    rows: tuple[int, int] | None = None
