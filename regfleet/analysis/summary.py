"""What the analysis says of a data set, over data sets, and of the whole study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from regfleet.analysis.gains import Ablation, Combined, LearningCurve, Stepwise
from regfleet.analysis.predicted import Predicted, Together
from regfleet.analysis.question import Question
from regfleet.analysis.tuning import VariantTuning
from regfleet.analysis.variant import Interval, Rule, VariantSummary, Word, standing
from regfleet.metrics import Metric
from regfleet.settings.values import Task


@dataclass(frozen=True, slots=True)
class Lead:
    """The best mean against the runner-up's, paired by seed; ``clear`` when the interval excludes zero.

    The interval is simultaneous over all rivals of the best, because the data chose which of them is shown. ``rule`` is
    that of a `Comparison`.
    """

    best: str
    runner_up: str
    difference: Interval
    clear: bool
    seeds: tuple[int, ...] = ()
    sentence: str = ""
    rule: Rule = "seeds"


@dataclass(frozen=True, slots=True)
class FamilySummary:
    """A sweep: its members, the swept ``values`` (NaN where several parameters vary), and the tuned variant.

    ``title`` says what its members have in common, with the range of their values.
    ``tuned`` takes on each seed the member with the best validation score and is judged on test; ``picks`` counts how
    often each member was taken.
    """

    family: str
    title: str
    members: tuple[str, ...]
    values: tuple[float, ...]
    picks: tuple[int, ...]
    tuned: VariantSummary


@dataclass(frozen=True, slots=True)
class References:
    """Learners that are no networks, on the same rows of the same splits; they have no rank and do not compete.

    ``rows`` are in order of their scores; each is compared with ``best``, the network with the best mean, which stands
    as its control. Their intervals are simultaneous over ``comparisons``, all pairs of a reference and a network.
    ``sentence`` says whether a network is worth having; empty where that is not known.
    """

    rows: tuple[VariantSummary, ...]
    best: str
    comparisons: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something about the training or the rows of a data set that a reader must know before the verdicts.

    ``code`` and ``title`` are those of `regfleet.checks`, ``variants`` the names of those that it is about, none where
    it is about the rows. ``evidence`` has the numbers behind the ``sentence``, ``flags`` what to try, and ``command``
    is all that is to be typed for it, empty for scores from elsewhere. ``silenced``: the user knows.
    """

    code: str
    title: str
    dataset: str
    variants: tuple[str, ...]
    sentence: str
    evidence: Mapping[str, float]
    flags: str = ""
    silenced: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Odds:
    """What speaks for choosing a variant now, verdict or not; from the intervals that make the verdicts.

    ``best``: the probability that it is the best of all that have odds; ``matters`` that it is better than its control
    by more than the ROPE, NaN for a control. ``loss``: by how much the best is expected to be better than it, in units
    of the metric. ``seconds`` a trial, without tracing, and ``times`` those of its control; NaN where they are unknown.
    ``lost`` of its runs or of its control's: the odds are those of the runs that finished.
    """

    name: str
    label: str
    best: float
    matters: float
    loss: float
    seconds: float
    times: float
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence for the verdicts on the variants of these ``labels``; ``settled`` where there is more than doubt."""

    sentence: str
    labels: tuple[str, ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class AtEpochs:
    """A variant against its control by the weights of the last epoch and by those of the best."""

    name: str
    label: str
    last: Interval
    last_verdict: Word
    best: Interval
    best_verdict: Word

    @property
    def differ(self) -> bool:
        """Whether the two say something else."""
        return self.last_verdict != self.best_verdict


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """The analysis of one data set; ``variants`` are in order of rank, those without one last.

    ``comparisons`` is the number of simultaneous intervals; ``ratio`` n_test/n_train as it entered them (0 for scope
    this_dataset and for a fixed test set). ``about`` says in words what the intervals are about; ``floor`` is the least
    resolution floor of a comparison (0: none) and ``useful_seeds`` the number beyond which seeds add next to nothing
    (None: no limit). ``headline`` and ``warnings`` are sentences for the terminal and the
    report. ``rows`` is the number of rows that can be tested, 0 where it is not known; fewer than ``equivalence_rows``
    of them show no equivalence, 0 where that is not so. ``columns`` are those of its input, 0 where they are not known.
    ``judged`` says in a sentence by which rule. ``predicted``: what was said of the test rows, where that was kept.
    ``references`` stand beside the variants where they were trained. ``tuning``: what the seeds chose, where settings
    were tuned. ``combined``: what techniques do in combination, where that was asked, and ``stepwise``: techniques
    added one by one. ``odds`` are in order of what is lost by a choice, and ``choice`` says in a sentence what to
    choose now; both are empty without verdicts. ``plain`` has the verdicts in plain words, those that say the same as
    one. ``at_epochs``: both verdicts of each variant where the control overfits. ``learning``: the variants on fewer
    rows, and ``ablation``: the control without each column, where that was asked.
    """

    dataset: str
    n_train: int
    n_val: int
    n_test: int
    ratio: float
    comparisons: int
    variants: tuple[VariantSummary, ...]
    lead: Lead | None
    families: tuple[FamilySummary, ...] = ()
    fixed_test: bool = False
    about: str = ""
    floor: float = float("nan")
    useful_seeds: int | None = None
    headline: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    task: Task = "classification"
    checks: tuple[Check, ...] = ()
    rows: int = 0
    equivalence_rows: int = 0
    columns: int = 0
    judged: str = ""
    predicted: Predicted | None = field(default=None, repr=False, compare=False)
    references: References | None = None
    tuning: tuple[VariantTuning, ...] = ()
    combined: Combined | None = None
    stepwise: Stepwise | None = None
    odds: tuple[Odds, ...] = ()
    choice: str = ""
    plain: tuple[Said, ...] = ()
    at_epochs: tuple[AtEpochs, ...] = ()
    learning: LearningCurve | None = None
    ablation: Ablation | None = None

    @property
    def shown(self) -> tuple[VariantSummary, ...]:
        """The variants and, for each sweep, the one tuned on validation."""
        return (*self.variants, *(family.tuned for family in self.families))

    @property
    def shown_checks(self) -> tuple[Check, ...]:
        """The checks that speak and are not silenced."""
        return tuple(check for check in self.checks if not check.silenced)

    @property
    def knows_nothing(self) -> frozenset[str]:
        """The names of the variants, and sweeps of variants, that learned nothing, as far as that is known."""
        names = {name for check in self.checks if check.code == "R101" for name in check.variants}
        return frozenset(names | {one.family for one in self.families if names.issuperset(one.members)})

    @property
    def learned_nothing(self) -> bool:
        """Whether no variant that finished has learned anything."""
        return bool(self.knows_nothing) and all(row.name in self.knows_nothing for row in self.variants if row.finished)

    @property
    def labels(self) -> dict[str, str]:
        """The label of each of `shown` by its name."""
        return {row.name: row.label for row in self.shown}

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that variants are compared with, the most frequent first."""
        return tuple(name for name, _ in Counter(row.control for row in self.shown if row.control).most_common())

    def variant(self, name: str | None) -> VariantSummary | None:
        """The variant called ``name``."""
        return next((row for row in self.variants if row.name == name), None)

    def tuned(self, name: str) -> VariantTuning | None:
        """What the seeds of the variant called ``name`` chose, where settings were tuned."""
        return next((one for one in self.tuning if one.name == name), None)

    def networks(self, name: str) -> Together | None:
        """The networks of the variant called ``name`` taken as one, where that is known."""
        one = self.predicted.variants.get(name) if self.predicted else None
        return one.together if one else None

    def standing(self, row: VariantSummary, metric: Metric) -> float:
        """What ``row`` is ranked by, as `variant.standing` says."""
        return standing(row, self.variant(row.control), metric)

    def ordered(self, metric: Metric) -> list[VariantSummary]:
        """`shown`, best standing first; those without a score last."""
        standings = {row.name: self.standing(row, metric) for row in self.shown}
        return sorted(
            self.shown,
            key=lambda row: -standings[row.name] if math.isfinite(standings[row.name]) else math.inf,
        )

    def best(self, metric: Metric) -> VariantSummary | None:
        """The variant that the verdict is about: the best of those that are better, else the best mean."""
        scored = [row for row in self.ordered(metric) if math.isfinite(row.score.mean)]
        better = [row for row in scored if row.comparison and row.comparison.verdict == "better"]
        return next(iter(better or scored), None)


@dataclass(frozen=True, slots=True)
class AcrossComparison:
    """A variant against its control over data sets: one mean difference per data set is one observation.

    ``wilcoxon_p`` is the signed-rank test beside the interval that decides; ``agrees`` is False where the two differ.
    """

    name: str
    label: str
    control: str
    datasets: tuple[str, ...]
    differences: tuple[float, ...]
    difference: Interval
    sd: float
    p: float
    wilcoxon_p: float
    agrees: bool
    rope: float
    verdict: Word
    note: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RankTest:
    """Ranks over data sets (1 is best): the p of Friedman's test, and the critical difference.

    ``diagram`` says whether there is enough to draw one: ten data sets or more and Friedman's p below .05.
    """

    variants: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    datasets: int
    p: float
    critical_difference: float
    diagram: bool


@dataclass(frozen=True, slots=True)
class Across:
    """The analysis over data sets, from five up; ``effects`` are those of techniques in combination, if any were."""

    datasets: tuple[str, ...]
    comparisons: tuple[AcrossComparison, ...]
    ranks: RankTest | None
    headline: tuple[str, ...]
    effects: tuple[AcrossComparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a study that adds seeds until the answer is clear: what was settled, and what to do next.

    ``alpha`` is the share spent at this look. ``hopeless`` ones are undecided, and the last look would hardly decide
    them, or no number of seeds. ``seeds`` is the most that a variant had.
    ``next_seeds`` is the number of seeds to go on to, None to stop; ``reason`` says why in a sentence. ``running`` are
    the variants to train on them: the undecided ones, the members of undecided sweeps, and their controls.
    """

    dataset: str
    number: int
    looks: int
    seeds: int
    alpha: float
    settled: tuple[str, ...]
    undecided: tuple[str, ...]
    hopeless: tuple[str, ...]
    next_seeds: int | None
    reason: str
    running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """All that the terminal, the report and the exports say; none of them computes."""

    question: Question
    datasets: tuple[DatasetSummary, ...]
    across: Across | None = None
    looks: tuple[Look, ...] = ()

    @property
    def metric(self) -> Metric:
        """What the variants are judged by."""
        return self.question.metric

    def looks_of(self, dataset: str) -> tuple[Look, ...]:
        """The looks that were taken at ``dataset``; none where the seeds are given."""
        return tuple(look for look in self.looks if look.dataset == dataset)

    def looks_at(self, dataset: str) -> int:
        """The number of looks that were planned at ``dataset``; 0 where the seeds are given."""
        return next((look.looks for look in self.looks if look.dataset == dataset), 0)
