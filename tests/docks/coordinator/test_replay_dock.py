"""The Replay dock and the search for moved images, in a real window."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Shapes
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox

from napari_ptx.docks.agreement import AgreementDock
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.replay import ReplayDock
from napari_ptx.study import Study
from tests.docks.coordinator.conftest import outline_of
from tests.study.make import square


def add_views(path: Path) -> None:
    """Let the reader B change a finished case, with all that the app records."""
    view = {"zoom": 4.0, "centre": [20.0, 30.0], "canvas": [200, 300], "window": [40.0, 90.0]}
    with Study.open(path) as study, study.desk("B", 2, early_reason="a test") as desk:
        for place, (window, keys) in enumerate((([40.0, 90.0], 0), ([0.0, 255.0], 1))):
            shown = view | {"window": window, "input": {"keys": keys, "clicks": 0, "drawing": 1}}
            desk.record(0, [square(6 + place)], "outline", shown, 3.0)
        desk.finish(0, view=shown, seconds=1.0, action="key")


def wait_for(dock: ReplayDock, case: str, qtbot) -> None:
    qtbot.waitUntil(
        lambda: dock.replay is not None and dock.replay.case == case and not dock.job.running
    )


def lines(viewer: Viewer) -> list[Shapes]:
    return [layer for layer in viewer.layers if isinstance(layer, Shapes)]


@pytest.mark.once
def test_a_reading_plays_on_its_image_and_is_gone_in_a_session(
    viewer: Viewer, hub: Hub, study_file: Path, qtbot, tmp_path: Path
) -> None:
    dock = hub.show("Replay")
    assert isinstance(dock, ReplayDock)
    assert "Open a study" in dock._sentence.text()
    assert dock.primary.text() == "Show the Study dock"
    add_views(study_file)
    hub.open_study(study_file)
    qtbot.waitUntil(lambda: dock.page.cases.rowCount() == 6)
    assert dock.page.session.currentText() == "A, round 1"
    assert dock.page.session.count() == 4

    # From the table of cases: the first step, then by slider, then by itself.
    dock.page.cases.selectRow(1)
    case = dock.page.case
    wait_for(dock, case, qtbot)
    assert [step.text for step in dock.replay.steps] == ["freehand", "finished"]
    (layer,) = lines(viewer)
    dock.page.slider.setValue(1)
    wanted = outline_of(case, "A", 1).points
    np.testing.assert_allclose(layer.data[0][:-1], wanted)
    assert dock.page.steps.currentRow() == 1
    assert dock.page.time.text() == "0:05.0 of 0:05.0"
    dock.page.speed.setCurrentIndex(4)
    assert dock.primary.text() == "Play"
    dock.primary.click()
    assert dock.playing
    assert dock.place == 0, "at the end it begins again"
    assert dock.primary.text() == "Pause"
    qtbot.waitUntil(lambda: not dock.playing and dock.place == 1)

    # Asked for by another dock: with the reader's window and view.
    hub.show_replay("B", 2, names_of(study_file, "B", 2)[0])
    wait_for(dock, names_of(study_file, "B", 2)[0], qtbot)
    assert dock.page.session.currentText() == "B, round 2"
    picture = viewer.layers[0]
    dock.page.follow.setChecked(True)
    dock.page.show_step(0)
    assert tuple(picture.contrast_limits) == (40, 90)
    assert viewer.scene.camera.center[-2:] == pytest.approx((20, 30))
    dock.page.show_step(1)
    assert tuple(picture.contrast_limits) == (0, 255)
    assert lines(viewer)[0].data[0][0] == pytest.approx([6.5, 11.5])
    assert "2 keystrokes and 0 clicks" in dock.page.summary.text()
    dock.save(tmp_path / "film.gif")
    qtbot.waitUntil(lambda: not dock.job.running)
    with Picture.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3

    for button in (*dock.findChildren(QAbstractButton), *dock.findChildren(QComboBox)):
        if button.isVisible() and button.objectName() != "qt_toolbar_ext_button":
            assert button.toolTip(), button
    assert dock.minimumSizeHint().width() <= 320

    # A reader sits down: nothing of it may be left.
    dock.play()
    assert hub.open_desk("B", 2) is not None
    assert dock.replay is None
    assert not dock.playing
    assert dock.page.cases.rowCount() == dock.page.steps.rowCount() == 0
    assert not [layer.name for layer in viewer.layers if "round" in layer.name]
    hub.show("Replay")
    assert "hidden" in dock._sentence.text()
    assert not dock.primary.isVisible()
    hub.show_replay("A", 1, case)
    assert hub.wanted_replay is None
    hub.close_desk()
    qtbot.waitUntil(lambda: dock.page.cases.rowCount() > 0)


def names_of(path: Path, reader: str, round: int) -> list[str]:
    with Study.open(path) as study:
        return [effort.case for effort in study.efforts(reader, round)]


def test_the_study_and_the_agreement_dock_lead_to_it(
    viewer: Viewer, hub: Hub, study_file: Path, qtbot
) -> None:
    study = hub.show("Study")
    hub.open_study(study_file)
    study.page.table.selectRow(2)
    qtbot.mouseClick(study.page.replay_button, Qt.MouseButton.LeftButton)
    dock = hub.show("Replay")
    qtbot.waitUntil(lambda: dock.page.cases.rowCount() == 6)
    assert dock.page.session.currentText() == "B, round 1"
    agreement = AgreementDock(viewer)  # not shown: it would compare the readers
    agreement.compared.case = "case-3"
    agreement.legend.linkActivated.emit("A, round 1")
    wait_for(dock, "case-3", qtbot)
    assert dock.page.session.currentText() == "A, round 1"
    assert dock.page.case == "case-3"


@pytest.mark.once
def test_images_that_were_moved_are_found_from_the_study_dock(
    hub: Hub, study_file: Path, qtbot, told: list[str]
) -> None:
    dock = hub.show("Study")
    hub.open_study(study_file)
    assert not dock.page.find_button.isVisible()
    away = study_file.parent / "away"
    away.mkdir()
    for number in (1, 2):
        shutil.move(study_file.parent / f"picture-{number}.png", away / f"{number}.png")
    (study_file.parent / "picture-3.png").unlink()
    hub.close_study()
    hub.open_study(study_file)
    assert dock.page.find_button.isVisible()
    assert "3 images are not where the study has them." in dock.page._warnings.text()
    dock.find_images(away)
    qtbot.waitUntil(lambda: not dock.job.running)
    assert "2 images found again. Missing 1, changed 0: case-3." in told[-1]
    assert "1 image is not where the study has it." in dock.page._warnings.text()
    assert hub.study.image("case-1").shape == (60, 80)
