"""The import contract between the packages, and that it can be broken."""

import shutil
import subprocess
import sys


def _lint_imports(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_packages_keep_the_import_contract(root):
    """A package imports what stands below it."""
    done = _lint_imports(root)
    assert done.returncode == 0, done.stdout


BREACHES = {
    "metrics.py": "import regfleet.settings",
    "results/store.py": "from regfleet.report import page",
    "training/fused.py": "def late():\n    from regfleet import fleet",
    "newcomer.py": "",
}


def test_contract_notices_a_breach(root, tmp_path):
    """An import upwards or across, also inside a function, or a module nobody placed breaks the contract."""
    shutil.copytree(root / "regfleet", tmp_path / "regfleet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    for module, line in BREACHES.items():
        with (tmp_path / "regfleet" / module).open("a") as file:
            file.write(f"\n\n{line}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode == 1
    told = done.stdout.split("Broken contracts")[1]
    assert [one for one in BREACHES if f"regfleet.{one.removesuffix('.py').replace('/', '.')}" not in told] == []
