"""A study of the size of a real one: the 479 thyroid images of the DDTI collection."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.image import read_cohort
from napari_ptx.roi import rasterise, read_mask
from napari_ptx.study import Protocol, Study
from tests.study.make import Clock, square

pytestmark = [pytest.mark.data, pytest.mark.once]


@pytest.fixture(scope="module")
def study(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("ddti")
    protocol = Protocol(readers=("A", "B"), reread=100, seed=1)
    cohort = data_dir / "us_ddti_thyroid" / "cohort.csv"
    study = Study.create(folder / "ddti.ptx", cohort, protocol, clock=Clock())
    # Reader A outlined elsewhere: the masks of the collection.
    table = folder / "readings.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "roi"])
        rows.writerows(
            zip(*(read_cohort(cohort).table[name] for name in ("case", "roi")), strict=True)
        )
    assert study.import_readings("A", 1, table) == 479
    return study


def test_worklists_and_warnings(study: Study) -> None:
    status = study.status()
    assert [entry.total for entry in status.rounds] == [479, 100, 479, 100]
    assert [entry.finished for entry in status.rounds] == [479, 0, 0, 0]
    assert "The cases 1_1, 1_2 have the same pixels." in status.warnings
    # The label says what the nodule is: a reader must not learn it.
    assert {case.extra["label"] for case in study.cases()} == {0, 1, None}


def test_the_outlines_are_the_masks(study: Study) -> None:
    cases = {case.case: case for case in study.cases()}
    several = 0
    for reading in study.readings("A", 1)[::24]:
        case = cases[reading.case]
        mask = read_mask(str(case.extra["roi"]))
        assert np.array_equal(rasterise(reading.outlines, case.shape), mask)
        several += len(reading.outlines) > 1
    assert several > 0


def test_strokes_in_many_cases_are_there_when_the_desk_opens_again(study: Study) -> None:
    with study.desk("B", 1) as desk:
        for number in range(60):
            desk.record(number % 10, [square(number)], "freehand", {"zoom": 2.0}, 1.0)
    with study.desk("B", 1) as desk:
        for case in range(10):
            assert desk.draft(case).outlines == (square(50 + case),)
            assert desk.draft(case).active_seconds == 6.0


def test_the_whole_record_and_its_images_verify(study: Study) -> None:
    assert study.verify(images=True) == ()


def test_it_goes_out_whole(study: Study, tmp_path: Path) -> None:
    files = study.export(tmp_path / "out")
    assert len(files) == 2 * 479 + 2 + 9
    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 479
    for row in rows[::48]:
        outlines_mask = read_mask(tmp_path / "out" / row["masks"])
        assert float(row["area"]) == pytest.approx(outlines_mask.sum(), rel=1e-9)
