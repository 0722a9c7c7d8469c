"""What a report is written from: the analysis, what was run, what failed, and the trials it all rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.analysis import Question
from regfleet.analysis.overall import overall
from regfleet.analysis.summary import Summary
from regfleet.checks import CHECKS
from regfleet.metrics import METRICS
from regfleet.report.pasted import Pasted
from regfleet.results import Provenance
from regfleet.scorers import known_metric
from regfleet.text import json_text
from regfleet.trials import Status

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that failed or diverged, as the report shows it."""

    dataset: str
    variant: str
    seed: int
    status: Status
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What was run, for the report's header, method and reproduction sections.

    ``notes`` are sentences on what the protocol gets wrong or on what was allowed but should be known;
    ``provenance`` says where it comes from; ``article`` marks the article's own study. ``foreign`` marks scores
    that another tool produced: model, epochs, split, engine and study_toml are unknown then, and empty or 0.
    ``read`` are sentences on how results of another tool were understood, what was assumed among them.
    ``techniques`` has title, paragraph and source of each technique in it.
    """

    datasets: tuple[str, ...]
    model: str
    weights: int
    seeds: tuple[int, ...]
    epochs: int
    split: str
    engine: str
    planned: int
    finished: int
    command: str
    study_toml: str
    notes: tuple[str, ...]
    article: bool
    provenance: Provenance
    foreign: bool = False
    read: tuple[str, ...] = ()
    techniques: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What the analysis says of a study, or of anyone's scores, with the ``trials`` it rests on, a row each.

    ``contents``: data set → what its rows hold, as `exports.table_cells` writes it, where the data is at hand.
    ``code``: data set → the code of its best variants. ``report`` is where the report is, None where none was written.
    """

    summary: Summary
    facts: StudyFacts
    failures: tuple[Failure, ...]
    trials: pd.DataFrame
    contents: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    code: Mapping[str, tuple[Pasted, ...]] = field(default_factory=dict, repr=False)
    report: Path | str | None = None

    def _repr_html_(self) -> str:
        """The verdict and the leaderboard, as a notebook shows them."""
        from regfleet.report.context import fragment

        return fragment(self.summary)

    def json(self) -> str:
        """The summary for machines; NaN becomes null, and curves are left to the histories."""
        summary: dict[str, Any] = {"settings": _settings(self.summary.question), "rope": self.summary.metric.rope}
        # Without what was predicted: there may be a million rows of it.
        plain = replace(self.summary, datasets=tuple(replace(one, predicted=None) for one in self.summary.datasets))
        summary |= {name: value for name, value in asdict(plain).items() if name != "question"}
        checks = [check for data in summary["datasets"] for check in data.pop("checks")]
        for data, one in zip(summary["datasets"], self.summary.datasets, strict=True):
            data["predicted"] = one.predicted.table() if one.predicted else None
            beside = data["references"]["rows"] if data["references"] else []
            for row in [*data["variants"], *(family["tuned"] for family in data["families"]), *beside]:
                del row["curves"]
                row["spread"] = {"sd": row.pop("sd")}
        whole = {
            "summary": summary,
            "overall": asdict(whole) if (whole := overall(self.summary)) else None,
            "headlines": {data.dataset: data.headline for data in self.summary.datasets},
            "checks": [check | {"docs": CHECKS[check["code"]].anchor} for check in checks],
            "failures": [asdict(failure) for failure in self.failures],
            "planned": self.facts.planned,
            "finished": self.facts.finished,
            "notes": self.facts.notes,
            **({"read": self.facts.read} if self.facts.read else {}),
            "report": None if self.report is None else str(self.report),
        }
        return json_text(whole)


def _settings(question: Question) -> dict[str, Any]:
    """The question as a study file puts it: a ROPE or a direction that is the metric's own is null."""
    metric, known = question.metric, known_metric(question.metric.name)
    own_rope = metric.relative_rope or (known and metric.rope == known.rope and not known.relative_rope)
    own_direction = metric.name in METRICS and known and metric.higher_is_better == known.higher_is_better
    return {
        "metric": metric.name,
        "scope": question.scope,
        "alpha": question.alpha,
        "rope": None if own_rope else metric.rope,
        "at": question.at,
        "higher_is_better": None if own_direction else metric.higher_is_better,
        "look": question.look,
        "looks": question.looks,
        "silence": question.silence,
    }
