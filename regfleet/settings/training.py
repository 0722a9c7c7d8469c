"""The training settings of a study and of its variants."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from regfleet.settings.setting import Part, Setting

Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax", "model"]


class Training(Part):
    """Training settings of every variant that names no other."""

    panel: ClassVar[str] = "Training"

    epochs: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        Setting("N", default="sized to the rows; on Iris 350", example=100, label="{} epochs"),
    ] = 350
    """epochs of each trial"""
    batch_size: Annotated[
        int,
        Field(ge=1, le=10_000_000),
        Setting(
            "N",
            default="sized to the rows; on Iris 128, the article's batch norm 32",
            example=32,
            label="batch {}",
        ),
    ] = 128
    """rows per update"""
    optimizer: Annotated[
        Optimizer,
        Setting(
            "NAME",
            default="adam; on Iris sgd; model where your model was compiled",
            example="adam",
            label="{}",
        ),
    ] = "sgd"
    """a Keras optimizer, or model: the one that a model of your own was compiled with"""
    learning_rate: Annotated[
        Annotated[float, Field(ge=1e-30, le=1e38, allow_inf_nan=False)] | None, Setting("RATE", example=0.01)
    ] = None
    """step size; otherwise the optimizer's own default"""
    early_stopping: Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, Setting("N", example=20)] = None
    """stop after so many epochs without a lower validation error; otherwise never"""
    class_weight: Annotated[Literal["balanced"] | None, Setting("balanced", example="balanced", label="{} classes")] = (
        None
    )
    """balanced: rows of rare classes weigh more; otherwise all weigh the same"""

    @property
    def rate(self) -> float | None:
        """The learning rate, Keras' default where none is said; None where only the model's own optimizer knows it."""
        if self.learning_rate is not None or self.optimizer == "model":
            return self.learning_rate
        return 0.01 if self.optimizer == "sgd" else 0.001

    def changes(self, base: Self) -> dict[str, Any]:
        """The settings in which this is not ``base``, in alphabetical order."""
        mine, theirs = self.model_dump(), base.model_dump()
        return {name: mine[name] for name in sorted(mine) if mine[name] != theirs[name]}

    def worded(self, name: str) -> str:
        """The setting ``name`` as a label has it, such as ``batch 32``."""
        label = self.declared()[name].label or f"{name.replace('_', ' ')} {{}}"
        return label.format(getattr(self, name))
