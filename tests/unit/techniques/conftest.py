"""Rows and recipes that the tests of training share."""

from support.training import article, diabetes, iris, small, uneven, worker_runtime

__all__ = ["article", "diabetes", "iris", "small", "uneven", "worker_runtime"]
