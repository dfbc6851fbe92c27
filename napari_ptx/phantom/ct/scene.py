"""A simulated CT of the neck: from a seed to the phases, with the exact truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.image.types import Image
from napari_ptx.phantom.ct import frame
from napari_ptx.phantom.ct.anatomy import Anatomy, draw_anatomy, draw_nodes
from napari_ptx.phantom.ct.frame import Organ
from napari_ptx.phantom.ct.glands import Draw, Gland, draw_glands, place_glands
from napari_ptx.phantom.ct.motion import Motion, draw_motion, draw_pose
from napari_ptx.phantom.ct.scanner import Canvas, blur, noise
from napari_ptx.phantom.ct.tissue import PHASES, Part

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Changes whenever the same seed gives another image or another truth."""

NOTE = "SIMULATED by napari-ptx; not a patient"

REGIONS = {
    "bed": ((-56.0, 56.0), (-41.0, 58.0), (-57.0, 57.0)),
    "neck": ((-100.0, 95.0), (-92.0, 118.0), (-150.0, 150.0)),
}
"""Range of z, y and x (mm) of each region: the thyroid bed, or jaw to upper mediastinum."""

SPACINGS = {"bed": (1.0, 0.6, 0.6), "neck": (1.0, 0.8, 0.8)}

_COARSEST = (4.0, 2.0, 2.0)  # mm
_ROSE = 5.0  # signal to noise ratio above which a disc is reliably seen (Rose, 1948)


@dataclass(frozen=True)
class Settings:
    """What is simulated.

    Parameters
    ----------
    region
        "bed" (the thyroid bed) or "neck" (jaw to upper mediastinum, with the shoulders).
    phases
        Of "plain", "arterial", "venous"; the first is the one that others move against.
    spacing
        mm along z, y, x, at most 4 x 2 x 2, so that no gland falls between the voxels;
        ``None`` for 1.0 x 0.6 x 0.6 (bed) or 1.0 x 0.8 x 0.8 (neck).
    noise
        Range of the noise's standard deviation (HU), one value for each patient.
    sharpness
        Range of the full width at half maximum (mm) of the point spread in the slice.
    still
        Whether nothing moves between phases.
    """

    region: str = "bed"
    phases: tuple[str, ...] = ("plain", "arterial")
    spacing: tuple[float, float, float] | None = None
    noise: tuple[float, float] = (8.0, 20.0)
    sharpness: tuple[float, float] = (0.5, 0.8)
    still: bool = False

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, not {self.region!r}")
        if not self.phases or len(set(self.phases)) < len(self.phases):
            raise ValueError("phases must name at least one phase, and none twice")
        if not set(self.phases) <= set(PHASES):
            raise ValueError(f"phases must be of {', '.join(PHASES)}, not {self.phases}")
        if not all(0.2 <= step <= most for step, most in zip(self.steps, _COARSEST, strict=True)):
            raise ValueError(f"spacing must be from 0.2 to 4 x 2 x 2 mm, not {self.spacing}")

    @property
    def steps(self) -> tuple[float, float, float]:
        """The spacing (mm) along z, y, x."""
        return self.spacing or SPACINGS[self.region]

    def axes(self) -> tuple[NDArray[np.floating[Any]], ...]:
        """Positions (mm) of the voxel centres along z, y, x in the patient frame."""
        return tuple(
            low + step * np.arange(max(round((high - low) / step), 2))
            for (low, high), step in zip(REGIONS[self.region], self.steps, strict=True)
        )


@dataclass(frozen=True)
class Plan:
    """Everything that is drawn for a patient, before an image is made.

    Parameters
    ----------
    seed, version, settings
        What it was drawn from.
    anatomy, nodes
        Everything but the parathyroid glands.
    glands
        Those that lie in the region; label 1 is the first.
    outside
        Those that do not.
    motions
        How the anatomy lies in each phase.
    noise, sharpness
        Standard deviation (HU) of the noise above the shoulders; full width at half
        maximum (mm) of the point spread.
    """

    seed: int
    version: int
    settings: Settings
    anatomy: Anatomy
    nodes: tuple[Organ, ...]
    glands: tuple[Gland, ...]
    outside: tuple[Draw, ...]
    motions: dict[str, Motion]
    noise: float
    sharpness: float


@dataclass(frozen=True)
class GlandTruth:
    """The truth of one gland, as in ``glands.csv``.

    ``x_mm, y_mm, z_mm`` is the centre of its volume in the patient frame (LPS) of the first
    phase. ``cnr`` is its difference from the thyroid in standard deviations of the noise at
    its level. ``visible`` is 1 where it is at least 4 mm long and meets Rose's criterion
    against the thyroid in at least one phase: ``|cnr|`` times the square root of the area of
    its middle section in mm² is 5 or more.
    """

    gland: int
    slot: str
    site: str
    z_mm: float
    y_mm: float
    x_mm: float
    volume_mm3: float
    diameter_mm: float
    pattern: str
    hu_plain: float
    hu_arterial: float
    cnr_plain: float
    cnr_arterial: float
    visible: int
    vessel_mm: float
    thyroid_mm: float


@dataclass(frozen=True, eq=False)
class NeckCT:
    """One simulated examination.

    Parameters
    ----------
    images
        CT of each phase in HU (int16), in one patient frame.
    labels
        The number of each gland (1, 2, ...) in each phase, 0 elsewhere (int16).
    anatomy
        Values of ``Part`` in the first phase (uint8).
    truth
        The glands in the order of their numbers.
    plan
        Everything that was drawn.
    """

    images: dict[str, Image]
    labels: dict[str, Image]
    anatomy: Image
    truth: tuple[GlandTruth, ...]
    plan: Plan

    @property
    def glands(self) -> pd.DataFrame:
        """The truth as a table, one row for each gland."""
        import pandas as pd

        columns = list(GlandTruth.__dataclass_fields__)
        return pd.DataFrame([asdict(gland) for gland in self.truth], columns=columns)


def simulate(seed: int, settings: Settings | None = None) -> NeckCT:
    """Simulate a multiphase CT of a neck with 3 to 5 enlarged parathyroid glands.

    The same seed gives the same examination on the same machine; the anatomy does not depend
    on the region. It stands for no patient, and no number measured on it is a clinical claim.

    Parameters
    ----------
    seed
        Any non-negative integer.
    """
    return render(draw_plan(seed, settings))


def draw_plan(seed: int, settings: Settings | None = None) -> Plan:
    """Draw what ``simulate`` shows, without the images."""
    settings = settings or Settings()
    people, small, moving, scan = (np.random.default_rng([VERSION, seed, k]) for k in range(4))
    anatomy = draw_anatomy(people)
    glands = place_glands(draw_glands(small), anatomy, small)
    nodes = draw_nodes(anatomy, [g.shape for g in glands], people)
    pose = draw_pose(moving)
    drawn = {phase: draw_motion(moving) for phase in PHASES}
    motions = {
        phase: pose if settings.still or phase == settings.phases[0] else pose.then(drawn[phase])
        for phase in settings.phases
    }
    inside = tuple(g for g in glands if _in_view(g, motions, settings))
    return Plan(
        seed=seed,
        version=VERSION,
        settings=settings,
        anatomy=anatomy,
        nodes=nodes,
        glands=inside,
        outside=tuple(g.draw for g in glands if g not in inside),
        motions=motions,
        noise=float(scan.uniform(*settings.noise)),
        sharpness=float(scan.uniform(*settings.sharpness)),
    )


def render(plan: Plan) -> NeckCT:
    """Scan a plan; the same one gives the same images."""
    images, labels = {}, {}
    anatomy: Image | None = None
    truth: tuple[GlandTruth, ...] = ()
    for phase in plan.settings.phases:
        canvas = paint(plan, phase)
        volumes = [canvas.label(g.shape, n) for n, g in enumerate(plan.glands, 1)]
        images[phase] = _image(_scan(canvas, plan, phase), plan, phase)
        labels[phase] = _image(canvas.labels, plan, phase)
        if anatomy is None:
            anatomy = _image(canvas.parts, plan, phase)
            truth = tuple(_truth(plan, n, volume, canvas) for n, volume in enumerate(volumes, 1))
    assert anatomy is not None
    return NeckCT(images, labels, anatomy, truth, plan)


def paint(plan: Plan, phase: str) -> Canvas:
    """Paint the tissues of a phase, without blur and noise."""
    column = PHASES.index(phase)
    anatomy = plan.anatomy
    fat = anatomy.tissues["fat"][column]
    canvas = Canvas(plan.settings.axes(), plan.motions[phase], fat)

    def put(organs: tuple[Organ, ...]) -> None:
        for organ in organs:
            tissue = organ.tissue
            hu = anatomy.tissues[tissue] if isinstance(tissue, str) else tissue
            canvas.fill(organ.shape, hu[column], organ.part)

    put(anatomy.before)
    for gland in plan.glands:
        if gland.gap:
            canvas.fill(gland.shape, fat, grow=gland.gap)
    put(anatomy.after)
    for node in plan.nodes:
        canvas.fill(node.shape, fat, grow=1.0)
    put(plan.nodes)
    for gland in plan.glands:
        canvas.fill(gland.shape, gland.hu[column], Part.GLAND)
    skin, air = anatomy.tissues["skin"][column], anatomy.tissues["air"][column]
    canvas.wrap(frame.skin(anatomy.fat), 1.8, skin, air)
    return canvas


def _shoulders(plan: Plan) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Standard deviations (HU) of noise and streaks by slice: both rise at the shoulders."""
    z = plan.settings.axes()[0]
    deep = 1 / (1 + np.exp((z + 40) / 6))
    return plan.noise * (1 + 0.6 * deep), plan.noise * 0.9 * deep


def _scan(canvas: Canvas, plan: Plan, phase: str) -> NDArray[np.int16]:
    rng = np.random.default_rng([VERSION, plan.seed, 10 + PHASES.index(phase)])
    canvas.texture(3.0, 5.0, np.random.default_rng([VERSION, plan.seed, 5]))
    steps = plan.settings.steps
    values = blur(canvas.hu, steps, (steps[0], plan.sharpness, plan.sharpness))
    values += noise(values.shape, steps, *_shoulders(plan), rng)
    np.rint(values, out=values)
    return np.clip(values, -1024, 3071, out=values).astype(np.int16)


def _image(pixels: NDArray[Any], plan: Plan, phase: str) -> Image:
    z, y, x = plan.settings.axes()
    return Image(
        pixels,
        "zyx",
        plan.settings.steps,
        True,
        modality="CT",
        origin=(float(x[0]), float(y[0]), float(z[0])),
        direction=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        notes=(f"{NOTE}: {phase} phase, seed {plan.seed}, version {plan.version}",),
    )


def _in_view(gland: Gland, motions: dict[str, Motion], settings: Settings) -> bool:
    """Tell whether the whole gland lies in the volume in each phase."""
    surface = gland.shape.surface(60)
    return all(
        axis[0] + 1 < low and high < axis[-1] - 1
        for motion in motions.values()
        for axis, low, high in zip(
            settings.axes(),
            motion.to_image(surface).min(axis=0),
            motion.to_image(surface).max(axis=0),
            strict=True,
        )
    )


def _truth(plan: Plan, number: int, volume: float, canvas: Canvas) -> GlandTruth:
    gland = plan.glands[number - 1]
    blob = gland.shape
    # the centre of the volume: a bump moves it from the centre of the ellipsoid
    where = np.argwhere(canvas.labels == number)
    middle = where.mean(axis=0) * plan.settings.steps + [axis[0] for axis in plan.settings.axes()]
    z, y, x = (float(round(v, 3)) for v in middle)
    level = float(np.interp(z, plan.settings.axes()[0], _shoulders(plan)[0]))
    thyroid = plan.anatomy.tissues.thyroid
    cnr = [(own - other) / level for own, other in zip(gland.hu, thyroid, strict=True)]
    seen = max(abs(c) for c in cnr[:2]) * np.sqrt(np.pi * blob.semi[0] * blob.semi[1])
    return GlandTruth(
        gland=number,
        slot=gland.draw.slot,
        site=gland.draw.site,
        z_mm=z,
        y_mm=y,
        x_mm=x,
        volume_mm3=round(volume, 2),
        diameter_mm=round(blob.diameter, 2),
        pattern=gland.draw.pattern,
        hu_plain=round(gland.hu[0], 1),
        hu_arterial=round(gland.hu[1], 1),
        cnr_plain=round(cnr[0], 2),
        cnr_arterial=round(cnr[1], 2),
        visible=int(blob.diameter >= 4.0 and seen >= _ROSE),
        vessel_mm=round(gland.vessel_mm, 2),
        thyroid_mm=round(gland.thyroid_mm, 2),
    )
