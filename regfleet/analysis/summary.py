"""What the analysis says: of one variant against its control, of a data set, of the whole study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from regfleet.analysis.predicted import Predicted, Together
from regfleet.analysis.question import Question
from regfleet.analysis.tuning import VariantTuning
from regfleet.metrics import Metric
from regfleet.settings.values import Task

Word = Literal["better", "worse", "equivalent", "undecided"]
Rule = Literal["rows", "seeds", "halves"]
"""What an interval is made of: the predictions of single test rows, one score per seed, or pairs of halves."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, in units of the metric. NaN bounds: too few values for one."""

    mean: float
    low: float
    high: float


class Outlook(Protocol):
    """What an interval of single rows comes to with other numbers of seeds, as half-widths in units of the metric."""

    def limit(self, alpha: float, comparisons: int) -> float:
        """With unlimited seeds."""

    def expected(self, seeds: int, n_test: int, alpha: float, comparisons: int) -> float:
        """To be expected with ``seeds`` seeds that test ``n_test`` rows each."""


@dataclass(frozen=True, slots=True)
class Companion:
    """The Brier scores of a variant's probabilities beside its control's: they see more than accuracy and never decide.

    ``difference`` is variant minus control, below zero is better, of one score per seed and as simultaneous as the
    verdicts; ``verdict`` is made as theirs, with the ROPE of `judging.BRIER`. ``sentence`` says it in plain words.
    """

    difference: Interval
    verdict: Word
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant against its control over the seeds that both finished; differences are oriented: larger is better.

    ``difference`` is the interval that decides, simultaneous over the comparisons shown. ``floor`` is the half-width
    below which no number of seeds brings it. ``note`` qualifies the verdict ("tiny but real", "too few seeds", …).
    ``sentence`` says it all in plain words. ``dropped`` counts seeds lost to a failure of either side.
    ``withdrawn`` is the verdict that did not survive scoring failures as the majority class. ``identical`` warns that
    the variant trained exactly as its control. ``this_dataset`` is the same interval for random splits of these rows.
    ``rule`` says what the interval is made of, and ``rule_why`` why it is not single rows. With pairs of halves
    ``floor`` is NaN, for it is not known, and ``dropped`` counts their seeds too. ``same`` counts the test
    rows where both always predicted the same; 0 where there is a row on which they did not. ``companion`` is None
    without probabilities, ``outlook`` where single rows do not judge.
    """

    control: str
    seeds: tuple[int, ...] = field(repr=False)
    differences: tuple[float, ...] = field(repr=False)
    difference: Interval
    sd: float
    p: float
    wins: int
    ties: int
    losses: int
    rope: float
    floor: float
    verdict: Word
    note: str
    sentence: str = ""
    dropped: int = 0
    withdrawn: Word | None = None
    identical: bool = False
    this_dataset: Interval | None = None
    rule: Rule = "seeds"
    rule_why: str = ""
    same: int = 0
    companion: Companion | None = None
    outlook: Outlook | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean over seeds per epoch with the band that holds 90 % of them; ``epochs`` from 1, all of equal length."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<Curve of {len(self.epochs):,} epochs>"


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One row of the leaderboard. Ranks are shared by ties; scores are means on the test set.

    ``gap`` is training minus validation accuracy, or R² of regression, in inference mode on the same weights;
    ``gap_change`` its paired difference from the control's. ``curves`` is keyed by history column. ``scores`` are those
    of ``seeds``, and ``sd`` is their standard deviation.
    """

    name: str
    label: str
    control: str | None
    family: str | None
    rank: int | None
    finished: int
    failed: int
    diverged: int
    score: Interval
    sd: float
    train_score: float
    comparison: Comparison | None
    gap: Interval
    gap_change: Interval | None
    best_epoch: float
    seconds: float
    curves: Mapping[str, Curve] = field(repr=False)
    seeds: tuple[int, ...] = field(default=(), repr=False)
    scores: tuple[float, ...] = field(default=(), repr=False)

    def curve(self, column: str) -> Curve | None:
        """The curve of a history column; None where no epoch was recorded.

        R² of a regression, ``val_r2`` and ``train_r2``, is 1 − MSE of the standardised target.
        """
        if column.endswith("_r2") and self.curve("val_accuracy") is None:
            error = self.curve(f"{column.removesuffix('r2')}mse")
            sides = (error.mean, error.high, error.low) if error else ((), (), ())
            return Curve(error.epochs, *(tuple(1 - v for v in side) for side in sides)) if error else None
        curve = self.curves.get(column)
        return curve if curve and curve.epochs else None


def standing(row: VariantSummary, control: VariantSummary | None, metric: Metric) -> float:
    """`DatasetSummary.standing` of a row beside its control."""
    own = metric.sign * row.score.mean
    one = row.comparison
    if control is None or one is None or row.seeds == control.seeds or not math.isfinite(one.difference.mean):
        return own
    return metric.sign * control.score.mean + one.difference.mean


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
class Effect:
    """What a technique adds over all combinations of the others, or what two give beyond what each adds alone.

    ``factors`` holds one technique, or the two of an interaction; of a fraction several pairs, whose interactions are
    measured as one sum. ``difference`` is oriented, larger is better, and simultaneous over all effects of the data
    set; ``verdict``, ``note``, ``p`` and ``floor`` are as of a `Comparison`. ``means`` are the mean scores of the runs
    without and with the technique; of the first pair with neither, the first, the second and both.
    """

    factors: tuple[tuple[str, ...], ...]
    difference: Interval
    p: float
    floor: float
    verdict: Word
    note: str
    means: tuple[float, ...]
    sentence: str = ""

    @property
    def is_main(self) -> bool:
        """Whether it is that of one technique."""
        return len(self.factors[0]) == 1

    @property
    def label(self) -> str:
        """Its techniques, for people."""
        return " + ".join(" × ".join(names) for names in self.factors)


@dataclass(frozen=True, slots=True)
class Combined:
    """What techniques do in combination: a factorial of ``runs`` of the ``combinations`` of its ``factors``.

    ``resolution`` None: every combination was run. ``effects``, main ones first, are over the ``seeds`` that every run
    finished; ``dropped`` counts those that one lost. ``best`` and ``single`` are the variants of two techniques or
    more and of one technique with the best mean, empty without any; ``lead`` is the difference of these two,
    simultaneous over the combinations, and ``clear`` says that the combination is ahead of every single technique.
    ``design``, ``effects_said`` and ``best_said`` put it in plain words.
    """

    factors: tuple[str, ...]
    runs: int
    combinations: int
    resolution: int | None
    effects: tuple[Effect, ...]
    seeds: tuple[int, ...] = field(repr=False)
    dropped: int
    rule: Rule
    rule_why: str
    rope: float
    best: str
    single: str
    lead: Interval | None
    clear: bool
    design: tuple[str, ...] = ()
    effects_said: tuple[str, ...] = ()
    best_said: str = ""


@dataclass(frozen=True, slots=True)
class OnRows:
    """A variant on a share of the training rows: its mean score, and its difference from its control there.

    ``difference`` is None of a control; its label is the variant's.
    """

    name: str
    label: str
    score: Interval
    finished: int
    difference: Effect | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the training rows of each seed: ``rows`` of them, and the variants there, in the study's order.

    ``gain`` is what the control gains from the next smaller share to this one, larger is better; None of the smallest.
    """

    share: float
    rows: int
    variants: tuple[OnRows, ...]
    gain: Effect | None


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Every variant on shares of the training rows, ascending, the last of which are all.

    ``lead`` is what the last step up to all rows gains less what the best technique, ``best``, adds on all rows, with
    its verdict; simultaneous over the techniques, as the data chose the best. It is None where there is no technique.
    ``answer`` says what did more, and ``said`` puts it in plain words. ``compared`` counts the differences from
    controls on fewer rows, over which these are simultaneous. ``rule`` is what judged the steps.
    """

    shares: tuple[Share, ...]
    control: str
    best: str
    lead: Effect | None
    answer: Literal["rows", "technique", "alike", "undecided", "unknown"]
    compared: int
    rule: Rule
    rule_why: str
    said: tuple[str, ...] = ()

    @property
    def times(self) -> float:
        """How many times the rows the last step is."""
        return 1 / self.shares[-2].share


@dataclass(frozen=True, slots=True)
class Ablation:
    """The control of label ``control`` without each column: what the column adds, all columns less all but that one.

    ``columns`` are in order of what they add, most first, simultaneous over all of them. ``seeds`` is the least number
    that a difference rests on. ``said`` puts it in plain words.
    """

    control: str
    columns: tuple[Effect, ...]
    seeds: int
    rope: float
    rule: Rule
    rule_why: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A technique that a step may add: the variant with it, and what it adds by validation rows, larger is better."""

    name: str
    label: str
    seeds: int
    difference: Interval


@dataclass(frozen=True, slots=True)
class Step:
    """A step that adds a technique: the candidates, and the best of them by validation rows.

    ``name`` and ``label`` are that one's. It was added where it is ``clear`` that it helps; else steps end here.
    """

    candidates: tuple[Candidate, ...]
    name: str
    label: str
    clear: bool


@dataclass(frozen=True, slots=True)
class Stepwise:
    """Techniques added one by one: the ``steps``, on ``choosing`` seeds of their own, and what is judged on others.

    ``single`` is the best single technique by validation rows, ``final`` the variant that the steps came to, which may
    be the control; empty while steps are missing. ``lead`` is their difference on test rows, simultaneous with that of
    ``final`` and its control; None where there is none. ``said`` puts it in plain words.
    """

    steps: tuple[Step, ...]
    choosing: int
    single: str
    final: str
    lead: Interval | None = None
    said: tuple[str, ...] = ()


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
    this_dataset and for a fixed test set). ``about`` says in words what the intervals are about; ``floor`` is the
    least resolution floor of a comparison (0: none) and ``useful_seeds`` the number beyond which seeds add next to
    nothing (None: no limit). ``headline`` and ``warnings`` are sentences for the terminal and the report. ``rows`` is
    the number of rows that can be tested, 0 where it is not known; fewer than ``equivalence_rows`` of them show no
    equivalence, 0 where that is not so. ``columns`` are those of its input, 0 where they are not known. ``judged``
    says in a sentence by which rule. ``predicted``: what was said of the test rows, where that was kept.
    ``references`` stand beside the variants where they were trained. ``tuning``: what the seeds chose, where
    settings were tuned. ``combined``: what techniques do in combination, where that was asked, and ``stepwise``:
    techniques added one by one. ``odds`` are in order of what is lost by a choice, and ``choice`` says in a
    sentence what to choose now; both are empty without verdicts. ``plain`` has the verdicts in plain words, those
    that say the same as one. ``at_epochs``: both verdicts of each variant where the control overfits. ``learning``:
    the variants on fewer rows, and ``ablation``: the control without each column, where that was asked.
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
        """What ``row`` is ranked by, larger is better; NaN without a score.

        Its mean score, or, where it and its control ran on other seeds, the control's mean with the paired difference:
        the mean of other seeds would rank the seeds as well.
        """
        control = self.variant(row.control)
        return standing(row, control, metric)

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
class Detection:
    """Whether a study can see a difference of ``effect``: the seeds it takes, or how many times the rows.

    ``seeds`` None: no number of seeds does, and ``rows_factor`` times the rows would, or, where it is None as well, a
    larger pilot has to say. ``smallest`` is the difference that unlimited seeds show with the same ``power``. ``rule``
    says what the intervals are made of, and ``why`` why it is not single rows.
    """

    effect: float
    sd: float
    ratio: float
    power: float
    seeds: int | None
    rows_factor: float | None
    smallest: float
    sentence: str
    rule: Rule = "seeds"
    why: str = ""


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
