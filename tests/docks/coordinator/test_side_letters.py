"""The letters of the patient's sides on volumes that no dock of ours shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from napari import Viewer
from qtpy.QtWidgets import QLabel

from napari_ptx.docks.compat import canvas_widget
from napari_ptx.docks.edge_letters import EdgeLetters
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.layers import add_image
from napari_ptx.docks.side_letters import letters_of
from napari_ptx.image import Image, read_image


@pytest.fixture
def volume(tmp_path: Path) -> tuple[Path, Image]:
    voxels = np.zeros((4, 5, 6), np.int16)
    voxels[1, 2, 3] = -9
    path = tmp_path / "scan.nii.gz"
    sitk.WriteImage(sitk.DICOMOrient(sitk.GetImageFromArray(voxels), "PLI"), str(path))
    return path, read_image(path)


def on_canvas(viewer: Viewer) -> str:
    """Give the letters that are really seen: left, right, top, bottom."""
    labels = canvas_widget(viewer).findChildren(QLabel)
    seen = [label for label in labels if label.isVisible() and len(label.text()) == 1]
    if not seen:
        return ""
    assert len(seen) == 4
    across = sorted(seen, key=lambda label: label.x())
    down = sorted(seen, key=lambda label: label.y())
    return "".join(label.text() for label in (across[0], across[-1], down[0], down[-1]))


@pytest.mark.parametrize(
    ("code", "letters"), [("LPS", "RLAP"), ("RAS", "LRPA"), ("PLI", "APRL"), ("PIL", "APSI")]
)
def test_the_letters_are_those_of_itks_orientation(code: str, letters: str) -> None:
    """The code names where x, y and z grow to, as SimpleITK writes it."""
    turned = sitk.DICOMOrient(sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16)), code)
    matrix = np.array(turned.GetDirection()).reshape(3, 3).tolist()
    image = Image(
        np.zeros((4, 5, 6)),
        "zyx",
        (1.0, 1.0, 1.0),
        calibrated=True,
        origin=(0.0, 0.0, 0.0),
        direction=tuple(tuple(row) for row in matrix),
    )
    assert letters_of(image, (1, 2), ("down", "right")) == letters
    left, right, top, bottom = letters
    assert letters_of(image, (2, 1), ("down", "right")) == top + bottom + left + right
    assert letters_of(image, (1, 2), ("up", "left")) == right + left + bottom + top


def test_a_dropped_volume_has_its_letters_in_every_plane(
    viewer: Viewer, hub: Hub, volume: tuple[Path, Image]
) -> None:
    assert on_canvas(viewer) == ""
    (layer,) = viewer.open(str(volume[0]), plugin="napari-ptx")
    assert on_canvas(viewer) == hub._letters.letters == "RLAP"
    viewer.dims.order = (1, 0, 2)
    assert on_canvas(viewer) == "RLIS"  # z grows up the patient, and down the canvas
    viewer.scene.camera.orientation2d = ("up", "right")
    assert on_canvas(viewer) == "RLSI"
    viewer.dims.ndisplay = 3
    assert on_canvas(viewer) == ""
    viewer.dims.ndisplay = 2
    viewer.scene.camera.orientation2d = ("down", "right")
    viewer.dims.order = (0, 1, 2)
    assert on_canvas(viewer) == "RLAP"
    viewer.layers.remove(layer)
    assert on_canvas(viewer) == ""


def test_nothing_is_said_of_what_has_no_sides(
    viewer: Viewer, hub: Hub, volume: tuple[Path, Image]
) -> None:
    viewer.add_image(np.zeros((4, 5, 6)))
    add_image(viewer, replace(volume[1], direction=None, origin=None), name="nowhere")
    assert on_canvas(viewer) == hub._letters.letters == ""


def test_volumes_that_run_differently_have_no_letters(
    viewer: Viewer, hub: Hub, volume: tuple[Path, Image]
) -> None:
    viewer.open(str(volume[0]), plugin="napari-ptx")
    as_stored = add_image(viewer, volume[1], name="as the file runs")
    assert on_canvas(viewer) == ""
    viewer.layers.remove(as_stored)
    assert on_canvas(viewer) == "RLAP"


def test_a_dock_with_letters_of_its_own_is_left_alone(
    viewer: Viewer, hub: Hub, volume: tuple[Path, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.open(str(volume[0]), plugin="napari-ptx")
    own = EdgeLetters(viewer)
    hub.phases = object()  # type: ignore[assignment]
    hub.phases_changed.emit()
    assert hub._letters.letters == ""
    assert on_canvas(viewer) == "RLAP"
    own.close()
    hub.phases = None
    hub.phases_changed.emit()
    assert on_canvas(viewer) == "RLAP"
    monkeypatch.setattr(Hub, "blinded", True)
    hub.desk_changed.emit()
    assert on_canvas(viewer) == ""
    monkeypatch.undo()
