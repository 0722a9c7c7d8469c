"""The Python API: `compare` and `load`, and the `Results` that both return."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from regfleet import results
from regfleet.errors import InputError
from regfleet.settings import model_fields

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import keras
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from regfleet.analysis.summary import Summary
    from regfleet.concluding.judge import StudyConclusion
    from regfleet.data.dataset import Dataset
    from regfleet.models import Base

    Data: TypeAlias = str | Path | Sequence[str] | pd.DataFrame | tuple[Any, Any]
    Model: TypeAlias = str | Sequence[int] | Callable[[tuple[int, ...], int], keras.Model] | keras.Model


@dataclass(frozen=True, repr=False)
class Results(results.Stored):
    """The results of a study: trials and histories as pandas frames, and what the analysis says of them.

    ``trials`` has a row per trial (columns: `TRIAL_FIELDS`), ``histories`` one per trial and epoch (`HISTORY_FIELDS`).
    ``interrupted`` says that trials are missing because somebody, or the loss of the cluster, ended the training.
    """

    interrupted: bool = False

    @cached_property
    def _conclusion(self) -> StudyConclusion:
        from regfleet.concluding.judge import judge, kept_study
        from regfleet.planning.resolved import resolve

        # Not of this object itself: a cycle would keep its temporary directory.
        stored = results.Stored(self.place, self.trials, self.problems)
        return judge(resolve(kept_study(self.place), stored.provenance.data), stored)

    def summary(self) -> Summary:
        """The whole analysis: per data set the leaderboard, comparisons with their intervals, and headline."""
        return self._conclusion.summary

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file, to ``path``; returns it."""
        from regfleet.report import render

        found, file = self._conclusion, Path(path)
        text = render(found)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise InputError(f"path: expected a file that can be written; got {file} ({problem.strerror})") from None
        return file

    def figures(self) -> dict[str, Figure]:
        """Every figure of the report by name, as matplotlib figures."""
        from regfleet.report import matplotlib_figures

        return dict(matplotlib_figures(self.summary()))

    def _repr_html_(self) -> str:
        """The verdict and the leaderboard, as a notebook shows them."""
        return self._conclusion._repr_html_()

    def __repr__(self) -> str:
        found = self._conclusion
        lines = [f"Results: {found.facts.finished} of {found.facts.planned} trials are done"]
        return "\n".join([*lines, *(sentence for data in found.summary.datasets for sentence in data.headline)])


def load(path: str | Path) -> Results:
    """The results in a directory or at a URL; raises ResultsError when there are none."""
    return _results(results.load(path))


def compare(
    data: Data = "iris",
    *,
    target: Any = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    test: str | Path | tuple[Any, Any] | pd.DataFrame | None = None,
    task: Literal["classification", "regression"] | None = None,
    name: str = "data",
    model: Model | None = None,
    activation: str | Sequence[str] | None = None,
    keep_weights: bool = False,
    techniques: Sequence[str | Mapping[str, Any]] | None = None,
    seeds: int | str | Sequence[int] | None = None,
    split: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    early_stopping: int | None = None,
    class_weight: Literal["balanced"] | None = None,
    engine: Literal["fused", "keras"] | None = None,
    metric: str | None = None,
    scope: Literal["new_data", "this_dataset"] | None = None,
    rope: float | None = None,
    alpha: float | None = None,
    at: Literal["last", "best"] | None = None,
    address: str | None = None,
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    in_process: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
) -> Results:
    """Train every variant over many seeds and tell luck from effect.

    >>> results = regfleet.compare((X, y), model=[64, 32], techniques=["l2(1e-3)", "dropout(0.3)"], seeds=10)

    Args:
        data: (features, target) as arrays, a frame with the column ``target``, a file or its URL, a built-in's name,
            ``openml:61``, ``package.module:function``, or a list of such texts.
        target: the column to predict; for a frame also the target itself, (rows,).
        drop, categorical, group, time: columns, as in a study file.
        test: the fixed test set: a file beside a file, (features, target) or a frame beside data in memory.
        task: classification or regression; None: the target's type decides.
        name: what results call data in memory.
        model: widths of the hidden layers; ``package.module:build``; ``net.keras``; a function of the input shape and
            the number of outputs that returns a Keras model, not compiled; or such a model.
        activation: one for all hidden layers, or one for each.
        keep_weights: fine-tune the weights that a Keras model has instead of drawing them anew for each seed.
        techniques: a text such as ``"l2(1e-3)@all+dropout(0.3)"`` for each variant, or a mapping with ``technique``,
            ``label`` and training settings of its own; None: the article's eight.
        seeds: a number (10: seeds 0 to 9), a list, or ``"auto"``: until the answer is clear.
        split: ``"60/20/20"`` percent that train, validate and test, ``"5x2"`` cross-validation, or ``"article"``.
        epochs, batch_size, optimizer, learning_rate, early_stopping, class_weight, engine: how every variant is
            trained that does not say otherwise.
        metric, scope, rope, alpha, at: what the analysis is asked.
        address: a running Ray head; None starts Ray here. ``workers``: tasks at once. ``gpus_per_trial``: None chooses.
        in_process: train in this process, without Ray.
        out: a results directory or its URL, which the same call resumes; None leaves nothing on disk.
        progress: show a progress bar.

    Returns:
        the results; after Ctrl-C those that are finished, with ``interrupted`` set.

    Raises:
        InputError: a line for each argument that is wrong, by the name of its flag.
    """
    from regfleet.fleet import FleetSettings
    from regfleet.running.prepare import Given
    from regfleet.running.run import run
    from regfleet.settings import merge, read_study

    columns = {"drop": tuple(drop), "categorical": tuple(categorical), "group": group, "time": time, "task": task}
    locations, datasets = _located(data, name, target, test, columns)
    if datasets is None:
        columns |= {"target": target, "test": None if test is None else str(test)}
    base, source = _model(model)
    hidden = None if model is None or source is not None else _widths(model)
    training = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "early_stopping": early_stopping,
        "class_weight": class_weight,
    }
    fields = {
        "data": locations,
        "columns": columns if datasets is None else None,
        "seeds": seeds,
        "split": split,
        "engine": engine,
        "variant": None if techniques is None else [_variant(one) for one in techniques],
        "model": {"hidden": hidden, "activation": activation, "source": source, "keep_weights": keep_weights or None},
        "training": training,
        "analysis": {"metric": metric, "scope": scope, "rope": rope, "alpha": alpha, "at": at},
    }
    study = read_study(merge({}, fields))
    settings = FleetSettings(address=address, workers=workers, gpus_per_trial=gpus_per_trial)
    from regfleet.running.progress import Progressing

    place = tempfile.mkdtemp(prefix="regfleet-") if out is None else out
    try:
        with _screen() as screen:
            done = run(
                study,
                place,
                fleet=settings,
                in_process=in_process,
                watch=Progressing(screen, quiet=not progress),
                given=Given(datasets, base),
            )
        found = _results(done.results, interrupted=done.interrupted)
    except BaseException:
        if out is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(found, shutil.rmtree, place, ignore_errors=True)  # with the results, or when Python ends
    return found


def _results(found: results.Stored, *, interrupted: bool = False) -> Results:
    return Results(found.place, found.trials, found.problems, interrupted)


def _located(
    data: Any, name: str, target: Any, test: Any, columns: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Dataset] | None]:
    """What a study calls the data, and the data by name where they are in memory."""
    if isinstance(data, str | Path):
        return [str(data)], None
    if isinstance(data, list) and all(isinstance(one, str | Path) for one in data):
        return [str(one) for one in data], None
    from regfleet.data import from_arrays
    from regfleet.settings import DataFields
    from regfleet.settings.values import DataSource

    features, y = data if isinstance(data, tuple) and len(data) == 2 else (data, target)
    source = DataSource(name, target if isinstance(target, str) else None, **columns)
    found = DataFields(location=name)
    return [name], {found.name: from_arrays(found.name, features, y, test=test, source=source)}


def _model(model: Any) -> tuple[Base | None, str | None]:
    """A model in memory, if it is one, and what the study calls a model of the user's own."""
    if model is None or isinstance(model, str | int | Sequence):
        return None, model_fields(model)["source"] if isinstance(model, str) else None
    from regfleet.models import base_of

    name = getattr(model, "name", None) or getattr(model, "__name__", "model")
    where = "python" if hasattr(model, "layers") else getattr(model, "__module__", "python")
    return base_of(model), f"{where}:{re.sub('[^A-Za-z0-9]', '_', str(name))}"


def _widths(model: Any) -> list[Any]:
    if isinstance(model, str):
        return [part.strip() for part in model.split(",")]
    return list(model) if isinstance(model, Sequence) else [model]


def _variant(one: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"technique": one} if isinstance(one, str) else dict(one)


def _screen() -> AbstractContextManager[Console]:
    """Where progress goes: the notebook's cell, or standard error, also while others' output is logged."""
    from rich.console import Console

    from regfleet.running.progress import console

    notebook = Console()
    if not notebook.is_jupyter:
        return console(2)
    try:
        import_module("ipywidgets")  # without it rich cannot redraw a cell
    except ImportError:
        notebook = Console(force_jupyter=False, force_terminal=False, highlight=False)
    return nullcontext(notebook)
