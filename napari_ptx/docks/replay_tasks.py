"""What the Replay and the Study dock run in a child process: no Qt, no napari here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from napari_ptx.image import Image
    from napari_ptx.study.relink import Relinked
    from napari_ptx.study.replay import Effort, Replay


def efforts(
    path: Path, reader: str, round: int, progress: Progress | None = None
) -> tuple[Effort, ...]:
    """Give what each case of a session cost its reader."""
    from napari_ptx.study import Study

    with Study.open(path) as study:
        return study.efforts(reader, round)


def read(
    path: Path, reader: str, round: int, case: str, progress: Progress | None = None
) -> tuple[Replay, Image]:
    """Read the steps of one reading, and its image."""
    from napari_ptx.study import Study

    if progress is not None:
        progress(0, 0, f"Opening case {case}")
    with Study.open(path) as study:
        return study.replay(reader, round, case), study.image(case)


def save(
    replay: Replay, image: Image, path: Path, speed: float, progress: Progress | None = None
) -> Path:
    """Write a film, its steps, or a folder of pictures."""
    from napari_ptx.study.film import write_replay

    return write_replay(replay, image, path, speed=speed, progress=progress)


def relink(path: Path, folder: Path, progress: Progress | None = None) -> Relinked:
    """Find a study's images in a folder by their pixels."""
    from napari_ptx.study import Study

    with Study.open(path) as study:
        return study.relink(folder, progress=progress)
