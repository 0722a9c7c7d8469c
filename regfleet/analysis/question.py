"""What the analysis is asked: by which metric, about what, and how sure its answers must be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from regfleet.metrics import METRICS, Metric, default_metric, resolve_metric
from regfleet.settings import Analysis
from regfleet.settings.values import Scope


@dataclass(frozen=True, slots=True)
class Question:
    """What the analysis is asked. ``metric`` says what matters, its ROPE how much of it; ``at`` picks the weights.

    ``look`` of ``looks`` says which share of ``alpha`` a study that adds seeds until the answer is clear may spend now,
    ``planned`` at how many seeds each look is; empty for any other study.
    ``silence`` are the codes of checks that the user knows of. ``halves``: whether pairs of halves of the rows judge,
    as the conservative interval asks.
    """

    metric: Metric = METRICS["accuracy"]
    scope: Scope = "new_data"
    alpha: float = 0.05
    at: Literal["last", "best"] = "last"
    look: int = 1
    looks: int = 1
    silence: tuple[str, ...] = ()
    halves: bool = False
    planned: tuple[int, ...] = ()

    @property
    def alpha_now(self) -> float:
        """The share of alpha to spend at this look."""
        return spent(self.alpha, self.look, self.looks)

    @property
    def alpha_last(self) -> float:
        """The share of alpha of the last look."""
        return spent(self.alpha, self.looks, self.looks)

    def alpha_at(self, seeds: int) -> float:
        """The share of alpha of the look that so many ``seeds`` belong to, where a variant stopped before this one.

        What stopped is never judged again by the larger share of a later look, so that over all looks it has alpha.
        """
        if not self.planned:
            return self.alpha_now
        look = sum(planned <= seeds for planned in self.planned)
        return spent(self.alpha, min(max(look, 1), self.look), self.looks)

    def claims(self, seeds: int) -> bool:
        """Whether anything may be claimed of so many ``seeds``: not before the first look."""
        return not self.planned or seeds >= self.planned[0]


def ask(settings: Analysis, metric: Metric | None = None) -> Question:
    """The question of a study's ``settings``, or of scores judged by ``metric``, which may be anybody's."""
    metric = metric or resolve_metric(settings.metric or default_metric("classification"))
    if settings.rope is not None:
        metric = replace(metric, rope=settings.rope, relative_rope=False)
    return Question(metric, settings.scope, settings.alpha, settings.at, silence=settings.silence)


def spent(alpha: float, look: int, looks: int) -> float:
    """The share of ``alpha`` for look ``look`` of ``looks`` (from 1): α·2^(j−1)/(2^J−1), which adds up to alpha."""
    return float(alpha * 2 ** (look - 1) / (2**looks - 1))
