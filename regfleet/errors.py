"""Every error regfleet raises on purpose, and what a command ends with.

RegfleetError            exit code 2 unless said: something a person can mend
├── InputError           a flag, field or file is not what was expected
├── ResultsError         a results directory cannot be read or reused
│   └── StorageError     exit code 3: it cannot be written any more; what was finished is kept
├── FleetError           exit code 3: the cluster cannot be reached or was lost; results are kept
└── OutputError          exit code 3: standard output cannot be written; 141 when nobody reads it any more

The message of each is one line: the flag or field, what was expected, what was given.
"""

EXIT_CODES = {
    0: "done",
    1: "done, but trials failed, or check found a drop",
    2: "bad input, said in a line",
    3: "interrupted, or the machine or the cluster failed; what is finished is kept",
    70: "a mistake of regfleet's own; the line names a file that says where",
    141: "nobody reads the output any more",
}
"""What a command ends with, and nothing else. Memory that is not there and what the system refuses count as 3."""


class RegfleetError(Exception):
    """Base of the tree, of a message or several; ``exit_code`` is what the command line ends with."""

    exit_code = 2

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class InputError(RegfleetError):
    """A flag, a field or an input file is not what was expected."""


class ResultsError(RegfleetError):
    """A results directory cannot be read or reused."""


class StorageError(ResultsError):
    """Results cannot be written any more: the disk is full, the bucket refuses; what was finished is kept."""

    exit_code = 3


class FleetError(RegfleetError):
    """The cluster cannot be reached or was lost; what was finished is kept."""

    exit_code = 3


class OutputError(RegfleetError):
    """Standard output cannot be written; without a message when nobody reads it, which is said to nobody."""

    def __init__(self, message: str = "") -> None:
        super().__init__(*filter(None, [message]))
        self.exit_code = 3 if message else 141
