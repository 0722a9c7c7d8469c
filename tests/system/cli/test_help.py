"""The command line before it does anything."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "ray", "pandas", "scipy", "matplotlib", "sklearn", "pyarrow")


COMMANDS = (
    "compare init schema datasets techniques show-model analyze plan report publish status submit jobs stop doctor"
)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS.split())])
def test_help_imports_nothing_heavy(command):
    """Each command's help comes without a library that takes a second, the list of commands without the settings."""
    heavy = HEAVY if command else (*HEAVY, "pydantic")
    code = (
        f"import sys; sys.argv = ['regfleet', *{command!r}, '--help']\n"
        "from regfleet.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('HEAVY', sorted({{name.partition('.')[0] for name in sys.modules}} & set({heavy!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"
