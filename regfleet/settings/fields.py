"""The fields of a study, as ``study.toml`` holds them."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from regfleet.metrics import METRICS
from regfleet.settings.defaults import ARTICLE_MODEL
from regfleet.settings.seeds import parse_seeds, seeds_text
from regfleet.settings.values import DataSource, ModelSpec, Task, Training


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        msg = "expected at least one"
        raise ValueError(msg)
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


NotEmpty = AfterValidator(_not_empty)
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**63)], ...],
    BeforeValidator(parse_seeds, json_schema_input_type=int | str | list[int]),
    PlainSerializer(seeds_text, when_used="json"),
]
Activation = Literal["tanh", "relu", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "leaky_relu", "linear"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"]
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=10_000_000)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
EarlyStopping = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataFields(_Part):
    """A data set: where it is, and what its columns are. A name or a file without more may be given as text."""

    location: str
    """a built-in's name, a file or its URL, openml:61, or package.module:function"""
    target: str | None = None
    """the column to predict"""
    drop: tuple[str, ...] = ()
    """columns that are not input"""
    categorical: tuple[str, ...] = ()
    """columns whose numbers are categories"""
    group: str | None = None
    """rows with the same value in this column never straddle a split"""
    time: str | None = None
    """the column that orders the rows; the latest are the test set"""
    test: str | None = None
    """a file that holds the test set"""
    task: Task | None = None
    """classification or regression; otherwise the target's type decides"""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"location": value} if isinstance(value, str) else value

    @property
    def name(self) -> str:
        """What results call it: a file's stem, a function's name, else the location as a file name."""
        if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.location):
            return self.location.rpartition(":")[2]
        stem = PurePath(self.location.removesuffix(".gz")).name
        stem = re.sub(r"\.(csv|tsv|parquet|feather|npz)$", "", stem, flags=re.IGNORECASE)
        return re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "data"

    def source(self) -> DataSource:
        """The same as the record that is loaded."""
        return DataSource(**dict(self))


def results_name(data: Any) -> str:
    """What a study of such ``data``, texts and tables as in a study file, calls its results directory."""
    places = (one.get("location", "") if isinstance(one, Mapping) else one for one in _listed(data or ["iris"]))
    return "-".join(DataFields(location=str(place)).name for place in places)


class ModelFields(_Part):
    """A multilayer perceptron of ``hidden`` layers, or a model of your own from ``source``."""

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], NotEmpty] = ARTICLE_MODEL.hidden
    """widths of the hidden layers"""
    activation: Annotated[tuple[Activation, ...], BeforeValidator(_listed), NotEmpty] = ("relu",)
    """one for all hidden layers, or one for each"""
    source: str | None = None
    """package.module:build, a function of the input shape and the number of outputs, or a .keras file"""
    keep_weights: bool = False
    """fine-tune the weights of a .keras file instead of drawing them anew for each seed"""
    layers: tuple[str, ...] = ()
    """written by regfleet: the hidden layers that techniques go to"""
    fingerprints: tuple[str, ...] = ()
    """written by regfleet: a hash of the model for each data set; another model is refused"""

    @model_validator(mode="after")
    def _fits(self) -> "ModelFields":
        if self.source and {"hidden", "activation"} & self.model_fields_set:
            msg = "expected either source or hidden and activation"
            raise ValueError(msg)
        if self.keep_weights and not self.source:
            msg = "expected keep_weights with a model of your own only"
            raise ValueError(msg)
        if len(self.activation) not in (1, len(self.hidden)):
            msg = f"expected one for all hidden layers, or one for each of the {len(self.hidden)}"
            raise ValueError(msg)
        return self

    def spec(self) -> ModelSpec:
        """The model with one activation spelt out per layer."""
        if self.source:
            return ModelSpec((), (), self.source, self.layers, "".join(self.fingerprints[:1]), self.keep_weights)
        repeat = len(self.hidden) if len(self.activation) == 1 else 1
        return ModelSpec(self.hidden, self.activation * repeat)


class TrainingFields(_Part):
    """Training settings of every variant that names no other."""

    epochs: Epochs = 350
    """epochs of each trial"""
    batch_size: BatchSize = 128
    """rows per update"""
    optimizer: Optimizer = "sgd"
    """a Keras optimizer"""
    learning_rate: LearningRate | None = None
    """step size; otherwise the optimizer's own default"""
    early_stopping: EarlyStopping | None = None
    """stop after so many epochs without a lower validation error"""
    class_weight: Literal["balanced"] | None = None
    """balanced: rows of rare classes weigh more"""

    def settings(self) -> Training:
        """The same as the record a variant holds."""
        return Training(**dict(self))


class AnalysisFields(_Part):
    """What the analysis is asked; changing it never trains anything."""

    metric: Literal[tuple(METRICS)] | None = None  # type: ignore[valid-type]
    """what variants are judged by; otherwise accuracy, or r2 for regression"""
    scope: Literal["new_data", "this_dataset"] = "new_data"
    """ask about new data from the same source, or about these rows"""
    alpha: float = Field(0.05, gt=0, lt=1)
    """chance of any false claim in the study"""
    rope: float | None = Field(None, ge=0, allow_inf_nan=False)
    """a difference up to this size is no difference that matters; otherwise the metric's own"""
    at: Literal["last", "best"] = "last"
    """judge the weights of the last epoch or of the best"""


class VariantFields(_Part):
    """One ``[[variant]]``: a technique text, and where it differs from the study its label and training settings."""

    technique: str
    """techniques joined by +, such as l2(1e-3)@all+dropout(0.3); none is the control"""
    label: str | None = None
    """its name for people"""
    epochs: Epochs | None = None
    batch_size: BatchSize | None = None
    optimizer: Optimizer | None = None
    learning_rate: LearningRate | None = None
    early_stopping: EarlyStopping | None = None
    class_weight: Literal["balanced"] | None = None

    def overrides(self) -> dict[str, Any]:
        """The training settings that are not the study's."""
        return self.model_dump(exclude={"technique", "label"}, exclude_none=True)


class StudyFields(_Part):
    """What is to be compared. Field for field what ``study.toml`` holds."""

    data: Annotated[
        tuple[DataFields, ...],
        BeforeValidator(_listed, json_schema_input_type=str | DataFields | list[str | DataFields]),
        NotEmpty,
    ] = (DataFields(location="iris"),)
    """the data sets"""
    seeds: Seeds = tuple(range(10))
    """a number (10: seeds 0 to 9), a range 5-9, a list 1,4,7, or auto: until the answer is clear"""
    split: str = "60/20/20"
    """percent of the rows that train, validate and test; 5x2, repeated cross-validation; or article"""
    engine: Literal["fused", "keras"] = "fused"
    """fused: the whole fit in one graph; keras: model.fit, slow"""
    model: ModelFields = ModelFields(activation=ARTICLE_MODEL.activations)
    training: TrainingFields = TrainingFields()
    analysis: AnalysisFields = AnalysisFields()
    variant: Annotated[tuple[VariantFields, ...], NotEmpty]
    """what is compared, each with the control that shares its training settings"""

    @model_validator(mode="before")
    @classmethod
    def _every_fold(cls, value: Any) -> Any:
        """Without ``seeds``, cross-validation has one for each fold."""
        folds = (
            re.fullmatch(r"\s*(\d{1,3})x(\d{1,3})\s*", str(value.get("split"))) if isinstance(value, Mapping) else None
        )
        if folds and "seeds" not in value and int(folds[1]) and int(folds[2]):
            return {**value, "seeds": int(folds[1]) * int(folds[2])}
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """What results call the data sets, each name once."""
        counted: Counter[str] = Counter()
        found = []
        for one in self.data:
            counted[one.name] += 1
            found.append(one.name if counted[one.name] == 1 else f"{one.name}-{counted[one.name]}")
        return tuple(found)

    def sources(self) -> dict[str, DataSource]:
        """Where each data set comes from, by its name."""
        return {name: one.source() for name, one in zip(self.names, self.data, strict=True)}

    @property
    def adds_seeds(self) -> bool:
        """Whether seeds are added until the answer is clear; ``seeds`` is empty then."""
        return not self.seeds
