"""Whether the training was fit to judge a technique: overfitting controls, learning rates, batches, unstable runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis.intervals import estimate, interval, sd_floor
from regfleet.analysis.runs import differences, runs_of, shared
from regfleet.analysis.seen import TENTH, Found, Seen, errors_of, ignorance, last_tenth, late
from regfleet.analysis.variant import Interval, VariantSummary
from regfleet.metrics import METRICS, error_of
from regfleet.numbers import Scale, count, number, number_word, rough, short
from regfleet.settings.values import Variant
from regfleet.text import listed

if TYPE_CHECKING:
    import pandas as pd

RISE, TIMES = 0.1, 1.2
"""The validation error has risen when it ends so much of what knows nothing, and so many times, above its lowest."""
GAIN = 0.1
"""By which share of what knows nothing another learning rate must get further to be far better."""
FEW_UPDATES, SMALL, SMALLEST, MANY = 100, 8, 4, 50
"""Updates below which a fit is short; rows of a batch that are few, and very few for statistics of a batch; batches an
epoch from which small ones are not for want of rows."""
SPREAD, SURE = 3.0, 0.01
"""Times the scatter of a control from which scores of seeds spread far, and the chance of it that luck may have."""
JUMPING = 0.3
"""The share of seeds whose training error jumps from which runs are unstable."""
QUICK = 0.9
"""A momentum at which moving averages follow within some tens of updates."""


def control_overfits(seen: Seen) -> Found | None:
    """R107."""
    controls = [row for row in seen.finished if row.control is None]
    rising = {row.name: one for row in controls if (one := _rise(seen, row))}
    falling = {row.name for row in controls if (gain := _gain_at_best(seen, row)) and _matters(seen, row, gain)}
    rows = [row for row in controls if row.name in rising or row.name in falling]
    if not rows:
        return None
    first, unit = rows[0], Scale(seen.metric)
    error, parts = METRICS[error_of(seen.dataset.task)].title, []
    evidence: dict[str, float] = {}
    if one := rising.get(first.name):
        parts.append(
            f"validation {error} is lowest, {number(one.lowest, 3)}, in epoch {one.epoch} and {number(one.last, 3)} at "
            "the end"
        )
        evidence = {"lowest": one.lowest, "epoch": one.epoch, "last": one.last}
    if gain := _gain_at_best(seen, first):
        evidence |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
        side = "better" if gain.mean > 0 else "worse"
        clear = "" if first.name in falling else ", which may be chance"
        parts.append(
            f"with the weights of its best epoch test {unit.metric.title} is {unit.amount(gain.mean)} {side} than with "
            f"the last ({unit.from_to(gain.low, gain.high)}){clear}"
        )
    who = listed([row.label for row in rows])
    sentence = f"{who} {'overfits' if len(rows) == 1 else 'overfit'}: {_of_first(rows)}{'; '.join(parts)}."
    training = next(variant.training for variant in seen.variants if variant.name == first.name)
    stops = training.early_stopping is not None
    flags = "--at best" if stops else f"--early-stopping {max(5, training.epochs // TENTH)}"
    return Found(rows, sentence, evidence, flags)


def _of_first(rows: Sequence[VariantSummary]) -> str:
    return f"of {rows[0].label}, " if len(rows) > 1 else ""


@dataclass(frozen=True, slots=True)
class _Rise:
    lowest: float
    epoch: int
    last: float


def _rise(seen: Seen, row: VariantSummary) -> _Rise | None:
    """How far the validation error has risen from its lowest at the end, where it has."""
    errors = errors_of(seen, row)
    if len(errors) < 2:
        return None
    lowest, last = min(errors), late(errors)
    if last - lowest <= RISE * ignorance(seen, errors) or last < TIMES * lowest:
        return None
    return _Rise(lowest, errors.index(lowest) + 1, last)


def _gain_at_best(seen: Seen, row: VariantSummary) -> Interval | None:
    """By how much the test score is better with the weights of the best epoch than with the last; None: not known."""
    trials, metric, task = seen.trials[row.name], seen.metric, seen.dataset.task
    last, best = (runs_of(trials, metric, at, task) for at in ("last", "best"))
    _, here, there = shared(best, last)
    d = differences(best.scores[here], last.scores[there], metric)
    if len(d) < 2:
        return None
    floor = sd_floor(seen.dataset.n_test, len(d)) if metric.counts else 0.0
    return interval(estimate(d, seen.dataset.ratio, floor), seen.question.alpha)


def _matters(seen: Seen, row: VariantSummary, gain: Interval) -> bool:
    return gain.low > 0 and gain.mean > seen.metric.rope_at(row.score.mean)


def learning_rate(seen: Seen) -> Found | None:
    """R108."""
    for row in seen.dataset.variants:  # one that only diverged may need another rate most
        trials = seen.trials.get(row.name)  # none of a control that no trial has come to, of a study that was ended
        if row.control is None and trials is not None and (test := _rate_test(trials)) is not None:
            found = _other_rate(seen, row, test)
            if found is not None:
                return found
    return None


def _rate_test(trials: pd.DataFrame) -> tuple[dict[str, float], dict[float, float], float] | None:
    """The range test that a control's first trial kept: its facts, rate → error, and the error of the whole fit."""
    if "rate_test" not in trials:
        return None
    kept = trials[trials["rate_test"].fillna("").str.startswith("{")].sort_values("seed")
    if kept.empty:
        return None
    try:
        test = json.loads(kept["rate_test"].iloc[0])
        return (
            {"rate": float(test["rate"]), "updates": int(test["updates"]), "of": int(test["of"])},
            {float(rate): math.inf if error is None else float(error) for rate, error in test["errors"].items()},
            math.inf if test["end"] is None else float(test["end"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):  # a table that somebody else wrote
        return None


def _other_rate(
    seen: Seen, row: VariantSummary, test: tuple[dict[str, float], dict[float, float], float]
) -> Found | None:
    facts, errors, end = test
    if not errors:
        return None
    scale = ignorance(seen, errors_of(seen, row, "train_") or (1.0,))
    far = {one: abs(math.log(one / facts["rate"])) for one in errors}
    enough = min(errors.values()) + GAIN * scale  # the smallest change that does it
    rate = min((one for one in errors if errors[one] <= enough), key=lambda one: (far[one], errors[one]))
    reached = errors[rate]
    if not reached < (1 - GAIN) * scale or end - reached < GAIN * scale:
        return None
    times = rate / facts["rate"]
    if times > 1 and row.best_epoch <= last_tenth(row):
        return None  # the validation error was at its lowest before: less training error is no gain then
    which = f"{rough(times) if times > 1 else rough(1 / times)} times {'higher' if times > 1 else 'lower'}"
    title = METRICS[error_of(seen.dataset.task)].title
    ended = f"ended at {number(end, 3)}" if math.isfinite(end) else "ended with a loss that is no number"
    sentence = (
        f"A learning rate about {which} trains faster: {row.label} reached a training {title} of "
        f"{number(reached, 3)} in {count(int(facts['updates']), 'update')} at {short(rate, 3)}, where all "
        f"{int(facts['of']):,} at {short(facts['rate'], 3)} {ended}."
    )
    evidence = {"rate": facts["rate"], "other": rate, "reached": reached, "end": end, "updates": facts["updates"]}
    return Found([row], sentence, evidence, f"--learning-rate {rate:.3g}")


def batches(seen: Seen) -> Found | None:
    """R109."""
    n = seen.dataset.n_train
    finished = {row.name: row for row in seen.finished}
    variants = [one for one in seen.variants if one.name in finished and one.training.batch_size > 0]
    for look in (_few_statistics, _few_updates, _tiny):
        speak = [one for one in variants if n and seen.trained and look(one, n)]
        if speak:
            return _batches_found(look.__name__, speak, [finished[one.name] for one in speak], seen)
    return None


def _batches_found(kind: str, speak: Sequence[Variant], rows: Sequence[VariantSummary], seen: Seen) -> Found:
    first, n = speak[0].training, seen.dataset.n_train
    who, size = seen.named(rows), min(first.batch_size, n)
    if kind == "_few_updates":
        updates = first.epochs * _batches_of(first.batch_size, n)
        # A power of two, as people take, of an eighth at most.
        less = max(SMALL, 2 ** (math.frexp(size / 8)[1] - 1))
        longer = f"--epochs {math.ceil(FEW_UPDATES / updates) * first.epochs}"
        flags = f"--batch-size {less}" if less < size else longer
        sentence = (
            f"Training is short for {who}: {count(first.epochs, 'epoch')} of "
            f"{count(_batches_of(first.batch_size, n), 'batch', 'batches')} are {count(updates, 'update')} of the "
            "weights, so that what is compared may be how fast variants learn. Take smaller batches or more epochs."
        )
        return Found(rows, sentence, {"updates": updates, "batch_size": size}, flags)
    if kind == "_tiny":
        sentence = (
            f"Batches are tiny for {who}: {count(size, 'row')} of {n:,} an update, so every epoch has "
            f"{_batches_of(first.batch_size, n):,} noisy steps, and training takes long."
        )
        return Found(rows, sentence, {"batch_size": size, "rows": n}, "--batch-size 32")
    least = _least_batch(first.batch_size, n)
    last = "every batch" if least == size else "the last batch of every epoch"
    sentence = (
        f"Batch norm of {who} takes its means from {count(least, 'row')} in {last}, which are too few to tell a mean, "
        "and that may be all that is seen of it."
    )
    better = next((b for b in range(max(first.batch_size, 32), n + 1) if _least_batch(b, n) >= SMALL), n)
    flags = f"--batch-size {better}"
    if first.batch_size != _usual_batch(seen):  # an entry of its own: flags leave that as it is
        flags = f"--technique '{'+'.join(map(str, speak[0].techniques))}' {flags}"
    return Found(rows, sentence, {"rows": least, "batch_size": size}, flags)


def _usual_batch(seen: Seen) -> int:
    """The batch size of the study itself: that of its first control."""
    return next((one.training.batch_size for one in seen.variants if one.control is None), 0)


def _batches_of(size: int, n: int) -> int:
    return -(-n // size)


def _least_batch(size: int, n: int) -> int:
    """The rows of the smallest batch of an epoch."""
    return min(size, n % size or size, n)


def _few_statistics(one: Variant, n: int) -> bool:
    normed = any(technique.name == "batchnorm" for technique in one.techniques)
    return normed and (min(one.training.batch_size, n) < SMALL or _least_batch(one.training.batch_size, n) < SMALLEST)


def _few_updates(one: Variant, n: int) -> bool:
    return one.training.epochs * _batches_of(one.training.batch_size, n) < FEW_UPDATES


def _tiny(one: Variant, n: int) -> bool:
    return one.training.batch_size < SMALL and _batches_of(one.training.batch_size, n) >= MANY


def averages_lag(seen: Seen) -> Found | None:
    """R111."""
    by_name = {row.name: row for row in seen.finished}
    lagging = [one for one in seen.variants if one.name in by_name and _lag(seen, one, by_name[one.name])]
    if not lagging:
        return None
    first, rows = lagging[0], [by_name[one.name] for one in lagging]
    training, inference = _lag(seen, first, rows[0]) or (math.nan, math.nan)
    title = METRICS[error_of(seen.dataset.task)].title
    updates = first.training.epochs * _batches_of(first.training.batch_size, seen.dataset.n_train)
    (momentum, *_) = next(one for one in first.techniques if one.name == "batchnorm").values  # noqa: PD011
    sentence = (
        f"Moving averages of {seen.named(rows)} lag behind the weights: {_of_first(rows)}with each batch's own means "
        f"the training {title} ends at {number(training, 3)}, with the moving averages that stand in for them on new "
        f"rows at {number(inference, 3)}, after {count(updates, 'update')} at the momentum {short(momentum, 3)}. A low "
        "score then tells of the averages, not of batch norm."
    )
    smaller = max(SMALL, min(32, first.training.batch_size // 4))
    changed = [replace(one, values=(QUICK,)) if one.name == "batchnorm" else one for one in first.techniques]
    quicker = f"--technique '{'+'.join(map(str, changed))}'"
    flags = quicker if momentum > QUICK else f"--batch-size {smaller}"
    if first.training.batch_size != _usual_batch(seen):  # an entry of its own: flags leave that as it is
        flags = f"{quicker} --batch-size {first.training.batch_size if momentum > QUICK else smaller}"
    return Found(rows, sentence, {"training": training, "inference": inference, "updates": updates}, flags)


def _lag(seen: Seen, one: Variant, row: VariantSummary) -> tuple[float, float] | None:
    """The training error with a batch's own means and with moving averages, over the last epochs, where they differ."""
    if not seen.trained or not any(technique.name == "batchnorm" for technique in one.techniques):
        return None
    inference = errors_of(seen, row, "train_")
    here, there = late(errors_of(seen, row, "")), late(inference)
    if not there - here > RISE * ignorance(seen, inference) or there < TIMES * here:
        return None
    return here, there


def unstable(seen: Seen) -> Found | None:
    """R110."""
    spread = {row.name: row for row in seen.finished if _spreads(seen, row)}
    jumping = {
        row.name: seen.jumps[row.name]
        for row in seen.finished
        if seen.jumps.get(row.name, 0) >= max(2.0, JUMPING * row.finished)
    }
    rows = [row for row in seen.finished if row.name in spread or row.name in jumping]
    if not rows:
        return None
    unit, parts, evidence = Scale(seen.metric), [], {}
    if first := next((row for row in rows if row.name in spread), None):
        control = _beside(seen, first)
        own, its = (f"{unit.full(min(one.scores))} to {unit.full(max(one.scores))}" for one in (first, control))
        parts.append(
            f"seeds of {listed([row.label for row in spread.values()])} end far apart: {first.label} from {own}, "
            f"{control.label} from {its}"
        )
        evidence = {"sd": first.sd, "other_sd": control.sd}
    if jumping:
        name, many = max(jumping.items(), key=lambda item: item[1])
        row = next(row for row in rows if row.name == name)
        who = [one.label for one in rows if one.name in jumping]
        most = f", of {row.label}" if len(who) > 1 else ""
        parts.append(
            f"the training error of {listed(who)} jumps up again late in training{most} on {number_word(many)} of "
            f"{count(row.finished, 'seed')}"
        )
        evidence |= {"jumping": many, "seeds": row.finished}
    sentence = f"Runs are unstable: {'; '.join(parts)}. A mean says little about one such run."
    if not seen.trained:
        return Found(rows, sentence, evidence)
    rate = next(one.training.rate for one in seen.variants if one.name == rows[0].name)
    flags = f"--learning-rate {rate / 3:.2g}" if rate else "--optimizer adam --learning-rate 0.0001"
    return Found(rows, f"{sentence} Try a smaller --learning-rate.", evidence, flags)


def _beside(seen: Seen, row: VariantSummary) -> VariantSummary:
    """What the scatter of a variant is held against: its control, or for a control the steadiest of the others."""
    others = [one for one in seen.finished if one is not row]
    control = next((one for one in others if one.name == row.control), None)
    return control or min(others, key=lambda one: one.sd if math.isfinite(one.sd) else math.inf, default=row)


def _spreads(seen: Seen, row: VariantSummary) -> bool:
    """Whether scores spread far more than those beside them, by more than chance gives and than matters."""
    from scipy.stats import f

    beside = _beside(seen, row)
    if row.control is None and not _typical(seen, row):
        return False
    seeds, others = len(row.scores), len(beside.scores)
    least = sd_floor(seen.dataset.n_test, 1) if seen.metric.counts else 0.0
    sd, other = row.sd, max(beside.sd, least)
    if beside is row or seeds < 2 or others < 2 or not sd > SPREAD * other or sd <= seen.metric.rope_at(row.score.mean):
        return False
    if not other > 0:
        return True
    return float(f.sf((sd / other) ** 2, seeds - 1, others - 1)) * len(seen.finished) < SURE


def _typical(seen: Seen, row: VariantSummary) -> bool:
    """Whether a control scatters more than most of the variants do: one steady variant beside it says nothing."""
    sds = [one.sd for one in seen.finished if one is not row and math.isfinite(one.sd)]
    return bool(sds) and row.sd > SPREAD * float(np.median(sds))
