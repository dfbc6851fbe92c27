from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from PIL import Image as Picture
from qtpy.QtCore import Qt

from napari_ptx.docks import recent
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.study import StudyDock
from napari_ptx.study import Study
from tests.docks.coordinator.conftest import SHAPE


@pytest.fixture
def dock(hub: Hub, qtbot) -> StudyDock:
    dock = hub.show("Study")
    qtbot.waitUntil(dock.isVisible)
    return dock


def select(dock: StudyDock, reader: str, round: int) -> None:
    table = dock.page.table
    for row in range(table.rowCount()):
        if (table.item(row, 0).text(), table.item(row, 1).text()) == (reader, str(round)):
            table.selectRow(row)
            return
    raise AssertionError(f"no session {reader} {round}")


def states(dock: StudyDock) -> list[str]:
    return [dock.page.table.item(row, 3).text() for row in range(dock.page.table.rowCount())]


def texts(dock: StudyDock) -> str:
    """Give everything the dock shows now, to search for what it must not tell."""
    from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget

    shown = [w.text() for kind in (QLabel, QPushButton) for w in dock.findChildren(kind)
             if w.isVisible()]  # fmt: skip
    for table in dock.findChildren(QTableWidget):
        if table.isVisible():
            cells = (table.item(r, c) for r in range(table.rowCount()) for c in range(4))
            shown += [cell.text() for cell in cells]
    return "\n".join(shown)


def test_a_first_start_shows_three_doors(dock: StudyDock) -> None:
    for door in (dock.doors.demo_door, dock.doors.new_door, dock.doors.open_door):
        assert door.isVisible()
        assert door.toolTip()
    assert not dock.doors._recent.isVisible()
    assert dock.primary.text() == "Open the demo"
    assert dock.minimumSizeHint().width() <= 320


def test_an_open_study_shows_how_far_each_reader_is(
    dock: StudyDock, hub: Hub, study_file: Path
) -> None:
    assert hub.open_study(study_file) is not None
    table = dock.page.table
    rows = [[table.item(r, c).text() for c in (0, 1)] for r in range(table.rowCount())]
    assert rows == [["A", "1"], ["A", "2"], ["B", "1"], ["B", "2"]]
    bars = [table.item(r, 2).data(Qt.ItemDataRole.UserRole) for r in range(4)]
    assert bars == [(6, 6), (4, 4), (6, 6), (0, 4)]
    opens = hub.study.status().of("B", 2).opens_on
    assert states(dock) == [
        "finished", "finished", "finished", f"opens {opens.day} {opens:%b %Y}",
    ]  # fmt: skip
    assert "6 cases · 2 readers · not verified yet" in texts(dock)


def test_a_file_that_is_no_study_is_refused_with_a_sentence(
    dock: StudyDock, hub: Hub, tmp_path: Path, told: list[str]
) -> None:
    path = tmp_path / "nothing.ptx"
    path.write_text("not a study")
    assert hub.open_study(path) is None
    assert "nothing.ptx" in told[0]
    assert dock.doors.isVisible()
    assert recent.studies() == ()


def test_the_last_study_is_offered_and_enter_opens_it(
    dock: StudyDock, hub: Hub, study_file: Path, qtbot
) -> None:
    hub.open_study(study_file)
    hub.close_study()
    assert dock.doors.recent == study_file.resolve()
    assert dock.primary.text() == "Open neck"
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    assert hub.study is not None
    assert hub.study.name == "neck"


def test_start_opens_the_reading_dock_and_hides_the_cases(
    dock: StudyDock, hub: Hub, new_study_file: Path, viewer: Viewer, qtbot
) -> None:
    hub.open_study(new_study_file)
    assert dock.primary.text() == "Start reading A, round 1"
    select(dock, "B", 1)
    assert dock.primary.text() == "Start reading B, round 1"
    dock.primary.click()
    assert hub.blinded
    assert (hub.desk.reader, hub.desk.round) == ("B", 1)
    names = list(viewer.window.dock_widgets)
    assert "Reading (Parathyroid imaging)" in names
    dock.parent().raise_()
    qtbot.waitUntil(dock.isVisible)
    shown = texts(dock)
    assert "Reader B is reading: case list hidden" in shown
    assert "case-" not in shown.replace("case list", "")
    assert "A" not in shown.split()
    assert not dock.page.isVisible()
    dock.blind.end_button.click()
    assert not hub.blinded
    assert dock.page.isVisible()


def test_a_double_click_begins_the_session_and_it_resumes(
    dock: StudyDock, hub: Hub, new_study_file: Path, qtbot
) -> None:
    hub.open_study(new_study_file)
    table = dock.page.table
    place = table.visualItemRect(table.item(0, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert hub.desk is not None
    desk = hub.desk
    from tests.study.make import square

    desk.record(0, [square()], "freehand", {}, 3.0)
    hub.close_desk()
    dock.parent().raise_()
    qtbot.waitUntil(dock.isVisible)
    assert states(dock)[0] == "in progress"
    assert dock.primary.text() == "Resume reading A, round 1"


def test_a_sealed_round_asks_for_a_reason_and_records_it(
    dock: StudyDock, hub: Hub, study_file: Path, qtbot
) -> None:
    hub.open_study(study_file)
    select(dock, "B", 2)
    assert dock.page._reason.isVisible()
    assert dock.primary.text() == "Open B, round 2 early"
    assert not dock.primary.isEnabled()
    qtbot.keyClicks(dock.page._reason, "the reader leaves the hospital")
    assert dock.primary.isEnabled()
    dock.primary.click()
    assert hub.blinded
    assert hub.study.status().of("B", 2).early_reason == "the reader leaves the hospital"


@pytest.mark.once
def test_what_cannot_be_read_cannot_be_started(
    dock: StudyDock, hub: Hub, study_file: Path, new_study_file: Path
) -> None:
    hub.open_study(study_file)
    select(dock, "A", 1)
    assert not dock.primary.isEnabled()
    assert "finished" in dock.primary.text()
    hub.open_study(new_study_file)
    select(dock, "A", 2)
    assert not dock.primary.isEnabled()
    assert states(dock)[1] == "after round 1"


def test_a_session_open_elsewhere_is_refused_and_the_study_stays(
    dock: StudyDock, hub: Hub, new_study_file: Path, told: list[str]
) -> None:
    hub.open_study(new_study_file)
    with Study.open(new_study_file) as other, other.desk("A", 1):
        dock.primary.click()
        assert not hub.blinded
        assert told
    assert dock.page.isVisible()


def test_verify_tells_when_it_was(dock: StudyDock, hub: Hub, study_file: Path, qtbot) -> None:
    hub.open_study(study_file)
    with qtbot.waitSignal(dock.job.finished, timeout=60_000):
        dock.page.verify_button.click()
        assert not dock.page.export_button.isEnabled()
    assert "verified today" in texts(dock)
    assert dock.page.export_button.isEnabled()


@pytest.mark.once
def test_report_writes_a_page_and_opens_it_but_never_beside_a_reader(
    dock: StudyDock, hub: Hub, new_study_file: Path, tmp_path: Path, qtbot, told: list[str],
    monkeypatch,
) -> None:  # fmt: skip
    opened: list[Path] = []
    monkeypatch.setattr(
        "napari_ptx.docks.outcomes.QDesktopServices.openUrl",
        lambda url: opened.append(Path(url.toLocalFile())) or True,
    )
    hub.open_study(new_study_file)
    with qtbot.waitSignal(dock.job.finished, timeout=60_000):
        dock.report(tmp_path / "report")
        assert not dock.page.report_button.isEnabled()
    page = tmp_path / "report" / "report.html"
    assert opened == [page]
    assert "<h1>Reader study: " in page.read_text(encoding="utf-8")
    assert (tmp_path / "report" / "tables" / "sessions.csv").is_file()
    assert any(str(page) in message for message in told)
    assert "not verified yet" not in texts(dock)
    hub.open_desk("A", 1)
    assert hub.blinded
    dock.job.finished.emit("report", page)
    assert opened == [page]
    assert told[-1].endswith(": The report is written.")


@pytest.mark.once
def test_export_asks_for_formats_and_writes_the_readings(
    dock: StudyDock, hub: Hub, study_file: Path, tmp_path: Path, qtbot, told: list[str]
) -> None:
    assert dock.choose_export() is None
    hub.open_study(study_file)
    dialog = dock.choose_export()
    assert dialog.formats == ("long", "r", "imagej", "masks", "coco")
    assert dialog.folder.path == study_file.parent / "export"
    assert dialog.accept_button.text() == "Export"
    assert dialog.accept_button.isDefault()
    assert all(tick.toolTip() for tick in dialog.ticks.values())
    dialog.folder.path = None
    assert not dialog.accept_button.isEnabled()
    dialog.folder.path = tmp_path / "out"
    for name in ("imagej", "masks", "r", "long"):
        dialog.ticks[name].setChecked(False)
    for name in ("nifti", "seg"):
        dialog.ticks[name].setChecked(True)
    with qtbot.waitSignal(dock.job.finished, timeout=60_000):
        dialog.accept_button.click()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"readings.csv", "study.json", "coco.json", "nifti"}
    assert any("files exported" in message for message in told)
    assert any("seg: 16 readings left out (case case-" in message for message in told)


def test_import_asks_whose_readings_and_shows_them(
    dock: StudyDock, hub: Hub, new_study_file: Path, tmp_path: Path, qtbot
) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 15:35] = 150  # as a JPEG mask: neither 1 nor 255
    mask[40:42, 40:60] = 4
    Picture.fromarray(mask).save(tmp_path / "mask.png")
    with (tmp_path / "readings.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("case", "roi"), ("case-3", "mask.png")])
    hub.open_study(new_study_file)
    select(dock, "B", 1)
    dialog = dock.choose_readings()
    assert dialog.reader.currentText() == "B"
    assert not dialog.accept_button.isEnabled()
    dialog.table.path = tmp_path / "readings.csv"
    dialog.masks.setChecked(True)
    with qtbot.waitSignal(dock.job.finished, timeout=60_000):
        dialog.accept_button.click()
    (reading,) = hub.study.readings("B", 1)
    assert reading.case == "case-3"
    assert reading.origin == "imported"
    assert len(reading.outlines) == 1
    assert dock.page.table.item(2, 2).data(Qt.ItemDataRole.UserRole) == (1, 6)


@pytest.mark.once
def test_bad_rows_are_all_told(
    dock: StudyDock, hub: Hub, new_study_file: Path, tmp_path: Path, qtbot, told: list[str]
) -> None:
    with (tmp_path / "readings.csv").open("w", newline="") as stream:
        rows = [("case", "roi"), ("case-3", "absent.png"), ("case-99", "absent.png")]
        csv.writer(stream).writerows(rows)
    hub.open_study(new_study_file)
    with qtbot.waitSignal(dock.job.stopped, timeout=60_000):
        dock._import("A", 1, tmp_path / "readings.csv", None)
    assert any("case-3" in message and "case-99" in message for message in told)
    assert hub.study.readings() == ()


@pytest.mark.once
def test_the_demo_is_made_once_and_opened(
    dock: StudyDock, hub: Hub, study_file: Path, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    asked = []

    def start(name: str, text: str, target: str, *args: object) -> None:
        asked.append((target, args))
        dock.job.finished.emit(name, study_file)

    monkeypatch.setattr(dock.job, "start", start)
    dock.doors.demo_door.click()
    ((target, (folder,)),) = asked
    assert target == "napari_ptx.study.demo:make_demo"
    assert folder == Path.home() / "napari-ptx" / "demo"
    assert hub.study.name == "neck"


def test_the_menu_offers_other_studies(
    dock: StudyDock, hub: Hub, study_file: Path, new_study_file: Path
) -> None:
    hub.open_study(study_file)
    hub.open_study(new_study_file)
    dock.page._fill_menu()
    actions = {action.text(): action for action in dock.page._menu.actions()}
    assert "fresh" not in actions  # it is the one that is open
    actions["neck"].trigger()
    assert hub.study.path.name == "neck.ptx"
    dock.page._fill_menu()
    {action.text(): action for action in dock.page._menu.actions()}["Close this study"].trigger()
    assert hub.study is None
    assert dock.doors.isVisible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_follow_the_theme(dock: StudyDock, viewer: Viewer, theme: str, qtbot) -> None:
    from napari.utils.theme import get_theme

    viewer.theme = "light" if theme == "dark" else "dark"
    before = dock.primary.styleSheet()
    viewer.theme = theme
    assert dock.primary.styleSheet() != before
    assert get_theme(theme).current.as_hex(format="long") in dock.primary.styleSheet()


def test_every_control_has_a_tooltip_and_takes_the_keyboard(
    dock: StudyDock, hub: Hub, study_file: Path
) -> None:
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QTableWidget

    hub.open_study(study_file)
    controls = [
        widget
        for kind in (QAbstractButton, QComboBox, QLineEdit)
        for widget in dock.findChildren(kind)
        if widget.isVisible() and not isinstance(widget.parent(), QTableWidget)
    ]
    assert len(controls) >= 5
    for control in controls:
        assert control.toolTip(), control.text()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.text()


def test_hidden_it_listens_to_nothing_and_shown_again_it_catches_up(
    dock: StudyDock, hub: Hub, study_file: Path, qtbot
) -> None:
    for _ in range(3):
        dock.parent().hide()
        dock.parent().show()
    dock.parent().hide()
    listening = len(hub.study_changed)
    hub.open_study(study_file)
    assert not dock.page.isVisible()
    dock.parent().show()
    assert dock.page.isVisible()
    assert len(hub.study_changed) == listening + 1


def test_times_are_written_for_people() -> None:
    from datetime import datetime

    from napari_ptx.docks.sessions import day, moment

    now = datetime.now().astimezone().replace(hour=14, minute=5)
    assert moment(now) == "today 14:05"
    before = now - timedelta(days=400)
    assert moment(before) == f"{day(before)} 14:05"


def test_a_protocol_is_amended_and_a_pin_is_asked(
    hub: Hub, new_study_file: Path, told: list[str], qtbot
) -> None:
    hub.open_study(new_study_file)
    dock = hub.show("Study")
    hub.study.set_pin("A", "1234")
    amending = dock.amend()
    fields = amending.form.fields
    assert not any(fields[name].isEnabled() for name in ("design", "reread", "reread_draw", "seed"))
    assert "Nothing is changed" in amending.told.text()
    fields["washout_days"].setValue(90)
    amending.people.item(0, 1).setText("sonographer")
    amending.people.item(2, 0).setText("Senior")
    assert "Changes washout_days, described, adjudicator. Give the reason." in amending.told.text()
    assert not amending.amend_button.isEnabled()
    amending.reason.setText("The board asked.")
    amending.amend_button.click()
    assert hub.study.protocol.washout_days == 90
    assert hub.study.protocol.description("A").role == "sonographer"
    assert [one.reason for one in hub.study.amendments] == ["The board asked."]
    assert hub.study.original_protocol.washout_days == 60
    assert any("amended" in text for text in told)

    hub.close_desk()
    asking = dock.with_pin("A", lambda pin: hub.open_desk("A", 1, pin=pin))
    assert not asking.go_on.isEnabled()
    asking.pin.setText("4321")
    asking.go_on.click()
    assert "not the PIN of A" in asking.told.text()
    assert hub.desk is None
    asking.pin.setText("1234")
    asking.go_on.click()
    assert hub.desk is not None
    assert hub.desk.reader == "A"
    hub.close_desk()
    assert dock.with_pin("B", lambda pin: hub.open_desk("B", 1, pin=pin)) is None
    assert hub.desk.reader == "B"
    assert dock.amend() is None
    hub.close_desk()
    qtbot.wait(50)


@pytest.mark.once
def test_pins_are_set_and_cleared_one_after_the_other(
    hub: Hub, new_study_file: Path, qtbot
) -> None:
    hub.open_study(new_study_file)
    dock = hub.show("Study")
    dialog = dock.set_pins()
    assert dialog.told.text() == "A has no PIN."
    assert not dialog.clear_button.isEnabled()
    dialog.pin.setText("123")
    assert "at least 4 characters" in dialog.told.text()
    dialog.pin.setText("1234")
    dialog.again.setText("12")
    assert not dialog.set_button.isEnabled()
    dialog.again.setText("13")
    assert "not the same" in dialog.told.text()
    dialog.again.setText("1234")
    qtbot.keyClick(dialog.again, Qt.Key.Key_Return)
    assert dialog.told.text() == "A has a PIN."
    assert dialog.pin.text() == ""
    hub.study.check_pin("A", "1234")
    dialog.reader.setCurrentText("B")
    assert dialog.told.text() == "B has no PIN."
    dialog.reader.setCurrentText("A")
    dialog.clear_button.click()
    assert not hub.study.has_pin("A")
    assert dialog.isVisible()
    dialog.reject()
    hub.open_desk("A", 1)
    assert dock.set_pins() is None
    hub.close_desk()
    qtbot.wait(50)
