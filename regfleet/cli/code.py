"""The plain Keras code of a study's variants, printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.running.output import tell
from regfleet.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regfleet.running.prepare import Prepared
    from regfleet.settings.values import Candidate


def print_code(prepared: Prepared, directory: Path | None, typed: Sequence[str]) -> None:
    """Print the code of every variant of a prepared study, but for controls beside techniques that were ``typed``.

    Tuned ones have the setting that most seeds in the results ``directory`` chose.

    Nothing but the code goes to the standard output, the title of each piece as a comment.
    """
    from regfleet.concluding.code import code_of
    from regfleet.data import cut, scaling_meaning
    from regfleet.models.keras_code import Wanted, graphed

    resolved = prepared.resolved
    chosen: Mapping[tuple[str, str], Candidate] = {}
    if resolved.study.tune > 1 and directory is not None and directory.is_dir():
        from regfleet.concluding.code import chosen_in
        from regfleet.concluding.judge import read_results

        chosen = chosen_in(*read_results(directory))
    for name, dataset in prepared.datasets.items():
        spec = prepared.models.get(name, resolved.model)
        train = cut(dataset, resolved.split, resolved.study.seeds[0] if resolved.study.seeds else 0).train
        graph = None
        if prepared.base:
            graph = graphed(prepared.base, spec, train.x.shape[1:], train.y.shape[1])
        wanted = Wanted(
            dataset.task,
            train.y.shape[1],
            train.x.ndim - 1,
            seed=resolved.study.seeds[0] if resolved.study.seeds else 0,
            best=resolved.question.at == "best",
            scaling=scaling_meaning(dataset),
            graph=graph,
        )
        for variant in resolved.variants:
            if typed and "none" not in typed and not variant.techniques:
                continue  # a control that nobody named
            title = f"{variant.label} on {name}" if len(prepared.datasets) > 1 else variant.label
            title = printable(" ".join(title.split()))
            tell(f"# {title}\n{code_of(variant, spec, wanted, chosen.get((name, variant.name)))}")
