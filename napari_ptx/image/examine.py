"""One image looked at for what could unblind its reader; it runs in the decoder's process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_ptx.image.identity import Identity, read_identity
from napari_ptx.image.overlay import Overlay, find_overlay


@dataclass(frozen=True)
class Examined:
    """What is in a file: the hash of its pixels, its regions, tags and drawings."""

    sha256: str
    modality: str
    regions: int
    identity: Identity
    overlay: Overlay


def examine_here(path: str) -> Examined:
    """Look at an image in this process; see ``examine``."""
    from napari_ptx.image.read import decode

    image = decode(path)
    return Examined(
        image.sha256, image.modality, len(image.regions), read_identity(path), find_overlay(image)
    )


def examine(path: str | Path, *, timeout: float = 60.0) -> Examined:
    """Look at an image where a stuck decoder can be stopped.

    Raises
    ------
    ImageError
        Names the file if it cannot be read.
    """
    from napari_ptx.image.read import shared_decoder

    place = str(Path(path).absolute())
    found: Examined = shared_decoder().run(
        "napari_ptx.image.examine:examine_here", place, place, timeout=timeout
    )
    return found
