"""The manifest of a model's folder: a SHA-256 for each file, and no pickle among them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_ptx.errors import PtxError

MANIFEST = "manifest.json"

_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin")


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def files_of(root: Path) -> list[str]:
    """Give the files below a folder, sorted, but for the manifest and what ends in ``.part``."""
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.endswith(".part")]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in names]
    return sorted(name for name in found if name != MANIFEST and not name.endswith(".part"))


def refuse_pickle(path: Path, error: type[PtxError], *, by_name: bool = True) -> None:
    """Refuse a file that is a pickle by its name or its first bytes.

    Parameters
    ----------
    path
        The file.
    error
        The kind of error that is raised.
    by_name
        Also by the suffix. Some programs name safetensors files ``.pth``: where the
        content is looked at next, it alone decides.

    Raises
    ------
    PtxError
        Saying why.
    """
    with path.open("rb") as stream:
        head = stream.read(2)
    # Protocol 2 and above begin with 0x80 and their number.
    pickled = head[:1] == b"\x80" and head[1:2] <= b"\x05"
    if pickled or (by_name and path.suffix.lower() in _PICKLES):
        raise error(
            f"{path} is a Python pickle, which can run any program when it is opened; "
            "it is refused: train the model here, or get it in a safe format."
        )


def write_manifest(root: Path, form: str, facts: Mapping[str, Any]) -> None:
    """Hash every file of a folder; the manifest comes last and says that it is whole.

    Parameters
    ----------
    root
        The folder.
    form
        The name and version of its layout.
    facts
        What else the manifest says.
    """
    files = {name: file_sha256(root / name) for name in files_of(root)}
    text = json.dumps({"format": form, **facts, "files": files}, indent=2, allow_nan=False)
    part = root / f"{MANIFEST}.part"
    part.write_text(text + "\n", encoding="utf-8", newline="\n")
    part.replace(root / MANIFEST)


def check_manifest(
    root: Path, form: str, error: type[PtxError], *, noun: str, closed: tuple[str, ...]
) -> dict[str, Any]:
    """Compare every file of a folder with its hash and give the manifest.

    Parameters
    ----------
    root, form
        The folder and the layout that it must have.
    error, noun
        The kind of error, and what the folder is called in it: "run", "model".
    closed
        Beginnings of paths under which there must be no file that is not listed.

    Raises
    ------
    PtxError
        If a file is missing, changed, not listed, or a pickle; with its name.
    """
    again = f"copy the {noun} folder again"
    try:
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(
            f"{root} is not a finished {noun}: it has no {MANIFEST}; train it to the end, or "
            "choose another folder."
        ) from None
    except (OSError, ValueError):
        raise error(f"{root / MANIFEST} is damaged (no JSON); {again}.") from None
    if not isinstance(manifest, dict) or manifest.get("format") != form:
        held = manifest.get("format") if isinstance(manifest, dict) else None
        raise error(
            f"{root} has the format {held!r}, not {form!r}; use the version of napari-ptx that "
            "made it."
        )
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise error(f"{root / MANIFEST} is damaged; {again}.")
    here = files_of(root)
    for name in here:
        refuse_pickle(root / name, error)
    missing = sorted(set(listed) - set(here))
    if missing:
        raise error(f"{root / missing[0]} is missing; {again}, whole.")
    extra = [name for name in here if name not in listed and name.startswith(closed)]
    if extra:
        raise error(f"{root / extra[0]} is not in the {noun}'s manifest; take it out.")
    for name, digest in listed.items():
        if file_sha256(root / name) != digest:
            raise error(
                f"{root / name} has changed since the {noun} was made (its SHA-256 differs); "
                f"{again}."
            )
    return manifest
