"""The Python API: `compare` and `load`, and the `Results` that both return; `fit` and `load_model` for what is kept."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import tempfile
import textwrap
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeAlias, TypeVar

from regfleet import atomic, results
from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.paths import expanded, is_ours, unwritable
from regfleet.settings import FLAGS, read_study

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import keras
    import pandas as pd
    from matplotlib.figure import Figure

    from regfleet.analysis.summary import Summary
    from regfleet.concluding.judge import StudyConclusion
    from regfleet.concluding.predictions import Asked
    from regfleet.data.dataset import Dataset
    from regfleet.models import Base
    from regfleet.running.display import Screen
    from regfleet.saving.estimators import FittedClassifier, FittedRegressor

    DataLike: TypeAlias = str | Path | Sequence[Any] | Mapping[str, Any] | pd.DataFrame | tuple[Any, ...] | Any
    ModelLike: TypeAlias = str | Sequence[int] | Callable[[tuple[int, ...], int], keras.Model] | keras.Model

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, repr=False)
class Results(results.Stored):
    """The results of a study: trials and histories as pandas frames, and what the analysis says of them.

    ``trials`` has a row per trial (columns: `TRIAL_FIELDS`), ``histories`` one per trial and epoch (`HISTORY_FIELDS`),
    ``predictions`` one per trial, weights and test row (`PREDICTION_FIELDS`).
    ``interrupted`` says that trials are missing because somebody, or the loss of the cluster, ended the training.
    """

    interrupted: bool = False
    _by: Asked | None = field(default=None, repr=False)
    _of: Results | None = field(default=None, repr=False)

    @cached_property
    def _conclusion(self) -> StudyConclusion:
        from regfleet.concluding.afterwards import judge_by
        from regfleet.concluding.judge import judge, kept_study
        from regfleet.concluding.stepwise import followed
        from regfleet.planning.resolved import resolve

        # Not of this object itself: a cycle would keep its temporary directory.
        stored = results.Stored(self.place, self.trials, self.problems)
        resolved = followed(resolve(kept_study(self.place), stored.provenance.data), self.trials)
        return judge(resolved, stored) if self._by is None else judge_by(self._by, resolved, stored)

    def score(
        self,
        metric: str | Callable[..., float],
        *,
        higher_is_better: bool | None = None,
        on: Literal["predicted", "probabilities"] = "predicted",
    ) -> Results:
        """The same results judged by another metric, from the predictions that were kept; trains nothing.

        >>> results.score("recall:malignant").summary()
        >>> results.score(sklearn.metrics.cohen_kappa_score, higher_is_better=True)

        Args:
            metric: a name, such as log_loss, brier, f1_weighted, average_precision, recall:CLASS, precision_at_10 or a
                scorer of scikit-learn; or a function of (true, predicted) test rows of a trial that returns a number.
            higher_is_better: which way a function points.
            on: what a function takes beside the truth: ``predicted``, classes by their names or values, (rows,); or
                ``probabilities``, (rows, classes), beside the numbers of the true classes.

        Raises:
            InputError: nobody knows the metric, or it needs predictions that were not kept.
        """
        from functools import partial

        from regfleet.scorers import own_scorer

        if isinstance(metric, str):
            if higher_is_better is not None or on != "predicted":
                raise InputError(f"metric: expected a function beside higher_is_better and on; got {metric!r}")
            asked: Asked = metric
        else:
            if not callable(metric):
                raise InputError(f"metric: expected a name or a function; got {type(metric).__name__}")
            if on not in ("predicted", "probabilities"):
                raise InputError(f"on: expected predicted or probabilities; got {on!r}")
            if not isinstance(higher_is_better, bool):
                raise InputError(
                    f"higher_is_better: expected True or False beside a function; got {higher_is_better!r}"
                )
            asked = partial(own_scorer, metric, higher_is_better=higher_is_better, on=on)
        # It keeps these results, and with them their temporary directory.
        found = Results(self.place, self.trials, self.problems, self.interrupted, asked, self)
        found._conclusion  # noqa: B018 - what is wrong with the metric is said here
        return found

    def summary(self) -> Summary:
        """The whole analysis: per data set the leaderboard, comparisons with their intervals, and headline."""
        return self._conclusion.summary

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file, to ``path``; returns it. Only an earlier report is written over."""
        from regfleet.concluding.chosen import looked_again
        from regfleet.report import render
        from regfleet.report.publish import is_report

        found, file = self._conclusion, expanded(path, "path")
        if self._by is not None and (problem := looked_again(found.resolved, found.summary.metric, found.results)):
            found = replace(found, facts=replace(found.facts, notes=(problem, *found.facts.notes)))
        text = render(found)
        try:
            if not is_ours(file, {}, file.name, is_report):
                raise InputError(f"path: expected a new file or a report; got {file}, which is another file")
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(file, [text.encode()])
        except OSError as problem:
            raise unwritable("path", file, problem) from None
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
        for data in found.summary.datasets:
            lines += data.headline
            lines += [f"{one.code} {one.title}: {one.sentence}" for one in data.shown_checks]
        return "\n".join(lines)


def load(path: str | Path) -> Results:
    """The results in a directory or at a URL; raises ResultsError when there are none."""
    return _results(results.load(path))


def _with_settings(function: Callable[P, R]) -> Callable[P, R]:
    """The function with a keyword for every setting of a study that its own parameters leave to ``**settings``."""
    plain = inspect.signature(function)
    mine = [one for one in plain.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    taken = {*plain.parameters, "technique"}  # which Python gives as `techniques`
    settings = [one for one in FLAGS.values() if one.name not in taken]
    declared = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=one.type)
        for one in settings
    ]
    signature = plain.replace(parameters=[*mine, *declared])

    @wraps(function)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> R:
        signature.bind(*args, **kwargs)  # refuses a keyword that is none
        return function(*args, **kwargs)

    with_settings.__signature__ = signature  # type: ignore[attr-defined]
    lines = [textwrap.fill(f"    {one.name}: {one.text}.", 110, subsequent_indent=" " * 8) for one in settings]
    with_settings.__doc__ = "\n".join([f"{inspect.getdoc(function)}\n\nSettings, None for the default:", *lines])
    return with_settings


@_with_settings
def compare(
    data: DataLike = "iris",
    *,
    target: Any = None,
    test: str | Path | tuple[Any, Any] | pd.DataFrame | None = None,
    name: str = "data",
    model: ModelLike | None = None,
    techniques: Sequence[str | Mapping[str, Any]] | None = None,
    address: str | None = None,
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    in_process: bool = False,
    out: str | Path | None = None,
    log: str | Sequence[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Results:
    """Train every variant over many seeds and tell luck from effect.

    >>> results = regfleet.compare((X, y), model=[64, 32], techniques=["l2(1e-3)", "dropout(0.3)"], seeds=10)

    Args:
        data: (features, target) as arrays, a frame with the column ``target``, a mapping of arrays, a
            ``tf.data.Dataset``, a data set of scikit-learn or Hugging Face, or a training part and a test part of
            these; a file or its URL, a built-in's name, ``openml:61``, ``package.module:function``, or a list of such
            texts. Features are numbers (rows, …), texts (rows,) or sparse; classes may be one-hot.
        target: the column to predict; for data in memory also the target itself, (rows,).
        test: the fixed test set: a file beside a file, (features, target) or a frame beside data in memory.
        name: what results call data in memory.
        model: widths of the hidden layers; ``package.module:build``; ``net.keras``; a function of the input shape and
            the number of outputs that returns a Keras model; or such a model. Where it is compiled, its optimizer and
            loss are used.
        techniques: a text such as ``"l2(1e-3)@all+dropout(0.3)"`` for each variant, or a mapping with ``technique``,
            ``label`` and training settings of its own; None: the preset classic, on Iris the article's eight.
        address: a running Ray head; None starts Ray here.
        workers: tasks at once, at most: fewer where the study is not worth their start; None: one per CPU.
        gpus_per_trial: the share of a GPU that each trial gets; None chooses one.
        in_process: train in this process, without Ray.
        out: a results directory or its URL, which the same call resumes; None leaves nothing on disk.
        log: trackers that get every trial too, live: tensorboard, mlflow, wandb, aim.
        progress: show a progress bar.
        settings: the settings of a study, below.

    Returns:
        the results; after Ctrl-C those that are finished, with ``interrupted`` set.

    Raises:
        InputError: a line for each argument that is wrong, by the name of its flag.
    """
    from regfleet.fleet import FleetSettings
    from regfleet.running.prepare import Given
    from regfleet.running.run import run

    trackers = (log,) if isinstance(log, str) else tuple(log or ())
    if out is None and "tensorboard" in trackers:
        raise InputError("--log tensorboard: expected --out, where its files go; got none")
    locations, datasets = _located(data, name, target, test, settings)
    base, source = _model(model)
    flags = {**settings, "data": locations, "model": source, "technique": _techniques(techniques)}
    if datasets is None:
        flags |= {"target": target, "test": None if test is None else str(test)}
    else:
        flags = {key: value for key, value in flags.items() if not FLAGS[key].is_column}
    study = read_study({}, flags=flags)
    fleet = FleetSettings(address=address, workers=workers, gpus_per_trial=gpus_per_trial)
    from regfleet.running.display import Progressing

    place = tempfile.mkdtemp(prefix="regfleet-") if out is None else out
    try:
        with _screen() as screen:
            done = run(
                study,
                place,
                fleet=fleet,
                in_process=in_process,
                watch=Progressing(screen, quiet=not progress),
                given=Given(datasets, base),
                trackers=trackers,
            )
        found = _results(done.results, interrupted=done.interrupted)
    except BaseException:
        if out is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(found, shutil.rmtree, place, ignore_errors=True)  # with the results, or when Python ends
    return found


def fit(
    directory: str | Path | Results,
    out: str | Path,
    *,
    variant: str = "best",
    seeds: int | None = None,
    on: Literal["train", "all"] = "train",
    like_trial: str | None = None,
    dataset: str | None = None,
    data: DataLike | None = None,
    target: Any = None,
    test: Any = None,
    model: ModelLike | None = None,
    address: str | None = None,
    workers: int | None = None,
    in_process: bool = False,
    progress: bool = True,
    **columns: Any,
) -> FittedClassifier | FittedRegressor:
    """Train a variant as its study did and save it in the folder ``out``; returns it as an estimator of scikit-learn.

    >>> model = regfleet.fit("reports/churn", "churn-model")
    >>> model.predict(new_rows)

    Args:
        directory: the results of the study, or what `compare` or `load` returned.
        out: a new folder, or that of the same fit, which goes on.
        variant: ``best`` by the study's rule, or its name or label.
        seeds: how many networks predict together; None: the study's seeds, ten at most.
        on: ``train``, the rows that each seed trained on in the study, or ``all``, which leaves none to check it with.
        like_trial: instead, the key of a trial whose own network is wanted, bit for bit.
        dataset: which data set, of a study of several.
        data: what `compare` was given, where that was in memory; so for ``target``, ``test`` and ``model``. Or a place,
            where the data are elsewhere now.
        target: see ``data``.
        test: see ``data``.
        model: see ``data``.
        address: a running Ray head; None starts Ray here.
        workers: tasks at once; None: one per CPU.
        in_process: train in this process, without Ray.
        progress: show a progress bar.
        columns: beside data in memory, what `compare` was told of its columns, such as ``drop`` and ``missing``.

    Raises:
        InputError: an argument is wrong, or the data have changed since.
    """
    from regfleet.concluding.judge import kept_study
    from regfleet.errors import FleetError
    from regfleet.fleet import FleetSettings
    from regfleet.running.display import Progressing
    from regfleet.running.fitting import fit as fitted
    from regfleet.running.prepare import Given

    place = directory.place if isinstance(directory, Results) else results.place_of(directory)
    datasets = None
    if data is not None:
        odd = [key for key in columns if key not in FLAGS or not FLAGS[key].is_column]
        if odd:
            raise TypeError(f"fit() got an unexpected keyword argument {odd[0]!r}")
        stored = results.load(place)
        (name, source), *others = kept_study(stored.place).sources().items()
        if isinstance(data, str | Path):
            dataset = f"{dataset or name}={data}" if dataset or not others else None
        elif others:
            raise InputError("data: expected the place of a data set, of a study of several; got data in memory")
        else:
            facts = stored.provenance.data.get(name)
            known = {"task": facts.task} if facts else {}
            _, datasets = _located(data, source.location, target, test, {**known, **columns})
    base, _ = _model(model)
    with _screen() as screen:
        done = fitted(
            place,
            out,
            variant=variant,
            seeds=seeds,
            on=on,
            like_trial=like_trial,
            data=dataset,
            fleet=FleetSettings(address=address, workers=workers),
            in_process=in_process,
            watch=Progressing(screen, quiet=not progress),
            given=Given(datasets, base),
        )
    if done.interrupted:
        raise FleetError(f"interrupted: {done.networks} of {done.wanted} networks are kept in {done.folder}")
    return load_model(done.folder)


def load_model(folder: str | Path) -> FittedClassifier | FittedRegressor:
    """The fitted model in a folder, as an estimator of scikit-learn that takes frames and arrays.

    Every file is checked first, and no code of any runs. Raises InputError or ResultsError where there is none, or
    another than was written.
    """
    from regfleet.saving.estimators import of_folder

    return of_folder(folder)


def _results(found: results.Stored, *, interrupted: bool = False) -> Results:
    return Results(found.place, found.trials, found.problems, interrupted)


def _located(
    data: Any, name: str, target: Any, test: Any, settings: Mapping[str, Any]
) -> tuple[list[str], dict[str, Dataset] | None]:
    """What a study calls the data, and the data by name where they are in memory."""
    if isinstance(data, str | Path):
        return [str(data)], None
    if isinstance(data, list) and data and all(isinstance(one, str | Path) for one in data) and _is_name(target):
        return [str(one) for one in data], None
    from regfleet.data import from_arrays

    columns = {key: value for key, value in settings.items() if FLAGS[key].is_column}
    columns |= {"data": [name], "target": target if isinstance(target, str) else None}
    (source,) = read_study({}, flags=columns).data
    return [name], {source.name: from_arrays(source.name, data, target, test=test, source=source)}


def _is_name(target: Any) -> bool:
    return target is None or isinstance(target, str)


def _model(model: Any) -> tuple[Base | None, Any]:
    """A model in memory, if it is one, and what the study calls it."""
    if isinstance(model, Path):
        model = str(model)
    if model is None or isinstance(model, str):
        return None, model
    widths = [model] if isinstance(model, Integral) else model
    if isinstance(widths, Sequence) and all(isinstance(width, Integral | str) for width in widths):
        return None, model if isinstance(model, int | Sequence) else int(model)
    from regfleet.models import base_of

    keras = sys.modules.get("keras")
    is_model = keras is not None and isinstance(model, keras.Model)
    is_layer = keras is not None and isinstance(model, keras.Layer) and not is_model
    if not is_model and (
        not callable(model) or inspect.isclass(model) or is_layer or hasattr(model, "named_parameters")
    ):
        said = "widths, a Keras model, or a function of the input shape and the number of outputs that returns one"
        raise InputError(f"--model: expected {said}; got {_kind(model)}")
    name = getattr(model, "name", None) or getattr(model, "__name__", "model")
    where = "python" if hasattr(model, "layers") else getattr(model, "__module__", "python")
    return base_of(model), f"{where}:{re.sub('[^A-Za-z0-9]', '_', str(name))}"


def _kind(model: Any) -> str:
    """What somebody gave as a model, and what to write where that is plain."""
    if inspect.isclass(model):
        return f"the class {model.__name__}, not a model of it"
    if isinstance(model, Sequence):
        return f"a list of {type(next(iter(model), None)).__name__}; keras.Sequential([…]) makes a model of layers"
    return type(model).__name__


def _techniques(techniques: Any) -> Any:
    """Texts and mappings as they are; of anything else an InputError says how it is written."""
    if techniques is None:
        return None
    if isinstance(techniques, str | Mapping) or not isinstance(techniques, Sequence):
        techniques = [techniques]
    for one in techniques:
        text = one.get("technique") if isinstance(one, Mapping) else one
        if not isinstance(text, str):
            raise InputError(f"--technique: expected text, such as 'l2(0.001)' or 'none'; got {_written(text)}")
    return list(techniques)


def _written(thing: Any) -> str:
    """What stands for a regularizer, a layer or an optimizer of Keras in a study."""
    name = type(thing).__name__
    if thing is None:
        return "None: write 'none'"
    config = thing.get_config() if hasattr(thing, "get_config") and not inspect.isclass(thing) else {}
    known: Mapping[str, Mapping[str, str]] = {
        "L1": {"l1": "l1"},
        "L2": {"l2": "l2"},
        "L1L2": {"l1": "l1", "l2": "l2"},
        "Dropout": {"rate": "dropout"},
        "BatchNormalization": {"momentum": "batchnorm"},
    }
    terms = [f"{term}({exact(float(config[key]))})" for key, term in known.get(name, {}).items() if config.get(key)]
    if terms:
        return f"{name}: write '{'+'.join(terms)}'"
    if "learning_rate" in config:
        return (
            f"the optimizer {name}: write optimizer='{name.lower()}' and learning_rate, which every variant trains with"
        )
    return (
        f"{thing.__name__ if inspect.isclass(thing) or inspect.isfunction(thing) else name}, which is no technique here"
    )


def _screen() -> AbstractContextManager[Screen]:
    """Where progress goes: the notebook's cell, or standard error, also while others' output is logged."""
    from regfleet.running.display import Screen, console

    notebook = Screen()
    if not notebook.is_jupyter:
        return console(2)
    try:
        import_module("ipywidgets")  # without it rich cannot redraw a cell
    except ImportError:
        notebook = Screen(force_jupyter=False, force_terminal=False)
    return nullcontext(notebook)
