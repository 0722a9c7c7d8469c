"""How long until every variant is settled or cannot be, with seeds added where they settle something and fixed ones.

    python benchmarks/verdicts.py [--quick] [--only WORD] [--seeds 100] [--out FOLDER] [--json FILE]

Each study is trained once on as many fixed seeds as the largest way asks for, and kept in FOLDER, so that another run
of this goes on with it. What each way would have trained is read off those trials: a trial is the same, bit for bit,
whichever way asks for it. Beside the verdicts stand trials and seconds of training, start and report apart.

- racing: `--seeds auto`; a variant stops when it is settled, or when the last look would hardly settle it;
- looks: the same looks, where a variant stops when it is settled or no number of seeds can settle it;
- 10 and 100: fixed seeds, each variant on all of them.

A hundred seeds take an hour or more on one core. In pieces: ``--only`` takes one study, and every study is trained on
30 seeds first, which is as far as looks go, and only then on the others; whatever is stopped goes on with what FOLDER
has. ``--seeds 30`` leaves it at that. ``--quick`` trains a tenth of the epochs on 30 seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.analysis import take_look
from regfleet.analysis.summary import DatasetSummary
from regfleet.concluding.judge import read_results
from regfleet.concluding.looks import Seeds, analysed, take_looks, within
from regfleet.planning.resolved import Resolved, resolve
from regfleet.report.verdicts import VERDICTS
from regfleet.results import Stored
from regfleet.running.run import run
from regfleet.settings import read_study

OTHERS = (
    "dropout(0.2)",
    "dropout(0.5)",
    "l2(0.001)",
    "l1(0.001)",
    "batchnorm",
    "labelsmoothing(0.1)",
    "noise(0.1)",
    "maxnorm",
)
TABLE = {
    "model": {"hidden": [64, 32]},
    "training": {"epochs": 30, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.003},
    "variant": [{"technique": name} for name in OTHERS],
}
STUDIES: dict[str, dict[str, Any]] = {
    "the article": {"data": ["iris"]},
    "digits": TABLE | {"data": ["digits"]},
    "breast cancer": TABLE | {"data": ["breast_cancer"]},
    "wine": TABLE | {"data": ["wine"]},
}
LOOKED_AT = 30
"""Seeds of the last look, at 60/20/20."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """What a way to choose seeds came to: those of each variant, and what they say."""

    seeds: Seeds
    dataset: DatasetSummary


def fixed(resolved: Resolved, results: Stored, seeds: int) -> Way:
    """Each variant on the first ``seeds`` seeds."""
    each = dict.fromkeys(resolved.names, seeds)
    rows = within(results.trials, each)
    (dataset,) = analysed(resolved, rows, None, predicted(resolved, results), resolved.question).datasets
    return Way(each, dataset)


def racing(resolved: Resolved, results: Stored) -> Way:
    """What `--seeds auto` comes to with these trials, which it asks for look by look."""
    (name,) = resolved.study.names
    found = take_looks(
        resolved, results.trials, resolved.looks[name], predicted(resolved, results), results.trials.iloc[:0]
    )
    rows = within(results.trials, found.analysed)
    (dataset,) = analysed(resolved, rows, None, predicted(resolved, results), found.question).datasets
    return Way(found.analysed, dataset)


def looking(resolved: Resolved, results: Stored) -> Way:
    """The same looks, where nothing stops that some number of seeds might settle."""
    (name,) = resolved.study.names
    planned = resolved.looks[name]
    asked = dict.fromkeys(resolved.names, planned[0])
    number = 1
    while True:
        now = replace(resolved.question, look=number, looks=len(planned), planned=planned)
        rows = within(results.trials, asked)
        (dataset,) = analysed(resolved, rows, None, predicted(resolved, results), now).datasets
        look = take_look(dataset, now, planned, racing=False)
        if look.next_seeds is None:
            return Way(asked, dataset)
        asked |= dict.fromkeys(look.running, look.next_seeds)
        number += 1


def predicted(resolved: Resolved, results: Stored) -> Any:
    """The predictions of a data set's test rows."""
    return partial(results.predicted, at=resolved.question.at)


def train(fields: dict[str, Any], out: Path, seeds: int, *, quick: bool) -> None:
    """Train a study in this process, as far as ``out`` does not hold it yet."""
    training = fields.get("training", {})
    if quick:
        training = training | {"epochs": max(2, training.get("epochs", 350) // 10)}
    run(read_study(fields | {"training": training, "seeds": str(seeds), "references": "no"}), out, in_process=True)


def compared(out: Path, most: int) -> tuple[list[Row], list[Row]]:
    """What each way takes, and what it says of each variant."""
    resolved, results = read_results(out)
    adding = resolve(resolved.study.model_copy(update={"seeds": ()}), resolved.data)
    (planned,) = adding.looks.values()
    ways = {f"{seeds} seeds": fixed(resolved, results, seeds) for seeds in (10, most)}
    ways |= {"looks": looking(adding, results), "racing": racing(adding, results)}
    done = results.trials.assign(net=results.trials["seconds"] - results.trials["trace_seconds"].fillna(0))
    each = done.groupby("variant")["net"].median()
    costs: list[Row] = []
    for name, way in ways.items():
        verdicts = [row.comparison.verdict for row in way.dataset.variants if row.comparison]
        took = sum(float(each[variant]) * seeds for variant, seeds in way.seeds.items())
        costs.append(
            {"way": name, "trials": sum(way.seeds.values()), "seconds": round(took, 1)}
            | {word: verdicts.count(word) for word in VERDICTS}
        )
    of_all = costs[1]["seconds"]
    costs = [cost | {f"share of {most} seeds": round(cost["seconds"] / of_all, 3)} for cost in costs]
    said: list[Row] = []
    for row in ways["racing"].dataset.variants:
        line: Row = {"variant": row.label}
        for name, way in ways.items():
            one = next(other.comparison for other in way.dataset.variants if other.name == row.name)
            line[name] = f"{one.verdict if one else 'control'} ({way.seeds[row.name]})"
        said.append(line)
    return costs, [{"looks at": ", ".join(map(str, planned))} | line for line in said]


def table(rows: list[Row]) -> str:
    """``rows`` as a Markdown table."""
    names = list(rows[0])
    lines = [[str(row[name]) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *lines])


def main() -> None:
    """Train what is missing, print the tables, and write them as JSON if asked."""
    parser = argparse.ArgumentParser(description="How long until every variant is settled or cannot be.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs, 30 seeds")
    parser.add_argument("--only", default="", metavar="WORD", help="studies whose name has it")
    parser.add_argument("--seeds", type=int, default=100, help="of the largest fixed way, 30 at least")
    parser.add_argument("--out", type=Path, help="keep the trials here")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    arguments = parser.parse_args()
    most = LOOKED_AT if arguments.quick else max(LOOKED_AT, arguments.seeds)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, fields in STUDIES.items():
            if arguments.only not in name:
                continue
            out = (arguments.out or Path(folder)) / name.replace(" ", "-")
            for seeds in dict.fromkeys((LOOKED_AT, most)):
                train(fields, out, seeds, quick=arguments.quick)
                costs, said = compared(out, seeds)
                found[name] = {"cost": costs, "verdicts": said}
                print(f"{name}\n\n{table(costs)}\n\n{table(said)}\n", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
