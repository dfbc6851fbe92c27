"""A whole study in the real window: from the wizard to the report, with a picture of each step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari._qt.dialogs.qt_notification import NapariQtNotification
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWizard

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.study import StudyDock
from napari_ptx.docks.wizard import StudyWizard
from napari_ptx.study import Study
from napari_ptx.study.replay import Effort
from tests.docks.adjudication.test_adjudication_dock import SENIOR, SeniorHands
from tests.docks.reading.conftest import picture
from tests.docks.reading.hands import Hands, ellipse

CASES, AGAIN = 12, 5
APART = {2, 5, 9}
"""The cases on which B draws beside A."""
PEOPLE = (
    ("A", "sonographer", "8", "30 outlines"),
    ("B", "radiologist", "15", "30 outlines"),
    (SENIOR, "surgeon", "20", "none"),
)


class Calendar:
    """The clock of this machine, some days ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Camera:
    """Takes a picture of the window, or of a dialog, in both themes."""

    def __init__(self, viewer: Viewer, folder: Path) -> None:
        self.viewer, self.folder = viewer, folder
        folder.mkdir()

    def __call__(self, name: str, widget: object = None) -> None:
        for theme in ("dark", "light"):
            self.viewer.theme = theme
            for _ in range(3):
                QApplication.processEvents()
            what = widget or self.viewer.window._qt_window
            assert what.grab().save(str(self.folder / f"{name}-{theme}.png"))


def read(hands: Hands, reader: str, round_: int, places: dict[str, int]) -> list[Effort]:
    """Outline and finish every case of a session, and close it."""
    hands.open(reader, round_)
    session = hands.session
    for _ in session.cases:
        number = places[session.image.sha256]
        # Two readers, and one reader on two days, draw a little differently.
        slip = 2 * round_ + (3 if reader == "B" else 0) + number % 3
        aside = 45 if reader == "B" and number in APART else 0
        hands.drag(ellipse(118 + slip, 150 + slip + aside, 38 + number, 55 + number, 24))
        if len(session.unfinished) > 1:
            hands.finish()
        else:
            hands.key(Qt.Key.Key_Return)
    hands.wait_for(lambda: hands.dock.page.end.isVisible())
    return list(session.cases)


@pytest.mark.slow
def test_from_the_wizard_to_the_report(
    make_napari_viewer: Callable[..., Viewer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot,
) -> None:
    calendar = Calendar()
    opens = Study.open.__func__
    monkeypatch.setattr(
        Study,
        "open",
        classmethod(lambda cls, path, *, clock=calendar: opens(cls, path, clock=clock)),
    )
    shown: list[str] = []
    monkeypatch.setattr(
        "napari_ptx.docks.outcomes.QDesktopServices.openUrl",
        lambda url: shown.append(url.toLocalFile()) or True,
    )
    images = tmp_path / "images"
    for number in range(CASES):
        folder = images / f"patient-{number:02d}"
        folder.mkdir(parents=True)
        Picture.fromarray(picture(number)).save(folder / "lesion.png")

    viewer = make_napari_viewer(show=False)
    viewer.window.resize(1366, 768)
    viewer.window.show()
    hub = Hub.of(viewer)
    take = Camera(viewer, tmp_path / "pictures")
    dock = hub.show("Study")
    assert isinstance(dock, StudyDock)

    # The protocol, in the wizard.
    wizard = dock.new_study()
    qtbot.waitUntil(wizard.isVisible)
    fill(wizard, images, tmp_path / "neck.ptx", take, qtbot)
    assert hub.study.protocol.adjudicator == SENIOR
    assert len(hub.study.cases()) == CASES
    places = {case.sha256: int(case.patient[-2:]) for case in hub.study.cases()}
    take("2-study")

    # The first round of both readers; nothing of the second can be opened.
    hands = Hands(viewer)
    codes = {}
    for reader in ("A", "B"):
        codes[reader] = {case.code for case in read(hands, reader, 1, places)}
        assert len(codes[reader]) == CASES
        take(f"3-reading-{reader}")
        hands.button(hands.dock.page.finish_session)
        hub.close_desk()
        assert hub.study.status().of(reader, 2).state == "sealed"
        assert hub.open_desk(reader, 2) is None
        assert notes(viewer)[-1].isVisible()
    take("4-sealed")

    # After the washout, under fresh codes.
    calendar.ahead = timedelta(days=61)
    for reader in ("A", "B"):
        again = {case.code for case in read(hands, reader, 2, places)}
        assert len(again) == AGAIN
        assert not again & codes[reader]
        hands.button(hands.dock.page.finish_session)
        hub.close_desk()

    # Each plain case cost its outline and one key.
    for reader in ("A", "B"):
        efforts = hub.study.efforts(reader, 1)
        assert len(efforts) == CASES
        assert max(one.keys + one.clicks for one in efforts) <= 2

    # The disagreements.
    row = hub.show("Study").page.adjudication
    qtbot.waitUntil(lambda: row.text.text() == f"{SENIOR}: 0 of 3 disagreements decided")
    senior = SeniorHands(viewer)
    senior.button(row.button)
    senior.wait_for_case()
    take("5-adjudication")
    assert not [note for note in notes(viewer) if note.isVisible()]  # "Round 2 of B is sealed"
    for key in "12":
        senior.key(key)
        senior.finish()
    senior.key("4")
    senior.drag(ellipse(118, 158, 40, 58))
    senior.key(Qt.Key.Key_Return)
    senior.wait_for(lambda: "All cases are decided" in senior.message)
    hub.close_desk()
    qtbot.waitUntil(lambda: row.text.text() == f"{SENIOR}: 3 of 3 disagreements decided")

    # Agreement, and the report.
    agreement = hub.show("Agreement")
    qtbot.waitUntil(lambda: agreement.result is not None and not agreement.job.running)
    take("6-agreement")
    hub.show("Study")
    with qtbot.waitSignal(dock.job.finished, timeout=120_000):
        dock.report(tmp_path / "report")
    take("7-done")
    page = tmp_path / "report" / "report.html"
    assert shown == [str(page)]
    text = page.read_text(encoding="utf-8")
    for words in ("sonographer", "radiologist", "surgeon", "washout", "GRRAS"):
        assert words in text
    table = (tmp_path / "report" / "tables" / "decisions.csv").read_text(encoding="utf-8-sig")
    assert len(table.splitlines()) == 1 + len(APART)
    assert hub.study.verify(images=True) == ()
    settled = hub.study.consensus()
    assert sum(one.origin == "adjudicated" for one in settled) == len(APART)
    assert np.all([bool(one.outlines) for one in settled])


def notes(viewer: Viewer) -> list[NapariQtNotification]:
    return viewer.window._qt_window.findChildren(NapariQtNotification)


def fill(wizard: StudyWizard, images: Path, path: Path, take: Camera, qtbot) -> None:
    """Go through the three pages of the wizard, and make the study."""

    def press() -> None:
        button = wizard.button(QWizard.WizardButton.NextButton)
        assert button.isEnabled()
        button.click()

    with qtbot.waitSignal(wizard.images.job.running_changed, timeout=60_000):
        wizard.images.place.path = images
    qtbot.waitUntil(lambda: not wizard.images.job.running)
    press()
    for row, texts in enumerate(PEOPLE):
        for place, text in enumerate(texts):
            wizard.readers.table.item(row, place).setText(text)
    take("0-readers", wizard)
    press()
    fields = wizard.protocol.form.fields
    fields["reread"].setValue(AGAIN)
    wizard.protocol.name.setText("Neck 2026")
    wizard.protocol.file.path = path
    take("1-protocol", wizard)
    with qtbot.waitSignal(wizard.made, timeout=60_000):
        press()
