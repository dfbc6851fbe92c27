"""A small real study on disk, read by two readers, and a viewer on a clean machine."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.utils.notifications import Notification, notification_manager
from PIL import Image as Picture
from qtpy.QtCore import QSettings

from napari_ptx.docks.hub import Hub
from napari_ptx.image import read_cohort
from napari_ptx.study import Protocol, Study
from tests.study.make import Clock, square

CASES = 6
SHAPE = (60, 80)


def left_of(case: str, reader: str, round: int) -> tuple[float, float]:
    """Say where a reader's square begins and how large it is: B draws larger than A."""
    number = int(case[-1])
    size = 12 + 4 * number + (2 if reader == "B" else 0) + (1 if round == 2 else 0)
    return 5.0 + (3 * (number % 2) if reader == "B" else 0), float(size)


def outline_of(case: str, reader: str, round: int) -> Any:
    """Give the square that a reader draws on a case."""
    left, size = left_of(case, reader, round)
    return square(6, left, size)


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a study once: A has read both rounds, B round 1; B's round 2 is sealed."""
    folder = tmp_path_factory.mktemp("study")
    with (folder / "cohort.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("case", "patient", "image"))
        for number in range(CASES):
            pixels = np.random.default_rng(number).integers(0, 256, SHAPE, np.uint8)
            Picture.fromarray(pixels).save(folder / f"picture-{number}.png")
            table.writerow((f"case-{number}", f"patient-{number // 2}", f"picture-{number}.png"))
    clock = Clock(datetime.now(UTC) - timedelta(days=100))
    protocol = Protocol(("A", "B"), reread=4, washout_days=60, seed=7)
    path = folder / "neck.ptx"
    with Study.create(
        path, read_cohort(folder / "cohort.csv"), protocol, name="neck", clock=clock
    ) as study:
        names = {info.sha256: info.case for info in study.cases()}
        for reader, round, days in (("A", 1, 0), ("B", 1, 70), ("A", 2, 5)):
            clock.advance(days=days)
            with study.desk(reader, round, clock=clock) as desk:
                for entry in desk.cases:
                    case = names[desk.image(entry.index).sha256]
                    drawn = outline_of(case, reader, round)
                    desk.record(entry.index, [drawn], "freehand", {}, 4.0)
                    desk.finish(entry.index, view={}, seconds=1.0)
                desk.close_session()
    return path


@pytest.fixture
def study_file(made_study: Path, tmp_path: Path) -> Path:
    """Give a copy of the study that a test may change."""
    shutil.copytree(made_study.parent, tmp_path / "study")
    return tmp_path / "study" / made_study.name


@pytest.fixture
def new_study_file(made_study: Path, tmp_path: Path) -> Path:
    """Give a study of the same images that nobody has read."""
    path = tmp_path / "fresh.ptx"
    cohort = read_cohort(made_study.parent / "cohort.csv")
    Study.create(path, cohort, Protocol(("A", "B"), reread=2, seed=7), name="fresh").close()
    return path


@pytest.fixture(autouse=True)
def clean_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the app remembers, and its folder, out of the real home."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "ini"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    return make_napari_viewer(show=True)


@pytest.fixture
def hub(viewer: Viewer) -> Hub:
    return Hub.of(viewer)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Collect the notifications, which are not shown."""
    messages: list[str] = []

    def keep(notification: Notification) -> None:
        messages.append(str(notification))

    notification_manager.notification_ready.connect(keep)
    yield messages
    notification_manager.notification_ready.disconnect(keep)
