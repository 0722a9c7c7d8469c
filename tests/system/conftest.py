"""Processes, Ray, buckets, a browser, packages, XLA: what is started once for an area serves all its tests."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Give every area to one worker, which starts its cluster, server, browser or study once."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(HERE).parts[0]))
