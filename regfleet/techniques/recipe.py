"""The recipe of a variant: the base model, the training settings, and the slots that techniques fill."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclass(frozen=True, slots=True)
class Penalty:
    """A regularizer for the kernel of the layer called ``layer``; ``make`` returns a `keras.Regularizer`."""

    layer: str
    make: Callable[[], keras.regularizers.Regularizer]


@dataclass(frozen=True, slots=True)
class Limit:
    """A constraint that holds after every update for each kernel of ``layer``; ``make`` returns a `Constraint`."""

    layer: str
    make: Callable[[], keras.constraints.Constraint]


@dataclass(frozen=True, slots=True)
class KernelUse:
    """What ``layer`` computes with in place of its kernel: ``use(kernel, training, seed)`` returns it, of its shape.

    ``seed`` is a `keras.random.SeedGenerator` of the layer's own where ``noisy``, else None. Gradients go through
    ``use`` to the kernel itself, which penalties and constraints see as it is.
    """

    layer: str
    use: Callable[[tf.Tensor, bool, Any], tf.Tensor]
    noisy: bool = False


@dataclass(frozen=True, slots=True)
class Insertion:
    """A layer to put behind the layer called ``after`` (``input`` for the model's input); ``make(name)`` returns it.

    ``before`` the activation it stands between the layer's sums and its activation. ``takes`` says what it is called
    with: the ``output`` of the layer; a list of the layer's ``input`` and the output; or a list of the output and that
    of a ``twin``, a layer of the same configuration with weights of its own.
    """

    after: str
    kind: str
    make: Callable[[str], keras.layers.Layer]
    before: bool = False
    takes: Literal["output", "input", "twin"] = "output"


class Batch(NamedTuple):
    """The rows of an update: ``x`` (rows, …) and ``y`` (rows, outputs), float32 but for an ``x`` of whole numbers.

    ``weight`` (rows,) is what the loss of each row counts, None: all alike. ``rows`` (rows,) int32 numbers the rows
    of the ``total`` that train, ``key`` int32 is that of the trial's seed, and ``update`` int32 counts updates from 0.
    """

    x: tf.Tensor
    y: tf.Tensor
    weight: tf.Tensor | None
    rows: tf.Tensor
    key: tf.Tensor
    update: tf.Tensor
    total: int = 0

    def seed(self, name: str, *, every_update: bool = True) -> tf.Tensor:
        """The seed int32 (2,) of `tf.random.stateless_uniform` and its kind for the draw ``name``.

        It is another for each trial's seed and, but without ``every_update``, each update.
        """
        import tensorflow as tf

        salt = tf.constant(zlib.crc32(name.encode()) & 0x7FFFFFFF, tf.int32)
        update = tf.cast(self.update, tf.int32) if every_update else tf.constant(-1)
        return tf.stack([tf.bitwise.bitwise_xor(tf.cast(self.key, tf.int32), salt), update])

    def uniform(self, name: str, shape: Any, *, every_update: bool = True) -> tf.Tensor:
        """Float32 of ``shape``, uniform in [0, 1), for the draw ``name`` of `seed`; alike with and without XLA."""
        import tensorflow as tf

        seed = self.seed(name, every_update=every_update)
        draws = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
        # Libraries make floats of such whole numbers in ways of their own.
        return tf.cast(tf.bitwise.bitwise_and(draws, 2**24 - 1), tf.float32) / 2**24


class Descent(NamedTuple):
    """Gradients for ``model.trainable_weights``, with the ``loss``, the output and the target that are recorded.

    A gradient is None where the loss does not depend on the weight.
    """

    gradients: list[tf.Tensor | None]
    loss: tf.Tensor
    predicted: tf.Tensor
    y: tf.Tensor


class Descender(Protocol):
    """What finds gradients of the loss in training mode."""

    def of(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> Descent:
        """The gradients on ``batch``, at the weights or, with a ``shift`` for each, at their sum."""

    def of_input(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> tf.Tensor | None:
        """The gradient of the loss with respect to ``batch.x``, of its shape, at such weights; None: there is none."""


Step = Callable[[Descender, Batch, "list[tf.Tensor | None] | None"], Descent]
"""A way to find gradients that asks another: ``step(inner, batch, shift)``."""


class Length(NamedTuple):
    """How long a fit is: its ``epochs``, and the ``updates`` of an epoch."""

    epochs: int
    updates: int


@dataclass(frozen=True, slots=True)
class Average:
    """Weights that are judged and kept in place of those that train, which they follow.

    ``follow(average, current, number)`` returns both anew, for one weight of any shape, after every ``update`` or
    ``epoch``; ``number`` (int32) counts these from 1. The average starts where the weights do. Statistics of batch
    normalizations are taken anew over the training rows for it. ``of`` prepares ``follow`` for the fit's `Length`.
    """

    every: Literal["update", "epoch"]
    of: Callable[[Length], Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train one variant: the base model, what techniques add to it, and the training settings.

    ``base`` makes a model of the user's own, not compiled, from the shape of one row and the number of outputs; None is
    the multilayer perceptron of ``model``.

    A technique is a function Recipe → Recipe that fills slots:

    - ``penalties``, ``limits``, ``kernel_uses``, ``insertions``: changes of layers, as their classes say;
    - ``batches``: functions Batch → Batch, of the rows of every update, in this order;
    - ``losses``: functions (y, p, losses) → losses, of one-hot targets and probabilities (rows, classes), and the
      losses (rows,) so far; training and evaluation have them;
    - ``steps``: ways to find gradients; the last one is asked first, and asks those before it;
    - ``optimizers``: functions (optimizer, model, Length) that change the optimizer, which is not built yet;
    - ``average``: the weights to judge in place of those that train;
    - ``snapshots``: a function Length → epochs (from 1) whose weights predict together at the end;
    - ``restores_best``: the fit's last weights are those of its best epoch.
    """

    model: ModelSpec
    training: Training
    penalties: tuple[Penalty, ...] = ()
    insertions: tuple[Insertion, ...] = ()
    base: Callable[[tuple[int, ...], int], keras.Model] | None = None
    limits: tuple[Limit, ...] = ()
    kernel_uses: tuple[KernelUse, ...] = ()
    batches: tuple[Callable[[Batch], Batch], ...] = ()
    losses: tuple[Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor], ...] = ()
    steps: tuple[Step, ...] = ()
    optimizers: tuple[Callable[[keras.optimizers.Optimizer, keras.Model, Length], None], ...] = ()
    average: Average | None = None
    snapshots: Callable[[Length], tuple[int, ...]] | None = None
    restores_best: bool = False

    def penalize(self, layers: tuple[str, ...], make: Callable[[], keras.regularizers.Regularizer]) -> Recipe:
        """The recipe with a kernel penalty on each of ``layers``."""
        return self.add(penalties=[Penalty(layer, make) for layer in layers])

    def insert(
        self,
        after: str,
        kind: str,
        make: Callable[[str], keras.layers.Layer],
        *,
        before: bool = False,
        takes: Literal["output", "input", "twin"] = "output",
    ) -> Recipe:
        """The recipe with one more layer behind ``after``."""
        return self.add(insertions=[Insertion(after, kind, make, before, takes)])

    def fill(self, **slots: Any) -> Recipe:
        """The recipe with slots that hold one thing filled, or its model or training settings changed.

        Raises InputError where another technique has filled a slot.
        """
        for name in slots:
            if name not in {"model", "training"} and getattr(self, name):
                raise InputError(f"technique: expected one that fills {name} at most; got two")
        return replace(self, **slots)

    def add(self, **slots: Any) -> Recipe:
        """The recipe with more in the slots that hold several: ``add(batches=[mix])``."""
        more: dict[str, Any] = {name: (*getattr(self, name), *each) for name, each in slots.items()}
        return replace(self, **more)


class Facts(NamedTuple):
    """What a technique may need to know of the data and the model that it is for.

    ``shape`` of one row as it goes in; ``whole`` says that it holds whole numbers, such as tokens, not measurements.
    ``outputs``: classes, 1 for a regression. ``rows`` that train in a trial.
    """

    task: Literal["classification", "regression"]
    shape: tuple[int, ...]
    whole: bool
    outputs: int
    rows: int
    training: Training
    model: ModelSpec

    def leads(self, what: str) -> bool:
        """Whether a model's own optimizer does ``what`` already, as in `Found.leads`."""
        return self.training.optimizer == "model" and what in self.model.found.leads


def inner_of(optimizer: keras.optimizers.Optimizer) -> Any:
    """The optimizer itself, which mixed precision may have wrapped."""
    return getattr(optimizer, "inner_optimizer", optimizer)


@dataclass(frozen=True, slots=True)
class Range:
    """Where a strength is tuned: from ``low`` to ``high``, evenly on a scale.

    ``log`` is even in the logarithm, ``near one`` in that of one minus the value.
    """

    low: float
    high: float
    scale: Literal["log", "linear", "near one"] = "log"

    def at(self, share: float) -> float:
        """The value that far up the range, of 0 to 1, to three digits."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return self._value(low + share * (high - low))

    def share(self, value: float) -> float:
        """How far up the range ``value`` lies: 0 to 1 inside."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(value) - low) / (high - low)

    def holding(self, value: float) -> Range:
        """The range with ``value`` well inside: one at an end, or outside, moves that end past it.

        It moves to half the range further or, of logarithms, to ten times further.
        """
        step = (self.high - self.low) / 2 if self.scale == "linear" else math.log(10)
        low, high, at = self._scaled(self.low), self._scaled(self.high), self._scaled(value)
        return replace(
            self,
            low=self._value(at - step) if at <= low else self.low,
            high=self._value(at + step) if at >= high else self.high,
        )

    def _scaled(self, value: float) -> float:
        if self.scale == "linear":
            return value
        return math.log(value) if self.scale == "log" else -math.log(1 - value)

    def _value(self, scaled: float) -> float:
        if self.scale == "near one":
            return round(1 - float(f"{math.exp(-scaled):.3g}"), 15)
        return float(f"{math.exp(scaled) if self.scale == 'log' else scaled:.3g}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a technique takes: its name, default and range, where an open end excludes the bound.

    ``symbol`` stands for it in the labels of variants and sweeps. A ``whole`` one takes whole numbers only. A strength
    is tuned over the range ``tunes``; None leaves it as it was typed.
    """

    name: str
    symbol: str
    default: float
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    tunes: Range | None = None

    @property
    def range(self) -> str:
        """The range as mathematicians write it, e.g. ``[0, 1)``."""
        reach = f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"
        return f"the whole numbers of {reach}" if self.whole else reach

    def accepts(self, value: float) -> bool:
        """Whether ``value`` lies in the range; NaN does not."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and not (self.whole and value % 1)

    def tuned_around(self, value: float) -> Range | None:
        """Where it is tuned for one who typed ``value``; None for not at all, as for zero, which is off."""
        if self.tunes is None or not value or (self.tunes.scale == "near one" and value >= 1):
            return None
        if self.tunes.scale == "log" and value < 0:
            return None
        found = self.tunes.holding(value)
        return replace(found, low=self._inside(found.low, value), high=self._inside(found.high, value))

    def _inside(self, end: float, value: float) -> float:
        """``end``, or the bound that it is beyond; of one that is excluded, half the way there from ``value``."""
        bound, is_open = (self.low, self.open_low) if end < value else (self.high, self.open_high)
        beyond = end <= bound if end < value else end >= bound
        return ((value + bound) / 2 if is_open else bound) if beyond and math.isfinite(bound) else end


def fits_all(_facts: Facts, _values: tuple[float, ...]) -> str:
    """The ``unfit`` of a technique for all data and models."""
    return ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A technique: ``apply(recipe, values, layers)`` returns the recipe with the technique at those layers.

    ``values`` has one number per parameter, or, with ``per_layer``, one number per layer. ``label`` words the values
    for people; ``about`` is a paragraph on what it does, when it helps and what it costs.

    ``place`` is where it goes if nothing is said: a place, or empty for one that has none, as it changes the training
    as a whole. ``at_input`` allows the place ``input``, ``sides`` the place ``@all:before`` (the activation), which
    ``apply`` then is told by ``before=True``.

    ``conflicts`` says by name why another cannot join it, ``needs`` names one that has to. ``unfit(facts, values)``
    says why it can do nothing, or nothing sensible, for such data and model; empty where it can.

    ``code(code, values, layers)`` writes it into the plain Keras code of a variant, as ``apply`` puts it into a recipe;
    None: it has none.
    """

    name: str
    title: str
    summary: str
    source: str
    parameters: tuple[Parameter, ...]
    apply: Callable[..., Recipe]
    label: Callable[[tuple[float, ...]], str]
    about: str = ""
    per_layer: bool = False
    at_input: bool = False
    place: str = "all"
    sides: bool = False
    conflicts: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    unfit: Callable[[Facts, tuple[float, ...]], str] = fits_all
    code: Callable[..., Any] | None = None
