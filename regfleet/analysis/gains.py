"""What the analysis says was gained: by techniques combined or added one by one, by more rows, and by each column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from regfleet.analysis.variant import Interval, Rule, Word


@dataclass(frozen=True, slots=True)
class Effect:
    """What a technique adds over all combinations of the others, or what two give beyond what each adds alone.

    ``factors`` holds one technique, or the two of an interaction; of a fraction several pairs, whose interactions are
    measured as one sum. ``difference`` is oriented, larger is better, and simultaneous over all effects of the data
    set; ``verdict``, ``note``, ``p`` and ``floor`` are as of a `Comparison`. ``means`` are the mean scores of the runs
    without and with the technique; of the first pair with neither, the first, the second and both.
    """

    factors: tuple[tuple[str, ...], ...]
    difference: Interval
    p: float
    floor: float
    verdict: Word
    note: str
    means: tuple[float, ...]
    sentence: str = ""

    @property
    def is_main(self) -> bool:
        """Whether it is that of one technique."""
        return len(self.factors[0]) == 1

    @property
    def label(self) -> str:
        """Its techniques, for people."""
        return " + ".join(" × ".join(names) for names in self.factors)


@dataclass(frozen=True, slots=True)
class Combined:
    """What techniques do in combination: a factorial of ``runs`` of the ``combinations`` of its ``factors``.

    ``resolution`` None: every combination was run. ``effects``, main ones first, are over the ``seeds`` that every run
    finished; ``dropped`` counts those that one lost. ``best`` and ``single`` are the variants of two techniques or
    more and of one technique with the best mean, empty without any; ``lead`` is the difference of these two,
    simultaneous over the combinations, and ``clear`` says that the combination is ahead of every single technique.
    ``design``, ``effects_said`` and ``best_said`` put it in plain words.
    """

    factors: tuple[str, ...]
    runs: int
    combinations: int
    resolution: int | None
    effects: tuple[Effect, ...]
    seeds: tuple[int, ...] = field(repr=False)
    dropped: int
    rule: Rule
    rule_why: str
    rope: float
    best: str
    single: str
    lead: Interval | None
    clear: bool
    design: tuple[str, ...] = ()
    effects_said: tuple[str, ...] = ()
    best_said: str = ""


@dataclass(frozen=True, slots=True)
class OnRows:
    """A variant on a share of the training rows: its mean score, and its difference from its control there.

    ``difference`` is None of a control; its label is the variant's.
    """

    name: str
    label: str
    score: Interval
    finished: int
    difference: Effect | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the training rows of each seed: ``rows`` of them, and the variants there, in the study's order.

    ``gain`` is what the control gains from the next smaller share to this one, larger is better; None of the smallest.
    """

    share: float
    rows: int
    variants: tuple[OnRows, ...]
    gain: Effect | None


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Every variant on shares of the training rows, ascending, the last of which are all.

    ``lead`` is what the last step up to all rows gains less what the best technique, ``best``, adds on all rows, with
    its verdict; simultaneous over the techniques, as the data chose the best. It is None where there is no technique.
    ``answer`` says what did more, and ``said`` puts it in plain words. ``compared`` counts the differences from
    controls on fewer rows, over which these are simultaneous. ``rule`` is what judged the steps.
    """

    shares: tuple[Share, ...]
    control: str
    best: str
    lead: Effect | None
    answer: Literal["rows", "technique", "alike", "undecided", "unknown"]
    compared: int
    rule: Rule
    rule_why: str
    said: tuple[str, ...] = ()

    @property
    def times(self) -> float:
        """How many times the rows the last step is."""
        return 1 / self.shares[-2].share


@dataclass(frozen=True, slots=True)
class Ablation:
    """The control of label ``control`` without each column: what the column adds, all columns less all but that one.

    ``columns`` are in order of what they add, most first, simultaneous over all of them. ``seeds`` is the least number
    that a difference rests on. ``said`` puts it in plain words.
    """

    control: str
    columns: tuple[Effect, ...]
    seeds: int
    rope: float
    rule: Rule
    rule_why: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A technique that a step may add: the variant with it, and what it adds by validation rows, larger is better."""

    name: str
    label: str
    seeds: int
    difference: Interval


@dataclass(frozen=True, slots=True)
class Step:
    """A step that adds a technique: the candidates, and the best of them by validation rows.

    ``name`` and ``label`` are that one's. It was added where it is ``clear`` that it helps; else steps end here.
    """

    candidates: tuple[Candidate, ...]
    name: str
    label: str
    clear: bool


@dataclass(frozen=True, slots=True)
class Stepwise:
    """Techniques added one by one: the ``steps``, on ``choosing`` seeds of their own, and what is judged on others.

    ``single`` is the best single technique by validation rows, ``final`` the variant that the steps came to, which may
    be the control; empty while steps are missing. ``lead`` is their difference on test rows, simultaneous with that of
    ``final`` and its control; None where there is none. ``said`` puts it in plain words.
    """

    steps: tuple[Step, ...]
    choosing: int
    single: str
    final: str
    lead: Interval | None = None
    said: tuple[str, ...] = ()
