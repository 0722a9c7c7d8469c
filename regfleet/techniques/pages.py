"""What there is to know about techniques, for the command line and the page of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.techniques.catalogue import families

if TYPE_CHECKING:
    from regfleet.techniques.recipe import Definition

_PAGE = """\
# Techniques

<!-- Written by: python -c "from regfleet.techniques import techniques_page; print(techniques_page(), end='')" -->

What `-t NAME(values)@PLACE` puts into a model. `regfleet techniques NAME` says the same in a terminal. Techniques are
joined with `+` and applied in the order of this page, however they are typed. Techniques of your own:
[own-techniques.md](own-techniques.md)."""


_SCALES = {
    "log": "evenly in its logarithm",
    "linear": "evenly",
    "near one": "evenly in the logarithm of one minus it",
}


def facts_of(definition: Definition) -> list[tuple[str, str]]:
    """Values, what `--tune` makes of them, places, source and conflicts of a technique, each with its heading."""
    found = []
    for one in definition.parameters:
        each = "; one for all layers, or one for each" if definition.per_layer else ""
        found.append(("Value", f"{one.name}, in {one.range}, {one.default:g} if not given{each}"))
        if one.tunes:
            found.append(
                ("Tuned", f"{one.name}, from {one.tunes.low:g} to {one.tunes.high:g}, {_SCALES[one.tunes.scale]}")
            )
    if definition.place:
        where = f"@{definition.place} if not given; " * bool(definition.place) + "any hidden layers"
        where += " or @input" * definition.at_input
        where += "; before their activations with :before" * definition.sides
    else:
        where = "none: it changes the whole training"
    found.append(("Place", where))
    if definition.needs:
        found.append(("Needs", f"{definition.needs} beside it"))
    found += [("Not beside", f"{other}: {why}") for other, why in definition.conflicts]
    return [*found, ("Source", definition.source)]


def techniques_page() -> str:
    """What docs/techniques.md holds: every technique with its paragraph, values, places and source."""
    lines = [_PAGE]
    for family, members in families().items():
        lines.append(f"\n## {family}")
        for one in members:
            lines += [f"\n### {one.name}: {one.title}\n", one.about or f"{one.title} {one.summary}.", ""]
            lines += [f"- {heading}: {text}" for heading, text in facts_of(one)]
    return "\n".join(lines) + "\n"
