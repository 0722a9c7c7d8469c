"""Presets: lists of techniques with a name, which stand in a study for their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.settings.defaults import default_variants
from regfleet.settings.sections import VariantEntry
from regfleet.techniques import TECHNIQUES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from regfleet.settings import Study

CLASSIC = (
    *("l2(0.001)", "weightdecay", "dropout(0.3)", "batchnorm", "earlystopping"),
    *("labelsmoothing", "mixup", "cosine", "swa", "sam"),
)
"""One usual setting of the ten techniques that are tried most."""
COCKTAIL = (
    *("batchnorm", "swa", "lookahead", "weightdecay", "dropout", "snapshot", "skip", "skip+shakedrop"),
    *("skip+shakeshake", "mixup", "cutmix", "cutout", "fgsm"),
)
"""The thirteen of Kadra et al. 2021, Well-tuned simple nets excel on tabular datasets, in its order."""


def _atlas() -> tuple[str, ...]:
    return tuple("+".join(filter(None, (one.needs, name))) for name, one in TECHNIQUES.items())


PRESETS = {
    "article": "the article's eight, which are compared on Iris where no technique is given",
    "classic": "one usual setting of the ten techniques that are tried most",
    "cocktail13": "the thirteen of Kadra et al. 2021, Well-tuned simple nets excel on tabular datasets",
    "atlas": "every technique there is, at its default values and places",
}
"""What each preset stands for."""


def preset_of(entry: VariantEntry) -> str:
    """The preset that an entry names; empty for a technique."""
    text = "".join(entry.technique.split())
    return text if text in PRESETS else ""


def members(name: str, entry: VariantEntry, study: Study, said: Collection[str]) -> list[VariantEntry]:
    """The entries that ``entry`` stands for, each with its training settings; ``said`` as in `without_presets`."""
    fields: list[dict[str, Any]]
    if name == "article":
        model = (
            {"layers": study.model.layers, "source": "own"} if study.model.source else {"hidden": study.model.hidden}
        )
        training = dict.fromkeys(said)
        fields = default_variants({"model": model, "training": training})
    else:
        texts = {"classic": CLASSIC, "cocktail13": COCKTAIL}.get(name) or _atlas()
        fields = [{"technique": text} for text in texts]
    if entry.label:
        raise InputError(f"label: expected none beside the preset {name}, whose members have their own")
    return [VariantEntry.model_validate({**one, **entry.overrides()}) for one in fields]


def without_presets(
    study: Study,
    why_not: Callable[[VariantEntry], str],
    note: Callable[[str], None] = lambda _: None,
    said: Collection[str] | None = None,
) -> Study:
    """The study with the members of its presets in their place.

    Members are left out where ``why_not`` gives a reason; ``note`` is told of each preset what is in it.
    ``said`` names the training settings that were given, by default those that the study has.
    """
    given_settings = study.training.model_fields_set if said is None else said

    def entries() -> Iterator[VariantEntry]:
        for entry in study.variant:
            name = preset_of(entry)
            if not name:
                yield entry
                continue
            reasons = [(member, why_not(member)) for member in members(name, entry, study, given_settings)]
            fit = [member for member, why in reasons if not why]
            left = "; ".join(f"{member.technique} ({why})" for member, why in reasons if why)
            note(f"{name}: {len(fit)} techniques" + (f"; left out: {left}" if left else ""))
            if not fit:
                raise InputError(f"--technique {name}: expected a technique that fits data and model; got none: {left}")
            yield from fit

    if not any(map(preset_of, study.variant)):
        return study
    given = dict.fromkeys(entries())  # what two presets share stands once
    return study.model_copy(update={"variant": tuple(given)})
