"""Maps of one predicted case, Grad-CAM and radiomics features. No Qt here.

``offer`` looks at the files of a run; the other functions run in a child process,
where alone torch and PyRadiomics are loaded.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ptx.child import Progress
    from napari_ptx.ultrasound.predictions import Predictions

_MANIFEST = "manifest.json"
_MOST = 12
_FEATURES = (
    "original_firstorder_Mean",
    "original_firstorder_Entropy",
    "original_glcm_Contrast",
    "original_glcm_Correlation",
    "original_glcm_Idm",
    "original_glszm_SmallAreaEmphasis",
)
"""Features that are offered where no run says which ones its models took."""


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
        Radiomics features; those that most of the run's models took come first.
    reason
        Why there is no Grad-CAM, or "".
    """

    run: Path | None = None
    networks: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, eq=False)
class CaseMap:
    """A map over an image.

    Parameters
    ----------
    name
        What it shows.
    values
        ``(y, x)`` of the image, NaN where there is none.
    """

    name: str
    values: NDArray[np.floating]


def offer(predictions: Predictions) -> MapOffer:
    """Say which maps there can be of a table's cases.

    Grad-CAM needs the networks, so the table has to lie in its run folder.
    """
    run = predictions.path.parent
    if not (run / _MANIFEST).is_file():
        return MapOffer(
            features=_FEATURES,
            reason="Grad-CAM needs the networks: open the predictions in their run folder.",
        )
    networks = sorted({path.parts[-3] for path in run.glob("networks/*/*/*.safetensors")})
    return MapOffer(
        run, tuple(networks), _features(run) or _FEATURES,
        "" if networks else "This run has no network, so there is no Grad-CAM.",
    )  # fmt: skip


def grad_cam(
    run: Path, row: Mapping[str, Any], network: str, progress: Progress | None = None
) -> CaseMap:
    """Show which parts of a case's crop speak for the positive class (in a child process).

    Of a cross-validation it is the network that did not see the case, or all of them
    for a case that the run does not know.

    Raises
    ------
    PtxError
        If the run or the case cannot be read.
    """
    import numpy as np

    from napari_ptx.ultrasound.gradcam import case_grad_cam
    from napari_ptx.ultrasound.runs import Run

    if progress is not None:
        progress(0, 0, f"Grad-CAM of {network}")
    values = case_grad_cam(Run.open(run), row, network, progress=progress).values
    # Where nothing speaks for the class, the image is seen.
    return CaseMap(f"Grad-CAM {network}", np.where(values > 0, values, np.nan))


def feature_map(
    run: Path | None, row: Mapping[str, Any], feature: str, progress: Progress | None = None
) -> CaseMap:
    """Compute a radiomics feature round every pixel of a lesion (in a child process).

    Raises
    ------
    PtxError
        If the case cannot be read, or the feature has no map.
    """
    from napari_ptx.ultrasound.maps import case_map

    if progress is not None:
        progress(0, 0, f"Map of {feature}")
    values = case_map(row, feature)
    return CaseMap(feature, values)


def _features(run: Path) -> tuple[str, ...]:
    """Give the features that most models of a run took, shape left out: it has no map."""
    counts: Counter[str] = Counter()
    try:
        with (run / "selection.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                name = row.get("feature") or ""
                if row.get("fell_at") == "kept" and "_" in name and "_shape" not in name:
                    counts[name] += 1
    except OSError:  # the run has no radiomics
        return ()
    return tuple(name for name, _ in counts.most_common(_MOST))
