"""Model files: those that Keras saved, damaged, or with another configuration inside."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from harness import in_process
from hostile import NAMES, mutated, other_values

if TYPE_CHECKING:
    from random import Random

    from harness import Case

KINDS = ("plain.keras", "branches.keras")
CLASSES = ("Lambda", "os.system", "Dense", "InputLayer", "Sequential", "Functional", "Embedding", "RNN", "", "Nothing")


def prepare(folder: Path) -> None:
    """A chain of layers and a graph of them, for Iris."""
    folder.mkdir()
    folder.chmod(0o777)
    ended = in_process(_save, folder, 120)
    if ended.code:
        raise SystemExit(f"the models of the fuzzer cannot be saved: {ended.err}")


def _save() -> None:
    layers = keras.layers
    end = layers.Dense(3, activation="softmax", name="end")
    keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dropout(0.3), end]).save(KINDS[0])
    given = keras.Input((4,))
    hidden = layers.Dense(8, activation="tanh", kernel_regularizer="l2")(given)
    joined = layers.Concatenate()([hidden, layers.BatchNormalization()(hidden)])
    keras.Model(given, layers.Dense(3, activation="softmax")(joined)).save(KINDS[1])


def play(case: Case) -> None:
    """Show the layers of a damaged model."""
    draw = case.draw
    name = draw.choice(KINDS)
    content = (case.seeds / name).read_bytes()
    damaged = mutated(draw, content, content) if draw.random() < 0.3 else _repacked(draw, content)
    (case.folder / "given.keras").write_bytes(damaged)
    shutil.rmtree(case.folder / "made", ignore_errors=True)
    case.command("show-model", "--model", "given.keras", *draw.choice(((), ("-t", "l2@all"), ("-t", "dropout(0.3)"))))
    if {one.name for one in case.folder.iterdir()} != {"given.keras"}:
        case.found("a model wrote a file", str([*case.folder.iterdir()]))


def _repacked(draw: Random, content: bytes) -> bytes:
    """The archive with another configuration or damaged weights, under good checksums."""
    packed, target = (
        io.BytesIO(),
        draw.choice(("config.json", "config.json", "config.json", "model.weights.h5", "metadata.json")),
    )
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", draw.choice((0, 8))) as new:
        for name in old.namelist():
            member = old.read(name)
            if name == target and name.endswith(".json"):
                member = _configured(draw, member)
            elif name == target:
                member = mutated(draw, member)
            if name != target or draw.random() < 0.95:
                new.writestr(name, member)
        if draw.random() < 0.1:
            new.writestr(draw.choice((*NAMES[:8], "../../x", "/x", target)), b"x")
    return packed.getvalue()


def _configured(draw: Random, member: bytes) -> bytes:
    tree: Any = json.loads(member)
    layers = tree.get("config", {}).get("layers") if isinstance(tree, dict) else None
    way = draw.random()
    if layers and way < 0.3:
        draw.choice(layers)["class_name"] = draw.choice(CLASSES)
    elif layers and way < 0.5:
        draw.choice(layers)["config"]["units"] = draw.choice((10**9, 30_000, -1, 0, 1e30, "x", None))
    elif layers and way < 0.6:
        draw.choice(layers)["config"]["name"] = draw.choice(NAMES)
    else:
        tree = other_values(draw, tree)
    return json.dumps(tree).encode("utf-8", "surrogatepass")
