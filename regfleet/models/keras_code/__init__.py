"""A variant as plain Keras code, without regfleet."""

from regfleet.models.keras_code.patch import graphed
from regfleet.models.keras_code.variant import Wanted, keras_code

__all__ = ["Wanted", "graphed", "keras_code"]
