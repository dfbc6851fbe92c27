"""What became of a prediction: glands as they stand, masks that people drew, and the export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.cli.root import run
from napari_ptx.ct.predictions import read_predictions
from napari_ptx.image import Image, read_image, write_nifti
from napari_ptx.image.orient import to_lps
from napari_ptx.report.gland_review import (
    ReviewError,
    check_review,
    export_review,
    glands_of,
    next_number,
    open_record,
    paste,
    write_edit,
)
from napari_ptx.study.gland_record import FILE_NAME, GlandRecord
from tests.ct.make import CENTRES, ORIGIN, SPACING, ball, make_cohort, numbered, volume


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Write two patients: three candidates, of which one has no gland; and none."""
    parts = [ball(centre, 2.4) for centre in CENTRES[:3]]
    none = np.zeros_like(numbered(parts))
    _, folder = make_cohort(
        tmp_path,
        {"p1": numbered(parts[:2]), "p2": numbered(parts[:1])},
        {"p1": (numbered(parts), {1: 0.9, 2: 0.6, 3: 0.4}), "p2": (none, {})},
    )
    return folder


def record_of(out: Path) -> GlandRecord:
    return GlandRecord.open(out / FILE_NAME)


def added(out: Path, centre: tuple[int, int, int], radius: float = 2.0) -> dict[str, object]:
    mask = volume(ball(centre, radius).astype(np.uint8))
    hu = {"plain": np.full(mask.shape, 47, dtype=np.int16)}
    return write_edit(out, "p1", 4, mask, hu) | {"slot": "left_inferior"}


def test_glands_as_they_stand(out: Path) -> None:
    predictions = read_predictions(out)
    with record_of(out) as record:
        assert next_number(predictions, record, "p1") == 4
        assert next_number(predictions, record, "p2") == 1
        record.add("p1", "candidate", "1", "accepted", "A")
        record.add("p1", "candidate", "3", "rejected", "A")
        record.add("p1", "slot", "1", "thymic", "A")
        record.add("p1", "added", "4", added(out, CENTRES[3]), "A")
        record.add(
            "p1", "edited", "2", write_edit(out, "p1", 2, volume(ball((17, 20, 28), 3))), "B"
        )
        one, two, three, four = glands_of(predictions, record, "p1")
        assert (one.decision, one.slot, one.slot_from, one.source) == (
            "accepted",
            "thymic",
            "A",
            "model",
        )
        assert (two.source, two.decision, two.who, two.mask) == (
            "edited",
            "",
            "B",
            "edits/p1_2.nii.gz",
        )
        assert two.x_mm == pytest.approx(ORIGIN[0] + 28 * SPACING[2], abs=0.01)
        assert two.score == pytest.approx(0.6)
        assert (three.decision, three.mask) == ("rejected", "")
        assert (four.gland, four.source, four.decision, four.who) == (4, "added", "accepted", "A")
        assert four.hu_plain == 47
        assert np.isnan(four.score)
        # What was added and undone keeps its number: another one is not taken for it.
        record.undo("p1", "A")
        assert [gland.gland for gland in glands_of(predictions, record, "p1")] == [1, 2, 3]
        assert next_number(predictions, record, "p1") == 5


def test_the_accepted_glands_come_out_in_their_places(out: Path, tmp_path: Path) -> None:
    with record_of(out) as record:
        record.add("p1", "candidate", "1", "accepted", "A")
        record.add("p1", "candidate", "2", "accepted", "A")
        record.add("p1", "candidate", "3", "rejected", "A")
        moved = ball((17, 22, 29), 2.0)
        record.add("p1", "edited", "2", write_edit(out, "p1", 2, volume(moved)), "A")
        record.add("p1", "added", "4", added(out, CENTRES[3]), "A")
    done = export_review(out, tmp_path / "export")
    assert [path.name for path in done.files] == [
        "glands_reviewed.csv", "p1_reviewed.nii.gz", "p2_reviewed.nii.gz"
    ]  # fmt: skip
    table = pd.read_csv(done.files[0])
    assert table["decision"].tolist() == ["accepted", "accepted", "rejected", "accepted"]
    assert table["source"].tolist() == ["model", "edited", "model", "added"]
    found = read_image(done.files[1]).pixels
    wanted = np.zeros_like(found)
    wanted[ball(CENTRES[0], 2.4)] = 1
    wanted[moved] = 2
    wanted[ball(CENTRES[3], 2.0)] = 4
    np.testing.assert_array_equal(found, wanted)
    assert not read_image(done.files[2]).pixels.any()


def test_a_mask_finds_its_place_on_a_map_of_other_axes() -> None:
    """Slices from head to foot and a mirrored row: a mask drawn in LPS comes out where it was."""
    direction = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
    native = Image(np.zeros((6, 8, 10), np.int16), "zyx", (2.0, 0.5, 0.7), True, "CT",
                   origin=(30.0, -5.0, 90.0), direction=direction)  # fmt: skip
    turned = to_lps(native)
    part = replace(turned, pixels=np.ones((1, 1, 1), np.uint8),
                   origin=(30.0 - 0.7 * 2, -5.0 + 0.5 * 3, 90.0 - 2.0 * 4))  # fmt: skip
    pixels = np.zeros(native.shape, np.int16)
    paste(pixels, native, part, 7)
    assert np.argwhere(pixels == 7).tolist() == [[4, 3, 2]]
    for origin in ((30.2, -5.0, 90.0), (30.0 + 0.7, -5.0, 90.0)):
        with pytest.raises(ReviewError, match="does not lie on the grid"):
            paste(pixels, native, replace(part, origin=origin), 7)


def test_an_edit_never_overwrites_and_is_never_empty(out: Path) -> None:
    mask = volume(ball(CENTRES[0], 2.0))
    first = write_edit(out, "p1", 1, mask)
    before = (out / first["mask"]).read_bytes()
    assert write_edit(out, "p1", 1, volume(ball(CENTRES[0], 3.0)))["mask"] == "edits/p1_1-2.nii.gz"
    assert (out / first["mask"]).read_bytes() == before
    with pytest.raises(ReviewError, match="gland 1 is empty"):
        write_edit(out, "p1", 1, volume(np.zeros_like(mask.pixels)))


def test_the_command_shows_checks_and_exports(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ct", "review", str(out)]) == 2
    assert "holds no review yet" in capsys.readouterr().err
    with record_of(out) as record:
        record.add("p1", "candidate", "1", "accepted", "A")
        record.add("p1", "added", "4", added(out, CENTRES[3]), "A")
    assert run(["ct", "review", str(out), "-o", str(tmp_path / "e")]) == 0
    shown = capsys.readouterr().out
    assert "2 accepted, 0 rejected, 2 not decided on." in shown
    assert "every hash as it was written" in shown
    assert (tmp_path / "e" / "p1_reviewed.nii.gz").is_file()
    assert run(["ct", "review", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["whole"] is True
    assert [row["kind"] for row in told["decisions"]] == ["candidate", "added"]
    assert told["glands"][3]["score"] is None


def test_what_was_changed_behind_the_record_is_found(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with record_of(out) as record:
        value = added(out, CENTRES[3])
        record.add("p1", "added", "4", value, "A")
    assert check_review(out) == ()
    write_nifti(volume(ball(CENTRES[3], 4.0).astype(np.uint8)), out / value["mask"])
    assert run(["ct", "review", str(out), "-o", str(tmp_path / "e")]) == 1
    assert "was changed" in capsys.readouterr().out
    assert not (tmp_path / "e").exists()
    with pytest.raises(ReviewError, match="changed since it was drawn"):
        export_review(out, tmp_path / "e")
    (out / value["mask"]).unlink()
    assert [problem.text[-8:] for problem in check_review(out)] == ["is gone."]


def test_a_row_changed_in_the_file_ends_with_1(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    with record_of(out) as record:
        record.add("p1", "candidate", "1", "accepted", "A")
    with sqlite3.connect(out / FILE_NAME) as file:
        file.execute("DROP TRIGGER decisions_no_update")
        file.execute("UPDATE decisions SET who = 'B'")
    file.close()
    assert run(["ct", "review", str(out)]) == 1
    assert "was changed" in capsys.readouterr().out


def test_a_record_is_not_made_by_looking(out: Path) -> None:
    with pytest.raises(ReviewError, match="no review yet"):
        open_record(out)
    assert not (out / FILE_NAME).exists()
