"""Small cohorts of CT with glands, candidates and readings that are known exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.predictions import Predictions, write_label_map, write_predictions
from napari_ptx.ct.space import measure
from napari_ptx.image import Image

NOTE = "balls in a box, not patients"
SHAPE = (24, 40, 40)
SPACING = (1.0, 0.8, 0.8)
ORIGIN = (-20.0, 100.0, -340.0)
DIRECTION = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
# where four glands lie, as array indices z, y, x
CENTRES = ((17, 20, 9), (17, 20, 30), (6, 20, 9), (6, 20, 30))
SLOTS = ("right_superior", "left_superior", "right_inferior", "left_inferior")


def volume(pixels: np.ndarray) -> Image:
    return Image(pixels, "zyx", SPACING, True, "CT", origin=ORIGIN, direction=DIRECTION)


def ball(centre: Sequence[float], radius_mm: float) -> np.ndarray:
    """Give the voxels of the box whose centres lie in a ball."""
    offsets = np.meshgrid(*(np.arange(length) for length in SHAPE), indexing="ij")
    squares = [((axis - c) * step) ** 2 for axis, c, step in zip(offsets, centre, SPACING,
                                                                 strict=True)]  # fmt: skip
    return sum(squares) <= radius_mm**2


def candidates_table(patient: str, labels: np.ndarray, scores: Mapping[int, float]) -> pd.DataFrame:
    rows = [
        {"patient": patient, "candidate": number, "slot": "", "score": scores[number], **one}
        for number, one in measure(volume(labels)).items()
    ]
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def make_cohort(
    folder: Path,
    glands: Mapping[str, np.ndarray],
    found: Mapping[str, tuple[np.ndarray, Mapping[int, float]]],
    *,
    table: pd.DataFrame | None = None,
    maps: bool = True,
) -> tuple[Path, Path]:
    """Write a cohort and a prediction.

    Parameters
    ----------
    folder
        Where ``cohort.csv`` and the folder ``out`` come to lie.
    glands
        The instances of each patient.
    found
        For each patient the map of candidates, and the score of each.
    table
        Written as ``glands.csv``.
    maps
        Whether the prediction has maps of candidates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for patient, labels in glands.items():
        write_label_map(folder / f"{patient}_labels.nii.gz", volume(labels))
        body = np.where(labels > 0, 60, 20).astype(np.int16)
        body[..., 0] = -1000  # air
        write_label_map(folder / f"{patient}_plain.nii.gz", volume(body))
        rows.append((patient, "plain", f"{patient}_plain.nii.gz", f"{patient}_labels.nii.gz"))
    frame = pd.DataFrame(rows, columns=["patient", "phase", "image", "labels"])
    frame.to_csv(folder / "cohort.csv", index=False)
    if table is not None:
        table.to_csv(folder / "glands.csv", index=False)
    tables = [candidates_table(patient, *some) for patient, some in found.items()]
    tables = [table for table in tables if len(table)]
    predictions = Predictions(
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS)),
        pd.DataFrame({"patient": list(found), "examined_fraction": 0.25, "region": "thyroid bed"}),
        {patient: volume(labels) for patient, (labels, _) in found.items()} if maps else {},
        {"model": "test", "registration_residual_mm": dict.fromkeys(found, 0.8), "note": NOTE},
    )
    write_predictions(folder / "out", predictions)
    return folder / "cohort.csv", folder / "out"


def numbered(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Give a map with part i as instance i + 1."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    for number, part in enumerate(parts, start=1):
        labels[part] = number
    return labels


def series(
    folder: Path, patients: int = 9, missed: Sequence[int] = (), *, maps: bool = True
) -> tuple[Path, Path, pd.DataFrame]:
    """Write patients with four glands each, all of them found but those in ``missed``.

    Each patient has one false positive more, with a score of 0.3; glands have 0.5 to 0.9. The
    last value is the table of glands.
    """
    glands, found, rows = {}, {}, []
    for index in range(patients):
        patient = f"p{index + 1}"
        numbers = range(4 * index, 4 * index + 4)
        radii = [1.6 + 0.12 * (number % 20) for number in numbers]
        parts = [ball(centre, radius) for centre, radius in zip(CENTRES, radii, strict=True)]
        glands[patient] = numbered(parts)
        kept = [place for place, number in enumerate(numbers) if number not in missed]
        seen = [ball(np.add(CENTRES[place], (0, 0, 1)), radii[place]) for place in kept]
        scores = {i + 1: round(0.5 + 0.1 * ((i + index) % 5), 2) for i in range(len(seen))}
        found[patient] = (
            numbered([*seen, ball((11, 8, 20), 2.0)]), {**scores, len(seen) + 1: 0.3}
        )  # fmt: skip
        for place, number in enumerate(numbers):
            rows.append({
                "patient": patient, "gland": place + 1, "slot": SLOTS[place],
                "cnr_arterial": 1.0 + (7 * number % 36) / 6, "pattern": "ABC"[number % 3],
                "visible": number % 5 > 0, "vessel_mm": 6.0, "hu_plain": 45.0,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    cohort, out = make_cohort(folder, glands, found, table=table, maps=maps)
    return cohort, out, table


def readings(
    path: Path, table: pd.DataFrame, missed: Mapping[tuple[str, str], Sequence[int]]
) -> Path:
    """Write the readings of modalities and readers, who found all but some glands."""
    rows = []
    for (modality, reader), lost in missed.items():
        for number, row in enumerate(table.itertuples()):
            rows.append((row.patient, row.gland, modality, reader, int(number not in lost), ""))
        rows.append((table["patient"].iloc[0], "", modality, reader, 1, "left of the trachea"))
    columns = ["patient", "gland", "modality", "reader", "found", "site"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path
