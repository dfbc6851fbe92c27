"""What a session does to napari's window, what it shows, and that it leaves nothing."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QWidget

from napari_ptx.docks import compat, keys
from napari_ptx.docks.drawing import Drawing
from napari_ptx.docks.reading import ReadingDock
from napari_ptx.study import Desk, StudyError
from tests.docks.reading.conftest import CANARY
from tests.docks.reading.hands import Hands, ellipse

LESION = ellipse(120, 160, 40, 60)


def texts_of(hands: Hands) -> list[str]:
    """Give every text that the window holds, shown or not."""
    window = hands.canvas.window()
    texts = [window.windowTitle(), hands.viewer.title, str(hands.viewer.status)]
    for widget in window.findChildren(QWidget):
        texts += [widget.toolTip(), widget.statusTip(), widget.whatsThis(), widget.windowTitle()]
        if isinstance(widget, QLabel | QAbstractButton):
            texts.append(widget.text())
        if isinstance(widget, QComboBox):
            texts += [widget.itemText(i) for i in range(widget.count())]
    for layer in hands.viewer.layers:
        texts += [layer.name, str(layer.metadata), str(layer.source)]
    return texts


def test_nothing_tells_which_case_it_is(hands: Hands) -> None:
    hands.drag(LESION)
    hands.move((120, 160))
    hands.wait(200)
    told = [text for text in texts_of(hands) if CANARY in text]
    # The study's own name and its file are the coordinator's; the cases' are not.
    assert not [
        text
        for text in told
        if any(word in text for word in (f"{CANARY}-case", f"{CANARY}-patient", f"{CANARY}-image"))
    ]
    assert hands.viewer.title == "Reading"


def test_focus_mode_hides_the_panels_and_gives_them_back(hands: Hands) -> None:
    parts = compat.revealing_parts(hands.viewer)
    assert not any(part.isVisible() for part in parts)
    hands.key(Qt.Key.Key_F10)
    assert all(part.isVisible() for part in parts)
    hands.key(Qt.Key.Key_F10)
    assert not any(part.isVisible() for part in parts)
    hands.hub.close_desk()
    assert all(part.isVisible() for part in parts)


def test_leaving_a_session_leaves_the_viewer_as_it_was(
    hands_at: Callable[[Path], Hands], study_file: Path
) -> None:
    hands = hands_at(study_file)
    viewer = hands.viewer
    truth = viewer.add_image(np.zeros((20, 20)), name="truth")
    title, background = viewer.title, viewer.canvas.background_color_override
    hands.open()
    assert truth not in viewer.layers
    hands.drag(LESION)
    hands.hub.close_desk()
    hands.wait(50)
    assert list(viewer.layers) == [truth]
    assert truth.visible
    assert viewer.title == title
    assert viewer.canvas.background_color_override == background
    assert "No session" in hands.dock._empty.findChild(QLabel).text()
    assert hands.dock.primary.text() == "Open the Study dock"


def test_a_session_and_its_tools_are_freed(hands: Hands) -> None:
    controller = weakref.ref(hands.session)
    drawing = weakref.ref(hands.session.drawing)
    assert isinstance(drawing(), Drawing)
    hands.hub.close_desk()
    hands.wait(50)
    gc.collect()
    assert controller() is None
    assert drawing() is None


def test_hiding_the_dock_any_number_of_times(hands: Hands) -> None:
    frame = hands.dock.parent()
    for _ in range(3):
        frame.hide()
        assert compat.revealing_parts(hands.viewer)[0].isVisible()
        frame.show()
        hands.wait(20)
    hands.drag(LESION)
    assert len(hands.outlines) == 1
    frame.hide()
    session = hands.dock.controller
    assert session is not None


def test_the_desk_may_close_while_the_dock_is_hidden(hands: Hands) -> None:
    dock = hands.dock
    dock.parent().hide()
    hands.hub.close_desk()
    assert dock.controller is None
    assert len(hands.viewer.layers) == 0


def test_one_dock_for_each_viewer(hands: Hands) -> None:
    first = hands.dock
    second = ReadingDock(hands.viewer)
    hands.viewer.window.add_dock_widget(second, name="again")
    hands.wait(50)
    assert hands.hub.show("Reading") is second
    assert first is not second
    hands.wait_for_case()
    assert len(hands.viewer.layers) == 2
    assert first.controller is None
    hands.drag(LESION)
    assert len(hands.outlines) == 1


def test_a_removed_layer_comes_back(hands: Hands) -> None:
    hands.drag(LESION)
    drawn = hands.outlines
    hands.viewer.layers.remove(hands.viewer.layers[1])
    hands.wait(100)
    assert len(hands.viewer.layers) == 2
    assert hands.outlines == drawn
    hands.drag(ellipse(50, 60, 20, 25))
    assert len(hands.outlines) == 2


def test_what_cannot_be_written_stays_on_the_screen(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise StudyError("The disk is full; make room and draw on.")

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "record", full)
        hands.drag(LESION)
        assert len(hands.outlines) == 1
        assert hands.message == "The disk is full; make room and draw on."
        assert hands.dock.page.saved.text() == "NOT SAVED"
        hands.key(Qt.Key.Key_Return)
        assert hands.session.index == 0
    hands.finish()
    assert hands.session.cases[0].state == "finished"


def test_an_image_that_cannot_be_read_is_told_and_skipped(hands: Hands, study_file: Path) -> None:
    for path in study_file.parent.glob("*.png"):
        path.unlink()
    for _ in range(3):  # the case beside the first was read ahead
        hands.key(Qt.Key.Key_PageDown)
        hands.wait(300)
    assert "cannot be read" in hands.message
    assert CANARY not in hands.message
    assert not hands.dock.primary.isEnabled()
    assert not any(layer.visible for layer in hands.viewer.layers)


def test_everything_has_a_tooltip_and_can_be_reached(hands: Hands) -> None:
    hands.drag(LESION)
    for button in hands.dock.findChildren(QAbstractButton):
        if button.isVisible() and button.objectName() != "qt_toolbar_ext_button":
            name = button.text() or button.objectName()
            if type(button).__name__ != "QTableCornerButton":
                assert button.toolTip(), name
                assert button.focusPolicy() & Qt.FocusPolicy.TabFocus, name


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_both_themes(hands: Hands, theme: str) -> None:
    hands.viewer.theme = theme
    hands.drag(LESION)
    picture = hands.viewer.screenshot(canvas_only=True, flash=False)
    assert tuple(picture[2, 2, :3]) == (0, 0, 0), "the canvas is black in every theme"
    yellow = (picture[..., 0] > 230) & (picture[..., 1] > 190) & (picture[..., 2] < 90)
    assert yellow.sum() > 200


def test_the_dock_fits_a_small_window(hands: Hands) -> None:
    hands.drag(LESION)
    window = hands.canvas.window()
    assert hands.dock.minimumSizeHint().width() <= 320
    bottom = hands.dock.primary.mapTo(window, hands.dock.primary.rect().bottomLeft()).y()
    assert bottom <= 768


# Keys


def test_no_key_stands_twice() -> None:
    bindings = [str(coerce_keybinding(shortcut.key)) for shortcut in keys.READING]
    assert len(set(bindings)) == len(bindings)


def test_keys_and_napari(hands: Hands) -> None:
    """Ours are bound on our layers, so only menus could take a key before us."""
    ours = {str(coerce_keybinding(shortcut.key)) for shortcut in keys.READING}
    menus = {
        sequence.toString()
        for action in hands.canvas.window().findChildren(QAction)
        for sequence in action.shortcuts()
    }
    assert not ours & menus
    viewer_wide = {
        str(binding)
        for action, bindings in default_shortcuts.items()
        for binding in bindings
        if not any(word in action for word in ("labels", "points", "shapes", "image", "tracks"))
    }
    # napari's space moves the image, too; its redo key turns to three dimensions, which
    # a session must not.
    assert {"Space", "Ctrl+Y"} <= ours & viewer_wide


def test_every_key_has_an_action_and_is_removed(hands: Hands) -> None:
    layer = hands.viewer.layers[1]
    for shortcut in keys.READING:
        assert shortcut.action in hands.session.actions.by_key
        assert coerce_keybinding(shortcut.key) in layer.keymap
    hands.session.sleep()
    assert not layer.keymap
