"""A folder of results that appears whole or not at all, and replaces only its own kind."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from os import getpid
from pathlib import Path
from typing import Any

from napari_ptx.errors import PtxError


def write_folder(
    folder: Path,
    name: str,
    kind: str,
    write: Callable[[Path], Mapping[str, Any]],
    error: type[PtxError] = PtxError,
) -> list[Path]:
    """Write a folder beside its place and then rename it.

    Parameters
    ----------
    folder
        New, empty, or one that this function wrote and nobody has changed since.
    name
        Of the JSON file in it that lists the others.
    kind
        What the folder is; the list's ``format``.
    write
        Writes all files into the folder that it is given, and gives what else the list says.
    error
        What is raised.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    PtxError
        Of the type ``error``, where the folder holds anything else or cannot be written.
    """
    folder = folder.absolute()
    _check(folder, name, kind, error)
    draft = folder.with_name(f".{folder.name}.{getpid()}.new")
    old = folder.with_name(f".{folder.name}.{getpid()}.old")
    try:
        draft.mkdir(parents=True)
        about = write(draft)
        files = [path.relative_to(draft).as_posix() for path in _files(draft)]
        listed = {"format": kind, **about, "files": {one: sha256(draft / one) for one in files}}
        (draft / name).write_text(
            json.dumps(listed, indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
        _check(folder, name, kind, error)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    except OSError as fault:
        raise error(
            f"{folder} cannot be written ({fault.strerror or fault}); choose another folder."
        ) from fault
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
    return [folder / one for one in (*files, name)]


def sha256(path: Path) -> str:
    """Hash the bytes of a file; hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(folder: Path, name: str, kind: str, error: type[PtxError]) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise error(f"{folder} is a file; choose a folder.")
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    if not there:
        return
    try:
        made = json.loads((folder / name).read_bytes())
        ours = dict(made["files"]) if made["format"] == kind else {}
    except (OSError, ValueError, KeyError, TypeError):
        ours = {}
    if not ours:
        raise error(f"{folder} is not empty; choose an empty folder.")
    for one, path in sorted(there.items()):
        if one != name and ours.get(one) != sha256(path):
            raise error(
                f"{folder} has a file {one} that was added or changed since it was written; "
                "choose an empty folder or move the file away."
            )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir())
