"""The folder of an evaluation: tables as CSV, everything as JSON, figures; whole or not at all."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.errors import PtxError
from napari_ptx.learn.manifest import file_sha256

if TYPE_CHECKING:
    import pandas as pd

FIGURES = "figures"
"""The folder of the figures."""

_PACKAGES = ("napari-ptx", "numpy", "scipy", "pandas", "statsmodels", "matplotlib")


def write_results(
    out: Path,
    tables: Mapping[str, pd.DataFrame],
    about: Mapping[str, Any],
    name: str,
    error: type[PtxError],
    draw: Callable[[Path], None] | None = None,
    *,
    short: tuple[str, ...] = (),
) -> tuple[Path, ...]:
    """Make all files beside the old ones, then put each in its place; the JSON comes last.

    Parameters
    ----------
    out
        The folder; other files there are left alone.
    tables
        By the name of their file, without ``.csv``.
    about
        The content of the JSON file, as ``plain`` gives it.
    name
        Of the JSON file.
    error
        The kind of error that is raised.
    draw
        Called with the folder for the figures.
    short
        The tables whose numbers are for people to read: six digits.

    Returns
    -------
    tuple
        The files.

    Raises
    ------
    PtxError
        Of the kind ``error``: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        scratch = out / ".part"
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir()
        try:
            for stem, table in tables.items():
                table.to_csv(
                    scratch / f"{stem}.csv",
                    index=False,
                    encoding="utf-8-sig",  # the mark tells Excel that names are UTF-8
                    float_format="%.6g" if stem in short else None,
                )
            if draw is not None:
                draw(scratch / FIGURES)
            text = json.dumps(about, indent=2, allow_nan=False)
            (scratch / name).write_text(text + "\n", encoding="utf-8")
            made = sorted(path for path in scratch.rglob("*") if path.is_file())
            made.sort(key=lambda path: path.name == name)
            final = [out / path.relative_to(scratch) for path in made]
            for path, place in zip(made, final, strict=True):
                place.parent.mkdir(exist_ok=True)
                path.replace(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as wrong:
        raise error(
            f"The evaluation cannot be written to {out} ({wrong.strerror or wrong}); close its "
            "files, or choose another folder."
        ) from wrong
    return tuple(final)


def plain(value: Any) -> Any:
    """Give what JSON has: what is undefined or infinite is null, a path its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def source_sha256(path: Path, error: type[PtxError]) -> str:
    """Give the SHA-256 of a file that results were made of.

    Raises
    ------
    PtxError
        Of the kind ``error``: it is gone.
    """
    try:
        return file_sha256(path)
    except OSError as wrong:
        raise error(
            f"{path} cannot be read any more ({wrong.strerror}); its hash belongs to the results."
        ) from None


def versions() -> dict[str, str]:
    """Give the versions of what makes the numbers of an evaluation."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: version(name) for name in _PACKAGES},
    }
