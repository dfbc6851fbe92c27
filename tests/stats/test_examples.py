from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["icc", "bland_altman", "bootstrap"])
def test_the_examples_of_the_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"napari_ptx.stats.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
