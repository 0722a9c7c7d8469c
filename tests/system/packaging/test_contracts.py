"""The import contract between the stages, and that it can be broken."""

import shutil
import subprocess
import sys

import pytest


def _lint_imports(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_stages_keep_the_import_contract(root):
    """A stage imports the records, the errors and its own package; only the pipeline composes."""
    done = _lint_imports(root)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("metrics.py", "import regfleet.records"),
        ("results.py", "from regfleet.report import text"),
        ("models.py", "def late():\n    from regfleet import fleet"),
        ("newcomer.py", ""),
    ],
)
def test_contract_notices_a_breach(root, tmp_path, module, line):
    """An import upwards or across, also inside a function, or a module nobody placed breaks the contract."""
    shutil.copytree(root / "regfleet", tmp_path / "regfleet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    with (tmp_path / "regfleet" / module).open("a") as file:
        file.write(f"\n\n{line}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode == 1
    assert f"regfleet.{module.removesuffix('.py')}" in done.stdout.split("Broken contracts")[1]
