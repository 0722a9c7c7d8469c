"""`regfleet show-model`."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.cli.options import MODEL, OUTPUT, TRAINING, read, switch, with_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras
    from rich.console import Console
    from rich.table import Table as RichTable

    from regfleet.running.prepare import Prepared
    from regfleet.settings.values import Technique


@with_settings(lambda one: one.name in ("technique", "data", "at") or one.is_column or one.panel in (MODEL, TRAINING))
def show_model(
    flags: dict[str, Any],
    study: Annotated[
        Path | None,
        typer.Argument(help="A study file, or a results directory; flags override it.", show_default=False),
    ] = None,
    as_code: Annotated[
        bool, switch("print plain Keras code that builds, compiles and fits each variant", OUTPUT, "--code")
    ] = False,
) -> None:
    """Print a model's layers with a technique in place, and how data go into it; with --code, Keras code to paste.

    Data and model are read as `regfleet compare` would, which is told about both.
    """
    from regfleet.data import scaling_meaning
    from regfleet.errors import InputError
    from regfleet.models import parse_model
    from regfleet.running.display import console
    from regfleet.running.logs import log_to
    from regfleet.running.prepare import prepare
    from regfleet.training import runtime

    if flags["activation"] and isinstance(flags["model"] and parse_model(flags["model"]), str):
        raise InputError(f"--activation: expected widths as --model; got {flags['model']}, which has its own")
    asked = flags["technique"] or ([] if study else ["none"])
    place = study / "study.toml" if study and study.is_dir() else study
    settings = read(place, {**flags, "technique": asked or None})
    with tempfile.NamedTemporaryFile() as file, log_to(Path(file.name)):  # what TensorFlow says when it is imported
        runtime.prepare(gpu=False)
    prepared = prepare(settings)
    if as_code:
        from regfleet.cli.code import print_code

        print_code(prepared, study, asked)
        return
    with console(1) as screen:
        for sentence in prepared.chosen:
            screen.print(f"note: {sentence}", soft_wrap=True)
        for name, dataset in prepared.datasets.items():
            of_model = prepared.models[name].found.notes if name in prepared.models else ()
            for sentence in (*dataset.notes, *of_model, scaling_meaning(dataset)):
                screen.print(f"note: {sentence}", markup=False, highlight=False)
            _show(screen, prepared, name, asked)


def _show(screen: Console, prepared: Prepared, name: str, techniques: list[str]) -> None:
    """Print the layers of the model for the data set called ``name`` with ``techniques``, or each of the variants'."""
    from regfleet import models
    from regfleet.data import cut
    from regfleet.techniques import describe_techniques, parse_techniques
    from regfleet.techniques import recipe as recipe_of

    resolved, dataset, base = prepared.resolved, prepared.datasets[name], prepared.base
    spec = prepared.models.get(name, resolved.model)
    train = cut(dataset, resolved.split, 0).train

    def built(techniques: tuple[Technique, ...]) -> keras.Model:
        recipe = replace(recipe_of(spec, resolved.study.training, techniques), base=base)
        return models.build(recipe, train.x.shape[1:], train.y.shape[1], dataset.task)

    known = {part: models.penalties_of(layer) for part, layer in models.named_parts(built(()))}
    typed = [each for text in techniques for each in parse_techniques(text, spec).combinations]
    for combination in typed or dict.fromkeys(variant.techniques for variant in resolved.variants):
        model = built(combination)
        screen.print(describe_techniques(combination, spec), style="bold")
        screen.print(_table(model, known))
        screen.print(_totals(model))
        screen.print()


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
