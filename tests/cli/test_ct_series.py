"""``ct series`` and ``ct import``, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_ptx.cli.root import run
from napari_ptx.image import read_image
from tests.image.make import random_grey
from tests.image.test_series import write_series


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """Make a patient with a plain, an arterial and an unnamed series."""
    folder = tmp_path / "P01"
    volume = random_grey((4, 6, 5), np.uint16)
    write_series(folder / "a", volume, SeriesNumber=2, SeriesDescription="Neck plain")
    write_series(folder / "b", volume + 7, SeriesNumber=3, SeriesDescription="Neck arterial")
    write_series(folder / "c", volume, SeriesNumber=9, SeriesDescription="Neck")
    return folder


def test_series_are_listed(patient: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ct", "series", str(patient), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["phase"] for one in listed] == ["plain", "arterial", None]
    assert listed[0]["size_zyx"] == [4, 6, 5]
    assert listed[0]["spacing_mm_zyx"] == pytest.approx([1.5, 0.5, 0.75])
    assert run(["ct", "series", str(patient)]) == 0
    assert "the header does not say" in " ".join(capsys.readouterr().out.split())


def test_import_makes_a_cohort(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["ct", "import", str(patient), "-o", str(out), "--phase", "9=delayed"]) == 0
    table = pd.read_csv(out / "cohort.csv", dtype=str)
    assert list(table["phase"]) == ["plain", "arterial", "delayed"]
    assert set(table["patient"]) == {"P01"}
    first = read_image(out / table["image"][0])
    second = read_image(out / table["image"][1])
    assert first.spacing == pytest.approx((1.5, 0.5, 0.75))
    assert first.origin == pytest.approx((-10.0, -20.0, 0.0))
    assert (second.pixels - first.pixels == 7).all()
    assert sorted(path.name for path in out.iterdir()) == [
        "P01_arterial.nii.gz", "P01_delayed.nii.gz", "P01_plain.nii.gz", "cohort.csv",
    ]  # fmt: skip
    capsys.readouterr()


def test_what_cannot_be_imported_is_told(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run(["ct", "import", str(patient), "-o", out, "--phase", "9=plain"]) == 2
    assert "has two plain series" in capsys.readouterr().err
    assert run(["ct", "import", str(patient), "-o", out, "--phase", "late"]) == 2
    assert "for example 5=arterial" in capsys.readouterr().err
    assert run(["ct", "import", str(patient / "c"), "-o", out]) == 2
    assert "whose phase is known" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_tilted_series_is_a_one_and_is_resampled_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = random_grey((5, 6, 5), np.uint16)
    places = [(0, 0.4 * z, 2.0 * z) for z in range(5)]
    write_series(tmp_path / "P02", volume, places, SeriesDescription="plain")
    assert run(["ct", "series", str(tmp_path / "P02")]) == 1
    assert "tilted by 11.3 degrees" in capsys.readouterr().out
    out = tmp_path / "out"
    arguments = ["ct", "import", str(tmp_path / "P02"), "-o", str(out)]
    assert run(arguments) == 2
    assert "--resample" in capsys.readouterr().err
    assert run([*arguments, "--resample", "--json"]) == 0
    assert "11.3 degrees" in json.loads(capsys.readouterr().out)["notes"][0]
    assert read_image(out / "P02_plain.nii.gz").shape == (5, 10, 5)
