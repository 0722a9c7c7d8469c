"""What a study compares where nothing is said: on Iris the article's study, on other data usual techniques."""

from collections.abc import Mapping, Sequence
from typing import Any

from regfleet.settings.values import ModelSpec

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


ARTICLE_DATA = "iris"
OWN_DATA_PRESET = "classic"
"""What is compared on data that are not the article's."""


def is_article_data(data: Any) -> bool:
    """Whether ``data``, as a study file has them, are the article's and nothing else."""
    one = data[0] if isinstance(data, list | tuple) and len(data) == 1 else data
    return (one.get("location") if isinstance(one, Mapping) else one) == ARTICLE_DATA


def default_variants(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variants of a study whose ``fields`` name none."""
    if not is_article_data(fields.get("data", ARTICLE_DATA)):
        return [{"technique": OWN_DATA_PRESET}]
    training, model = fields.get("training"), fields.get("model")
    own_size = not isinstance(training, Mapping) or "batch_size" not in training
    model = model if isinstance(model, Mapping) else {}
    hidden = model.get("layers", ()) if "source" in model else model.get("hidden", ARTICLE_MODEL.hidden)
    default: Sequence[tuple[str, str | None, int | None]] = ARTICLE_VARIANTS
    if "source" in model or not hasattr(hidden, "__len__") or len(hidden) != len(ARTICLE_MODEL.hidden):
        one = hasattr(hidden, "__len__") and len(hidden) == 1
        default = [variant for variant in GENERAL_VARIANTS if not one or variant[0].endswith("@all")]
    return [
        {"technique": text} | ({"label": label} if label else {}) | ({"batch_size": size} if size and own_size else {})
        for text, label, size in default
    ]
