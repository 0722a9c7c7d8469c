"""The trials of a variant that differ in their seed alone: each made, with its key, when it is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, overload

from regfleet.trials import Trial


class SeedTrials(Sequence[Trial]):
    """The trials of one variant on one data set over ``seeds``: eight bytes a seed, none of them for a range.

    A trial's key is the first 32 hexadecimal digits of the SHA-256 of ``what`` determines its result, as JSON with
    sorted keys, its seed among them.
    """

    __slots__ = ("_after", "_before", "_dataset", "_variant", "seeds")

    def __init__(self, what: dict[str, Any], dataset: str, variant: str, seeds: Sequence[int]) -> None:
        before, after = json.dumps(what | {"seed": None}, sort_keys=True).split('"seed": null')
        self._before, self._after = before + '"seed": ', after
        self._dataset, self._variant, self.seeds = dataset, variant, seeds

    def over(self, seeds: Sequence[int]) -> SeedTrials:
        """The same over other seeds."""
        other = object.__new__(SeedTrials)
        other._before, other._after = self._before, self._after
        other._dataset, other._variant, other.seeds = self._dataset, self._variant, seeds
        return other

    def keys(self) -> Iterator[str]:
        """The key of each trial, in order."""
        hashed, after = hashlib.sha256(self._before.encode()), self._after.encode()
        for seed in self.seeds:
            own = hashed.copy()
            own.update(b"%d" % seed + after)
            yield own.hexdigest()[:32]

    def without(self, finished: Collection[str], found: set[str]) -> SeedTrials:
        """Those whose keys are not in ``finished``; the keys of the others are put into ``found``."""
        left = []
        for seed, key in zip(self.seeds, self.keys(), strict=True):
            if key in finished:
                found.add(key)
            else:
                left.append(seed)
        return self if len(left) == len(self.seeds) else self.over(left)

    def __len__(self) -> int:
        return len(self.seeds)

    def __iter__(self) -> Iterator[Trial]:
        for seed, key in zip(self.seeds, self.keys(), strict=True):
            yield Trial(key, self._dataset, self._variant, seed)

    @overload
    def __getitem__(self, place: int) -> Trial: ...
    @overload
    def __getitem__(self, place: slice) -> SeedTrials: ...
    def __getitem__(self, place: int | slice) -> Trial | SeedTrials:
        if isinstance(place, slice):
            return self.over(self.seeds[place])
        return next(iter(self.over((self.seeds[place],))))
