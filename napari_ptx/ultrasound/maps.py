"""``feature_map``: a radiomics feature round every pixel of a lesion, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.ultrasound.borders import without_borders
from napari_ptx.ultrasound.cases import CaseImage, Lesions, load_case
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.radiomics import FILTERS, PARAMS, Extractor, as_volume

FEATURE = "original_glcm_Contrast"
"""The map that is shown where no other is asked for."""

_TYPES = {
    "original": "Original",
    **dict.fromkeys(("wavelet-LL", "wavelet-LH", "wavelet-HL", "wavelet-HH"), "Wavelet"),
    **{("lbp-2D" if name == "LBP2D" else name.lower()): name for name in FILTERS},
}
_CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
# Texture matrices of this many kernels are in memory at once.
_BATCH = 2000


def feature_map(
    case: CaseImage,
    feature: str = FEATURE,
    *,
    radius: int = 2,
    mask_borders: bool = False,
) -> NDArray[np.float64]:
    """Compute a feature in a square round every pixel of the lesion, by PyRadiomics.

    It is computed on the picture as it is, not on the crop, so that it lies on the
    image; grey levels go from 0 (black) to 255 (white), and the parameters are those
    of "liu2026". Only pixels of the lesion count in a square.

    Parameters
    ----------
    case
        Of ``load_case``.
    feature
        A name as in the table of features, such as "wavelet-HL_glcm_Contrast". Shape
        has no map.
    radius
        Pixels from the centre of the square to its edge.
    mask_borders
        As for ``crop``.

    Returns
    -------
    numpy.ndarray
        ``(y, x)`` of the whole image, NaN outside the lesion.

    Raises
    ------
    UltrasoundError
        For a name that is no such feature, or where PyRadiomics refuses the lesion.
    """
    if radius < 1:
        raise ValueError(f"radius must be at least 1, not {radius}")
    extractor = Extractor(PARAMS).only(*_parts(feature), kernelRadius=radius, voxelBatch=_BATCH)
    if mask_borders:
        case, _ = without_borders(case)
    shown = np.clip((case.grey - case.black) / (case.white - case.black), 0.0, 1.0)
    image, mask = as_volume(np.rint(shown * 255), case.mask)
    maps = extractor.execute(image, mask, voxel_based=True)
    if feature not in maps:
        raise UltrasoundError(
            f"PyRadiomics made no map {feature!r}, only {', '.join(maps) or 'none'}."
        )
    return _placed(maps[feature], case.mask)


def case_map(
    row: Mapping[str, Any],
    feature: str = FEATURE,
    *,
    radius: int = 2,
    mask_borders: bool = False,
    lesions: Lesions = "largest",
    threshold: float | None = None,
) -> NDArray[np.float64]:
    """Load a case and compute a map of it: what a child process does for a dock.

    Parameters
    ----------
    row
        ``case``, ``image`` and ``roi``, as for ``load_case``.
    feature, radius, mask_borders
        As for ``feature_map``.
    lesions, threshold
        As for ``load_case``.
    """
    case = load_case(row, lesions=lesions, threshold=threshold)
    return feature_map(case, feature, radius=radius, mask_borders=mask_borders)


def write_map(path: Path | str, values: NDArray[np.float64], feature: str, note: str = "") -> None:
    """Write a map as a TIFF picture of 32-bit numbers, with its name in the description.

    Raises
    ------
    UltrasoundError
        For another ending than .tif or .tiff, or where it cannot be written.
    """
    import tifffile

    place = Path(path)
    if place.suffix.lower() not in (".tif", ".tiff"):
        raise UltrasoundError(f"A map is written as TIFF: use {place.with_suffix('.tif')}.")
    draft = place.with_name(f".{place.name}.new.tif")
    try:
        tifffile.imwrite(
            draft,
            values.astype(np.float32),
            compression="zlib",
            metadata={"feature": feature, "note": note},
        )
        draft.replace(place)
    except OSError as error:
        raise UltrasoundError(f"{place} cannot be written ({error.strerror or error}).") from None
    finally:
        draft.unlink(missing_ok=True)


def _parts(feature: str) -> tuple[str, str, str]:
    """Split a name into image type, class and feature."""
    parts = feature.split("_")
    if len(parts) != 3 or parts[0] not in _TYPES or parts[1] not in _CLASSES:
        raise UltrasoundError(
            f"{feature!r} is not a feature that has a map; give IMAGE_CLASS_NAME with an image of "
            f"{', '.join(_TYPES)} and a class of {', '.join(_CLASSES)}: {FEATURE}, for example."
        )
    return _TYPES[parts[0]], parts[1], parts[2]


def _placed(part: Any, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Put a map, which PyRadiomics cut to the lesion, back into the frame."""
    import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

    values = sitk.GetArrayFromImage(part)[0]
    x, y = (round(start) for start in part.GetOrigin()[:2])
    height, width = values.shape
    placed = np.full(mask.shape, np.nan)
    placed[y : y + height, x : x + width] = values
    placed[~mask] = np.nan
    return placed
