"""Mask images in and out, and ``read_roi``, which reads whatever a ROI was saved as."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ptx.roi.imagej import read_imagej
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.raster import trace

_TIFF = (".tif", ".tiff")
_PILLOW = (".png", ".jpg", ".jpeg", ".bmp")
_IMAGEJ = (".roi", ".zip")
_DICOM = (".dcm",)
_LOSSY = (".jpg", ".jpeg")
# Labels are counted from 1; the bright level of a mask is 1 or far above.
_LABELS = 64
# What tells a mask from a picture. An area of _EDGE pixels each way that is neither
# dark nor bright is no edge; and at most _STRAY of the ground is not at its level
# (1% in the worst of 479 JPEG masks of DDTI, 6% and more in 554 ultrasound and
# microscope pictures).
_EDGE = 5
_STRAY = 0.05


def read_mask(
    path: Path | str, threshold: float | None = None, *, invert: bool = False
) -> NDArray[np.bool_]:
    """Read a mask image.

    A pixel is object where its value is above the threshold. The value of a colour
    pixel is its largest channel, so that a fill or a line of any colour on black is
    object; what is transparent is background. A palette image with more than two
    colours is a label image, and its values are the label numbers. TIFF values are
    taken as they are shown ("white is zero" is turned round).

    Parameters
    ----------
    path
        PNG, TIFF, JPEG or BMP.
    threshold
        In the file's values. ``None`` is halfway between the two levels of the mask,
        the medians below and above the middle of its range, whatever they are (0
        and 1, 0 and 255, or JPEG's noisy 0-5 and 145-155). What lies between them
        may only be an edge up to four pixels wide, and the more frequent level must
        hold for 95% of its pixels. A mask of zeros is empty.
    invert
        The object is dark on a bright ground: a pixel is object where its smallest
        channel is at or below the threshold.

    Returns
    -------
    numpy.ndarray
        Boolean ``(y, x)``, or ``(frame, y, x)`` for a TIFF of several pages.

    Raises
    ------
    RoiError
        Where the file cannot be read, or without a threshold shows no two levels.
    """
    path = Path(path)
    pixels, channels = _load(path)
    if pixels.size == 0:
        raise RoiError(f"{path.name} has no pixels: save the mask again.")
    return _above(pixels, channels, threshold, invert, path)


def write_mask(path: Path | str, mask: ArrayLike) -> None:
    """Write a mask as an 8-bit image of 0 and 255, which ``read_mask`` gives back.

    Parameters
    ----------
    path
        ``.png`` or ``.bmp`` for ``(y, x)``; ``.tif`` for ``(frame, y, x)``, too.
        An existing file is replaced, whole or not at all.
    mask
        What is not zero is object.

    Raises
    ------
    RoiError
        Where the format does not fit (JPEG would change pixels).
    """
    path, pixels = Path(path), np.asarray(mask, dtype=bool).astype(np.uint8) * 255
    suffix = path.suffix.lower()
    part = path.with_name(path.name + ".part")
    if suffix in _TIFF and pixels.ndim in (2, 3):
        import tifffile

        tifffile.imwrite(part, pixels, photometric="minisblack", compression="zlib")
    elif suffix in (".png", ".bmp") and pixels.ndim == 2:
        from PIL import Image

        Image.fromarray(pixels).save(part, format=suffix[1:])
    else:
        raise RoiError(
            f"{path.name} cannot hold a mask of shape {pixels.shape}: "
            "write .png for one image, .tif for several frames."
        )
    part.replace(path)


def read_roi(
    path: Path | str,
    shape: Sequence[int] | None = None,
    threshold: float | None = None,
    *,
    invert: bool = False,
) -> tuple[Outline, ...]:
    """Read a ROI: an ImageJ file (``.roi``, ``.zip``), a mask image or a DICOM SEG (``.dcm``).

    Parameters
    ----------
    path
        The file.
    shape
        Rows and columns of the image that the ROI belongs to, to be checked.
    threshold, invert
        For a mask image, as in ``read_mask``.

    Returns
    -------
    tuple of Outline
        Empty for an empty mask.

    Raises
    ------
    RoiError
        Where the file cannot be read, a mask or SEG has not the image's shape, or an
        ImageJ outline lies wholly outside the image.
    """
    path = Path(path)
    if path.suffix.lower() in _IMAGEJ:
        outlines = read_imagej(path)
        if shape is not None:
            _check_inside(outlines, shape, path)
        return outlines
    if path.suffix.lower() in _DICOM:
        from napari_ptx.roi.dicom_seg import read_seg

        return read_seg(path, None if shape is None else (int(shape[0]), int(shape[1])))
    mask = read_mask(path, threshold, invert=invert)
    if shape is not None and mask.shape[-2:] != tuple(shape):
        raise RoiError(
            f"{path.name} has {_size(mask.shape[-2:])} pixels, but its image has {_size(shape)}: "
            "give the mask that belongs to the image."
        )
    if mask.ndim == 2:
        return trace(mask)
    return tuple(outline for frame, page in enumerate(mask) for outline in trace(page, frame))


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]} (rows x columns)"


def _check_inside(outlines: Sequence[Outline], shape: Sequence[int], path: Path) -> None:
    for number, outline in enumerate(outlines, 1):
        low, high = outline.points.min(axis=0), outline.points.max(axis=0)
        if (high < -0.5).any() or (low > np.array(shape) - 0.5).any():
            raise RoiError(
                f"{path.name}: outline {number} (rows {low[0]:g} to {high[0]:g}, columns "
                f"{low[1]:g} to {high[1]:g}) lies outside its image of {_size(shape)} pixels: "
                "give the ROI that belongs to the image."
            )


def _load(path: Path) -> tuple[NDArray[Any], bool]:
    """Read the pixels of an image file, and whether their last axis is channels."""
    suffix = path.suffix.lower()
    if suffix not in _TIFF + _PILLOW:
        known = ", ".join((*_PILLOW, *_TIFF, *_IMAGEJ, *_DICOM))
        raise RoiError(f"{path.name} is not a kind of ROI that can be read; use one of {known}.")
    if not path.is_file():
        raise RoiError(f"{path} does not exist: check the path.")
    try:
        return _load_tiff(path) if suffix in _TIFF else _load_pillow(path)
    except RoiError:  # says already what is wrong
        raise
    # a damaged file makes the decoders raise whatever its bytes led them into
    except Exception as error:
        raise RoiError(
            f"{path.name} cannot be read as an image ({type(error).__name__}: {error}); "
            "save the mask again, as PNG for example."
        ) from error


def _load_pillow(path: Path) -> tuple[NDArray[Any], bool]:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        mode = image.mode
        if mode == "P" and len(image.getcolors() or range(3)) > 2:
            return np.asarray(image), False
        if mode not in ("1", "L", "LA", "I", "I;16", "F", "RGB", "RGBA"):
            mode = "RGBA" if image.has_transparency_data else "RGB"
        pixels = np.asarray(image if mode == image.mode else image.convert(mode))
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels, pixels.ndim == 3


def _load_tiff(path: Path) -> tuple[NDArray[Any], bool]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        pixels, axes = series.asarray(), series.axes
        white_is_zero = series.keyframe.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
    frames = pixels.ndim - 2 - ("S" in axes)
    if frames not in (0, 1):
        raise RoiError(f"{path.name} has the axes {axes}: a mask has rows, columns and frames.")
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
        white_value = 1
    elif pixels.dtype.kind == "u":
        white_value = int(np.iinfo(pixels.dtype).max)
    else:
        white_is_zero = False
    return (white_value - pixels if white_is_zero else pixels), "S" in axes


def _above(
    pixels: NDArray[Any], channels: bool, threshold: float | None, invert: bool, path: Path
) -> NDArray[np.bool_]:
    """Tell for each pixel whether it is object."""
    values, shown = pixels, None
    if channels:
        if pixels.shape[-1] in (2, 4):
            shown = pixels[..., -1] > np.max(pixels[..., -1]) / 2
            pixels = pixels[..., :-1]
        values = pixels.min(axis=-1) if invert else pixels.max(axis=-1)
        if shown is not None:
            ground = values.max() if invert else values.dtype.type(0)
            values = np.where(shown, values, ground)
    if values.dtype.kind not in "uif" or not np.isfinite(values).all():
        raise RoiError(f"{path.name} has values that are not finite numbers: save it again as PNG.")
    if threshold is None:
        threshold = _middle(values, path, invert)
    mask: NDArray[np.bool_] = (values <= threshold) if invert else (values > threshold)
    return mask if shown is None else mask & shown


def _middle(values: NDArray[Any], path: Path, invert: bool) -> float:
    """The threshold halfway between two levels, if two levels are what there is."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        blank = high > 0 if invert else low == 0
        if not blank:
            raise RoiError(
                f"{path.name} has the value {low:g} everywhere: give a threshold to say "
                "whether that is object or background."
            )
        return low - 1 if invert else low
    if values.dtype.kind in "ui" and high <= _LABELS and path.suffix.lower() not in _LOSSY:
        distinct = np.unique(values)
        if len(distinct) > 2:
            text = ", ".join(f"{value:g}" for value in distinct[:6])
            raise RoiError(
                f"{path.name} has {len(distinct)} small values ({text}), as a label image has: "
                "give a threshold (0.5 takes all labels)."
            )
    upper = values > (low + high) / 2
    dark, bright = float(np.median(values[~upper])), float(np.median(values[upper]))
    quarter = (bright - dark) / 4
    between = (values > dark + quarter) & (values < bright - quarter)
    window = (1,) * (values.ndim - 2) + (_EDGE, _EDGE)
    ground, level = (values[upper], bright) if upper.mean() > 0.5 else (values[~upper], dark)
    stray = np.mean(abs(ground.astype(np.float64) - level) > quarter)
    if stray > _STRAY or ndimage.minimum_filter(between, window, mode="constant").any():
        raise RoiError(
            f"{path.name} does not show two levels (about {dark:g} and {bright:g}, but much "
            "else): give a mask instead of a picture, or a threshold."
        )
    return (dark + bright) / 2
