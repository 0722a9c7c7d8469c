"""The networks of a fit put together: the ensemble, the exported model, the signature and the model card."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import regfleet
from regfleet.data import builtin_columns
from regfleet.data.dataset import input_names
from regfleet.data.splits import split_rows
from regfleet.numbers import Scale, counted
from regfleet.paths import content_of, digest, write_listed
from regfleet.running.members import member_facts
from regfleet.running.origin import package_versions
from regfleet.saving import card, export, importance, preprocessing
from regfleet.saving.loading import checked
from regfleet.saving.plain import saved, together
from regfleet.saving.seen import trained
from regfleet.saving.signature import (
    ARRAYS,
    CARD,
    CARD_PAGE,
    ENSEMBLE,
    EXPORT,
    MODEL,
    NAME,
    OF_MEMBER,
    PLAN,
    SEEN,
    Expected,
    HowRead,
    Importance,
    Input,
    InputColumn,
    Member,
    Signature,
)
from regfleet.text import masked, one_line
from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from regfleet.analysis import Question
    from regfleet.analysis.summary import DatasetSummary
    from regfleet.concluding.judge import StudyConclusion
    from regfleet.data.dataset import Dataset
    from regfleet.running.ordering import Order
    from regfleet.running.prepare import Prepared
    from regfleet.settings import Data

ALL_ROWS = (
    "Trained on all rows: nothing is left to check it with. What may be expected is what networks of the study scored "
    "that had fewer rows."
)


def finish(
    folder: Path, found: StudyConclusion, ready: Prepared, order: Order, seeds: Sequence[int]
) -> tuple[str, ...]:
    """Write what the networks of ``seeds`` are together; returns what should be known of it, in sentences."""
    runtime.prepare(gpu=False)
    facts = [member_facts(folder / f"seed-{seed}") or {} for seed in seeds]
    contents = {
        f"seed-{seed}/{name}": content_of(folder / f"seed-{seed}" / name) or b"" for seed in seeds for name in OF_MEMBER
    }

    def models() -> list[Any]:
        return [checked(contents[f"seed-{seed}/{MODEL}"], folder / f"seed-{seed}" / MODEL) for seed in seeds]

    plans = [
        preprocessing.read(
            contents[f"seed-{seed}/{PLAN}"].decode(), contents[f"seed-{seed}/{ARRAYS}"], str(folder / f"seed-{seed}")
        )
        for seed in seeds
    ]
    one_input = all(plans[0].same_as(plan) for plan in plans[1:])
    names = [f"seed_{seed}" for seed in seeds]
    made = {ENSEMBLE: saved(together(models(), names, one_input=one_input), order.variant.name)}
    dataset = ready.datasets[order.dataset]
    form = input_of(dataset, ready.resolved.study.sources()[order.dataset])
    not_exported = export.cannot(form)
    if not not_exported:
        whole = export.exported(form, list(zip(plans, models(), strict=True)))
        made[EXPORT] = saved(whole, order.variant.name)
    made[SEEN] = trained(dataset, _trained_rows(dataset, order, seeds))
    (data,) = (one for one in found.summary.datasets if one.dataset == order.dataset)
    expected = _expected(found, order, data)
    looks_at, looks = _looks(found.resolved.question, data, facts, dataset)
    signature = Signature(
        regfleet=regfleet.__version__,
        task=dataset.task,
        target=_target(dataset, ready.resolved.study.sources()[order.dataset]),
        classes=dataset.classes,
        input=form,
        variant=order.variant.name,
        label=order.variant.label,
        trained_on=order.wanted.on,
        one_input=one_input,
        members=tuple(
            Member(
                seed=seed,
                folder=f"seed-{seed}",
                key=one["key"],
                epochs=one["epochs"],
                epoch=one["epoch"],
                setting=one["setting"],
                scores=one["scores"],
            )
            for seed, one in zip(seeds, facts, strict=True)
        ),
        expected=expected,
        importance=looks_at,
        not_exported=not_exported,
        data=_source(found, order.dataset, ready.resolved.study.sources()[order.dataset]),
        study=ready.resolved.study.toml(),
        versions=package_versions(),
        files={name: digest(content) for name, content in {**contents, **made}.items()},
    )
    said = replace(_facts(found, order, data), looks=looks)
    cards = {CARD: card.markdown(signature, said).encode(), CARD_PAGE: card.page(signature, said).encode()}
    # Last, as it says that all the others are there.
    write_listed(folder, [*made.items(), *cards.items(), (NAME, signature.text().encode())], "--out")
    return (*said.training, expected.sentence, *looks, *not_exported)


def _trained_rows(dataset: Dataset, order: Order, seeds: Sequence[int]) -> np.ndarray:
    """The numbers of the rows that one of the networks was trained on."""
    import numpy as np

    if order.wanted.on == "all":
        return np.arange(len(dataset.target))
    return np.unique(np.concatenate([split_rows(dataset, order.group.split, seed)[0] for seed in seeds]))


def _looks(
    question: Question, data: DatasetSummary, facts: Sequence[Mapping[str, Any]], dataset: Dataset
) -> tuple[tuple[Importance, ...], tuple[str, ...]]:
    """What the networks look at, over all of them, and sentences on it."""
    metric = question.metric
    own = [{name: math.nan if one is None else one for name, one in of.get("importance", {}).items()} for of in facts]
    made = importance.over_seeds(own, metric, data.ratio, question.alpha)
    pairs = importance.going_together(dataset) if made else ()
    return made, importance.sentences(made, metric, len(own), pairs)


def input_of(dataset: Dataset, source: Data) -> Input:
    """What a row of the data set is."""
    import numpy as np

    images = {name: value for name in ("image_size", "color") if (value := getattr(source, name))}
    features = dataset.features
    table = not isinstance(features, np.ndarray) or (features.ndim == 2 and features.dtype.kind == "f")
    if not table:
        shape = tuple(features.shape[1:])
        if source.location and features.dtype == "uint8" and features.ndim == 4 and not images:
            images = {"image_size": f"{shape[0]}x{shape[1]}", "color": "grayscale" if shape[2] == 1 else "rgb"}
        return Input(kind="array", shape=shape, images=images)
    reading = dataset.reading
    how = HowRead(no_header=source.no_header)
    if reading is not None:
        how = HowRead(
            missing=reading.missing,
            decimal=reading.decimal,
            sure=reading.sure,
            day_first=reading.day_first,
            no_header=source.no_header,
        )
    columns = _columns(dataset, builtin_columns(source.location))
    known = {one.name for one in columns}
    beside = tuple(name for name, kind, _ in dataset.columns if kind != "target" and name not in known)
    return Input(
        kind="table" if dataset.text_shape is None else "texts",
        shape=dataset.text_shape or (),
        columns=columns,
        beside=beside,
        named=bool(dataset.inputs or dataset.columns or not isinstance(features, np.ndarray)),
        reading=how,
    )


def _columns(dataset: Dataset, measured: Sequence[str]) -> tuple[InputColumn, ...]:
    """The input columns in the order of the table; what is ``measured`` in each, where their names do not say it."""
    import numpy as np

    frame = None if isinstance(dataset.features, np.ndarray) else dataset.features
    known = {one.name: one for one in dataset.inputs}
    names = input_names(dataset)
    measures = dict(enumerate(measured)) if len(measured) == len(names) else {}
    made = []
    for place, name in enumerate(names):
        one = known.get(name)
        kind: Any = one.kind if one else "number"
        levels: tuple[str, ...] = ()
        if frame is not None:
            column = frame[name]
            if column.dtype == "category":
                kind, levels = "category", tuple(map(str, column.cat.categories))
            elif column.dtype == "str":
                kind = "text"
            elif column.dtype.kind == "M":
                kind = "date"
        detail, marks, examples = (one.detail, one.marks, one.examples) if one else (measures.get(place, ""), (), ())
        made.append(InputColumn(name=name, kind=kind, detail=detail, levels=levels, marks=marks, examples=examples))
    return tuple(made)


def _target(dataset: Dataset, source: Data) -> str:
    return next((name for name, kind, _ in dataset.columns if kind == "target"), source.target or "target")


def _source(found: StudyConclusion, name: str, source: Data) -> dict[str, Any]:
    facts = found.resolved.data[name]
    return {
        "name": name,
        "location": masked(source.location),
        "sha256": facts.sha256,
        "rows": facts.rows,
        "rows_by_class": dict(zip(facts.classes, facts.rows_by_class or (), strict=False)),
    }


def _expected(found: StudyConclusion, order: Order, data: DatasetSummary) -> Expected:
    """What the study says that a network of the variant scores on new rows."""
    metric = found.summary.metric
    row, unit = data.variant(order.variant.name), Scale(metric)
    score = row.score if row else None
    if score is None or not math.isfinite(score.mean):
        return Expected(metric=metric.name, mean=None, low=None, high=None, sentence="No score is known of it.")
    level = f"{100 * (1 - found.resolved.question.alpha):g} %"
    text = f"One network of {order.variant.label} scores {unit.full(score.mean)} in {metric.title} on average over "
    text += f"{counted(row.finished if row else 0, 'seed')}"
    ends = unit.between(score.low, score.high)
    about = "new rows of this kind" if data.about == "new data" else "rows of this data set"
    if ends:
        text += f"; for {about} {ends}{unit.unit} ({level} interval)"
    text += ". The networks together usually score a little better than one of them."
    if order.wanted.on == "all":
        text += " These had more rows than those of the study."
    low, high = ((value if math.isfinite(value) else None) for value in (score.low, score.high))
    return Expected(metric=metric.name, mean=score.mean, low=low, high=high, sentence=text)


def _facts(found: StudyConclusion, order: Order, data: DatasetSummary) -> card.Facts:
    """What the card says of the verdict, the training, the limits and the data."""
    facts, row = found.resolved.data[order.dataset], data.variant(order.variant.name)
    comparison = row.comparison if row else None
    verdict = [comparison.sentence] if comparison and comparison.sentence else []
    verdict += list(data.headline[:1])
    if order.wanted.on == "all":
        training = [ALL_ROWS]
        if order.wanted.epoch:
            training.append(f"Without validation rows the epoch is the median of the study's: {order.wanted.epoch}.")
    else:
        text = f"Each network was trained on the {facts.training_rows:,} training rows of its seed, as in the study, "
        training = [f"{text}so that its test rows are those of its trial."]
    limits = [check.sentence for check in data.shown_checks]
    limits += list(facts.notes)
    limits.append("What is said holds for rows that come as those of the study did; nothing tells whether others do.")
    said = [
        f"{facts.rows:,} rows of {order.dataset} ({masked(found.resolved.study.sources()[order.dataset].location)})."
    ]
    if facts.rows_by_class:
        counts = ", ".join(f"{name} {n:,}" for name, n in zip(facts.classes, facts.rows_by_class, strict=False))
        said.append(f"Rows by class: {one_line(counts, 1000)}.")
    if facts.scaling:
        said.append(facts.scaling)
    return card.Facts(tuple(verdict), tuple(training), tuple(limits), tuple(said))
