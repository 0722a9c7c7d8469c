"""`regfleet show-model`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from regfleet.cli.options import DATA, MODEL, Text, Texts, flag

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras
    from rich.table import Table as RichTable

    from regfleet.data.dataset import Dataset


def show_model(
    *,
    technique: Annotated[Texts, flag("what to put in; again for another", MODEL, "TEXT", "--technique", "-t")] = None,
    model: Annotated[Text, flag("widths, package.module:build or a .keras file", MODEL, "MODEL")] = None,
    activation: Annotated[Text, flag("of the hidden layers of --model WIDTHS", MODEL, "NAMES")] = None,
    data: Annotated[Text, flag("what the model is for (default: iris)", DATA, "NAME")] = None,
    target: Annotated[Text, flag("the column to predict", DATA, "COLUMN")] = None,
) -> None:
    """Print a model's layers with a technique in place."""
    from regfleet import models
    from regfleet.data import decided, scaling_meaning
    from regfleet.errors import InputError
    from regfleet.running.display import console
    from regfleet.settings import Training, read_study
    from regfleet.techniques import describe_techniques, parse_techniques
    from regfleet.techniques import recipe as recipe_of
    from regfleet.techniques.recipe import Recipe
    from regfleet.training import runtime

    runtime.prepare(gpu=False)
    dataset, shape, outputs = _rows(data or "iris", target)
    task, notes = dataset.task, []
    source = None if model is None else models.parse_model(model)
    base = None
    if isinstance(source, str):
        if activation is not None:
            raise InputError(f"--activation: expected widths as --model; got {model}, which has its own")
        base = models.base_of(source)
        spec = models.describe(base, source, shape, outputs, task, keep_weights=False)
        scaled = decided(dataset, models.use_of(base, shape, outputs, spec))
        notes = [*spec.found.notes, scaling_meaning(scaled)]
    else:
        given: dict[str, object] = {} if source is None else {"hidden": source}
        given |= {} if activation is None else {"activation": activation.replace(" ", "").split(",")}
        spec = read_study({"model": given} if given else {}).model.spec()
    plain = models.build(Recipe(spec, Training(), base=base), shape, outputs, task)
    known = {name: models.penalties_of(layer) for name, layer in models.named_parts(plain)}
    with console(1) as screen:
        for sentence in notes:
            screen.print(f"note: {sentence}", markup=False, highlight=False)
        for sweep in (parse_techniques(text, spec) for text in technique or ["none"]):
            for combination in sweep.combinations:
                recipe = replace(recipe_of(spec, Training(), combination), base=base)
                built = models.build(recipe, shape, outputs, task)
                screen.print(describe_techniques(combination, spec), style="bold")
                screen.print(_table(built, known))
                screen.print(_totals(built))
                screen.print()


def _rows(data: str, target: str | None) -> tuple[Dataset, tuple[int, ...], int]:
    """A data set, the shape of its rows, and the number of outputs for them."""
    from regfleet.data import SPLITS, cut, load_dataset
    from regfleet.settings import Data

    dataset = load_dataset(Data(location=data, target=target))
    train = cut(dataset, SPLITS["balanced"], 0).train
    return dataset, train.x.shape[1:], train.y.shape[1]


def _table(model: keras.Model, plain: Mapping[str, str]) -> RichTable:
    """The layers of ``model``; ``plain`` has the layers without technique and their penalties."""
    from rich.table import Column, Table
    from rich.text import Text

    from regfleet.models import named_parts, penalties_of

    table = Table(Column("Layer", overflow="fold"), "Kind", "Output shape", "Weights", "Added", "Penalty on kernel")
    for name, layer in named_parts(model):
        penalty = penalties_of(layer)
        added = "layer" if name not in plain else "penalty" if penalty != plain[name] else ""
        shape = getattr(getattr(layer, "output", None), "shape", "")
        cells = (name, type(layer).__name__, shape, f"{layer.count_params():,}", added, penalty)
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def _totals(model: keras.Model) -> str:
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return f"{model.count_params():,} weights, {trained:,} of them trained"
