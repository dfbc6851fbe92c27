"""The expected errors of this room."""

from __future__ import annotations

from napari_ptx.errors import PtxError


class CtError(PtxError):
    """A cohort, a prediction or a model of CT that cannot be worked with."""
