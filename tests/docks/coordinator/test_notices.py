"""What napari tells is shown whole, and what a drop-down list has no room for ends with dots."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest
from napari import Viewer
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import (
    ErrorNotification,
    Notification,
    notification_manager,
    show_error,
)
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_ptx.docks.compat import READING_MS, main_window, unfold_notifications
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.notices import Notices
from napari_ptx.docks.parts import combo

LONG = (
    "The series in /data/neck has 4 slices too few between 12.5 and 25.0 mm; export it again, "
    "or ask for it to be interpolated."
)


@pytest.fixture
def shown(viewer: Viewer) -> Callable[[str], NapariQtNotification]:
    def show(message: str) -> NapariQtNotification:
        NapariQtNotification.show_notification(Notification(message, "error"))
        return main_window(viewer).findChildren(NapariQtNotification)[-1]

    return show


def test_a_long_sentence_is_shown_whole(
    viewer: Viewer, qtbot: QtBot, shown: Callable[[str], NapariQtNotification]
) -> None:
    note = shown(LONG)
    assert note.message.sizeHint().height() > note.message.height()
    notices = Notices(viewer)
    notices._told(None)
    qtbot.waitUntil(lambda: note.property("expanded"))
    qtbot.waitUntil(lambda: note.height() == note.sizeHint().height())
    qtbot.waitUntil(lambda: note.message.sizeHint().height() <= note.message.height())
    assert note.timer.interval() == note.DISMISS_AFTER + READING_MS * len(LONG)
    bottom = note.parent().height() - note.geometry().bottom()
    assert 0 <= bottom <= 20  # it grew upwards
    unfold_notifications(viewer)
    assert note.property("expanded")
    note.close()


def test_what_another_thread_tells_is_shown_whole(
    viewer: Viewer, qtbot: QtBot, shown: Callable[[str], NapariQtNotification]
) -> None:
    note = shown(LONG)
    notices = Notices(viewer)
    thread = threading.Thread(target=notices._told, args=(None,))
    thread.start()
    qtbot.waitUntil(lambda: note.property("expanded"))
    thread.join()
    note.close()


def test_the_button_of_a_traceback_takes_no_line(viewer: Viewer, qtbot: QtBot) -> None:
    NapariQtNotification.show_notification(ErrorNotification(ValueError(LONG)))
    note = main_window(viewer).findChildren(NapariQtNotification)[-1]
    unfold_notifications(viewer)
    qtbot.waitUntil(lambda: note.message.sizeHint().height() <= note.message.height())

    def apart() -> bool:
        lowest = note.message.mapTo(note, note.message.rect().bottomLeft()).y()
        return lowest < note.row2_widget.y()

    qtbot.waitUntil(apart)
    assert note.row2_widget.geometry().bottom() <= note.height()
    note.close()


def test_a_short_one_stays_as_it_is(
    viewer: Viewer, shown: Callable[[str], NapariQtNotification]
) -> None:
    note = shown("Saved.")
    unfold_notifications(viewer)
    assert not note.property("expanded")
    note.close()


def test_a_passing_one_passes_after_it_could_be_read(
    viewer: Viewer, shown: Callable[[str], NapariQtNotification]
) -> None:
    note = shown(LONG)
    note.timer.start(10_000)  # as in the window that is active
    unfold_notifications(viewer)
    assert note.timer.isActive()
    other = shown(LONG)
    other.timer.stop()  # the mouse is over it
    unfold_notifications(viewer)
    assert other.property("expanded")
    assert not other.timer.isActive()
    note.close()
    other.close()


def test_every_hub_listens_and_dies_with_its_viewer(
    viewer: Viewer, hub: Hub, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    unfolded: list[Viewer] = []
    monkeypatch.setattr("napari_ptx.docks.notices.unfold_notifications", unfolded.append)
    show_error(LONG)
    qtbot.waitUntil(lambda: unfolded == [viewer])
    before = len(notification_manager.notification_ready.callbacks)
    passing = Notices(viewer)
    assert len(notification_manager.notification_ready.callbacks) == before + 1
    del passing
    gc.collect()
    show_error(LONG)
    qtbot.waitUntil(lambda: len(unfolded) == 2)
    qtbot.wait(400)
    assert len(unfolded) == 2


def test_a_list_without_room_ends_with_dots_and_its_tip_has_the_whole(qtbot: QtBot) -> None:
    title = "A model with a title that no dock has room for"
    box = combo("Model", "The network", title, "bed")
    qtbot.addWidget(box)
    box.resize(140, 26)
    box.show()
    assert box.shown_text().endswith("…")
    assert title.startswith(box.shown_text()[:-1])
    place = QPoint(5, 5)
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, place, box.mapToGlobal(place)))
    assert QToolTip.text() == f"{title}\nThe network"
    cut = box.grab().toImage()
    box.setCurrentText("bed")
    assert box.shown_text() == "bed"
    assert box.grab().toImage() != cut
    QToolTip.hideText()
    box.setCurrentText(title)
    box.resize(900, 26)
    assert box.shown_text() == title
