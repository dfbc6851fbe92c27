"""The patients that a prediction is done with, so that it goes on after a stop.

A cohort takes hours on a CPU. Each patient's candidates are kept as soon as the maps are
written; the same command takes them over where the model, the settings and the images are
the same, and nobody has changed a map.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.ct.errors import CtError
from napari_ptx.learn.checkpoint import write_text
from napari_ptx.learn.manifest import file_sha256
from napari_ptx.learn.results import plain

WORK = "work.part"
"""The folder, within that of the prediction."""

_KEY = "prediction.key"


@dataclass(frozen=True, eq=False)
class Done:
    """What is known of one patient.

    Parameters
    ----------
    candidates
        With ``candidates.COLUMNS``.
    examined_fraction, region
        See ``examine.Answer``.
    images
        SHA-256 of the image of each phase.
    """

    candidates: pd.DataFrame
    examined_fraction: float
    region: str
    images: Mapping[str, str]


class Unfinished:
    """The finished patients of one prediction; what another one left is removed.

    Parameters
    ----------
    out
        The prediction's folder.
    made_by
        All that an answer depends on but the images; plain values.

    Raises
    ------
    CtError
        The folder cannot be written.
    """

    def __init__(self, out: Path, made_by: Mapping[str, Any]) -> None:
        self._out = out
        self._folder = out / WORK
        key = json.dumps(plain(made_by), sort_keys=True)
        try:
            place = self._folder / _KEY
            if not (place.is_file() and place.read_text(encoding="utf-8") == key):
                self.remove()
                self._folder.mkdir(parents=True)
                write_text(place, key)
        except OSError as error:
            raise _full(out, error) from error

    def find(self, patient: str, images: Mapping[str, str], maps: Sequence[str]) -> Done | None:
        """Give what is known of a patient, or ``None`` where it is to be done (again).

        Parameters
        ----------
        patient
            The code.
        images
            SHA-256 of the images as they are now.
        maps
            The names of the maps that must be there, as they were written.
        """
        try:
            held = json.loads(self._place(patient).read_text(encoding="utf-8"))
            same = {name: file_sha256(self._out / name) for name in maps}
            if held["images"] != images or not same.items() <= held["maps"].items():
                return None
            table = pd.DataFrame(**held["candidates"])
            return Done(table, held["examined_fraction"], held["region"], images)
        except (OSError, ValueError, KeyError, TypeError):  # missing, or cut off by a stop
            return None

    def keep(self, patient: str, done: Done, maps: Sequence[str]) -> None:
        """Remember a patient whose maps are written.

        Raises
        ------
        CtError
            The folder cannot be written.
        """
        facts = {
            "images": dict(done.images),
            "maps": {name: file_sha256(self._out / name) for name in maps},
            "examined_fraction": done.examined_fraction,
            "region": done.region,
            "candidates": done.candidates.to_dict("split", index=False),
        }
        try:
            write_text(self._place(patient), json.dumps(facts))
        except OSError as error:
            raise _full(self._out, error) from error

    def remove(self) -> None:
        """Forget all: the prediction is whole."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, patient: str) -> Path:
        return self._folder / f"{patient}.json"


def _full(out: Path, error: OSError) -> CtError:
    return CtError(
        f"The prediction cannot be written to {out} ({error.strerror or error}); make room, or "
        "choose another folder."
    )
