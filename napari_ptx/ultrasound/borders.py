"""What of an ultrasound picture is sonogram, and what is the screen round it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ptx.ultrasound.errors import UltrasoundError

if TYPE_CHECKING:
    from napari_ptx.ultrasound.cases import CaseImage

# Of the range from black to white. JPEG makes black up to 4 of 255, and ticks 245.
_DARK = 0.02
_BRIGHT = 0.96
# A black border is wider than this (pixels); a dark gap in speckle is not.
_GAP = 5
# Ticks and letters lie in the border, or this near to it (pixels).
_NEAR = 3


def sonogram(grey: ArrayLike, black: float = 0.0, white: float = 255.0) -> NDArray[np.bool_]:
    """Tell for each pixel whether it is sonogram, by a fixed rule.

    Not sonogram are (1) the black border: pixels within 2% of black, in regions at
    least 5 pixels wide that reach the edge of the picture; and (2) ticks, letters
    and marks in it: connected pixels within 4% of white, wholly in the border or at
    most 3 pixels from it, with the pixels next to them.

    Marks that lie amid the sonogram, such as calipers, stay: by grey level they
    cannot be told from calcifications. A black acoustic shadow that runs into the
    border counts as border.

    Parameters
    ----------
    grey
        ``(y, x)``.
    black, white
        The values that are shown as black and white.

    Returns
    -------
    numpy.ndarray
        Boolean ``(y, x)``.
    """
    shown = (np.asarray(grey, dtype=np.float32) - black) / (white - black)
    dark = shown <= _DARK
    near = ndimage.binary_dilation(_border(dark), np.ones((2 * _NEAR + 1,) * 2))
    marks, count = ndimage.label(shown >= _BRIGHT, np.ones((3, 3)))
    if count:
        lies_near = ndimage.minimum(near, marks, np.arange(1, count + 1)).astype(bool)
        mark = np.concatenate(([False], lies_near))[marks]
        # black beside a mark is as wide as it would be without the mark
        dark |= ndimage.binary_dilation(mark, np.ones((3, 3)))
    valid: NDArray[np.bool_] = ~_border(dark)
    return valid


def _border(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the wide regions of black that are connected with what is outside the picture."""
    outside = np.pad(dark, _GAP, constant_values=True)
    wide = ndimage.binary_opening(outside, np.ones((_GAP, _GAP)))
    labels, _ = ndimage.label(wide)
    border: NDArray[np.bool_] = (labels == labels[0, 0])[_GAP:-_GAP, _GAP:-_GAP]
    return border


def without_borders(case: CaseImage) -> tuple[CaseImage, list[str]]:
    """Take what is not sonogram out of a case.

    Returns
    -------
    case
        Its mask without those pixels, which have the mean grey of the rest of the ROI
        in the picture.
    said
        One sentence with how much of the ROI that was.

    Raises
    ------
    UltrasoundError
        Where nothing of the ROI is left.
    """
    valid = sonogram(case.grey, case.black, case.white)
    mask = case.mask & valid
    if not mask.any():
        raise UltrasoundError(
            f"Case {case.case}: the whole ROI lies in the black border of the picture; outline it "
            "again, or keep the borders."
        )
    grey = np.where(valid, case.grey, case.grey[mask].mean()).astype(np.float32)
    lost = 1 - mask.sum() / case.mask.sum()
    said = (
        f"Black borders and the ticks in them were taken out: {lost:.1%} of the ROI and "
        f"{1 - valid.mean():.1%} of the picture."
    )
    return replace(case, grey=grey, mask=mask), [said]
