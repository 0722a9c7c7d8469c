"""The command line: each command parses, calls one function, prints."""

from regfleet.cli.app import main

__all__ = ["main"]
