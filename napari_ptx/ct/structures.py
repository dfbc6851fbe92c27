"""How well structures were outlined: each class of a label map against the cohort's labels.

For models of classes, as the right and the left parotid, which are there once in each patient;
glands, of which there are several and none is the first, are evaluated by ``evaluation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from napari_ptx.child import Progress
from napari_ptx.ct.data import Exam, map_of, read_exams
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.labels import read_labels
from napari_ptx.ct.predictions import Predictions, read_predictions
from napari_ptx.ct.space import same_grid
from napari_ptx.errors import PtxError
from napari_ptx.image import Image
from napari_ptx.learn.results import plain, source_sha256, versions, write_results

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "napari-ptx ct structures 1"

ALL = "all"
"""The row of the summary in which each patient is the mean of its structures."""

COLUMNS = (
    "patient", "structure", "dice", "jaccard", "surface_dice", "hd95_mm", "msd_mm",
    "volume_mm3", "predicted_mm3", "in_others", "taken_for",
)  # fmt: skip
"""The table of structures. ``in_others`` is the share of the predicted voxels that lie in another
structure, ``taken_for`` its name where that holds more of them than the structure itself."""

MEASURES = ("dice", "hd95_mm", "msd_mm")
"""What the summary gives the mean of."""


def largest_parts(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Keep of each value the largest 26-connected part, of equal ones the first; the rest is 0.

    Parameters
    ----------
    labels
        ``(z, y, x)``, 0 for the ground.

    References
    ----------
    Isensee et al. (2021), nnU-Net, which does so where it helps on the validation patients.
    """
    kept = np.zeros_like(labels)
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        parts, _ = ndimage.label(labels[box] == value, np.ones((3, 3, 3), bool))
        sizes = np.bincount(parts.ravel())
        kept[box][parts == 1 + int(sizes[1:].argmax())] = value
    return kept


@dataclass(frozen=True, eq=False)
class StructureEvaluation:
    """What ``evaluate_structures`` computed and wrote.

    Parameters
    ----------
    table
        A row per patient and structure that the patient's labels have, with ``COLUMNS``.
    summary
        A row per structure and measure, and for ``ALL``: ``structure, measure, patients, mean,
        low, high, median, least, most``; the interval by patient, NaN below two.
    about
        The content of ``metrics.json``.
    written
        The files.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    about: dict[str, Any]
    written: tuple[Path, ...]


def evaluate_structures(
    cohort: str | Path,
    prediction: str | Path,
    out: str | Path,
    *,
    tolerance: float = 1.0,
    confidence: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
    note: str | None = None,
    figures: bool = True,
    progress: Progress | None = None,
) -> StructureEvaluation:
    """Compare the structures that were predicted of a cohort with its labels.

    Parameters
    ----------
    cohort
        The table, with labels; see ``data.read_exams``.
    prediction
        The folder that ``ct predict`` wrote with a model of classes.
    out
        The folder; files of an earlier evaluation are replaced once all is computed.
    tolerance
        Of the surface Dice, mm.
    confidence, replicates, seed
        Level of the intervals; draws of patients and their seed.
    note
        What the data were; otherwise what the prediction says of them.
    figures
        Whether to draw them.

    Raises
    ------
    CohortError, CtError
        For tables with faults, a prediction of glands, patients that were not predicted or have
        no labels, volumes that do not fit (all patients at once), a folder that cannot be
        written.
    """
    predicted = read_predictions(prediction)
    classes = predicted.classes
    if classes is None:
        raise CtError(f"{prediction} is a prediction of glands, which are no classes.")
    exams = read_exams(Path(cohort))
    if missing := [exam.patient for exam in exams if exam.patient not in predicted.labels]:
        raise CtError(
            f"{len(missing)} of {len(exams)} patients of {Path(cohort).name} were not predicted: "
            "predict them, or take them out of the cohort.",
            [f"patient {name}" for name in missing],
        )
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for done, exam in enumerate(exams):
        if progress is not None:
            progress(done, len(exams), f"Patient {exam.patient}")
        try:
            rows += _patient(exam, predicted, classes, tolerance)
        except PtxError as error:
            faults.append(f"patient {exam.patient}: {error.message}")
    if faults:
        raise CtError(f"{cohort} and the prediction do not fit; mend what is listed.", faults)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    summary = pd.DataFrame(_summary(table, confidence, replicates, seed))
    said = str(note if note is not None else predicted.about.get("note") or "")
    about = plain({
        "format": FORMAT,
        "note": said,
        "config": {"classes": classes, "tolerance_mm": tolerance, "confidence": confidence,
                   "replicates": replicates, "seed": seed},
        "sources": {Path(cohort).name: source_sha256(Path(cohort), CtError),
                    "prediction.json": source_sha256(Path(prediction) / "prediction.json",
                                                     CtError)},
        "prediction": {key: value for key, value in predicted.about.items()
                       if key != "registration_residual_mm"},
        "versions": versions(),
        "patients": len(exams),
        "taken_for_another": int((table["taken_for"] != "").sum()),
        "summary": summary.to_dict("records"),
        "structures": table.to_dict("records"),
    })  # fmt: skip

    def draw(folder: Path) -> None:
        _draw(folder, table, said)

    written = write_results(
        Path(out), {"structures": table, "summary": summary}, about, "metrics.json", CtError,
        draw if figures else None,
    )  # fmt: skip
    return StructureEvaluation(table, summary, about, written)


def _patient(
    exam: Exam, predicted: Predictions, classes: Mapping[str, tuple[int, ...]], tolerance: float
) -> Iterator[dict[str, Any]]:
    from napari_ptx.roi import overlap

    path = map_of(exam.labels, exam.phases)
    found = predicted.label_map(exam.patient)
    if path is None or found is None:
        raise CtError("there are no labels; name them in the column 'labels'")
    truth = read_labels(path, exam.images[exam.phases[0]])
    if truth.axes != "zyx" or not same_grid(truth, found):
        raise CtError("the labels and the prediction have different grids; label the same volume")
    # A class of several values is written as its first.
    wanted = {name: np.isin(truth.pixels, values) for name, values in classes.items()}
    made = {name: found.pixels == values[0] for name, values in classes.items()}
    if not any(mask.any() for mask in wanted.values()):
        raise CtError("the labels hold none of the model's structures")
    for name, mask in wanted.items():
        if not mask.any():
            continue  # not outlined, which does not say that the patient lacks it
        told = overlap(made[name], mask, truth.spacing, tolerance)
        yield {
            "patient": exam.patient, "structure": name, "dice": told.dice,
            "jaccard": told.jaccard, "surface_dice": told.surface_dice, "hd95_mm": told.hd95,
            "msd_mm": told.msd, "volume_mm3": _volume(mask, truth),
            "predicted_mm3": _volume(made[name], truth), **_place(name, made[name], wanted),
        }  # fmt: skip


def _volume(mask: NDArray[np.bool_], image: Image) -> float:
    return float(np.count_nonzero(mask) * np.prod(image.spacing))


def _place(
    name: str, made: NDArray[np.bool_], wanted: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    """Say in which other structure a predicted one lies."""
    total = np.count_nonzero(made)
    inside = {other: np.count_nonzero(made & mask) for other, mask in wanted.items()}
    own = inside.pop(name)
    most = max(inside, key=lambda other: inside[other], default="")
    wrong = bool(most) and inside[most] > own
    return {
        "in_others": sum(inside.values()) / total if total else np.nan,
        "taken_for": most if wrong else "",
    }


def _summary(
    table: pd.DataFrame, confidence: float, replicates: int, seed: int
) -> Iterator[dict[str, Any]]:
    from napari_ptx.stats import cluster_mean

    by_patient = table.groupby("patient", sort=False)[list(MEASURES)].mean().reset_index()
    parts = [(name, rows) for name, rows in table.groupby("structure", sort=False)]
    for name, rows in [(ALL, by_patient), *parts]:
        for measure in MEASURES:
            values = rows[measure].to_numpy(dtype=float)
            mean, low, high = cluster_mean(
                values, rows["patient"], replicates=replicates, seed=seed, confidence=confidence
            )
            yield {
                "structure": name, "measure": measure, "patients": len(values), "mean": mean,
                "low": low, "high": high, "median": np.median(values), "least": values.min(),
                "most": values.max(),
            }  # fmt: skip


def _draw(folder: Path, table: pd.DataFrame, note: str) -> None:
    from napari_ptx.figures import overlap_figure, save_figure

    drawn = table.rename(columns={"structure": "comparison", "hd95_mm": "hd95"}).assign(unit="mm")
    for measure in ("dice", "hd95"):
        save_figure(overlap_figure(drawn, metric=measure, note=note), folder / measure)
