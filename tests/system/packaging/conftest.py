"""The distributions under test, built once."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import ROOT


@dataclass(frozen=True)
class Built:
    """What `python -m build` made of the checkout, and the wheel installed apart from it."""

    wheel: Path
    sdist: Path
    wheel_from_sdist: Path
    installed: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheel, the sdist, the wheel made from the sdist, and a folder that the wheel is installed into."""
    direct, indirect = tmp_path_factory.mktemp("direct"), tmp_path_factory.mktemp("indirect")
    installed = tmp_path_factory.mktemp("installed")
    for options in (["--wheel", "--outdir", direct], ["--outdir", indirect]):
        _run("build", "--no-isolation", *options, ROOT)
    (wheel,) = direct.glob("*.whl")
    _run("pip", "install", "--quiet", "--no-deps", "--no-index", "--target", installed, wheel)
    return Built(wheel, *indirect.glob("*.tar.gz"), *indirect.glob("*.whl"), installed)


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT


def _run(module: str, *arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
