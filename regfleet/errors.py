"""Every error regfleet raises on purpose.

RegfleetError            exit code 2 unless said: something a person can mend
├── InputError           a flag, field or file is not what was expected
├── ResultsError         a results directory cannot be read or reused
│   └── StorageError     exit code 3: it cannot be written any more; what was finished is kept
└── FleetError           exit code 3: the cluster cannot be reached or was lost; results are kept

The message of each is one line: the flag or field, what was expected, what was given.
"""


class RegfleetError(Exception):
    """Base of the tree; ``exit_code`` is what the command line ends with."""

    exit_code = 2


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
