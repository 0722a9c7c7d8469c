"""Which worker keeps the traces of which trials."""

from collections.abc import Collection

from regfleet.settings.values import SplitSpec, Variant
from regfleet.trials import Chunk

Kind = tuple[str, str, SplitSpec]
"""Data set, variant and split of trials that share their traces; references have no variant, and share imports."""
KEPT_PROGRAMS = 16
"""Traced programs that a worker keeps, as `training.engines` does."""


def kind_of(chunk: Chunk) -> Kind:
    """What the trials of a chunk are."""
    return chunk.dataset, "" if chunk.variant.reference else chunk.variant.name, chunk.split


def programs_of(variant: Variant) -> int:
    """How many programs a trial of the variant traces: of what tuning tries, one for each strength."""
    if variant.reference:
        return 0
    return len({one.techniques for one in variant.tuning.candidates}) if variant.tuning else 1


class Traces:
    """What each worker, called by a name, has traced and still keeps."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[Kind, int]] = {}
        self._workers: dict[Kind, set[str]] = {}

    def of(self, worker: str) -> Collection[Kind]:
        """The kinds that a worker keeps, those it used last at the end."""
        return self._kept.get(worker, {}).keys()

    def workers(self, kind: Kind) -> Collection[str]:
        """The workers that keep a kind."""
        return self._workers.get(kind, set())

    def add(self, worker: str, chunk: Chunk) -> None:
        """The worker begins with a chunk; what it used longest ago goes when there are too many programs."""
        kept, kind = self._kept.setdefault(worker, {}), kind_of(chunk)
        kept.pop(kind, None)
        kept[kind] = programs_of(chunk.variant)
        self._workers.setdefault(kind, set()).add(worker)
        while len(kept) > 1 and sum(kept.values()) > KEPT_PROGRAMS:
            self._drop(worker, next(iter(kept)))

    def forget(self, worker: str) -> None:
        """The worker is gone."""
        for kind in [*self._kept.get(worker, ())]:
            self._drop(worker, kind)
        self._kept.pop(worker, None)

    def _drop(self, worker: str, kind: Kind) -> None:
        del self._kept[worker][kind]
        self._workers[kind].discard(worker)
