"""``crop``: the lesion's box, cut from the original image and brought to one size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_ptx.ultrasound.borders import without_borders
from napari_ptx.ultrasound.cases import CaseImage
from napari_ptx.ultrasound.errors import UltrasoundError

Mode = Literal["paper", "spacing"]
"""How a box is brought to the size: see ``crop``."""

Normalise = Literal["range", "lesion"]
"""Which grey levels become 0 and 1: see ``crop``."""

PAPER_SIZE = 500
# Of the grey levels in the lesion: a few saturated pixels must not set the scale.
_PERCENTILES = (0.5, 99.5)
SHAPE_NOTE = {
    "paper": "The box was stretched to a square: shape features are of the stretched box, in its "
    "pixels, and say nothing about the true size or the true proportions.",
    "spacing": "The box keeps its proportions: shape features are true, in mm where the image is "
    "calibrated and in pixels of the image where it is not.",
}
"""What shape features mean in each mode; every output says it."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A lesion's box at one size, the common input of radiomics and networks.

    Parameters
    ----------
    image
        ``(size, size)``, float32 in [0, 1]: black and white are 0 and 1.
        The values are multiples of 1/255, so that a crop that is written as an
        8-bit picture and read again is the same.
    mask
        ``(size, size)``, true in the lesion.
    box
        Top, left, bottom and right edge in the original image, whose first pixel
        reaches from 0 to 1; whole numbers in the mode "paper". In the mode "spacing"
        it may reach over the image's edge.
    scale_yx
        What one pixel of the crop measures, (y, x): mm where ``unit`` is "mm",
        pixels of the original image where it is "px".
    unit
        "mm" in the mode "spacing" with a calibrated image; "px" otherwise.
    mode
        "paper" or "spacing".
    warnings
        What a reader of the result should know, one sentence each.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    box: tuple[float, float, float, float]
    scale_yx: tuple[float, float]
    unit: str
    mode: str
    warnings: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image with the values 0 to 255."""
        return np.rint(self.image * 255).astype(np.uint8)

    @property
    def spacing(self) -> tuple[float, float]:
        """The pixel spacing (y, x) for shape features: 1 in the mode "paper"."""
        return (1.0, 1.0) if self.mode == "paper" else self.scale_yx


def crop(
    case: CaseImage,
    *,
    mode: Mode = "paper",
    size: int = PAPER_SIZE,
    margin: float = 0.0,
    mask_borders: bool = False,
    normalise: Normalise = "range",
) -> Crop:
    """Cut the bounding box of the ROI from the original image and resize it.

    The values are brought to [0, 1] as ``normalise`` says. Then the image is resized by
    linear interpolation, with a wider (antialiasing) kernel where it is made smaller
    (Pillow's BILINEAR), and the mask by the nearest pixel.

    Parameters
    ----------
    case
        Of ``load_case``.
    mode
        "paper": the box is stretched to ``size`` x ``size``, as Liu et al. did.
        "spacing": one scale for y and x (in mm where calibrated), so that the longer
        side fills ``size``; the rest of the square shows what is beside the box,
        and black outside the image.
    size
        Rows and columns of the result.
    margin
        What is added to the box on each side, as a fraction of its longer side.
    mask_borders
        Take what ``borders.sonogram`` says is not sonogram (black borders, ticks
        and letters in them) out of the ROI, before the box is made, and fill it with
        the mean grey of the ROI in the crop.
    normalise
        "range": 0 and 1 are the black and white of the case, so that gain stays;
        "lesion": they are the 0.5th and 99.5th percentile of the grey levels in the
        ROI, which takes gain out. The paper says only "normalized".

    Raises
    ------
    UltrasoundError
        Where nothing of the ROI is left without borders.

    References
    ----------
    Liu et al., Quant Imaging Med Surg 2026;16(7):527, "Image preprocessing".
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode must be 'paper' or 'spacing', not {mode!r}")
    if normalise not in get_args(Normalise):
        raise ValueError(f"normalise must be 'range' or 'lesion', not {normalise!r}")
    if size < 2 or not 0 <= margin <= 10:
        raise ValueError(f"size must be at least 2 and margin 0 to 10, not {size} and {margin}")
    warnings = [SHAPE_NOTE[mode]]
    if mask_borders:
        case, said = without_borders(case)
        warnings += said
    if mode == "paper":
        box, scale, unit = _paper_box(case.mask, size, margin)
    else:
        box, scale, unit = _spacing_box(case, size, margin)
        if unit == "px":
            warnings.append("The image is not calibrated here: its shape features are in pixels.")
    black, white = case.black, case.white
    if normalise == "lesion":
        black, white = np.percentile(case.grey[case.mask], _PERCENTILES).tolist()
        white = white if white > black else black + 1.0
        warnings.append(f"Black is {black:g} and white is {white:g}, by the lesion's grey levels.")
    shown = np.clip((case.grey - black) / (white - black), 0.0, 1.0)
    grey = _resize(shown.astype(np.float32), box, size)
    image = (np.rint(grey * 255) / 255).astype(np.float32)
    mask = _nearest(case.mask, box, size)
    if not mask.any():
        raise UltrasoundError(
            f"Case {case.case}: the ROI is too thin to be seen in the crop; outline it again."
        )
    return Crop(image, mask, box, scale, unit, mode, tuple(warnings))


Box = tuple[float, float, float, float]


def _paper_box(
    mask: NDArray[np.bool_], size: int, margin: float
) -> tuple[Box, tuple[float, float], str]:
    """Give the bounding box with its margin, within the image."""
    top, left, bottom, right = _bounds(mask)
    pad = round(margin * max(bottom - top, right - left))
    top, left = max(top - pad, 0), max(left - pad, 0)
    bottom, right = min(bottom + pad, mask.shape[0]), min(right + pad, mask.shape[1])
    return (top, left, bottom, right), ((bottom - top) / size, (right - left) / size), "px"


def _spacing_box(case: CaseImage, size: int, margin: float) -> tuple[Box, tuple[float, float], str]:
    """Give the window round the bounding box that is square in mm (or in pixels)."""
    y_step, x_step = case.spacing or (1.0, 1.0)
    top, left, bottom, right = _bounds(case.mask)
    side = max((bottom - top) * y_step, (right - left) * x_step) * (1 + 2 * margin)
    y, x = (top + bottom) / 2, (left + right) / 2
    half_y, half_x = side / y_step / 2, side / x_step / 2
    box = (y - half_y, x - half_x, y + half_y, x + half_x)
    return box, (side / size, side / size), "px" if case.spacing is None else "mm"


def _bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _resize(grey: NDArray[np.float32], box: Box, size: int) -> NDArray[np.float32]:
    """Resize what lies in the box; outside the image is black."""
    from PIL import Image

    top, left = math.floor(box[0]), math.floor(box[1])
    bottom, right = math.ceil(box[2]), math.ceil(box[3])
    part = np.zeros((bottom - top, right - left), dtype=np.float32)
    inside = grey[max(top, 0) : bottom, max(left, 0) : right]
    y, x = max(-top, 0), max(-left, 0)
    part[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    window = (box[1] - left, box[0] - top, box[3] - left, box[2] - top)
    resized = Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR, box=window)
    return np.asarray(resized)


def _nearest(mask: NDArray[np.bool_], box: Box, size: int) -> NDArray[np.bool_]:
    """Give each pixel of the crop the pixel of the mask in which its centre lies."""
    centres = (np.arange(size) + 0.5) / size
    rows = np.floor(box[0] + centres * (box[2] - box[0])).astype(np.intp)
    columns = np.floor(box[1] + centres * (box[3] - box[1])).astype(np.intp)
    known = np.outer(
        (rows >= 0) & (rows < mask.shape[0]), (columns >= 0) & (columns < mask.shape[1])
    )
    found: NDArray[np.bool_] = mask[
        np.ix_(rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1))
    ]
    return found & known
