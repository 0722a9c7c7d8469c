"""Fitted models taken home: folders that plain Keras loads, with their preprocessing, that predict new rows."""

from regfleet.saving.loading import Loaded, load
from regfleet.saving.predicting import Answers, Predictor

__all__ = ["Answers", "Loaded", "Predictor", "load"]
