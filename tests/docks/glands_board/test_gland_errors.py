"""The Errors tab: an evaluation from the dock, causes by key, and what is laid over the phases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_ptx.ct.mistakes import read_causes
from napari_ptx.docks.gland_errors import NO_EVALUATION, GlandErrors


@pytest.fixture
def evaluated(errors: GlandErrors, qtbot) -> GlandErrors:
    assert errors.told.text() == NO_EVALUATION
    errors.evaluate_button.click()
    assert errors.job.running
    qtbot.waitUntil(lambda: not errors.job.running)
    return errors


def texts(errors: GlandErrors, row: int, *columns: int) -> tuple[str, ...]:
    return tuple(errors.table.item(row, place).text() for place in columns)


@pytest.mark.once
def test_an_evaluation_is_reviewed_and_made_again(evaluated: GlandErrors, qtbot, cohort) -> None:
    errors, table = evaluated, evaluated.table
    assert errors.finder.currentData() == "model"
    assert table.rowCount() == 5  # two misses and a false positive of each patient
    assert texts(errors, 0, 0, 1, 2, 3) == ("p1", "missed", "R inf", "–")
    assert texts(errors, 1, 0, 1) == ("p1", "false +")
    errors.finder.setCurrentIndex(errors.finder.findText("CT, A"))
    assert {texts(errors, row, 12) for row in range(table.rowCount())} == {("CT A",)}
    errors.finder.setCurrentIndex(0)
    wanted: list[tuple] = []
    errors.desk.place_wanted.connect(lambda *what: wanted.append(what))
    table.setFocus()
    table.setCurrentCell(0, 0)
    qtbot.waitUntil(lambda: bool(wanted))
    patient, place = wanted[0]
    row = errors.mistakes.iloc[table.row]
    assert (patient, place) == ("p1", (row["x_mm"], row["y_mm"], row["z_mm"]))
    # a key is a cause, with who and when
    assert errors.cause.itemText(1) == "1  too small"
    QTest.keyClick(table, Qt.Key.Key_2)
    decision = errors.desk.record.decisions[-1]
    assert (decision.patient, decision.kind, decision.subject, decision.value, decision.who) == (
        "p1", "cause", "model|miss|3", "isoattenuating", "Ada",
    )  # fmt: skip
    assert texts(errors, 0, 3) == ("isoattenuating",)
    assert "Ada, 2" in table.item(0, 3).toolTip()
    assert [errors.counts.item(row, 0).text() for row in range(3)] == [
        "not set yet", "isoattenuating", "all",
    ]  # fmt: skip
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_2)
    assert texts(errors, 1, 3) == ("vessel",)  # the second cause of a false positive
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert texts(errors, 1, 3) == ("–",)
    # and the table that an evaluation takes over
    errors.files.save_causes(cohort / "causes.csv")
    assert list(read_causes(cohort / "causes.csv")["cause"]) == ["isoattenuating"]
    errors.files.save_csv(cohort / "mistakes.csv")
    saved = pd.read_csv(cohort / "mistakes.csv")
    assert (saved["cause"][0], saved["cause_by"][0]) == ("isoattenuating", "Ada")
    errors.threshold.setValue(0.4)  # the false positives have 0.3
    errors.evaluate_button.click()
    qtbot.waitUntil(lambda: not errors.job.running)
    assert table.rowCount() == 2
    after = pd.read_csv(errors.out / "mistakes.csv", encoding="utf-8-sig")
    assert after["cause"][0] == "isoattenuating"
    errors.tabs.setCurrentIndex(1)
    assert errors.plot.figure is not None
    assert sorted(path.name for path in errors.out.iterdir() if path.suffix == ".json") == [
        "metrics.json"
    ]


@pytest.mark.once
def test_the_probability_lies_over_the_phases_of_its_patient(
    errors: GlandErrors, qtbot, make_napari_viewer, tmp_path: Path
) -> None:
    from napari_ptx.docks.gland_overlays import CHANCE, GlandOverlays
    from napari_ptx.docks.hub import Hub
    from napari_ptx.docks.phase_tasks import OpenPhases, Pair
    from napari_ptx.image import write_nifti
    from tests.ct.make import ball, volume

    viewer = make_napari_viewer()
    hub = Hub.of(viewer)
    seen = ball((12, 20, 20), 3.0)
    write_nifti(volume((200 * seen).astype(np.uint8)), tmp_path / "chance.nii.gz")
    overlays = GlandOverlays(hub, errors.reader, errors)
    overlays.files[CHANCE] = {"p1": tmp_path / "chance.nii.gz"}
    overlays.want(CHANCE, True)  # nothing is open yet
    neck = volume(np.full(seen.shape, 40, np.int16))

    def opened(patient: str) -> OpenPhases:
        pair = Pair(neck, neck.pixels, None, ())
        return OpenPhases(pair, ("plain", "arterial"), (Path("a"), Path("b")), patient)

    hub.show_phases(opened("p1"))
    qtbot.waitUntil(lambda: CHANCE in viewer.layers)
    one, twin = viewer.layers[CHANCE], viewer.layers[f"{CHANCE} (right)"]
    assert one.data.max() == twin.data.max() == 200
    assert tuple(one.scale) == tuple(viewer.layers["plain"].scale)
    assert one.blending == "additive"
    overlays.want(CHANCE, False)
    assert CHANCE not in viewer.layers
    overlays.want(CHANCE, True)
    assert CHANCE in viewer.layers
    told: list[str] = []
    overlays.told.connect(told.append)
    hub.show_phases(opened("p2"))
    qtbot.waitUntil(lambda: any("predict again" in line for line in told))
    assert CHANCE not in viewer.layers
    hub.close_phases()
    assert len(viewer.layers) == 0


def test_an_evaluation_can_be_cancelled(errors: GlandErrors, told: list[str]) -> None:
    errors.evaluate_button.click()
    errors.job.cancel()
    assert not errors.job.running
    assert errors.evaluate_button.isEnabled()
    assert errors.mistakes.empty


def test_what_to_do_next_is_said(errors: GlandErrors, cohort: Path) -> None:
    errors.desk.cohort = None
    errors.desk.opened.emit()
    assert "which table names the images" in errors.told.text()
    assert not errors.evaluate_button.isEnabled()
    errors.desk.set_cohort(cohort / "cohort.csv")
    assert errors.evaluate_button.isEnabled()
    errors.chance.setChecked(True)
    assert "Click a mistake" in errors.told.text()
    errors.hub.blinded = True
    errors.hub.desk_changed.emit()
    assert not errors.chance.isChecked()
    assert errors.told.text() == ""


def test_it_fits_a_narrow_dock_and_says_what_everything_is(errors: GlandErrors) -> None:
    assert errors.minimumSizeHint().width() <= 300
    for part in (errors.evaluate_button, errors.threshold, errors.with_readings, errors.finder,
                 errors.kind, errors.cause, errors.chance, errors.labelled, errors.figure_kind,
                 errors.copy_button, errors.csv_button, errors.causes_button):  # fmt: skip
        assert part.toolTip()
    for part in (errors.table, errors.counts, errors.threshold, errors.finder, errors.cause):
        assert part.accessibleName()
