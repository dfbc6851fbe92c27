"""Look for glands in the CTs of a cohort, and write what was found and what was not examined."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.ct.bundle import CtModel, versions
from napari_ptx.ct.candidates import COLUMNS, CandidateSettings
from napari_ptx.ct.data import Exam, read_exams, samples
from napari_ptx.ct.engine import PROBE, Engine, choose
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.examine import Answer, candidates_of, chance_map, examine
from napari_ptx.ct.mirror import trained_pairs
from napari_ptx.ct.predictions import (
    EXAMINED,
    Predictions,
    chance_map_name,
    label_map_name,
    refuse_reviewed,
    write_label_map,
    write_predictions,
)
from napari_ptx.ct.region import SEARCHES
from napari_ptx.ct.register import read_residuals
from napari_ptx.ct.structures import largest_parts
from napari_ptx.ct.unfinished import Unfinished, hashes
from napari_ptx.image import ImageError, write_nifti


@dataclass(frozen=True, eq=False)
class Done:
    """What is known of one patient whose maps are written.

    Parameters
    ----------
    candidates
        With ``candidates.COLUMNS``.
    examined_fraction, region
        See ``examine.Answer``.
    """

    candidates: pd.DataFrame
    examined_fraction: float
    region: str

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file, with all digits."""
        return {
            "candidates": self.candidates.to_dict("split", index=False),
            "examined_fraction": self.examined_fraction,
            "region": self.region,
        }

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Done:
        """Take what ``to_json`` gave."""
        table = pd.DataFrame(**held["candidates"])
        return cls(table, held["examined_fraction"], held["region"])


def predict(
    model: CtModel,
    cohort: Path,
    out: Path,
    *,
    search: str = "bed",
    engine: str = "auto",
    candidates: CandidateSettings | None = None,
    probability: bool = True,
    mirrored: bool = False,
    largest_part: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Run a model over a cohort and write what it found.

    A patient whose image cannot be used does not stop the others: ``about["failed"]`` has the
    reason. What was stopped goes on with the same call (``unfinished``), also after a failed
    patient's image was mended; ``about["taken_over"]`` names the patients that were done.

    Parameters
    ----------
    model
        See ``bundle.open_model``.
    cohort
        The table; see ``data.read_exams``. Labels are not looked at.
    out
        The folder; see ``predictions``. A model of classes writes a label map of them instead
        of candidates, and no row in ``candidates.csv``.
    search
        "bed" or "full"; see ``region.search_region``. What was not examined stands in
        ``examined.csv``.
    engine
        "auto", "fp32" or "bf16"; see ``engine.choose``.
    candidates
        How candidates are made of probabilities.
    probability
        Write the map of probabilities of each patient, too (of several classes the highest).
    mirrored
        Show each patch mirrored as well, and take the mean, which takes twice as long; for
        models that were trained so.
    largest_part
        Keep of each structure its largest connected part (``structures.largest_parts``).
    progress
        Called before each patch.

    Raises
    ------
    CohortError, CtError, ImageError
        The folder holds a review; the table or no image can be used; a patient has none of the
        model's phases; the model was not trained on mirrored patches; the largest part is asked
        for of glands.
    """
    if search not in SEARCHES:
        raise CtError(f"There is no search {search!r}; choose from {', '.join(SEARCHES)}.")
    pairs = trained_pairs(model) if mirrored else ()
    if largest_part and model.settings.glands:
        raise CtError(
            f"{model.folder} looks for glands, of which there are several; predict "
            "without --largest-part."
        )
    exams = read_exams(cohort)
    for exam in exams:  # all faults that can be known before the work
        samples(exam, model.settings)
        label_map_name(exam.patient)
    refuse_reviewed(out)
    residuals = read_residuals(cohort)
    made = candidates or CandidateSettings()
    side = min(PROBE, *model.settings.patch)
    chosen = choose(model.network, model.settings.channels, engine, side=side)
    chosen.prepare(model.network)
    out.mkdir(parents=True, exist_ok=True)
    (out / "prediction.json").unlink(missing_ok=True)
    about = _about(model, chosen, search, made)
    about["configuration"] |= {"mirrored": mirrored, "largest_part": largest_part}
    precision = {"engine": chosen.precision}
    store = Unfinished(out, {**about, "configuration": {**about["configuration"], **precision}})
    done: dict[str, Done] = {}
    shown: dict[str, Mapping[str, str]] = {}
    failed: dict[str, str] = {}
    taken_over: list[str] = []
    for number, exam in enumerate(exams):

        def told(patch: int, patches: int, text: str, at: int = number, of: Exam = exam) -> None:
            if progress is not None:
                words = f"patient {of.patient} ({at + 1} of {len(exams)}), patch"
                progress(patch, patches, words)

        told(0, 1, "")
        images = hashes(exam.images)
        names = [label_map_name(exam.patient)]
        if probability:
            names.append(chance_map_name(exam.patient))
        if (held := store.find(exam.patient, images, names)) is not None:
            found = Done.from_json(held)
            taken_over.append(exam.patient)
        else:
            try:
                answer = examine(model, chosen, exam, search, told, pairs)
            except (CtError, ImageError) as error:
                if len(exams) == 1:
                    raise
                failed[exam.patient] = error.message
                continue
            table = _write_maps(answer, exam, model, made, out, names, largest_part)
            found = Done(table, answer.examined_fraction, answer.region)
            store.keep(exam.patient, images, names, found.to_json())
        if not probability:  # one of an earlier prediction would be taken for this one's
            (out / chance_map_name(exam.patient)).unlink(missing_ok=True)
        done[exam.patient], shown[exam.patient] = found, images
    if not done:
        raise CtError("No patient could be predicted.", list(failed.values()))
    about |= {
        "images_sha256": shown,
        "registration_residual_mm": {
            patient: residuals[patient] for patient in done if patient in residuals
        },
        "cohort": _relative(cohort, out),
        "taken_over": taken_over,
        "failed": failed,
    }
    predictions = _joined(done, about, out, probability)
    write_predictions(out, predictions)
    if not failed:
        store.remove()
    return predictions


def _write_maps(
    answer: Answer,
    exam: Exam,
    model: CtModel,
    made: CandidateSettings,
    out: Path,
    names: Sequence[str],
    largest_part: bool,
) -> pd.DataFrame:
    """Write the map of candidates and, where it has a name, that of probabilities."""
    table, found = candidates_of(answer, exam, model.settings, made)
    if largest_part:
        found = replace(found, pixels=largest_parts(found.pixels))
    write_label_map(out / names[0], found)
    if len(names) > 1:
        write_nifti(chance_map(answer), out / names[1])
    return table


def _joined(
    done: Mapping[str, Done], about: Mapping[str, Any], out: Path, probability: bool
) -> Predictions:
    """Join the patients to one prediction."""
    full = [one.candidates for one in done.values() if len(one.candidates)]
    joined = pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=list(COLUMNS))
    rows = [(patient, one.examined_fraction, one.region) for patient, one in done.items()]
    return Predictions(
        joined,
        pd.DataFrame(rows, columns=list(EXAMINED)),
        {patient: out / label_map_name(patient) for patient in done},
        about,
        {patient: out / chance_map_name(patient) for patient in done} if probability else {},
    )


def _relative(path: Path, folder: Path) -> str:
    """Give a path as the folder's files may name it, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return str(path.absolute())


def _about(
    model: CtModel,
    engine: Engine,
    search: str,
    made: CandidateSettings,
) -> dict[str, Any]:
    return {
        "model": {"folder": str(model.folder), "weights_sha256": model.sha256, "note": model.note},
        "configuration": {
            "settings": model.settings.to_json(),
            "search": search,
            "engine": engine.to_json(),
            "candidates": {
                "high": made.high,
                "low": made.low,
                "min_volume_mm3": made.min_volume_mm3,
            },
        },
        "versions": versions(),
        "note": model.note,
    }
