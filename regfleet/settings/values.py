"""What a study is resolved to: variants, model and split."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from regfleet.numbers import exact
from regfleet.settings.training import Training

Scope = Literal["new_data", "this_dataset"]
Task = Literal["classification", "regression"]
Scale = Literal["standard", "none"]
Reference = Literal["constant", "linear", "trees"]
"""Learners beside the networks: one that looks at no input, a linear model, boosted trees."""


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique with its parameters and place; ``str`` gives the canonical text ``l2(0.01)@all``.

    ``place`` is empty for one that changes the training as a whole.
    """

    name: str
    values: tuple[float, ...]
    place: str

    def __str__(self) -> str:
        values = ",".join(map(exact, self.values))
        return self.name + (f"({values})" if values else "") + (f"@{self.place}" if self.place else "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting that tuning tries: a learning rate, and the techniques with their strengths."""

    learning_rate: float
    techniques: tuple[Technique, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """What tuning varies between ``low`` and ``high``: the learning rate, or a strength.

    ``place`` is that of the strength: the number of its technique, and of its value there; None: the learning rate.
    ``last`` holds the ends, if any, beyond which there is nothing.
    """

    name: str
    low: float
    high: float
    place: tuple[int, int] | None = None
    last: tuple[float, ...] = ()

    def of(self, candidate: Candidate) -> float:
        """Its value in a setting."""
        if self.place is None:
            return candidate.learning_rate
        technique, number = self.place
        return candidate.techniques[technique].values[number]

    def put(self, value: float, techniques: tuple[Technique, ...]) -> tuple[Technique, ...]:
        """``techniques`` with ``value`` for the strength; those of the learning rate stay as they are."""
        if self.place is None:
            return techniques
        technique, number = self.place
        before = techniques[technique]
        changed = replace(before, values=(*before.values[:number], value, *before.values[number + 1 :]))
        return (*techniques[:technique], changed, *techniques[technique + 1 :])


@dataclass(frozen=True, slots=True)
class Tuning:
    """The settings of a variant that each seed tries, the one that was typed first.

    ``by`` is the column of a trial's validation score that chooses among them, such as ``last_val_accuracy``; empty
    while the data were not read that decide on it.
    """

    by: str
    dimensions: tuple[Dimension, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A sweep, whose variants differ in one number or in several.

    ``name`` is its text. ``title`` says for people what its variants have in common, with the range of the number that
    varies; ``label`` is that of the variant that is tuned along it.
    """

    name: str
    title: str
    label: str


@dataclass(frozen=True, slots=True)
class Variant:
    """What is compared: techniques joined by ``+`` with the training settings they need.

    ``name`` is canonical and unique in a study, e.g. ``batchnorm@2[batch_size=32]``; ``label`` is for people.
    ``control`` names the variant without technique that has the same training settings; None marks a control.
    ``family`` is the sweep that the variant came from, and ``value`` the number in which it differs from the others
    there; NaN where several numbers vary. ``reference`` names the learner of a reference row, which is no network and
    does not compete; None of a variant of the study. ``tuning``: what each seed chooses its setting from; None: it is
    as typed.
    """

    name: str
    label: str
    techniques: tuple[Technique, ...]
    training: Training
    control: str | None = None
    family: Family | None = None
    value: float = math.nan
    reference: Reference | None = None
    tuning: Tuning | None = None


Output = Literal["probabilities", "logits", "sigmoids", "sigmoid", "logit", "number"]
"""What a model gives for a row: probabilities or logits of all classes, a sigmoid of each class, one sigmoid or logit
for the second of two classes, or the number of a regression."""


@dataclass(frozen=True, slots=True)
class Found:
    """What building a model of the user's own once has shown; its fingerprint covers it.

    ``output`` is what it gives for a row; with ``labels`` its loss takes numbers of classes. ``compiled`` says that it
    brings an optimizer, ``leads`` what of its training that one leads itself: ``rate`` for a schedule, ``clipping`` and
    ``averaging``. ``kept`` names the layers that start from weights that they were given, each with the places of
    these in `Layer.weights`, and ``kept_sha256`` is their hash. ``unfit`` says of every other layer why no technique
    goes there, ``still`` names the layers that run in inference mode while the model trains. ``notes`` are for people.
    """

    output: Output = "probabilities"
    labels: bool = False
    compiled: bool = False
    kept: tuple[tuple[str, tuple[int, ...]], ...] = ()
    kept_sha256: str = ""
    unfit: tuple[tuple[str, str], ...] = ()
    still: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A multilayer perceptron, or a model of the user's own.

    ``hidden`` and ``activations``: the width and the activation of each hidden Dense layer, named ``dense_1`` and on;
    empty for a model that ``source`` names (``package.module:build``, ``net.keras``), whose hidden layers with a kernel
    are ``layers``, whose architecture hashes to ``fingerprint``, and whose weights ``keep_weights`` keeps. ``found`` is
    what else was seen when it was built; no trial's key depends on it.
    """

    hidden: tuple[int, ...]
    activations: tuple[str, ...]
    source: str = ""
    layers: tuple[str, ...] = ()
    fingerprint: str = ""
    keep_weights: bool = False
    found: Found = Found()

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The hidden layers' names, first to last."""
        if self.source:
            return self.layers
        return tuple(f"dense_{number}" for number in range(1, len(self.hidden) + 1))

    def weights(self, features: int, outputs: int) -> int:
        """Numbers in the weights of the perceptron, for so many inputs and outputs."""
        widths = (features, *self.hidden, outputs)
        return sum((inputs + 1) * units for inputs, units in pairwise(widths))

    def __str__(self) -> str:
        if self.source:
            return self.source
        return " → ".join(f"{width} {name}" for width, name in zip(self.hidden, self.activations, strict=True))


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """How rows become three sets. With ``test_is_validation``, the article's protocol, one held-out set plays two.

    ``folds``, of cross-validation ``repeats`` times over: each seed tests one fold; ``repeats`` 0: folds are dealt
    again without end. ``folds`` 0: every seed draws its own sets. ``half`` h: of the rows only the half that `halved`
    numbers so. ``share``: of the training rows only so many. ``without``: the column of a table that is left out.
    """

    name: str
    train: float
    validation: float
    test: float
    stratified: bool = True
    test_is_validation: bool = False
    repeats: int = 0
    folds: int = 0
    half: int | None = None
    share: float | None = None
    without: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is of all rows and columns."""
        return self.half is None and self.share is None and self.without is None


PAIRS = 10
"""Pairs of halves of the rows that the conservative interval takes: M of Nadeau and Bengio, who found ten enough."""
_APART = " "
"""What no name of a data set holds."""


def halved(split: SplitSpec) -> tuple[SplitSpec, ...]:
    """``split`` of either half of each pair, the two of a pair one after the other."""
    return tuple(replace(split, half=number) for number in range(2 * PAIRS))


def half_name(dataset: str, half: int) -> str:
    """What results call a half of a data set: ``iris half 3a`` and ``iris half 3b`` are a pair."""
    return f"{dataset}{_APART}half {half // 2 + 1}{'ab'[half % 2]}"


def part_name(dataset: str, split: SplitSpec) -> str:
    """What results call the part of a data set that ``split`` is of: ``iris rows 25%``, ``iris without x``."""
    if split.half is not None:
        return half_name(dataset, split.half)
    if split.share is not None:
        return f"{dataset}{_APART}rows {exact(round(100 * split.share, 9))}%"
    return dataset if split.without is None else f"{dataset}{_APART}without {split.without}"


def whole_name(dataset: str) -> str:
    """The data set that the name is of, or of a part of."""
    return dataset.partition(_APART)[0]
