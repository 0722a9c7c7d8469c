"""What was chosen when results were there: recorded with them, and said wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regfleet.errors import RegfleetError
from regfleet.metrics import Metric
from regfleet.planning.resolved import Resolved
from regfleet.results import Choice, Stored, add_choice
from regfleet.scorers import known_metric
from regfleet.text import listed, one_line

NAMES = {
    "metric": "The metric",
    "rope": "The zone too small to matter (ROPE)",
    "at": "The epoch whose weights are judged",
    "scope": "The scope",
    "alpha": "Alpha",
    "interval": "The interval",
    "seeds": "The set of seeds",
}
"""What a reader calls the settings of the analysis."""
MORE_SEEDS = (
    "Verdicts hold for seeds chosen beforehand: who adds seeds until one is clear finds one by luck more often; "
    "--seeds auto allows for that"
)
LUCK = "Verdicts hold for a metric chosen beforehand; of several, one shows a difference by luck"


def later_notes(later: Sequence[Choice], metric: str) -> Iterator[str]:
    """What was chosen when results were there, in sentences; ``metric`` is the one of the report that says it."""
    for setting, name in NAMES.items():
        changed = [one for one in later if one.setting == setting and not one.look]
        if not changed:
            continue
        values = ", then ".join(_value(setting, one) for one in (changed[0].was, *(one.now for one in changed)))
        hold = {"metric": LUCK, "seeds": MORE_SEEDS}.get(setting, "Verdicts hold for what was chosen beforehand")
        yield f"{name} was changed after results were there: {values}. {hold}."
    looks = list(dict.fromkeys(_value("metric", one.now) for one in later if one.look and one.now != metric))
    if looks:
        what = "a second metric" if len(looks) == 1 else "further metrics"
        yield f"Also judged by {listed(looks)}, {what}, chosen after seeing results. {LUCK}."


def _value(setting: str, text: str) -> str:
    if setting == "metric":
        known = known_metric(text)
        return known.title if known else text
    return "the metric's own" if text == "None" else f"the {text} epoch" if setting == "at" else text


def looked_again(resolved: Resolved, metric: Metric, results: Stored) -> str:
    """Records that results were judged by another metric than the study's.

    Returns what keeps it from being recorded, as a sentence for the report; empty where nothing does.
    """
    planned, trials = resolved.question.metric.name, int((results.trials["status"] == "done").sum())
    if metric.name == planned or not trials:
        return ""
    try:
        add_choice(results.place, Choice(setting="metric", was=planned, now=metric.name, trials=trials, look=True))
    except RegfleetError as problem:
        return f"That this metric was looked at could not be recorded with the results: {one_line(str(problem), 300)}."
    return ""
