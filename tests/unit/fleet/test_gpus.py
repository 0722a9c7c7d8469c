"""Shares of a GPU, from memory, model and CPUs; expectations are worked out by hand."""

from dataclasses import replace

import pytest

from regfleet.fleet import gpus

GIB = 2**30
NODE = {"CPU": 16.0, "GPU": 2.0}


def test_the_memory_of_a_worker_is_counted(chunk, data):
    """2 features, 512 and 256 units, 2 classes: 1536 + 131,328 + 514 weights, six times, and 4 rows of 774 numbers.

    Trials side by side need that much each.
    """
    trial = 4 * (6 * (3 * 512 + 513 * 256 + 257 * 2) + 4 * (2 + 2 + 512 + 256 + 2))
    assert gpus.worker_bytes(chunk, data["iris"]) == 2_000_000_000 + trial
    assert gpus.worker_bytes(replace(chunk, stack=32), data["iris"]) == 2_000_000_000 + 32 * trial


def test_a_model_of_the_users_own_is_not_guessed(chunk, data):
    """Nobody knows what it needs before it runs, so it gets a whole GPU."""
    own = replace(chunk, model=replace(chunk.model, hidden=(), activations=(), source="package.module:build"))
    assert gpus.worker_bytes(own, data["iris"]) is None
    assert gpus.share(None, 80 * GIB, [NODE]) == 1.0


@pytest.mark.parametrize(
    ("needed", "memory", "node", "expected"),
    [
        (1 * GIB, 80 * GIB, NODE, 1 / 8),  # 72 fit, 8 CPUs feed each GPU, and 8 are the most
        (4 * GIB, 16 * GIB, NODE, 1 / 3),  # nine tenths of 16 hold three times 4
        (30 * GIB, 16 * GIB, NODE, 1.0),  # it does not fit, and is tried alone
        (1 * GIB, 80 * GIB, {"CPU": 4.0, "GPU": 2.0}, 1 / 2),  # two CPUs for each
        (1 * GIB, 80 * GIB, {"CPU": 1.0, "GPU": 4.0}, 1.0),
        (1 * GIB, None, NODE, 1 / 8),  # no driver that says how large it is
    ],
)
def test_as_many_trials_share_a_gpu_as_fit_and_can_be_fed(needed, memory, node, expected):
    """Memory, CPUs or eight: the least of them decides."""
    assert gpus.share(needed, memory, [{"CPU": 64.0}, node]) == expected


@pytest.mark.parametrize(
    ("share", "mixed", "expected"),
    [
        (0.5, False, (4, 0)),
        (0.5, True, (4, 6)),
        (0.3, False, (6, 0)),  # three on each: the tenth that is left of two GPUs is no share
        (2.0, False, (1, 0)),
        (0.125, False, (8, 0)),  # sixteen by GPU, but eight CPUs
        (0.0, False, (0, 14)),
        (0.0, True, (0, 14)),
    ],
)
def test_room_is_counted_node_by_node(share, mixed, expected):
    """A node of 8 CPUs and 2 GPUs beside one of 6 CPUs."""
    room = gpus.room([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 6.0}, {}], share, mixed=mixed)
    assert (room.gpu, room.cpu) == expected
