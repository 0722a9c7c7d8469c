"""The four ways to have regfleet hold the same files and start."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import regfleet


def _files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _start(*command: str, folder: Path, path: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_wheel_holds_package_and_templates(built, root):
    """The wheel holds every file of the package and of templates/, byte for byte, and its licence."""
    files = _files(built.wheel)
    for folder, place in (("regfleet", "regfleet"), ("templates", "regfleet/templates")):
        for path in (root / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert files[f"{place}/{path.relative_to(root / folder).as_posix()}"] == path.read_bytes()
    assert "regfleet/templates/report.html.j2" in files
    assert any(name.endswith("licenses/LICENSE") for name in files)


def test_wheel_holds_nothing_else(built):
    """Beside the package the wheel holds its own metadata: no tests, benchmarks, examples or reports."""
    assert {name.split("/")[0] for name in _files(built.wheel)} == {
        "regfleet",
        f"regfleet-{regfleet.__version__}.dist-info",
    }


def test_wheel_from_sdist_is_the_same(built):
    """A wheel built from the sdist has the same content as one built from the checkout."""
    assert _files(built.wheel_from_sdist) == _files(built.wheel)


def test_sdist_holds_what_its_tests_need(built):
    """The sdist holds the tests and all they read, and no results of a study."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "cluster.yaml",
        "constraints.txt",
        ".ci/run",
        "templates/report.html.j2",
        "examples/cluster-on-premises.yaml",
        "tests/system/packaging/test_distributions.py",
    }
    assert any(name.startswith("benchmarks/") for name in names)
    assert not any(name.startswith("reports/") for name in names)


def test_installed_wheel_runs_without_the_checkout(built, tmp_path):
    """The installed wheel says its version with the checkout out of the way, and finds its templates beside itself."""
    said = _start("-m", "regfleet", "--version", folder=tmp_path, path=str(built.installed))
    assert regfleet.__version__ in said
    place = _start("-c", "import regfleet; print(regfleet.__file__)", folder=tmp_path, path=str(built.installed))
    assert Path(place) == built.installed / "regfleet" / "__init__.py"
    assert (built.installed / "regfleet" / "templates" / "report.html.j2").is_file()


def test_installed_command_starts(built, tmp_path):
    """The wheel brings a `regfleet` command that says the same version."""
    command = str(built.installed / "bin" / "regfleet")
    assert regfleet.__version__ in _start(command, "--version", folder=tmp_path, path=str(built.installed))


def test_bare_checkout_runs(root):
    """`python -m regfleet` runs from a checkout that nobody installed."""
    assert regfleet.__version__ in _start("-m", "regfleet", "--version", folder=root)


def test_checkout_has_no_second_templates(root):
    """Templates live in one place: a folder regfleet/templates in the checkout would hide the real one."""
    assert not (root / "regfleet" / "templates").exists()
