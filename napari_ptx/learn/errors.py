"""The expected errors of this room."""

from __future__ import annotations

from napari_ptx.errors import PtxError


class LearnError(PtxError):
    """A file of a model or of a training that cannot be worked with."""
