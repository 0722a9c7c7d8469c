"""`regfleet datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.cli.options import Text, with_settings

if TYPE_CHECKING:
    from rich.console import Console

    from regfleet.data.dataset import Dataset
    from regfleet.data.preview import Preview


@with_settings(lambda one: one.is_column)
def datasets(
    flags: dict[str, Any],
    data: Annotated[
        Text, typer.Argument(help="Show its columns as they would be used.", metavar="[DATA]", show_default=False)
    ] = None,
) -> None:
    """List what --data takes; with DATA, what is in its columns; with --target too, what is inferred of them."""
    from regfleet.running.display import console

    with console(1) as screen:
        if data is None:
            _kinds(screen)
        else:
            _columns(screen, data, flags)


def _kinds(screen: Console) -> None:
    from rich.table import Table

    from regfleet.data import BUILTIN

    table = Table("--data", "What it is")
    for name, words in BUILTIN.items():
        table.add_row(name, words)
    table.add_section()
    for name, words in (
        (
            "customers.csv",
            "a table with --target: .csv .tsv .txt .data .dat .parquet .feather, or with .gz; or its URL",
        ),
        ("photos", "a folder with a folder of images (.png .jpg .gif .bmp), or of texts (.txt), for each class"),
        ("arrays.npz", "arrays x and y, and x_test and y_test for a fixed test set"),
        ("openml:61", "a data set of openml.org by its number, kept on this machine"),
        ("package.module:function", "a function of yours that returns (X, y), a frame, or arrays by name"),
    ):
        table.add_row(name, words)
    screen.print(table)


def _columns(screen: Console, data: str, flags: Mapping[str, Any]) -> None:
    from rich.table import Table

    from regfleet.data import describe_columns, load_dataset, preview
    from regfleet.settings import read_study

    (source,) = read_study({}, flags={"data": [data], **flags}).data
    if found := preview(source):
        _preview(screen, data, found)
        return
    dataset = load_dataset(source)
    table = Table("Column", "Used as", "What is in it", title=f"{data}: {len(dataset.target):,} rows, {dataset.task}")
    for cells in describe_columns(dataset):
        table.add_row(*cells)
    screen.print(table)
    if dataset.classes:
        screen.print(_class_counts(dataset), soft_wrap=True)
    for sentence in dataset.notes:
        screen.print(f"note: {sentence}", soft_wrap=True)


def _class_counts(dataset: Dataset) -> str:
    """How often each class occurs, the most frequent first, and what its share means."""
    import numpy as np

    from regfleet.data.preview import MOST_COUNTED, counts_text

    rows = len(dataset.target)
    counts = np.bincount(dataset.target, minlength=len(dataset.classes))
    order = np.argsort(-counts, kind="stable")
    shown = counts_text([(dataset.classes[at], int(counts[at])) for at in order[:MOST_COUNTED]], rows)
    more = f" and {len(order) - MOST_COUNTED:,} more" if len(order) > MOST_COUNTED else ""
    largest = f"{counts.max() / rows:.1%}".replace("%", "\u00a0%")
    return f"Classes: {shown}{more}. A model that always says {dataset.classes[order[0]]} is right in {largest}."


def _preview(screen: Console, data: str, found: Preview) -> None:
    from rich.table import Column, Table

    missing, unique = Column("Missing", justify="right"), Column("Unique", justify="right")
    table = Table(
        "Column",
        "Type",
        missing,
        unique,
        "Values",
        title=f"{data}: {found.rows:,} rows, {len(found.columns):,} columns",
    )
    for one in found.columns:
        lacking = f"{one.missing:,} ({100 * one.missing / found.rows:.0f}\u00a0%)" if one.missing else ""
        table.add_row(one.name, one.kind, lacking, f"{one.unique:,}", one.words)
    screen.print(table)
    for sentence in found.notes:
        screen.print(f"note: {sentence}", soft_wrap=True)
    screen.print("Name the column to predict with --target, and see how the others are used.", soft_wrap=True)
