"""Results of other tools, read without the tools: a file each, the runs they hold, and the table that is judged."""

from regfleet.readers.arrange import Arranged, arrange
from regfleet.readers.asked import Asked
from regfleet.readers.registry import find
from regfleet.readers.runs import Runs
from regfleet.readers.source import Source
from regfleet.readers.table import runs_of

__all__ = ["Arranged", "Asked", "Runs", "Source", "arrange", "find", "runs_of"]
