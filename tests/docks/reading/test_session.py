"""A reader's session in the real window, with the mouse and the keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_ptx.docks.drawing import Tool
from napari_ptx.roi import measure
from napari_ptx.study import Study
from tests.docks.reading.conftest import CASES
from tests.docks.reading.hands import CTRL, RIGHT, SHIFT, Hands, ellipse

LESION = ellipse(120, 160, 40, 60)
OTHER = ellipse(50, 60, 20, 25)
CORNERS = [(60.0, 80.0), (60.0, 200.0), (170.0, 200.0), (170.0, 80.0)]


def recorded(path: Path, reader: str = "A", round: int = 1) -> dict[str, object]:
    with Study.open(path) as study:
        return {one.case: one for one in study.readings(reader, round)}


def area(outlines: object) -> float:
    return measure(outlines).area


def test_draw_and_enter_is_all_that_a_plain_case_takes(hands: Hands, study_file: Path) -> None:
    assert hands.session.drawing.tool is Tool.OUTLINE
    hands.drag(LESION)
    assert hands.session.saved
    assert hands.dock.page.saved.text().startswith("saved")
    hands.finish()
    assert hands.session.index == 1
    assert hands.outlines == ()
    (reading,) = recorded(study_file).values()
    assert area(reading.outlines) == pytest.approx(np.pi * 40 * 60, rel=0.02)
    assert reading.outlines[0].points.mean(axis=0) == pytest.approx((120, 160), abs=2)
    assert reading.active_seconds > 0
    view = reading.view
    assert view["tool"] == "outline"
    assert view["zoom"] == pytest.approx(hands.session.drawing.zoom, rel=0.01)
    assert view["window"] == [0, 255]
    assert view["centre"] == pytest.approx((119.5, 159.5), abs=2)


def test_the_image_is_fitted_and_named_by_its_code(hands: Hands) -> None:
    layer = hands.viewer.layers[0]
    assert layer.name == hands.session.cases[0].code
    hands.wait_for(lambda: 0.9 < filled(hands) <= 1, "a fitted image")


def test_the_image_stays_fitted_until_the_reader_zooms(hands: Hands) -> None:
    window, camera = hands.viewer.window, hands.viewer.scene.camera
    for size in ((1800, 1000), (900, 700), (1366, 768)):
        before = hands.canvas.size()
        window.resize(*size)
        hands.wait_for(lambda before=before: hands.canvas.size() != before, "another size")
        hands.wait_for(lambda: 0.9 < filled(hands) <= 1, "a fitted image")
    camera.zoom *= 1.5
    hands.wait()
    chosen = camera.zoom
    before = hands.canvas.size()
    window.resize(1800, 1000)
    hands.wait_for(lambda: hands.canvas.size() != before, "another size")
    hands.wait(200)
    assert camera.zoom == pytest.approx(chosen)
    hands.key("f")
    hands.wait_for(lambda: 0.9 < filled(hands) <= 1, "a fitted image")


def filled(hands: Hands) -> float:
    """Give the share of the canvas that the image takes; inf where it is cut off."""
    height, width = hands.canvas.height(), hands.canvas.width()
    first, last = (hands.at(where) for where in ((-0.5, -0.5), (239.5, 319.5)))
    if min(first.x(), first.y()) < 0 or last.x() > width or last.y() > height:
        return math.inf
    return max((last.x() - first.x()) / width, (last.y() - first.y()) / height)


def test_undo_redo_delete_and_clear(hands: Hands) -> None:
    hands.drag(LESION)
    hands.drag(OTHER)
    both = hands.outlines
    assert len(both) == 2
    hands.key("z", CTRL)
    assert hands.outlines == both[:1]
    hands.key("z", CTRL)
    assert hands.outlines == ()
    hands.key("z", CTRL)
    assert hands.outlines == ()
    hands.key("y", CTRL)
    hands.key("Z", CTRL | SHIFT)
    assert hands.outlines == both
    hands.button(hands.dock.page.lesions.table.cellWidget(0, 3))
    assert hands.outlines == both[1:]
    hands.button(hands.dock.page.undo)
    assert hands.outlines == both
    hands.key(Qt.Key.Key_Delete, SHIFT)
    assert hands.outlines == ()
    hands.key("z", CTRL)
    assert hands.outlines == both
    # 10 steps were asked for; what had nothing to undo is none of them.
    assert hands.session.draft.can_undo


def test_a_click_selects_and_delete_deletes_the_lesion(hands: Hands) -> None:
    hands.drag(LESION)
    hands.drag(OTHER)
    assert hands.session.drawing.selected == 1
    hands.click((120, 160))
    assert hands.session.drawing.selected == 0
    assert len(hands.outlines) == 2
    other = hands.outlines[1]
    hands.key(Qt.Key.Key_Delete)
    assert hands.outlines == (other,)


def test_drawing_over_a_lesion_replaces_it(hands: Hands) -> None:
    hands.drag(LESION)
    first = hands.outlines
    hands.drag(ellipse(122, 163, 35, 50))
    assert len(hands.outlines) == 1
    assert area(hands.outlines) == pytest.approx(np.pi * 35 * 50, rel=0.02)
    hands.key("z", CTRL)
    assert hands.outlines == first


def test_a_slip_of_the_hand_changes_nothing(hands: Hands) -> None:
    hands.drag([(100, 100), (100, 120), (100, 140)])
    assert hands.outlines == ()
    assert "no area" in hands.message
    assert not hands.session.draft.can_undo


def test_escape_gives_up_the_line_in_hand(hands: Hands) -> None:
    hands.press(LESION[0])
    for where in LESION[1:-1]:
        hands.move(where)
    hands.key(Qt.Key.Key_Escape)
    hands.release(LESION[-1])
    assert hands.outlines == ()
    assert not hands.session.draft.can_undo


@pytest.mark.parametrize("how", ["double", "right", "first", "enter"])
def test_polygon(hands: Hands, how: str) -> None:
    hands.key("p")
    for corner in CORNERS[:-1] if how == "double" else CORNERS:
        hands.click(corner)
        hands.wait(5)
    assert hands.outlines == ()
    if how == "double":
        hands.double_click(CORNERS[-1])
    elif how == "right":
        hands.click((100, 100), RIGHT)
    elif how == "first":
        hands.click(CORNERS[0])
    else:
        hands.key(Qt.Key.Key_Return)
    assert hands.session.index == 0
    (outline,) = hands.outlines
    assert len(outline.points) == 4
    assert np.abs(outline.points - CORNERS).max() < 1
    assert area(hands.outlines) == pytest.approx(110 * 120, rel=0.02)


def test_a_corner_of_a_polygon_can_be_taken_back(hands: Hands) -> None:
    hands.key("p")
    for corner in (CORNERS[0], CORNERS[1], (20.0, 300.0)):
        hands.click(corner)
        hands.wait(5)
    hands.key(Qt.Key.Key_Backspace)
    for corner in CORNERS[2:]:
        hands.click(corner)
        hands.wait(5)
    hands.key(Qt.Key.Key_Return)
    assert len(hands.outlines[0].points) == 4
    assert np.abs(hands.outlines[0].points - CORNERS).max() < 1


def draw_polygon(hands: Hands) -> None:
    hands.key("p")
    for corner in CORNERS:
        hands.click(corner)
        hands.wait(5)
    hands.key(Qt.Key.Key_Return)
    hands.key("e")


def test_edit_moves_inserts_and_deletes_corners(hands: Hands) -> None:
    draw_polygon(hands)
    hands.drag([CORNERS[0], (55, 70), (50, 60)])
    assert hands.outlines[0].points[0] == pytest.approx((50, 60), abs=1)
    hands.double_click((170, 140))
    assert len(hands.outlines[0].points) == 5
    place = [np.abs(point - (170, 140)).max() < 1 for point in hands.outlines[0].points]
    assert place.count(True) == 1
    hands.click((170, 140), RIGHT)
    assert len(hands.outlines[0].points) == 4
    hands.move(CORNERS[1])
    hands.key(Qt.Key.Key_Delete)
    assert len(hands.outlines[0].points) == 3
    hands.move(CORNERS[2])
    hands.key(Qt.Key.Key_Delete)
    assert len(hands.outlines[0].points) == 3
    assert hands.message


def test_edit_pushes_a_stretch_of_a_freehand_line(hands: Hands) -> None:
    hands.drag(LESION)
    before = hands.outlines[0]
    hands.key("e")
    hands.drag([(80, 160), (72, 160), (65, 160), (60, 160)])
    after = hands.outlines[0]
    assert after != before
    assert after.points[:, 0].min() == pytest.approx(60, abs=2)
    assert after.points[:, 0].max() == pytest.approx(before.points[:, 0].max(), abs=0.1)
    hands.key("z", CTRL)
    assert hands.outlines[0] == before


def test_smooth_keeps_the_area(hands: Hands) -> None:
    rough = LESION + np.random.default_rng(1).normal(0, 2, LESION.shape)
    hands.drag(rough)
    before = hands.outlines[0]
    hands.key("s")
    after = hands.outlines[0]
    assert measure([after]).perimeter < measure([before]).perimeter
    assert area([after]) == pytest.approx(area([before]), rel=0.01)


def test_sizes_follow_the_mouse(hands: Hands) -> None:
    table = hands.dock.page.lesions.table
    hands.press(LESION[0])
    seen = set()
    for where in LESION[1:]:
        hands.move(where, wait=10)
        if table.rowCount():
            seen.add(table.item(0, 1).text())
    assert len(seen) > 2
    assert hands.outlines == ()
    hands.release(LESION[-1])
    assert table.item(0, 1).text() == f"{area(hands.outlines):.0f} px\N{SUPERSCRIPT TWO}"
    assert hands.dock.page.note.text() == "Not calibrated: pixels."


def test_an_empty_case_is_not_finished(hands: Hands) -> None:
    hands.key(Qt.Key.Key_Return)
    assert hands.session.index == 0
    assert "Nothing is outlined" in hands.message
    hands.drag(LESION)
    assert hands.message == ""


def test_not_assessable_with_a_reason(hands: Hands, study_file: Path) -> None:
    hands.key("n")
    hands.wait(100)
    reason = hands.dock.page.reason
    assert reason.view().isVisible()
    QTest.keyClick(reason.view(), Qt.Key.Key_Down)
    QTest.keyClick(reason.view(), Qt.Key.Key_Return)
    hands.wait(100)
    assert hands.session.reason == "No lesion visible"
    hands.finish()
    (reading,) = recorded(study_file).values()
    assert not reading.assessable
    assert reading.reason == "No lesion visible"
    hands.key(Qt.Key.Key_PageUp)
    hands.wait_for_case()
    assert hands.dock.page.unassessable.isChecked()
    hands.drag(LESION)
    assert not hands.dock.page.unassessable.isChecked()
    hands.key(Qt.Key.Key_Return)
    hands.wait(100)
    (reading,) = recorded(study_file).values()
    assert reading.assessable
    assert reading.revision == 2


def test_back_and_forward(hands: Hands) -> None:
    hands.drag(LESION)
    drawn = hands.outlines
    hands.finish()
    hands.key(Qt.Key.Key_PageUp)
    hands.wait_for_case()
    assert hands.session.index == 0
    assert hands.outlines == drawn
    hands.key(Qt.Key.Key_PageUp)
    assert hands.session.index == 0
    hands.key(Qt.Key.Key_PageDown)
    hands.wait_for_case()
    hands.key(Qt.Key.Key_PageDown)
    hands.wait_for_case()
    assert hands.session.index == 2
    assert hands.session.cases[1].state != "finished"


def test_the_right_button_sets_contrast(hands: Hands) -> None:
    layer = hands.viewer.layers[0]
    hands.drag([(100, 100), (100, 120), (110, 150)], RIGHT)
    low, high = layer.contrast_limits
    assert (low, high) != (0, 255)
    zoom = hands.session.drawing.zoom
    hands.drag(LESION)
    assert hands.session.draft.view["window"] == pytest.approx((low, high), abs=0.01)
    assert hands.session.drawing.zoom == zoom
    hands.key("r")
    assert tuple(layer.contrast_limits) == (0, 255)


def test_space_moves_the_image_and_draws_nothing(hands: Hands) -> None:
    before = np.array(hands.viewer.scene.camera.center)
    QTest.keyPress(hands.canvas, Qt.Key.Key_Space)
    start = hands.at((120, 160))
    hands.press((120, 160))
    for step in range(10):
        QTest.mouseMove(hands.canvas, start + (hands.at((0, 10)) - hands.at((0, 0))) * step)
        hands.wait(10)
    QTest.mouseRelease(hands.canvas, Qt.MouseButton.LeftButton, pos=start)
    QTest.keyRelease(hands.canvas, Qt.Key.Key_Space)
    moved = np.array(hands.viewer.scene.camera.center)
    assert np.abs(moved - before).max() > 10
    assert hands.outlines == ()
    hands.drag(ellipse(*moved[-2:], 20, 20))
    assert np.array(hands.viewer.scene.camera.center) == pytest.approx(moved)
    assert len(hands.outlines) == 1


def test_keys_work_after_a_click_in_the_dock(hands: Hands) -> None:
    hands.drag(LESION)
    hands.button(hands.dock.page.smooth)
    hands.button(hands.dock.page.tools[Tool.EDIT])
    assert hands.session.drawing.tool is Tool.EDIT
    hands.key("o")
    assert hands.session.drawing.tool is Tool.OUTLINE
    hands.button(hands.dock.page.unassessable)
    hands.dock.page.reason.hidePopup()
    hands.button(hands.dock.page.unassessable)
    hands.key("p")
    assert hands.session.drawing.tool is Tool.POLYGON


def test_napari_keys_do_nothing_in_a_session(hands: Hands) -> None:
    hands.drag(LESION)
    layer = hands.viewer.layers[1]
    for key in "tlrdixbgv345":
        hands.key(key)
    assert layer.mode == "pan_zoom"
    assert hands.viewer.dims.ndisplay == 2
    hands.key(Qt.Key.Key_Delete, CTRL)
    assert len(hands.viewer.layers) == 2
    assert all(layer.visible for layer in hands.viewer.layers)


def test_all_keys_are_shown(hands: Hands) -> None:
    hands.key("?")
    text = hands.dock._help_text
    assert text.isVisible()
    assert "Finish and open the next case" in text.text()
    hands.key(Qt.Key.Key_F1)
    assert not text.isVisible()


@pytest.mark.once
def test_freehand_does_not_depend_on_zoom(hands: Hands) -> None:
    hands.drag(ellipse(120, 160, 40, 60, 48))
    (coarse,) = hands.outlines
    hands.key(Qt.Key.Key_Delete)
    hands.viewer.scene.camera.zoom *= 1.7
    hands.wait(100)
    hands.drag(ellipse(120, 160, 40, 60, 150))
    (fine,) = hands.outlines
    assert area([fine]) == pytest.approx(area([coarse]), rel=0.01)
    assert len(fine.points) == pytest.approx(len(coarse.points), rel=0.05)
    steps = np.hypot(*np.diff(fine.points, axis=0).T)
    assert np.median(steps) == pytest.approx(1, abs=0.1)
    assert hands.session.draft.view["zoom"] == pytest.approx(hands.session.drawing.zoom, rel=0.01)


@pytest.mark.once
def test_a_session_can_be_left_and_resumed(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    hands = hands_at(study_file).open()
    hands.drag(LESION)
    hands.finish()
    hands.drag(LESION)
    hands.drag(OTHER)
    hands.key("z", CTRL)
    left = hands.outlines
    code = hands.session.cases[1].code
    hands.viewer.close()
    again = hands_at(study_file).open()
    assert again.session.index == 1
    assert again.session.cases[1].code == code
    assert again.outlines == left
    again.key("y", CTRL)
    assert len(again.outlines) == 2
    again.key("z", CTRL)
    again.key("z", CTRL)
    assert again.outlines == ()


@pytest.mark.once
def test_the_second_round_has_another_order_and_fresh_codes(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    hands = hands_at(study_file).open()
    for _ in range(CASES - 1):
        hands.drag(LESION)
        hands.finish()
    hands.drag(LESION)
    hands.key(Qt.Key.Key_Return)
    assert hands.session.unfinished == []
    assert hands.dock.page.end.isVisible()
    first = {case.code for case in hands.session.cases}
    hands.button(hands.dock.page.finish_session)
    assert hands.session.read_only
    hands.drag(OTHER)
    assert len(hands.outlines) == 1
    hands.open("A", 2)
    assert len(hands.session.cases) == 3
    assert not first & {case.code for case in hands.session.cases}
    assert hands.outlines == ()
    hands.drag(LESION)
    hands.finish()
    second = recorded(study_file, "A", 2)
    assert len(second) == 1
    assert set(second) <= set(recorded(study_file, "A", 1))


@pytest.mark.once
def test_the_last_case_leads_back_to_what_was_left_out(hands: Hands) -> None:
    for _ in range(CASES - 1):
        hands.key(Qt.Key.Key_PageDown)
        hands.wait_for_case()
    hands.drag(LESION)
    hands.finish()
    assert hands.session.index == 0
    assert f"{CASES - 1} cases are not finished" in hands.message


@pytest.mark.once
def test_the_line_in_hand_never_waits_for_the_shapes_layer(hands: Hands) -> None:
    """Setting a Shapes layer costs too much to do at every move (``benchmarks``)."""
    hands.drag(LESION)
    hands.wait(600)
    layer = hands.session.case._outline_layer
    changes: list[object] = []
    layer.events.data.connect(changes.append)
    path = ellipse(200, 250, 30, 40, 80)
    hands.press(path[0])
    for where in path[1:]:
        hands.move(where)
    assert changes == []
    hands.release(path[-1])
    assert len(hands.outlines) == 2
    hands.wait_for(lambda: changes, "the layer to follow")
