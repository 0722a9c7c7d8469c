"""Tasks and a cluster that do what a test says: a stream of Ray's answers without Ray."""

import time

from regfleet.fleet.tasks import Loss
from regfleet.fleet.worker import Beginning
from regfleet.trials import Outcome


def done(chunk):
    """The outcomes of a chunk whose trials are all done."""
    return tuple(Outcome(trial, "done", "test", seconds=0.1) for trial in chunk.trials)


class ScriptedTasks:
    """Tasks that give the messages of ``script(attempt)`` one after the other, then nothing.

    ``started`` lists every attempt with its share of a GPU, ``at`` the workers that got them, ``most`` is how many were
    on their way at once.
    """

    def __init__(self, script=lambda attempt: [Beginning(1, "node"), done(attempt.chunk)]):
        self._script, self._messages = script, {}
        self.started, self.at, self.most, self._free, self.asked = [], [], 0, {}, []
        self.late, self.renewed = set(), 0

    def free(self, gpu_share):
        """Those that gave their outcomes."""
        return [(worker, "node") for worker, share in self._free.items() if share == gpu_share]

    def coming(self):
        """Nobody is waited for, but those that a test names."""
        return self.late

    def give(self, worker):
        """One more that has nothing to do."""
        self._free[worker] = 0.0

    def start(self, attempt, gpu_share, worker):
        """Take the attempt's messages from the script."""
        handle = len(self.started)
        worker = worker or f"worker {handle}"
        self._free.pop(worker, None)
        self.started.append((attempt, gpu_share))
        self.at.append(worker)
        self._messages[handle] = list(self._script(attempt))
        return handle, worker

    def drop(self, worker):
        """It is gone."""
        self._free.pop(worker, None)

    def renew(self):
        """Count."""
        self.renewed += 1

    def ask(self, more, gpu_share):
        """Note what was asked for."""
        self.asked.append((more, gpu_share))

    def leave(self):
        """Nobody stops early."""

    def ready(self, handles):
        """Those with a message left."""
        self.most = max(self.most, len(handles))
        return [handle for handle in handles if self._messages[handle]]

    def message(self, handle):
        """The next one."""
        message = self._messages[handle].pop(0)
        if not isinstance(message, Beginning | Loss):
            self._free[self.at[handle]] = self.started[handle][1]
        return message

    def end(self, reason):
        """Let every task that has nothing left to say lose its worker."""
        for messages in self._messages.values():
            if not messages:
                messages.append(Loss(reason))


class ScriptedCluster:
    """Nodes with these resources; ``losses`` says when which was seen to be lost, ``ended`` lists ended processes."""

    def __init__(self, *nodes, tasks=None):
        self.nodes = nodes or ({"CPU": 2.0},)
        self.losses, self.ended, self.looks = {}, [], 0
        self._tasks = tasks

    def lost_at(self, node):
        """When the node was lost."""
        return self.losses.get(node) if node else max(self.losses.values(), default=None)

    def heard(self):
        """Nobody gives up here."""

    def look(self, missing):
        """Let time pass, and count the looks, as a driver that goes on for ever would hang its test."""
        time.sleep(0.001)
        self.looks += 1
        assert self.looks < 1000, f"the driver does not come to an end; missing: {missing() or 'nothing'}"

    def end(self, pid, node):
        """End a process: its task says so."""
        self.ended.append((pid, node))
        self._tasks.end("WorkerCrashedError: ended")
        return True

    def gpu_memory(self):
        """No GPU says how large it is."""
