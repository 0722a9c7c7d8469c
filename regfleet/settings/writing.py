"""A study file for people: commented, with a schema for their editor."""

import json
from typing import Any

import tomli_w
from pydantic import BaseModel

from regfleet.settings.fields import AnalysisFields, DataFields, ModelFields, TrainingFields, VariantFields
from regfleet.settings.study import Study

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
_EXAMPLES = {
    "learning_rate": 0.01,
    "early_stopping": 20,
    "class_weight": "balanced",
    "rope": 0.01,
    "metric": "accuracy",
    "target": "churned",
    "drop": ["customer"],
    "categorical": ["zip_code"],
    "group": "patient",
    "time": "date",
    "test": "held_out.csv",
    "task": "regression",
}


def schema() -> str:
    """The JSON schema of a study file."""
    found = Study.model_json_schema(mode="validation")
    found["$schema"] = "http://json-schema.org/draft-07/schema#"
    found["required"] = []  # the article's variants stand in
    return json.dumps(found, indent=2) + "\n"


def commented(study: Study) -> str:
    """The study as a TOML file that explains itself; `read_study` reads it back to an equal study."""
    table = study.table()
    text = [_HEAD]
    plain = all(isinstance(one, str) for one in table["data"])
    top = ("data", "seeds", "split", "engine") if plain else ("seeds", "split", "engine")
    text += _settings(Study, {name: table[name] for name in top}, top)
    for one in [] if plain else table["data"]:
        text += ["\n[[data]]", *_settings(DataFields, one, tuple(DataFields.model_fields))]
    own = ("source", "keep_weights") if study.model.source else ("hidden", "activation")
    model = {**table["model"], "keep_weights": study.model.keep_weights}
    resolved = tuple(name for name in ("layers", "fingerprints") if name in model)
    text += ["\n[model]", *_settings(ModelFields, model, own + resolved)]
    text += ["\n[training]", *_settings(TrainingFields, table["training"], tuple(TrainingFields.model_fields))]
    text += ["\n[analysis]", *_settings(AnalysisFields, table["analysis"], tuple(AnalysisFields.model_fields))]
    text.append(_VARIANTS)
    for entry in table["variant"]:
        text += [
            "\n[[variant]]",
            *(_setting(name, entry[name]) for name in VariantFields.model_fields if name in entry),
        ]
    return "\n".join(text) + "\n"


def _settings(part: type[BaseModel], values: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Lines of settings, each with what it means; what is not set stands as an example behind ``#``."""
    lines = []
    for name in names:
        said = (part.model_fields[name].description or "").strip()
        setting = _setting(name, values[name]) if name in values else f"# {_setting(name, _EXAMPLES[name])}"
        lines.append(f"{setting}  # {said}" if len(setting) + len(said) < 110 else f"# {said}\n{setting}")
    return lines


def _setting(name: str, value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    texts = [tomli_w.dumps({"x": item}).strip().removeprefix("x = ") for item in items]
    return f"{name} = [{', '.join(texts)}]" if isinstance(value, list) else f"{name} = {texts[0]}"
