"""Simulated neck ultrasound of a parathyroid lesion, with the exact truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from napari_ptx.image.types import Image, Region
from napari_ptx.phantom.canvas import Canvas
from napari_ptx.phantom.lesion import Lesion, draw_lesion
from napari_ptx.phantom.neck import CONNECTIVE, Layout, draw_layout, make_room, paint_neck
from napari_ptx.phantom.scanner import Scanner, compress, envelope
from napari_ptx.roi.outline import Outline

VERSION = 1
"""Changes whenever the same seed gives another picture or another truth."""

MARGIN = 18
"""Pixels left of and below the tissue: the depth scale and the word "SIMULATED"."""

_BORDER_POINTS = 720


@dataclass(frozen=True)
class Scenario:
    """What was drawn for one case; enough to say why a picture looks as it does.

    Parameters
    ----------
    seed, version
        The seed, and the version of the phantom that it belongs to.
    label
        0 for an adenoma-like lesion, 1 for an atypical-like one.
    shape
        Rows and columns of tissue, without the margin.
    spacing
        Millimetres per pixel, the same along y and x.
    lesion_db
        Mean backscatter of the lesion, in dB below the brightest echo shown.
    unevenness
        Standard deviation (dB) of the backscatter within the lesion.
    lesion, layout, scanner
        The border (mm from the first pixel of tissue), the anatomy, the probe.
    mirrored
        Whether medial is on the right of the picture.
    """

    seed: int
    version: int
    label: int
    shape: tuple[int, int]
    spacing: float
    lesion_db: float
    unevenness: float
    lesion: Lesion
    layout: Layout
    scanner: Scanner
    mirrored: bool

    @property
    def region(self) -> Region:
        """Where the tissue lies in the image, and its calibration."""
        height, width = self.shape
        return Region(0, MARGIN, height, MARGIN + width, (self.spacing, self.spacing))

    @property
    def truth(self) -> tuple[Outline, ...]:
        """The exact border of the lesion, in pixels, sampled more finely than they are."""
        points, _ = self.lesion.border(_BORDER_POINTS)
        return (Outline(self.to_pixels(points)),)

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn ``(n, 2)`` positions ``(y, x)`` in mm of tissue into pixels of the image."""
        y, x = points.T / self.spacing
        if self.mirrored:
            x = self.shape[1] - 1 - x
        return np.column_stack([y, x + MARGIN])

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Phantom:
    """One simulated case.

    Parameters
    ----------
    image
        Grey ultrasound, calibrated in one region: the tissue, without the margin.
    scenario
        Everything that was drawn.
    """

    image: Image
    scenario: Scenario

    @property
    def truth(self) -> tuple[Outline, ...]:
        """The exact border of the lesion, in pixels."""
        return self.scenario.truth

    @property
    def size_mm(self) -> float:
        """Maximum diameter of the lesion."""
        return self.scenario.lesion.size

    @property
    def label(self) -> int:
        """0 for adenoma-like, 1 for atypical-like."""
        return self.scenario.label


def simulate(seed: int, *, label: int | None = None) -> Phantom:
    """Simulate a B-mode picture of a parathyroid lesion behind the thyroid.

    The same seed gives the same picture on the same machine; across machines the
    last bit of a grey level may differ, because fast Fourier transforms do.

    Parameters
    ----------
    seed
        Any non-negative integer.
    label
        0 or 1 to ask for an adenoma-like or an atypical-like lesion; drawn from
        the seed (30% atypical-like) where it is ``None``.

    Returns
    -------
    Phantom
        The picture says "SIMULATED" in its margin. It stands for no patient, and
        no number measured on it is a clinical claim.
    """
    return render(draw_scenario(seed, label=label))


def draw_scenario(seed: int, *, label: int | None = None) -> Scenario:
    """Draw what ``simulate`` shows, with the exact truth but without the picture."""
    rng = np.random.default_rng([VERSION, seed])
    drawn = int(rng.random() < 0.3)
    label = drawn if label is None else int(label)
    if label not in (0, 1):
        raise ValueError(f"label must be 0, 1 or None, not {label}")
    spacing = float(round(rng.uniform(0.074, 0.089), 4))
    height, width = (int(rng.integers(470, 531)), int(rng.integers(550, 611)))
    layout = draw_layout(width * spacing, rng)
    lesion = draw_lesion(label, _behind_thyroid(layout, rng), 0.0, rng)
    layout, lesion = make_room(layout, lesion)
    height = max(height, int((layout.bone + 2.0) / spacing))  # the probe is set deep enough
    scanner = Scanner(
        axial_mm=rng.uniform(0.22, 0.28),
        lateral_mm=rng.uniform(0.48, 0.62),
        focus_mm=rng.uniform(16, 24),
        dynamic_range_db=rng.uniform(55, 60),
    )
    return Scenario(
        seed=seed,
        version=VERSION,
        label=label,
        shape=(height, width),
        spacing=spacing,
        lesion_db=rng.normal(-48.0 if label else -49.0, 1.3),
        unevenness=rng.gamma(6.0, 0.33 if label else 0.2),
        lesion=lesion,
        layout=layout,
        scanner=scanner,
        mirrored=bool(rng.random() < 0.5),
    )


def render(scenario: Scenario) -> Phantom:
    """Scan a scenario; the same one gives the same picture."""
    texture, speckle = (np.random.default_rng([VERSION, scenario.seed, k]) for k in (1, 2))
    canvas = Canvas(scenario.shape, scenario.spacing, CONNECTIVE, texture)
    tissue = paint_neck(
        canvas, scenario.layout, scenario.lesion, scenario.lesion_db, scenario.unevenness
    )
    echoes = envelope(tissue, scenario.spacing, scenario.scanner, speckle)
    grey = compress(echoes, scenario.scanner.dynamic_range_db)
    if scenario.mirrored:
        grey = grey[:, ::-1]
    region = scenario.region
    frame = _frame(grey, scenario.spacing)
    image = Image(frame, "yx", region.spacing, True, modality="US", regions=(region,))
    return Phantom(image, scenario)


def _behind_thyroid(layout: Layout, rng: np.random.Generator) -> tuple[float, float]:
    """A point ``(y, x)`` in mm on the posterior surface of the lobe."""
    y, x, half_y, half_x = layout.thyroid
    place = rng.uniform(-0.25, 0.35)
    return y + half_y * float(np.sqrt(1 - place**2)), x + half_x * place


def _frame(grey: NDArray[np.uint8], spacing: float) -> NDArray[np.uint8]:
    """Put the tissue beside a depth scale (a tick each 5 mm) and above a caption."""
    height, width = grey.shape
    frame = np.zeros((height + MARGIN, width + MARGIN), np.uint8)
    frame[:height, MARGIN:] = grey
    for tick in range(int((height - 1) * spacing / 5) + 1):
        row = round(tick * 5 / spacing)
        length = 8 if tick % 2 == 0 else 4
        frame[row : row + 1, MARGIN - 2 - length : MARGIN - 2] = 170
    canvas = PillowImage.fromarray(frame)
    font = ImageFont.load_default(size=11)
    ImageDraw.Draw(canvas).text((MARGIN, height + 3), "SIMULATED", fill=150, font=font)
    return np.array(canvas)
