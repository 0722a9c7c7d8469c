"""`regfleet datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.cli.options import Text, with_settings

if TYPE_CHECKING:
    from rich.console import Console


@with_settings(lambda one: one.is_column)
def datasets(
    flags: dict[str, Any],
    data: Annotated[
        Text, typer.Argument(help="Show its columns as they would be used.", metavar="[DATA]", show_default=False)
    ] = None,
) -> None:
    """List what --data takes; with DATA, show what is inferred of its columns."""
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
        ("customers.csv", "a table with --target: .csv .tsv .parquet .feather, or one of these with .gz; or its URL"),
        ("arrays.npz", "arrays x and y, and x_test and y_test for a fixed test set"),
        ("openml:61", "a data set of openml.org by its number, kept on this machine"),
        ("package.module:function", "a function of yours that returns (X, y), a frame, or arrays by name"),
    ):
        table.add_row(name, words)
    screen.print(table)


def _columns(screen: Console, data: str, flags: Mapping[str, Any]) -> None:
    from rich.table import Table

    from regfleet.data import describe_columns, load_dataset
    from regfleet.settings import read_study

    (source,) = read_study({}, flags={"data": [data], **flags}).data
    dataset = load_dataset(source)
    table = Table("Column", "Used as", "What is in it", title=f"{data}: {len(dataset.target):,} rows, {dataset.task}")
    for cells in describe_columns(dataset):
        table.add_row(*cells)
    screen.print(table)
    for sentence in dataset.notes:
        screen.print(f"note: {sentence}", soft_wrap=True)
