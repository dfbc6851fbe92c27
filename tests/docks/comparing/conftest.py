"""A simulated predictions table, and a viewer on a clean machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docks.coordinator.conftest import (  # noqa: F401 - fixtures
    clean_machine,
    hub,
    made_study,
    new_study_file,
    told,
    viewer,
)
from tests.ultrasound.make_predictions import write_scores


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    return write_scores(tmp_path / "run" / "predictions.csv")
