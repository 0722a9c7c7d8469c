"""From a study to a fitted model: its variant is trained once more, and what came of it is kept for use."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from regfleet.concluding.judge import StudyConclusion, judge, kept_study, read_results
from regfleet.data import BUILTIN, load_dataset
from regfleet.errors import FleetError, InputError, ResultsError
from regfleet.fleet import FleetSettings, InProcess, check_address, ray_fleet
from regfleet.models.travel import check_travels
from regfleet.numbers import counted
from regfleet.paths import SUMS, digest, expanded, is_ours, sums_in, unwritable, write_listed
from regfleet.planning.schedule import Schedule
from regfleet.results.seals import sealed_json
from regfleet.running.finishing import finish
from regfleet.running.logs import log_to
from regfleet.running.member import Fitted, Wanted, fit_members
from regfleet.running.members import ALL_ROWS, Order, history_digest, member_facts
from regfleet.running.prepare import NOTHING, Given, Prepared, prepare
from regfleet.running.train import Watch
from regfleet.running.trial import warm_up
from regfleet.saving.signature import ARRAYS, CARD, CARD_PAGE, ENSEMBLE, EXPORT, MEMBER, MODEL, NAME, PLAN, SEEN
from regfleet.techniques import parse_techniques
from regfleet.text import listed, named, nearest, one_line
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from regfleet.analysis.summary import DatasetSummary
    from regfleet.fleet import Fleet
    from regfleet.metrics import Metric
    from regfleet.results import Place
    from regfleet.settings import Study
    from regfleet.settings.values import ModelSpec, Variant
    from regfleet.trials import Chunk, Outcome

MOST_SEEDS = 10
"""Networks where nobody says how many, of the study's first seeds: more hardly change what they say together."""
BEST = "best"
OTHERWISE = ": another machine, GPU or version of TensorFlow rounds otherwise"
OF_FOLDER = (ENSEMBLE, EXPORT, SEEN, CARD, CARD_PAGE, NAME)


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
        variant: its name or its label, or ``best``, as `chosen` says.
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
    folder = _new_folder(out)
    resolved, results = read_results(directory)
    found = judge(resolved, results)
    name, place = _dataset(found, data)
    study = kept_study(results.place)
    ready = prepare(study, given=_with_data(given, study, name, place), there=study, note=watch.note, costs=False)
    ready = ready.as_kept(found.resolved.study)
    _refuse_other_data(found, ready, name)
    order = _order(found, ready, name, variant=variant, seeds=seeds, on=on, like_trial=like_trial)
    if order.wanted.on == "all":
        watch.note(ALL_ROWS)
    settings = replace(fleet or FleetSettings(), environment=runtime.ENVIRONMENT)
    if ready.base and not in_process:
        check_travels(ready.base)
    if settings.address:
        check_address(settings.address)
    # What TensorFlow says when it is imported is not for the user.
    with _held(folder), tempfile.NamedTemporaryFile() as log, log_to(Path(log.name)):
        there = _there(folder, order)
        missing = [seed for seed in order.group.trials.seeds if seed not in there]
        failures: dict[int, str] = {}
        interrupted = False
        if missing:
            watch.judge(found.resolved.question)
            watch.start((order.variant,), {order.variant.name: len(missing)})
            try:
                with _workers(settings, watch, in_process=in_process) as workers:
                    group = replace(order.group, trials=order.group.trials.over(missing))
                    schedule = Schedule([group], workers.workers, results.seconds_per_trial())
                    work = partial(fit_members, wanted=order.wanted, base=ready.base)
                    for outcomes in workers.run(schedule, work, ready.datasets):
                        failures |= _kept(outcomes, folder, order)
                        watch.advance(outcomes, schedule.seconds_left(workers.workers))
            except KeyboardInterrupt:
                interrupted = True
            except FleetError as problem:
                watch.note(str(problem))
                interrupted = True
            finally:
                watch.stop()
        kept = [trial.seed for trial in order.group.trials if trial.seed in _there(folder, order)]
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
            first = next(iter(failures.values()))
            raise (
                InputError(first.removeprefix("InputError: "))
                if first.startswith("InputError: ")
                else ResultsError(f"{order.variant.label}: expected a network that trains; got: {one_line(first)}")
            )
        watch.note(f"putting {counted(len(kept), 'network')} together")
        return replace(done, sentences=finish(folder, found, ready, order, kept))


def _new_folder(out: str | Path) -> Path:
    """The folder that a model goes to; raises InputError for one that is something else."""
    if "://" in str(out):
        raise InputError(f"--out: expected a folder on this machine; got {named(str(out))}")
    folder = expanded(out, "--out")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        what = "a symbolic link" if folder.is_symlink() else "a file"
        raise InputError(f"--out: expected a new folder, or that of the same fit; got {folder}, which is {what}")
    if (folder / "study.toml").exists() and (folder / "trials").exists():
        raise InputError(f"--out: expected a new folder, or that of the same fit; got {folder}, the results of a study")
    return folder


def _dataset(found: StudyConclusion, wanted: str | None) -> tuple[str, str | None]:
    """The data set that is fitted, and where it is now if that was said."""
    names = found.resolved.study.names
    if wanted is None and len(names) > 1:
        raise InputError(f"--data: expected which data set to fit, one of {listed(names, 8)}; got none")
    if wanted is None or wanted in names:
        return wanted or names[0], None
    name, _, place = wanted.partition("=")
    if name in names and place:
        return name, place
    said = f"{listed(names, 8)}, or NAME=PLACE where it is elsewhere now"
    raise InputError(f"--data: expected a data set of the study, {said}; got {named(wanted)}{nearest(wanted, names)}")


def _with_data(given: Given, study: Study, name: str, place: str | None) -> Given:
    """What is in memory, with the data read from where the study says they are or, of ``name``, from ``place``."""
    if given.datasets is not None:
        return given
    sources = study.sources()
    if place:
        sources[name] = sources[name].model_copy(update={"location": place})
    datasets = {}
    for called, source in sources.items():
        try:
            datasets[called] = replace(load_dataset(source), name=called)
        except InputError as problem:
            if not any(map(_is_gone, filter(None, (source.location, source.test)))):
                raise
            said = "" if place and called == name else f", or say where the data are: --data {called}=PLACE"
            if not Path(source.location).suffix:
                said += "; data that were in memory are given to regfleet.fit in Python"
            raise InputError(f"{problem}. Run fit in the folder in which the study ran{said}") from None
    return replace(given, datasets=datasets)


def _is_gone(location: str) -> bool:
    """Whether a location names nothing here, and may name something in another folder."""
    is_elsewhere = location in BUILTIN or location.startswith("openml:") or "://" in location
    return not is_elsewhere and not os.path.lexists(expanded(location, "--data"))


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


def chosen(data: DatasetSummary, metric: Metric) -> tuple[str, str]:
    """The best variant by the study's rule, and why, in a sentence.

    1. Where variants are clearly better than their control, the one of them with the best standing: the headline's.
    2. Else the one that "if you must choose now" takes: the least expected loss, or the control where that risks hardly
       more (half a ROPE), as it is simpler.
    3. Else, with fewer than five seeds or where nothing was learned, the control that most are compared with, or the
       best mean where there is none.

    Of a sweep it is a member, not the one that each seed chose by itself.
    """
    rows = [row for row in data.ordered(metric) if data.variant(row.name) and math.isfinite(row.score.mean)]
    if not rows:
        raise InputError(f"--variant best: expected a variant that finished on {data.dataset}; got none")
    better = [row for row in rows if row.comparison and row.comparison.verdict == "better"]
    if better:
        return better[0].name, f"{better[0].label} is the best of those that are clearly better than their control."
    odds = [one for one in data.odds if data.variant(one.name)]
    if odds:
        rope = max((row.comparison.rope for row in rows if row.comparison), default=0.0)
        simple = next((one for one in odds if one.name in data.controls and one.loss - odds[0].loss <= rope / 2), None)
        taken = simple or odds[0]
        why = (
            "is the simplest, and nothing is clearly better" if simple else "risks least; that is a bet, not a verdict"
        )
        return taken.name, f"{taken.label} {why}."
    control = next((row for row in rows if row.name in data.controls[:1]), rows[0])
    return control.name, f"{control.label} is taken, as there is no verdict to choose by."


def _variant(found: StudyConclusion, name: str, asked: str) -> Variant:
    """The variant called ``asked``, by name or by label, or the best one."""
    from regfleet.concluding.stepwise import judged_on

    resolved = judged_on(found.resolved, name) if found.resolved.study.greedy else found.resolved
    known = {one.name: one for one in resolved.variants}
    if asked == BEST and BEST not in known:
        data = next((one for one in found.summary.datasets if one.dataset == name), None)
        if data is None:
            raise InputError(f"--variant best: expected trials of {name} that finished; got none")
        return known[chosen(data, found.summary.metric)[0]]
    alike = [one for one in known.values() if one.label == asked] or _typed(asked, resolved.model, known)
    if asked in known or len(alike) == 1:
        return known.get(asked) or alike[0]
    if asked in {one for reference in resolved.references for one in (reference.name, reference.label)}:
        raise InputError(f"--variant: expected a network; got {asked}, a reference row")
    names = [*known]
    raise InputError(
        f"--variant: expected best or one of {one_line('; '.join(names), 300)}; got {named(asked)}"
        f"{nearest(asked, [*names, *(one.label for one in known.values())])}"
    )


def _typed(text: str, model: ModelSpec, known: Mapping[str, Variant]) -> list[Variant]:
    """The variants of the techniques that somebody typed, however they did."""
    try:
        combinations = parse_techniques(text, model).combinations
    except InputError:
        return []
    wanted = [sorted(map(str, one)) for one in combinations]
    return [one for one in known.values() if [sorted(map(str, one.techniques))] == wanted]


def _order(
    found: StudyConclusion,
    ready: Prepared,
    name: str,
    *,
    variant: str,
    seeds: int | None,
    on: Literal["train", "all"],
    like_trial: str | None,
) -> Order:
    trials = found.results.trials
    chosen_seeds: tuple[int, ...]
    if like_trial is not None:
        row = _trial(trials, name, like_trial)
        taken, chosen_seeds = _variant(found, name, str(row["variant"])), (int(row["seed"]),)
    else:
        taken = _variant(found, name, variant)
        chosen_seeds = _seeds(found, name, taken, seeds)
    own = trials[(trials["dataset"] == name) & (trials["variant"] == taken.name) & (trials["status"] == "done")]
    if not len(own):
        raise InputError(f"--variant {taken.name}: expected a variant that finished on {name}; got none of its trials")
    plan = ready.planned((taken,), chosen_seeds)
    group = next(group for group in plan.groups if group.dataset == name and group.split.whole)
    group = replace(group, stack=1)
    if like_trial is not None and group.trials[0].key != like_trial:
        raise InputError(
            f"--like-trial: expected a trial that this version would train alike; got {like_trial}, of another version"
        )
    at = found.resolved.question.at
    settings = {
        int(seed): int(json.loads(text)["chosen"])
        for seed, text in zip(own["seed"], own["tuning"], strict=True)
        if isinstance(text, str) and text  # missing from before there was any
    }
    if on == "all" and settings:  # a seed that the study did not have takes the setting of one that it had
        known = [settings[seed] for seed in sorted(settings)]
        settings = {seed: settings.get(seed, known[place % len(known)]) for place, seed in enumerate(chosen_seeds)}
    epoch = _epoch(own, taken, at, group) if on == "all" else None
    wanted = Wanted(on, at, epoch, settings, found.resolved.question.metric.name)
    identities = {
        trial.seed: digest(json.dumps([trial.key, on, at, epoch, settings.get(trial.seed)]).encode())
        for trial in group.trials
    }
    model, training = group.model, taken.training.model_dump()
    what: list[Any] = [name, taken.name, training, model.hidden, model.activations, model.source, model.fingerprint]
    what += [group.split.name, group.engine, found.resolved.data[name].sha256, on, at, epoch, like_trial]
    fit_identity = digest(json.dumps(what).encode())
    return Order(group, taken, wanted, name, fit_identity, own, found.results, like_trial, identities)


def _trial(trials: pd.DataFrame, name: str, key: str) -> pd.Series:
    """The row of the trial with this key, or one that begins so."""
    matching = trials[trials["key"].str.startswith(key)] if len(key) >= 6 else trials[trials["key"] == key]
    if len(matching) != 1:
        got = (
            f"{len(matching)} trials that begin with {named(key)}" if len(matching) else f"{named(key)}, which is none"
        )
        raise InputError(f"--like-trial: expected the key of a trial, as trials.csv has it; got {got}")
    row = matching.iloc[0]
    if row["status"] != "done" or row["engine"] == "scikit-learn" or row["dataset"] != name:
        got = (
            f"one of {row['dataset']}"
            if row["dataset"] != name
            else "a reference row"
            if row["engine"] == "scikit-learn"
            else f"one that {row['status']}"
        )
        raise InputError(f"--like-trial: expected a finished trial of a network on {name}; got {got}")
    return row


def _seeds(found: StudyConclusion, name: str, variant: Variant, many: int | None) -> tuple[int, ...]:
    """The seeds of the networks: the study's that finished, in order, then others."""
    trials = found.results.trials
    own = trials[(trials["dataset"] == name) & (trials["variant"] == variant.name) & (trials["status"] == "done")]
    there = sorted(int(seed) for seed in own["seed"].unique())
    if many is None:
        return tuple(there[:MOST_SEEDS]) or (0,)
    further = (seed for seed in range(2**31) if seed not in there)
    return tuple((*there, *(next(further) for _ in range(many - len(there))))[:many])


def _epoch(own: pd.DataFrame, variant: Variant, at: str, chunk: Chunk) -> int | None:
    """After which epoch a fit on all rows is over, which has no validation rows to tell: the median of the study's.

    None: at its end, as in the study.
    """
    from regfleet.running.choosing import recipes_of

    recipe = recipes_of(chunk, None)[0][0]
    if at == "best" or recipe.restores_best:
        return max(1, round(median(int(epoch) for epoch in own["best_epoch"])))
    if variant.training.early_stopping:
        return max(1, round(median(int(epoch) for epoch in own["epochs_run"])))
    return None


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder, made if it is not there, against another fit; taken back where nothing came into it."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise unwritable("--out", folder, problem, "a folder") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out: expected a folder no other regfleet writes to; got {folder}, which is in use"
            ) from None
        sums = sums_in(folder)
        foreign = [name for name in OF_FOLDER if not is_ours(folder / name, sums, name, lambda _: False)]
        foreign += [SUMS] * (not sums and os.path.lexists(folder / SUMS))
        if foreign:
            raise InputError(f"--out: expected no file that regfleet did not write; got {folder / foreign[0]}")
        try:
            yield
        except BaseException:
            if new and not any(folder.iterdir()):
                folder.rmdir()
            raise
    finally:
        os.close(descriptor)


def _workers(settings: FleetSettings, watch: Watch, *, in_process: bool) -> AbstractContextManager[Fleet]:
    if in_process:
        runtime.prepare(gpu=True)
        return nullcontext(InProcess(on_gpu=runtime.has_gpu()))
    return ray_fleet(settings, warm_up=warm_up, note=watch.note)


def _kept(outcomes: Sequence[Outcome], folder: Path, order: Order) -> dict[int, str]:
    """Keep the networks that came; what went wrong with others, by seed."""
    failures = {}
    for outcome in outcomes:
        seed = outcome.trial.seed
        if not isinstance(outcome, Fitted):
            failures[seed] = outcome.error or outcome.status
            continue
        if order.like:
            _check_alike(outcome, order)
        contents = {MODEL: outcome.model, PLAN: outcome.plan.encode(), ARRAYS: outcome.arrays}
        facts = {
            "fit": order.fit,
            "identity": order.identities[seed],
            "seed": seed,
            "key": outcome.trial.key,
            "label": order.variant.label,
            "epochs": len(outcome.history["loss"]),
            "epoch": outcome.epoch,
            "setting": outcome.setting,
            "scores": {name: value if math.isfinite(value) else None for name, value in _test_scores(outcome, order)},
            "history": history_digest(outcome.history),
            "importance": {name: value if math.isfinite(value) else None for name, value in outcome.importance.items()},
            "files": {name: digest(content) for name, content in contents.items()},
        }
        write_listed(_own_folder(folder, seed), [*contents.items(), (MEMBER, sealed_json(facts).encode())], "--out")
    return failures


def _own_folder(folder: Path, seed: int) -> Path:
    own = folder / f"seed-{seed}"
    if own.is_symlink() or (own.exists() and not own.is_dir()):
        raise InputError(f"--out: expected no other file or link in its place; got {own}")
    return own


def _test_scores(outcome: Fitted, order: Order) -> list[tuple[str, float]]:
    begin = f"{order.wanted.at}_test_"
    return [
        (name.removeprefix(begin), float(value)) for name, value in outcome.metrics.items() if name.startswith(begin)
    ]


def _check_alike(outcome: Fitted, order: Order) -> None:
    """Raise ResultsError unless a network has the scores of its trial, to the last bit."""
    row = order.rows[order.rows["key"] == outcome.trial.key].iloc[0]
    other = [name for name, value in outcome.metrics.items() if name in row and _differs(value, row[name])]
    if other:
        name = other[0]
        raise ResultsError(
            f"--like-trial {outcome.trial.key}: expected {name} {float(row[name])!r}, as it was; got "
            f"{outcome.metrics[name]!r}{OTHERWISE}"
        )
    stored = _history(order)
    odd = [name for name, values in outcome.history.items() if not _same(stored[name].to_numpy(), values)]
    if odd:
        raise ResultsError(f"--like-trial {outcome.trial.key}: expected {odd[0]} as it was; got another{OTHERWISE}")


def _history(order: Order) -> pd.DataFrame:
    """The stored history of the one trial that is fitted again."""
    import pandas as pd

    (trial,) = order.group.trials
    parts = [
        one[(one["variant"] == order.variant.name) & (one["seed"] == trial.seed)]
        for one in order.results.curves(order.dataset)
    ]
    return pd.concat(parts).drop_duplicates("epoch").sort_values("epoch")


def _same(one: Any, other: Any) -> bool:
    import numpy as np

    return bool(np.array_equal(np.asarray(one, "float32"), np.asarray(other, "float32"), equal_nan=True))


def _differs(one: Any, other: Any) -> bool:
    both = float(one), float(other)
    return both[0] != both[1] and not all(map(math.isnan, both))


def _there(folder: Path, order: Order) -> dict[int, dict[str, Any]]:
    """What is said of the networks that are there already, by seed; raises InputError for those of another fit."""
    found: dict[int, dict[str, Any]] = {}
    for own in sorted(folder.glob("seed-*")):
        facts = member_facts(own)
        if facts is None:
            continue
        seed = int(facts["seed"])
        if facts["fit"] != order.fit:
            raise InputError(
                f"--out: expected a new folder, or that of the same fit; got {folder}, which holds {facts['label']} of "
                "another. Choose another --out"
            )
        if facts["identity"] == order.identities.get(seed):
            found[seed] = facts
    return found
