"""The frozen values that pass from one stage to the next.

    Study → Plan → Chunk ⇉ Outcome → (trials, histories) frames → Summary → report

A stage imports this package, `errors`, `metrics` and `streams`, never another stage.
"""

from regfleet.records.comparison import (
    AnalysisSettings,
    Comparison,
    Effects,
    Interval,
    Scope,
    Spread,
    Word,
)
from regfleet.records.data import Dataset, DataSource, Rows, Sets, Task
from regfleet.records.facts import (
    Failure,
    StudyFacts,
)
from regfleet.records.recipe import (
    Insertion,
    Penalty,
    Recipe,
)
from regfleet.records.study import (
    ModelSpec,
    SplitSpec,
    Technique,
    Training,
    Variant,
)
from regfleet.records.summary import (
    Across,
    AcrossComparison,
    Curve,
    DatasetSummary,
    Detection,
    FamilySummary,
    Lead,
    Look,
    RankTest,
    Summary,
    VariantSummary,
)
from regfleet.records.trials import (
    HISTORY_COLUMNS,
    HISTORY_METRICS,
    HISTORY_OF,
    HISTORY_SETS,
    STACKED,
    Chunk,
    Fit,
    Outcome,
    Status,
    Trial,
    history_columns,
)

__all__ = [
    "HISTORY_COLUMNS",
    "HISTORY_METRICS",
    "HISTORY_OF",
    "HISTORY_SETS",
    "STACKED",
    "Across",
    "AcrossComparison",
    "AnalysisSettings",
    "Chunk",
    "Comparison",
    "Curve",
    "DataSource",
    "Dataset",
    "DatasetSummary",
    "Detection",
    "Effects",
    "Failure",
    "FamilySummary",
    "Fit",
    "Insertion",
    "Interval",
    "Lead",
    "Look",
    "ModelSpec",
    "Outcome",
    "Penalty",
    "RankTest",
    "Recipe",
    "Rows",
    "Scope",
    "Sets",
    "SplitSpec",
    "Spread",
    "Status",
    "StudyFacts",
    "Summary",
    "Task",
    "Technique",
    "Training",
    "Trial",
    "Variant",
    "VariantSummary",
    "Word",
    "history_columns",
]
