"""One Keras model that takes the columns of a table as they are, with the preprocessing as layers of Keras inside."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import keras

    from regfleet.saving.preprocessing import Preprocessing
    from regfleet.saving.signature import Input

NOT_YET = {"date": "dates", "text": "texts of many values"}
"""What no layer of Keras encodes as it was."""


def cannot(form: Input) -> tuple[str, ...]:
    """Why a model cannot hold the preprocessing of ``form``, a sentence for each column; empty where it can."""
    if form.kind != "table":
        return ()
    return tuple(
        f"Column {one.name} cannot be in the exported model: Keras has no layer for {NOT_YET[one.kind]}."
        for one in form.columns
        if one.kind in NOT_YET
    )


def exported(form: Input, members: Sequence[tuple[Preprocessing, keras.Model]]) -> keras.Model:
    """The model of all ``members`` whose inputs are the columns of ``form``, (rows, 1) each, or its array.

    Numbers are float32, NaN where missing; categories are texts, empty where missing. Its answer is the mean of theirs,
    as the ensemble's, but for the rounding of float32.
    """
    import keras

    for place, (_, model) in enumerate(members):
        model.name = f"network_{place}"
    if form.kind == "table":
        names = input_names(form)
        inputs: Any = {
            names[one.name]: keras.Input((1,), name=names[one.name], dtype=_dtype(one.kind)) for one in form.columns
        }
        given = [inputs[names[one.name]] for one in form.columns]
        answers = [_of_columns(form, made, model, place)(given) for place, (made, model) in enumerate(members)]
    else:
        (source,) = members[0][1].inputs
        inputs = keras.Input(source.shape[1:], name="input", dtype=source.dtype)
        answers = [model(_of_array(made, inputs, place)) for place, (made, model) in enumerate(members)]
    mean = keras.layers.Average(name="mean.of.networks")(answers) if len(answers) > 1 else answers[0]
    return keras.Model(inputs, mean, name="exported")


def _of_columns(form: Input, made: Preprocessing, network: keras.Model, place: int) -> keras.Model:
    """A network behind its preprocessing, on the columns in order.

    It is a model of its own, whose name has points, as names have to differ within a model and no column may be called
    as a layer is, which some are: mean, cast, where.
    """
    import keras

    inputs = [
        keras.Input((1,), name=f"column_{number}", dtype=_dtype(one.kind)) for number, one in enumerate(form.columns)
    ]
    given = {one.name: tensor for one, tensor in zip(form.columns, inputs, strict=True)}
    levels = {one.name: one.levels for one in form.columns}
    return keras.Model(inputs, network(_of_table(made, given, levels, place)), name=f"with.preprocessing.{place}")


def input_names(form: Input) -> dict[str, str]:
    """What the inputs are called: as the columns, but for what Keras and a signature of TensorFlow take as a name.

    That begins with a letter, is no word of Python's, and differs from others not by capitals alone.
    """
    made: dict[str, str] = {}
    taken: set[str] = set()
    for one in form.columns:
        plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in one.name)
        if not plain[:1].isalpha():
            plain = f"column_{plain.lstrip('_')}".rstrip("_")
        if iskeyword(plain):
            plain += "_"
        name, number = plain, 2
        while name.casefold() in taken:
            name, number = f"{plain}_{number}", number + 1
        made[one.name] = name
        taken.add(name.casefold())
    return made


def _dtype(kind: str) -> str:
    return "string" if kind == "category" else "float32"


def _of_table(made: Preprocessing, given: Mapping[str, Any], levels: Mapping[str, Sequence[str]], place: int) -> Any:
    import keras

    parts: list[Any] = []
    for number, block in enumerate(made.plan["blocks"]):
        names = block["columns"]
        if block["kind"] == "numbers":
            together = [given[name] for name in names]
            numbers = keras.layers.Concatenate()(together) if len(together) > 1 else together[0]
            missing = keras.ops.isnan(numbers)
            means = keras.ops.convert_to_tensor(made.arrays[f"{number}.means"].astype("float32")[None])
            parts.append(keras.ops.where(missing, means, numbers))
            gaps = [int(one) for one in made.arrays[f"{number}.gaps"]]
            parts += [keras.ops.cast(missing[:, gap : gap + 1], "float32") for gap in gaps]
        else:
            parts += [
                _one_hot(given[name], levels[name], made.arrays[f"{number}.{at}"], width)
                for at, (name, width) in enumerate(zip(names, block["widths"], strict=True))
                if width
            ]
    joined = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    if not made.plan["whole"]:
        joined = _normalized(joined, made, place)
    padding = int(made.plan["padding"])
    return keras.ops.pad(joined, [[0, 0], [0, padding]]) if padding else joined


def _one_hot(texts: Any, levels: Sequence[str], places: Any, width: int) -> Any:
    """A row of a fixed table for each text: StringLookup numbers none 0, another text 1 and the levels from 2 on."""
    import keras
    import numpy as np

    other = "[UNK]"
    while other in levels:
        other += "_"
    lookup = keras.layers.StringLookup(vocabulary=list(levels), mask_token="", oov_token=other, num_oov_indices=1)
    codes = lookup(texts)
    # The places are those of an unseen category, of none, then of the levels.
    order = [1, 0, *range(2, len(places))]
    table = np.zeros((len(places), width), "float32")
    for row, code in enumerate(order):
        if places[code] >= 0:
            table[row, int(places[code])] = 1.0
    rows = keras.layers.Embedding(len(places), width, weights=[table], trainable=False)(codes)
    return keras.layers.Flatten()(rows)


def _of_array(made: Preprocessing, source: Any, place: int) -> Any:
    return _normalized(source, made, place) if "mean" in made.arrays else source


def _normalized(tensor: Any, made: Preprocessing, place: int) -> Any:
    import keras

    mean, scale = made.arrays["mean"], made.arrays["scale"]
    if len(mean) == 1 and made.plan["kind"] == "array":  # one mean and deviation for all numbers
        return keras.layers.Rescaling(1 / float(scale[0]), offset=-float(mean[0]) / float(scale[0]))(tensor)
    layer = keras.layers.Normalization(mean=mean, variance=scale**2, name=f"standardized_{place}")
    return layer(tensor)
