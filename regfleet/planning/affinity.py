"""Which trials a free worker takes: what it has traced, what nobody has begun, or what others would need long for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from regfleet.fleet.traces import KEPT_PROGRAMS, Kind, Traces

TRIALS_PER_TRACE = 2.0
"""What a trace is taken to cost, in trials, before a time was measured."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Trials of one kind that wait for a worker, with the ``programs`` that are traced for them."""

    kind: Kind
    trials: int
    programs: int = 1


def choose(
    waiting: Sequence[Waiting],
    worker: str,
    traces: Traces,
    seconds: Callable[[int], float | None],
    trace_seconds: Callable[[int], float | None],
    *,
    helps: bool = True,
) -> int | None:
    """The place in ``waiting`` of what a free ``worker`` should take; None where it had better wait for another kind.

    First what nobody has begun, as long as the worker can keep it beside its own that wait, so that every variant has
    a result early; then its own; then what nobody has begun all the same. Of what others have begun it takes that which
    they would need longest for, and only if that is longer than to trace it and train one trial. That is how a tail
    stays short, and traces are no more than kinds and workers together, or hardly.

    Args:
        waiting: what has trials left, in the order in which variants take turns.
        worker: its name in ``traces``.
        traces: who has begun what.
        seconds: of a trial of a place, tracing apart; None while unknown.
        trace_seconds: of its traces; None while unknown.
        helps: whether it may take what others have begun.
    """
    own, begun = traces.of(worker), [bool(traces.workers(one.kind)) for one in waiting]
    mine = [place for place, one in enumerate(waiting) if one.kind in own]
    fresh = next((place for place, is_begun in enumerate(begun) if not is_begun), None)
    room = KEPT_PROGRAMS - sum(waiting[place].programs for place in mine)
    if fresh is not None and (not mine or waiting[fresh].programs <= room):
        return fresh
    if mine:
        return mine[0]
    return _another(waiting, traces, seconds, trace_seconds) if helps else None


def _another(
    waiting: Sequence[Waiting],
    traces: Traces,
    seconds: Callable[[int], float | None],
    trace_seconds: Callable[[int], float | None],
) -> int | None:
    """The place of what is worth taking over."""
    each = [seconds(place) for place in range(len(waiting))]
    trials = [1.0 if one is None else one for one in each]
    load: dict[str, float] = {}
    for place, one in enumerate(waiting):
        workers = traces.workers(one.kind)
        for name in workers:
            load[name] = load.get(name, 0.0) + one.trials * trials[place] / len(workers)
    best, most = None, 0.0
    for place, one in enumerate(waiting):
        known = None if each[place] is None else trace_seconds(place)
        trace = TRIALS_PER_TRACE * one.programs * trials[place] if known is None else known
        gain = min(load[name] for name in traces.workers(one.kind)) - trace - trials[place]
        if gain > most:
            best, most = place, gain
    return best
