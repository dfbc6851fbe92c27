from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw

from napari_ptx.image import ImageError
from napari_ptx.image.examine import Examined, examine_here
from napari_ptx.study import Protocol, Study, StudyError
from napari_ptx.study.lint import KINDS, lint
from tests.image.make import dataset, region, save


def look(path: Path) -> Examined:
    """Look in this process, which is quicker."""
    if path.name == "bad.png":
        raise ImageError(f"{path} cannot be read.")
    return examine_here(str(path))


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    picture = Picture.new("RGB", (300, 200))
    draw = ImageDraw.Draw(picture)
    draw.text((20, 10), "MARY DOE", fill="white", font_size=16)
    text = np.asarray(picture)
    made = {
        "tagged.dcm": dataset(text, PatientName="Doe", SequenceOfUltrasoundRegions=[
            region((60, 40, 180, 280))
        ]),
        "said.dcm": dataset(np.zeros((9, 9), np.uint8), BurnedInAnnotation="YES"),
    }  # fmt: skip
    for name, data in made.items():
        save(data, tmp_path / name)
    draw.line((96, 100, 104, 100), fill="cyan")
    draw.line((100, 96, 100, 104), fill="cyan")
    picture.save(tmp_path / "malignant-7.png")
    plain = Picture.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    plain.save(tmp_path / "P0012-a.png")
    plain.save(tmp_path / "twin.bmp")
    plain.save(tmp_path / "bad.png")
    names = ["tagged.dcm", "said.dcm", "malignant-7.png", "P0012-a.png", "twin.bmp"]
    for table, listed in (("cohort.csv", names), ("faulty.csv", [*names, "bad.png"])):
        with (tmp_path / table).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("case", "patient", "image"))
            rows.writerows((f"c{place}", "P0012", name) for place, name in enumerate(listed))
    return tmp_path / "cohort.csv"


def test_what_is_found(cohort: Path) -> None:
    steps = []
    found = lint(cohort, look=look, progress=lambda *step: steps.append(step[:2]))
    assert steps[-1] == (5, 5)
    kinds = [(finding.case, finding.kind) for finding in found.findings]
    assert kinds == [
        ("c0", "tags"), ("c0", "text"),
        ("c1", "text"), ("c1", "no regions"),
        ("c2", "text"), ("c2", "calipers"), ("c2", "no regions"), ("c2", "names"),
        ("c3", "no regions"), ("c3", "names"), ("c3", "same pixels"),
        ("c4", "no regions"), ("c4", "same pixels"),
    ]  # fmt: skip
    texts = {(finding.case, finding.kind): finding.text for finding in found.findings}
    assert "PatientName" in texts["c0", "tags"]
    assert "Doe" not in texts["c0", "tags"]
    assert "outside the ultrasound regions; mask it" in texts["c0", "text"]
    assert "Burned In Annotation" in texts["c1", "text"]
    assert "without regions it cannot be masked" in texts["c2", "text"]
    assert "1 cross on the picture" in texts["c2", "calipers"]
    assert "P0012" in texts["c3", "names"]
    assert "as c4" in texts["c3", "same pixels"]
    assert "Burned-in text likely: 3 of 5 cases" in found.summary
    assert found.to_json()["counts"] == {kind: found.count(kind) for kind in KINDS}


def test_a_study_that_masks_and_what_cannot_be_read(cohort: Path, tmp_path: Path) -> None:
    path = tmp_path / "neck.ptx"
    Study.create(path, cohort, Protocol(("A",), mask_text=True)).close()
    found = lint(path, look=look)
    assert found.masked
    assert "; it is masked." in next(one.text for one in found.findings if one.kind == "text")
    faulty = lint(cohort.with_name("faulty.csv"), look=look)
    assert [one.case for one in faulty.findings if one.kind == "unreadable"] == ["c5"]
    with pytest.raises(StudyError, match="no file"):
        lint(tmp_path / "none.csv", look=look)


def test_a_folder_is_looked_at_before_there_is_a_table(tmp_path: Path) -> None:
    for name in ("adenoma.png", "anna.png"):
        Picture.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    found = lint(tmp_path, look=look)
    assert found.cases == 2
    told = {(one.case, one.kind) for one in found.findings}
    assert {("adenoma", "names"), ("anna", "same pixels")} <= told
    assert ("anna", "names") not in told
