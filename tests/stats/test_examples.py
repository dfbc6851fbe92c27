from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "auc",
    "bland_altman",
    "bootstrap",
    "calibration",
    "complementarity",
    "decision",
    "diagnostic",
    "froc",
    "icc",
    "psychometric",
    "roc",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"napari_ptx.stats.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
