"""Kits and the lint, from the Study dock."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.kits import Findings
from napari_ptx.docks.study import StudyDock
from napari_ptx.study import Kit
from tests.docks.coordinator.conftest import outline_of
from tests.docks.coordinator.test_study_dock import select, states


@pytest.fixture
def dock(hub: Hub, qtbot) -> StudyDock:
    dock = hub.show("Study")
    qtbot.waitUntil(dock.isVisible)
    return dock


@pytest.mark.once
def test_a_kit_goes_out_comes_home_and_is_withdrawn(
    dock: StudyDock,
    hub: Hub,
    new_study_file: Path,
    told: list[str],
    qtbot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.open_study(new_study_file)
    kit = new_study_file.with_name("A1.ptxkit")
    asked = []

    def choose(_parent: object, title: str, start: str, _kinds: str) -> tuple[str, str]:
        asked.append((title, start))
        return str(kit.with_suffix("")), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    select(dock, "A", 1)
    dock.page.kit_button.click()
    assert asked == [("Write the kit to", str(kit))]
    qtbot.waitUntil(lambda: states(dock)[0] == "out as a kit")
    assert "A1.ptxkit holds 6 cases" in told[-1]
    select(dock, "A", 1)
    assert not dock.primary.isEnabled()
    assert dock.page.kit_button.text() == "Withdraw…"
    assert hub.open_desk("A", 1) is None
    assert "out as a kit" in told[-1]

    with Kit(kit).desk() as desk:
        desk.record(0, [outline_of("case-0", "A", 1)], "freehand", {}, 1.0)
        desk.finish(0)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(kit)], ""))
    dock.page.merge_button.click()
    qtbot.waitUntil(lambda: states(dock)[0] == "in progress")
    assert "A1.ptxkit: 1 new readings of A, round 1; 1 of 6 cases finished." in told[-1]
    assert hub.study.verify() == ()

    qtbot.waitUntil(lambda: not dock.job.running)
    select(dock, "B", 1)
    kit = kit.with_name("B1.ptxkit")
    dock.page.kit_button.click()
    qtbot.waitUntil(lambda: "out as a kit" in states(dock))
    qtbot.waitUntil(lambda: not dock.job.running)
    select(dock, "B", 1)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("lost on the way", True))
    dock.page.kit_button.click()
    assert "out as a kit" not in states(dock)
    assert "is withdrawn" in told[-1]
    dock.merge([kit])
    qtbot.waitUntil(lambda: "lost on the way" in told[-1])
    qtbot.waitUntil(lambda: not dock.job.running)

    dock.page.lint_button.click()
    qtbot.waitUntil(lambda: dock.findChild(Findings) is not None)
    found = dock.findChild(Findings)
    rows = [found.table.item(row, 1).text() for row in range(found.table.rowCount())]
    assert rows.count("No regions") == 6
    found.close()


def test_the_kit_of_a_sealed_round_asks_why(
    dock: StudyDock,
    hub: Hub,
    study_file: Path,
    told: list[str],
    qtbot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.open_study(study_file)
    kit = study_file.with_name("B2.ptxkit")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(kit), ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("", True))
    select(dock, "B", 2)
    dock.page.kit_button.click()
    assert not dock.job.running
    dock.page._reason.setText("leaves the clinic")
    dock.page.kit_button.click()
    qtbot.waitUntil(kit.exists)
    qtbot.waitUntil(lambda: not dock.job.running)
    assert hub.study.status().of("B", 2).early_reason == "leaves the clinic"
