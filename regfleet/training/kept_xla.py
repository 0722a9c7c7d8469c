"""Programs that XLA compiled for a GPU, kept on disk: the next process finds them and compiles nothing."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

FLAGS, FLAG = "TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory"
DRIVER = Path("/proc/driver/nvidia/version")
"""There where NVIDIA's driver is."""


def keep_compiled() -> str:
    """Let TensorFlow, which was not imported yet, keep what XLA compiles for a GPU, and return in which folder.

    That is one for each version of TensorFlow in the user's cache; empty where there is no GPU, where the user's flags
    name a folder, and where none can be written that is this user's alone: what is read from there is run.
    """
    flags = os.environ.get(FLAGS, "")
    if FLAG in flags or not DRIVER.exists():
        return ""
    folder = _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat()
    except OSError:
        return ""
    alone = owner.st_uid == os.getuid() and not owner.st_mode & 0o022
    if not alone or not os.access(folder, os.W_OK | os.X_OK) or any(letter.isspace() for letter in str(folder)):
        return ""
    os.environ[FLAGS] = f"{flags} {FLAG}={folder}".strip()
    return str(folder)


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(home) if Path(home).is_absolute() else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 - no home is no error
    return cache / "regfleet" / "xla" / version("tensorflow")
