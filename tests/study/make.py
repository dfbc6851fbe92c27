"""What the tests of the record share: a clock, an outline, a reader at work."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from napari_ptx.roi import Outline
from napari_ptx.study import Study


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    time: datetime = field(default_factory=lambda: datetime(2026, 1, 5, 8, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> None:
        self.time += timedelta(**duration)


def write_images(folder: Path, count: int, extra: Sequence[tuple[str, str]] = ()) -> Path:
    """Write ``count`` images of 48 x 64 pixels and give their cohort table."""
    folder = folder / "canary-folder"
    folder.mkdir(exist_ok=True)
    table = folder / "cohort.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "patient", "image", *(name for name, _ in extra)])
        for number in range(count):
            image = f"canary-file-{number}.png"
            pixels = np.random.default_rng(number).integers(0, 256, (48, 64), np.uint8)
            Picture.fromarray(pixels).save(folder / image)
            more = [value for _, value in extra]
            rows.writerow([f"case-{number}", f"patient-{number // 2}", image, *more])
    return table


def square(top: float = 10, left: float = 12, size: float = 8, frame: int = 0) -> Outline:
    """Give a square outline whose mask has ``size`` x ``size`` pixels."""
    bottom, right = top + size, left + size
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return Outline(np.array(corners) - 0.5, frame=frame)


def read_all(study: Study, reader: str, round: int, clock: Clock, **options: Any) -> list[str]:
    """Outline and finish every case of a session, and give the codes in their order."""
    with study.desk(reader, round, clock=clock, **options) as desk:
        for case in desk.cases:
            clock.advance(seconds=20)
            shift = case.index % 5
            desk.record(case.index, [square(10 + shift)], "freehand", {"zoom": 2.0}, 4.0)
            desk.finish(case.index, view={"zoom": 2.0}, seconds=1.5)
        return [case.code for case in desk.cases]
