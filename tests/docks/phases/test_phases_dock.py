"""The Phases dock in the real window: choose, register, look in every way, and leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_ptx.docks.blend import Blend
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.phase_view import PLANES, WINDOWS
from napari_ptx.docks.phases import PhasesDock, _change
from napari_ptx.image import read_image
from napari_ptx.image.write import write_nifti
from tests.docks.phases.conftest import SHIFT, SPACING

GLAND = (36.0, 50.0, 80.0)  # mm of the layers, z y x


def opened(dock: PhasesDock, folder: Path, qtbot) -> PhasesDock:
    """Open both phases as a user does: a folder, then Enter."""
    dock.place.path = folder
    qtbot.waitUntil(lambda: dock.primary.isEnabled() and dock.second.count() > 1)
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.view.shown)
    return dock


@pytest.mark.once
def test_phases_are_registered_and_looked_at_in_every_way(
    dock: PhasesDock, viewer: Viewer, made_phases: Path, qtbot
) -> None:
    assert "drop it here" in dock._sentence.text()
    assert not dock.primary.isEnabled()
    opened(dock, made_phases, qtbot)
    assert dock.first.currentData().phase == "plain"
    assert dock.second.currentData().phase == "arterial"
    # The motion that was put in is found.
    motion = dock._pair.registration
    np.testing.assert_allclose(
        np.array(motion.matrix)[:3, 3], np.array(SHIFT)[::-1] * SPACING, atol=0.7
    )
    assert f"residual {motion.residual:.1f} mm" in dock.verdict.text()
    # A gland that takes up contrast, on the patient's left: at larger x.
    words = dock.words_at(GLAND)
    values = [int(word.strip(",+")) for word in words.split() if word.strip(",+").isdigit()]
    assert values[0] == pytest.approx(50, abs=40)
    assert values[1] == pytest.approx(170, abs=40)
    assert f"enhancement +{values[1] - values[0]} HU" in words
    assert dock.words_at((-50.0, 0.0, 0.0)) == ""

    assert viewer.canvas.grid.enabled
    names = ("plain", "arterial", "checkerboard", "difference")
    for mode, visible in (
        ("overlay", names[:2]),
        ("checkerboard", names[2:3]),
        ("difference", names[3:]),
        ("side by side", names[:2]),
    ):
        dock.mode.setCurrentText(mode)
        assert [layer.name for layer in viewer.layers if layer.visible] == list(visible)
        assert viewer.canvas.grid.enabled == (mode == "side by side")

    for plane, (order, orientation, letters) in PLANES.items():
        dock.plane.setCurrentText(plane)
        assert viewer.dims.order == order
        assert viewer.scene.camera.orientation2d == orientation
        assert dock.view._letters.letters == letters

    dock.window.setCurrentText("narrow")
    assert viewer.layers["arterial"].contrast_limits == list(WINDOWS["narrow"])
    viewer.layers["plain"].contrast_limits = (0, 100)
    assert viewer.layers["arterial"].contrast_limits == [0, 100]

    dock.plane.setCurrentText("axial")
    viewer.dims.point = GLAND
    dock.slab.setValue(30)
    slab = viewer.layers["plain"]._slice.image.raw
    # napari rounds the ends of 15 slices to whole ones.
    pixels, middle = dock._pair.first.pixels, round(GLAND[0] / SPACING[0])
    ends = [(middle - 7 - more, middle + 8 + less) for more in (0, 1) for less in (-1, 0, 1)]
    assert any(np.array_equal(slab, pixels[low:high].max(axis=0)) for low, high in ends)


@pytest.mark.once
def test_the_phases_fill_a_canvas_that_grows(
    dock: PhasesDock, viewer: Viewer, made_phases: Path, qtbot
) -> None:
    viewer.window.resize(1366, 768)
    viewer.window.show()
    opened(dock, made_phases, qtbot)
    camera = viewer.scene.camera
    for mode in ("side by side", "overlay"):
        dock.mode.setCurrentText(mode)
        viewer.window.resize(1366, 768)
        qtbot.waitUntil(lambda: viewer.canvas.size[0] < 768)
        small = camera.zoom
        viewer.window.resize(1900, 1060)
        qtbot.waitUntil(lambda: viewer.canvas.size[0] > 768)
        qtbot.wait(100)
        kept = camera.zoom
        assert kept > 1.1 * small
        dock.view.fit()
        assert camera.zoom == pytest.approx(kept)


@pytest.mark.once
def test_the_viewer_is_left_as_it_was_found(
    dock: PhasesDock, viewer: Viewer, hub: Hub, made_phases: Path, new_study_file: Path, qtbot
) -> None:
    """A reader's session takes the phases away, with everything that they changed."""
    opened(dock, made_phases, qtbot)
    dock.plane.setCurrentText("coronal")
    dock.slab.setValue(10)
    hub.open_study(new_study_file)
    hub.open_desk("A", 1)
    dock.parent().raise_()
    qtbot.waitUntil(lambda: "while a reader is at work" in dock._sentence.text())
    assert not dock._pick.isVisible()
    assert not {"plain", "arterial"} & {layer.name for layer in viewer.layers}
    assert not viewer.canvas.grid.enabled
    assert viewer.scene.camera.orientation2d == ("down", "right")
    assert dock.view._letters is None
    assert dock._mouse_moved not in viewer.mouse_move_callbacks
    hub.close_desk()
    assert viewer.canvas.background_color_override is None


@pytest.mark.once
def test_a_layer_that_is_removed_takes_the_view_away(
    dock: PhasesDock, viewer: Viewer, made_phases: Path, qtbot
) -> None:
    opened(dock, made_phases, qtbot)
    viewer.layers.remove("plain")
    dock.mode.setCurrentText("overlay")
    assert dock.words_at(GLAND) == ""
    assert len(viewer.layers) == 0
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.view.shown)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["plain", "arterial"]


@pytest.mark.once
def test_dropping_cancelling_and_what_cannot_be_opened(
    dock: PhasesDock, made_phases: Path, tmp_path: Path, told: list[str], qtbot
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(made_phases / "P7_plain.nii.gz"))])
    dock.dropEvent(
        QDropEvent(
            QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    qtbot.waitUntil(lambda: dock.second.count() == 3)
    dock.second.setCurrentIndex(dock.second.findData(dock.first.currentData()))
    assert not dock.primary.isEnabled()
    assert "choose another" in dock.primary.toolTip()
    dock.second.setCurrentIndex(0)
    assert dock.primary.text() == "Open"
    dock.second.setCurrentIndex(1)
    dock.open()
    assert dock.job.running
    dock.job.cancel()
    qtbot.waitUntil(lambda: not dock.job.running)
    assert not dock.view.shown
    assert dock.primary.isEnabled()
    (tmp_path / "empty").mkdir()
    dock.place.path = tmp_path / "empty"
    qtbot.waitUntil(lambda: any("no DICOM image" in message for message in told))
    qtbot.waitUntil(lambda: dock.first.count() == 0)
    assert not dock.primary.isEnabled()


def test_a_cohort_is_offered_by_patient(
    dock: PhasesDock, made_phases: Path, tmp_path: Path, qtbot
) -> None:
    lines = ["patient,phase,image"]
    for patient in ("P1", "P2"):
        for phase in ("plain", "arterial"):
            lines.append(f"{patient},{phase},{made_phases / f'P7_{phase}.nii.gz'}")
    lines.append(f"P3,plain,{made_phases / 'P7_plain.nii.gz'}")
    (tmp_path / "cohort.csv").write_text("\n".join(lines) + "\n")
    dock.place.path = tmp_path
    qtbot.waitUntil(lambda: dock.first.count() == 5)
    assert (dock.first.currentText(), dock.second.currentText()) == ("P1 – plain", "P1 – arterial")
    dock.first.setCurrentIndex(2)
    assert (dock.first.currentText(), dock.second.currentText()) == ("P2 – plain", "P2 – arterial")
    dock.first.setCurrentIndex(4)
    assert dock.second.currentData() is None
    assert dock.primary.text() == "Open"


@pytest.mark.once
def test_keys_walk_through_the_patients_of_a_cohort(
    dock: PhasesDock, viewer: Viewer, made_phases: Path, tmp_path: Path, told: list[str], qtbot
) -> None:
    lines = ["patient,phase,image"]
    for patient, phases in {
        "P1": ("arterial", "plain"),
        "P2": ("plain",),
        "P3": ("plain",),
    }.items():
        lines += [f"{patient},{phase},{made_phases / f'P7_{phase}.nii.gz'}" for phase in phases]
    (tmp_path / "cohort.csv").write_text("\n".join(lines) + "\n")
    dock.place.path = tmp_path / "cohort.csv"
    qtbot.waitUntil(lambda: dock.first.count() == 4)
    assert dock.patient.text() == "P1 – 1 of 3"
    assert (dock.back.isEnabled(), dock.on.isEnabled()) == (False, True)
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.view.shown)
    assert len(viewer.layers) == 4
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_J)
    assert dock.patient.text() == "Opening P2 – 2 of 3"
    qtbot.waitUntil(lambda: dock.patient.text() == "P2 – 2 of 3")
    assert dock.first.currentText() == "P2 – plain"
    assert len(viewer.layers) == 1
    assert dock.verdict.text() == "One phase only."
    qtbot.keyClick(canvas, Qt.Key.Key_J)  # the keys are on the new layers, too
    qtbot.waitUntil(lambda: dock.patient.text() == "P3 – 3 of 3")
    assert (dock.back.isEnabled(), dock.on.isEnabled()) == (True, False)
    qtbot.keyClick(canvas, Qt.Key.Key_J)
    assert told[-1] == "INFO: P3 is the last patient."
    # Two steps at once: the patient between is not waited for.
    qtbot.mouseClick(dock.back, Qt.MouseButton.LeftButton)
    qtbot.keyClick(canvas, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: dock.patient.text() == "P1 – 1 of 3")
    # The plain phase first, although it stands second in the table.
    assert (dock.first.currentText(), dock.second.currentText()) == ("P1 – plain", "P1 – arterial")
    assert len(viewer.layers) == 4
    qtbot.keyClick(canvas, Qt.Key.Key_K)
    assert told[-1] == "INFO: P1 is the first patient."


def test_a_folder_of_volumes_has_no_patients_to_walk_through(
    dock: PhasesDock, made_phases: Path, qtbot
) -> None:
    dock.place.path = made_phases
    qtbot.waitUntil(lambda: dock.first.count() == 2)
    assert not dock.on.isVisible()
    dock.next_patient()
    assert not dock.job.running


def test_a_path_that_is_being_typed_is_not_looked_into(
    dock: PhasesDock, made_phases: Path, qtbot
) -> None:
    asked = []
    dock.job.running_changed.connect(lambda running: asked.append(running))
    dock.place.line.setFocus()
    qtbot.keyClicks(dock.place.line, str(made_phases))
    qtbot.waitUntil(lambda: dock.first.count() == 2)
    assert asked.count(True) == 1


def test_every_control_has_a_tooltip_or_says_what_it_is(dock: PhasesDock) -> None:
    for part in (dock.first, dock.second, dock.mode, dock.plane, dock.window, dock.slab):
        assert part.toolTip()
        assert part.accessibleName()


@pytest.mark.parametrize("mode", ["checkerboard", "difference"])
@pytest.mark.parametrize(
    "key",
    [
        (3, slice(None), slice(None)),
        (slice(None), 2, slice(None)),
        (slice(1, 4), slice(None), slice(2, None)),
        (slice(None), slice(None), 5),
        (2,),
        2,
        (1, 2, 3),
    ],
)
def test_a_blend_is_sliced_as_an_array(mode: str, key: object) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(-1000, 1000, (2, 5, 6, 7)).astype(np.int16)
    blend = Blend(first, second, mode, (2, 3, 2))
    whole = np.array(blend)
    assert whole.shape == blend.shape == first.shape
    np.testing.assert_array_equal(blend[key], whole[key])
    if mode == "difference":
        np.testing.assert_array_equal(whole, second.astype(int) - first)
    else:
        assert (whole[0, 0, :2] == first[0, 0, :2]).all()
        assert (whole[0, 0, 2:4] == second[0, 0, 2:4]).all()
        assert (whole[0, 3, :2] == second[0, 3, :2]).all()


def test_washout_is_of_the_arterial_phase() -> None:
    assert _change(("arterial", "delayed"), 170, 97) == "washout 43 %"
    assert _change(("plain", "arterial"), 45, 182) == "enhancement +137 HU"
    assert _change(("arterial", "venous"), -3, 10) == "washout –"


@pytest.mark.once
def test_a_volume_that_is_no_ct_is_told(
    dock: PhasesDock, made_phases: Path, tmp_path: Path, told: list[str], qtbot
) -> None:
    """A grey picture of 8 bits; without the other phase, which would be registered to it."""
    image = read_image(made_phases / "P7_plain.nii.gz")
    grey = np.clip((image.pixels + 160.0) / 400 * 255, 0, 255).astype(np.uint8)
    write_nifti(replace(image, pixels=grey), tmp_path / "P7_plain.nii.gz")
    dock.place.path = tmp_path
    qtbot.waitUntil(lambda: dock.first.count() == 1 and dock.primary.isEnabled())
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any("not in Hounsfield units" in message for message in told))
    assert not dock.view.shown
