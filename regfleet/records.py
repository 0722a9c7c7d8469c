"""The frozen values that pass from one stage to the next.

    Study → Plan → Chunk ⇉ Outcome → (trials, histories) frames → Summary → report

A stage imports this module, `errors`, `metrics` and `streams`, never another stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import keras
    import numpy as np

Status = Literal["done", "diverged", "failed"]
Scope = Literal["new_data", "this_dataset"]
Word = Literal["better", "worse", "equivalent", "undecided"]

HISTORY_METRICS = ("loss", "cross_entropy", "accuracy", "mse")
HISTORY_SETS = ("", "train_", "val_")
"""Column prefixes of a history: none for Keras' own training-mode averages over the epoch's batches, ``train_`` and
``val_`` for inference mode after the epoch's last update."""
HISTORY_COLUMNS = tuple(rows + metric for rows in HISTORY_SETS for metric in HISTORY_METRICS)


# ---------------------------------------------------------------- what is to be compared


@dataclass(frozen=True, slots=True)
class Technique:
    """One regularizer with its parameters and place; ``str`` gives the canonical text ``l2(0.01)@all``."""

    name: str
    values: tuple[float, ...]
    place: str

    def __str__(self) -> str:
        values = ",".join(f"{value:g}" for value in self.values)
        return f"{self.name}({values})@{self.place}" if values else f"{self.name}@{self.place}"


@dataclass(frozen=True, slots=True)
class Training:
    """The training settings of a variant. ``learning_rate`` None is the Keras optimizer's own default."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float | None = None
    early_stopping: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """What is compared: techniques joined by ``+`` with the training settings they need.

    ``name`` is canonical and unique in a study, e.g. ``batchnorm@2[batch_size=32]``; ``label`` is for people.
    ``control`` names the variant without technique that has the same training settings; None marks a control.
    ``family`` is the text of the sweep that the variant came from.
    """

    name: str
    label: str
    techniques: tuple[Technique, ...]
    training: Training
    control: str | None = None
    family: str | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A multilayer perceptron: the width and the activation of each hidden Dense layer, named ``dense_1`` and on."""

    hidden: tuple[int, ...]
    activations: tuple[str, ...]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The hidden layers' names, first to last."""
        return tuple(f"dense_{number}" for number in range(1, len(self.hidden) + 1))

    def __str__(self) -> str:
        return " → ".join(f"{width} {name}" for width, name in zip(self.hidden, self.activations, strict=True))


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """How rows become three sets. With ``test_is_validation``, the article's protocol, one held-out set plays two."""

    name: str
    train: float
    validation: float
    test: float
    stratified: bool = True
    test_is_validation: bool = False


# ---------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set in memory: ``features`` float64 (rows, columns), ``target`` int64 (rows,) of class numbers."""

    name: str
    features: np.ndarray
    target: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One of the three sets, ready for a model: ``x`` float32 (rows, inputs), ``y`` float32 one-hot (rows, classes)."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Training, validation and test rows of one seed, standardised on the training rows."""

    train: Rows
    validation: Rows
    test: Rows


# ---------------------------------------------------------------- how a variant is trained


@dataclass(frozen=True, slots=True)
class Penalty:
    """A regularizer for the kernel of the layer called ``layer``; ``make`` returns a `keras.Regularizer`."""

    layer: str
    make: Callable[[], keras.regularizers.Regularizer]


@dataclass(frozen=True, slots=True)
class Insertion:
    """A layer to put behind the layer called ``after`` (``input`` for the model's input); ``make(name)`` returns it."""

    after: str
    kind: str
    make: Callable[[str], keras.layers.Layer]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train one variant: the base model, what techniques add to it, and the training settings.

    A technique is a function Recipe → Recipe; a combination is function composition, so insertions behind one layer
    stand in the order in which the techniques are written.
    """

    model: ModelSpec
    training: Training
    penalties: tuple[Penalty, ...] = ()
    insertions: tuple[Insertion, ...] = ()

    def penalize(self, layers: tuple[str, ...], make: Callable[[], keras.regularizers.Regularizer]) -> Recipe:
        """The recipe with a kernel penalty on each of ``layers``."""
        return replace(self, penalties=self.penalties + tuple(Penalty(layer, make) for layer in layers))

    def insert(self, after: str, kind: str, make: Callable[[str], keras.layers.Layer]) -> Recipe:
        """The recipe with one more layer behind ``after``."""
        return replace(self, insertions=(*self.insertions, Insertion(after, kind, make)))


# ---------------------------------------------------------------- trials


@dataclass(frozen=True, slots=True)
class Trial:
    """Variant × data set × seed. ``key`` is a hash of everything that determines the result."""

    key: str
    dataset: str
    variant: str
    seed: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Trials of one variant on one data set that run as one task."""

    dataset: str
    variant: Variant
    model: ModelSpec
    split: SplitSpec
    engine: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What an engine returns for one seed.

    ``history``: float32 (epochs run,) for each of HISTORY_COLUMNS. ``probabilities[when][rows]``: float32 (rows,
    classes) with ``when`` in last, best and ``rows`` in train, val, test, in inference mode. ``penalty[when]`` is what
    the regularizers add to the loss. ``best_epoch`` (from 1) has the lowest validation cross-entropy, the first of
    equals. ``diverged_at`` is the epoch (from 1) whose loss was not finite; the history ends there. ``execution`` says
    how the engine ran, ``trace_seconds`` what the first fit of its kind in a process paid to be traced. ``weights``
    are the model's last.
    """

    history: Mapping[str, np.ndarray]
    probabilities: Mapping[str, Mapping[str, np.ndarray]]
    penalty: Mapping[str, float]
    best_epoch: int
    diverged_at: int | None
    execution: str
    trace_seconds: float = 0.0
    weights: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A finished trial: its history and metrics, or its failure with traceback.

    ``metrics`` has ``{last,best}_{train,val,test}_{loss,cross_entropy,accuracy,mse,macro_f1,calibration_error}`` as
    floats and ``{last,best}_test_correct`` as counts of rows; it is empty for a failed trial.
    """

    trial: Trial
    status: Status
    engine: str
    execution: str = ""
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    diverged_at: int | None = None
    n_train: int = 0
    n_val: int = 0
    n_test: int = 0
    weights: int = 0
    seconds: float = 0.0
    trace_seconds: float = 0.0
    host: str = ""
    device: str = ""
    error: str = ""
    traceback: str = ""


# ---------------------------------------------------------------- the analysis


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What the analysis is asked. ``rope`` None is the metric's default; ``at`` picks last or best-epoch weights.

    ``higher_is_better`` is needed for a metric that `regfleet.metrics` does not know. ``look`` of ``looks`` says which
    share of ``alpha`` a study that adds seeds until the answer is clear may spend now.
    """

    metric: str = "accuracy"
    scope: Scope = "new_data"
    alpha: float = 0.05
    rope: float | None = None
    at: Literal["last", "best"] = "last"
    higher_is_better: bool | None = None
    look: int = 1
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, in units of the metric. NaN bounds: too few values for one."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How the seeds of a variant scatter. ``iqm`` is the mean of the middle half."""

    sd: float
    median: float
    minimum: float
    maximum: float
    iqm: float


@dataclass(frozen=True, slots=True)
class Effects:
    """Effect sizes of paired differences, all about these rows (scope ``this_dataset``); NaN where undefined.

    ``superiority`` is the chance that the variant beats its control on one seed, ties counting half, with its
    bootstrap interval. ``d_z`` is mean / sd of the differences and ``g_z`` the same without its small-sample bias;
    ``a12`` and ``cliff_delta`` ignore the pairing. ``seeds_needed`` tells such a ``superiority`` from a coin (Noether);
    None: no number does.
    """

    superiority: Interval
    d_z: float
    g_z: float
    a12: float
    cliff_delta: float
    seeds_needed: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant against its control over the seeds that both finished; differences are oriented: larger is better.

    ``difference`` is the interval that decides, simultaneous over the comparisons shown. ``floor`` is the half-width
    below which no number of seeds brings it. ``note`` qualifies the verdict ("tiny but real", "too few seeds", …).
    ``sentence`` says it all in plain words. ``dropped`` counts seeds lost to a failure of either side.
    ``withdrawn`` is the verdict that did not survive scoring failures as the majority class. ``identical`` warns that
    the variant trained exactly as its control. ``this_dataset`` is the same interval for random splits of these rows.
    """

    control: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    difference: Interval
    sd: float
    p: float
    p_worse: float
    p_equivalent: float
    p_better: float
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
    effects: Effects | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean over seeds per epoch with the band that holds 90 % of them; ``epochs`` from 1, all of equal length."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One row of the leaderboard. Ranks are shared by ties; scores are means on the test set.

    ``gap`` is training minus validation accuracy in inference mode on the same weights; ``gap_change`` its paired
    difference from the control's. ``curves`` is keyed by history column. ``scores`` are those of ``seeds``; ``iqm`` is
    `Spread.iqm` with a bootstrap interval over the seeds; ``binomial_sd`` is what chance alone makes of one test set.
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
    spread: Spread
    train_score: float
    comparison: Comparison | None
    gap: Interval
    gap_change: Interval | None
    best_epoch: float
    seconds: float
    curves: Mapping[str, Curve]
    seeds: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    iqm: Interval | None = None
    binomial_sd: float = float("nan")


@dataclass(frozen=True, slots=True)
class Lead:
    """The best mean against the runner-up's, paired by seed; ``clear`` when the interval excludes zero.

    The interval is simultaneous over all rivals of the best, because the data chose which of them is shown.
    """

    best: str
    runner_up: str
    difference: Interval
    clear: bool
    seeds: tuple[int, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class FamilySummary:
    """A sweep: its members, the swept ``values`` (NaN where several parameters vary), and the tuned variant.

    ``tuned`` takes on each seed the member with the best validation score and is judged on test; ``picks`` counts how
    often each member was taken.
    """

    family: str
    members: tuple[str, ...]
    values: tuple[float, ...]
    picks: tuple[int, ...]
    tuned: VariantSummary


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """The analysis of one data set; ``variants`` are in order of rank, those without one last.

    ``comparisons`` is the number of simultaneous intervals; ``ratio`` n_test/n_train as it entered them (0 for scope
    this_dataset and for a fixed test set). ``about`` says in words what the intervals are about; ``floor`` is the
    typical resolution floor of a comparison (0: none) and ``useful_seeds`` the number beyond which seeds add next to
    nothing (None: no limit). ``headline`` and ``warnings`` are sentences for the terminal and the report.
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
    """Ranks over data sets (1 is best): Friedman's test, Iman and Davenport's, and the critical difference.

    ``diagram`` says whether there is enough to draw one: ten data sets or more and Friedman's p below .05.
    """

    variants: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    datasets: int
    chi2: float
    p: float
    f: float
    f_p: float
    critical_difference: float
    diagram: bool


@dataclass(frozen=True, slots=True)
class Across:
    """The analysis over data sets, from five up."""

    datasets: tuple[str, ...]
    comparisons: tuple[AcrossComparison, ...]
    ranks: RankTest | None
    headline: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a study that adds seeds until the answer is clear: what was settled, and what to do next.

    ``alpha`` is the share spent at this look. ``hopeless`` ones are undecided, and no number of seeds will decide them.
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

    ``seeds`` None: no number of seeds does, and ``rows_factor`` times the rows would. ``smallest`` is the difference
    that unlimited seeds show with the same ``power``.
    """

    effect: float
    sd: float
    ratio: float
    power: float
    seeds: int | None
    rows_factor: float | None
    smallest: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Summary:
    """All that the terminal, the report and the exports say; none of them computes."""

    settings: AnalysisSettings
    rope: float
    datasets: tuple[DatasetSummary, ...]
    across: Across | None = None
    looks: tuple[Look, ...] = ()


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
    ``provenance`` is provenance.json as written; ``article`` marks the article's own study. ``foreign`` marks scores
    that another tool produced: model, epochs, split, engine and study_toml are unknown then, and empty or 0.
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
    provenance: Mapping[str, Any]
    foreign: bool = False
