"""The Glands dock in the real window: decide, edit, add, undo, place, export, and be blinded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QAction, QDropEvent

from napari_ptx.ct.shipped import shipped_models
from napari_ptx.docks import keys
from napari_ptx.docks.compat import canvas_widget, focus_canvas, main_window
from napari_ptx.docks.gland_table import COLOURS
from napari_ptx.docks.glands import GlandsDock
from napari_ptx.docks.hub import Hub
from napari_ptx.image import read_image
from tests.docks.glands.conftest import FALSE, GLANDS, ORIGIN, SPACING, ball

A, X, E, M, D, T = (getattr(Qt.Key, f"Key_{name}") for name in "AXEMDT")


def world(index: tuple[int, int, int]) -> tuple[float, ...]:
    return tuple(i * s for i, s in zip(index, SPACING, strict=True))


def lps(index: tuple[int, int, int]) -> tuple[float, ...]:
    return tuple(o + p for o, p in zip(ORIGIN, world(index)[::-1], strict=True))


def decisions(dock: GlandsDock) -> list[tuple[str, str, object, str]]:
    return [(d.kind, d.subject, d.value, d.who) for d in dock.desk.record.decisions]


@pytest.mark.once
def test_a_patient_is_decided_on_with_the_keys(opened: GlandsDock, viewer: Viewer, qtbot) -> None:
    dock, page = opened, opened.page
    assert page.table.rowCount() == 3
    assert [page.table.item(0, column).text() for column in range(6)][:3] == [
        "1", "0.90", "right sup"
    ]  # fmt: skip
    # The first open gland is looked at: the slice, and the middle of the canvas.
    assert dock.review.selected == 1
    np.testing.assert_allclose(viewer.dims.point, world(GLANDS[0]), atol=2.0)
    np.testing.assert_allclose(viewer.scene.camera.center[1:], world(GLANDS[0])[1:], atol=1.0)
    names = [layer.name for layer in viewer.layers if layer.visible]
    assert names == ["plain", "glands", "arterial", "glands (right)"]
    assert viewer.canvas.grid.stride == 3
    assert viewer.layers["glands"].data is viewer.layers["glands (right)"].data

    qtbot.keyClick(page.table, A)  # and on to the next open one
    assert dock.review.selected == 2
    np.testing.assert_allclose(viewer.dims.point, world(FALSE), atol=2.0)
    qtbot.keyClick(page.table, X)
    assert dock.review.selected == 3
    assert decisions(dock) == [
        ("candidate", "1", "accepted", "Ada"), ("candidate", "2", "rejected", "Ada")
    ]  # fmt: skip
    colours = viewer.layers["glands"].colormap.color_dict
    green = [int(COLOURS["accepted"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    np.testing.assert_allclose(colours[1][:3], green, atol=0.01)
    assert page.count.text() == "1 of 3 open"
    assert page.table.item(1, 5).text() == "rejected"
    page.filter.setCurrentText("Rejected")
    assert page.table.numbers == [2, 3]  # what is chosen stays in sight
    page.filter.setCurrentText("All glands")
    page.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert page.table.numbers == [1, 3, 2]
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert dock.review.selected == 2

    # The same keys on the image.
    viewer.layers.selection.active = viewer.layers["arterial"]
    focus_canvas(viewer)
    qtbot.keyClick(canvas_widget(viewer), Qt.Key.Key_Up)
    assert dock.review.selected == 3
    qtbot.keyClick(canvas_widget(viewer), A)
    assert decisions(dock)[-1] == ("candidate", "3", "accepted", "Ada")
    assert dock.primary.text() == "Next patient"
    qtbot.keyClick(canvas_widget(viewer), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dock.desk.record.value("P1", "candidate", "3") is None
    assert dock.primary.text() == "Next open gland"
    qtbot.keyClick(canvas_widget(viewer), A)

    # Enter goes on to the next patient, whose images were read meanwhile.
    qtbot.waitUntil(lambda: "P2" in dock.review._ready)
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    assert dock.desk.patient == "P2"
    assert dock.hub.phases.patient == "P2"
    assert dock.patient_row.count.text() == "2 of 2"
    assert page.count.text() == "3 of 3 open"
    dock.desk.jump_to("P1", lps(GLANDS[2]))
    assert dock.hub.phases.patient == "P1"
    np.testing.assert_allclose(viewer.dims.point, world(GLANDS[2]), atol=0.1)


def test_no_key_stands_twice_and_the_viewer_has_none_of_them(opened: GlandsDock) -> None:
    """Ours are bound on our layers: only menus, and napari's keys for every layer, could clash."""
    for table in (keys.GLANDS, keys.GLAND_EDIT):
        ours = [str(coerce_keybinding(shortcut.key)) for shortcut in table]
        assert len(set(ours)) == len(ours)
        menus = {
            sequence.toString()
            for action in main_window(opened.viewer).findChildren(QAction)
            for sequence in action.shortcuts()
        }
        layers = ("labels", "label", "points", "shapes", "shape", "image", "polygon", "plane",
                  "slice", "mode")  # fmt: skip
        everywhere = {
            str(binding)
            for action, bindings in default_shortcuts.items()
            for binding in bindings
            if not any(word in action for word in layers)
        }
        assert not set(ours) & (menus | everywhere)
    for layer in opened.review.layers.layers:
        for shortcut in keys.GLANDS:
            assert coerce_keybinding(shortcut.key) in layer.keymap
            assert opened.review._action(shortcut.action)


@pytest.mark.once
def test_masks_are_drawn_in_copies_and_a_missed_gland_is_added(
    opened: GlandsDock, viewer: Viewer, out: Path, qtbot
) -> None:
    dock = opened
    before = viewer.layers["glands"].data.copy()
    qtbot.keyClick(dock.page.table, E)
    copy = viewer.layers["copy of gland 1 (right)"]
    assert viewer.layers.selection.active is copy
    assert copy.mode == "paint"
    assert dock.primary.text() == "Keep mask"
    # A stroke of the brush, undone by napari's own undo and painted again.
    spot = tuple(np.add(copy.world_to_data(world(GLANDS[0])), (0, 0, 4)).round().astype(int))
    copy.paint(spot, 1)
    assert copy.data[spot] == 1
    copy.undo()
    assert copy.data[spot] == 0
    copy.paint(spot, 1)
    qtbot.keyClick(canvas_widget(viewer), A)  # no decision while a mask is in the hand
    assert decisions(dock) == []
    focus_canvas(viewer)
    qtbot.keyClick(canvas_widget(viewer), Qt.Key.Key_Return)
    kind, subject, value, _ = decisions(dock)[-1]
    assert (kind, subject, value["mask"]) == ("edited", "1", "edits/P1_1.nii.gz")
    assert "copy of gland 1" not in viewer.layers
    shown = viewer.layers["glands"].data
    place = tuple(np.add(GLANDS[0], (0, 0, 4)))
    assert (shown[place], before[place]) == (1, 0)
    assert dock.page.table.item(0, 0).text() == "1 ✎"

    # Given up: nothing is written.
    dock.review.select(3)
    qtbot.keyClick(dock.page.table, E)
    qtbot.keyClick(canvas_widget(viewer), Qt.Key.Key_Escape)
    assert len(decisions(dock)) == 1

    qtbot.keyClick(dock.page.table, M)
    assert "Click the middle of the missed gland" in dock.page.told.text()
    dock.review.masks.place_at((-50.0, 0.0, 0.0))  # beside the volume
    assert dock.review.layers.copy is None
    # The camera looks at the gland: it is in the middle of the left half, which is clicked.
    dock.review.view.go(lps(GLANDS[2]))
    canvas = canvas_widget(viewer)
    qtbot.mouseClick(
        canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 4, canvas.height() // 2)
    )
    assert dock.review.layers.copy.number == 4
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    kind, subject, value, _ = decisions(dock)[-1]
    assert (kind, subject, value["slot"]) == ("added", "4", "right_inferior")
    np.testing.assert_allclose([value[f"{a}_mm"] for a in "xyz"], lps(GLANDS[2]), atol=1.0)
    grown = viewer.layers["glands"].data == 4
    truth = ball(GLANDS[2])
    assert 2 * (grown & truth).sum() / (grown.sum() + truth.sum()) > 0.7
    assert dock.page.table.item(3, 0).text() == "4+"

    dock.undo_button.click()
    assert not (viewer.layers["glands"].data == 4).any()
    dock.undo_button.click()
    np.testing.assert_array_equal(viewer.layers["glands"].data, before)
    assert not dock.undo_button.isEnabled()
    assert not dock.desk.record.verify()
    assert dock.review.selected == 3  # the one before what is gone
    dock.review.select(1)
    # A mask that was painted on is not lost when its images go.
    qtbot.keyClick(dock.page.table, E)
    viewer.layers["copy of gland 1 (right)"].paint(spot, 1)
    qtbot.keyClick(dock.page.table, Qt.Key.Key_J)
    last = dock.desk.record.decisions[-1]
    assert (last.patient, last.kind, last.value["mask"]) == ("P1", "edited", "edits/P1_1-2.nii.gz")
    qtbot.keyClick(dock.page.table, Qt.Key.Key_K)
    dock.review.select(1)
    assert dock.page.table.item(0, 0).text() == "1 ✎"
    qtbot.keyClick(dock.page.table, A)
    dock.export(out / "reviewed")
    qtbot.waitUntil(lambda: (out / "reviewed" / "P2_reviewed.nii.gz").exists())
    qtbot.waitUntil(lambda: not dock.exporter.running)
    table = pd.read_csv(out / "reviewed" / "glands_reviewed.csv", keep_default_na=False)
    assert table["decision"].tolist() == ["accepted", "", "", "", "", ""]
    assert set(np.unique(read_image(out / "reviewed" / "P1_reviewed.nii.gz").pixels)) == {0, 1}


@pytest.mark.once
def test_places_and_truth_on_the_picture_of_the_neck(opened: GlandsDock, qtbot) -> None:
    dock, neck = opened, opened.page.neck
    qtbot.keyClick(dock.page.table, D)
    qtbot.keyClick(neck, Qt.Key.Key_Down)  # from where the gland is: right superior
    qtbot.keyClick(neck, Qt.Key.Key_Return)
    assert decisions(dock) == [("slot", "1", "right_inferior", "Ada")]
    spot = neck.target_rect("mediastinum").center().toPoint()
    qtbot.mouseClick(neck, Qt.MouseButton.LeftButton, pos=spot)
    assert decisions(dock)[-1] == ("slot", "1", "mediastinum", "Ada")
    assert dock.page.table.item(0, 2).text() == "mediast."
    # A click on another gland's dot chooses it.
    qtbot.mouseClick(neck, Qt.MouseButton.LeftButton, pos=neck.dot_places()[3].toPoint())
    assert dock.review.selected == 3

    qtbot.keyClick(dock.page.table, T)
    assert dock.page.basis.isVisible()
    spot = neck.target_rect("left_inferior").center().toPoint()
    said = []
    for _ in range(3):
        qtbot.mouseClick(neck, Qt.MouseButton.LeftButton, pos=spot)
        said.append(dock.desk.record.value("P1", "truth", "left_inferior"))
    assert said == [
        {"state": "present", "basis": "surgery"}, {"state": "absent", "basis": "surgery"}, None
    ]  # fmt: skip
    dock.page.basis.setCurrentText("pathology")
    spot = neck.target_rect("thymic").center().toPoint()
    qtbot.mouseClick(neck, Qt.MouseButton.LeftButton, pos=spot)
    truth = {"state": "present", "basis": "pathology"}
    assert dock.desk.record.value("P1", "truth", "ectopic: thymic") == truth
    dock.desk.decide("P1", "truth", "ectopic: jaw_angle", truth)  # as the board says it
    assert neck._truth == {"thymic": "present", "jaw_angle": "present"}


@pytest.mark.once
def test_empty_named_dropped_blinded_and_back(
    dock: GlandsDock, viewer: Viewer, hub: Hub, out: Path, new_study_file: Path, told: list[str],
    qtbot,
) -> None:  # fmt: skip
    assert "ct predict" in dock._sentence.text()
    assert dock.primary.text() == "Open prediction…"
    assert not dock.run_row.run.isEnabled()
    page = dock.page
    for part in (dock.run_row.model, dock.run_row.search, dock.patient_row.patient, page.filter,
                 page.basis, dock.name_row.line):  # fmt: skip
        assert part.accessibleName()
        assert part.toolTip()
    assert page.table.accessibleName()
    assert page.neck.accessibleName()
    assert dock.minimumSizeHint().width() <= 320
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(out))])
    dock.dropEvent(
        QDropEvent(
            QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    qtbot.waitUntil(lambda: hub.phases is not None)
    # Nobody is named: the name is asked for, once, and nothing is written before.
    qtbot.keyClick(dock.page.table, A)
    assert dock.name_row.isVisible()
    assert decisions(dock) == []
    qtbot.keyClicks(dock.name_row.line, "Grace")
    qtbot.keyClick(dock.name_row.line, Qt.Key.Key_Return)
    assert not dock.name_row.isVisible()
    qtbot.keyClick(dock.page.table, A)
    assert decisions(dock) == [("candidate", "1", "accepted", "Grace")]
    # Other phases in the viewer take the glands of these away; a gland brings them back.
    hub.close_phases()
    assert len(viewer.layers) == 0
    qtbot.keyClick(dock.page.table, E)
    assert dock.review.layers.copy is None
    dock.review.select(2)
    assert viewer.layers["glands"].data.max() == 3

    hub.open_study(new_study_file)
    hub.open_desk("A", 1)
    dock.parent().raise_()
    assert not {"plain", "arterial", "glands"} & {layer.name for layer in viewer.layers}
    assert dock.desk.predictions is None
    assert dock.page.table.rowCount() == 0
    assert "while a reader is at work" in dock._sentence.text()
    assert not dock.patient_row.isVisible()
    assert not dock.primary.isVisible()
    hub.close_desk()
    qtbot.waitUntil(lambda: hub.phases is not None)
    assert dock.desk.patient == "P1"
    assert decisions(dock) == [("candidate", "1", "accepted", "Grace")]

    data.setUrls([QUrl.fromLocalFile(str(out.parent / "P1_plain.nii.gz"))])
    assert dock._dropped(QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )) is None  # fmt: skip
    assert not dock.desk.open(out.parent)
    assert any("no prediction.json" in message for message in told)


@pytest.mark.once
def test_the_light_model_is_chosen_and_the_tabs_follow_the_theme(
    opened: GlandsDock, viewer: Viewer
) -> None:
    assert opened.run_row.path == shipped_models()["Simulated-neck light"]
    grounds = []
    for theme in ("light", "dark"):
        viewer.theme = theme
        grounds.append(opened.tabs.widget(1).results.background.lightnessF())
    assert grounds[0] > 0.5 > grounds[1]
