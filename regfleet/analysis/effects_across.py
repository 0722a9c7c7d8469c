"""What techniques do in combination over several data sets: one effect from each is one observation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from regfleet.analysis.across import MINIMUM_DATASETS, compare_across
from regfleet.analysis.combined_words import MOST_SAID, effect_words
from regfleet.analysis.question import Question
from regfleet.analysis.summary import Across, AcrossComparison, DatasetSummary
from regfleet.numbers import Scale, counted
from regfleet.text import capital


def with_effects(across: Across | None, datasets: Sequence[DatasetSummary], question: Question) -> Across | None:
    """``across`` with the effects over the data sets, simultaneous over all of them, where there are five or more."""
    found = [data for data in datasets if data.combined and data.combined.seeds]
    if across is None or len(found) < MINIMUM_DATASETS:
        return across
    rope = sum(data.combined.rope for data in found if data.combined) / len(found)
    first = found[0].combined
    effects = []
    for place, effect in enumerate(first.effects if first else ()):
        of = {data.dataset: data.combined.effects[place].difference.mean for data in found if data.combined}
        means = {name: mean for name, mean in of.items() if math.isfinite(mean)}
        alpha, many = question.alpha_now, len(first.effects) if first else 1
        one = compare_across(effect.label, effect.label, "", means, rope, alpha, many)
        unit, where = Scale(question.metric), f"{len(means)} data sets, on average"
        said = effect_words(effect.factors, one.difference, one.verdict, unit, where)
        effects.append(replace(one, sentence=said))
    return replace(across, effects=tuple(effects), headline=(*across.headline, *_said(effects, len(found))))


def _said(effects: Sequence[AcrossComparison], datasets: int) -> tuple[str, ...]:
    """Which effects are clear over the data sets."""
    clear = [one.sentence for one in effects if one.verdict in ("better", "worse")]
    if not clear:
        return (f"Over {datasets} data sets, no technique and no pair has a clear effect in combination.",)
    more = len(clear) - MOST_SAID
    rest = (f"{capital(counted(more, 'more effect'))} {'is' if more == 1 else 'are'} clear.",) if more > 0 else ()
    return (f"Over {datasets} data sets, in combination: {' '.join(clear[:MOST_SAID])}", *rest)
