"""One patient's anatomy: thyroid, airway, gullet, vessels and nodes in the frame of the neck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.phantom.ct import frame
from napari_ptx.phantom.ct.frame import Organ
from napari_ptx.phantom.ct.shapes import Blob, Shape, Sheet, Sweep, tube
from napari_ptx.phantom.ct.tissue import Part, Tissues, draw_node, draw_nodule, draw_tissues

Floats = NDArray[np.floating[Any]]

VISCERA = ((-115, 36), (-60, 15), (-30, 6.5), (0, 0), (30, -1), (60, -2), (105, 0))
"""Level and y (mm) of the axis of trachea, larynx and throat."""


@dataclass(frozen=True)
class Anatomy:
    """Where everything but the parathyroid glands lies, in the order of painting.

    Parameters
    ----------
    fat
        Thickness (mm) added to the fat under the skin.
    tissues
        The HU of this patient's tissues.
    before, after
        Organs that are painted before and after the fat that surrounds the glands.
    lobes
        The thyroid lobes by side, "right" and "left".
    """

    fat: float
    tissues: Tissues
    before: tuple[Organ, ...]
    after: tuple[Organ, ...]
    lobes: dict[str, Sweep]

    def shapes(self, *parts: Part) -> list[Shape]:
        """Shapes of the organs of these parts."""
        return [o.shape for o in (*self.before, *self.after) if o.part in parts]


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient."""
    tissues = draw_tissues(rng)
    fat = float(np.clip(rng.normal(1, 3), -3, 8))
    lobes, thyroid = _thyroid(tissues, rng)
    before = [*frame.muscles(rng), *frame.chest(rng), *frame.spine(rng), *frame.jaw(), *thyroid]
    after = [*_gullet(rng), *_airway(rng), *_arteries(rng), *_veins(rng)]
    return Anatomy(fat, tissues, tuple(before), tuple(after), lobes)


def _middle(z: float) -> float:
    levels, values = zip(*VISCERA, strict=True)
    return float(np.interp(z, levels, values))


def _thyroid(tissues: Tissues, rng: np.random.Generator) -> tuple[dict[str, Sweep], list[Organ]]:
    """Straps, isthmus, lobes and nodules: a lobe is about 5 x 1.7 x 1.6 cm."""
    organs, lobes = [], {}
    size = float(np.clip(rng.normal(1, 0.1), 0.75, 1.25))
    for side, name in ((-1, "right"), (1, "left")):
        own = size * float(np.clip(rng.normal(1.03 if side < 0 else 1, 0.05), 0.85, 1.15))
        high, low = 27 * own, -24 * own
        knots = (
            (low, 3.5, side * 12.5, 6.0 * own, 5.5 * own),
            (low / 2, 2.0, side * 14.5, 8.6 * own, 7.2 * own),
            (0, 1.8, side * 16.0, 8.8 * own, 7.4 * own),
            (high / 2, 3.5, side * 18.0, 7.6 * own, 6.0 * own),
            (high, 6.0, side * 21.0, 4.4 * own, 3.6 * own),
        )  # fmt: skip
        lobes[name] = Sweep(knots, (side * -18, side * -22), (9.0 * own, 12.0 * own))
        deep = (
            (-46, -1, 11, 1.8, 7),
            (-15, -7.5, 14, 1.9, 10),
            (10, -8.5, 17, 1.9, 9.5),
            (32, -9, 16, 2, 8),
        )
        flat = (
            (-50, -3, 9, 1.8, 7),
            (-15, -12.5, 9, 2, 9),
            (20, -17, 9, 2, 8.5),
            (54, -20, 8, 2, 7),
        )
        for label, rows, tilt in (
            ("sternothyroid", deep, (20, 32)),
            ("sternohyoid", flat, (15, 22)),
        ):
            knots_ = tuple((z, y, side * x, ry, rx) for z, y, x, ry, rx in rows)
            shape = Sweep(knots_, (side * tilt[0], side * tilt[1]), (2.0, 2.0))
            organs.append(Organ(label, shape, "muscle", Part.MUSCLE))
    isthmus = Sweep(
        ((-10, -8.5, 0, 4.2, 12), (-3, -9.2, 0, 4.6, 13), (6, -9.0, 0, 3.6, 12)), caps=(5, 5)
    )
    for shape in (isthmus, *lobes.values()):
        organs.append(Organ("thyroid", shape, "thyroid", Part.THYROID))
    for _ in range(rng.poisson(0.8)):
        lobe = lobes["right" if rng.random() < 0.5 else "left"]
        z = rng.uniform(*lobe.span) * 0.6
        y, x, ry, rx = lobe.at(z)
        radius = float(min(rng.gamma(4, 0.9), 0.7 * min(ry, rx)))
        centre = (
            float(z),
            float(y - rng.uniform(0.0, 0.25) * ry),
            float(x + rng.uniform(-0.2, 0.2) * rx),
        )
        blob = Blob(centre, (radius, radius * 0.9, radius * 0.8), bumps=bumps(rng, 0.06))
        organs.append(Organ("nodule", blob, draw_nodule(tissues, rng), Part.NODULE))
    return lobes, organs


def _gullet(rng: np.random.Generator) -> list[Organ]:
    """The oesophagus, behind and left of the trachea; now and then a bubble of air."""
    x = rng.normal(4.0, 1.2)
    rows = tuple((z, _middle(z) + 13.6, x, 4.4, 8.2) for z in (-115, -60, -30, 0, 16, 30))
    mucosa = tuple((z, y, c, 1.4, 4.6) for z, y, c, _, _ in rows)
    organs = [
        Organ("oesophagus", Sweep(rows, caps=(0, 8)), "oesophagus", Part.OESOPHAGUS),
        Organ("mucosa", Sweep(mucosa, caps=(0, 12)), (30.0, 90.0, 95.0), Part.OESOPHAGUS),
    ]
    if rng.random() < 0.4:
        z = rng.uniform(-50, 0)
        bubble = Blob((float(z), _middle(z) + 13.1, float(x)), (5.0, 2.4, 1.2))
        organs.append(Organ("bubble", bubble, "air", Part.AIRWAY))
    return organs


def _airway(rng: np.random.Generator) -> list[Organ]:
    """Trachea, cricoid and thyroid cartilage, lumen from the throat down."""
    wide = float(np.clip(rng.normal(8.3, 0.7), 7, 10))
    old = rng.random() < 0.6  # the cartilage is partly bone
    levels = (-115, -60, -30, 0, 16)
    wall = Sweep(tuple((z, _middle(z), 0, wide + 2.4, wide + 1.5) for z in levels), back=0.72)
    lumen = Sweep(tuple((z, _middle(z), 0, wide + 0.6, wide) for z in levels), back=0.70)
    ring = Sweep(((13, -0.5, 0, 12, 11), (22, 0, 0, 12.5, 12), (28, 2, 0, 11, 12)))
    marrow = Sweep(((14, -0.5, 0, 11, 10), (22, 0, 0, 11.5, 11), (27, 2, 0, 10, 11)))
    throat = Sweep(
        ((9, -0.4, 0, 8.6, wide - 0.2), (16, -0.5, 0, 8.8, wide - 0.6), (22, -1, 0, 9, 7),
         (30, -2, 0, 9, 4.5), (34, -3, 0, 9, 1.6), (38, -3, 0, 9, 4), (46, -4, 0, 8, 10),
         (54, -3, 0, 5, 13), (66, -2, 0, 5, 12), (110, 3, 0, 8, 14)),
    )  # fmt: skip
    plate_low = ((8, 17), (-6, 15), (-17, 0), (-6, -15), (8, -17))
    plate_top = ((10, 20), (-6, 16), (-21, 0), (-6, -16), (10, -20))
    plates = Sheet(26, 46, _pairs(plate_low), _pairs(plate_top), 1.7)
    folds = Sweep(((27, -2, 0, 12, 9), (46, -3, 0, 13, 13)), caps=(2, 3))
    epiglottis = Sheet(
        44, 62, _pairs(((-6, 9), (-9, 0), (-6, -9))), _pairs(((-4, 9), (-7, 0), (-4, -9))), 1.1
    )
    organs = [
        Organ("wall", wall, "cartilage", Part.CARTILAGE),
        Organ("lumen", lumen, "air", Part.AIRWAY),
        Organ("folds", folds, "muscle", Part.MUSCLE),
        Organ("cricoid", ring, "ossified" if old else "cartilage", Part.CARTILAGE),
        Organ("cricoid", marrow, "cartilage", Part.CARTILAGE),
        Organ("larynx", throat, "air", Part.AIRWAY),
        Organ("plates", plates, "ossified" if old else "cartilage", Part.CARTILAGE),
        Organ("epiglottis", epiglottis, "cartilage", Part.CARTILAGE),
    ]
    if old:
        inner = Sheet(27, 45, _pairs(plate_low), _pairs(plate_top), 0.9)
        organs.append(Organ("plates", inner, "cartilage", Part.CARTILAGE))
    return organs


def _pairs(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((float(y), float(x)) for y, x in points)


def _arteries(rng: np.random.Generator) -> list[Organ]:
    shapes: list[Shape] = []
    for side in (-1, 1):
        size = float(np.clip(rng.normal(1, 0.08), 0.85, 1.2))
        dy, dx = (float(v) for v in rng.normal(0, 0.7, 2).clip(-1.2, 1.2))
        dx = max(dx, -0.3)
        split = float(rng.uniform(36, 48))
        rows = ((-48, 15, 15, 3.4), (-30, 12, 22.5, 3.3), (0, 9.5, 28.5, 3.3), (26, 10, 30, 3.4),
                (split, 12, 30, 4.4))  # fmt: skip
        inner = ((split - 3, 14, 30, 3.0), (split + 20, 18, 29, 2.6), (105, 25, 28, 2.5))
        outer = ((split - 3, 9, 29, 2.3), (split + 18, 3, 30, 2.1), (105, 6, 44, 1.8))
        spinal = ((-46, 26, 20, 1.8), (-20, 36, 16.5, 1.8), (100, 36, 16.5, 1.8))
        for path, caps in (
            (rows, (0.0, 3.0)),
            (inner, (3.0, 0.0)),
            (outer, (3.0, 0.0)),
            (spinal, (0.0, 0.0)),
        ):
            knots = tuple((z, y + dy, side * (x + dx), r * size, r * size) for z, y, x, r in path)
            shapes.append(Sweep(knots, caps=caps))
    trunk = ((-90, 10, 0), (-62, 12, -8), (-47, 15, -15))
    shapes += tube(trunk, (6.5, 6, 5.5))
    shapes += tube(
        ((-47, 15, -15), (-40, 27, -38), (-48, 24, -80), (-70, 20, -120)), (5, 4.5, 4.2, 4)
    )
    shapes += tube(((-92, 22, 7), (-47, 15, 15)), (4, 3.5))
    shapes += tube(
        ((-92, 40, 16), (-55, 32, 22), (-41, 28, 40), (-48, 24, 80), (-70, 20, 120)),
        (5.5, 5, 4.6, 4.3, 4),
    )
    shapes += tube(
        ((-115, 4, -14), (-98, 10, -4), (-95, 26, 8), (-102, 46, 16), (-115, 52, 18)),
        (14, 13, 12.5, 12, 12),
    )
    return [Organ("artery", s, "artery", Part.ARTERY) for s in shapes]


def _veins(rng: np.random.Generator) -> list[Organ]:
    shapes: list[Shape] = []
    for side in (-1, 1):
        size = float(np.clip(rng.normal(1.1 if side < 0 else 0.95, 0.15), 0.65, 1.4))
        dy, dx = (float(v) for v in rng.normal(0, 0.8, 2).clip(-1.5, 1.5))
        rows = ((-50, 4, 24, 5, 5), (-28, 5, 32, 4.6, 5.6), (0, 6, 38.5, 4.2, 5.8),
                (30, 14, 39, 4.4, 5.0), (60, 22, 38, 4.4, 4.4), (105, 30, 35, 4, 4.0))  # fmt: skip
        knots = tuple(
            (z, y + dy, side * (x + abs(dx) * 0.7), ry * size, rx * size)
            for z, y, x, ry, rx in rows
        )
        shapes.append(Sweep(knots, (side * 20.0, side * 35.0)))
        thin = ((-40, 8, 52), (0, 8, 51), (40, 20, 56), (70, 28, 59))
        shapes += tube([(z, y + dy, side * x) for z, y, x in thin], (2, 1.8, 1.6, 1.4))
        front = float(rng.uniform(5, 10))
        shapes += tube(
            [(-46, -25, side * front), (20, -24, side * front), (50, -31, side * front)],
            (1.5, 1.3, 1.0),
        )
        shapes += tube(
            [(-50, 4, side * 24), (-47, 8, side * 60), (-58, 10, side * 110)], (5, 4.6, 4.4)
        )
    shapes += tube(((-50, 4, 24), (-62, 1, 12), (-76, 0, -14)), (5.4, 6, 6.4))
    shapes += tube(((-50, 4, -24), (-76, 0, -14), (-115, 8, -20)), (5.6, 6.8, 9))
    return [Organ("vein", s, "vein", Part.VEIN) for s in shapes]


def draw_nodes(anatomy: Anatomy, taken: list[Blob], rng: np.random.Generator) -> tuple[Organ, ...]:
    """Draw lymph nodes: along both jugular veins, at the jaw, and by the trachea below.

    None touches a vessel, bone, the airway or a gland.
    """
    walls = anatomy.shapes(Part.ARTERY, Part.VEIN, Part.AIRWAY, Part.CARTILAGE, Part.BONE)
    soft = anatomy.shapes(Part.MUSCLE)
    nodes: list[Blob] = []
    wanted = int(rng.integers(8, 16))
    for k in range(wanted):
        side = 1 if k % 2 else -1
        for _ in range(6):
            if rng.random() < 0.75:
                z = rng.uniform(-42, 72)
                y = float(np.interp(z, (-42, 0, 72), (16, 15, 30))) + rng.normal(0, 5)
                x = side * (float(np.interp(z, (-42, 0, 72), (36, 41, 44))) + rng.normal(0, 5))
            else:
                z = rng.uniform(-50, -18)
                y, x = _middle(z) + rng.normal(3, 4), side * rng.uniform(12, 19)
            long = float(np.clip(rng.lognormal(np.log(3.4), 0.3), 2.0, 7.0))
            blob = Blob(
                (float(z), float(y), float(x)),
                (long, long * rng.uniform(0.55, 0.85), long * rng.uniform(0.45, 0.65)),
                axes=turned(rng, 0.5),
                bumps=bumps(rng, 0.05),
            )
            if (
                clear(blob, walls, 0.4)
                and clear(blob, soft, -0.5)
                and all(apart(blob, other) > 1.2 for other in [*taken, *nodes])
            ):
                nodes.append(blob)
                break
    return tuple(Organ("node", blob, draw_node(rng), Part.NODE) for blob in nodes)


def clearance(points: Floats, shapes: list[Shape], near: float = 25.0) -> float:
    """Give the least distance (mm) of points from shapes; ``near`` where nothing is nearer."""
    low, high = points.min(axis=0) - near, points.max(axis=0) + near
    z, y, x = points.T.astype(np.float32)
    least = near
    for shape in shapes:
        if any(
            b[0] < high[0] and b[1] > low[0] and b[2] < high[1] and b[3] > low[1]
            and b[4] < high[2] and b[5] > low[2]
            for b in shape.boxes()
        ):  # fmt: skip
            least = min(least, float(shape.distance(z, y, x).min()))
    return least


def clear(blob: Blob, shapes: list[Shape], gap: float) -> bool:
    """Tell whether a blob keeps a distance (mm) from all shapes."""
    return clearance(blob.surface(60), shapes, max(gap, 0) + 0.5) >= gap


def apart(one: Blob, other: Blob) -> float:
    """Give the distance (mm) of two blobs; negative where they overlap."""
    z, y, x = one.surface(100).T.astype(np.float32)
    return float(other.distance(z, y, x).min())


def turned(rng: np.random.Generator, spread: float) -> tuple[tuple[float, float, float], ...]:
    """Draw axes near z, x and y: a blob that is long along z and flat from front to back."""
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(rng.normal(0, spread, 3)).as_matrix()
    rows = turn[:, [0, 2, 1]].T
    return tuple((float(a), float(b), float(c)) for a, b, c in rows)


def bumps(rng: np.random.Generator, size: float) -> tuple[float, ...]:
    """Draw the low-order noise of a blob, as parts of its radius."""
    return tuple(float(v) for v in rng.normal(0, size, 7).clip(-2 * size, 2 * size))
