"""The lines around a network: what the rows are, and how it is compiled and fitted."""

from __future__ import annotations

from collections.abc import Iterator

from regfleet.models.keras_code.classes import averaged
from regfleet.models.keras_code.lines import comment
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code

CLASSES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "nadam": "Nadam",
    "adamax": "Adamax",
}


def rows(code: Code, scaling: str) -> Iterator[str]:
    """What the rows are, how long the fit is, and the targets as the loss takes them."""
    scaling = scaling.partition("; --")[0].rstrip(".")
    kind = "arrays, a row each, as the model takes them" if code.patch else "float32 arrays, a row each"
    yield from comment(f"x_train, x_val: {kind}. {scaling}".rstrip())
    training = code.recipe.training
    if code.task == "regression":
        yield "# y_train, y_val: float32 (rows, 1), less the mean of y_train, divided by its deviation."
    else:
        yield f"# y_train, y_val: the numbers of the rows' classes, 0 to {code.outputs - 1}."
    yield f"epochs, batch_size = {training.epochs}, {training.batch_size}"
    if "updates" in code.rate or code.batches:
        yield "updates = -(-len(x_train) // batch_size)  # of an epoch"
    if code.weighs:
        yield "counts = np.bincount(y_train)"
        yield (
            "class_weight = {label: len(y_train) / ((counts > 0).sum() * count) for label, count in "
            "enumerate(counts) if count}"
        )
        if code.targets or code.batches:
            yield 'weight = np.array([class_weight[label] for label in y_train], "float32")'
    if _takes_shares(code):
        yield f'y_train, y_val = (np.eye({code.outputs}, dtype="float32")[y] for y in (y_train, y_val))'
    elif code.output in {"sigmoid", "logit"}:
        yield 'y_train, y_val = (y[:, None].astype("float32") for y in (y_train, y_val))'
    yield from code.targets
    yield ""


def _takes_shares(code: Code) -> bool:
    """Whether the targets are one-hot rows."""
    if code.task == "regression" or code.output in {"sigmoid", "logit"}:
        return False
    found = code.recipe.model.found
    own = code.patch and code.recipe.training.optimizer == "model" and not found.labels
    return code.one_hot or code.output == "sigmoids" or own


def fit(code: Code) -> Iterator[str]:
    """What compiles the model and fits it."""
    training = code.recipe.training
    yield from _optimizer(code)
    monitored = "mse" if code.task == "regression" else "cross_entropy"
    watched = code.best or training.early_stopping is not None
    if code.steps:
        found = "gradients_of"
        for step in code.steps:
            found = step.format(found)
        yield f"gradients = {found}"
    metrics = '["mse", "mae"]' if code.task == "regression" else '["accuracy"]'
    if watched and code.task == "classification":
        metrics = f'["accuracy", {_cross_entropy(code)}]'
    yield f"model.compile(optimizer, loss={_loss(code)}, metrics={metrics})"
    callbacks = list(code.callbacks)
    if code.average:
        yield from ("", "", *averaged(code, code.average).splitlines(), "", "")
        callbacks.append("Averaged()")
    if watched:
        patience = training.early_stopping if training.early_stopping is not None else training.epochs
        restores = ", restore_best_weights=True" if code.best else ""
        name = f"val_{monitored}"
        if code.output == "number":
            name = "val_mse"
        callbacks.append(f'keras.callbacks.EarlyStopping("{name}", mode="min", patience={patience}{restores})')
    rest = ["epochs=epochs"]
    if code.batches:
        parts = "(x_train, y_train, weight)" if code.weighs else "(x_train, y_train)"
        yield f"rows = tf.data.Dataset.from_tensor_slices({parts}).shuffle(len(x_train)).batch(batch_size)"
        maps = "".join(f".map({name})" for name in code.batches)
        yield f"rows = rows.repeat().enumerate(){maps}.map(lambda update, batch: batch)"
        first, rest = "rows, ", [*rest, "steps_per_epoch=updates"]
    else:
        first, rest = "x_train, y_train, ", [*rest, "batch_size=batch_size"]
        if code.weighs:
            rest.append("sample_weight=weight" if code.targets else "class_weight=class_weight")
    rest.append("validation_data=(x_val, y_val)")
    if callbacks:
        rest.append(f"callbacks=[{', '.join(callbacks)}]")
    yield f"model.fit({first}{', '.join(rest)})"
    yield from code.after


def _optimizer(code: Code) -> Iterator[str]:
    training = code.recipe.training
    if training.optimizer == "model":
        yield "optimizer = type(own.optimizer).from_config(own.optimizer.get_config())"
        if training.learning_rate is not None:
            yield f"optimizer.learning_rate = {exact(training.learning_rate)}"
        if code.rate:
            yield f"optimizer.learning_rate = {code.rate.format(rate='float(optimizer.learning_rate)')}"
        yield from (f"optimizer.{one.replace('=', ' = ', 1)}" for one in code.optimizer)
    else:
        rate = exact(training.rate or 0)
        made = ", ".join([code.rate.format(rate=rate) or rate if code.rate else rate, *code.optimizer])
        yield f"optimizer = keras.optimizers.{CLASSES[training.optimizer]}({made})"
    yield from code.tuned


def _loss(code: Code) -> str:
    if code.patch and code.recipe.training.optimizer == "model":
        return "own.loss"
    if code.losses:
        return "changed_loss"
    kind = "CategoricalCrossentropy" if _takes_shares(code) else "SparseCategoricalCrossentropy"
    losses = {
        "number": '"mse"',
        "probabilities": '"categorical_crossentropy"' if _takes_shares(code) else '"sparse_categorical_crossentropy"',
        "logits": f"keras.losses.{kind}(from_logits=True)",
        "logit": "keras.losses.BinaryCrossentropy(from_logits=True)",
    }
    return losses.get(code.output, '"binary_crossentropy"')


def _cross_entropy(code: Code) -> str:
    kind = "Categorical" if _takes_shares(code) else "SparseCategorical"
    if code.output in {"sigmoid", "logit"}:
        kind = "Binary"
    logits = "from_logits=True, " if code.output in {"logit", "logits"} else ""
    return f'keras.metrics.{kind}Crossentropy({logits}name="cross_entropy")'
