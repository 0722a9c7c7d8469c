"""The one writer of a results directory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.records import Outcome, Variant
from regfleet.results.files import write_table
from regfleet.results.schema import history_table, trial_row, trial_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Store:
    """The one writer of a results directory."""

    path: Path
    variants: Mapping[str, Variant]

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes as one part of histories and one of trials, the second being the commit."""
        import pyarrow as pa

        name = (
            f"part-{hashlib.sha256(''.join(sorted(o.trial.key for o in outcomes)).encode()).hexdigest()[:16]}.parquet"
        )
        rows = [trial_row(outcome, self.variants[outcome.trial.variant]) for outcome in outcomes]
        tables = [history_table(outcome) for outcome in outcomes if outcome.status != "failed"]
        if tables:
            write_table(self.path / "histories" / name, pa.concat_tables(tables))
        write_table(self.path / "trials" / name, pa.Table.from_pylist(rows, schema=trial_schema()))

    def set_aside(self, problems: Sequence[str]) -> list[str]:
        """Rename our own parts that cannot be read, so that each is named once; says what was done with each file."""
        said = []
        for problem in problems:
            part = self.path / problem.split(" ", 1)[0]
            torn = part.name.startswith("part-")
            if torn:
                part.rename(part.with_suffix(".torn"))
            said.append(
                f"{problem}; {'set aside as ' + part.with_suffix('.torn').name if torn else 'left where it is'}"
            )
        return said
