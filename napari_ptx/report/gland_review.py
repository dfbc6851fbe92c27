"""What became of a prediction under review: glands, masks and tables that can be handed over.

The prediction itself is never changed. Masks that a person drew lie in ``edits/`` beside it,
each as the part of the volume that holds it; the record knows each by its SHA-256.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.ct.predictions import Predictions, label_map_name, read_predictions, write_label_map
from napari_ptx.ct.space import ball_diameter, measure, positions
from napari_ptx.errors import PtxError
from napari_ptx.image import Image, read_image, write_nifti
from napari_ptx.learn.manifest import file_sha256
from napari_ptx.report.gland_source import changed_since
from napari_ptx.study.gland_record import FILE_NAME, Decision, GlandRecord
from napari_ptx.study.types import Problem

EDITS = "edits"
"""The folder of masks that people drew, in that of the prediction."""
TABLE = "glands_reviewed.csv"

_SAME_MM = 0.05


class ReviewError(PtxError):
    """A review that cannot be exported, or a mask that cannot be kept."""


@dataclass(frozen=True)
class Gland:
    """A candidate of the model or a gland that a person added, as it stands now.

    Parameters
    ----------
    patient, gland
        Whose, and its number: that of the candidate; added ones count on from there.
    slot
        A slot or an ectopic site (``ct.space``).
    slot_from
        "geometry", or the name of who gave it.
    x_mm, y_mm, z_mm
        Its centre (LPS).
    volume_mm3, diameter_mm
        Of its mask; the diameter of the ball of that volume.
    score, hu_plain, hu_arterial
        NaN where not known: an added gland has no score.
    source
        "model", "added" or "edited".
    decision
        "accepted", "rejected" or "": an added gland is accepted by who added it.
    who, at
        Of the decision; else of the mask that a person drew. "" where there is none.
    mask, mask_sha256
        The file of a mask that a person drew, relative to the prediction; "" for the model's.
    """

    patient: str
    gland: int
    slot: str
    slot_from: str
    x_mm: float
    y_mm: float
    z_mm: float
    volume_mm3: float
    diameter_mm: float
    score: float
    hu_plain: float
    hu_arterial: float
    source: str
    decision: str
    who: str
    at: str
    mask: str = ""
    mask_sha256: str = ""

    @property
    def place(self) -> tuple[float, float, float]:
        """The centre, x, y, z in mm (LPS)."""
        return self.x_mm, self.y_mm, self.z_mm


def glands_of(predictions: Predictions, record: GlandRecord, patient: str) -> list[Gland]:
    """Give a patient's glands as they stand: the model's candidates, then what was added."""
    held = {
        kind: {subject: row for (_, subject), row in record.current(kind, patient).items()}
        for kind in ("candidate", "slot", "edited", "added")
    }
    found = []
    for row in predictions.of(patient).to_dict("records"):
        number = str(row["candidate"])
        measures = {name: _number(row.get(name)) for name in _MEASURES}
        if math.isnan(measures["diameter_mm"]) and not math.isnan(measures["volume_mm3"]):
            measures["diameter_mm"] = ball_diameter(measures["volume_mm3"])
        slot = str(row.get("slot") or "")
        found.append(_gland(patient, number, "model", slot, measures, held))
    for number, added in sorted(held["added"].items(), key=lambda item: int(item[0])):
        measures = {name: _number(added.value.get(name)) for name in _MEASURES}
        slot = str(added.value.get("slot") or "")
        found.append(_gland(patient, number, "added", slot, measures, held))
    return found


_MEASURES = (
    "x_mm", "y_mm", "z_mm", "volume_mm3", "diameter_mm", "score", "hu_plain", "hu_arterial",
)  # fmt: skip


def _gland(
    patient: str,
    number: str,
    source: str,
    slot: str,
    measures: dict[str, float],
    held: Mapping[str, Mapping[str, Decision]],
) -> Gland:
    drawn = held["edited"].get(number) or held["added"].get(number)
    if number in held["edited"]:
        source = source if source == "added" else "edited"
        of = held["edited"][number].value
        measures |= {name: _number(of[name]) for name in _MEASURES if name in of}
    decided = held["candidate"].get(number)
    told = decided or drawn
    given = held["slot"].get(number)
    decision = "accepted" if source == "added" else ""
    return Gland(
        patient=patient,
        gland=int(number),
        slot=str(given.value) if given else slot,
        slot_from=given.who if given else "geometry",
        **measures,
        source=source,
        decision=str(decided.value) if decided else decision,
        who=told.who if told else "",
        at=told.at if told else "",
        mask=str(drawn.value["mask"]) if drawn else "",
        mask_sha256=str(drawn.value["sha256"]) if drawn else "",
    )


def next_number(predictions: Predictions, record: GlandRecord, patient: str) -> int:
    """Give the number of the next gland that is added; none is given twice, undone or not."""
    mine = predictions.of(patient)["candidate"]
    taken = [
        int(row.subject)
        for row in record.decisions
        if (row.patient, row.kind) == (patient, "added")
    ]
    return 1 + max([0, *map(int, mine), *taken])


def write_edit(
    folder: Path,
    patient: str,
    number: int,
    mask: Image,
    phases: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, Any]:
    """Keep a mask that a person drew, and give what the record says of it.

    Parameters
    ----------
    folder
        Of the prediction.
    mask
        ``(z, y, x)``; what is not 0 belongs to the gland. The part that holds it is written,
        to a file that was not there before: a decision that is undone finds its mask again.
    phases
        HU by phase ("plain", "arterial") on the same grid, for the means over the mask.

    Returns
    -------
    dict
        ``mask`` (the file, relative to the folder), ``sha256``, and its measures.

    Raises
    ------
    ReviewError
        For an empty mask, or a folder that cannot be written.
    """
    inside = np.asarray(mask.pixels) != 0
    if not inside.any():
        raise ReviewError(f"The mask of gland {number} is empty; draw it, or reject the gland.")
    box = bounds(inside)
    values = {f"hu_{name}": array[box] for name, array in (phases or {}).items()}
    part = crop(replace(mask, pixels=inside.astype(np.uint8)), box)
    measured = measure(part, values)[1]
    stem = label_map_name(patient).removesuffix("_candidates.nii.gz")
    try:
        (folder / EDITS).mkdir(exist_ok=True)
        names = (f"{stem}_{number}{'' if n == 1 else f'-{n}'}.nii.gz" for n in range(1, 10_000))
        name = next(one for one in names if not (folder / EDITS / one).exists())
    except OSError as error:
        raise ReviewError(
            f"The mask cannot be kept in {folder} ({error.strerror}); copy the prediction to a "
            "folder that you may write to."
        ) from None
    write_nifti(part, folder / EDITS / name)
    kept = {key: round(value, 3) for key, value in measured.items() if key != "voxels"}
    return {
        "mask": f"{EDITS}/{name}",
        "sha256": file_sha256(folder / EDITS / name),
        **kept,
    }


def read_mask(folder: Path, name: str, sha256: str) -> Image:
    """Read a mask that a person drew.

    Parameters
    ----------
    folder
        Of the prediction.
    name, sha256
        As the record has them.

    Raises
    ------
    ReviewError
        If the file is gone, or is not the one that was kept.
    """
    path = folder / name
    if not path.is_file():
        raise ReviewError(f"The mask {path} is gone.")
    if file_sha256(path) != sha256:
        raise ReviewError(f"The mask {path} was changed since it was drawn.")
    return read_image(path)


def crop(image: Image, box: tuple[slice, ...]) -> Image:
    """Give a part of a volume, with its place."""
    corner = np.array([[side.start for side in box]])
    x, y, z = positions(image, corner)[0].tolist()
    return replace(image, pixels=np.ascontiguousarray(image.pixels[box]), origin=(x, y, z))


def bounds(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Give the box around what is true, without a margin."""
    box = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)


def paste(pixels: NDArray[Any], grid: Image, part: Image, number: int) -> None:
    """Write a mask into a map as an instance of that number, in place.

    Parameters
    ----------
    pixels
        Integers ``(z, y, x)`` that may be written.
    grid
        An image of the same shape that says where they lie; its axes may run another way
        than those of the mask.
    part
        From ``crop``; not 0 where the gland is.

    Raises
    ------
    ReviewError
        If it does not lie on that grid.
    """
    places = positions(part, np.argwhere(part.pixels != 0))
    origin, direction = np.array(grid.origin), np.array(grid.direction)
    steps = ((places - origin) @ direction)[:, ::-1] / np.array(grid.spacing)
    index = np.rint(steps).astype(int)
    off = np.abs((steps - index) * np.array(grid.spacing)).max(initial=0) > _SAME_MM
    if off or (index < 0).any() or (index >= np.array(pixels.shape)).any():
        raise ReviewError(f"{part.source or 'A mask'} does not lie on the grid of its patient.")
    pixels[tuple(index.T)] = number


def with_edits(labels: Image, folder: Path, glands: list[Gland]) -> NDArray[np.int16]:
    """Give a map of candidates with the masks that people drew in the place of the model's.

    Raises
    ------
    ReviewError
        As ``read_mask`` and ``paste``.
    """
    pixels: NDArray[np.int16] = np.array(labels.pixels, dtype=np.int16)
    drawn = [gland for gland in glands if gland.mask]
    pixels[np.isin(pixels, [gland.gland for gland in drawn])] = 0
    for gland in drawn:
        paste(pixels, labels, read_mask(folder, gland.mask, gland.mask_sha256), gland.gland)
    return pixels


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    folder
        Where.
    glands
        All of them, those that were rejected or not decided on among them.
    files
        The table first.
    """

    folder: Path
    glands: tuple[Gland, ...]
    files: tuple[Path, ...]


def review_table(glands: list[Gland]) -> pd.DataFrame:
    """Give glands as a table with the fields of ``Gland`` as columns."""
    columns = list(Gland.__dataclass_fields__)
    return pd.DataFrame([asdict(gland) for gland in glands], columns=columns)


def export_review(
    folder: str | Path, out: str | Path, progress: Progress | None = None
) -> Exported:
    """Write ``glands_reviewed.csv`` and, for each patient, a map of the accepted glands.

    Parameters
    ----------
    folder
        Of the prediction, with its record.
    out
        Made where it is missing. ``<patient>_reviewed.nii.gz`` has each accepted gland under
        its number, on the grid of the plain image.
    progress
        Called for each patient.

    Raises
    ------
    CtError, ReviewError, StudyError, ImageError
        There is no prediction or no review, or a mask is not what it was.
    """
    folder, out = Path(folder).absolute(), Path(out).absolute()
    predictions = read_predictions(folder)
    with open_record(folder) as record:
        by_patient = {
            patient: glands_of(predictions, record, patient) for patient in predictions.patients
        }
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = [out / TABLE]
        table = review_table([gland for glands in by_patient.values() for gland in glands])
        draft = out / f".{TABLE}.{os.getpid()}.new"
        table.to_csv(draft, index=False)
        draft.replace(files[0])
    except OSError as error:
        raise ReviewError(f"The review cannot be written to {out} ({error.strerror}).") from None
    for done, (patient, glands) in enumerate(by_patient.items()):
        if progress is not None:
            progress(done, len(by_patient), f"glands of {patient}")
        native = predictions.label_map(patient)
        if native is None:
            continue
        pixels = with_edits(native, folder, glands)
        kept = [gland.gland for gland in glands if gland.decision == "accepted"]
        pixels[~np.isin(pixels, kept)] = 0
        files.append(out / label_map_name(patient).replace("_candidates", "_reviewed"))
        write_label_map(files[-1], replace(native, pixels=pixels))
    everything = tuple(gland for glands in by_patient.values() for gland in glands)
    return Exported(out, everything, tuple(files))


def check_review(folder: str | Path) -> tuple[Problem, ...]:
    """Recompute the record's hashes, and those of the masks that it names.

    Raises
    ------
    CtError, ReviewError, StudyError
        There is no prediction or no review.
    """
    folder = Path(folder).absolute()
    with open_record(folder) as record:
        problems = list(record.verify())
        if words := changed_since(folder, record):
            problems.append(Problem("candidates", None, words))
        for row in record.decisions:
            if row.kind not in ("added", "edited") or not isinstance(row.value, dict):
                continue
            path = folder / str(row.value.get("mask"))
            if not path.is_file():
                problems.append(Problem("masks", None, f"The mask {path} is gone."))
            elif file_sha256(path) != row.value.get("sha256"):
                problems.append(Problem("masks", None, f"The mask {path} was changed."))
    return tuple(dict.fromkeys(problems))


def open_record(folder: Path) -> GlandRecord:
    """Open the record of a prediction; none is made.

    Raises
    ------
    ReviewError
        If nobody has decided on anything yet.
    StudyError
        If the file is no such record.
    """
    if not (folder / FILE_NAME).is_file():
        raise ReviewError(
            f"{folder} holds no review yet; open the prediction in the Glands dock and decide."
        )
    return GlandRecord.open(folder / FILE_NAME)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
