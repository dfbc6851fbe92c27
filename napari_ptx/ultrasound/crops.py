"""``write_crops``: the crops of a cohort as pictures, with a table that is a cohort again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.child import Progress
from napari_ptx.ultrasound.cases import Lesions, load_case
from napari_ptx.ultrasound.crop import PAPER_SIZE, SHAPE_NOTE, Crop, Mode, Normalise, crop
from napari_ptx.ultrasound.errors import UltrasoundError

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort

FORMAT = "napari-ptx crops 1"
TABLE = "crops.csv"
_ADDED = ("top", "left", "bottom", "right", "scale_y", "scale_x", "unit", "mode", "crop_note")


def write_crops(
    cohort: Cohort,
    out: str | os.PathLike[str],
    *,
    mode: Mode = "paper",
    size: int = PAPER_SIZE,
    margin: float = 0.0,
    mask_borders: bool = False,
    lesions: Lesions = "largest",
    threshold: float | None = None,
    normalise: Normalise = "range",
    note: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the crop and the mask of each case as 8-bit PNG.

    In ``out``: ``images/CASE.png``, ``masks/CASE.png`` (255 in the lesion), ``crops.csv``
    (the cohort's columns, with these files as image and ROI; the box in the original
    image; the scale) and ``crops.json`` (what the data are, how they were made, which
    cases failed). Run again, it replaces what it wrote.

    Parameters
    ----------
    cohort
        With ``case``, ``patient``, ``image`` and ``roi``.
    mode, size, margin, mask_borders, normalise
        As for ``crop``.
    lesions, threshold
        As for ``load_case``.
    note
        What the data are.
    progress
        ``progress(done, total, text)``.

    Returns
    -------
    dict
        What ``crops.json`` says.

    Raises
    ------
    UltrasoundError
        Where not one case has a crop, or a file cannot be written.
    """
    folder = Path(out).absolute()
    if "roi" not in cohort.table.columns:
        raise UltrasoundError(f"{cohort.path} has no column 'roi'; add it.")
    rows, failures = [], []
    records = [{str(k): v for k, v in row.items()} for row in cohort.table.to_dict("records")]
    taken: set[str] = set()
    try:
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for done, row in enumerate(records, start=1):
            try:
                case = load_case(row, lesions=lesions, threshold=threshold)
                cut = crop(
                    case,
                    mode=mode,
                    size=size,
                    margin=margin,
                    mask_borders=mask_borders,
                    normalise=normalise,
                )
            except UltrasoundError as error:
                failures.append({"case": row["case"], "reason": error.message})
            else:
                stem = _stem(row, taken)
                _write_png(folder / "images" / stem, cut.pixels)
                _write_png(folder / "masks" / stem, cut.mask.astype(np.uint8) * 255)
                rows.append(row | _columns(cut, stem, case.note))
            if progress is not None:
                progress(done, len(records), f"Crop of case {row['case']}")
        about = {
            "format": FORMAT,
            "note": note,
            "cohort": {
                "file": cohort.path.name,
                "sha256": hashlib.sha256(cohort.path.read_bytes()).hexdigest(),
            },
            "mode": mode,
            "size": size,
            "margin": margin,
            "mask_borders": mask_borders,
            "normalise": normalise,
            "lesions": lesions,
            "notes": [SHAPE_NOTE[mode]],
            "cases": len(rows),
            "failures": failures,
        }
        if not rows:
            raise UltrasoundError(
                f"Not one of {len(records)} cases in {cohort.path} has a crop; mend them.",
                [failure["reason"] for failure in failures],
            )
        _write_text(folder / "crops.json", json.dumps(about, indent=1))
        _write_table(folder / TABLE, rows)
    except OSError as error:
        raise UltrasoundError(
            f"{folder} cannot be written ({error.strerror or error}); choose another folder."
        ) from None
    return about


def _columns(cut: Crop, stem: str, note: str) -> dict[str, Any]:
    values = (*cut.box, *cut.scale_yx, cut.unit, cut.mode)
    said = " ".join((*((note,) if note else ()), *cut.warnings[1:]))
    return {"image": f"images/{stem}", "roi": f"masks/{stem}"} | dict(
        zip(_ADDED, (*values, said), strict=True)
    )


def _stem(row: dict[str, Any], taken: set[str]) -> str:
    """Give a file name that every file system takes, and that no other case has."""
    parts = [str(row[name]) for name in ("case", "reader", "round") if name in row]
    base = re.sub(r"[^\w.-]+", "_", "_".join(parts)).strip(".") or "_"
    stem, count = base, 1
    while stem.casefold() in taken:
        count += 1
        stem = f"{base}-{count}"
    taken.add(stem.casefold())
    return f"{stem}.png"


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    draft = path.with_name(f".{path.name}.new")
    Image.fromarray(pixels).save(draft, format="png")
    draft.replace(path)


def _write_text(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(
            {name: "" if value != value else value for name, value in row.items()} for row in rows
        )
    draft.replace(path)
