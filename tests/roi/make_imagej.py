"""ROIs as ImageJ saves them, for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi


def selection(kind: ROI_TYPE, points: np.ndarray | None = None, **fields: object) -> ImagejRoi:
    """A ROI as ImageJ saves it; ``points`` are (x, y), whole numbers or not."""
    roi = ImagejRoi(roitype=kind, **fields)
    if points is not None:
        points = np.asarray(points)
        roi.left, roi.top = (int(v) for v in np.floor(points.min(axis=0)))
        roi.right, roi.bottom = (int(v) for v in np.ceil(points.max(axis=0)))
        roi.n_coordinates = len(points)
        roi.integer_coordinates = (points - [roi.left, roi.top]).astype(np.int32)
        if points.dtype.kind == "f":
            roi.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
            roi.subpixel_coordinates = points.astype(np.float32)
    return roi


def saved(tmp_path: Path, roi: ImagejRoi, name: str = "a.roi") -> Path:
    path = tmp_path / name
    path.write_bytes(roi.tobytes())
    return path


def composite(path: list[float], **fields: object) -> ImagejRoi:
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, dtype=np.float32),
        **fields,
    )


def ring_path(points: list[tuple[float, float]]) -> list[float]:
    (x0, y0), *rest = points
    return [0, x0, y0, *(v for x, y in rest for v in (1, x, y)), 1, x0, y0, 4]
