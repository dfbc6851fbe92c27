"""Maps of one predicted case, Grad-CAM and radiomics features. No Qt here.

``offer`` looks at the files of a run; the other functions run in a child process,
where alone torch and PyRadiomics are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ptx.ultrasound.predictions import Predictions


@dataclass(frozen=True)
class MapOffer:
    """Which maps there can be of the cases of a predictions table.

    Parameters
    ----------
    run
        The run folder that has the models, or ``None``.
    networks
        Its networks, for Grad-CAM.
    features
        Radiomics features, for maps.
    reason
        Why there are no maps at all, or "".
    """

    run: Path | None = None
    networks: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, eq=False)
class CaseMap:
    """A map over a part of an image.

    Parameters
    ----------
    name
        What it shows.
    values
        ``(y, x)``, NaN where there is none.
    origin, step
        The centre of the first value, and how far values are apart, in pixels
        ``(y, x)`` of the image.
    """

    name: str
    values: NDArray[np.float32]
    origin: tuple[float, float]
    step: tuple[float, float]


def offer(predictions: Predictions) -> MapOffer:
    """Say which maps there can be of a table's cases: it has to lie in its run folder."""
    return MapOffer(reason="Maps need the models: open the predictions in their run folder.")
