"""Annotate and review parathyroid imaging: a napari plugin and a library.

Importing this package loads nothing heavy. Import the room that you need:
``napari_ptx.image``, ``roi``, ``stats``, ``figures``, ``study``, ``phantom``.
"""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-ptx")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
