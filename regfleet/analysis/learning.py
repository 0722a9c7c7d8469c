"""A learning curve: every variant on fewer training rows, and whether more rows do more than any technique.

With the same test rows on every share, what a share gains, c₁ − cₛ for the control, and what a technique adds,
v₁ − c₁, are sums of the same runs. So is their difference, 2·c₁ − cₛ − v₁, which is judged by the rules of any other
difference, and not by laying two intervals beside each other. Fewer rows overlap less from seed to seed; what is one
score per seed is corrected by the smaller of the two numbers of training rows, which makes the wider interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from regfleet.analysis.comparing import Terms, score_interval
from regfleet.analysis.effects import weighed
from regfleet.analysis.gains import Effect, LearningCurve, OnRows, Share
from regfleet.analysis.intervals import MINIMUM_PAIRS, TOO_FEW
from regfleet.analysis.runs import Runs
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Interval
from regfleet.numbers import Scale, number_word, short
from regfleet.settings.values import Variant
from regfleet.text import capital

Answer = Literal["rows", "technique", "alike", "undecided", "unknown"]


def learning(
    runs: Mapping[float, Mapping[str, Runs]],
    rows: Mapping[float, int],
    variants: Sequence[Variant],
    dataset: DatasetSummary,
    terms: Terms,
) -> LearningCurve:
    """What the variants do on shares of the training rows.

    Args:
        runs: share → variant → its runs; all rows, 1, among them.
        rows: share → training rows of a seed.
        variants: of the study, the first of which is the control that trains as the study says.
        dataset: with its rows.
        terms: of the data set, all of whose rows train.
    """
    shares, control = sorted(runs), variants[0]
    techniques = [one for one in variants if one.control is not None]
    compared = len(techniques) * (len(shares) - 1)
    points = []
    rule, why = "seeds", ""
    for place, share in enumerate(shares):
        mine, at = runs[share], _at(terms, rows[share])
        gain = None
        if place:
            before = shares[place - 1]
            pair = [mine[control.name], runs[before][control.name]]
            gain, rule, why = weighed((control.label,), pair, (1, -1), _at(terms, rows[before]), len(shares) - 1)
        differences = {
            one.name: weighed((one.label,), [mine[one.name], mine[str(one.control)]], (1, -1), at, max(compared, 1))[0]
            for one in (techniques if share < 1 else ())
        }
        points.append(
            Share(
                share,
                rows[share],
                tuple(
                    OnRows(
                        one.name,
                        one.label,
                        score_interval(mine[one.name].scores, at),
                        len(mine[one.name].seeds),
                        differences.get(one.name) if share < 1 else _whole(one, dataset),
                    )
                    for one in variants
                ),
                gain,
            )
        )
    found = LearningCurve(tuple(points), control.label, "", None, "unknown", compared, rule, why)  # type: ignore[arg-type]
    rivals = [one.name for one in techniques if one.control == control.name]
    last = [runs[1.0][control.name], runs[shares[-2]][control.name]]
    found = _ahead(found, last, {name: runs[1.0][name] for name in rivals}, dataset, _at(terms, rows[shares[-2]]))
    return replace(found, said=_words(found, dataset, Scale(terms.metric)))


def _at(terms: Terms, rows: int) -> Terms:
    """``terms`` where so many rows train."""
    return replace(terms, ratio=terms.n_test / rows) if terms.ratio and rows else terms


def _whole(variant: Variant, dataset: DatasetSummary) -> Effect | None:
    """The verdict of the study on all rows."""
    row = dataset.variant(variant.name)
    one = row.comparison if row else None
    if one is None:
        return None
    return Effect(((variant.label,),), one.difference, one.p, one.floor, one.verdict, one.note, ())


def _ahead(
    found: LearningCurve, last: list[Runs], rivals: Mapping[str, Runs], dataset: DatasetSummary, terms: Terms
) -> LearningCurve:
    """``found`` with what did more: rows where they did more than every technique, whichever is truly the best."""
    rows = {name: dataset.variant(name) for name in rivals}
    standings = {name: dataset.standing(row, terms.metric) for name, row in rows.items() if row}
    finite = [name for name, standing in standings.items() if math.isfinite(standing)]
    if not finite:
        return found
    best = max(finite, key=lambda name: standings[name])
    leads = {
        name: weighed((dataset.labels[name],), [last[0], last[1], rivals[name]], (2, -1, -1), terms, len(finite))[0]
        for name in finite
    }
    lead = leads[best]
    answer: Answer = "undecided"
    if all(one.verdict == "better" for one in leads.values()):
        answer = "rows"
    elif lead.verdict == "worse":
        answer = "technique"
    elif lead.verdict == "equivalent":
        answer = "alike"
    return replace(found, best=best, lead=lead, answer=answer)


def _words(found: LearningCurve, dataset: DatasetSummary, unit: Scale) -> tuple[str, ...]:
    """The answer in plain words, and what it does not say."""
    gain, whole = found.shares[-1].gain, found.shares[-1]
    if dataset.learned_nothing:
        return ("Nothing was learned, so this says nothing of more rows.",)
    if gain is None or gain.note == TOO_FEW:
        return (f"Too few seeds to say what more rows do: {number_word(MINIMUM_PAIRS)} are the least.",)
    did = _did(gain.difference, unit, f"the control's {unit.metric.title}")
    step = f"{_times(found.times)} training rows (from {found.shares[-2].rows:,} to {whole.rows:,}) {did}"
    later = "What still more rows would do was not measured; each doubling usually does less than the one before."
    own = dataset.variant(found.best)
    if found.lead is None or own is None or own.comparison is None:
        return (" ".join([f"{capital(step)}.", *_short(gain, dataset)]), *_flat(gain), later)
    added = Interval(own.comparison.difference.mean, math.nan, math.nan)
    best = f"the best technique, {own.label}, {_did(added, unit, 'it')}"
    apart = found.lead.difference
    more = f"rows did {unit.amount(apart.mean)} {'more' if apart.mean >= 0 else 'less'}{_reach(apart, unit)}"
    heads = {
        "rows": "More rows did more than any technique",
        "technique": "The best technique did more than more rows",
        "alike": "More rows and the best technique did as much, to within what matters",
    }
    head = heads.get(found.answer, "Whether more rows or a technique does more is undecided")
    return (" ".join([f"{head}: {step}, {best}; {more}.", *_short(gain, dataset)]), *_flat(gain), later)


def _did(of: Interval, unit: Scale, what: str) -> str:
    """What a step did to ``what``; its interval is oriented, above zero is better."""
    return f"{'improved' if of.mean >= 0 else 'worsened'} {what} by {unit.amount(of.mean)}{_reach(of, unit)}"


def _reach(of: Interval, unit: Scale) -> str:
    reach = unit.from_to(of.low, of.high)
    return f" ({reach})" if reach else ""


def _flat(gain: Effect) -> tuple[str, ...]:
    """What to make of a step that changed nothing that matters."""
    if gain.verdict != "equivalent":
        return ()
    return ("The curve is flat at its end: fewer rows do as well, to within what matters.",)


def _short(gain: Effect, dataset: DatasetSummary) -> tuple[str, ...]:
    """That fewer rows make fewer updates in as many epochs, where training ended too early for the control."""
    controls = {row.name for row in dataset.variants if row.control is None}
    early = any(one.code == "R102" and set(one.variants) & controls for one in dataset.checks)
    if not early or gain.difference.mean <= 0:
        return ()
    return ("Part of what rows did may be longer training, which ended too early (R102): train for longer first.",)


def _times(times: float) -> str:
    return "twice the" if math.isclose(times, 2) else f"{short(times, 2)} times the"
