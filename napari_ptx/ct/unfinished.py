"""The patients that long work on a cohort is done with, so that it goes on after a stop.

A cohort takes hours on a CPU. What is known of a patient is kept as soon as the patient's
volumes are written; the same command takes it over where the settings and the images are the
same, and nobody has changed a volume.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_ptx.ct.errors import CtError
from napari_ptx.image.volume import volume_sha256
from napari_ptx.learn.manifest import file_sha256, write_text
from napari_ptx.learn.results import plain

WORK = "patients.part"
"""The folder, within that of the results; not that of a training (``fit.WORK``), which a
prediction into a wrong folder must not remove."""

_KEY = "made_by.key"


class Unfinished:
    """The finished patients of one work; what another one left is removed.

    Parameters
    ----------
    out
        The folder of the results.
    made_by
        All that they depend on but the images; plain values.

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

    def find(
        self, patient: str, images: Mapping[str, str], volumes: Sequence[str]
    ) -> dict[str, Any] | None:
        """Give what was kept of a patient, or ``None`` where it is to be done (again).

        Parameters
        ----------
        patient
            The code.
        images
            SHA-256 of the images as they are now (``hashes``).
        volumes
            The names of the volumes that must be there, as they were written.
        """
        try:
            held = json.loads(self._place(patient).read_text(encoding="utf-8"))
            same = {name: file_sha256(self._out / name) for name in volumes}
            if held["images"] != images or not same.items() <= held["volumes"].items():
                return None
            facts: dict[str, Any] = held["facts"]
            return facts
        except (OSError, ValueError, KeyError, TypeError):  # missing, or cut off by a stop
            return None

    def keep(
        self,
        patient: str,
        images: Mapping[str, str],
        volumes: Sequence[str],
        facts: Mapping[str, Any],
    ) -> None:
        """Remember a patient whose volumes are written.

        Raises
        ------
        CtError
            The folder cannot be written.
        """
        try:
            written = {name: file_sha256(self._out / name) for name in volumes}
            held = {"images": dict(images), "volumes": written, "facts": dict(facts)}
            write_text(self._place(patient), json.dumps(held))
        except OSError as error:
            raise _full(self._out, error) from error

    def remove(self) -> None:
        """Forget all: the work is done."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, patient: str) -> Path:
        return self._folder / f"{patient}.json"


def _full(out: Path, error: OSError) -> CtError:
    return CtError(
        f"The results cannot be written to {out} ({error.strerror or error}); make room, or "
        "choose another folder."
    )


def hashes(images: Mapping[str, Path]) -> dict[str, str]:
    """Give the SHA-256 of each phase; nothing where a file cannot be read, as its reader says."""
    try:
        return {phase: volume_sha256(path) for phase, path in images.items()}
    except OSError:
        return {}
