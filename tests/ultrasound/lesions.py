"""Pictures with a lesion, and cohorts of them, for the tests of crop and radiomics."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from napari_ptx.image.types import Image
from napari_ptx.roi import Outline, trace, write_mask
from napari_ptx.ultrasound import CaseImage, case_image

HEIGHT, WIDTH = 90, 120


def speckle(seed: int = 0) -> NDArray[np.uint8]:
    """Grey with texture, brighter to the right, never black or white."""
    rng = np.random.default_rng(seed)
    fine = rng.rayleigh(30.0, (HEIGHT, WIDTH)) + np.linspace(20, 90, WIDTH)
    return np.clip(fine, 12, 240).astype(np.uint8)


def oval(y: float = 45, x: float = 60, height: float = 40, width: float = 56) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (2 * (rows - y) / height) ** 2 + (2 * (columns - x) / width) ** 2 < 1


def picture(pixels: NDArray[Any], **more: Any) -> Image:
    axes = more.pop("axes", "yx")
    return Image(
        pixels,
        axes=axes,
        spacing=more.pop("spacing", (1.0,) * len(axes)),
        calibrated=more.pop("calibrated", False),
        **more,
    )


def case_of(mask: NDArray[np.bool_], pixels: NDArray[Any] | None = None, **more: Any) -> CaseImage:
    lesions = more.pop("lesions", "largest")
    image = picture(speckle() if pixels is None else pixels, **more)
    return case_image(image, trace(mask), case="c1", lesions=lesions)


def box(top: float, left: float, bottom: float, right: float, frame: int = 0) -> Outline:
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return Outline(np.array(corners) - 0.5, frame=frame)


def write_cohort(folder: Path, count: int, readings: tuple[tuple[str, int], ...] = ()) -> Path:
    """Write ``count`` cases of two patients in three, and a row for each reading of each."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cohort.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        told = ["reader", "round"] if readings else []
        table.writerow(["case", "patient", "image", "roi", "label", "age", *told])
        for number in range(count):
            Picture.fromarray(speckle(number)).save(folder / f"{number}.png")
            for which, reading in enumerate(readings or [()]):
                roi = f"{number}-{which}.png"
                rng = np.random.default_rng([number, which])
                wobble = rng.normal(0, 1.0, 2) if readings else (0, 0)
                mask = oval(height=30 + 3 * number + wobble[0], width=56 + wobble[1])
                write_mask(folder / roi, mask)
                row = [f"c{number}", f"p{number * 2 // 3}", f"{number}.png", roi, number % 2, ""]
                table.writerow([*row, *reading])
    return path
