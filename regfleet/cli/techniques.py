"""`regfleet techniques`."""

from __future__ import annotations

from typing import Annotated

import typer


def techniques(name: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None) -> None:
    """List the techniques by family; with a name, all that there is to know about one."""
    from rich.table import Table

    from regfleet.planning.presets import PRESETS
    from regfleet.running.display import console
    from regfleet.techniques import families, technique_named
    from regfleet.techniques.pages import facts_of

    with console(1) as screen:
        if name:
            definition = technique_named(name)
            screen.print(f"{definition.name}: {definition.title}", style="bold", markup=False, highlight=False)
            for line in (definition.about or definition.summary, *(f"{k}: {v}" for k, v in facts_of(definition))):
                screen.print(line, markup=False, highlight=False)
            return
        for family, members in families().items():
            table = Table("Technique", "What it does", "Values, and what they are if not given", title=family)
            table.title_justify = "left"
            for one in members:
                values = ", ".join(f"{p.name} {p.default:g}" for p in one.parameters) or "none"
                table.add_row(one.name, one.summary, values)
            screen.print(table)
        for line in (
            "Places: @first, @all, @2, @2,3, @dense_1 (a layer's name), @input where a technique can stand there.",
            "Join techniques with +, sweep a value with |:  -t 'l2(1e-4|1e-3)@all+dropout(0.3)'",
            *(f"Preset -t {preset}: {meaning}" for preset, meaning in PRESETS.items()),
            "Your own: -t package.module:name, see docs/own-techniques.md. All about one: regfleet techniques NAME",
        ):
            screen.print(line, markup=False, highlight=False)
