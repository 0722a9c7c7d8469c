"""Techniques of people's own: ``package.module:my_technique``, and those of installed packages."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from regfleet.errors import InputError
from regfleet.functions import importing, module_and_name, users_code
from regfleet.techniques.keras_code import Code
from regfleet.techniques.recipe import Definition, Parameter, Recipe
from regfleet.text import given

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
GROUP = "regfleet.techniques"
"""The entry points of packages that bring techniques, by the names under which studies have them."""


@cache
def own_named(name: str) -> Definition | None:
    """The technique of ``package.module:name``, or the installed one called ``name``; None where there is none.

    It is a `Definition`, or a function (recipe, values, layers) → recipe, which takes one number.

    Raises:
        InputError: it cannot be imported, or is neither.
    """
    parts = module_and_name(name)
    if parts:
        module, attribute = parts
        with importing("technique", name):
            found = vars(importlib.import_module(module)).get(attribute)
    else:
        points = [*entry_points(group=GROUP, name=name)]
        if not points:
            return None
        with importing("technique", points[0].value):
            found = points[0].load()
    return _definition(name, found)


def _definition(name: str, found: Any) -> Definition:
    title = name.rpartition(":")[2].replace("_", " ")
    if isinstance(found, Definition):
        wrong = [one for one in found.parameters if not (isinstance(one, Parameter) and one.accepts(one.default))]
        if wrong:
            raise InputError(f"{name}: expected parameters with defaults in their ranges; got {given(wrong[0])}")
        code = found.code and _checked(name, found.code, Code)
        return replace(found, name=name, apply=_checked(name, found.apply, Recipe), code=code)
    if callable(found) and not isinstance(found, type):
        summary = next(iter((found.__doc__ or title).strip().splitlines()))
        number = Parameter("value", "value", 1, float("-inf"), float("inf"), open_low=True, open_high=True)
        return Definition(
            name=name,
            title=title,
            summary=summary,
            source=f"your own: {name}",
            parameters=(number,),
            apply=_checked(name, found, Recipe),
            label=lambda values: f"{values[0]:g}",
        )
    raise InputError(f"{name}: expected a Definition, or a function of recipe, values and layers; got {given(found)}")


def _checked(name: str, apply: Callable[..., Any], kind: type[T]) -> Callable[..., T]:
    def applied(before: T, *args: Any, **kwargs: Any) -> T:
        with users_code("technique", name, f"to return a {kind.__name__}"):
            made = apply(before, *args, **kwargs)
        if not isinstance(made, kind):
            raise InputError(f"technique: expected {name} to return a {kind.__name__}; got {given(made)}")
        return made

    return applied
