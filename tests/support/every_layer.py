"""Models that hold every layer of Keras that a classifier can hold, each in a branch of its own."""

import inspect
from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models, techniques, training
from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe

NO_PART_OF_A_CLASSIFIER = {
    *("FlaxLayer", "InputLayer", "JaxLayer", "Layer", "Pipeline", "TFSMLayer", "TorchModuleWrapper", "Wrapper"),
    *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"),  # part of RNN
    *("CutMix", "HashedCrossing", "MaxNumBoundingBoxes", "MixUp", "StringLookup", "TextVectorization"),
    *("ConvLSTM3D", "MelSpectrogram", "STFTSpectrogram", "AugMix", "RandAugment"),  # seconds to trace, and no kernel
}
"""Layers of another library, of texts, of labels, of two inputs."""
KNOWN = {
    "Activation": lambda: layers.Activation("relu"),
    "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(2)),
    "CategoryEncoding": None,
    "CenterCrop": lambda: layers.CenterCrop(4, 4),
    "Discretization": lambda: layers.Discretization(bin_boundaries=[-0.5, 0.5]),
    "Dot": None,
    "EinsumDense": lambda: layers.EinsumDense("...x,xy->...y", output_shape=3),
    "GroupNormalization": lambda: layers.GroupNormalization(1),
    "IntegerLookup": lambda: layers.IntegerLookup(vocabulary=[1, 2]),
    "Lambda": lambda: layers.Lambda(lambda x: 2 * x),
    "Normalization": lambda: layers.Normalization(mean=0.5, variance=2.0),
    "Permute": lambda: layers.Permute((2, 1)),
    "RNN": lambda: layers.RNN([layers.GRUCell(2), layers.SimpleRNNCell(3)]),
    "RandomPosterization": lambda: layers.RandomPosterization(4),
    "Reshape": lambda: layers.Reshape((-1,)),
    "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(2)),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(2, "tanh")),
}
"""How to make a layer whose arguments do not say it; None for those in `several`."""
ARGUMENTS = {
    "units": 3,
    "filters": 2,
    "kernel_size": 2,
    "pool_size": 2,
    "output_size": 2,
    "rate": 0.2,
    "stddev": 0.1,
    "factor": 0.1,
    "height_factor": 0.1,
    "width_factor": 0.1,
    "height": 8,
    "width": 8,
    "n": 2,
    "num_bins": 4,
    "input_dim": 9,
    "output_dim": 2,
    "scale": 0.5,
    "num_heads": 2,
    "key_dim": 2,
    "head_dim": 2,
    "num_query_heads": 2,
    "num_key_value_heads": 1,
}
FIRST = {
    "1D": "sequences",
    "3D": "volumes",
    "RNN": "sequences",
    "Permute": "sequences",
    "Embedding": "rows",
    "Hashing": "rows",
    "Lookup": "rows",
    "Discretization": "rows",
    "RepeatVector": "rows",
}
"""The rows to try first, by a part of the layer's name."""
SHAPES = {"images": (8, 8, 3), "volumes": (3, 4, 4, 2), "sequences": (6, 3), "rows": (4,)}


def made(name):
    """A layer of the class called ``name``, None for one that `several` calls."""
    if name in KNOWN:
        return KNOWN[name] and KNOWN[name]()
    kind = getattr(layers, name)
    parameters = [*inspect.signature(kind.__init__).parameters.values()][1:]
    wanted = [one.name for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return kind(**{one: ARGUMENTS[one] for one in wanted})


def several(kind, tensor):
    """What layers of several inputs make of ``tensor``, whose rows are ``kind``."""
    if kind == "rows":
        merging = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]
        yield from ((getattr(layers, name)()([tensor, 2 * tensor]), None) for name in merging)
        yield layers.Dot(1)([tensor, tensor]), None
        yield layers.CategoryEncoding(9, "multi_hot")(keras.ops.cast(keras.ops.abs(tensor), "int32")), None
    if kind == "sequences":
        yield layers.MultiHeadAttention(2, 2, name="mha")(tensor, tensor), "mha"
        yield layers.GroupQueryAttention(2, 2, 1, name="gqa")(tensor, tensor), "gqa"
        yield layers.Attention()([tensor, tensor]), None
        yield layers.AdditiveAttention()([tensor, tensor]), None


IN_SEVERAL = {
    *("Add", "AdditiveAttention", "Attention", "Average", "CategoryEncoding", "Concatenate", "Dot", "Maximum"),
    *("Minimum", "MultiHeadAttention", "GroupQueryAttention", "Multiply", "Subtract"),
}


def takes(name, shape):
    """Whether a layer takes rows of ``shape``."""
    try:
        made(name)(keras.Input(shape))
    except (ValueError, TypeError, IndexError, RuntimeError, UserWarning):
        return False
    return True


@cache
def layers_by_shape():
    """The names of all layers, each with the first shape of rows that it takes."""
    found = {kind: [] for kind in SHAPES}
    seen = set()
    for name, kind in sorted(vars(layers).items()):
        alias = not inspect.isclass(kind) or kind.__name__ != name or not issubclass(kind, layers.Layer)
        if alias or kind in seen or name in NO_PART_OF_A_CLASSIFIER | IN_SEVERAL:
            continue
        seen.add(kind)
        first = next((kind for part, kind in FIRST.items() if part in name), "images")
        order = [first, *SHAPES]
        shape = next((each for each in order if takes(name, SHAPES[each])), None)
        assert shape, f"{name} is new: how is it made?"
        found[shape].append(name)
    return found


def model_of(kind, names):
    """One model in which every layer has a branch of its own, and the names of the layers with a kernel."""
    source = keras.Input(SHAPES[kind], name="source")
    behind, kernels = [], []
    for name in names:
        layer = made(name)
        whole = name in {"Embedding", "ReversibleEmbedding", "Hashing", "IntegerLookup"}
        tensor = layer(keras.ops.cast(keras.ops.abs(source), "int32") if whole else source)
        behind.append(tensor)
        if any(weight.name.endswith(("kernel", "embeddings")) for weight in layer.trainable_weights):
            kernels.append(layer.name)
    for tensor, kernel in several(kind, source):
        behind.append(tensor)
        kernels += [kernel] if kernel else []
    flat = [keras.ops.cast(layers.Flatten()(tensor), "float32") for tensor in behind]
    pooled = [keras.ops.mean(tensor, axis=1, keepdims=True) for tensor in flat]
    return keras.Model(
        source, layers.Dense(2, "softmax", name="out")(layers.Concatenate(name="pooled")(pooled))
    ), kernels


def recipe_of(kind):
    """The recipe of the model for rows of a ``kind`` with a penalty and dropout at all kernels, and these layers."""
    names, built = layers_by_shape()[kind], []
    assert len(names) > 5

    def build(input_shape, outputs):
        assert (input_shape, outputs) == (SHAPES[kind], 2)
        model, built[:] = model_of(kind, names)
        return model

    base = models.base_of(build)
    spec = models.describe(base, "every", SHAPES[kind], 2, "classification", keep_weights=False)
    (combination,) = techniques.parse_techniques("l2(0.01)+dropout(0.2)", spec).combinations
    made = techniques.recipe(spec, Training(epochs=2, batch_size=4, learning_rate=0.01), combination)
    return replace(made, base=base), built


def check_fits(kind, recipe: Recipe):
    """Assert that both engines train the model to the same in two epochs."""
    draw = np.random.default_rng(0)
    rows = [
        Rows(draw.uniform(0, 4, (8, *SHAPES[kind])).astype("float32"), np.eye(2, dtype="float32")[[0, 1] * 4])
        for _ in range(3)
    ]
    fused, reference = (training.fit(recipe, Sets(*rows), 3, engine, kind) for engine in ("fused", "keras"))
    assert fused.execution.path == "graph", fused.execution.untraceable
    for name, column in reference.history.items():
        assert np.isfinite(column).all()
        np.testing.assert_allclose(fused.history[name], column, rtol=1e-3, atol=1e-4, err_msg=name)
    assert fused.penalty["last"] == pytest.approx(reference.penalty["last"], rel=1e-4)
    assert fused.penalty["last"] > 0
