"""The settings of a study by name: flags of the command line and keywords of `regfleet.compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from regfleet.settings.sections import Analysis, Data, Model, VariantEntry, listed
from regfleet.settings.setting import Part, Setting
from regfleet.settings.study import Study
from regfleet.settings.training import Training

PARTS: Mapping[str, type[Part]] = {
    "data": Data,
    "": Study,
    "model": Model,
    "variant": VariantEntry,
    "training": Training,
    "analysis": Analysis,
}
"""The tables of a study file; "" is its top."""
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """A setting by its name, in which the command line writes ``-`` for ``_``.

    ``fields`` are the places in a study that it may give, e.g. ``("training", "epochs")``; ``text`` is its meaning,
    ``type`` what its field takes, None for the default, ``panel`` its place in a help text.
    """

    name: str
    fields: tuple[Names, ...]
    text: str
    type: Any
    setting: Setting
    panel: str

    @property
    def names(self) -> tuple[str, ...]:
        """As they are typed, e.g. ``--batch-size``."""
        return tuple(filter(None, (f"--{self.name.replace('_', '-')}", self.setting.short)))

    @property
    def is_column(self) -> bool:
        """Whether it says what a column of the data is."""
        return self.fields[0][0] == "data" and self.name != "data"


def meaning(part: type[Part], name: str, *notes: str) -> str:
    """What a field means, in one line, behind it the values that it takes, as far as they are not named, and notes."""
    field = part.model_fields[name]
    text = " ".join((field.description or "").split())
    choices = [str(choice) for choice in _choices(field.annotation)]
    notes = notes if all(choice in text for choice in choices) else (", ".join(choices), *notes)
    return f"{text} ({'; '.join(notes)})" if notes else text


def default_text(part: type[Part], name: str) -> str:
    """What a field is where nothing is said; empty where its meaning says so."""
    setting, value = part.declared().get(name), part.model_fields[name].default
    if setting and setting.default:
        return setting.default
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _flags() -> dict[str, Flag]:
    flags: dict[str, Flag] = {}
    for key, part in PARTS.items():
        for field, setting in part.declared().items():
            name, default = setting.flag or field, default_text(part, field)
            fields: tuple[Names, ...] = ((key, field) if key else (field,),)
            text = meaning(part, field, *([f"default: {default}"] if default else []))
            if name in flags:  # widths or a source
                fields, text = flags[name].fields + fields, f"{flags[name].text}; or {text}"
            flags[name] = Flag(
                name, fields, text, _accepted(part.model_fields[field]), setting, setting.panel or part.panel
            )
    panels = list(dict.fromkeys(part.panel for part in PARTS.values()))
    return dict(sorted(flags.items(), key=lambda item: panels.index(item[1].panel)))


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(choice for inner in get_args(annotation) for choice in _choices(inner))


def _accepted(field: FieldInfo) -> Any:
    """The type of what Python may give for a field, None among it."""
    before = next((one for one in field.metadata if isinstance(one, BeforeValidator)), None)
    return _plain(before.json_schema_input_type if before else field.annotation) | None


def _plain(annotation: Any) -> Any:
    """A type without constraints, any sequence for a tuple or a list."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain(inner[0])
    if origin in {tuple, list}:
        return Sequence[_plain(inner[0])]  # type: ignore[misc]
    return reduce(or_, map(_plain, inner)) if origin in {Union, UnionType} else annotation


FLAGS: Mapping[str, Flag] = _flags()


def flag_of(field: Names) -> str:
    """The name of the flag that gives a field of a study."""
    named = next((flag.name for flag in FLAGS.values() if field in flag.fields), None)
    return named or ({"variant": "technique"}.get(field[-1], field[-1]) if field else "study")


def is_given(value: object) -> bool:
    """Whether a flag was given: None stands for its default, False for a switch that is off."""
    return value is not None and value is not False


def gave(flags: Mapping[str, Any], field: Names) -> bool:
    """Whether one of ``flags`` gave a field of a study, or what it is in; that a model does not fit is any of its."""
    wholes = {"data": "data", "variant": "technique"}
    if field and is_given(flags.get(wholes.get(field[0], ""))):
        return True
    of_model = field == ("model",)
    names = (one.name for one in FLAGS.values() if field in one.fields or (of_model and one.fields[0][0] == "model"))
    return any(is_given(flags.get(name)) for name in names)


def merge(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The nested fields of a study file with the values of those flags that were given in their place.

    What is said of a column goes to every data set; one kind of model takes the other's place.
    """
    fields = dict(file)
    for name, flag in FLAGS.items():
        value: Any = flags.get(name)
        if not is_given(value):
            continue
        part, *inner = flag.fields[0]
        table = fields[part] if isinstance(fields.get(part), dict) else {}
        if name == "technique":
            fields[part] = [{name: one} if isinstance(one, str) else one for one in value]
        elif name == "model":
            fields[part] = _replaced(table, value)
        elif flag.is_column:
            fields[part] = [_with_column(one, name, value) for one in listed(fields.get(part, ["iris"]))]
        elif inner and name != "data":
            fields[part] = table | {name: _split(value) if name == "activation" else value}
        else:
            fields[part] = value
    return fields


def _replaced(model: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """The fields of a model that is now ``value``: widths, or the source of a model of one's own."""
    if isinstance(value, str) and (":" in value or value.endswith(".keras")):
        name, gone = "source", {"hidden", "activation"}
    else:
        name, gone = "hidden", {"source", "keep_weights"}
        value = _split(value) if isinstance(value, str | Sequence) else [value]
    gone |= {"layers", "fingerprints"}
    return {key: there for key, there in model.items() if key not in gone} | {name: value}


def _split(value: Any) -> list[Any]:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)


def _with_column(data: Any, name: str, value: Any) -> Any:
    data = {"location": data} if isinstance(data, str) else data
    return data | {name: value} if isinstance(data, dict) else data
