"""Comparisons with reference implementations take seconds each."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """Mark every test of this folder as slow."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)
