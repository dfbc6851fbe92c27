"""Images that were moved: found again by their pixels, whatever they are called now.

A path is not part of a study's hash (``chain.study_hash``): images may move, their
pixels may not change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from napari_ptx.child import Progress
from napari_ptx.image.types import ImageError
from napari_ptx.study import paths
from napari_ptx.study.store import Store
from napari_ptx.study.tables import CaseRow, ImageRow
from napari_ptx.study.types import StudyError


@dataclass(frozen=True)
class Relinked:
    """What became of a study's images.

    Parameters
    ----------
    there
        How many are where the record says.
    found
        Case and new path of each image that was found again; the record has them now.
    missing
        Case and recorded path of each that is not there and was not found.
    changed
        The same for each whose file is there, with other pixels or unreadable, and
        whose own pixels were not found.
    """

    there: int
    found: tuple[tuple[str, Path], ...]
    missing: tuple[tuple[str, Path], ...]
    changed: tuple[tuple[str, Path], ...]

    def to_json(self) -> dict[str, object]:
        """Give plain values."""
        return {
            "there": self.there,
            **{
                name: [{"case": case, "image": str(path)} for case, path in getattr(self, name)]
                for name in ("found", "missing", "changed")
            },
        }


def lost(store: Store) -> int:
    """Tell how many images have no file where the record says; it looks at no pixel."""
    with store.read() as db:
        recorded = db.scalars(select(ImageRow.path)).all()
    return sum(not paths.from_record(text, store.path).exists() for text in recorded)


def relink(store: Store, folder: Path, *, progress: Progress | None = None) -> Relinked:
    """Look in a folder, and all below it, for images with the pixels of the record.

    Every image that the record names is read; only where one is missing or changed are
    the files of the folder read, those of the same name first, until all are found.

    Raises
    ------
    StudyError
        If the folder is none. Nothing has changed then.
    """
    if not folder.is_dir():
        raise StudyError(f"There is no folder {folder}; choose the folder that has the images.")
    with store.read() as db:
        rows = db.execute(
            select(ImageRow.id, ImageRow.path, ImageRow.sha256, CaseRow.name)
            .join(CaseRow)
            .order_by(ImageRow.id)
        ).all()
    wanted = {row.id: (row.name, paths.from_record(row.path, store.path)) for row in rows}
    hashes = {row.id: row.sha256 for row in rows}
    there = set()
    for done, row in enumerate(rows):
        _tell(progress, done, len(rows), f"Reading image {done + 1} of {len(rows)}")
        if _hash(wanted[row.id][1]) == row.sha256:
            there.add(row.id)
    left = {id_: hashes[id_] for id_ in wanted if id_ not in there}
    names = {wanted[id_][1].name for id_ in left}
    found: dict[int, Path] = {}
    candidates = sorted(_files(folder), key=lambda path: (path.name not in names, str(path)))
    for done, path in enumerate(candidates):
        if not left:
            break
        _tell(progress, done, len(candidates), f"Looking at {path.name}")
        sha256 = _hash(path)
        for id_ in [id_ for id_, wish in left.items() if wish == sha256]:
            found[id_] = path
            del left[id_]
    if found:
        with store.write() as db:
            for id_, path in found.items():
                text = paths.to_record(path, store.path)
                db.execute(update(ImageRow).where(ImageRow.id == id_).values(path=text))
    return Relinked(
        there=len(there),
        found=tuple((wanted[id_][0], path) for id_, path in sorted(found.items())),
        missing=tuple(wanted[id_] for id_ in left if not wanted[id_][1].exists()),
        changed=tuple(wanted[id_] for id_ in left if wanted[id_][1].exists()),
    )


def _files(folder: Path) -> Iterable[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and not name.endswith((".ptx", ".csv", ".json")):
                yield Path(here, name).resolve()


def _hash(path: Path) -> str | None:
    """Give the hash of an image's pixels; ``None`` for what cannot be read as an image."""
    from napari_ptx.image import read_image

    if not path.exists():
        return None
    try:
        return read_image(path).sha256
    except ImageError:
        return None


def _tell(progress: Progress | None, done: int, total: int, text: str) -> None:
    if progress is not None:
        progress(done, total, text)
