"""Write figures so that the same figure gives the same file, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A date or a version in a file would make equal figures differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "napari-ptx"},
    "png": {"Software": "napari-ptx"},
    "pdf": {"CreationDate": None, "Creator": "napari-ptx", "Producer": None},
}


def save_figure(
    figure: Figure, stem: Path, *, formats: Sequence[str] = ("svg", "png"), dpi: float = 300.0
) -> list[Path]:
    """Save a figure as SVG and PNG, or as PDF.

    Text in the SVG and the PDF stays text, which a journal's editor can change.

    Parameters
    ----------
    figure
        The figure; it may be on screen.
    stem
        The path without a suffix; its folder is made.
    formats
        Of "svg", "png" and "pdf".
    dpi
        Dots per inch of the PNG.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    PtxError
        If a file cannot be written.
    """
    import matplotlib as mpl

    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in formats]
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(
            {"svg.hashsalt": "napari-ptx", "svg.fonttype": "none", "pdf.fonttype": 42}
        ):
            for kind, path in zip(formats, paths, strict=True):
                figure.savefig(path, format=kind, dpi=dpi, metadata=_METADATA[kind])
    except OSError as error:
        raise PtxError(
            f"The figure {stem.name} cannot be written to {stem.parent}: {error.strerror}."
        ) from None
    return paths
