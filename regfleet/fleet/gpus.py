"""How much of a GPU a worker gets, and how many workers the nodes of a cluster have room for."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regfleet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.cluster import Cluster
    from regfleet.fleet.interface import FleetSettings
    from regfleet.trials import Chunk

log = logging.getLogger("regfleet.fleet")

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


class Shares:
    """What the nodes of a cluster have room for, and the share of a GPU that a trial gets there."""

    def __init__(self, settings: FleetSettings, cluster: Cluster) -> None:
        """Take the user's share, or one that memory does not limit until `fit` knows how large the model is.

        Raises InputError for a share of GPUs that this machine does not have.
        """
        self._settings, self._cluster = settings, cluster
        has_gpus, given = any(node.get("GPU") for node in cluster.nodes), settings.gpus_per_trial
        if given and not has_gpus and not settings.address:
            raise InputError(f"--gpus-per-trial: expected 0 on a machine without a GPU; got {given:g}")
        self.chosen_here = given is None and has_gpus
        self.gpus_per_trial = share(0, None, cluster.nodes) if self.chosen_here else given or 0.0

    def fit(self, chunk: Chunk, dataset: Dataset) -> None:
        """Choose the share by the size of the chunk's model, as far as that is known, unless the user chose."""
        if self.chosen_here:
            needed, memory = worker_bytes(chunk, dataset), self._cluster.gpu_memory()
            self.gpus_per_trial = share(needed, memory, self._cluster.nodes)
            log.info("a worker needs %s bytes of a GPU's %s: a share of %.3g", needed, memory, self.gpus_per_trial)

    @property
    def room(self) -> Room:
        """What the nodes of the last look have room for; where the share was chosen here, CPUs beside GPUs count."""
        return room(self._cluster.nodes, self.gpus_per_trial, mixed=self.chosen_here)

    @property
    def workers(self) -> int:
        """Chunks that can run at once: as many as were asked for, or as the cluster has room for now."""
        # On a cluster what was asked for is what an autoscaler should see wanted, whatever stands there now.
        joined = self._settings.workers if self._settings.address else None
        return joined or max(1, self.room.gpu + self.room.cpu)

    @property
    def hosts(self) -> int:
        """Nodes with room for a trial."""
        rooms = (room([node], self.gpus_per_trial, mixed=self.chosen_here) for node in self._cluster.nodes)
        return sum(bool(one.gpu or one.cpu) for one in rooms)

    @property
    def gpus_are_lost(self) -> bool:
        """Whether no GPU is left where they were to be used beside CPUs."""
        return self.chosen_here and bool(self.room.cpu) and not self.room.gpu

    def missing(self) -> str:
        """What no node has that a trial needs, in words; empty when there is room."""
        if self.room.gpu or self.room.cpu:
            return ""
        needs_gpu = self.gpus_per_trial and not any(
            node.get("GPU", 0.0) >= self.gpus_per_trial for node in self._cluster.nodes
        )
        return f"{max(1, self.gpus_per_trial):g} GPU" if needs_gpu else "a CPU"
