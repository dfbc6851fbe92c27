"""Making a study file: read and hash every image, draw the worklists, write it whole."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from napari_ptx.child import Progress
from napari_ptx.image.types import Image, ImageError
from napari_ptx.study import chain, paths, worklist
from napari_ptx.study.protocol import Protocol
from napari_ptx.study.store import Store
from napari_ptx.study.tables import (
    AssignmentRow,
    CaseRow,
    ImageRow,
    ReaderRow,
    SessionRow,
    StudyRow,
    TruthRow,
)
from napari_ptx.study.times import Clock, to_text
from napari_ptx.study.types import StudyError

if TYPE_CHECKING:
    from napari_ptx.image.cohort import Cohort

SUFFIX = ".ptx"
_COLUMNS = ("case", "patient", "image")
TRUTH = ("label", "roi")
"""Columns of the cohort that say what a reader has to find out."""
AID = "aid"
"""Column of a model's outlines, which readers see once they have answered without."""


def create_study(
    path: Path,
    cohort: Cohort,
    protocol: Protocol,
    *,
    name: str | None,
    progress: Progress | None,
    clock: Clock,
) -> None:
    """Write a study file; see ``Study.create``. The file is there whole or not at all."""
    name = name or path.stem
    _check_target(path)
    missing = [column for column in _COLUMNS if column not in cohort.table.columns]
    if missing:
        raise StudyError(f"{cohort.path} has no column {', '.join(missing)}; add it.")
    count = len(cohort.table)
    if not count:
        raise StudyError(f"{cohort.path} has no cases; a study needs at least one.")
    if protocol.reread > count:
        raise StudyError(
            f"{protocol.reread} cases cannot be read again: {cohort.path} has only {count}."
        )
    rows = [
        {str(column): _plain(value) for column, value in row.items()}
        for row in cohort.table.to_dict("records")
    ]
    _check_columns(cohort, rows, protocol)
    images = _read_images(cohort.path, path, rows, progress)
    if protocol.design == "aided":
        _read_aids(cohort.path, rows, images)

    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        store = Store.create(draft)
        try:
            with store.write() as db:
                _fill(db, name, rows, images, protocol, to_text(clock()))
        finally:
            store.close()
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        _check_target(path)
        draft.replace(path)
    except OSError as error:
        raise StudyError(f"{path} cannot be written ({error.strerror or error}).") from error
    finally:
        for leftover in (draft, _beside(draft, "-wal"), _beside(draft, "-shm")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def _check_columns(cohort: Cohort, rows: list[dict[str, Any]], protocol: Protocol) -> None:
    """Refuse a cohort that lacks what the protocol asks for."""
    if protocol.design == "aided" and AID not in cohort.table.columns:
        raise StudyError(
            f"{cohort.path} has no column {AID}, but the protocol shows a model's outlines; add "
            "it: a mask or an ImageJ file for each case, blank where the model found nothing."
        )
    if protocol.reread and protocol.reread_draw == "label":
        lacking = [str(row["case"]) for row in rows if row.get("label") is None]
        if lacking:
            raise StudyError(
                f"Cases cannot be drawn by label: {cohort.path} gives none for "
                f"{', '.join(lacking[:5])}{', ...' if len(lacking) > 5 else ''}. Add it, or draw "
                'at random (reread_draw = "random").'
            )


def _read_aids(cohort: Path, rows: list[dict[str, Any]], images: list[ImageRow]) -> None:
    """Put the model's outlines in place of the files' names; report all faults at once."""
    from napari_ptx.roi import RoiError, read_roi

    faults: list[str] = []
    for row, image in zip(rows, images, strict=True):
        shape = json.loads(image.shape)
        frames = shape[0] if len(shape) == 3 else 1
        file, row[AID] = row[AID], []
        if file is None:
            continue
        try:
            outlines = read_roi(cohort.parent / str(file), shape=shape[-2:])
        except RoiError as error:
            faults.append(f"case {row['case']}, {AID}: {error.message}")
            continue
        if wrong := [one.frame for one in outlines if not 0 <= one.frame < frames]:
            faults.append(
                f"case {row['case']}, {AID}: frame {wrong[0]} is not one of the image's {frames}, "
                "from 0"
            )
        row[AID] = [outline.to_json() for outline in outlines]
    if faults:
        raise StudyError(
            f"{len(faults)} of the model's outlines in {cohort} cannot be used; mend these:",
            faults,
        )


def _check_target(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise StudyError(f"A study file ends in {SUFFIX}: use {path.with_suffix(SUFFIX)}.")
    if path.exists():
        raise StudyError(f"{path} is there already; choose another name or open it.")
    if not path.parent.is_dir():
        raise StudyError(f"There is no folder {path.parent}; make it first.")
    # SQLite would take the journal of a study that was deleted for the new one's.
    for leftover in (_beside(path, "-wal"), _beside(path, "-shm")):
        if leftover.exists():
            raise StudyError(
                f"{leftover} is left from a study that was removed; move it away or choose "
                "another name."
            )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _read_images(
    cohort: Path, study: Path, rows: list[dict[str, Any]], progress: Progress | None
) -> list[ImageRow]:
    """Read every image, and report all that cannot be read at once."""
    from napari_ptx.image import read_image

    images: list[ImageRow] = []
    faults: list[str] = []
    for index, row in enumerate(rows):
        file = Path(row["image"])
        try:
            images.append(_image_row(read_image(file), paths.to_record(file, study)))
        except ImageError as error:
            faults.append(f"case {row['case']}, image: {error.message}")
        if progress is not None:
            progress(index + 1, len(rows), f"Reading image {index + 1} of {len(rows)}")
    if faults:
        raise StudyError(
            f"{len(faults)} of {len(rows)} images in {cohort} cannot be used; mend or remove "
            "these rows:",
            faults,
        )
    return images


def _image_row(image: Image, path: str) -> ImageRow:
    return ImageRow(
        position=0,
        path=path,
        sha256=image.sha256,
        modality=image.modality,
        axes=image.axes,
        shape=chain.canonical(image.shape),
        colour=image.colour,
        spacing=chain.canonical([float(step) for step in image.spacing]),
        calibrated=image.calibrated,
        regions=chain.canonical([dataclasses.asdict(region) for region in image.regions]),
    )


def _fill(
    db: Session,
    name: str,
    rows: list[dict[str, Any]],
    images: list[ImageRow],
    protocol: Protocol,
    created_at: str,
) -> None:
    """Fill a new database, and hash what is fixed from now on."""
    cases: dict[str, CaseRow] = {}
    truth: list[TruthRow] = []
    for row, image in zip(rows, images, strict=True):
        known = (*TRUTH, AID) if protocol.design == "aided" else TRUTH
        extra = {key: value for key, value in row.items() if key not in (*_COLUMNS, *known)}
        case = CaseRow(
            name=str(row["case"]),
            patient=str(row["patient"]),
            extra=chain.canonical(extra),
            images=[image],
        )
        if case.name in cases:
            raise StudyError(f"The case {case.name} is listed twice; a case has one image.")
        cases[case.name] = case
        truth += [
            TruthRow(case=case, name=key, value=chain.canonical(row[key]))
            for key in known
            if key in row
        ]
    if protocol.reread and protocol.reread_draw == "label":
        labels = {str(row["case"]): str(row["label"]) for row in rows}
        again = worklist.reread_by_label(name, protocol.seed, labels, protocol.reread)
    else:
        again = worklist.reread_cases(name, protocol.seed, list(cases), protocol.reread)
    sessions = []
    for reader in (ReaderRow(name=reader) for reader in protocol.readers):
        taken: list[str] = []
        for round_ in protocol.rounds:
            order = worklist.reading_order(
                name, protocol.seed, reader.name, round_, list(cases) if round_ == 1 else again
            )
            codes = worklist.session_codes(
                name, protocol.seed, reader.name, round_, len(order), taken
            )
            taken += codes
            worklist_rows = [
                AssignmentRow(position=position, code=code, image=cases[case].images[0])
                for position, (case, code) in enumerate(zip(order, codes, strict=True))
            ]
            sessions.append(SessionRow(reader=reader, round=round_, assignments=worklist_rows))
    study = StudyRow(
        uid=str(uuid.uuid4()),
        name=name,
        created_at=created_at,
        made_with=f"napari-ptx {version('napari-ptx')}",
        protocol=chain.canonical(protocol.to_json()),
    )
    study.hash = chain.study_hash(
        study, list(protocol.readers), list(cases.values()), truth, sessions
    )
    db.add_all([*cases.values(), *truth, *sessions, study])


def _plain(value: Any) -> Any:
    """Give a cell of a table as JSON can say it; an empty one is ``None``."""
    if value is None or value != value or value == "":
        return None
    if isinstance(value, Path):
        return value.as_posix()
    # numpy's numbers know their Python value; dates and the like become text.
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)
