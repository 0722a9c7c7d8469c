"""A variant as plain Keras code, without regfleet: what builds, compiles and fits it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.models.keras_code.classes import classes
from regfleet.models.keras_code.fitting import fit, rows
from regfleet.models.keras_code.lines import broken, comment
from regfleet.models.keras_code.network import network
from regfleet.models.keras_code.patch import Graphed, lacks, patched
from regfleet.techniques.catalogue import recipe as recipe_of
from regfleet.techniques.catalogue import write
from regfleet.techniques.keras_code import Code

if TYPE_CHECKING:
    from regfleet.settings import Training
    from regfleet.settings.values import ModelSpec, Task, Technique


@dataclass(frozen=True, slots=True)
class Wanted:
    """What code is for: the ``task`` with so many ``outputs``, rows of so many ``axes``, weights as of ``seed``.

    ``best`` asks for the weights of the best epoch. ``scaling`` says how numbers go in. ``graph`` is that of a model of
    the user's own. ``command`` trains the variant where there is no code.
    """

    task: Task
    outputs: int
    axes: int = 1
    seed: int = 0
    best: bool = False
    scaling: str = ""
    graph: Graphed | None = None
    command: str = "regfleet compare"


def keras_code(model: ModelSpec, training: Training, techniques: tuple[Technique, ...], wanted: Wanted) -> str:
    """The code of a variant; comments that say why where there is none.

    Args:
        model: the perceptron, or a model of the user's own, which the code then patches.
        training: its training settings.
        techniques: its techniques, with the values that were chosen.
        wanted: what the code is for.
    """
    recipe = recipe_of(model, training, techniques)
    code = Code(
        recipe,
        wanted.task,
        wanted.outputs,
        output="number" if wanted.task == "regression" else model.found.output,
        axes=wanted.axes,
        patch=bool(model.source),
        best=wanted.best or recipe.restores_best,
        seed=wanted.seed,
    )
    graph = wanted.graph or Graphed()
    code = write(code, techniques)
    if code.patch:
        code = code.add(lacks=lacks(code, graph))
    if code.lacks:
        said = [line for why in code.lacks for line in comment(f"{why}.")]
        return "\n".join([*said, f"# {' '.join(wanted.command.split())} trains it."]) + "\n"
    body = [*rows(code, wanted.scaling), *(patched(code, graph) if code.patch else network(code)), *fit(code)]
    text = "\n".join(broken(line) for line in body) + "\n"
    helpers = "".join(f"\n\n{one}" for one in (*classes(code, graph.penalized), *code.helpers))
    text = f"{helpers}\n\n{text}" if helpers else f"\n{text}"
    return "\n".join(_imports(code, text)) + "\n" + re.sub(r"\n{4,}", "\n\n\n", text)


def _imports(code: Code, text: str) -> list[str]:
    """The lines that import what ``text`` uses: the standard library, then the others."""
    standard = [name for name in ("math", "zlib") if re.search(rf"\b{name}\.", text)]
    others = ["import keras"]
    others += ["import numpy as np"] if "np." in text else []
    others += ["import tensorflow as tf"] if "tf." in text else []
    others += ["from scipy.stats import beta"] if "beta.ppf" in text else []
    if code.patch and re.fullmatch(r"[\w.]+:\w+", code.recipe.model.source):
        module, _, name = code.recipe.model.source.partition(":")
        others.append(f"from {module} import {name}")
    return [*(f"import {name}" for name in standard), *([""] if standard else []), *others]
