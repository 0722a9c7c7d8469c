"""The training of a study: what its results lack is sent to the fleet and kept as it comes, look by look."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from regfleet.concluding.looks import asked_of, standings
from regfleet.errors import FleetError
from regfleet.planning.schedule import Schedule
from regfleet.results import Store, Stored, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from regfleet.analysis import Question
    from regfleet.analysis.summary import Look
    from regfleet.fleet import Fleet
    from regfleet.planning.plan import Plan
    from regfleet.results import Reporter
    from regfleet.running.prepare import Prepared
    from regfleet.settings.values import Variant
    from regfleet.trials import Outcome

    Work = Callable[..., tuple[Outcome, ...]]

log = logging.getLogger("regfleet")


@dataclass
class Session:
    """One run's training.

    ``start`` gives the fleet for so many trials of each variant; ``work`` is what a worker does with a chunk.
    ``tried`` holds the keys of the trials that came.
    """

    ready: Prepared
    store: Store
    start: Callable[[Mapping[str, int]], Fleet]
    work: Work
    watch: Watch
    reporter: Reporter
    tried: set[str] = field(default_factory=set)

    def run(self, results: Stored) -> bool:
        """Run what ``results`` lack; returns whether that was cut short."""
        try:
            self._look_by_look(results)
        except KeyboardInterrupt:
            log.warning("interrupted after %d trials", len(self.tried))
            return True
        except FleetError as problem:
            self.watch.note(str(problem))
            log.error("%s, after %d trials", problem, len(self.tried))  # noqa: TRY400  # a line says it all
            return True
        return False

    def _look_by_look(self, results: Stored) -> None:
        plan = self.ready.plan()
        told: set[Look] = set()
        while True:
            due, looks = self._due(plan, results)
            missing = due.without(results.finished | self.tried)
            if not missing:
                return
            planned = Counter(trial.variant for trial in due.trials)
            fleet = self.start(planned)
            self.watch.extend(planned, [look.reason for look in looks if look not in told])
            told.update(looks)
            if not self.tried:
                keys = {trial.key for trial in due.trials} & results.finished
                self.watch.resume(results.trials[results.trials["key"].isin(keys)])
            schedule = Schedule(missing, fleet.workers, results.seconds_per_trial())
            self._keep_all(fleet, schedule)
            if not self.ready.resolved.study.adds_seeds:
                return
            results = load(self.store.place)

    def _keep_all(self, fleet: Fleet, schedule: Schedule) -> None:
        """Run the chunks of ``schedule`` and keep each as it comes."""
        base = self.ready.base
        work = partial(self.work, base=base) if base else self.work
        for outcomes in fleet.run(schedule, work, self.ready.datasets):
            self.store.append(outcomes)
            self.tried.update(outcome.trial.key for outcome in outcomes)
            self.reporter.keep(len(outcomes))
            self.watch.advance(outcomes, schedule.seconds_left(fleet.workers))

    def _due(self, plan: Plan, results: Stored) -> tuple[Plan, tuple[Look, ...]]:
        """The whole plan or, of a study that adds seeds, what has to be looked at next, and the looks taken so far.

        A trial that failed before is tried again before a look takes it for failed.
        """
        resolved = self.ready.resolved
        if not resolved.study.adds_seeds:
            return plan, ()
        trials, predictions = results.trials, partial(results.predicted, at=resolved.question.at)
        known = trials[(trials["status"] != "failed") | trials["key"].isin(self.tried)]
        reached = standings(resolved, known, predictions)
        return plan.limited(asked_of(resolved, reached)), tuple(look for one in reached.values() for look in one.looks)


class Watch:
    """Sees a study's progress. This one shows nothing; the terminal's overrides what it shows."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def judge(self, question: Question) -> None:
        """This is what variants are judged by; again when the data have said more."""

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
