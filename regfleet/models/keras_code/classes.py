"""Classes and functions that code brings along, whatever technique needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regfleet.techniques.keras_code import Average, Change, Code, Use


def classes(code: Code, penalized: frozenset[str]) -> Iterator[str]:
    """Classes and functions that the slots of ``code`` need, whatever technique filled them.

    ``penalized``: the layers of a model of the user's own that have a regularizer.
    """
    if _twice(code.regularizers) or any(change.layer in penalized for change in code.regularizers):
        yield _SUM
    if _twice(code.constraints):
        yield _CHAIN
    if code.steps:
        yield _STEPS
    if code.losses:
        yield _changed_loss(code)
    if not code.patch:
        yield from _changed_dense(code)


def _twice(changes: Sequence[Change]) -> bool:
    """Whether a layer is changed more than once."""
    return len(changes) > len({change.layer for change in changes})


def _changed_loss(code: Code) -> str:
    lines = "".join(f"    {line}\n" for line in code.losses)
    return (
        "def changed_loss(y_true, probabilities):\n"
        '    """The loss of each row."""\n'
        "    losses = keras.losses.categorical_crossentropy(y_true, probabilities)\n"
        f"{lines}    return losses\n"
    )


def summed(penalties: Sequence[str]) -> str:
    """A call that makes one penalty of several."""
    return penalties[0] if len(penalties) == 1 else f"PenaltySum({', '.join(penalties)})"


def chained(limits: Sequence[str]) -> str:
    """A call that makes one constraint of several."""
    return limits[0] if len(limits) == 1 else f"Constraints({', '.join(limits)})"


def _changed_dense(code: Code) -> Iterator[str]:
    for uses, name in dense_classes(code).items():
        lines, noisy = [], 0
        for use in uses:
            made = f"kernel = {use.text.replace('seed=seed', f'seed=self.generators[{noisy}]')}"
            lines += ["if training:", f"    {made}"] if use.noisy else [made]
            noisy += use.noisy
        body = "".join(f"        {line}\n" for line in lines)
        yield _CHANGED.format(name=name, noisy=_GENERATORS if noisy else "", body=body)


def dense_classes(code: Code) -> dict[tuple[Use, ...], str]:
    """The classes of Dense layers that compute with another kernel, by what they do with theirs."""
    found = dict.fromkeys(uses_of(code, layer) for layer in code.recipe.model.layer_names)
    return {uses: f"ChangedDense{number or ''}" for number, uses in enumerate(filter(None, found))}


def uses_of(code: Code, layer: str) -> tuple[Use, ...]:
    """What the kernel of a layer goes through before the layer computes with it."""
    return tuple(use._replace(layer="") for use in code.uses if use.layer == layer)


def averaged(code: Code, average: Average) -> str:
    """The callback that averages the weights, and what it needs."""
    lines = "".join(f"            {line}\n" for line in average.lines)
    moment = "on_train_batch_end(self, batch, logs=None)" if average.every == "update" else "follow(self)"
    first = "" if average.every == "update" else "        self.follow()\n"
    normalized = code.patch or any(put.kind == "batchnorm" for put in code.layers)
    made = _AVERAGED.format(moment=moment, lines=lines.rstrip(), first=first, renew=_RENEW if normalized else "")
    return _LAYERS + made if normalized else made


_CHANGED = '''\
class {name}(keras.layers.Dense):
    """A Dense layer that computes with something else in place of its kernel."""
{noisy}
    def call(self, inputs, training=None):
        kernel = self.kernel
{body}        return self.activation(keras.ops.matmul(inputs, kernel) + self.bias)
'''
_GENERATORS = """
    def __init__(self, *args, noise=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.generators = [keras.random.SeedGenerator(seed) for seed in noise]
"""
_SUM = '''\
class PenaltySum(keras.regularizers.Regularizer):
    """Several penalties on one kernel."""

    def __init__(self, *penalties):
        self.penalties = [one for one in penalties if one]

    def __call__(self, weight):
        return sum(penalty(weight) for penalty in self.penalties)
'''
_CHAIN = '''\
class Constraints(keras.constraints.Constraint):
    """Several constraints on one kernel."""

    def __init__(self, *constraints):
        self.constraints = constraints

    def __call__(self, weight):
        for constraint in self.constraints:
            weight = constraint(weight)
        return weight
'''
_STEPS = '''\
def loss_of(model, x, y, weight):
    predicted = model(x, training=True)
    return model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)


def gradients_of(model, x, y, weight):
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, y, weight)
    return tape.gradient(loss, model.trainable_variables)


class SteppingModel(keras.Model):
    """Follows the gradients that `gradients` finds."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        found = gradients(self, x, y, weight)
        self.optimizer.apply_gradients(zip(found, self.trainable_variables))
        predicted = self(x, training=False)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(self.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight))
            else:
                metric.update_state(y, predicted, sample_weight=weight)
        return self.get_metrics_result()
'''
_LAYERS = '''\
def layers_of(model):
    """The layers of a model, and of models in it."""
    for layer in model.layers:
        yield from layers_of(layer) if hasattr(layer, "layers") else [layer]


'''
_AVERAGED = '''\
class Averaged(keras.callbacks.Callback):
    """An average of the weights, which is tested and kept in the place of those that train."""

    def on_train_begin(self, logs=None):
        self.averages = [np.array(one.numpy()) for one in self.model.trainable_variables]
        self.number, self.trained = 0, []

    def {moment}:
        self.number += 1
        number = self.number
        for weight, average in zip(self.model.trainable_variables, self.averages):
            current = weight.numpy()
{lines}

    def on_test_begin(self, logs=None):
{first}        self.trained = [one.numpy() for one in self.model.variables]
        for weight, average in zip(self.model.trainable_variables, self.averages):
            weight.assign(average)
{renew}
    def on_epoch_begin(self, epoch, logs=None):
        for variable, value in zip(self.model.variables, self.trained):
            variable.assign(value)
'''
_RENEW = """\
        norms = [one for one in layers_of(self.model) if isinstance(one, keras.layers.BatchNormalization)]
        momenta = [one.momentum for one in norms]
        for one in norms:
            one.momentum = 0.0
        if norms:  # whose statistics are those of other weights
            self.model(x_train, training=True)
        for one, momentum in zip(norms, momenta):
            one.momentum = momentum
"""
