"""How much of a GPU a worker gets, and how many workers the nodes of a cluster have room for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regfleet.data.dataset import Dataset
    from regfleet.trials import Chunk

CONTEXT_BYTES = 2_000_000_000
"""What a process that uses TensorFlow holds on a GPU before its first number, and the programs that it keeps."""
COPIES_OF_WEIGHTS = 6
"""Values, gradients, the optimizer's two slots, the best and the last epoch's values."""
USABLE = 0.9
MOST_PER_GPU = 8


@dataclass(frozen=True, slots=True)
class Room:
    """Chunks that the living nodes can run at once: on a share of a GPU, and on CPUs of nodes without one."""

    gpu: int
    cpu: int


def worker_bytes(chunk: Chunk, dataset: Dataset) -> int | None:
    """Bytes on a GPU for the trials of the chunk that run side by side; None for a model of the user's own."""
    if chunk.model.source:
        return None
    features, outputs = int(math.prod(np.shape(dataset.features)[1:])), max(1, len(dataset.classes))
    weights, units = chunk.model.weights(features, outputs), features + sum(chunk.model.hidden) + outputs
    # A GPU evaluates all rows at once, and keeps them there.
    numbers = COPIES_OF_WEIGHTS * weights + len(dataset.target) * (features + units)
    return CONTEXT_BYTES + 4 * chunk.stack * numbers


def share(needed: int | None, memory: int | None, nodes: Iterable[Mapping[str, float]]) -> float:
    """The share of a GPU for a worker that needs so many bytes of its memory, 1 / n or 1.

    As many workers on a GPU as fit in its memory and as there are CPUs to feed it, eight at most. What needs an unknown
    amount gets a whole GPU. ``nodes``: their resources.
    """
    if needed is None:
        return 1.0
    feeding = min((node["CPU"] / node["GPU"] for node in nodes if node.get("GPU") and node.get("CPU")), default=1.0)
    fitting = MOST_PER_GPU if memory is None else USABLE * memory / needed
    return 1 / max(1, math.floor(min(feeding, fitting, MOST_PER_GPU)))


def room(nodes: Iterable[Mapping[str, float]], gpus_per_trial: float, *, mixed: bool) -> Room:
    """The room on nodes with these resources; with ``mixed``, nodes without a GPU run trials too, on their CPUs."""
    gpu = cpu = 0
    for node in nodes:
        cpus, gpus = int(node.get("CPU", 0)), node.get("GPU", 0.0)
        if gpus_per_trial and gpus:
            # A whole number of trials on each GPU: a share is never put together from two.
            each = math.floor(1 / gpus_per_trial + 1e-9) if gpus_per_trial <= 1 else 1 / gpus_per_trial
            gpu += min(cpus, math.floor(gpus * each + 1e-9))
        elif mixed or not gpus_per_trial:
            cpu += cpus
    return Room(gpu, cpu)
