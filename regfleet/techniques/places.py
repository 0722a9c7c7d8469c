"""Places: where in a model a technique goes."""

from collections.abc import Mapping

from regfleet.errors import InputError
from regfleet.text import named


def resolve(place: str, layers: tuple[str, ...], unfit: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The names of the layers that a place such as ``all``, ``first``, ``2,3``, ``dense_1`` or ``input`` means.

    Raises InputError when the model has no such layer; ``unfit`` says of its other layers why they are no place.
    """
    if place == "input":
        return ("input",)
    unfit = unfit or {}
    for part in place.split(","):
        if part in unfit and part not in {*layers, "all", "first"}:
            raise InputError(f"place: expected {' or '.join(layers[:4]) or 'input'}; got @{part}, which {unfit[part]}")
    if not layers:
        raise InputError(
            f"place: expected input, since the model has no hidden layer with a kernel; got @{named(place)}"
        )
    if place == "all":
        return layers
    names = {"first": layers[0]} | {str(number): name for number, name in enumerate(layers, 1)} | {n: n for n in layers}
    chosen: list[str] = []
    if place.count(",") >= len(layers):
        raise InputError(f"place: expected each of {len(layers)} layers once; got @{named(place)}")
    for part in place.split(","):
        if part not in names:
            expected = f"first, all, input, a number from 1 to {len(layers)}, or one of {', '.join(layers)}"
            raise InputError(f"place: expected {expected}; got @{named(part)}")
        chosen.append(names[part])
    if len(set(chosen)) < len(chosen):
        raise InputError(f"place: expected each layer once; got @{named(place)}")
    return tuple(name for name in layers if name in chosen)


def canonical(place: str, layers: tuple[str, ...]) -> str:
    """One spelling for each set of layers, so that equal techniques have equal names."""
    place, colon, side = place.partition(":")
    if colon:
        return f"{canonical(place, layers)}:{side}"
    if not place:
        return ""
    chosen = resolve(place, layers)
    if chosen == ("input",):
        return "input"
    if chosen == layers and len(layers) > 1:
        return "all"
    return "first" if chosen == layers[:1] else ",".join(str(layers.index(name) + 1) for name in chosen)


def describe(place: str, layers: tuple[str, ...]) -> str:
    """The place in words, e.g. ``all layers``, ``layers 1-4``."""
    place, _, side = place.partition(":")
    if side:
        return f"{describe(place, layers)}, before the activation"
    if place in ("all", "first"):
        return {"all": "all layers", "first": "first layer"}[place]
    if place == "input":
        return "input"
    numbers = [layers.index(name) + 1 for name in resolve(place, layers)]
    if len(numbers) == 1:
        return f"layer {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"layers {numbers[0]}–{numbers[-1]}"
    return "layers " + ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
