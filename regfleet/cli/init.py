"""`regfleet init` and `regfleet schema`: study files and what an editor needs to help with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from regfleet import atomic
from regfleet.cli import options
from regfleet.cli.options import OUTPUT, switch
from regfleet.errors import InputError
from regfleet.paths import expanded, unwritable
from regfleet.running.output import tell


@options.with_settings()
def init(
    flags: dict[str, Any],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the file to write", metavar="FILE", rich_help_panel=OUTPUT)
    ] = Path("study.toml"),
    force: Annotated[bool, switch("overwrite the file", OUTPUT, "--force")] = False,
) -> None:
    """Write a commented study file from flags; `regfleet compare study.toml` runs it."""
    from regfleet.settings import commented

    text = commented(options.read(None, flags))
    out = expanded(out, "--out")
    try:
        if force and os.path.lexists(out) and (out.is_symlink() or not out.is_file()):
            raise InputError(f"--out: expected a file; got {out}, which is a link or no file")
        atomic.write(out, [text.encode()], new=not force)
    except FileExistsError:
        raise InputError(f"--out: expected a new file; got {out}, which exists. Overwrite it with --force") from None
    except OSError as problem:
        raise unwritable("--out", out, problem) from None
    tell(f"Wrote {out}. Run it with: regfleet compare {out}")


def schema() -> None:
    """Print the JSON schema of study files, for completion and checks in an editor."""
    from regfleet.settings import schema as text

    tell(text(), end="")
