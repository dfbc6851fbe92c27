"""``load_case``: one row of a cohort to a grey picture and the mask of its lesion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_ptx.errors import PtxError
from napari_ptx.image.read import read_image
from napari_ptx.image.types import Image
from napari_ptx.roi.calibration import common_spacing
from napari_ptx.roi.outline import Roi
from napari_ptx.ultrasound.errors import UltrasoundError

Lesions = Literal["largest", "all"]
"""What of a ROI counts: its largest connected component, or all of it."""


@dataclass(frozen=True, eq=False)
class CaseImage:
    """What the pipeline takes from a case. The arrays are read-only.

    Parameters
    ----------
    case
        Its name in the cohort.
    grey
        ``(y, x)``, float32, in the values of the file; colour is luma by BT.601,
        rounded (``Image.grey``).
    mask
        ``(y, x)``, true where a pixel's centre lies in the ROI; never empty.
    spacing
        Millimetres per pixel ``(y, x)`` that hold for the ROI, or ``None``.
    black, white
        The values that are shown as black and white: 0 and 255 for 8 bits; else the
        window that the file asks for, or the range of the picture.
    note
        What was left out or assumed, in sentences.
    """

    case: str
    grey: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spacing: tuple[float, float] | None
    black: float = 0.0
    white: float = 255.0
    note: str = ""

    def __post_init__(self) -> None:
        if self.grey.ndim != 2 or self.grey.shape != self.mask.shape:
            raise ValueError(f"grey {self.grey.shape} and mask {self.mask.shape} do not fit")
        for name in ("grey", "mask"):
            array = getattr(self, name).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)


def load_case(
    row: Mapping[str, Any],
    *,
    lesions: Lesions = "largest",
    threshold: float | None = None,
    read: Callable[[str], Image] = read_image,
) -> CaseImage:
    """Read the image and the ROI of one cohort row.

    Parameters
    ----------
    row
        With ``case``, ``image`` and ``roi``, as ``Cohort.table`` has them.
    lesions, threshold
        See ``case_image``, and ``roi.read_roi`` for a ROI that is a mask image.
    read
        How to read an image: ``image.decode`` where the caller is a child process
        itself.

    Raises
    ------
    UltrasoundError
        One sentence with the case and the reason: it has no ROI, a file cannot be
        read, the ROI is empty, lies outside the image or on several frames.
    """
    from napari_ptx.roi.masks import read_roi

    case = str(row["case"])
    roi = row.get("roi")
    if not isinstance(roi, str) or not roi:
        raise UltrasoundError(f"Case {case} has no ROI: outline it, or leave it out.")
    try:
        image = read(str(row["image"]))
        outlines = read_roi(roi, image.shape[-2:], threshold)
    except PtxError as error:
        raise UltrasoundError(f"Case {case}: {error.message}", error.details) from None
    return case_image(image, outlines, case=case, lesions=lesions)


def case_image(
    image: Image, outlines: Roi, *, case: str = "", lesions: Lesions = "largest"
) -> CaseImage:
    """Take the frame that is outlined, in grey, and the mask of its lesion.

    Parameters
    ----------
    image
        Of several frames or slices, the one that is outlined is taken.
    outlines
        The ROI, in pixels of the image. What lies outside the image is cut off.
    case
        A name for messages.
    lesions
        "largest": of several components of the mask (pixels that touch at a corner
        are connected), the one with the most pixels, and of equals the first from
        the top; "all": all of them. What was left out is in the note.

    Raises
    ------
    UltrasoundError
        As ``load_case``.
    """
    from napari_ptx.roi.raster import rasterise, trace

    if lesions not in get_args(Lesions):
        raise ValueError(f"lesions must be 'largest' or 'all', not {lesions!r}")
    which = f"Case {case}" if case else "The image"
    if not outlines:
        raise UltrasoundError(f"{which} has an empty ROI: outline the lesion, or leave it out.")
    notes = list(image.notes)
    frame = _frame(image, outlines, which)
    mask = rasterise(outlines, image.shape[-2:], frame)
    if not mask.any():
        raise UltrasoundError(
            f"{which}: no pixel of the image lies in the ROI; give the ROI that belongs to it."
        )
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count > 1 and lesions == "largest":
        sizes = np.bincount(labels.ravel())[1:]
        mask = labels == 1 + int(sizes.argmax())
        notes.append(
            f"The ROI has {count} components; the largest was taken, with "
            f"{sizes.max() / sizes.sum():.0%} of its pixels."
        )
    grey = image.grey()
    if len(image.shape) == 3:
        grey = grey[frame]
    black, white = _range(grey, image.window, notes)
    return CaseImage(
        case=case,
        grey=grey.astype(np.float32),
        mask=mask,
        spacing=common_spacing(trace(mask), image),
        black=black,
        white=white,
        note=" ".join(notes),
    )


def _frame(image: Image, outlines: Roi, which: str) -> int:
    """Tell which frame (or slice) is outlined."""
    frames = sorted({outline.frame for outline in outlines})
    count = image.shape[0] if len(image.shape) == 3 else 1
    if len(frames) > 1:
        raise UltrasoundError(
            f"{which} is outlined on {len(frames)} frames (counted from 0: "
            f"{', '.join(map(str, frames))}); one is needed: keep the outline of one frame."
        )
    if frames[0] >= count or frames[0] < 0:
        raise UltrasoundError(
            f"{which} is outlined on frame {frames[0]} (counted from 0), but its image has "
            f"{count}: give the ROI that belongs to it."
        )
    return frames[0]


def _range(
    grey: NDArray[Any], window: tuple[float, float] | None, notes: list[str]
) -> tuple[float, float]:
    """Give the values that are shown as black and white."""
    if grey.dtype == np.uint8:
        return 0.0, 255.0
    low, high = window if window is not None else (float(grey.min()), float(grey.max()))
    whose = "the window of the file" if window is not None else "the range of the picture"
    notes.append(f"Black is {low:g} and white is {high:g}, {whose}.")
    return low, high if high > low else low + 1.0
