"""Rows and recipes that the tests of training share."""

from support.training import diabetes, iris, small, uneven, worker_runtime

__all__ = ["diabetes", "iris", "small", "uneven", "worker_runtime"]
