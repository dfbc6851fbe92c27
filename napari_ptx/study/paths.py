"""Where a study's images are: relative to the study file where they can be."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


def to_record(image: Path, study: Path) -> str:
    """Write the path of an image for the record of the study file ``study``.

    Relative, with forward slashes; absolute where there is no way between the two
    (another drive). Links in the folders are resolved, so that ``..`` means the same
    to everybody.
    """
    image = image.parent.resolve() / image.name
    try:
        return Path(os.path.relpath(image, study.parent.resolve())).as_posix()
    except ValueError:
        return image.as_posix()


def from_record(text: str, study: Path) -> Path:
    """Give the absolute path of what ``to_record`` wrote."""
    path = Path(PurePosixPath(text))
    return path if path.is_absolute() else Path(os.path.normpath(study.parent.resolve() / path))


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Give each name one that every file system takes, and that no other name has."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = base = re.sub(r"[^\w.-]+", "_", name).strip(".") or "_"
        count = 1
        while stem.casefold() in taken:
            count += 1
            stem = f"{base}-{count}"
        taken.add(stem.casefold())
        stems[name] = stem
    return stems
