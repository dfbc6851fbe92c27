"""A study on disk and a reader's session in a real window."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from PIL import Image as Picture
from qtpy.QtCore import QSettings

from napari_ptx.docks.hub import Hub
from napari_ptx.study import Protocol, Study
from tests.docks.reading.hands import Hands

CASES = 6
SHAPE = (240, 320)
CANARY = "canary"


def picture(seed: int) -> np.ndarray:
    """Give a noisy grey image with a dark ellipse in it."""
    noise = np.random.default_rng(seed).integers(60, 200, SHAPE)
    y, x = np.indices(SHAPE)
    lesion = ((y - 120) / 40) ** 2 + ((x - 160) / 60) ** 2 < 1
    return np.where(lesion, noise // 3, noise).astype(np.uint8)


def write_study(folder: Path, images: dict[str, np.ndarray], **protocol: object) -> Path:
    """Make a study of these images; every name in it is a canary."""
    folder.mkdir(exist_ok=True)
    table = folder / f"{CANARY}-cohort.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("case", "patient", "image"))
        for number, (name, pixels) in enumerate(images.items()):
            path = folder / f"{CANARY}-{name}"
            if pixels.ndim == 2:
                Picture.fromarray(pixels).save(path)
            else:
                tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "TYX"})
            rows.writerow((f"{CANARY}-case-{number}", f"{CANARY}-patient-{number}", path.name))
    options = {"reread": 3, "washout_days": 0, "seed": 5} | protocol
    path = folder / f"{CANARY}.ptx"
    Study.create(path, table, Protocol(("A", "B"), **options)).close()
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = {f"image-{number}.png": picture(number) for number in range(CASES)}
    return write_study(tmp_path_factory.mktemp("made") / "study", images)


@pytest.fixture
def study_file(made: Path, tmp_path: Path) -> Path:
    """Give a study of six images that nobody has read; a test may change it."""
    copy = tmp_path / "study"
    copy.mkdir()
    for path in made.parent.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy / made.name


@pytest.fixture(autouse=True)
def clean_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the app remembers out of the real home."""
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "ini"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")


@pytest.fixture
def hands_at(
    make_napari_viewer: Callable[..., Viewer],
) -> Callable[[Path], Hands]:
    """Give a function that opens a study in a new window."""

    def open_window(path: Path) -> Hands:
        viewer = make_napari_viewer(show=False)
        viewer.window.resize(1366, 768)
        viewer.window.show()
        assert Hub.of(viewer).open_study(path) is not None
        return Hands(viewer)

    return open_window


@pytest.fixture
def hands(hands_at: Callable[[Path], Hands], study_file: Path) -> Hands:
    """Give a reader's hands at the first case of a new session."""
    return hands_at(study_file).open()
