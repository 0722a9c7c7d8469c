"""The command line from a bare checkout: ``python -m regfleet``."""

from regfleet.cli import main

if __name__ == "__main__":
    main()
