"""The frame of the simulated neck: skin, muscles, bones, lungs and what lies at the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ptx.phantom.ct.shapes import Capsule, Shape, Sheet, Sweep, tube
from napari_ptx.phantom.ct.tissue import Part, Values

SPINE = ((-115, 64), (-60, 43), (-30, 35), (0, 31), (30, 28), (60, 29), (100, 34))
"""Level and y (mm) of the centres of the vertebrae."""

LEVEL = 16.5  # mm from one vertebra to the next
Row = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Organ:
    """A shape with its tissue.

    Parameters
    ----------
    name
        What it is, for looking it up; several may share a name.
    tissue
        The name of a tissue, or its HU in each phase.
    part
        Its value in the map of the anatomy.
    """

    name: str
    shape: Shape
    tissue: str | Values
    part: Part = Part.BACKGROUND


def spine_y(z: float) -> float:
    """The y (mm) of the spine's axis at a level."""
    levels, values = zip(*SPINE, strict=True)
    return float(np.interp(z, levels, values))


# Muscles on the left: levels, then y behind the spine's axis, x, half_y, half_x; tilt.
_MUSCLES: tuple[tuple[str, tuple[float, float], tuple[Row, ...]], ...] = (
    ("longus", (-8, 0), ((-40, -10.5, 7, 2.8, 5.5), (0, -10, 9, 3.9, 8), (95, -9, 9, 5, 8.5))),
    ("scalene", (25, 10), ((-46, -4, 28, 6, 8), (0, -3.5, 23, 5, 7.5), (38, -2, 19, 4, 5))),
    ("scalene", (-20, -10), ((-46, 8, 41, 10, 10), (0, 5, 34, 8, 8.5), (50, 4, 25, 6, 6))),
    ("levator", (-25, -10), ((-45, 32, 48, 11, 8), (0, 19, 41, 11, 8.2), (60, 10, 36, 11, 8),
                           (92, 6, 32, 8, 6))),
    ("iliocostalis", (-30, -10), ((-60, 26, 28, 8, 8), (0, 22, 27, 8, 7), (60, 17, 24, 8, 6))),
    ("multifidus", (0, 0), ((-110, 22, 13, 9, 9), (0, 22, 12, 9.5, 9), (92, 21, 12, 9, 9.5))),
    ("semispinalis", (-20, -15), ((-110, 32, 16, 6, 12), (0, 34, 14, 7, 12), (92, 36, 18, 10, 14))),
    ("splenius", (-40, -45), ((-60, 36, 24, 4, 16), (0, 34.5, 28, 4.6, 18), (92, 31, 38, 6, 17))),
    ("trapezius", (-32, -40), ((-110, 43, 48, 6, 45), (-45, 46, 50, 9, 46), (-20, 43, 34, 5.5, 31),
                               (0, 43, 27, 4.2, 24), (40, 45, 23, 3.2, 20), (92, 50, 14, 2, 11))),
)  # fmt: skip

# The same with y in the anatomy's frame.
_FRONT: tuple[tuple[str, tuple[float, float], tuple[Row, ...]], ...] = (
    ("sternomastoid", (20, 68), ((-48, -17, 13, 3.4, 9), (-20, -14, 26, 5.4, 13),
                                 (0, -6, 35.5, 6, 14.5), (30, 9, 45.5, 6.6, 15.5),
                                 (60, 27, 51, 7.5, 16), (92, 42, 57, 9, 12))),
    ("omohyoid", (40, 20), ((-15, -6, 31, 1.8, 5), (0, -13, 24, 1.7, 4.5), (50, -18, 11, 1.6, 5))),
    ("digastric", (10, 30), ((58, -30, 10, 4, 6), (75, -44, 9, 4, 6))),
    ("masseter", (90, 90), ((70, 0, 52, 6, 16), (100, -6, 55, 7, 18))),
    ("pectoral", (10, 10), ((-115, -26, 66, 16, 60), (-62, -15, 66, 13, 50), (-46, -2, 66, 6, 30))),
    ("subscapular", (-20, -20), ((-115, 58, 108, 14, 36), (-62, 54, 104, 12, 32))),
    ("subclavian", (10, 10), ((-115, 8, 112, 9, 26), (-60, 12, 108, 7, 24))),
    ("deltoid", (0, 0), ((-115, 36, 160, 44, 24), (-60, 36, 152, 40, 26), (-42, 38, 128, 20, 24))),
    ("supraspinatus", (-8, -8), ((-115, 82, 92, 16, 46), (-60, 74, 88, 18, 48),
                                 (-42, 66, 74, 12, 34))),
)  # fmt: skip

# Skin: level, front, back, half width.
_SKIN = (
    (-150, -52, 112, 198), (-115, -50, 112, 198), (-75, -42, 114, 192),
    (-55, -37, 112, 168), (-40, -34, 106, 122),
    (-28, -32, 98, 86), (-15, -30, 93, 69), (0, -29, 88, 61), (25, -32, 84, 60), (42, -36, 86, 61),
    (56, -50, 90, 65), (68, -74, 92, 69), (100, -80, 98, 73),
    (140, -80, 98, 73),
)  # fmt: skip


def skin(fat: float) -> Sweep:
    """The outline of the body; ``fat`` (mm) is added on all sides."""
    rows = [
        (z, (front + back) / 2, 0.0, (back - front) / 2 + fat, wide + fat)
        for z, front, back, wide in _SKIN
    ]
    return Sweep(tuple(rows))


def muscles(rng: np.random.Generator) -> list[Organ]:
    """Muscles of both sides."""
    organs = []
    for group, behind in ((_MUSCLES, True), (_FRONT, False)):
        for name, tilt, rows in group:
            size = rng.normal(1, 0.06)
            for side in (-1, 1):
                bulk = size * rng.normal(1, 0.03)
                dy, dx = rng.normal(0, 0.6, 2)
                knots = tuple(
                    (z, y + dy + behind * spine_y(z), side * (x + dx), ry * bulk, rx * bulk)
                    for z, y, x, ry, rx in rows
                )
                turned = (side * tilt[0], side * tilt[1])
                shape = Sweep(knots, turned, (3.0, 3.0))
                organs.append(Organ(name, shape, "muscle", Part.MUSCLE))
    tongue = Sweep(((54, -26, 0, 10, 14), (70, -36, 0, 24, 22), (105, -36, 0, 27, 26)), caps=(6, 0))
    throat = Sweep(
        ((18, 4, 0, 11, 13), (30, 1, 0, 13, 15), (50, -1, 0, 12, 19), (100, 6, 0, 13, 22)),
        caps=(4, 0),
    )
    organs += [
        Organ(n, s, "muscle", Part.MUSCLE) for n, s in (("tongue", tongue), ("throat", throat))
    ]
    return organs


def chest(rng: np.random.Generator) -> list[Organ]:
    """Apices of the lungs, ribs, clavicles, sternum, shoulder blades and humeral heads."""
    organs = []
    for side in (-1, 1):
        top = -36 + rng.normal(0, 2)
        lung = (
            (-115, 42, side * 50, 44, 36),
            (-80, 44, side * 42, 34, 28),
            (top, 46, side * 32, 22, 17),
        )
        wall = tuple((z + 4, y, x, ry + 9, rx + 9) for z, y, x, ry, rx in lung)
        organs.append(Organ("chest wall", Sweep(wall, caps=(0, 22)), "muscle", Part.MUSCLE))
        for k in range(4):
            turn = np.linspace(0.45, -0.75 - 0.1 * k, 8) * np.pi
            wide = 28 + 5 * k
            points = [
                (
                    -36 - 13 * k - 22 * i / 7,
                    44 + (26 + 4 * k) * np.sin(a),
                    side * (34 + 3 * k + wide * np.cos(a)),
                )
                for i, a in enumerate(turn)
            ]
            organs += bone("rib", tube(points, [4.0] * 8))
        organs.append(Organ("lung", Sweep(lung, caps=(0, 22)), "lung", Part.LUNG))
        clavicle = [(-54, -12, 14), (-47, -13, 40), (-40, 4, 85), (-36, 26, 140)]
        organs += bone("clavicle", tube([(z, y, side * x) for z, y, x in clavicle], (8, 6, 5.5, 7)))
        organs += bone(
            "humerus", [Capsule((-62, 38, side * 156), (-115, 36, side * 168), (22, 13))]
        )
        blade = ((84, side * 62), (72, side * 96), (48, side * 132))
        organs += bone("scapula", [Sheet(-115, -58, blade, blade, 4.0)])
    sternum = ((-15, -26), (-18, 0), (-15, 26))
    low = tuple((y - 14, x * 0.7) for y, x in sternum)
    return organs + bone("sternum", [Sheet(-115, -54, low, sternum, 6.0)])


def bone(name: str, shapes: list[Capsule] | list[Sheet]) -> list[Organ]:
    """Give bones a hard shell of about 1.5 mm; what is thin is hard throughout."""
    shells: list[Organ] = [Organ(name, s, "cortical", Part.BONE) for s in shapes]
    for shape in shapes:
        if isinstance(shape, Capsule):
            inner: Shape = Capsule(
                shape.start, shape.end, (shape.radii[0] - 1.5, shape.radii[1] - 1.5)
            )
        elif shape.half < 3:
            continue
        else:
            inner = Sheet(
                shape.low + 1.5, shape.high - 1.5, shape.bottom, shape.top, shape.half - 1.5
            )
        shells.append(Organ(name, inner, "spongy", Part.BONE))
    return shells


def spine(rng: np.random.Generator) -> list[Organ]:
    """Vertebrae with arches and processes, discs, canal and cord."""
    organs: list[Organ] = []
    start = rng.uniform(-4, 4) - 7 * LEVEL
    levels = [start + LEVEL * k for k in range(14) if start + LEVEL * k < 112]
    ends = (-115.0, *[z for z, _ in SPINE[1:-1]], 105.0)
    column = tuple((z, spine_y(z), 0.0, 7.6, 11.5 - z / 40) for z in ends)
    organs.append(Organ("disc", Sweep(column, square=True), "disc", Part.BACKGROUND))
    for z in levels:
        y, wide, tall = spine_y(z), 12.5 - z / 40, LEVEL / 2 - 2.2
        ring = ((-tall, 0.4), (-tall / 2, -0.4), (tall / 2, -0.4), (tall, 0.4))
        outer = tuple((z + dz, y, 0.0, 8.4 + d, wide + d) for dz, d in ring)
        inner = tuple((z + 0.8 * dz, y, 0.0, 7.0 + d, wide - 1.5 + d) for dz, d in ring)
        organs.append(Organ("vertebra", Sweep(outer, square=True), "cortical", Part.BONE))
        organs.append(Organ("vertebra", Sweep(inner, square=True), "spongy", Part.BONE))
        organs += _arch(z, y, wide)
    canal = tuple((z, spine_y(z) + 15.5, 0.0, 7.2, 11.0) for z in ends)
    cord = tuple((z, spine_y(z) + 15.0, 0.0, 3.6, 6.0) for z in ends)
    organs.append(Organ("canal", Sweep(canal), "fluid", Part.CANAL))
    organs.append(Organ("cord", Sweep(cord), "cord", Part.CANAL))
    return organs


def _arch(z: float, y: float, wide: float) -> list[Organ]:
    """Pedicles, articular pillars, laminae, transverse and spinous process."""
    long = float(np.interp(z, (-20, 5, 20, 60), (27, 26, 20, 16)))
    reach = float(np.interp(z, (-30, -10, 10), (30, 27, 22)))
    sheets = []
    organs = []
    for side in (-1, 1):
        lamina = ((y + 12, side * (wide + 4)), (y + 21, side * 9), (y + 26, 0))
        drop = tuple((v + 2, u) for v, u in lamina)
        sheets.append(Sheet(z - 7, z + 3, drop, lamina, 2.4))
        pedicle = ((y + 5, side * (wide - 2)), (y + 12, side * (wide + 5)))
        sheets.append(Sheet(z - 2, z + 4, pedicle, pedicle, 2.6))
        front = ((y + 1, side * (wide + 1)), (y + 4, side * reach))
        back = ((y + 10, side * (wide + 5)), (y + 7, side * reach))
        sheets += [Sheet(z - 3, z + 2, line, line, 1.6) for line in (front, back)]
        pillar = Sweep(tuple((z + d, y + 12, side * (wide + 6), 5.2, 6.4) for d in (-7.5, 0, 7.5)))
        core = Sweep(tuple((z + d, y + 12, side * (wide + 6), 3.8, 5.0) for d in (-6.5, 0, 6.5)))
        organs.append(Organ("pillar", pillar, "cortical", Part.BONE))
        organs.append(Organ("pillar", core, "spongy", Part.BONE))
    tip = ((y + 26, 0.0), (y + 26 + long * 0.8, 0.0))
    low = ((y + 27, 0.0), (y + 26 + long, 0.0))
    sheets.append(Sheet(z - 9, z + 0.0, low, tip, 2.2))
    return [Organ("arch", s, "cortical", Part.BONE) for s in sheets] + organs


def jaw() -> list[Organ]:
    """Mandible, hyoid bone, submandibular and parotid glands."""
    half = ((20, 52), (-14, 47), (-50, 25), (-64, 0))
    arch = tuple((float(y), float(x)) for y, x in (*half, *((y, -x) for y, x in half[-2::-1])))
    low = tuple((y + 3, x * 0.97) for y, x in arch)
    horns = ((3, 17), (-14, 12), (-20, 0), (-14, -12), (3, -17))
    hyoid = tuple((float(y), float(x)) for y, x in horns)
    organs = bone("mandible", [Sheet(68, 112, low, arch, 5.0)])
    organs += bone("hyoid", [Sheet(52, 57, hyoid, hyoid, 2.0)])
    for side in (-1, 1):
        rows = ((54, -14, 27, 9, 7), (64, -14, 30, 11, 8), (76, -12, 31, 8, 6))
        below = Sweep(tuple((z, y, side * x, ry, rx) for z, y, x, ry, rx in rows), caps=(6, 6))
        before = Sweep(((72, 24, side * 58, 12, 6), (110, 20, side * 60, 20, 9)), caps=(8, 0))
        organs.append(Organ("submandibular", below, "salivary", Part.SALIVARY))
        organs.append(Organ("parotid", before, "parotid", Part.SALIVARY))
    return organs
