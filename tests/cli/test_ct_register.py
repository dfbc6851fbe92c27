"""``ct register`` on simulated phases that are shifted by a known motion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_ptx.cli.root import run
from napari_ptx.ct.register import read_residuals
from napari_ptx.image import Image, read_image, write_nifti

SHIFT = (1, 2, -2)


def _body(gland: float) -> np.ndarray:
    z, y, x = np.mgrid[:30, :48, :52].astype(float)
    made = np.where(((y - 24) / 18) ** 2 + ((x - 26) / (18 + 0.2 * z)) ** 2 < 1, 40.0, -1000.0)
    made[((y - 33) / 5) ** 2 + ((x - 26) / 6) ** 2 < 1] = 600
    made[(y - 16) ** 2 + (x - 25) ** 2 < 12] = -950
    made[(y - 18 - 0.1 * z) ** 2 + (x - 38) ** 2 < 8] = gland
    return ndimage.gaussian_filter(made, 0.6)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Write two patients; the second has one phase, and labels."""
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["patient,phase,image,labels"]
    volumes = {
        "P1,plain": _body(50),
        "P1,arterial": np.roll(_body(180), SHIFT, (0, 1, 2)),
        "P2,plain": _body(60),
    }
    for name, pixels in volumes.items():
        patient, phase = name.split(",")
        noisy = np.rint(pixels + rng.normal(0, 8, pixels.shape)).astype(np.int16)
        eye = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        image = Image(noisy, "zyx", (2.0, 2.0, 2.0), True, "CT", origin=(0.0, 0.0, 0.0),
                      direction=eye)  # fmt: skip
        write_nifti(image, folder / f"{patient}_{phase}.nii.gz")
        labels = ""
        if name == "P2,plain":
            labels = "P2_labels.nii.gz"
            write_nifti(image, folder / labels)
        lines.append(f"{name},{patient}_{phase}.nii.gz,{labels}")
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    return folder / "cohort.csv"


def test_phases_are_laid_on_the_plain_one(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["ct", "register", str(cohort), "-o", str(out), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["phases"]
    assert (row["patient"], row["phase"], row["verdict"]) == ("P1", "arterial", "good")
    assert row["moved_mm"] == pytest.approx(2 * np.linalg.norm(SHIFT), abs=0.7)
    table = pd.read_csv(out / "cohort.csv", dtype=str).fillna("")
    assert list(table["phase"]) == ["plain", "arterial", "plain"]
    assert table["labels"][2].endswith("P2_labels.nii.gz")
    moved = read_image(out / table["image"][1])
    plain = read_image(table["image"][0])
    assert (moved.spacing, moved.origin) == (plain.spacing, plain.origin)
    # Away from the edges, the phases differ by noise and by what takes up contrast.
    inside = (slice(4, -4),) * 3
    difference = moved.pixels[inside].astype(int) - plain.pixels[inside]
    assert abs(np.median(difference)) < 5
    assert np.percentile(np.abs(difference), 90) < 60
    assert read_residuals(out / "cohort.csv") == {"P1": row["residual_mm"]}
    assert read_residuals(cohort) == {}


def test_a_stopped_registration_goes_on(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ptx.ct import register

    with cohort.open("a", encoding="utf-8") as table:
        table.write("P3,plain,P1_plain.nii.gz,\nP3,arterial,P1_arterial.nii.gz,\n")
    done: list[str] = []
    stop = False
    true = register.register

    def counted(fixed: Image, moving: Image) -> object:
        if len(done) == 1 and stop:
            raise KeyboardInterrupt
        done.append(moving.source.name)
        return true(fixed, moving)

    monkeypatch.setattr(register, "register", counted)
    register.register_cohort(cohort, tmp_path / "whole")
    moved = done.copy()
    assert len(moved) == 2
    done.clear()
    stop, out = True, tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        register.register_cohort(cohort, out)
    assert not (out / "cohort.csv").exists()
    stop = False
    register.register_cohort(cohort, out)
    assert done == moved
    for name in ("cohort.csv", "registration.csv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(
        path.name for path in (tmp_path / "whole").iterdir()
    )


def test_the_cohort_is_not_overwritten_and_failures_are_told(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ct", "register", str(cohort), "-o", str(cohort.parent)]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    air = read_image(cohort.parent / "P1_plain.nii.gz")
    out = tmp_path / "out"
    for value, words in ((-1000, "shows no body"), (24, "P1_plain.nii.gz is not in Hounsfield")):
        write_nifti(
            Image(np.full(air.shape, value, np.int16), "zyx", air.spacing, True, "CT",
                  origin=air.origin, direction=air.direction),
            cohort.parent / "P1_plain.nii.gz",
        )  # fmt: skip
        assert run(["ct", "register", str(cohort), "-o", str(out)]) == 1
        assert "P1: " in (told := capsys.readouterr().out)
        assert words in told
        assert list(pd.read_csv(out / "cohort.csv", dtype=str)["patient"]) == ["P2"]
