"""The training of a study: what its results lack is sent to the fleet and kept as it comes, look by look."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from regfleet import report
from regfleet.analysis.stepwise_words import step_words
from regfleet.concluding.looks import asked_of, standings
from regfleet.concluding.stepwise import followed, judged_on, variants_with
from regfleet.errors import FleetError
from regfleet.functions import meanwhile
from regfleet.planning.combining import choosing_seeds
from regfleet.planning.plan import Plan
from regfleet.planning.schedule import Schedule
from regfleet.results import Store, Stored, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from regfleet.analysis import Question
    from regfleet.fleet import Fleet
    from regfleet.planning.resolved import Resolved
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
    ``tell`` is given the outcomes that were kept, ``tried`` holds the keys of the trials that came.
    """

    ready: Prepared
    store: Store
    start: Callable[[Mapping[str, int]], Fleet]
    work: Work
    watch: Watch
    reporter: Reporter
    tell: Callable[[Sequence[Outcome]], None] = lambda _: None
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
        told: set[str] = set()
        resumed: set[str] = set()
        while True:
            due, reasons = self._due(plan, results)
            earlier: set[str] = set()
            missing = due.without(results.finished | self.tried, earlier)
            if not missing:
                return
            planned = due.counts
            fleet = self.start(planned)
            self.watch.extend(planned, [reason for reason in reasons if reason not in told])
            told.update(reasons)
            if earlier := earlier - self.tried - resumed:
                self.watch.resume(results.trials[results.trials["key"].isin(earlier)])
            resumed |= earlier
            schedule = Schedule(missing, fleet.workers, results.seconds_per_trial())
            self._keep_all(fleet, schedule)
            study = self.ready.resolved.study
            if not (study.adds_seeds or study.greedy):
                return
            results = load(self.store.place)

    def _keep_all(self, fleet: Fleet, schedule: Schedule) -> None:
        """Run the chunks of ``schedule`` and keep each as it comes."""
        base = self.ready.base
        work, waits = partial(self.work, base=base) if base else self.work, True
        for outcomes in fleet.run(schedule, work, self.ready.datasets):
            if waits and schedule.handed_out:
                # A worker that is done leaves its processor to this.
                meanwhile(report.get_ready)
                waits = False
            self.store.append(outcomes)
            self.tried.update(outcome.trial.key for outcome in outcomes)
            self.reporter.keep(len(outcomes))
            self.tell(outcomes)
            self.watch.advance(outcomes, schedule.seconds_left(fleet.workers))

    def _due(self, plan: Plan, results: Stored) -> tuple[Plan, tuple[str, ...]]:
        """The whole plan or, of a study whose next trials hang on earlier ones, what is due, and why.

        A trial that failed before is tried again before anything takes it for failed.
        """
        resolved = self.ready.resolved
        trials, predictions = results.trials, partial(results.predicted, at=resolved.question.at)
        known = trials[(trials["status"] != "failed") | trials["key"].isin(self.tried)]
        if resolved.study.greedy:
            return self._stepwise(followed(resolved, known))
        if not resolved.study.adds_seeds:
            return plan, ()
        reached = standings(resolved, known, predictions, trials)
        return plan.limited(asked_of(resolved, reached)), tuple(
            reason
            for one in reached.values()
            for reason in (one.glanced, *(look.reason for look in one.looks))
            if reason
        )

    def _stepwise(self, resolved: Resolved) -> tuple[Plan, tuple[str, ...]]:
        """The trials that steps need so far and, of data sets that took the last one, those that judge."""
        study, groups = resolved.study, []
        reasons: list[str] = []
        for name, walk in (resolved.walks or {}).items():
            asked = tuple(one for one in variants_with(study, walk.asked) if one.name in walk.asked)
            judged = judged_on(resolved, name).variants if walk.done else ()
            self.store.variants = {**self.store.variants, **{one.name: one for one in (*asked, *judged)}}
            self.watch.join((*asked, *judged))
            plans = [self.ready.planned(asked, choosing_seeds(study)), self.ready.planned(judged, study.seeds)]
            groups += [group for plan in plans for group in plan.groups if group.dataset == name]
            reasons += [f"{name}: {text}" for text in step_words(walk, resolved.question.metric, len(study.seeds))]
        return Plan(tuple(groups)), tuple(reasons)


class Watch:
    """Sees a study's progress. This one shows nothing; the terminal's overrides what it shows."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def doing(self, text: str) -> None:
        """What is being done now, where it takes a while and no trial tells of it."""

    def judge(self, question: Question) -> None:
        """This is what variants are judged by; again when the data have said more."""

    def start(self, variants: Sequence[Variant], planned: Mapping[str, int]) -> None:
        """Workers are being started for that many trials of each variant, by name."""

    def extend(self, planned: Mapping[str, int], reasons: Sequence[str]) -> None:
        """So many trials of each variant are due, for these ``reasons``; again after every look."""

    def join(self, variants: Sequence[Variant]) -> None:
        """These variants are trained too."""

    def resume(self, trials: pd.DataFrame) -> None:
        """These of the planned trials were finished before."""

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Trials came back."""

    def stop(self) -> None:
        """No more trials will come."""
