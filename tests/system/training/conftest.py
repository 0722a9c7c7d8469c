"""Recipes that the tests of training share."""

from support.training import small, worker_runtime

__all__ = ["small", "worker_runtime"]
