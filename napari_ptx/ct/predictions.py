"""What a network found in the patients of a cohort, as a folder.

::

    candidates.csv               a row per candidate: ``candidates.COLUMNS``
    examined.csv                 a row per patient: patient, examined_fraction, region
    <patient>_candidates.nii.gz  the candidates' numbers, on the grid of the plain image
    <patient>_chance.nii.gz      probabilities in 1/255, on the same grid, where they were kept
    prediction.json              model, configuration, hashes, registration residuals
    patients.part/               the patients so far, until all are done (``unfinished``)
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_ptx.ct.candidates import COLUMNS
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import SLOTS
from napari_ptx.ct.tables import number, read_rows, stop, whole
from napari_ptx.image import Image, read_image, write_nifti
from napari_ptx.learn.results import plain

FORMAT = "napari-ptx ct prediction 1"
EXAMINED = ("patient", "examined_fraction", "region")
"""The columns of the table of what was examined."""

CANDIDATES = "candidates.csv"
REVIEW = "glands.review"
"""The record of the decisions on the candidates (``study.gland_record``), beside them."""

_TEXT = ("patient", "slot")
_PATIENT = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]+")


@dataclass(frozen=True, eq=False)
class Predictions:
    """The candidates of some patients.

    Parameters
    ----------
    candidates
        A row each with ``candidates.COLUMNS``; ``candidate`` counts from 1 in each patient.
        A measure that is not known is NaN.
    examined
        A row for every patient that was looked at, those without a candidate among them:
        ``patient, examined_fraction, region`` (the share of the volume that was searched, and
        which part that was, in words).
    labels
        For each patient its map of candidates: an ``Image`` of the patient's plain grid, or the
        file that holds it. May be empty: the rule of centroids needs none.
    about
        What made it: ``model``, ``configuration``, hashes; ``registration_residual_mm`` by
        patient where known; ``note``, what the data were; ``cohort``, the table, where the
        folder can name it.
    chances
        For each patient the file with the model's probabilities, where they were kept: uint8,
        probability times 255, on the patient's plain grid.
    """

    candidates: pd.DataFrame
    examined: pd.DataFrame
    labels: Mapping[str, Image | Path] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    chances: Mapping[str, Path] = field(default_factory=dict)

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients that were looked at."""
        return tuple(str(patient) for patient in self.examined["patient"])

    @property
    def classes(self) -> Mapping[str, tuple[int, ...]] | None:
        """The structures of a model of classes; ``None`` where glands were looked for.

        Raises
        ------
        CtError
            What the file says of the model cannot be understood.
        """
        held = self.about.get("configuration")
        said = held.get("settings") if isinstance(held, Mapping) else None
        if not isinstance(said, Mapping):
            return None  # another program's, which are candidates
        settings = ModelSettings.from_json(said)
        return None if settings.glands else settings.classes

    def of(self, patient: str) -> pd.DataFrame:
        """Give the candidates of one patient, by their number."""
        mine = self.candidates[self.candidates["patient"] == patient]
        return mine.sort_values("candidate", ignore_index=True)

    def label_map(self, patient: str) -> Image | None:
        """Give the map of a patient's candidates, or ``None`` where there is none.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        found = self.labels.get(patient)
        return read_image(found) if isinstance(found, Path) else found

    def residual(self, patient: str) -> float:
        """Give the residual of the registration of the phases in mm; NaN where not known."""
        known = self.about.get("registration_residual_mm")
        value = known.get(patient) if isinstance(known, Mapping) else None
        return math.nan if value is None else float(value)


def label_map_name(patient: str) -> str:
    """Give the name of the file with the candidates of a patient.

    Raises
    ------
    CtError
        For a patient's code that cannot stand in the name of a file.
    """
    return f"{_file_stem(patient)}_candidates.nii.gz"


def chance_map_name(patient: str) -> str:
    """Give the name of the file with the probabilities of a patient; as ``label_map_name``."""
    return f"{_file_stem(patient)}_chance.nii.gz"


def _file_stem(patient: str) -> str:
    if not _PATIENT.fullmatch(patient) or patient.strip(". ") != patient:
        raise CtError(
            f"The patient {patient!r} cannot stand in the name of a file; use letters, digits, "
            "- and _."
        )
    return patient


def write_predictions(folder: str | Path, predictions: Predictions) -> tuple[Path, ...]:
    """Write predictions into a folder; files of an earlier prediction are replaced.

    ``prediction.json`` is written last: a folder without it is not complete. A long run need
    not hold all maps: it writes each as ``folder / label_map_name(patient)`` by
    ``write_label_map``, and gives that path here. Probabilities are given as files only.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    CtError
        If a patient was not examined, a code cannot be a file's name, or the folder cannot be
        written, or holds a review.
    """
    place = Path(folder)
    refuse_reviewed(place)
    known = set(predictions.patients)
    strangers = {
        *predictions.candidates["patient"], *predictions.labels, *predictions.chances
    } - known  # fmt: skip
    stop(
        [f"patient {name}" for name in sorted(map(str, strangers))],
        "Every patient with a candidate or a map of candidates must be among those examined",
    )
    names = {patient: label_map_name(patient) for patient in predictions.labels}
    kept = {patient: chance_map_name(patient) for patient in predictions.chances}
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "prediction.json").unlink(missing_ok=True)
        written = []
        for patient, name in names.items():
            labels = predictions.labels[patient]
            if isinstance(labels, Path):
                _copy(labels, place / name)
            else:
                write_label_map(place / name, labels)
            written.append(place / name)
        for patient, name in kept.items():
            _copy(predictions.chances[patient], place / name)
            written.append(place / name)
        for name, table, columns in (
            (CANDIDATES, predictions.candidates, COLUMNS),
            ("examined.csv", predictions.examined, EXAMINED),
        ):
            others = [column for column in table.columns if column not in columns]
            table.reindex(columns=[*columns, *others]).to_csv(place / name, index=False)
            written.append(place / name)
        text = json.dumps(plain({"format": FORMAT, **predictions.about}), indent=2)
        (place / "prediction.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CtError(
            f"The prediction cannot be written to {place} ({error.strerror or error}); choose "
            "another folder."
        ) from error
    return (*written, place / "prediction.json")


def refuse_reviewed(folder: Path) -> None:
    """Refuse a folder with a review of its candidates: decisions would be about others.

    A review is begun when the folder is opened in the Glands dock, and may be open there.

    Raises
    ------
    CtError
    """
    if (folder / REVIEW).exists():
        raise CtError(
            f"{folder} holds a review of its candidates ({REVIEW}), whose decisions would then be "
            f"about others; choose another folder, or move {REVIEW} away."
        )


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def write_label_map(path: Path, labels: Image) -> None:
    """Write a label map as int16 NIfTI.

    Raises
    ------
    CtError
        For a map without a place in the patient.
    ImageError
        If it cannot be written.
    """
    if labels.origin is None or labels.direction is None:
        raise CtError(f"{path.name}: the map has no place in the patient.")
    write_nifti(replace(labels, pixels=np.asarray(labels.pixels, dtype=np.int16)), path)


def read_predictions(folder: str | Path) -> Predictions:
    """Read a folder of predictions. Maps are read when they are asked for.

    Raises
    ------
    CtError
        For a folder that holds no complete prediction, and rows that cannot be: all of a table
        at once.
    """
    place = Path(folder).absolute()
    try:
        about = json.loads((place / "prediction.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CtError(
            f"{place} holds no prediction.json, so it is no folder of a prediction, or one that "
            "was interrupted: run 'napari-ptx ct predict' again."
        ) from None
    except (OSError, ValueError) as error:
        raise CtError(f"{place / 'prediction.json'} cannot be read ({error}).") from None
    if not isinstance(about, dict):
        raise CtError(f"{place / 'prediction.json'} does not hold what made the prediction.")
    examined = _read_examined(place / "examined.csv")
    candidates = _read_candidates(place / CANDIDATES, set(examined["patient"]))
    labels: dict[str, Image | Path] = {}
    for patient in examined["patient"]:
        path = place / label_map_name(patient)
        if path.is_file():
            labels[patient] = path
    chances = {patient: place / chance_map_name(patient) for patient in examined["patient"]}
    chances = {patient: path for patient, path in chances.items() if path.is_file()}
    return Predictions(candidates, examined, labels, about, chances)


def _read_examined(path: Path) -> pd.DataFrame:
    faults: list[str] = []
    seen: dict[str, int] = {}
    rows = []
    for place, row in read_rows(path, "a table of what was examined", EXAMINED[:1]):
        patient = row["patient"]
        if not patient:
            faults.append(f"row {place}, column 'patient': is empty")
        elif seen.setdefault(patient, place) != place:
            faults.append(f"row {place}: patient {patient} stands in row {seen[patient]}, too")
        fraction = number(row, "examined_fraction", place, faults)
        if fraction < 0.0 or fraction > 1.0:
            faults.append(f"row {place}, column 'examined_fraction': {fraction:g} is no share")
        rows.append({"patient": patient, "examined_fraction": fraction,
                     "region": row.get("region", "")})  # fmt: skip
    stop(faults, f"{path} has faults; mend each and try again")
    return pd.DataFrame(rows, columns=list(EXAMINED))


def _read_candidates(path: Path, patients: set[str]) -> pd.DataFrame:
    faults: list[str] = []
    seen: dict[tuple[str, int], int] = {}
    rows = []
    need = ("patient", "candidate", "x_mm", "y_mm", "z_mm", "score")
    for place, row in read_rows(path, "a table of candidates", need):
        one: dict[str, Any] = {"patient": row["patient"], "slot": row.get("slot", "")}
        one["candidate"] = whole(row, "candidate", place, faults)
        for column in COLUMNS:
            if column not in (*_TEXT, "candidate"):
                one[column] = number(row, column, place, faults)
                if column in need and math.isnan(one[column]):
                    faults.append(f"row {place}, column {column!r}: a number is needed")
        if row["patient"] not in patients:
            faults.append(f"row {place}: patient {row['patient']!r} is not in examined.csv")
        if one["slot"] and one["slot"] not in SLOTS:
            faults.append(
                f"row {place}, column 'slot': {one['slot']!r} is none of {', '.join(SLOTS)}"
            )
        first = seen.setdefault((row["patient"], one["candidate"]), place)
        if first != place:
            faults.append(f"row {place}: the candidate of row {first} stands here again")
        rows.append(one)
    stop(faults, f"{path} has faults; mend each and try again")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    measures = [name for name in COLUMNS if name not in (*_TEXT, "candidate")]
    return table.astype({**dict.fromkeys(measures, float), "candidate": int})
