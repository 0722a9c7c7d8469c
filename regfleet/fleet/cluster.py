"""The cluster as the driver sees it: who is there, what is missing, and ending a worker that hangs."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.errors import FleetError
from regfleet.fleet import worker
from regfleet.fleet.joining import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("regfleet.fleet")


class Cluster:
    """The nodes of the last look, at most five seconds old, and whether anything can run on them.

    ``wait``: seconds without a worker after which `look` gives up; None: never. ``note`` hears what the user should
    know.
    """

    def __init__(self, wait: float | None, note: Callable[[str], object]) -> None:
        import ray

        self._wait, self._note = wait, note
        self._head: str = ray.get_runtime_context().gcs_address
        self._looked = self._answered = self._sign = time.monotonic()
        self._last = ""
        self._nodes: dict[str, Mapping[str, float]] = {}
        self._lost: dict[str, float] = {}
        self._refresh()

    @property
    def nodes(self) -> tuple[Mapping[str, float], ...]:
        """The resources of each living node."""
        return tuple(self._nodes.values())

    def lost_at(self, node: str) -> float | None:
        """When a node was seen to be gone, for "" the last that is; None while it is there."""
        return self._lost.get(node) if node else max(self._lost.values(), default=None)

    def heard(self) -> None:
        """Something runs."""
        self._sign = time.monotonic()

    def look(self, missing: Callable[[], str]) -> None:
        """Look again if it is time, and say what is missing; ``missing`` says what no node has, or nothing.

        Raises FleetError when the head is lost, or nothing has run for as long as the user would wait.
        """
        now = time.monotonic()
        if now - self._looked < patience.SECONDS.look:
            return
        self._looked = now
        if not answers(self._head):
            self._tell(f"the head of the cluster at {self._head} does not answer")
            if now - self._answered > patience.SECONDS.head:
                raise FleetError(
                    f"the head of the cluster at {self._head} has not answered for {now - self._answered:.0f} s"
                )
            return
        self._answered = now
        self._refresh()
        lacking, silent = missing(), now - self._sign > patience.SECONDS.silence
        if lacking:
            self._tell(f"waiting: no node of the cluster has {lacking}")
        elif silent:
            self._tell(
                f"waiting: no trial has begun for {patience.SECONDS.silence:.0f} s; other work may hold every "
                "CPU or GPU"
            )
        elif self._last and now - self._sign < patience.SECONDS.look:
            self._note("trials run again")
            self._last = ""
        if self._wait is not None and (lacking or silent) and now - self._sign > self._wait:
            lack = f"; no node has {lacking}" * bool(lacking)
            raise FleetError(f"--wait: no trial could run for {self._wait / 60:g} min{lack}")

    def end(self, pid: int, node: str) -> bool:
        """End a process on a node; False when it is gone already, or its node does not answer."""
        return bool(self._ask(node, worker.end, pid))

    def gpu_memory(self) -> int | None:
        """Bytes of memory of the smallest GPU; None when no node knows."""
        known = (self._ask(node, worker.gpu_memory) for node, has in self._nodes.items() if has.get("GPU"))
        return min((size for size in known if size), default=None)

    def _ask(self, node: str, function: Callable[..., Any], *arguments: object) -> Any:
        import ray
        from ray.exceptions import RayError
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node, soft=False)
        task = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
        try:
            return ray.get(task.remote(*arguments), timeout=patience.SECONDS.node)
        except RayError as problem:
            log.warning("node %s does not answer: %s", node[:8], type(problem).__name__)
            return None

    def _refresh(self) -> None:
        import ray

        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        for gone in self._nodes.keys() - nodes.keys():
            log.warning("node %s is gone", gone[:8])
            self._lost[gone] = time.monotonic()
        for new in nodes.keys() - self._nodes.keys():
            log.info("node %s, %s, is there", new[:8], nodes[new]["NodeManagerHostname"])
        self._nodes = {name: node["Resources"] for name, node in sorted(nodes.items())}

    def _tell(self, text: str) -> None:
        if text != self._last:
            self._last = text
            log.warning("%s", text)
            self._note(text)
