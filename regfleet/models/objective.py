"""What a model was compiled with, what its outputs mean, and the loss that fits both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from regfleet.borrowed.keras import given_to_compile, loss_of, optimizer_config
from regfleet.errors import InputError
from regfleet.models.held import facts_of, name_of, of_keras
from regfleet.text import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import keras
    import numpy as np

    from regfleet.settings.values import Output

    LossChange = Callable[[Any, Any, Any], Any]


class LossError(InputError):
    """What a model should be compiled with and was not, without the model's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What a model was compiled with: its optimizer's class and configuration, its loss as it was given.

    Of its metrics, whether some are ``sparse``, and whether it is ``measured`` by any.
    Everything is as it was given, so that functions and classes of a notebook travel too.
    """

    optimizer: type[keras.optimizers.Optimizer]
    config: Mapping[str, Any]
    loss: Any
    weight: float | None
    sparse: bool
    measured: bool = False

    def new_optimizer(self, learning_rate: float | None) -> keras.optimizers.Optimizer:
        """The same optimizer at its beginning, with another ``learning_rate`` if one is given."""
        config = dict(self.config)
        if learning_rate is not None and isinstance(config.get("inner_optimizer"), dict):
            inner = config["inner_optimizer"]
            config["inner_optimizer"] = inner | {"config": inner["config"] | {"learning_rate": learning_rate}}
        elif learning_rate is not None:
            config["learning_rate"] = learning_rate
        try:
            return self.optimizer.from_config(config)
        except Exception as problem:
            name = self.optimizer.__name__
            raise InputError(
                f"--model: expected an optimizer that get_config and from_config make again; got {name}, which raises "
                f"{raised(problem, 200)}"
            ) from problem

    @property
    def leads(self) -> tuple[str, ...]:
        """What the optimizer leads itself, as in `Found`."""
        inner = self.config.get("inner_optimizer")
        config = inner["config"] if isinstance(inner, dict) else self.config
        found = {
            "rate": not isinstance(config.get("learning_rate", 0.0), int | float),
            "clipping": any(config.get(name) for name in ("clipnorm", "global_clipnorm", "clipvalue")),
            "averaging": bool(config.get("use_ema")),
        }
        return tuple(name for name, so in found.items() if so)

    @property
    def words(self) -> str:
        """The optimizer and the loss for people, e.g. ``Adam (learning rate 0.01) and huber``."""
        rate = self.config.get("learning_rate")
        if isinstance(rate, int | float):
            step = f" (learning rate {rate:.6g})"
        else:
            step = "" if rate is None else f" (learning rate {name_of(rate)})"
        loss = "" if self.loss is None else f" and the loss {loss_name(self.loss)}"
        return f"{self.optimizer.__name__}{step}{loss}"

    def facts(self) -> list[Any]:
        """What of it decides a result, for a fingerprint."""
        config = {name: facts_of(value) for name, value in self.config.items() if name != "name"}
        return [facts_of(self.optimizer), config, facts_of(self.loss), self.weight]

    @property
    def code(self) -> list[Any]:
        """The classes and functions in it that are not Keras' own."""
        parts = [self.optimizer, type(self.config.get("learning_rate")), self.loss, type(self.loss)]
        return [part for part in parts if callable(part) and not of_keras(part)]


_COMPILED: WeakKeyDictionary[keras.Model, Compiled | None] = WeakKeyDictionary()
"""What the original of a model with techniques was compiled with, or a model before it was compiled for a study."""


def compiled_of(model: keras.Model) -> Compiled | None:
    """What a model was compiled with, itself or before techniques were put in; None where it was not."""
    if model in _COMPILED:
        return _COMPILED[model]
    if not getattr(model, "compiled", False) or model.optimizer is None:
        return None
    config = optimizer_config(model.optimizer)
    given = given_to_compile(model)
    metrics = [*_flat(given.get("metrics")), *_flat(given.get("weighted_metrics"))]
    sparse = any("sparse" in str(one if isinstance(one, str) else name_of(one)).lower() for one in metrics)
    weights = [one for one in _flat(given.get("loss_weights")) if one is not None]
    if weights and not isinstance(weights[0], int | float):
        got = f"{weights[0]!r} as the third argument of compile(): write metrics=[…]"
        raise InputError(f"--model: expected loss_weights to be numbers; got {got}")
    losses = _flat(model.loss)
    return Compiled(
        type(model.optimizer),
        config,
        losses[0] if losses else None,
        float(weights[0]) if weights else None,
        sparse,
        bool(metrics),
    )


def remember(model: keras.Model, compiled: Compiled | None) -> None:
    """Note what the original of ``model`` was compiled with, None for nothing, for `compiled_of`."""
    _COMPILED[model] = compiled


def of_class(original: keras.Model, model: keras.Model) -> keras.Model:
    """``model``, a Functional one, with what the class of its ``original`` says of training, such as a train_step."""
    kind = type(original)
    if kind is not type(model) and not of_keras(kind):
        model.__class__ = kind
        for name, value in vars(original).items():
            if name not in vars(model):
                setattr(model, name, value)
    return model


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [one for inner in value for one in _flat(inner)]
    return [] if value is None else [value]


def loss_name(loss: Any) -> str:
    """What a loss is called, e.g. ``SparseCategoricalCrossentropy`` or ``my_loss``."""
    return loss if isinstance(loss, str) else name_of(loss)


def resolved(loss: Any, output: Output) -> Any:
    """A loss whose name Keras settles by shapes, settled."""
    if isinstance(loss, str) and loss.lower() in {"crossentropy", "ce"}:
        return "binary_crossentropy" if output in {"sigmoid", "logit", "sigmoids"} else "categorical_crossentropy"
    return loss


def _kind(loss: Any) -> str:
    """The name of one of Keras' losses without its spelling, ``sparsecategoricalcrossentropy``; empty for another."""
    import keras

    if isinstance(loss, str):
        if resolved(loss, "probabilities") != loss:
            return "crossentropy"
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            raise LossError(f"a loss that Keras knows by name; got {loss}") from None
    return loss_name(loss).replace("_", "").lower() if of_keras(loss) else ""


# What a target that is standardized, negative in half of its rows, cannot be given to.
_POSITIVE = {"poisson", "meansquaredlogarithmicerror", "meanabsolutepercentageerror", "kldivergence"}


def read(output: Output, predicted: Any) -> Any:
    """The probabilities (rows, classes) behind what a model gives; a number stays."""
    import keras

    if output == "logits":
        return keras.activations.softmax(predicted)
    if output == "sigmoids":
        return predicted / keras.ops.sum(predicted, axis=-1, keepdims=True)
    if output in {"sigmoid", "logit"}:
        second = keras.activations.sigmoid(predicted) if output == "logit" else predicted
        return keras.ops.concatenate([1 - second, second], axis=-1)
    return predicted


def output_of(given: np.ndarray, activation: str | None, compiled: Compiled | None) -> tuple[Output | None, str]:
    """What a classifier's outputs for a few rows are, or what they are that cannot be trained.

    Args:
        given: float (rows, outputs of the model).
        activation: the name of the activation that makes them; None where it cannot be told.
        compiled: what the model was compiled with.
    """
    import numpy as np

    within, single = bool(given.min() >= 0 and given.max() <= 1), given.shape[1] == 1
    sums = within and np.allclose(given.sum(axis=1), 1, atol=1e-3)
    if activation is None:  # a function of the user's own, say
        logits = compiled is not None and getattr(compiled.loss, "from_logits", False)
        activation = "softmax" if sums else "linear" if logits else "sigmoid" if within and single else "numbers"
    known: dict[tuple[str, bool], Output] = {
        ("linear", True): "logit",
        ("linear", False): "logits",
        ("sigmoid", True): "sigmoid",
    }
    if (activation, single) in known:
        return known[activation, single], ""
    if activation == "sigmoid":
        return "sigmoids", ""
    if single and activation == "softmax":
        return None, "softmax of a single output, which is always 1"
    if sums:
        return "probabilities", ""
    odd = f"numbers that do not sum to 1, such as {np.round(given[0, :3], 3).tolist()}"
    if activation in {"softmax", "numbers"}:
        return None, odd
    return None, f"{activation}, whose values are no probabilities of the classes, which scores are measured on"


def check_loss(output: Output, compiled: Compiled, predicted: np.ndarray, y: np.ndarray) -> bool:
    """Whether a model's own loss takes numbers of classes rather than one-hot rows.

    Args:
        output: what the model gives.
        compiled: what it was compiled with.
        predicted: its outputs for a few rows.
        y: the target of such rows as `Rows.y` has it.

    Raises:
        LossError: the loss does not fit the outputs; without the name of the model.
    """
    loss = resolved(compiled.loss, output)
    if loss is None:
        return False
    kind, single = _kind(loss), output in {"logit", "sigmoid"}
    if wanted := _misfit(output, kind, logits=getattr(loss, "from_logits", False)):
        raise LossError(f"{wanted}; got {loss_name(loss)}")
    if kind:
        return kind.startswith("sparse")
    forms = [(False, y[:, 1:] if single else y)]
    if not single and output != "number":
        forms.append((True, y.argmax(axis=1)))
    problems: list[LossError] = []
    for labels, target in sorted(forms, key=lambda form: form[0] != compiled.sparse):
        try:
            _try(loss, target, predicted)
        except LossError as problem:
            problems.append(problem)
        else:
            return labels
    raise problems[0]


def target_words(output: Output, compiled: Compiled, *, labels: bool) -> list[str]:
    """Which form of the target a loss of the user's own gets where it takes both, and may mean the other."""
    loss = resolved(compiled.loss, output)
    if labels or loss is None or output not in {"probabilities", "logits", "sigmoids"} or _kind(loss):
        return []
    other = "compiled with metrics=['sparse_categorical_accuracy'] too it would get numbers of classes"
    return [f"its loss {loss_name(loss)} gets one-hot rows as y_true; {other}"]


def _misfit(output: Output, kind: str, *, logits: bool) -> str:
    """What would fit the outputs where one of Keras' losses does not; empty where it does."""
    cross = kind.endswith("crossentropy")
    if output == "number" and (cross or kind in _POSITIVE):
        return "a loss for a standardized target, which is negative for some rows, such as mse or huber"
    if cross and "categorical" in kind and output == "sigmoids":  # Keras computes with what it keeps beside them
        return "binary_crossentropy for its sigmoids, whose logits Keras would take for those of a softmax"
    if cross and "categorical" in kind and output in {"logit", "sigmoid"}:
        return "binary_crossentropy for its one output, or to have an output for each class"
    if cross and output in {"logit", "logits"} and not logits:
        name = "BinaryCrossentropy" if output == "logit" else "CategoricalCrossentropy"
        return f"a loss for outputs without activation, such as keras.losses.{name}(from_logits=True)"
    return ""


def _try(loss: Any, y: np.ndarray, predicted: np.ndarray) -> None:
    """Raise LossError where the loss cannot be had for these rows."""
    import keras
    import numpy as np

    wanted = "a loss that gives a number for (y_true, y_pred)"
    try:
        value = float(_called(loss)(keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(predicted)))
    except Exception as problem:
        raise LossError(f"{wanted}; got {loss_name(loss)}, which raises {raised(problem, 200)}") from problem
    if math.isnan(value) and not np.isnan(predicted).any():
        raise LossError(f"{wanted}; got {loss_name(loss)}, which gives NaN")


def _called(loss: Any) -> Any:
    """A loss as Keras calls it, with the mean of its rows."""
    import keras

    return loss if isinstance(loss, keras.losses.Loss) else loss_of(loss)


def loss_for(output: Output, loss: Any, *, labels: bool, shared: bool = False) -> Any:
    """What to compile a model with for one-hot rows of `Rows.y`: its own ``loss``, or what fits its output.

    For ``labels`` it takes numbers of classes; where classes may share a row, each counts for its share.
    """
    import keras

    if loss is None:
        losses: dict[str, Any] = {
            "probabilities": "categorical_crossentropy",
            "number": "mse",
            "logits": keras.losses.CategoricalCrossentropy(from_logits=True),
            "logit": keras.losses.BinaryCrossentropy(from_logits=True),
            "sigmoid": keras.losses.BinaryCrossentropy(),
            "sigmoids": keras.losses.BinaryCrossentropy(),
        }
        loss = losses[output]
    loss = resolved(loss, output)
    if labels and shared:
        return _shared(loss)
    if labels:
        return _of(loss, lambda y: keras.ops.argmax(y, axis=-1))
    return _of(loss, lambda y: y[:, 1:]) if output in {"sigmoid", "logit"} else loss


def changed_loss(loss: Any, output: Output, changes: Sequence[LossChange]) -> Any:
    """``loss`` with each of ``changes``, functions (y, p, losses) → losses of rows, as in `Recipe.losses`."""
    import keras

    if not changes:
        return loss
    inner = _called(loss)

    class Changed(keras.losses.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            rows = inner.call(y_true, y_pred)
            if len(rows.shape) != 1:
                wanted = "--technique: expected a loss with a value for each row, to change it"
                raise InputError(f"{wanted}; got {loss_name(loss)} with values of shape {tuple(rows.shape)}")
            probabilities = read(output, y_pred)
            for change in changes:
                rows = change(y_true, probabilities, rows)
            return rows

    return Changed(name=loss_name(loss), reduction=inner.reduction)


def _shared(loss: Any) -> keras.losses.Loss:
    """``loss``, which takes numbers of classes, for rows (rows, classes) of what each class counts."""
    import keras

    inner = _called(loss)
    if _kind(loss) == "sparsecategoricalcrossentropy":
        logits = inner.get_config().get("from_logits", False)
        return keras.losses.CategoricalCrossentropy(logits, reduction=inner.reduction, name=loss_name(loss))

    class Shared(keras.losses.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            zeros = keras.ops.zeros_like(y_true[:, 0], "int64")
            each = [inner.call(zeros + number, y_pred) for number in range(y_true.shape[-1])]
            return keras.ops.sum(y_true * keras.ops.stack(each, axis=-1), axis=-1)

    return Shared(name=loss_name(loss), reduction=inner.reduction)


def _of(loss: Any, form: Any) -> keras.losses.Loss:
    """``loss`` on another form of the target."""
    import keras

    inner = _called(loss)

    class Formed(keras.losses.Loss):  # type: ignore[misc]
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return inner(form(y_true), y_pred, sample_weight=sample_weight)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return inner.call(form(y_true), y_pred)

    return Formed(name=loss_name(loss), reduction=inner.reduction)
