"""The parts of a study beside its training, as ``study.toml`` holds them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from regfleet.checks import CHECKS
from regfleet.files import stem
from regfleet.functions import module_and_name
from regfleet.metrics import METRICS, metrics_of
from regfleet.settings.defaults import ARTICLE_MODEL
from regfleet.settings.setting import Part, Setting, with_optional
from regfleet.settings.training import Training
from regfleet.settings.values import ModelSpec, Scale, Scope, Task


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("expected at least one")
    return value


def listed(value: Any) -> Any:
    """A list of one thing where there is no list."""
    return [value] if isinstance(value, str | dict) else value


def _encoding(name: str | None) -> str | None:
    if name is not None:
        try:
            "".encode(name)  # which refuses what makes bytes of bytes
        except (LookupError, ValueError):
            raise ValueError(
                "expected an encoding that Python knows, such as utf-8, utf-16, cp1252, latin-1 or shift_jis"
            ) from None
    return name


def _image_size(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[1-9]\d{0,3}x[1-9]\d{0,3}", text):
        raise ValueError("expected HEIGHTxWIDTH, such as 64x64")
    return text


def _texts(value: Any) -> Any:
    """Numbers as the texts that they are written as."""
    return (
        [str(one) if type(one) in {int, float} else one for one in value] if isinstance(value, list | tuple) else value
    )


def _scale(value: Any) -> Any:
    """None for auto, else standard, none, or a table of them."""
    said, known = (
        "expected auto, standard, none or a table that gives columns one of the latter two",
        ("standard", "none"),
    )
    if isinstance(value, Mapping):
        found = {str(column): how for column, how in value.items() if how != "auto"}
        if any(how not in known for how in found.values()):
            raise ValueError(said)
        return found or None
    if value not in (None, "auto", *known):
        raise ValueError(said)
    return None if value == "auto" else value


NotEmpty = AfterValidator(_not_empty)
Activation = Literal["tanh", "relu", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "leaky_relu", "linear"]


Code = Literal[tuple(CHECKS)]  # type: ignore[valid-type]


class Data(Part):
    """A data set: where it is, and what its columns are. A name or a file without more may be given as text."""

    panel: ClassVar[str] = "Data"

    location: Annotated[str, Setting("DATA", flag="data", repeatable=True, default="iris")]
    """a file (.csv .tsv .txt .data .dat .parquet .feather .npz, or .gz) or its URL, a folder with one of images or .txt
    files for each class, a name that `regfleet datasets` shows, openml:61, or package.module:function"""
    target: Annotated[str | None, Setting("COLUMN", example="churned")] = None
    """the column to predict"""
    drop: Annotated[tuple[str, ...], Setting("COLUMN", repeatable=True, example=["customer"])] = ()
    """columns that are not input"""
    categorical: Annotated[tuple[str, ...], Setting("COLUMN", repeatable=True, example=["zip_code"])] = ()
    """columns whose numbers are categories"""
    group: Annotated[str | None, Setting("COLUMN", example="patient")] = None
    """rows with the same value in this column never straddle a split"""
    time: Annotated[str | None, Setting("COLUMN", example="date")] = None
    """the column that orders the rows; the latest are the test set"""
    test: Annotated[str | None, Setting("FILE", example="held_out.csv")] = None
    """a file that holds the test set, the same for every seed"""
    task: Annotated[Task | None, Setting("TASK", example="regression")] = None
    """classification or regression; otherwise the target's type decides"""
    missing: Annotated[
        tuple[str, ...],
        BeforeValidator(_texts, json_schema_input_type=tuple[str | int | float, ...]),
        Setting("TEXT", repeatable=True, default="?, -, nan, n/a and the like", example=["?", "-999"]),
    ] = ()
    """what means that a value is missing, beside an empty cell; nothing else does then"""
    decimal: Annotated[Literal[".", ","] | None, Setting("MARK", example=",")] = None
    """what stands before the decimals of numbers, . or ,; otherwise what the columns show"""
    encoding: Annotated[str | None, AfterValidator(_encoding), Setting("NAME", example="cp1252")] = None
    """the encoding of text files; otherwise UTF-8 or UTF-16, or what their bytes look like"""
    no_header: Annotated[bool, Setting(example=True)] = False
    """the first row is data: columns are called by their places, column 1, or 1, and -1 the last"""
    image_size: Annotated[
        str | None,
        AfterValidator(_image_size),
        Setting("HEIGHTxWIDTH", default="that of the images, of several 256x256", example="64x64"),
    ] = None
    """the size to which the images of a folder are scaled"""
    color: Annotated[Literal["rgb", "grayscale"] | None, Setting("COLOR", default="rgb", example="grayscale")] = None
    """the channels of the images of a folder"""
    scale: Annotated[
        Scale | dict[str, Scale] | None,
        BeforeValidator(_scale, json_schema_input_type=Literal["auto", "standard", "none"] | dict[str, Scale] | None),
        Setting("HOW", default="auto", example="none"),
    ] = None
    """standard: numbers are standardized by the training rows; none: they go into the model as they are; auto: the
    model and the data decide (docs/scaling.md); in a study file also by column, {age = "none"}"""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"location": value} if isinstance(value, str) else value

    @property
    def name(self) -> str:
        """What results call it: a file's stem, a function's name, else the location as a file name."""
        if parts := module_and_name(self.location):
            return parts[1]
        return re.sub(r"[^\w.-]+", "-", stem(self.location)).strip("-.") or "data"


def results_name(data: Any) -> str:
    """What a study of such ``data``, texts and tables as in a study file, calls its results directory."""
    places = (one.get("location", "") if isinstance(one, Mapping) else one for one in listed(data or ["iris"]))
    return "-".join(Data(location=str(place)).name for place in places)


class Model(Part):
    """A multilayer perceptron of ``hidden`` layers, or a model of your own from ``source``."""

    panel: ClassVar[str] = "Model"

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65536)], ...],
        NotEmpty,
        Field(max_length=100),
        Setting(
            "MODEL",
            flag="model",
            default=f"sized to the rows; on Iris {','.join(map(str, ARTICLE_MODEL.hidden))}",
            example=[64, 32],
        ),
    ] = ARTICLE_MODEL.hidden
    """widths of the hidden layers"""
    activation: Annotated[
        tuple[Activation, ...],
        BeforeValidator(listed, json_schema_input_type=Activation | list[Activation]),
        NotEmpty,
        Setting("NAME", default="relu; of the article's network on Iris tanh and, last, relu", example="relu"),
    ] = ("relu",)
    """one for all hidden layers, or one for each"""
    source: Annotated[str | None, Setting("MODEL", flag="model")] = None
    """package.module:build, a function of the input shape and the number of outputs that returns a Keras model, or a
    .keras file"""
    keep_weights: Annotated[bool, Setting()] = False
    """fine-tune the weights of a .keras file instead of drawing them anew for each seed"""
    layers: tuple[str, ...] = ()
    """written by regfleet: the hidden layers that techniques go to"""
    fingerprints: tuple[str, ...] = ()
    """written by regfleet: a hash of the model for each data set; another model is refused"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.source and {"hidden", "activation"} & self.model_fields_set:
            raise ValueError("expected either source or hidden and activation")
        if self.keep_weights and not self.source:
            raise ValueError("expected keep_weights with a model of your own only")
        if len(self.activation) not in (1, len(self.hidden)):
            raise ValueError(f"expected one for all hidden layers, or one for each of the {len(self.hidden)}")
        return self

    def spec(self) -> ModelSpec:
        """The model with one activation spelt out per layer."""
        if self.source:
            return ModelSpec((), (), self.source, self.layers, "".join(self.fingerprints[:1]), self.keep_weights)
        repeat = len(self.hidden) if len(self.activation) == 1 else 1
        return ModelSpec(self.hidden, self.activation * repeat)


class Analysis(Part):
    """What the analysis is asked; changing it never trains anything."""

    panel: ClassVar[str] = "Judging"

    metric: Annotated[
        Literal[tuple(METRICS)] | None,  # type: ignore[valid-type]
        Field(
            description="what variants are judged by: "
            f"{', '.join(metrics_of('classification'))}; of regression {', '.join(metrics_of('regression'))}; "
            "otherwise accuracy, or r2"
        ),
        Setting("NAME", example="accuracy"),
    ] = None
    scope: Annotated[Scope, Setting("SCOPE")] = "new_data"
    """new_data: ask about new data from the same source; this_dataset: about these rows"""
    alpha: Annotated[float, Field(ge=1e-6, lt=1, allow_inf_nan=False), Setting("SHARE")] = 0.05
    """chance of any false claim in the study"""
    rope: Annotated[
        Annotated[float, Field(ge=0, le=1e100, allow_inf_nan=False)] | None, Setting("SIZE", example=0.01)
    ] = None
    """a difference up to this size is no difference that matters; otherwise the metric's own, 0.01 of accuracy"""
    at: Annotated[Literal["last", "best"], Setting("last|best")] = "last"
    """judge the weights of the last epoch or of the best"""
    silence: Annotated[
        tuple[Code, ...],  # type: ignore[valid-type]
        BeforeValidator(listed, json_schema_input_type=Code | list[Code]),
        Setting("CODE", repeatable=True, example=["R102"]),
    ] = ()
    """checks that are not to be shown, by their codes in docs/checks.md"""


@with_optional(Training)
class VariantEntry(Part):
    """One ``[[variant]]``: a technique text, and where it differs from the study its label and training settings."""

    panel: ClassVar[str] = "Model"

    technique: Annotated[
        str, Setting("TEXT", short="-t", repeatable=True, default="classic; on Iris the article's eight")
    ]
    """techniques joined by + such as 'l2(1e-3)@all+dropout(0.3)', a sweep 'l2(1e-4|1e-3)', a preset: article, classic,
    cocktail13 or atlas; none is the control"""
    label: Annotated[str, Field(max_length=200)] | None = None
    """its name for people"""

    def overrides(self) -> dict[str, Any]:
        """The training settings that are not the study's."""
        return self.model_dump(exclude={"technique", "label"}, exclude_none=True)
