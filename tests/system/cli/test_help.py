"""The command line before it does anything."""

from support.processes import python

COMMANDS = (
    "compare init schema datasets techniques show-model analyze plan report publish status submit jobs stop doctor "
    "fit predict diff check baseline merge"
)
HELP = """
import sys
from regfleet.cli import main
for arguments in (["--version"], ["--help"], *([name, "--help"] for name in sys.argv[1:])):
    sys.argv = ["regfleet", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, arguments
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {"tensorflow", "keras", "ray", "pandas", "scipy", "matplotlib", "sklearn", "pyarrow", "skrub"}


def test_help_imports_nothing_heavy(tmp_path):
    """Each command's help comes without a library that takes a second, the list of commands without the settings."""
    names = COMMANDS.split()
    done = python("-c", HELP, *names, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage") == 1 + len(names)
    loaded = [set(line.split()[1:]) for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert len(loaded) == 2 + len(names)
    assert all({"regfleet", "typer"} <= modules for modules in loaded)
    assert [modules & HEAVY for modules in loaded] == [set()] * len(loaded)
    assert [modules & {"pydantic"} for modules in loaded[:2]] == [set(), set()]
