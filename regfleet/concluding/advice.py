"""What to run next where a check speaks, as a whole command, and both verdicts where the control overfits."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from regfleet.analysis.headline import verdict_counts
from regfleet.analysis.summary import AtEpochs
from regfleet.concluding.looks import analysed
from regfleet.numbers import read_number
from regfleet.settings import results_name
from regfleet.settings.values import whole_name
from regfleet.text import listed, slug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from regfleet.analysis import Question
    from regfleet.analysis.summary import Check, DatasetSummary, Summary
    from regfleet.analysis.variant import VariantSummary
    from regfleet.planning.resolved import Resolved
    from regfleet.results import Stored

OPTIMISTIC = " The best epoch was chosen on the rows that test, so those verdicts are optimistic."


def with_commands(summary: Summary, resolved: Resolved, command: str) -> Summary:
    """The summary whose checks say what to run next; ``command`` is the one that trained the study last.

    They do not depend on where the results lie now, so that a report is the same wherever it is written.
    """

    def commanded(dataset: DatasetSummary) -> DatasetSummary:
        checks = (replace(check, command=next_command(check, resolved, command)) for check in dataset.checks)
        return replace(dataset, checks=tuple(checks))

    return replace(summary, datasets=tuple(map(commanded, summary.datasets)))


def next_command(check: Check, resolved: Resolved, command: str) -> str:
    """What to run next: on the results where nothing is to be trained, else the study's own command, changed."""
    flags = shlex.split(check.flags)
    try:
        words = shlex.split(command)
    except ValueError:  # cut off somewhere
        words = []
    if words[:2] != ["regfleet", "compare"]:
        return _in_python(flags) if command.startswith("regfleet.compare") else ""
    words, out = _without(words, flags)
    out = out or f"reports/{results_name([one.location for one in resolved.study.data])}"
    if flags[:1] == ["--metric"]:
        return shlex.join(["regfleet", "report", out, *flags])
    if not flags and check.code == "R104":
        data = resolved.study.sources()[check.dataset]
        target = ["--target", str(data.target)] if data.target else []
        return shlex.join(["regfleet", "datasets", data.location, *target])
    if not flags:
        return shlex.join([*words, "--dry-run"])
    if flags[:1] != ["--at"]:
        before, mark, options = out.partition("?") if "://" in out else (out, "", "")
        out = f"{before.rstrip('/')}-{slug(' '.join(flags))}{mark}{options}"
    return shlex.join([*words, *flags, "--out", out])


def _without(words: Sequence[str], flags: Sequence[str]) -> tuple[list[str], str]:
    """``words`` without what they say of their output and of what ``flags`` say; and their --out."""
    gone = {*flags[::2], *(["-t"] if "--technique" in flags else [])}
    kept: list[str] = []
    out, left = "", iter(words)
    for word in left:
        name, _, value = word.partition("=")
        if name == "--out":
            out = value or next(left, "")
        elif name in gone:
            value or next(left, "")
        elif word not in ("--json", "--quiet", "-q", "--open"):
            kept.append(word)
    return kept, out


def _in_python(flags: Sequence[str]) -> str:
    """The call of Python with these settings; what was in memory stands for itself."""
    if not flags:
        return "regfleet.compare(…, seeds=2, epochs=5)"
    given = []
    for name, value in zip(flags[::2], flags[1::2], strict=True):
        keyword = name.removeprefix("--").replace("-", "_")
        written = repr(value) if math.isnan(read_number(value)) else value
        given.append(f"techniques=[{value!r}]" if keyword == "technique" else f"{keyword}={written}")
    if flags[0] == "--metric":
        return f"results.score({flags[1]!r}).summary()"
    return f"regfleet.compare(…, {', '.join(given)}, out=…)"


def with_both_epochs(
    summary: Summary, resolved: Resolved, results: Stored, trials: pd.DataFrame, questions: Mapping[str, Question]
) -> Summary:
    """The summary with the verdicts by the weights of the last epoch beside those of the best, where that is of use.

    Args:
        summary: of ``trials``.
        resolved, results: the study and what there is of it.
        trials: that were judged.
        questions: data set → what it was asked, where that is not the study's question.
    """

    def both(dataset: DatasetSummary) -> DatasetSummary:
        if not any(check.code == "R107" for check in dataset.checks):
            return dataset
        own = questions.get(dataset.dataset, summary.question)
        question = replace(own, at="best" if own.at == "last" else "last")
        of_it = trials[[whole_name(name) == dataset.dataset for name in trials["dataset"]]]
        predicted = partial(results.predicted, at=question.at)
        (other,) = analysed(resolved, of_it, None, predicted, question).datasets
        pairs = (dataset, other) if own.at == "last" else (other, dataset)
        last, best = ({row.name: row for row in one.shown} for one in pairs)
        rows = [_pair(last[row.name], best[row.name]) for row in dataset.shown if row.name in best]
        return _said(dataset, [row for row in rows if row], *pairs, optimistic=resolved.split.test_is_validation)

    return replace(summary, datasets=tuple(map(both, summary.datasets)))


def _pair(last: VariantSummary, best: VariantSummary) -> AtEpochs | None:
    one, other = last.comparison, best.comparison
    if one is None or other is None or not one.seeds or not other.seeds:
        return None
    return AtEpochs(last.name, last.label, one.difference, one.verdict, other.difference, other.verdict)


def _said(
    dataset: DatasetSummary, rows: list[AtEpochs], last: DatasetSummary, best: DatasetSummary, *, optimistic: bool
) -> DatasetSummary:
    """``dataset`` with both verdicts, and what they come to in the sentence of the check."""
    if not rows:
        return dataset
    different = [row.label for row in rows if row.differ]
    if different:
        counts = [verdict_counts(one.shown) for one in (last, best)]
        words = f" With the last weights: {counts[0]}; with those of the best epoch: {counts[1]}."
        words += f" They differ for {listed(different)}."
    else:
        words = " The verdicts are the same with the weights of the best epoch."
    if optimistic:
        words += OPTIMISTIC
    checks = tuple(replace(one, sentence=one.sentence + words) if one.code == "R107" else one for one in dataset.checks)
    return replace(dataset, checks=checks, at_epochs=tuple(rows))
