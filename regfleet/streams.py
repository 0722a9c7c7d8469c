"""Named random streams: one seed of a study feeds the split, the weights, the order and the noise apart.

A stream depends on the seed and its own name alone, so that adding a technique, a layer or a worker
moves no other draw.
"""

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """The generator named ``names`` (e.g. ``"weights", "dense_1"``) of a study's ``seed``."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def stream_int(seed: int, *names: str) -> int:
    """The stream's first number, in [0, 2³¹): a seed for a library that wants a small integer."""
    return int(stream(seed, *names).integers(2**31))
