"""Which regularization technique really helps a Keras model on a data set, by how much, and how sure that is."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from regfleet.api import Results, compare, fit, load, load_model
    from regfleet.concluding.analyze import analyze
    from regfleet.estimators import RegularizedClassifier, RegularizedRegressor
    from regfleet.results import HISTORY_FIELDS, PREDICTION_FIELDS, TRIAL_FIELDS
    from regfleet.settings import Study

_HOME = {
    "analyze": "concluding.analyze",
    "compare": "api",
    "fit": "api",
    "HISTORY_FIELDS": "results",
    "PREDICTION_FIELDS": "results",
    "RegularizedClassifier": "estimators",
    "RegularizedRegressor": "estimators",
    "Results": "api",
    "TRIAL_FIELDS": "results",
    "load": "api",
    "load_model": "api",
    "Study": "settings",
}
__all__ = [
    "HISTORY_FIELDS",
    "PREDICTION_FIELDS",
    "TRIAL_FIELDS",
    "RegularizedClassifier",
    "RegularizedRegressor",
    "Results",
    "Study",
    "__version__",
    "analyze",
    "compare",
    "fit",
    "load",
    "load_model",
]


def __getattr__(name: str) -> Any:
    """Import a public name where it lives, on first use: `import regfleet` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'regfleet' has no attribute {name!r}")
    return getattr(import_module(f"regfleet.{_HOME[name]}"), name)
