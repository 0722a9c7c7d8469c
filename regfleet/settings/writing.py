"""A study file for people: commented, with a schema for their editor."""

import json
from typing import Any

import tomli_w

from regfleet.settings.flags import FLAGS, PARTS, default_text, flag_of, meaning
from regfleet.settings.sections import Analysis, Data, Model, VariantEntry
from regfleet.settings.setting import Part
from regfleet.settings.study import Study
from regfleet.settings.training import Training

SCHEMA_FILE = "regfleet.schema.json"
_HEAD = f"""#:schema ./{SCHEMA_FILE}
# A study for regfleet. Run it with:      regfleet compare study.toml
# What it would do, without training:      regfleet compare study.toml --dry-run
# Completion and checks in your editor:    regfleet schema > {SCHEMA_FILE}
# Flags override the fields here, e.g. --seeds 20.
"""
_VARIANTS = """
# Each variant: techniques joined by +, and if you like a label and training settings of its own, e.g. batch_size = 32.
# It is compared with the control that shares its training settings; "none" names a control."""
_PAGE = """# Settings

<!-- Written by: python -c "from regfleet.settings import settings_page; print(settings_page(), end='')" -->

What a study can say, in a study file, by flags of `regfleet compare` and `regfleet init`, and by keywords of
`regfleet.compare`, which are the flags' names with `_` for `-` (but for `techniques`). `regfleet init` writes a study
file with all of them, `regfleet schema` a schema for your editor. Flags override the file; the flags of `[[data]]`
hold for every data set."""


def schema() -> str:
    """The JSON schema of a study file."""
    schema = Study.model_json_schema(mode="validation") | {"$schema": "http://json-schema.org/draft-07/schema#"}
    schema["required"] = []  # others stand in
    return json.dumps(schema, indent=2).replace(r"\n", " ") + "\n"  # a description is one line


def commented(study: Study) -> str:
    """The study as a TOML file that explains itself; `read_study` reads it back to an equal study.

    What is left open, to be sized to the rows, stands as an example.
    """
    table = study.table()
    for part in ("model", "training"):
        table[part] = {name: value for name, value in table[part].items() if name not in study.left_open}
    text = [_HEAD]
    plain = all(isinstance(one, str) for one in table["data"])
    top = ("data", "seeds", "split", "engine") if plain else ("seeds", "split", "engine")
    combined = ("combine", "greedy", "rows", "ablate")
    text += _settings(Study, {name: table[name] for name in (*top, *combined) if name in table}, (*top, *combined))
    for one in [] if plain else table["data"]:
        text += ["\n[[data]]", *_settings(Data, one)]
    names = ("source", "keep_weights") if study.model.source else ("hidden", "activation")
    model = {**table["model"], "keep_weights": study.model.keep_weights}
    text += ["\n[model]", *_settings(Model, model, (*names, *(n for n in ("layers", "fingerprints") if n in model)))]
    text += ["\n[training]", *_settings(Training, table["training"])]
    text += ["\n[analysis]", *_settings(Analysis, table["analysis"])]
    text.append(_VARIANTS)
    for entry in table["variant"]:
        settings = (_setting(name, entry[name]) for name in VariantEntry.model_fields if name in entry)
        text += ["\n[[variant]]", *settings]
    return "\n".join(text) + "\n"


def settings_page() -> str:
    """What docs/settings.md holds: every field of a study file with its flag, its default and its meaning."""
    lines = [_PAGE]
    for key, part in sorted(PARTS.items(), key=lambda item: bool(item[0])):  # the top first
        title = {"": "Above all tables", "data": "[[data]]", "variant": "[[variant]]"}.get(key, f"[{key}]")
        doc = " ".join((part.__doc__ or "").replace("``", "`").split())
        lines += [f"\n## {title}\n\n{doc}\n", "| field | flag | default | meaning |", "|---|---|---|---|"]
        for name in part.model_fields:
            if name in PARTS:
                continue
            flag = FLAGS[flag_of((key, name) if key else (name,))].names[0] if name in part.declared() else ""
            cells = (f"`{name}`", f"`{flag}`" if flag else "", default_text(part, name), meaning(part, name))
            lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _settings(part: type[Part], values: dict[str, Any], names: tuple[str, ...] = ()) -> list[str]:
    """Lines of settings, each with what it means; what is not set stands as an example behind ``#``."""
    lines = []
    for name in names or part.model_fields:
        text = " ".join((part.model_fields[name].description or "").split())
        default = part.declared()[name].default if name not in values and name in part.declared() else ""
        text += f"; otherwise {default}" if default and "otherwise" not in text else ""
        setting = _setting(name, values[name] if name in values else part.declared()[name].example)
        setting = setting if name in values else f"# {setting}"
        lines.append(f"{setting}  # {text}" if len(setting) + len(text) < 110 else f"# {text}\n{setting}")
    return lines


def _setting(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = (f"{_toml({key: 0}).rpartition(' = ')[0]} = {_toml({'x': one})[4:]}" for key, one in value.items())
        return f"{name} = {{{', '.join(inner)}}}"
    items = value if isinstance(value, list) else [value]
    texts = [_toml({"x": item}).removeprefix("x = ") for item in items]
    return f"{name} = [{', '.join(texts)}]" if isinstance(value, list) else f"{name} = {texts[0]}"


def _toml(table: dict[str, Any]) -> str:
    return tomli_w.dumps(table).strip()
