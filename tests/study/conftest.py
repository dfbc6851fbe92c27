"""Small real studies: PNG files on disk, a cohort table, a clock that the test moves."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ptx.study import Protocol, Study
from tests.study.make import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def write_cohort(tmp_path: Path) -> Callable[..., Path]:
    """Write ``count`` images of 48 x 64 pixels and their table into a folder of their own."""

    def write(count: int = 6, extra: Sequence[tuple[str, str]] = ()) -> Path:
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        table = folder / "cohort.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["case", "patient", "image", *(name for name, _ in extra)])
            for number in range(count):
                pixels = np.random.default_rng(number).integers(0, 256, (48, 64), np.uint8)
                Picture.fromarray(pixels).save(folder / f"canary-file-{number}.png")
                rows.writerow(
                    [
                        f"case-{number}",
                        f"patient-{number // 2}",
                        f"canary-file-{number}.png",
                        *(value for _, value in extra),
                    ]
                )
        return table

    return write


@pytest.fixture
def make_study(
    tmp_path: Path, clock: Clock, write_cohort: Callable[..., Path]
) -> Callable[..., Study]:
    """Make a study of ``count`` cases; protocol fields as keywords."""

    def make(count: int = 6, *, name: str = "demo", **protocol: object) -> Study:
        settings = {"readers": ("A", "B"), "reread": min(3, count), "washout_days": 60, **protocol}
        return Study.create(
            tmp_path / f"{name}.ptx",
            write_cohort(count),
            Protocol(**settings),  # type: ignore[arg-type]
            clock=clock,
        )

    return make
