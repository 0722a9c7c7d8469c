"""What a worker does to make a network of a fitted model: trains it as its trial was, and turns it into plain files."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from regfleet import training
from regfleet.data.dataset import Sets
from regfleet.data.splits import split_rows
from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.running.choosing import Choice, recipes_of
from regfleet.running.trial import encode, may_use_gpus, run_trial, training_seed
from regfleet.text import said as reason
from regfleet.training import runtime
from regfleet.training.scoring import class_scores, number_scores
from regfleet.trials import Chunk, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import keras
    import numpy as np

    from regfleet.data.dataset import Dataset
    from regfleet.saving.preprocessing import Preprocessing
    from regfleet.techniques.recipe import Length, Recipe
    from regfleet.trials import Trial

SAMPLE = 32
"""Training rows on which what was made is held against what was trained."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How networks are made.

    ``on`` the trial's own training rows, as in the study, or all rows; ``at`` says which weights are judged. ``epoch``:
    that after which a fit on all rows has its weights, None for the last. ``settings``: by seed which of the variant's
    settings a tuned trial chose, from 0; another seed chooses anew, as trials do. ``metric``: of what
    the loss is measured that a shuffled column makes; empty for none.
    """

    on: Literal["train", "all"]
    at: Literal["last", "best"]
    epoch: int | None = None
    settings: Mapping[int, int] = field(default_factory=dict)
    metric: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted(Outcome):
    """A trial that ran again with its network: the ``.keras`` file, the two files of the preprocessing.

    ``epoch`` is that whose weights it has, ``setting`` the one that it was trained with where settings are tuned,
    ``importance`` what its score loses on test rows when a column is shuffled, by column; none where nothing was looked
    at.
    """

    model: bytes = b""
    plan: str = ""
    arrays: bytes = b""
    epoch: int = 0
    setting: str = ""
    importance: Mapping[str, float] = field(default_factory=dict)


def fit_members(
    chunk: Chunk,
    dataset: Dataset,
    wanted: Wanted,
    base: Callable[[tuple[int, ...], int], keras.Model] | None = None,
) -> tuple[Outcome, ...]:
    """Make the network of every trial of the chunk; what goes wrong in one is its own outcome."""
    runtime.prepare(gpu=may_use_gpus())
    chunk = replace(chunk, rate_test=None)
    return tuple(_member(trial, chunk, dataset, wanted, base) for trial in chunk.trials)


def _member(trial: Trial, chunk: Chunk, dataset: Dataset, wanted: Wanted, base: Any) -> Outcome:
    """One network, or its failure with a traceback."""
    started = time.perf_counter()
    try:
        made = _made(trial, chunk, dataset, wanted, base)
    # A user's model may raise anything, SystemExit included; as text it survives any serialiser.
    except (Exception, SystemExit) as problem:  # noqa: BLE001
        return Outcome(
            trial=trial,
            status="failed",
            engine=chunk.engine,
            seconds=time.perf_counter() - started,
            error=f"{type(problem).__name__}: {reason(problem)}",
            traceback=traceback.format_exc(),
        )
    outcome = run_trial(trial, chunk, [], dataset, (made.choice, time.perf_counter() - started), "")
    if outcome.status != "done":
        return outcome
    own: dict[str, Any] = {one.name: getattr(outcome, one.name) for one in fields(Outcome)}
    if wanted.on == "all":  # nothing is left to be scored on
        own |= {"metrics": {}, "predictions": {}}
    files: dict[str, Any] = {
        "model": made.model,
        "plan": made.preprocessing.json(),
        "arrays": made.preprocessing.arrow(),
    }
    return Fitted(**own, **files, epoch=made.epoch, setting=made.setting, importance=made.importance)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    choice: Choice
    model: bytes
    preprocessing: Preprocessing
    epoch: int
    setting: str
    importance: Mapping[str, float]


def _made(trial: Trial, chunk: Chunk, dataset: Dataset, wanted: Wanted, base: Any) -> _Made:
    from regfleet.saving.preprocessing import fitted

    recipes, tuning = recipes_of(chunk, base), chunk.variant.tuning
    known = wanted.settings.get(trial.seed)
    if tuning and known is not None:
        recipes = [recipes[known]]
    if wanted.on == "all":
        sets, rows = _all_rows(dataset), _rows(dataset)
        recipes = [(_to_epoch(recipe, wanted.epoch), f"{name} to {wanted.epoch}") for recipe, name in recipes]
    else:
        sets, rows = encode(chunk, dataset, trial.seed), split_rows(dataset, chunk.split, trial.seed)[0]
    preprocessing = fitted(dataset, rows, sets.padding)
    _check_same(preprocessing, dataset, rows[:SAMPLE], sets)
    _plain(recipes[0][0], sets, None, chunk)  # what no file can hold is said before it is trained
    choice = Choice(sets, tuning if tuning and known is None else None)
    fits = []
    for recipe, name in recipes:
        begun = time.perf_counter()
        fits.append(training.fit(recipe, sets, training_seed(trial, chunk), chunk.engine, name, len(recipes)))
        choice.offer(fits[-1], time.perf_counter() - begun)
    fit = choice.fit()
    place = next(place for place, one in enumerate(fits) if one.history is fit.history)
    recipe = recipes[place][0]
    when = "last" if wanted.on == "all" else wanted.at
    content = b"" if fit.diverged_at else _plain(recipe, sets, fit.states[when], chunk)
    ran = len(fit.history["loss"])
    judged = fit.best_epoch if when == "best" or recipe.restores_best else ran
    setting = ""
    if tuning:
        one = tuning.candidates[known if known is not None else place]
        setting = ", ".join(f"{dimension.name} {dimension.of(one):g}" for dimension in tuning.dimensions)
    epoch = wanted.epoch if wanted.on == "all" and wanted.epoch else judged
    looks_at = _looks_at(content, preprocessing, dataset, trial, chunk, wanted)
    return _Made(choice, content, preprocessing, epoch, setting, looks_at)


def _looks_at(
    content: bytes, preprocessing: Preprocessing, dataset: Dataset, trial: Trial, chunk: Chunk, wanted: Wanted
) -> Mapping[str, float]:
    """What the score on the trial's test rows loses when a column is shuffled; nothing of what has no columns."""
    import numpy as np

    from regfleet.saving.importance import lost
    from regfleet.saving.plain import opened
    from regfleet.saving.predicting import answers
    from regfleet.saving.preprocessing import columns_of

    if wanted.on == "all" or not content or not wanted.metric or preprocessing.plan["kind"] != "table":
        return {}
    rows, model = split_rows(dataset, chunk.split, trial.seed)[2], opened(content)
    target, sign = dataset.target[rows], METRICS[wanted.metric].sign
    one_hot = np.eye(len(dataset.classes), dtype="float32") if dataset.classes else None

    def said(columns: Mapping[str, np.ndarray], many: int) -> np.ndarray:
        return answers(model, preprocessing.of_columns(columns, many))

    def score(given: np.ndarray, places: np.ndarray) -> float:
        if one_hot is None:
            return sign * number_scores(given[:, 0], target[places])[wanted.metric]
        return sign * class_scores(given, one_hot[target[places]])[wanted.metric]

    return lost(columns_of(dataset, rows), said, score, len(rows), trial.seed)


def _rows(dataset: Dataset) -> np.ndarray:
    """The numbers of all rows."""
    import numpy as np

    return np.arange(len(dataset.target))


def _all_rows(dataset: Dataset) -> Sets:
    """All rows as training rows; a few of them stand where engines want validation and test rows, and mean nothing."""
    from regfleet.data.encoding import cut_at

    rows = _rows(dataset)
    return cut_at(dataset, (rows, rows[:SAMPLE], rows[:SAMPLE]))


def _to_epoch(recipe: Recipe, epoch: int | None) -> Recipe:
    """The recipe without what looks at validation rows; its last weights are those after ``epoch``, None: at the end.

    What follows the length of a fit, a schedule say, follows that of the study.
    """
    training_ = recipe.training.model_copy(update={"early_stopping": None})
    recipe = replace(recipe, training=training_, restores_best=False)
    if epoch is None:
        return recipe
    if recipe.optimizers or recipe.average or recipe.batches or recipe.steps:

        def only(_length: Length) -> tuple[int, ...]:
            return (epoch,)

        return replace(recipe, snapshots=only)
    return replace(recipe, training=training_.model_copy(update={"epochs": epoch}), snapshots=None)


def _plain(recipe: Recipe, sets: Sets, states: Sequence[Sequence[np.ndarray]] | None, chunk: Chunk) -> bytes:
    """The ``.keras`` file of a model with these states, or of an untrained one; raises InputError for what has none."""
    import keras

    from regfleet.models import build
    from regfleet.saving.plain import answering, opened, plain, saved, together

    what, rows = chunk.variant.name, sets.train.x[:SAMPLE]
    contents = []
    shape, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    output = "number" if sets.task == "regression" else recipe.model.found.output
    every: list[Any] = [*states] if states else [None]
    for state in every:
        model = build(recipe, shape, outputs, sets.task)
        values = [variable.numpy() for variable in model.variables] if state is None else state
        made = plain(model, values, rows, what)
        contents.append(saved(answering(made, output, sets.target_mean, sets.target_scale), what))
    if len(contents) == 1:
        return contents[0]
    names = [f"snapshot_{number}" for number in range(1, len(contents) + 1)]
    whole = together([opened(content) for content in contents], names, one_input=True)
    return saved(keras.Model(whole.inputs[0], whole.outputs[0], name="snapshots"), what)


def _check_same(preprocessing: Preprocessing, dataset: Dataset, rows: np.ndarray, sets: Sets) -> None:
    """Raise InputError where the preprocessing that is kept makes other numbers of training rows than the study's."""
    import numpy as np

    from regfleet.saving.preprocessing import columns_of

    if sets.train.x.dtype.kind == "O" or preprocessing.plan["kind"] == "texts":
        return
    columns = columns_of(dataset, rows) if preprocessing.plan["kind"] == "table" else None
    made = (
        preprocessing.of_matrix(np.asarray(dataset.features)[rows])
        if columns is None
        else preprocessing.of_columns(columns, len(rows))
    )
    if made.shape[1:] != sets.train.x.shape[1:] or not np.allclose(made, sets.train.x[: len(rows)], 1e-4, 1e-5):
        raise InputError("--data: expected rows whose preprocessing can be kept; got columns that encode otherwise")
