"""What techniques write into the plain Keras code of a variant."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from regfleet.settings.values import Output, Task
from regfleet.streams import stream_int
from regfleet.techniques.recipe import Recipe


class Change(NamedTuple):
    """A regularizer or a constraint, as ``text``, for the kernel of a layer; with ``weight`` where a patch loops."""

    layer: str
    text: str


class Use(NamedTuple):
    """A function to compute with in place of a kernel, ``kernel = text`` of ``kernel``, ``training`` and ``seed``."""

    layer: str
    text: str
    noisy: bool


class Put(NamedTuple):
    """A layer to put in, as an `Insertion` says: ``made`` is its class, ``arguments`` what it is called with.

    ``seeded``: it takes the seed of its noise, or of its weights; ``path``: of noise in a layer that is not Keras' own.
    """

    after: str
    kind: str
    made: str
    arguments: tuple[str, ...] = ()
    seeded: Literal["", "noise", "path", "weights"] = ""
    before: bool = False
    takes: Literal["output", "input", "twin"] = "output"


class Average(NamedTuple):
    """Lines that let ``average`` (arrays), and perhaps the model's weights, follow after every update or epoch."""

    every: Literal["update", "epoch"]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """The plain Keras code of a variant while techniques write into it; its slots are those of a `Recipe`, as text.

    ``recipe`` is the variant's, ``axes`` those of one row, ``patch`` says that the network is a model of the user's
    own, ``best`` that the weights of the best epoch are wanted, and ``seed`` is that of the study that the code starts
    as.

    - ``regularizers``, ``constraints``, ``uses``, ``layers``: changes of layers;
    - ``targets``: lines that change ``y_train``, one-hot where ``one_hot``;
    - ``batches``: names of functions (update, batch) → (update, batch), of (x, y) and, with class weights, weight;
    - ``losses``: lines that change ``losses``, a number a row, of ``y_true`` and ``probabilities``;
    - ``steps``: calls that take the function ``gradients`` (model, x, y, weight) and give another;
    - ``rate``: the learning rate, of ``{rate}``; ``optimizer``: its other arguments; ``tuned``: lines behind it;
    - ``average``, ``callbacks``, ``after``: what follows the weights, and lines behind the fit;
    - ``helpers``: functions and classes that are used, each once;
    - ``lacks``: why it cannot be written.
    """

    recipe: Recipe
    task: Task
    outputs: int
    output: Output = "probabilities"
    axes: int = 1
    patch: bool = False
    best: bool = False
    seed: int = 0
    regularizers: tuple[Change, ...] = ()
    constraints: tuple[Change, ...] = ()
    uses: tuple[Use, ...] = ()
    layers: tuple[Put, ...] = ()
    one_hot: bool = False
    targets: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    rate: str = ""
    optimizer: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    average: Average | None = None
    callbacks: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def add(self, **slots: Any) -> Code:
        """The code with more in the slots that hold several; what is there already comes once."""
        more: dict[str, Any] = {}
        for name, each in slots.items():
            there = getattr(self, name)
            once = name in {"helpers", "lacks"}
            more[name] = (*there, *(one for one in each if not (once and one in there)))
        return replace(self, **more)

    def fill(self, **slots: Any) -> Code:
        """The code with slots that hold one thing filled."""
        return replace(self, **slots)

    @property
    def weighs(self) -> bool:
        """Whether rows count by their classes."""
        return bool(self.recipe.training.class_weight)

    @property
    def batch(self) -> str:
        """The parts of a batch, as code unpacks them."""
        return "x, y, weight" if self.weighs else "x, y"

    def draws(self, name: str) -> int:
        """The first of the two seeds of the draw ``name``, as `Batch.seed` has it; the second counts updates."""
        return stream_int(self.seed, "order") ^ (zlib.crc32(name.encode()) & 0x7FFFFFFF)

    def changing(self, name: str, body: str) -> Code:
        """The code with a function ``name`` that changes batches, with the lines ``body``."""
        lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
        made = f"def {name}(update, batch):\n    {self.batch} = batch\n{lines}    return update, ({self.batch})\n"
        return self.add(batches=[name], helpers=[UNIFORM, made])


Writing = Callable[..., Code]
"""A technique's ``code``: as its ``apply``, of a `Code` in place of a recipe."""

UNIFORM = '''\
def uniform(shape, seed, update):
    """Numbers of [0, 1), drawn anew for each update."""
    drawn = tf.random.stateless_uniform(
        shape, tf.stack([seed, tf.cast(update, "int32")]), None, None, "int32", alg="philox"
    )
    return tf.cast(tf.bitwise.bitwise_and(drawn, 2**24 - 1), "float32") / 2**24
'''


def as_it_is(code: Code, _values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    """The code of a technique that changes the network or the training settings, which are the recipe's."""
    return code
