"""What a run tells whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.settings.values import Variant
    from regfleet.trials import Outcome


class Watch:
    """Sees a study's progress. This one shows nothing; the terminal's overrides what it shows."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def start(self, variants: Sequence[Variant], planned: Mapping[str, int]) -> None:
        """Workers are being started for that many trials of each variant, by name."""

    def extend(self, planned: Mapping[str, int], reasons: Sequence[str]) -> None:
        """So many trials of each variant are due, for these ``reasons``; again after every look."""

    def resume(self, trials: pd.DataFrame) -> None:
        """These of the planned trials were finished before."""

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Trials came back."""

    def stop(self) -> None:
        """No more trials will come."""
