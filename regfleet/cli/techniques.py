"""`regfleet techniques`."""

from __future__ import annotations

from typing import Annotated

import typer


def techniques(name: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None) -> None:
    """List the techniques with their parameters, places and sources."""
    from rich.table import Table

    from regfleet.running.display import console
    from regfleet.techniques import TECHNIQUES, technique_named

    chosen = [technique_named(name)] if name else TECHNIQUES.values()
    table = Table("Technique", "What it does", "Parameters", "Source", show_lines=True)
    for definition in chosen:
        parameters = [f"{p.name} in {p.range}, {p.default:g} if not given" for p in definition.parameters]
        each = "; one for all layers, or one for each" if definition.per_layer else ""
        table.add_row(definition.name, definition.summary, "; ".join(parameters) + each, definition.source)
    with console(1) as screen:
        screen.print(table)
        for line in (
            "Places: @first, @all, @2, @2,3, @dense_1 (a layer's name), @input (dropout, batchnorm).",
            "Join techniques with +, sweep a value with |:  -t 'l2(1e-4|1e-3)@all+dropout(0.3)'",
        ):
            screen.print(line)
