"""Training one variant from one seed or many, by the fast engine or by Keras' own `fit`."""

from regfleet.training.engines import fit, fit_side_by_side
from regfleet.training.rates import rate_test
from regfleet.training.references import fit_reference

__all__ = ["fit", "fit_reference", "fit_side_by_side", "rate_test"]
