"""From a study to a fitted model: its variant is trained once more, and what came of it is kept for use."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from regfleet.concluding.judge import StudyConclusion, judge, kept_study, read_results
from regfleet.errors import FleetError, InputError, ResultsError
from regfleet.fleet import FleetSettings, InProcess, check_address, ray_fleet
from regfleet.models.travel import check_travels
from regfleet.numbers import counted
from regfleet.planning.schedule import Schedule
from regfleet.running.finishing import ALL_ROWS, finish
from regfleet.running.fit_folder import held, new_folder
from regfleet.running.logs import log_to
from regfleet.running.member import fit_members
from regfleet.running.members import keep, networks_in
from regfleet.running.ordering import BEST, Order, dataset_of, order_of, with_data
from regfleet.running.prepare import NOTHING, Given, Prepared, prepare
from regfleet.running.train import Watch
from regfleet.running.trial import fork_server, warm_up
from regfleet.text import one_line
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from regfleet.fleet import Fleet
    from regfleet.results import Place


@dataclass(frozen=True)
class Done:
    """A fit: where the model is, how many of its networks are there of how many, and what should be known of it."""

    folder: Path
    variant: str
    label: str
    networks: int
    wanted: int
    sentences: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    interrupted: bool = False


def fit(  # noqa: PLR0913 - a study, what of it, where it goes, and who trains it
    directory: str | Path | Place,
    out: str | Path,
    *,
    variant: str = BEST,
    seeds: int | None = None,
    on: Literal["train", "all"] = "train",
    like_trial: str | None = None,
    data: str | None = None,
    fleet: FleetSettings | None = None,
    in_process: bool = False,
    watch: Watch | None = None,
    given: Given = NOTHING,
) -> Done:
    """Train a variant of a study as it was trained there, and save it as a fitted model in ``out``.

    Args:
        directory: the results of the study.
        out: a new folder, or that of the same fit, which goes on.
        variant: its name or its label, or ``best``, as `ordering.chosen` says.
        seeds: how many networks; None: the study's seeds, ten at most.
        on: ``train``, each seed's own training rows as in the study, or ``all`` rows.
        like_trial: the key of one trial whose own network is wanted, bit for bit; instead of ``variant`` and ``seeds``.
        data: which data set, of several; ``NAME=PLACE`` says where it is now.
        fleet: where; None: Ray on this machine.
        in_process: train here, without Ray.
        watch: sees how far it is.
        given: the data and the model that the study has from memory.

    Raises:
        InputError: an argument is wrong, or the data are others now.
        ResultsError: there are no results, or a network is not what it was.
        FleetError: the cluster cannot be reached.
    """
    watch = watch or Watch()
    folder = new_folder(out)
    resolved, results = read_results(directory)
    found = judge(resolved, results)
    name, place = dataset_of(found, data)
    study = kept_study(results.place)
    ready = prepare(study, given=with_data(given, study, name, place), there=study, note=watch.note, costs=False)
    ready = ready.as_kept(found.resolved.study)
    _refuse_other_data(found, ready, name)
    order = order_of(found, ready, name, variant=variant, seeds=seeds, on=on, like_trial=like_trial)
    if order.wanted.on == "all":
        watch.note(ALL_ROWS)
    settings = replace(fleet or FleetSettings(), environment=runtime.ENVIRONMENT)
    if ready.base and not in_process:
        check_travels(ready.base)
    if settings.address:
        check_address(settings.address)
    # What TensorFlow says when it is imported is not for the user.
    with held(folder), tempfile.NamedTemporaryFile() as log, log_to(Path(log.name)), fork_server() as forks:
        there = networks_in(folder, order)
        missing = [seed for seed in order.group.trials.seeds if seed not in there]
        failures: dict[int, str] = {}
        interrupted = False
        if missing:
            watch.judge(found.resolved.question)
            interrupted = not _train(
                order,
                missing,
                ready,
                folder,
                _workers(replace(settings, forks=forks), watch, in_process=in_process),
                watch,
                failures,
            )
        there = networks_in(folder, order)
        kept = [seed for seed in order.group.trials.seeds if seed in there]
        done = Done(
            folder,
            order.variant.name,
            order.variant.label,
            len(kept),
            len(order.group.trials),
            failures=tuple(f"seed {seed}: {why}" for seed, why in sorted(failures.items())),
            interrupted=interrupted,
        )
        if interrupted:
            return done
        if not kept:
            raise _failure(order.variant.label, next(iter(failures.values())))
        watch.doing(f"putting {counted(len(kept), 'network')} together")
        return replace(done, sentences=finish(folder, found, ready, order, kept))


def _refuse_other_data(found: StudyConclusion, ready: Prepared, name: str) -> None:
    """Raise InputError unless the data are those of the study now, and go in as they did."""
    was, now = found.resolved.data.get(name), ready.resolved.data[name]
    if was is None:
        raise ResultsError(f"{found.results.place}: expected to know the rows of {name}; got none. Run compare again")
    if was.sha256 != now.sha256:
        rows = f"{was.rows:,} rows there, {now.rows:,} here" if was.rows != now.rows else "as many rows with others in"
        raise InputError(
            f"--data: expected the {name} that {found.results.place} was made with; got changed data ({rows})"
        )
    if was.scaling_key != now.scaling_key:
        raise InputError(
            f"--data: expected {name} to go into the model as in {found.results.place}; got another scaling"
        )


@contextmanager
def _workers(settings: FleetSettings, watch: Watch, *, in_process: bool) -> Iterator[Fleet]:
    if in_process:
        runtime.prepare(gpu=True)
        yield InProcess(on_gpu=runtime.has_gpu())
    else:
        with ray_fleet(settings, warm_up=warm_up, note=watch.note) as fleet:
            yield fleet


def _train(
    order: Order,
    seeds: Sequence[int],
    ready: Prepared,
    folder: Path,
    fleet: AbstractContextManager[Fleet],
    watch: Watch,
    failures: dict[int, str],
) -> bool:
    """Train the networks of ``seeds`` and keep them; false where that was interrupted.

    What went wrong with single ones goes to ``failures``, by seed.
    """
    watch.start((order.variant,), {order.variant.name: len(seeds)})
    try:
        with fleet as workers:
            group = replace(order.group, trials=order.group.trials.over(seeds))
            schedule = Schedule([group], workers.workers, order.results.seconds_per_trial())
            work = partial(fit_members, wanted=order.wanted, base=ready.base)
            for outcomes in workers.run(schedule, work, ready.datasets):
                failures |= keep(outcomes, folder, order)
                watch.advance(outcomes, schedule.seconds_left(workers.workers))
    except KeyboardInterrupt:
        return False
    except FleetError as problem:
        watch.note(str(problem))
        return False
    finally:
        watch.stop()
    return True


def _failure(label: str, first: str) -> InputError | ResultsError:
    """What ends a fit without any network, by the ``first`` thing that went wrong."""
    if first.startswith("InputError: "):
        return InputError(first.removeprefix("InputError: "))
    return ResultsError(f"{label}: expected a network that trains; got: {one_line(first)}")
