"""Everything that a session can reach in the real window is searched for canaries."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.utils.notifications import notification_manager
from PIL import Image as Picture
from qtpy.QtCore import QAbstractListModel, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QStatusBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

from napari_ptx.docks import recent
from napari_ptx.docks.hub import STAYS_CLOSED, Hub
from napari_ptx.docks.readers import get_folder_reader, get_image_reader, get_study_reader
from napari_ptx.errors import PtxError
from napari_ptx.study import Protocol, Study
from tests.docks.reading.hands import Hands, ellipse
from tests.image.make import dataset, region, save
from tests.study.make import Clock, square

CANARY = "Canary"
ROLES = (
    *(Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.EditRole),
    *(Qt.ItemDataRole.UserRole, Qt.ItemDataRole.StatusTipRole, Qt.ItemDataRole.WhatsThisRole),
)
LESION = ellipse(120, 160, 40, 60)


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """Give a study in which every name, tag, label and reading of others is a canary."""
    folder = tmp_path / "CanaryHome"
    folder.mkdir()
    with (folder / "CanaryTable.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("case", "patient", "image", "label", "CanaryColumn"))
        for number in range(3):
            pixels = np.random.default_rng(number).integers(1, 200, (240, 320), np.uint8)
            made = dataset(
                pixels,
                PatientName="CanaryName",
                PatientID="CanaryId",
                SeriesDescription="CanarySeries",
                SequenceOfUltrasoundRegions=[region((20, 10, 230, 310))],
            )
            save(made, folder / f"CanaryFile{number}.dcm")
            table.writerow((f"CanaryCase{number}", f"CanaryPatient{number}",
                            f"CanaryFile{number}.dcm", "CanaryLabel", "CanaryExtra"))  # fmt: skip
    clock = Clock()
    protocol = Protocol(("A", "CanaryReader"), reread=2, adjudicator="CanarySenior", mask_text=True)
    path = folder / "CanaryStudy.ptx"
    with (
        Study.create(path, folder / "CanaryTable.csv", protocol, clock=clock) as made,
        made.desk("CanaryReader", 1) as desk,
    ):
        desk.record(0, [square(30, 40)], "CanaryAction", {"note": "CanaryNote"}, 1.0)
        desk.finish(0)
        desk.finish(1, not_assessable="CanaryReason")
    return path


def texts(viewer: Viewer) -> Iterator[tuple[object, str]]:
    """Give every text that the window holds, shown or not, and whose it is."""
    window = viewer.window._qt_window
    for widget in (window, *window.findChildren(QWidget)):
        for text in (
            *(widget.toolTip(), widget.statusTip(), widget.whatsThis(), widget.windowTitle()),
            *(widget.accessibleName(), widget.accessibleDescription(), widget.objectName()),
            *(widget.windowFilePath(),),
            *_own(widget),
        ):
            yield widget, text
    for action in window.findChildren(QAction):
        yield action, f"{action.text()} {action.toolTip()} {action.data()}"
    for layer in viewer.layers:
        yield layer, f"{layer.name} {layer.metadata} {layer.source} {layer.help}"
    yield viewer, f"{viewer.title} {viewer.status} {viewer.help} {viewer.canvas}"
    yield "console", str([list(entry) for entry in viewer.window._qt_viewer.console_backlog])


def _own(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QLabel | QAbstractButton | QLineEdit):
        yield widget.text()
    if isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    if isinstance(widget, QComboBox):
        yield from (f"{widget.itemText(i)} {widget.itemData(i)}" for i in range(widget.count()))
    if isinstance(widget, QPlainTextEdit | QTextEdit):
        yield widget.toPlainText()
    if isinstance(widget, QProgressBar):
        yield widget.format()
    if isinstance(widget, QGroupBox):
        yield widget.title()
    if isinstance(widget, QStatusBar):
        yield widget.currentMessage()
    if isinstance(widget, QTabBar):
        yield from (f"{widget.tabText(i)} {widget.tabToolTip(i)}" for i in range(widget.count()))
    model = widget.model() if isinstance(widget, QAbstractItemView) else None
    if model is not None:
        for row in range(model.rowCount()):
            columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount()
            for column in range(columns):
                yield " ".join(str(model.index(row, column).data(role)) for role in ROLES)


def leaks(viewer: Viewer) -> list[tuple[object, str]]:
    return [(owner, text) for owner, text in texts(viewer) if CANARY in text]


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    viewer = make_napari_viewer(show=False)
    viewer.window.resize(1366, 768)
    viewer.window.show()
    return viewer


@pytest.mark.once
def test_a_session_at_the_study(
    viewer: Viewer, study_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub = Hub.of(viewer)
    hands = Hands(viewer)
    for name in ("Study", "Agreement", "Predictions", "Phases", "Study"):
        hub.show(name)  # the last one is in front, the others are hidden
    assert hub.open_study(study_file) is not None
    known = viewer.add_image(np.zeros((20, 20)), name="CanaryLayer", metadata={"x": "CanaryMeta"})
    hands.wait(100)
    before = leaks(viewer)
    assert len(before) >= 8, "the search finds what the coordinator sees"
    notification_manager.records.clear()
    caplog.clear()

    hands.open("A", 1)
    assert leaks(viewer) == []
    hands.drag(LESION)
    hands.move((120, 160))
    hands.finish()
    hands.key(Qt.Key.Key_F10)  # focus mode off: napari's own panels are there
    hands.wait(100)
    for name in ("Study", "Agreement", "Predictions", "Phases", "Reading"):
        hub.show(name)
        hands.wait(20)
        assert leaks(viewer) == [], name
    # Text outside the region is not even in the layer.
    pixels = np.asarray(viewer.layers[0].data)
    assert not pixels[:20].any()
    assert pixels[20:230, 10:310].any()

    # Nothing else comes in, by whatever way.
    ours = list(viewer.layers)
    other = study_file.with_name("CanaryDropped.png")
    Picture.fromarray(np.ones((9, 9), np.uint8)).save(other)
    viewer.open(other, plugin="napari")
    viewer.add_points([[1, 1]], name="CanaryPoints")
    hands.wait(50)
    assert list(viewer.layers) == ours
    dicom = str(study_file.with_name("CanaryFile0.dcm"))
    for reader, path in (
        (get_image_reader(dicom), dicom),
        (get_folder_reader(str(study_file.parent)), str(study_file.parent)),
    ):
        with pytest.raises(PtxError) as refused:
            reader(path)
        assert str(refused.value) == STAYS_CLOSED
    desk = hub.desk
    for suffix in (".ptx", ".ptxkit"):
        path = str(study_file.with_suffix(suffix))
        assert get_study_reader(path)(path) == [(None,)]
        assert hub.open_kit(path) is None
    assert hub.open_predictions(study_file) is None
    assert hub.desk is desk
    assert list(viewer.layers) == ours

    # An image that is gone, and one that has changed, are named by their codes.
    files = sorted(study_file.parent.glob("CanaryFile*.dcm"))
    for path in files[1:]:
        path.unlink()
    files[0].write_bytes(files[0].read_bytes()[:900])
    hands.session._loader._images.clear()
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp, Qt.Key.Key_PageUp):
        hands.key(key)
        hands.wait(300)
    assert "cannot be read" in hands.message
    assert leaks(viewer) == []
    told = [str(note.message) for note in notification_manager.records]
    assert STAYS_CLOSED in told
    assert not [text for text in told if CANARY in text]
    # At its finest level the log names the lock beside the study, and what was turned away.
    known_to_log = (str(study_file.parent), study_file.name, "CanaryDropped", "CanaryPoints")
    for record in caplog.records:
        message = record.getMessage()
        for word in known_to_log if record.levelno <= logging.DEBUG else ():
            message = message.replace(word, "")
        assert CANARY not in message

    hub.close_desk()
    hands.wait(50)
    assert list(viewer.layers) == [known]
    assert any(CANARY in text for _, text in leaks(viewer)), "the coordinator's page is back"


@pytest.mark.once
def test_a_kit_in_the_window(viewer: Viewer, study_file: Path, tmp_path: Path) -> None:
    clinic = tmp_path / "elsewhere"
    clinic.mkdir()
    kit = clinic / "A1.ptxkit"
    with Study.open(study_file) as study:
        study.make_kit("A", 1, kit)
    hub = Hub.of(viewer)
    hands = Hands(viewer)
    hub.show("Study")
    # As File > Open and a dropped file do it.
    assert get_study_reader(str(kit))(str(kit)) == [(None,)]
    assert hub.study is None
    assert hub.blinded
    hands.wait_for_case()
    for _ in range(2):
        hands.drag(LESION)
        hands.finish()
    assert leaks(viewer) == []
    assert recent.studies() == (kit,)

    hub.close_desk()
    dock = hub.show("Study")
    hands.wait(50)
    page = " ".join(label.text() for label in dock.kit.findChildren(QLabel))
    assert "Kit of reader A, round 1" in page
    assert "send A1.ptxkit back to the coordinator" in page
    assert dock.primary.text() == "Go on reading"
    assert leaks(viewer) == []
    hands.button(dock.primary)
    hands.wait_for_case()
    assert hands.session.desk.progress == (2, 3)
    hands.key("n")
    hands.session.set_reason("No lesion visible")
    hands.key(Qt.Key.Key_Return)
    assert hands.session.desk.progress == (3, 3)
    hands.dock._pressed("finish_session")
    assert hands.message == "Finished. Send A1.ptxkit back. Thank you."
    hub.close_desk()
    hub.show("Study")
    hands.wait(50)
    assert not dock.primary.isEnabled()
    assert "The session is finished. Send A1.ptxkit back" in dock.kit._next.text()
    hands.button(dock.kit.close_button)
    assert hub.kit is None
    assert dock._pages.currentWidget() is dock.doors
    # A kit that is finished says so again, and opens no session.
    assert hub.open_kit(kit) is None
    assert dock._pages.currentWidget() is dock.kit
    assert not hub.blinded
    hub.close_study()
    assert hub.open_kit(study_file) is None

    with Study.open(study_file) as study:
        (merged,) = study.merge([kit])
        assert (merged.readings, merged.closed) == (3, True)
        assert study.verify(images=True) == ()
