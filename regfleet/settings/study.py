"""The study: what is to be compared, how it is written down, and when two studies are one."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from regfleet.metrics import METRICS
from regfleet.settings.combine import parse_combine
from regfleet.settings.defaults import ARTICLE_MODEL, default_variants, is_article_data
from regfleet.settings.rows import parse_rows, rows_text
from regfleet.settings.sections import Analysis, Data, Model, NotEmpty, VariantEntry, listed
from regfleet.settings.seeds import each_once, parse_seeds, seeds_text
from regfleet.settings.setting import Part, Setting
from regfleet.settings.training import Training

MAX_LISTED = 1000
"""Data sets, variants: no report of more of them could be read."""


MAX_TUNED = 1000
"""Settings that a trial may try."""


def _validation_score(text: str) -> str:
    columns = [f"{at}_val_{metric}" for at in ("last", "best") for metric in METRICS]
    if text not in columns:
        raise ValueError(f"expected a column such as {columns[0]}")
    return text


def _yes_or_no(value: Any) -> bool:
    known = {"yes": True, "no": False, True: True, False: False}
    if not isinstance(value, str | bool) or value not in known:
        raise ValueError("expected yes or no")
    return known[value]


class Study(Part):
    """What is to be compared. Field for field what ``study.toml`` holds."""

    data: Annotated[
        tuple[Data, ...],
        BeforeValidator(listed, json_schema_input_type=str | Data | list[str | Data]),
        NotEmpty,
        Field(max_length=MAX_LISTED),
    ] = (Data(location="iris"),)
    """the data sets"""
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**63)], ...],
        BeforeValidator(parse_seeds, json_schema_input_type=int | str | list[int]),
        AfterValidator(each_once),
        PlainSerializer(seeds_text, when_used="json"),
        Setting("SEEDS", default="10", panel="Data"),
    ] = tuple(range(10))
    """a number (10: seeds 0 to 9), a range 5-9, a list 1,4,7, or auto: until the answer is clear"""
    split: Annotated[str, Setting("SPLIT", panel="Data")] = "balanced"
    """balanced: 60 % of the rows train, 20 % validate, 20 % test, and every five seeds test each row once; random: the
    same shares, drawn by each seed; other shares, as 70/15/15; 5x2, repeated cross-validation; or article: 75/25, the
    test set validates too"""
    engine: Annotated[Literal["fused", "keras"], Setting("NAME", panel="Training")] = "fused"
    """fused: the whole fit in one graph; keras: model.fit, slow"""
    keep_predictions: Annotated[
        bool,
        BeforeValidator(_yes_or_no, json_schema_input_type=bool | Literal["yes", "no"]),
        Setting("yes|no", default="yes", panel="Training"),
    ] = True
    """yes: keep what each trial says of each test row, which sharpens verdicts; no: scores alone, in less room"""
    interval: Annotated[Literal["auto", "conservative"], Setting("auto|conservative", panel="Judging")] = "auto"
    """auto: the rule that fits the score and its rows; conservative: for any score, also AUC or balanced accuracy, by
    training every variant on ten pairs of halves of the rows too, which takes 21 times the fits"""
    references: Annotated[Literal["auto", "no"], Setting("auto|no", default="auto", panel="Data")] = "auto"
    """auto: tables, and images and arrays of few numbers, have reference rows beside the networks (docs/references.md):
    the majority class or the mean, a linear model, boosted trees; no: networks alone"""
    tune: Annotated[int, Field(ge=1, le=MAX_TUNED), Setting("N", panel="Training")] = 1
    """settings that each trial of every variant, control included, tries: learning rate and the technique's strength,
    chosen on validation rows and judged once on test rows; 1: as typed. It takes so many times the fits"""
    tuned_by: Annotated[str, AfterValidator(_validation_score)] | None = None
    """written by regfleet: the column of the validation score that settings were chosen by"""
    combine: Annotated[
        tuple[str, ...],
        BeforeValidator(parse_combine, json_schema_input_type=str | list[str]),
        Field(max_length=100),
        Setting("TECHNIQUES", panel="Model", default="none", example=["l2(0.001)", "dropout(0.3)", "batchnorm"]),
    ] = ()
    """techniques to be compared in all combinations, as l2=.001,dropout,batchnorm,mixup: what each adds, which are more
    or less together than apart, and the best combination; from six on 32 combinations that tell the most"""
    greedy: Annotated[bool, Setting(panel="Model", example=True)] = False
    """instead of all combinations start with none, add the technique of --combine that helps most by validation rows,
    go on while it helps clearly, and judge what came of it on other seeds"""
    rows: Annotated[
        tuple[float, ...],
        BeforeValidator(parse_rows, json_schema_input_type=str | list[float | str]),
        Field(max_length=20),
        PlainSerializer(rows_text, when_used="json"),
        Setting("SHARES", panel="Data", default="100%", example="25,50,100%"),
    ] = ()
    """a learning curve: every variant also on these shares of each seed's training rows, with the same validation and
    test rows, as 25,50,100%; it says whether more rows do more than the best technique (docs/what-helps-more.md)"""
    ablate: Annotated[Literal["columns"] | None, Setting("columns", panel="Data", default="no", example="columns")] = (
        None
    )
    """columns: the control also without each column of a table, one at a time, to see which of them it needs"""
    model: Model = Model(activation=ARTICLE_MODEL.activations)
    training: Training = Training()
    analysis: Analysis = Analysis()
    variant: Annotated[tuple[VariantEntry, ...], NotEmpty, Field(max_length=MAX_LISTED)]
    """what is compared, each with the control that shares its training settings"""

    @model_validator(mode="before")
    @classmethod
    def _every_fold(cls, value: Any) -> Any:
        """Without ``seeds``, cross-validation has one for each fold."""
        split = value.get("split") if isinstance(value, Mapping) else None
        folds = re.fullmatch(r"\s*([0-9]{1,3})x([0-9]{1,3})\s*", split) if isinstance(split, str) else None
        if folds and "seeds" not in value and int(folds[1]) and int(folds[2]):
            return {**value, "seeds": int(folds[1]) * int(folds[2])}
        return value

    @model_validator(mode="before")
    @classmethod
    def _no_model(cls, value: Any) -> Any:
        """A model of which nothing is said is left open, but for the article's data."""
        if isinstance(value, Mapping) and value.get("model") == {} and not is_article_data(value.get("data", "iris")):
            return {name: one for name, one in value.items() if name != "model"}
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """What results call the data sets, each name once."""
        counted: Counter[str] = Counter()
        names = []
        for one in self.data:
            counted[one.name] += 1
            names.append(one.name if counted[one.name] == 1 else f"{one.name}-{counted[one.name]}")
        return tuple(names)

    def sources(self) -> dict[str, Data]:
        """Where each data set comes from, by its name."""
        return dict(zip(self.names, self.data, strict=True))

    @property
    def adds_seeds(self) -> bool:
        """Whether seeds are added until the answer is clear; ``seeds`` is empty then."""
        return not self.seeds

    @property
    def has_references(self) -> bool:
        """Whether reference rows are trained where the data set can have them; steps choose among networks alone."""
        return self.references == "auto" and not self.greedy

    @property
    def left_open(self) -> tuple[str, ...]:
        """The settings of model and training that nobody gave and that are sized to the rows; none on Iris."""
        if is_article_data([one.model_dump() for one in self.data]):
            return ()
        model = self.model.model_fields_set if "model" in self.model_fields_set else set[str]()
        training = self.training.model_fields_set
        given = self.model.source or "hidden" in model or ("activation" in model and len(self.model.activation) > 1)
        names = () if given else ("hidden",) if "activation" in model else ("hidden", "activation")
        # A rate that nobody gave is the optimizer's own where that was given.
        rate = () if "optimizer" in training else ("learning_rate",)
        return names + tuple(name for name in ("epochs", "batch_size", "optimizer", *rate) if name not in training)

    def with_settings(self, values: Mapping[str, Any]) -> "Study":
        """The study with ``values`` of its model and its training, by the names of their fields."""
        parts: dict[str, Part] = {}
        for name, kind in (("model", Model), ("training", Training)):
            own = {field: values[field] for field in kind.model_fields if field in values}
            parts[name] = getattr(self, name).model_copy(update=own)
        return self.model_copy(update=parts)

    def as_in(self, other: "Study") -> "Study":
        """The study with what it leaves open as it is in ``other``; itself where that is nothing, or of other data."""
        silent = "variant" not in self.model_fields_set
        article = is_article_data([one.model_dump() for one in self.data])
        if self.data != other.data or article or not (silent or self.left_open):
            return self
        values = {name: getattr(other.training, name) for name in self.left_open if name in Training.model_fields}
        if not other.model.source:
            values |= {name: getattr(other.model, name) for name in self.left_open if name not in values}
        study = self.with_settings(values)
        return study.model_copy(update={"variant": other.variant}) if silent else study

    @property
    def is_article(self) -> bool:
        """Whether this is the article's own study: its model, its nine variants and its settings on Iris."""
        default = Study.model_validate({"variant": default_variants({})})
        return all(getattr(self, name) == getattr(default, name) for name in ("data", "model", "training", "variant"))

    def table(self) -> dict[str, Any]:
        """The study as a TOML file holds it; `read_study` reads it back to an equal study."""
        fields = self.model_dump(mode="json", exclude_none=True)
        data = [{name: value for name, value in one.items() if value} for one in fields["data"]]
        fields["data"] = [one["location"] for one in data] if all(len(one) == 1 for one in data) else data
        for name in ("combine", "greedy", "rows", "ablate"):
            if not fields.get(name):
                fields.pop(name, None)
        if not fields["analysis"]["silence"]:
            del fields["analysis"]["silence"]
        own = {name: value for name, value in fields["model"].items() if value}
        kept = ("source", "keep_weights", "layers", "fingerprints") if self.model.source else ("hidden", "activation")
        fields["model"] = {name: own[name] for name in kept if name in own}
        return fields

    def toml(self) -> str:
        """The study as the text of a TOML file."""
        return tomli_w.dumps(self.table())

    def with_model(self, layers: tuple[str, ...], fingerprints: tuple[str, ...]) -> "Study":
        """The study with what its own model was found to be."""
        model = self.model.model_copy(update={"layers": layers, "fingerprints": fingerprints})
        return self.model_copy(update={"model": model})

    def with_metric(self, metric: str) -> "Study":
        """The study judged by ``metric`` where it names none."""
        if self.analysis.metric:
            return self
        return self.model_copy(update={"analysis": self.analysis.model_copy(update={"metric": metric})})

    def with_choice(self) -> "Study":
        """The study with what chooses the settings of its trials: the score that it is judged by, on validation rows.

        Another metric afterwards judges the same trials, so that what was chosen once stays.
        """
        if self.tune == 1 or self.tuned_by or not self.analysis.metric:
            return self
        return self.model_copy(update={"tuned_by": f"{self.analysis.at}_val_{self.analysis.metric}"})

    def differences(self, other: "Study") -> list[str]:
        """The fields in which ``other`` is another study, as ``name: here … there …``.

        Analysis, the interval, references, shares of rows, columns left out and what is kept never count, nor do more
        seeds or variants that ``other`` adds, be it by combining. Looks are planned before the first seed, so a study
        that adds seeds by itself and one that does not are different.
        """
        beside = {"seeds", "analysis", "variant", "keep_predictions", "interval", "references", "tuned_by"}
        beside |= {"rows", "ablate"}
        beside |= set() if self.combine else {"combine", "greedy"}
        mine, theirs = (_flat(study.model_dump(exclude=beside)) for study in (self, other))
        found = [
            f"{name} is {_words(mine[name])} there and {_words(theirs[name])} here"
            for name in mine
            if mine[name] != theirs[name]
        ]
        if self.adds_seeds != other.adds_seeds:
            found.append(f"seeds is {seeds_text(self.seeds)} there and {seeds_text(other.seeds)} here")
        there = [*other.variant, *(VariantEntry(technique=text) for text in ("none", *other.combine))]
        dropped = [entry.technique for entry in self.variant if entry not in there]
        return [*found, *(f"variant {text} is there and not here" for text in dropped)]


def _words(value: Any) -> str:
    if isinstance(value, tuple | list) and value and isinstance(value[0], Mapping):
        return ", ".join(" ".join(str(part) for part in one.values() if part) for one in value)
    return str(value)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
