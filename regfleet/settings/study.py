"""The study: what is to be compared, how it is written down, and when two studies are one."""

from collections.abc import Mapping
from typing import Any

import tomli_w

from regfleet.settings.defaults import default_variants
from regfleet.settings.fields import StudyFields
from regfleet.settings.seeds import seeds_text


class Study(StudyFields):
    """What is to be compared. Field for field what ``study.toml`` holds."""

    @property
    def is_article(self) -> bool:
        """Whether this is the article's own study: its model, its nine variants and its settings on Iris."""
        default = Study.model_validate({"variant": default_variants({})})
        return all(getattr(self, name) == getattr(default, name) for name in ("data", "model", "training", "variant"))

    def table(self) -> dict[str, Any]:
        """The study as a TOML file holds it; `read_study` reads it back to an equal study."""
        fields = self.model_dump(mode="json", exclude_none=True)
        data = [{name: value for name, value in one.items() if value} for one in fields["data"]]
        fields["data"] = [one["location"] for one in data] if all(len(one) == 1 for one in data) else data
        own = {name: value for name, value in fields["model"].items() if value}
        kept = ("source", "keep_weights", "layers", "fingerprints") if self.model.source else ("hidden", "activation")
        fields["model"] = {name: own[name] for name in kept if name in own}
        return fields

    def toml(self) -> str:
        """The study as the text of a TOML file."""
        return tomli_w.dumps(self.table())

    def with_model(self, layers: tuple[str, ...], fingerprints: tuple[str, ...]) -> "Study":
        """The study with what its own model was found to be."""
        model = self.model.model_copy(update={"layers": layers, "fingerprints": fingerprints})
        return self.model_copy(update={"model": model})

    def with_metric(self, metric: str) -> "Study":
        """The study judged by ``metric`` where it names none."""
        if self.analysis.metric:
            return self
        return self.model_copy(update={"analysis": self.analysis.model_copy(update={"metric": metric})})

    def differences(self, other: "Study") -> list[str]:
        """The fields in which ``other`` is another study, as ``name: here … there …``.

        Analysis never counts, nor do more seeds or variants that ``other`` adds. Looks are planned before the first
        seed, so a study that adds seeds by itself and one that does not are different.
        """
        mine, theirs = (_flat(study.model_dump(exclude={"seeds", "analysis", "variant"})) for study in (self, other))
        found = [
            f"{name} is {_words(mine[name])} there and {_words(theirs[name])} here"
            for name in mine
            if mine[name] != theirs[name]
        ]
        if self.adds_seeds != other.adds_seeds:
            found.append(f"seeds is {seeds_text(self.seeds)} there and {seeds_text(other.seeds)} here")
        dropped = [entry.technique for entry in self.variant if entry not in other.variant]
        return [*found, *(f"variant {text} is there and not here" for text in dropped)]


def model_fields(text: str | None, activation: str | None = None, *, keep_weights: bool = False) -> dict[str, Any]:
    """The model's fields that flags give: widths such as ``64,32``, or the source of a model of one's own."""
    own = text is not None and (":" in text or text.endswith(".keras"))
    return {
        "hidden": None if text is None or own else _parts(text),
        "activation": None if activation is None else _parts(activation),
        "source": text if own else None,
        "keep_weights": keep_weights or None,
    }


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _words(value: Any) -> str:
    if isinstance(value, tuple | list) and value and isinstance(value[0], Mapping):
        return ", ".join(" ".join(str(part) for part in one.values() if part) for one in value)
    return str(value)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
