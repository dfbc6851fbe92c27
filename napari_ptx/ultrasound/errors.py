"""The expected errors of the ultrasound pipeline."""

from __future__ import annotations

from napari_ptx.errors import PtxError


class UltrasoundError(PtxError):
    """A cohort, a table or a model that the ultrasound pipeline cannot use."""
