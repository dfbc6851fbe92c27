"""Rigid registration of one phase to another, with a residual that says whether to trust it."""
# SimpleITK has no annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that ITK's own documents use
from numpy.typing import NDArray

from napari_ptx.child import Progress
from napari_ptx.errors import PtxError
from napari_ptx.image.itk import to_itk
from napari_ptx.image.types import Image

AIR = -1000
GOOD, FAIR = 1.5, 3.0
"""Residuals (mm) up to which a registration is good, or should be looked at. A gland is 3-10 mm."""

_WORKING_SPACING = 2.0
_BODY = -400
_STEPS = 100
_LEVELS = ((4, 2.0, 0.2), (2, 1.0, 0.1), (1, 0.0, 0.2))
"""Of each level: how much it is shrunk and smoothed (pixels), and the share of points."""


class RegistrationError(PtxError):
    """Two volumes that cannot be registered."""


@dataclass(frozen=True)
class Registration:
    """A rigid motion from the fixed volume to the moving one.

    Parameters
    ----------
    matrix
        ``(4, 4)``, row by row: a point of the fixed volume (x, y, z in mm, LPS) to the point
        of the moving volume that shows the same.
    residual
        How far (mm, 95th percentile over the body) the motion of the whole differs from
        the motions that fit the upper and the lower half best. It is small where one rigid
        motion explains both, and large where the neck bent or the search went astray.
    moved
        How far (mm, median over the body) points were moved.
    skipped
        Whether the volumes lay on each other already, and were left so.
    """

    matrix: tuple[tuple[float, ...], ...]
    residual: float
    moved: float
    skipped: bool = False

    @property
    def verdict(self) -> Literal["good", "look", "bad"]:
        """Whether to trust it: "good", "look" (at the overlay first) or "bad"."""
        if self.residual <= GOOD:
            return "good"
        return "look" if self.residual <= FAIR else "bad"


def register(fixed: Image, moving: Image, *, progress: Progress | None = None) -> Registration:
    """Find the rigid motion that lays one CT volume on another.

    Six parameters by Mattes mutual information (10-20 % of the points within the body,
    three levels, 2 mm), then once more for the upper and for the lower half of the body, which
    gives the residual. The same volumes give the same answer.

    Parameters
    ----------
    fixed, moving
        Volumes with a patient frame, in Hounsfield units.

    Raises
    ------
    RegistrationError
        If a volume has no patient frame, shows no body, or the two share no place.
    """
    for name, image in (("fixed", fixed), ("moving", moving)):
        if image.axes != "zyx" or image.origin is None or image.direction is None:
            raise RegistrationError(
                f"{image.source or f'the {name} volume'} cannot be registered: it is not a volume "
                "with a place in the patient; choose a CT series."
            )
    still, other = _working(fixed), _working(moving)
    body = _body(still)
    points = _points(still, body)
    if len(points) < 1000:
        raise RegistrationError(
            f"{fixed.source or 'the fixed volume'} cannot be registered: it shows no body "
            f"(nothing above {_BODY} HU); check that it is in Hounsfield units."
        )
    tell = _Told(progress)
    start = _start(still, other)
    whole = _search(still, other, body, start, tell)
    motions = []
    middle = float(np.median(points[:, 2]))
    for upper in (True, False):
        inside = points[:, 2] >= middle if upper else points[:, 2] < middle
        half = _half(still, body, middle, upper)
        motion = _search(still, other, half, whole, tell)
        motions.append(_apply(motion, points[inside]) - _apply(whole, points[inside]))
    difference = np.linalg.norm(np.concatenate(motions), axis=1)
    moved = float(np.median(np.linalg.norm(_apply(whole, points) - points, axis=1)))
    tell.done()
    residual = float(np.percentile(difference, 95))
    # Less than the search itself wavers: the scanner's own frame is better than that.
    if moved < 0.5 and residual <= GOOD:
        return Registration(_rows(sitk.Euler3DTransform()), residual, 0.0, skipped=True)
    return Registration(_rows(whole), residual, moved)


def resample_to(
    moving: Image, fixed: Image, registration: Registration | None = None, *, outside: int = AIR
) -> NDArray[Any]:
    """Interpolate a volume onto the grid of another, moved by a registration.

    Linear; the type is kept.

    Parameters
    ----------
    outside
        The value where the moving volume shows nothing.

    Returns
    -------
    ndarray
        ``(z, y, x)`` of the fixed volume.
    """
    transform = sitk.AffineTransform(3)
    if registration is not None:
        matrix = np.array(registration.matrix)
        transform.SetMatrix(matrix[:3, :3].ravel().tolist())
        transform.SetTranslation(matrix[:3, 3].tolist())
    made = sitk.Resample(
        to_itk(moving), to_itk(fixed), transform, sitk.sitkLinear, outside, sitk.sitkUnknown
    )
    pixels: NDArray[Any] = sitk.GetArrayFromImage(made)
    return pixels


class _Told:
    """Progress over the three searches, each of three levels."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._step = 0
        self._all = 3 * len(_LEVELS)

    def level(self) -> None:
        if self._progress is not None:
            self._progress(min(self._step, self._all), self._all, "registering")
        self._step += 1

    def done(self) -> None:
        self._step = self._all
        self.level()


def _working(image: Image) -> Any:
    """Give the part with the body at 2 mm, in 32-bit numbers."""
    made = sitk.Cast(_cropped(to_itk(image)), sitk.sitkFloat32)
    old = np.array(made.GetSpacing())
    new = np.maximum(old, _WORKING_SPACING)
    size = [max(1, round(count * was / now)) for count, was, now in
            zip(made.GetSize(), old, new, strict=True)]  # fmt: skip
    smooth = sitk.SmoothingRecursiveGaussian(made, [max(0.1, 0.5 * value) for value in new])
    return sitk.Resample(
        smooth, size, sitk.Transform(), sitk.sitkLinear, made.GetOrigin(), new.tolist(),
        made.GetDirection(), AIR,
    )  # fmt: skip


def _cropped(volume: Any) -> Any:
    """Leave out the air around the body, which is most of a volume and only costs time."""
    every = max(1, min(volume.GetSize()) // 64)
    dense = sitk.GetArrayViewFromImage(volume)[::every, ::every, ::every] > _BODY
    if not dense.any():
        return volume
    ends = []
    for axis, count in zip((2, 1, 0), volume.GetSize(), strict=True):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(dense.any(axis=others)) * every
        ends.append((max(0, int(found[0]) - 2 * every), min(count, int(found[-1]) + 3 * every)))
    (x0, x1), (y0, y1), (z0, z1) = ends
    return volume[x0:x1, y0:y1, z0:z1]


def _body(volume: Any) -> Any:
    """Mask the largest thing that is not air, with a margin for the skin's edge."""
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(volume > _BODY))
    return sitk.BinaryDilate(parts == 1, [2, 2, 1])


def _half(volume: Any, body: Any, middle: float, upper: bool) -> Any:
    """Keep the part of a mask above or below a height (mm along z of the patient)."""
    inside = sitk.GetArrayFromImage(body).astype(bool)
    heights = _heights(volume)
    kept = inside & ((heights >= middle) if upper else (heights < middle))
    mask = sitk.GetImageFromArray(kept.astype(np.uint8))
    mask.CopyInformation(body)
    return mask


def _heights(volume: Any) -> NDArray[np.float64]:
    """Give z in mm of every voxel."""
    direction = np.array(volume.GetDirection()).reshape(3, 3)[2] * np.array(volume.GetSpacing())
    x, y, z = (np.arange(count) for count in volume.GetSize())
    heights: NDArray[np.float64] = (
        volume.GetOrigin()[2]
        + direction[0] * x[None, None, :]
        + direction[1] * y[None, :, None]
        + direction[2] * z[:, None, None]
    )
    return heights


def _points(volume: Any, body: Any) -> NDArray[np.float64]:
    """Give up to 20,000 points (mm) of the body, evenly drawn."""
    inside = np.argwhere(sitk.GetArrayViewFromImage(body))
    inside = inside[:: max(1, len(inside) // 20_000)][:, ::-1]
    matrix = np.array(volume.GetDirection()).reshape(3, 3) * np.array(volume.GetSpacing())
    return np.asarray(inside @ matrix.T + np.array(volume.GetOrigin()), dtype=np.float64)


def _start(still: Any, other: Any) -> Any:
    """Begin where the scanner's frame puts them, or else with the centres on each other."""
    start = sitk.Euler3DTransform()
    start.SetCenter(_centre(still))
    ends = [_corners(volume) for volume in (still, other)]
    low = np.maximum(ends[0].min(axis=0), ends[1].min(axis=0))
    high = np.minimum(ends[0].max(axis=0), ends[1].max(axis=0))
    share = np.clip(high - low, 0, None) / np.ptp(ends[0], axis=0)
    if share.min() < 0.3:  # other frames of reference
        move = np.array(_centre(other)) - np.array(_centre(still))
        start.SetTranslation(move.tolist())
    return start


def _centre(volume: Any) -> Any:
    return volume.TransformContinuousIndexToPhysicalPoint(
        [(count - 1) / 2 for count in volume.GetSize()]
    )


def _corners(volume: Any) -> NDArray[np.float64]:
    ends = [(0, count - 1) for count in volume.GetSize()]
    return np.array(
        [
            volume.TransformIndexToPhysicalPoint((x, y, z))
            for x in ends[0]
            for y in ends[1]
            for z in ends[2]
        ]
    )


def _search(still: Any, other: Any, mask: Any, start: Any, tell: _Told) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([share for *_, share in _LEVELS], 1)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.001, numberOfIterations=_STEPS, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([factor for factor, *_ in _LEVELS])
    method.SetSmoothingSigmasPerLevel([sigma for _, sigma, _ in _LEVELS])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(False)
    # More than one thread would sum in another order each time; so would one that is given the
    # metric in several pieces of work, as they come.
    method.SetNumberOfThreads(1)
    method.SetNumberOfWorkUnits(1)
    method.AddCommand(sitk.sitkMultiResolutionIterationEvent, tell.level)
    motion = sitk.Euler3DTransform(start)
    method.SetInitialTransform(motion, inPlace=True)
    try:
        method.Execute(still, other)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1][:200]
        raise RegistrationError(
            f"The phases cannot be registered: they show too little of the same place ({said}); "
            "check that both are of one patient and of the neck."
        ) from None
    return motion


def _rows(motion: Any) -> tuple[tuple[float, ...], ...]:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(motion.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = motion.TransformPoint((0.0, 0.0, 0.0))
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _apply(motion: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array(_rows(motion))
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)
