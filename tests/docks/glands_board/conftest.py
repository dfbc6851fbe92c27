"""A cohort of known counts under review, without a window: the widgets and a small host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from napari.components import ViewerModel
from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_ptx.docks import settings
from napari_ptx.docks.gland_board import GlandBoard
from napari_ptx.docks.gland_desk import GlandDesk
from napari_ptx.docks.gland_errors import GlandErrors
from napari_ptx.docks.gland_results import load_ahead
from napari_ptx.report.gland_truth import measured_truth
from tests.ct.make import readings, series
from tests.docks.coordinator.conftest import clean_machine, told  # noqa: F401 - fixtures

FINDERS = {("ultrasound", "A"): range(0, 8, 2), ("CT", "A"): range(1, 8, 3),
           ("CT", "B"): (), ("MIBI", ""): range(4, 12)}  # fmt: skip


class FakeHub:
    """What the tabs ask of a hub."""

    desk_changed = Signal()
    phases_changed = Signal()

    def __init__(self) -> None:
        self.blinded = False
        self.phases: Any = None


class Host(QWidget):
    """A dock with a desk and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.viewer = ViewerModel()
        self.hub = FakeHub()
        self.desk = GlandDesk()
        self.asked = 0

    def named(self) -> bool:
        self.asked += not self.desk.who
        return bool(self.desk.who)


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """Forget the name that a test gives: napari keeps settings for the whole run."""
    settings.set_reviewer("")
    yield
    settings.set_reviewer("")


@pytest.fixture(scope="session")
def made_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three patients with four glands each; the model misses two of them."""
    folder = tmp_path_factory.mktemp("board")
    _, _, table = series(folder, 3, missed=(2, 5))
    (folder / "glands.csv").unlink()
    places = measured_truth(folder / "cohort.csv").rows
    for axis, name in enumerate(("x_mm", "y_mm", "z_mm")):
        table[name] = [places[one.patient][one.slot].place[axis] for one in table.itertuples()]
    table.to_csv(folder / "glands.csv", index=False)
    readings(folder / "readings.csv", table, FINDERS)
    assert len(pd.read_csv(folder / "readings.csv")) == 4 * 12 + 4
    return folder


@pytest.fixture
def cohort(made_cohort: Path, tmp_path: Path) -> Path:
    """Give a copy that a test may write into."""
    import shutil

    return Path(shutil.copytree(made_cohort, tmp_path / "cohort"))


@pytest.fixture
def host(cohort: Path, qtbot: Any) -> Iterator[Host]:
    load_ahead().join()
    made = Host()
    qtbot.addWidget(made)
    assert made.desk.open(cohort / "out", cohort / "cohort.csv")
    made.desk.set_who("Ada")
    yield made
    made.desk.close()


@pytest.fixture
def board(host: Host, qtbot: Any) -> GlandBoard:
    made = GlandBoard(host)
    qtbot.addWidget(made)
    made.resize(320, 620)
    made.show()
    return made


@pytest.fixture
def errors(host: Host, qtbot: Any) -> GlandErrors:
    made = GlandErrors(host)
    qtbot.addWidget(made)
    made.resize(320, 620)
    made.show()
    return made
