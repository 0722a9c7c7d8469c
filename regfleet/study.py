"""The study: what is to be compared, read from flags or a TOML file, every bad field reported at once, by name."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.records import AnalysisSettings, DataSource, ModelSpec

MAX_SEEDS = 1_000_000
ARTICLE_MODEL = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))
# Keras' default batch size of 32 belongs to the article's two batch-norm models; its other seven use 128.
ARTICLE_VARIANTS: tuple[tuple[str, str, int | None], ...] = (
    ("l1(0.01)@first", "L1, first layer", None),
    ("l1(0.01)@all", "L1, all layers", None),
    ("l2(0.01)@first", "L2, first layer", None),
    ("l2(0.01)@all", "L2, all layers", None),
    ("dropout(0.5)@first", "Dropout, first layer", None),
    ("dropout(0.5,0.5,0.5,0.3)", "Dropout, four layers", None),
    ("batchnorm@2", "Batch norm, one layer", 32),
    ("batchnorm@all", "Batch norm, all layers", 32),
)
# The same questions for a model of other depth, where four rates and a second layer may not exist.
GENERAL_VARIANTS: tuple[tuple[str, str | None, int | None], ...] = (
    ("l1(0.01)@first", None, None),
    ("l1(0.01)@all", None, None),
    ("l2(0.01)@first", None, None),
    ("l2(0.01)@all", None, None),
    ("dropout(0.5)@first", None, None),
    ("dropout(0.5)@all", None, None),
    ("batchnorm@first", None, 32),
    ("batchnorm@all", None, 32),
)


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        msg = "expected at least one"
        raise ValueError(msg)
    return value


def parse_seeds(value: object) -> object:
    """Seeds from ``10`` (0 to 9), ``A-B`` (both ends), ``a,b,c`` or a list of numbers; sorted, each once.

    ``auto`` gives none: the study adds seeds from 0 on until the answer is clear.
    """
    if isinstance(value, list | tuple):
        return _not_empty(tuple(sorted(set(value))))
    text = str(value).replace(" ", "")
    if text == "auto":
        return ()
    if text.isdecimal():
        spans = [(0, int(text) - 1)]
    else:
        found = [re.fullmatch(r"(\d+)(?:-(\d+))?", part) for part in text.split(",")]
        spans = [(int(span[1]), int(span[2] or span[1])) if span else (0, -1) for span in found]
    if any(low > high for low, high in spans):
        msg = "expected a number of seeds from 1, a range A-B, a list a,b,c, or auto"
        raise ValueError(msg)
    if sum(high - low + 1 for low, high in spans) > MAX_SEEDS:
        msg = f"expected at most {MAX_SEEDS:,} seeds"
        raise ValueError(msg)
    return tuple(sorted({seed for low, high in spans for seed in range(low, high + 1)}))


def seeds_text(seeds: Sequence[int]) -> str:
    """The shortest text that `parse_seeds` reads back, e.g. ``0-9,20``; ``auto`` for none."""
    if not seeds:
        return "auto"
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    # A lone number would be read as a count, so a single seed is written as a range.
    return ",".join(f"{low}-{high}" if high > low or len(spans) == 1 else str(low) for low, high in spans)


NotEmpty = AfterValidator(_not_empty)
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**63)], ...],
    BeforeValidator(parse_seeds),
    PlainSerializer(seeds_text, when_used="json"),
]
Activation = Literal["tanh", "relu", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "leaky_relu", "linear"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFields(_Part):
    """A multilayer perceptron; one activation for all hidden layers, or one for each."""

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], NotEmpty] = ARTICLE_MODEL.hidden
    activation: Annotated[tuple[Activation, ...], NotEmpty] = ("relu",)

    @model_validator(mode="after")
    def _one_each(self) -> "ModelFields":
        if len(self.activation) not in (1, len(self.hidden)):
            msg = f"expected one for all hidden layers, or one for each of the {len(self.hidden)}"
            raise ValueError(msg)
        return self

    def spec(self) -> ModelSpec:
        """The model with one activation spelt out per layer."""
        repeat = len(self.hidden) if len(self.activation) == 1 else 1
        return ModelSpec(self.hidden, self.activation * repeat)


class TrainingFields(_Part):
    """Training settings of every variant that names no other. ``learning_rate`` None is the optimizer's own default."""

    epochs: int = Field(350, ge=1, le=1_000_000)
    batch_size: int = Field(128, ge=1, le=10_000_000)
    optimizer: Optimizer = "sgd"
    learning_rate: float | None = Field(None, gt=0, allow_inf_nan=False)
    early_stopping: int | None = Field(None, ge=1)


class AnalysisFields(_Part):
    """What the analysis is asked; changing it never trains anything."""

    metric: Literal[tuple(METRICS)] = "accuracy"  # type: ignore[valid-type]
    scope: Literal["new_data", "this_dataset"] = "new_data"
    alpha: float = Field(0.05, gt=0, lt=1)
    rope: float | None = Field(None, ge=0, allow_inf_nan=False)
    at: Literal["last", "best"] = "last"

    def settings(self) -> AnalysisSettings:
        """The same as the record the analysis takes."""
        return AnalysisSettings(self.metric, self.scope, self.alpha, self.rope, self.at)


class VariantFields(_Part):
    """One ``[[variant]]``: a technique text, and where it differs from the study its label and batch size."""

    technique: str
    label: str | None = None
    batch_size: int | None = Field(None, ge=1, le=10_000_000)


class Study(_Part):
    """What is to be compared. Field for field what ``study.toml`` holds."""

    data: Annotated[tuple[str, ...], NotEmpty] = ("iris",)
    seeds: Seeds = tuple(range(10))
    split: Literal["60/20/20", "article"] = "60/20/20"
    engine: Literal["fused", "keras"] = "fused"
    model: ModelFields = ModelFields(activation=ARTICLE_MODEL.activations)
    training: TrainingFields = TrainingFields()
    analysis: AnalysisFields = AnalysisFields()
    variant: Annotated[tuple[VariantFields, ...], NotEmpty]

    def sources(self) -> dict[str, DataSource]:
        """Where each data set comes from, by its name."""
        return {name: DataSource(name) for name in self.data}

    @property
    def adds_seeds(self) -> bool:
        """Whether seeds are added until the answer is clear; ``seeds`` is empty then."""
        return not self.seeds

    @property
    def is_article(self) -> bool:
        """Whether this is the article's own study: its model, its nine variants and its settings on Iris."""
        default = read_study({})
        return all(getattr(self, name) == getattr(default, name) for name in ("data", "model", "training", "variant"))

    def toml(self) -> str:
        """The study as a TOML file that `read_study` reads back to an equal study."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def differences(self, other: "Study") -> list[str]:
        """The fields in which ``other`` is another study, as ``name: here … there …``.

        Analysis never counts, nor do more seeds or variants that ``other`` adds. Looks are planned before the first
        seed, so a study that adds seeds by itself and one that does not are different.
        """
        mine, theirs = (_flat(study.model_dump(exclude={"seeds", "analysis", "variant"})) for study in (self, other))
        found = [
            f"{name} is {mine[name]!s} there and {theirs[name]!s} here" for name in mine if mine[name] != theirs[name]
        ]
        if self.adds_seeds != other.adds_seeds:
            found.append(f"seeds is {seeds_text(self.seeds)} there and {seeds_text(other.seeds)} here")
        dropped = [entry.technique for entry in self.variant if entry not in other.variant]
        return [*found, *(f"variant {text} is there and not here" for text in dropped)]


def read_study(fields: Mapping[str, Any], *, source: str | None = None) -> Study:
    """A study from nested fields, the article's where they are silent.

    ``source`` is the file they come from; without it errors name command-line flags. Raises InputError with one line
    for each bad field.
    """
    fields = dict(fields)
    if not fields.get("variant"):
        fields["variant"] = _default_variants(fields)
    try:
        return Study.model_validate(fields)
    except ValidationError as problem:
        raise InputError("\n".join(_line(error, source) for error in problem.errors())) from None


def read_analysis(fields: Mapping[str, Any]) -> AnalysisSettings:
    """What the analysis is asked, the default where ``fields`` are silent; raises InputError as `read_study` does."""
    try:
        return AnalysisFields.model_validate(fields).settings()
    except ValidationError as problem:
        raise InputError("\n".join(_line(error, None) for error in problem.errors())) from None


def _default_variants(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    own_size = "batch_size" not in fields.get("training", {})
    hidden = fields.get("model", {}).get("hidden", ARTICLE_MODEL.hidden)
    default: Sequence[tuple[str, str | None, int | None]] = ARTICLE_VARIANTS
    if len(hidden) != len(ARTICLE_MODEL.hidden):
        default = [variant for variant in GENERAL_VARIANTS if len(hidden) > 1 or variant[0].endswith("@all")]
    return [
        {"technique": text, "label": label} | ({"batch_size": size} if size and own_size else {})
        for text, label, size in default
    ]


def read_study_file(path: Path) -> dict[str, Any]:
    """The fields of a TOML study file; raises InputError when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        msg = f"{path}: expected a TOML study file; got {problem}"
        raise InputError(msg) from None


def merge(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a study file with those flags that were given (are not None) in their place."""
    merged = dict(file)
    for name, given in flags.items():
        value = merge(file.get(name, {}), given) if isinstance(given, dict) else given
        if value is not None and value != {}:
            merged[name] = value
    return merged


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


_FLAGS = {"model.hidden": "model", "model": "activation", "variant": "technique"}


def _line(error: Any, source: str | None) -> str:
    path = [str(part) for part in error["loc"] if not (isinstance(part, int) and source is None)]
    dotted = ".".join(path)
    flag = _FLAGS.get(dotted, path[-1] if path else "study").replace("_", "-")
    name = f"{source}: {dotted}" if source else f"--{flag}"
    words = _WORDS.get(error["type"], "{msg}").format(msg=error["msg"], **error.get("ctx", {}))
    if error["type"] == "literal_error":
        words = words.replace("'", "").replace(" or ", ", ")
    given = error["input"].get("activation") if dotted == "model" else error["input"]
    return f"{name}: {words}; got {given!r}"


_WORDS = {
    "literal_error": "expected one of {expected}",
    "extra_forbidden": "expected no such field",
    "value_error": "{error}",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than_equal": "expected a number from {ge}",
    "less_than_equal": "expected a number up to {le}",
    "greater_than": "expected a number above {gt}",
    "less_than": "expected a number below {lt}",
    "missing": "expected a value",
}
