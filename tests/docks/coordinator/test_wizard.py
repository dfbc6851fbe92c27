from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from qtpy.QtWidgets import QWidget, QWizard

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.kits import Findings
from napari_ptx.docks.wizard import StudyWizard


def write_image(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (40, 50), np.uint8)
    Picture.fromarray(pixels).save(path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Give a folder with two patients: one of two images, one of one."""
    folder = tmp_path / "images"
    for number, name in enumerate(("anna/left.png", "anna/right.png", "berta/left.png")):
        write_image(folder / name, number)
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def wizard(hub: Hub, tmp_path: Path, qtbot) -> StudyWizard:
    wizard = hub.show("Study").new_study()
    qtbot.waitUntil(wizard.isVisible)
    yield wizard
    with contextlib.suppress(RuntimeError):  # a wizard that was finished is gone
        wizard.reject()
    qtbot.wait(50)


def look_at(wizard: StudyWizard, place: Path, qtbot) -> None:
    with qtbot.waitSignal(wizard.images.job.running_changed, timeout=60_000):
        wizard.images.place.path = place
    qtbot.waitUntil(lambda: not wizard.images.job.running, timeout=30_000)


def press(wizard: StudyWizard, button: QWizard.WizardButton) -> None:
    assert wizard.button(button).isEnabled()
    wizard.button(button).click()


def test_a_folder_becomes_a_study_in_three_pages(
    wizard: StudyWizard, hub: Hub, images: Path, tmp_path: Path, qtbot
) -> None:
    assert not wizard.images.isComplete()
    look_at(wizard, images, qtbot)
    assert wizard.images._told.text() == "3 images of 2 patients. The sub-folder is the patient."
    press(wizard, QWizard.WizardButton.NextButton)
    assert wizard.readers.readers == ("A", "B")
    press(wizard, QWizard.WizardButton.NextButton)
    page = wizard.protocol
    assert page.name.text() == "images"
    fields = page.form.fields
    assert fields["reread"].value() == 3  # 100 by default, or all there are
    assert fields["washout_days"].value() == 60
    assert fields["icc_threshold"].value() == 0.80
    assert page.form.needed.text() == "3 cases: an observed ICC of 0.986 clears 0.80."
    page.name.setText("neck 2026")
    fields["reread"].setValue(2)
    fields["seed"].setValue(11)
    assert page.file.path == Path.home() / "napari-ptx" / "neck 2026.ptx"
    page.file.path = tmp_path / "made.ptx"
    with qtbot.waitSignal(wizard.made, timeout=60_000):
        press(wizard, QWizard.WizardButton.NextButton)
    assert hub.study.name == "neck 2026"
    assert hub.study.path == tmp_path / "made.ptx"
    assert hub.study.protocol.seed == 11
    assert hub.study.protocol.reread == 2
    assert [(case.patient, case.image) for case in hub.study.cases()] == [
        ("anna", images / "anna" / "left.png"),
        ("anna", images / "anna" / "right.png"),
        ("berta", images / "berta" / "left.png"),
    ]
    assert (tmp_path / "made.cohort.csv").is_file()


@pytest.mark.once
def test_a_cohort_table_is_checked_before_anything_is_made(
    wizard: StudyWizard, images: Path, tmp_path: Path, qtbot
) -> None:
    table = tmp_path / "cohort.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ("case", "patient", "image"),
                ("one", "anna", "images/anna/left.png"),
                ("one", "anna", "images/anna/right.png"),
                ("two", "berta", "images/absent.png"),
            ]
        )
    wizard.images.from_table.setChecked(True)
    look_at(wizard, table, qtbot)
    told = wizard.images._told.text()
    assert "absent.png" in told
    assert "one" in told
    assert not wizard.images.isComplete()


@pytest.mark.once
def test_each_image_of_a_flat_folder_is_a_patient_and_the_wizard_says_so(
    wizard: StudyWizard, tmp_path: Path, qtbot
) -> None:
    for number in range(2):
        write_image(tmp_path / "flat" / f"scan{number}.png", number)
    look_at(wizard, tmp_path / "flat", qtbot)
    assert "Each image counts as a patient of its own" in wizard.images._told.text()
    shown = wizard.images._preview
    assert [shown.item(row, 0).text() for row in range(shown.rowCount())] == ["scan0", "scan1"]


@pytest.mark.once
def test_an_image_that_cannot_be_read_stops_the_making_and_is_named(
    wizard: StudyWizard, hub: Hub, images: Path, tmp_path: Path, qtbot
) -> None:
    (images / "berta" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    look_at(wizard, images, qtbot)
    for _ in range(2):
        press(wizard, QWizard.WizardButton.NextButton)
    wizard.protocol.file.path = tmp_path / "made.ptx"
    with qtbot.waitSignal(wizard.making.job.stopped, timeout=60_000):
        press(wizard, QWizard.WizardButton.NextButton)
    assert "broken.png" in wizard.making.told.toPlainText()
    assert not (tmp_path / "made.ptx").exists()
    assert hub.study is None
    press(wizard, QWizard.WizardButton.BackButton)  # to mend it and try again
    assert wizard.currentPage() is wizard.protocol


@pytest.mark.once
def test_cancel_while_making_leaves_nothing(
    wizard: StudyWizard, hub: Hub, images: Path, tmp_path: Path, qtbot
) -> None:
    for number in range(200):
        write_image(images / "anna" / f"more{number}.png", number)
    look_at(wizard, images, qtbot)
    for _ in range(2):
        press(wizard, QWizard.WizardButton.NextButton)
    wizard.protocol.file.path = tmp_path / "out" / "made.ptx"
    press(wizard, QWizard.WizardButton.NextButton)
    bar = wizard.making.job
    qtbot.waitUntil(lambda: bar._bar.value() > 5, timeout=60_000)
    with qtbot.waitSignal(bar.stopped, timeout=60_000):
        bar.cancel_button.click()
    assert "Cancelled" in wizard.making.told.toPlainText()
    assert not (tmp_path / "out" / "made.ptx").exists()
    assert hub.study is None
    # Back stops it, too, and then it can be made after all.
    press(wizard, QWizard.WizardButton.BackButton)
    press(wizard, QWizard.WizardButton.NextButton)
    assert bar.running
    press(wizard, QWizard.WizardButton.BackButton)
    assert not bar.running
    with qtbot.waitSignal(wizard.made, timeout=60_000):
        press(wizard, QWizard.WizardButton.NextButton)
    assert len(hub.study.cases()) == 203


@pytest.mark.parametrize(
    ("names", "complete", "told"),
    [
        (("A", ""), True, "only between rounds"),
        (("A", "a"), False, "a name of their own"),
        (("", ""), False, ""),
    ],
)
def test_readers_need_names_of_their_own(
    wizard: StudyWizard, names: tuple[str, str], complete: bool, told: str
) -> None:
    for row, name in enumerate(names):
        wizard.readers.table.item(row, 0).setText(name)
    assert wizard.readers.isComplete() is complete
    assert told in wizard.readers._told.text()


def test_people_and_protocol_go_into_a_file_and_come_back(
    wizard: StudyWizard, hub: Hub, images: Path, tmp_path: Path, qtbot
) -> None:
    look_at(wizard, images, qtbot)
    press(wizard, QWizard.WizardButton.NextButton)
    table = wizard.readers.table
    assert "Role, years or training of A, B are open" in wizard.readers._told.text()
    for row, texts in enumerate((("A", "sonographer", "8", "30 outlines"), ("B", "", "4,5", ""))):
        for place, text in enumerate(texts):
            table.item(row, place).setText(text)
    table.item(2, 0).setText("B")
    assert "B reads the cases" in wizard.readers._told.text()
    assert not wizard.readers.isComplete()
    table.item(2, 0).setText("Senior")
    table.item(1, 2).setText("many")
    assert "'many' years of B is not a number" in wizard.readers._told.text()
    table.item(1, 2).setText("4,5")
    table.add_reader("C")
    table.setCurrentCell(2, 0)
    table.remove_reader()
    press(wizard, QWizard.WizardButton.NextButton)
    page = wizard.protocol
    fields = page.form.fields
    assert page.form.measurands == ("area", "max_diameter")
    page.form._ticks["perimeter"].setChecked(True)
    page.form._ticks["area"].setChecked(False)
    fields["disagree_dice"].setValue(0)
    fields["ask_seen"].setChecked(True)
    fields["icc_bound"].setCurrentIndex(1)
    assert "whatever the number of cases" in page.form.needed.text()
    assert not page.form._rest.isVisible()
    page.form.more.click()
    assert page.form._rest.isVisible()
    decided = wizard.decided()
    assert (decided.readers, decided.adjudicator) == (("A", "B"), "Senior")
    assert decided.measurands == ("max_diameter", "perimeter")
    assert (decided.disagree_dice, decided.disagree_lesions, decided.ask_seen) == (None, True, True)
    assert (decided.description("A").years, decided.description("B").years) == (8, 4.5)
    path = tmp_path / "kept.toml"
    wizard.save_protocol(path)
    assert "Saved" in page._told.text()
    wizard.load_protocol(path)
    assert "B lacks role, training" in page._told.text()
    table.item(1, 1).setText("radiologist")
    table.item(1, 3).setText("none")
    table.item(2, 1).setText("surgeon")
    table.item(2, 2).setText("20")
    table.item(2, 3).setText("none")
    wizard.save_protocol(path)
    kept = wizard.decided()
    fields["reread"].setValue(0)
    assert not fields["washout_days"].isEnabled()
    table.item(0, 0).setText("Z")
    wizard.load_protocol(path)
    assert "Taken from kept.toml" in page._told.text()
    assert wizard.decided() == kept


def test_a_study_that_exists_is_never_overwritten(wizard: StudyWizard, study_file: Path) -> None:
    wizard.protocol.file.path = study_file
    assert not wizard.protocol.isComplete()
    assert "exists already" in wizard.protocol._told.text()


def test_the_wizard_fits_a_small_screen(wizard: StudyWizard) -> None:
    assert wizard.minimumSizeHint().width() <= 800
    assert wizard.minimumSizeHint().height() <= 650
    assert isinstance(wizard.parent(), QWidget)


@pytest.mark.once
def test_what_could_unblind_is_told_before_the_study_is_made(
    wizard: StudyWizard, images: Path, qtbot
) -> None:
    assert not wizard.images.blinding.isEnabled()
    write_image(images / "carla" / "adenoma.png")
    look_at(wizard, images, qtbot)
    wizard.images.blinding.click()
    assert not wizard.images.blinding.isEnabled()
    qtbot.waitUntil(lambda: wizard.findChild(Findings) is not None)
    found = wizard.findChild(Findings)
    rows = {found.table.item(row, 0).text(): found.table.item(row, 2).text()
            for row in range(found.table.rowCount())
            if found.table.item(row, 1).text() == "Telling names"}  # fmt: skip
    assert rows == {
        "adenoma": "carla/adenoma.png may say what the case is; sessions do not show it."
    }
    found.reject()
    assert wizard.images.blinding.isEnabled()
