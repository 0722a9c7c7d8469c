"""Whether there was anything to compare: what was learned, how the training ended, and on which rows it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.fitness import averages_lag, batches, control_overfits, learning_rate, unstable
from regfleet.analysis.runs import ignorant_score
from regfleet.analysis.seen import TENTH, Found, Seen, errors_of, ignorance, last_tenth, late, mean_of
from regfleet.analysis.summary import Check
from regfleet.analysis.variant import VariantSummary
from regfleet.checks import CHECKS
from regfleet.metrics import METRICS, Metric, default_metric, error_of
from regfleet.numbers import Scale, count, exact, number, percent
from regfleet.text import listed

NOISE = 2.0
"""Standard errors by which a guess may look better than it is."""
NEARLY_ALL = 0.9
"""The share of a class from which on accuracy says little."""
SLOW, FAST = 0.002, 0.02
"""The fall of the validation error over the last tenth of the epochs, as a share of what knows nothing: what is still a
fall where every variant ends at its best epoch, and what is one by itself."""
LEFT = 0.1
"""Of what knows nothing: with less error left there is little to gain from a slow fall."""
FALLS = 0.99
"""The training error falls when it ends below this share of what it was in the first epoch."""
OTHER_NAMES = {"roc_auc": "auc", "auroc": "auc", "r2_score": "r2", "r_squared": "r2", "rsquared": "r2"}
"""What others call metrics that tell by themselves whether anything was learned."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What ``metric`` gives an answer that reads no column, called ``name``, and by how much luck may raise it."""

    metric: Metric
    score: float
    luck: float
    name: str

    def reach(self, times: float = 1) -> float:
        """The best that may be luck, so many times: never more than half of what there is to learn."""
        return self.score + min(times * self.luck, (1 - self.score) / 2)


def checks(seen: Seen) -> tuple[Check, ...]:
    """What speaks of one data set, by code."""
    found = ((code, look(seen)) for code, look in LOOKS.items())
    return tuple(
        Check(
            code=code,
            title=CHECKS[code].title,
            dataset=seen.dataset.dataset,
            variants=tuple(row.name for row in one.variants),
            sentence=one.sentence,
            evidence=dict(one.evidence),
            flags=one.flags,
            silenced=code in seen.question.silence,
        )
        for code, one in found
        if one is not None
    )


def nothing_learned(seen: Seen) -> Found | None:
    """R101."""
    rows = [row for row in seen.finished if _knows_nothing(seen, row)]
    if not rows:
        return None
    first = next((row for row in rows if row.control is None), rows[0])
    guess = guess_of(seen, first)
    if guess is None:
        return None
    unit, score = Scale(guess.metric), mean_of(seen.scores(first, guess.metric))
    than = "not clearly better" if score > guess.score else "no better"
    reached = f"{unit.full(score)}, is {than} than the {unit.full(guess.score)} of {guess.name}"
    if len(rows) == len(seen.finished):
        others = ", and no variant does better" if len(rows) > 1 else ""
        sentence = f"{first.label}'s {unit.metric.title}, {reached}{others}."
    else:
        sentence = f"{seen.named(rows)} learned nothing: the {unit.metric.title} of {first.label}, {reached}."
    flags = ""
    balanced = _balanced(seen, first)
    if guess.metric.name == "accuracy" and balanced:
        sentence += f" {balanced}"
        flags = "--metric balanced_accuracy"
    return Found(rows, sentence, {"score": score, "guess": guess.score, "luck": guess.luck}, flags)


def _knows_nothing(seen: Seen, row: VariantSummary) -> bool:
    guess = guess_of(seen, row)
    if guess is None:
        return False
    scores = seen.scores(row, guess.metric)
    score = mean_of(scores)
    # One run that went astray takes a mean of R² below zero, and no median.
    if not len(scores) or max(score, float(np.median(scores))) > guess.reach():
        return False
    if guess.metric is seen.metric:
        step = 1 / seen.dataset.n_test if guess.metric.counts and seen.dataset.n_test else guess.luck
        if row.score.low > guess.score + step:
            return False
    if guess.metric.name == "accuracy" and score > guess.score and _balanced(seen, row):
        return False
    if seen.metric.name == "cross_entropy" and seen.shares:
        return row.score.mean > FALLS * ignorant_score(seen.metric, seen.shares, np.empty(0))
    return True


def guess_of(seen: Seen, row: VariantSummary, metric: Metric | None = None) -> Guess | None:
    """What says whether ``row`` has learned anything, by ``metric`` or what tells it best; None where nothing is known.

    Luck is NOISE standard errors of a guess on the rows that were tested.
    """
    metric = metric or _telling(seen.metric, seen.dataset.task)
    known = metric and _known(metric)
    tested = min(seen.dataset.n_test * (1 if seen.dataset.fixed_test else row.finished), seen.rows)
    if metric is None or known is None:
        return None
    if known == "r2":
        return Guess(metric, 0.0, NOISE**2 / tested if tested else 0.0, "always predicting the mean")
    shares = [share for share in seen.test_shares or seen.shares or () if share > 0]
    if known == "auc":
        errors = [1 / (12 * share * (1 - share)) for share in shares if share < 1]
        return Guess(metric, 0.5, _luck(float(np.mean(errors)) if errors else 0.0, tested), "guessing")
    if not shares or not seen.shares:
        return None
    if known == "accuracy":
        largest = int(np.argmax(seen.shares))
        share = (seen.test_shares or seen.shares)[largest]
        return Guess(metric, share, _luck(share * (1 - share), tested), "always answering with the largest class")
    chance = 1 / len(shares)
    variance = chance * (1 - chance) * chance**2 * sum(1 / share for share in shares)
    return Guess(metric, chance, _luck(variance, tested), "guessing")


def _luck(variance: float, tested: int) -> float:
    return NOISE * math.sqrt(variance / tested) if tested else 0.0


def _known(metric: Metric) -> str:
    name = metric.name.lower()
    return OTHER_NAMES.get(name, name)


def _telling(metric: Metric, task: str) -> Metric | None:
    """What tells by itself whether anything was learned: ``metric``, or accuracy or R² in place of an error."""
    if _known(metric) in {"accuracy", "balanced_accuracy", "macro_f1", "auc", "r2"}:
        return metric
    return METRICS[default_metric(task)] if metric.name in METRICS else None


def _balanced(seen: Seen, row: VariantSummary) -> str:
    """What balanced accuracy has to say for a variant whose accuracy is a guess's; empty where it is one's too."""
    metric = METRICS["balanced_accuracy"]
    guess, score = guess_of(seen, row, metric), mean_of(seen.scores(row, metric))
    if guess is None or not score > guess.reach(2):  # to say that something was learned takes more
        return ""
    unit = Scale(metric)
    return (
        f"Balanced accuracy, {unit.full(score)}, is above the {unit.full(guess.score)} of guessing: judge by it, with "
        "--metric balanced_accuracy."
    )


def still_improving(seen: Seen) -> Found | None:
    """R102."""
    stops = {variant.name for variant in seen.variants if variant.training.early_stopping}
    falls = {row.name: _fall(seen, row) for row in seen.finished if row.name not in stops}
    rows = [row for row in seen.finished if row.name in falls]
    controls = [row for row in rows if row.control is None]
    improving = [
        row for row in rows if falls[row.name] > SLOW and row.best_epoch > last_tenth(row) and _left(seen, row) > LEFT
    ]
    fast = [row for row in controls if falls[row.name] > FAST]
    if not rows or (len(improving) < len(seen.finished) and (not controls or len(fast) < len(controls))):
        return None
    told = improving if len(improving) == len(seen.finished) else [row for row in rows if falls[row.name] > FAST]
    epochs = max(len(errors_of(seen, row)) for row in told)
    error = METRICS[error_of(seen.dataset.task)].title
    most = max(falls[row.name] for row in told)
    slow = any(one.training.optimizer == "sgd" for one in seen.variants if one.name in {row.name for row in told})
    faster = "--optimizer adam or a larger --learning-rate" if slow else "a larger --learning-rate"
    sentence = (
        f"Training ended too early for {seen.named(told)}: validation {error} was still falling at the last of "
        f"{count(epochs, 'epoch')}. Train for longer, with --epochs {2 * epochs} and another --out, or faster, with "
        f"{faster}."
    )
    return Found(told, sentence, {"epochs": epochs, "fall": most}, f"--epochs {2 * epochs}")


def _fall(seen: Seen, row: VariantSummary) -> float:
    """How far the validation error fell from the last tenth but one to the last, as a share of what knows nothing."""
    errors = errors_of(seen, row)
    window = max(1, len(errors) // TENTH)
    if len(errors) < 2 * window:
        return 0.0
    return (mean_of(errors[-2 * window : -window]) - mean_of(errors[-window:])) / ignorance(seen, errors)


def _left(seen: Seen, row: VariantSummary) -> float:
    """The validation error of the last epoch, as a share of what knows nothing."""
    errors = errors_of(seen, row)
    return errors[-1] / ignorance(seen, errors)


def loss_does_not_fall(seen: Seen) -> Found | None:
    """R103."""
    rows = [row for row in seen.finished if _stands(seen, errors_of(seen, row, ""))]
    if not rows:
        return None
    errors = errors_of(seen, rows[0], "")
    first, last = errors[0], late(errors)
    title = METRICS[error_of(seen.dataset.task)].title
    less = ", or less of the technique" if any(row.control for row in rows) else ""
    sentence = (
        f"The training {title} of {seen.named(rows)} does not fall: {number(first, 3)} in the first epoch, "
        f"{number(last, 3)} at the end. Try a smaller or a larger --learning-rate{less}."
    )
    training = next(one.training for one in seen.variants if one.name == rows[0].name)
    rate = training.rate
    flags = f"--learning-rate {rate / TENTH:.3g}" if rate and training.optimizer != "sgd" else "--optimizer adam"
    return Found(rows, sentence, {"first": first, "last": last}, flags)


def _stands(seen: Seen, errors: Sequence[float]) -> bool:
    if len(errors) < 2:
        return False
    last = late(errors)
    return last > FALLS * errors[0] and last > NEARLY_ALL * ignorance(seen, errors)


def rare_class(seen: Seen) -> Found | None:
    """R104."""
    shares, data = seen.shares, seen.dataset
    if data.task == "regression" or not shares:
        return None
    if seen.test_shares:
        lacking = sum(share > 0 and not there for share, there in zip(shares, seen.test_shares, strict=True))
        if not lacking:
            return None
        has = "one class has" if lacking == 1 else f"{lacking} classes have"
        return Found((), f"The test set lacks what it should judge: {has} no row there.", {"classes": lacking})
    rare = [share for share in shares if 0 < share * data.n_test < 1]
    if not rare:
        return None
    has = f"one class has {percent(round(rare[0], 4))}"
    if len(rare) > 1:
        has = f"{len(rare)} classes have {percent(round(max(rare), 4))} at most"
    return Found(
        (),
        f"Some test sets lack a class: {has} of the rows, less than one of the {count(data.n_test, 'row')} of a test "
        "set. The draw is not stratified then, and scores vary more.",
        {"classes": len(rare), "share": min(rare)},
    )


def one_class(seen: Seen) -> Found | None:
    """R105."""
    share = max(seen.shares or (0.0,))
    if not NEARLY_ALL <= share < 1:
        return None
    has = f"One class has {percent(round(share, 3))} of the rows"
    if seen.metric.name != "accuracy":
        return Found((), f"{has}, so what is said of the others rests on few rows.", {"share": share})
    return Found(
        (),
        f"{has}, so always answering with it is right that often, and accuracy hardly says how well the others are "
        "told. Judge by --metric balanced_accuracy; the same command with it trains nothing again.",
        {"share": share},
        "--metric balanced_accuracy",
    )


def diverged(seen: Seen) -> Found | None:
    """R106."""
    rows = [row for row in seen.dataset.variants if row.diverged]
    if not any("best_epoch" in seen.trials[row.name] for row in rows):  # of scores from elsewhere it is not known why
        return None
    lost = sum(row.diverged for row in rows)
    rate = next(one.training.rate for one in seen.variants if one.name == rows[0].name)
    tried = sum(row.finished + row.failed + row.diverged for row in rows)
    return Found(
        rows,
        f"{lost} of {count(tried, 'run')} of {listed([row.label for row in rows])} ended with a loss that is no "
        "number. Try a smaller --learning-rate.",
        {"diverged": lost, "runs": tried},
        f"--learning-rate {rate / TENTH:.3g}" if rate else "--optimizer adam --learning-rate 0.0001",
    )


def at_the_edge(seen: Seen) -> Found | None:
    """R201."""
    # Beside a learning rate at its edge a strength stands where the best rate happened to be tried.
    found = [
        (tuned, next(one for one in tuned.dimensions if one.further))
        for tuned in seen.dataset.tuning
        if any(one.further for one in tuned.dimensions)
    ]
    if not found:
        return None
    where: dict[str, list[str]] = {}
    for tuned, one in found:
        high = one.at_high > one.at_low
        value, which = exact(one.tried[-1 if high else 0]), "greatest" if high else "least"
        where.setdefault(f"{one.name} {value}, the {which} tried", []).append(tuned.label)
    flags = tuple(dict.fromkeys(one.further for _, one in found))
    strengths = any(one is not tuned.dimensions[0] for tuned, one in found)
    weak = ", or leave a technique out that is best where it is weakest" if strengths else ""
    said = "; ".join(f"{listed(labels)} ({what})" for what, labels in where.items())
    sentence = (
        f"The best may lie beyond what was tried: most seeds chose the edge of a range, for {said}. Tune further "
        f"there, with {' '.join(flags)} and another --out{weak}."
    )
    names = {tuned.name for tuned, _ in found}
    evidence = {f"{tuned.name} {one.name}": max(one.at_low, one.at_high) / tuned.seeds for tuned, one in found}
    rows = [row for row in seen.dataset.variants if row.name in names]
    return Found(rows, sentence, evidence, " ".join(flags))


LOOKS: Mapping[str, Callable[[Seen], Found | None]] = {
    "R101": nothing_learned,
    "R102": still_improving,
    "R103": loss_does_not_fall,
    "R104": rare_class,
    "R105": one_class,
    "R106": diverged,
    "R107": control_overfits,
    "R108": learning_rate,
    "R109": batches,
    "R110": unstable,
    "R111": averages_lag,
    "R201": at_the_edge,
}
"""A check is a function here, under a code of `regfleet.checks.CHECKS`."""
