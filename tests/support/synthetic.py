"""Synthetic studies for the report's tests: invented trials, judged by the real analysis, the same on every run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from regfleet import analysis
from regfleet.report.conclusion import Conclusion, Failure, StudyFacts
from regfleet.results import Provenance
from regfleet.settings import Training
from regfleet.settings.values import Family, Variant

CONTROL, CONTROL_32 = "none", "none[batch_size=32]"
HOSTILE = (
    "</script><script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "{{7*7}}",
    r"$\frac{1}{0}$",
    "_leading",
    '=HYPERLINK("http://evil.example")',
    "javascript:alert(1)",
    "正則化なし",
    "🔥 dropout",
    "تنظيم \u202eمعكوس",
    "long " * 40,
)
Entry = tuple[Variant, float]


def variant(name: str, label: str, control: str | None = CONTROL, *, family: Family | None = None) -> Variant:
    """A variant; of a sweep the number in the brackets of its name is its value."""
    value = float(name.partition("(")[2].partition(")")[0]) if family else math.nan
    size = 32 if "32" in name else 128
    return Variant(name, label, (), Training(epochs=350, batch_size=size), control, family, value)


def article() -> tuple[Entry, ...]:
    """The article's nine variants with their second control, and what each adds to accuracy here."""
    return (
        (variant(CONTROL, "No regularization", None), 0.0),
        (variant("l1(0.01)@first", "L1, first layer (λ = 0.01)"), 0.002),
        (variant("l1(0.01)@all", "L1, all layers (λ = 0.01)"), -0.012),
        (variant("l2(0.01)@first", "L2, first layer (λ = 0.01)"), 0.004),
        (variant("l2(0.01)@all", "L2, all layers (λ = 0.01)"), 0.001),
        (variant("dropout(0.5)@first", "Dropout, first layer (rate 0.5)"), 0.02),
        (variant("dropout(0.5,0.5,0.5,0.3)@1,2,3,4", "Dropout, layers 1–4 (rate 0.5/0.5/0.5/0.3)"), 0.045),
        (variant("batchnorm(0.99)@2[batch_size=32]", "Batch norm, layer 2", CONTROL_32), -0.01),
        (variant("batchnorm(0.99)@all[batch_size=32]", "Batch norm, all layers", CONTROL_32), -0.12),
        (variant(CONTROL_32, "No regularization, batch 32", None), 0.005),
    )


def many(number: int) -> tuple[Entry, ...]:
    """``number`` variants besides the control, six of them a sweep."""
    family = Family(
        "l2(1e-05|0.0001|0.001|0.01|0.1|1)@all", "L2, all layers (λ 1e-05 … 1)", "L2, all layers, tuned (λ 1e-05 … 1)"
    )
    sweep = tuple(
        (variant(f"l2({10.0**power:g})@all", f"L2, all layers (λ = {10.0**power:g})", family=family), effect)
        for power, effect in zip(range(-5, 1), (0.0, 0.004, 0.01, 0.02, 0.004, -0.2), strict=True)
    )
    rates = [n / (number - 5) for n in range(1, number - 5)]
    rest = tuple(
        (variant(f"dropout({rate:g})@all", f"Dropout, all layers (rate {rate:.3g})"), 0.03 - 0.1 * rate)
        for rate in rates
    )
    return (article()[0], *sweep, *rest)


def _trials(
    dataset: str, entries: tuple[Entry, ...], seeds: int, lost: dict[str, int | None], draw: np.random.Generator
) -> pd.DataFrame:
    rows = 300
    base = draw.normal(0.90, 0.02, seeds)
    frames = []
    for entry, effect in entries:
        score = np.round(rows * np.clip(base + effect + draw.normal(0, 0.012, seeds), 0, 1)) / rows
        train = np.clip(0.995 - 0.5 * abs(effect) + draw.normal(0, 0.004, seeds), 0, 1)
        gone = np.arange(seeds) < (lost.get(entry.name) or 0)
        status = np.where(gone, np.where(np.arange(seeds) % 2, "diverged", "failed"), "done")
        frames.append(
            pd.DataFrame(
                {
                    "key": [f"{dataset}-{entry.name}-{seed}" for seed in range(seeds)],
                    "dataset": dataset,
                    "variant": entry.name,
                    "seed": np.arange(seeds),
                    "status": status,
                    "n_train": 3 * rows,
                    "n_val": rows,
                    "n_test": rows,
                    "best_epoch": 100 + 10 * (np.arange(seeds) % 9),
                    "seconds": 3.5,
                    **{f"{when}_train_accuracy": train for when in ("last", "best")},
                    **{f"{when}_val_accuracy": score - 0.004 for when in ("last", "best")},
                    **{f"{when}_test_accuracy": score for when in ("last", "best")},
                    **{
                        f"{when}_{rows_}_cross_entropy": 1.2 - score
                        for when in ("last", "best")
                        for rows_ in ("train", "val", "test")
                    },
                    "error": np.where(gone, "MemoryError: cannot <allocate>", ""),
                    "traceback": np.where(gone, 'Traceback (most recent call last):\n  File "<x>"\nMemoryError', ""),
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    scores = [column for column in frame if str(column).startswith(("last_", "best_"))]
    frame[scores] = frame[scores].where(frame["status"] == "done")
    return frame


def _histories(trials: pd.DataFrame, epochs: int, draw: np.random.Generator) -> pd.DataFrame:
    """Curves that rise to each trial's scores, of at most eight seeds; deep batch norm lags in inference mode."""
    epoch = np.arange(1, epochs + 1)
    rise = 1 - np.exp(-epoch / max(epochs / 12, 1))
    lagging = rise / (1 + np.exp(-(epoch - epochs / 3) / (epochs / 15)))
    frames = []
    done = trials[(trials["status"] == "done") & (trials["seed"] < 8)]
    for row in done.itertuples():
        columns: dict[str, Any] = {"dataset": row.dataset, "variant": row.variant, "seed": row.seed, "epoch": epoch}
        for prefix, level in (
            ("", row.last_train_accuracy),
            ("train_", row.last_train_accuracy),
            ("val_", row.last_val_accuracy),
        ):
            shape = lagging if prefix and row.variant.startswith("batchnorm(0.99)@all") else rise
            columns[f"{prefix}accuracy"] = np.clip(0.33 + (level - 0.33) * shape + draw.normal(0, 0.008, epochs), 0, 1)
            columns[f"{prefix}cross_entropy"] = 1.1 - (0.1 + 0.9 * level) * shape + draw.normal(0, 0.01, epochs) ** 2
            columns[f"{prefix}mse"] = 0.22 * (1 - 0.95 * level * shape)
            columns[f"{prefix}loss"] = columns[f"{prefix}cross_entropy"] + 0.4
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def build(
    *,
    entries: tuple[Entry, ...] | None = None,
    datasets: tuple[str, ...] = ("iris",),
    seeds: int = 10,
    epochs: int = 350,
    lost: dict[str, int | None] | None = None,
    missing: int = 0,
    question: analysis.Question = analysis.Question(),  # noqa: B008 - frozen
) -> Conclusion:
    """A study: ``lost`` counts the first seeds of a variant that did not finish, ``missing`` trials that never ran.

    A variant that lost None has no trial yet.
    """
    entries, lost = entries or article(), lost or {}
    draw = np.random.default_rng([seeds, epochs, len(entries)])
    trials = pd.concat([_trials(name, entries, seeds, lost, draw) for name in datasets], ignore_index=True)
    trials = trials[[lost.get(name, 0) is not None for name in trials["variant"]]].reset_index(drop=True)
    histories = _histories(trials, epochs, draw)
    variants = tuple(entry for entry, _ in entries)
    summary = analysis.summarize(trials, histories, variants, question)
    bad = trials[trials["status"] != "done"]
    columns = ["dataset", "variant", "seed", "status", "error", "traceback"]
    facts = StudyFacts(
        datasets=datasets,
        model="512 tanh → 256 tanh → 128 tanh → 64 tanh → 32 relu",
        weights=177_219,
        seeds=tuple(range(seeds)),
        epochs=epochs,
        split="60/20/20, stratified, redrawn per seed",
        engine="fused",
        planned=len(trials) + missing,
        finished=int((trials["status"] == "done").sum()),
        command=f"regfleet compare --seeds {seeds}",
        study_toml=f'data = ["iris"]\nseeds = "{seeds}"\n\n[training]\nepochs = {epochs}\n',
        notes=("batch size 128 is more than the 90 training rows of iris: each epoch is a single update",),
        article=entries == article(),
        provenance=Provenance.model_validate(
            {
                "versions": {"python": "3.11.9", "regfleet": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"},
                "data": {name: {"sha256": "9d1d77e2" * 8, "rows": 1500} for name in datasets},
                "runs": [
                    {
                        "command": f"regfleet compare --seeds {seeds}",
                        "finished": "2026-11-22T14:05:09Z",
                        "trials": len(trials),
                    }
                ],
            }
        ),
    )
    failures = tuple(Failure(*row) for row in bad[columns].itertuples(index=False))
    return Conclusion(summary=summary, facts=facts, failures=failures, trials=trials)
