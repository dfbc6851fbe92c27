"""The simulated neck: what lies where, how bright it is, and how it absorbs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_ptx.phantom.canvas import Canvas, Ellipse, decibels, side
from napari_ptx.phantom.lesion import Lesion
from napari_ptx.phantom.scanner import Map, Tissue

# Mean backscatter, in dB below the brightest echo that is shown.
SKIN, FAT, MUSCLE, THYROID, CONNECTIVE = -25.0, -40.0, -47.0, -36.5, -39.0
CARTILAGE, FLUID, AIR = -48.0, -75.0, -58.0

_GAP = 1.6  # mm, twice what the canvas bends things by


@dataclass(frozen=True)
class Layout:
    """Where things lie, in mm; the probe is at depth 0 and medial is at x = 0.

    Parameters
    ----------
    view
        "transverse" or "longitudinal".
    skin, fat, strap, sternomastoid
        Thickness of the layers; the last two are muscles, medial and lateral.
    thyroid, trachea, carotid, jugular
        The ellipses that they are made from; ``None`` where the plane misses them.
    bone
        Depth of the vertebrae.
    """

    view: str
    skin: float
    fat: float
    strap: float
    sternomastoid: float
    thyroid: Ellipse
    trachea: Ellipse | None
    carotid: Ellipse | None
    jugular: Ellipse | None
    bone: float


def draw_layout(width: float, rng: np.random.Generator) -> Layout:
    """Draw an anatomy for a picture of this width (mm)."""
    view = "transverse" if rng.random() < 0.7 else "longitudinal"
    skin, fat = rng.uniform(1.2, 1.7), rng.uniform(1.5, 3.5)
    strap, sternomastoid = rng.uniform(2.0, 3.2), rng.uniform(5.0, 8.0)
    top = skin + fat + strap
    half_y = rng.uniform(5.4, 7.2)
    y = top + half_y + rng.uniform(-1.2, 0.0)
    trachea = carotid = jugular = None
    if view == "transverse":
        half_x = rng.uniform(8.0, 10.0)
        x = width * rng.uniform(0.40, 0.46)
        trachea = (y + rng.uniform(1.0, 3.0), x - half_x - rng.uniform(5.0, 6.5), 7.5, 8.5)
        radius = rng.uniform(2.6, 3.4)
        low = top + sternomastoid - strap + radius + 0.7
        carotid = (
            max(y + rng.uniform(-0.5, 3.0), low),
            x + half_x + radius + rng.uniform(-0.5, 0.6),
            radius,
            radius * rng.uniform(1.0, 1.15),
        )
        if rng.random() < 0.6:
            flat = rng.uniform(1.2, 2.6)
            right = carotid[1] + radius + rng.uniform(4.2, 5.5)
            jugular = (carotid[0] - radius * 0.3, right, flat, rng.uniform(3.4, 4.4))
    else:
        half_x = rng.uniform(16.0, 21.0)
        x = width * rng.uniform(0.34, 0.48)
    return Layout(
        view=view,
        skin=skin,
        fat=fat,
        strap=strap,
        sternomastoid=sternomastoid,
        thyroid=(y, x, half_y, half_x),
        trachea=trachea,
        carotid=carotid,
        jugular=jugular,
        bone=y + half_y + rng.uniform(13.0, 17.0),
    )


def make_room(layout: Layout, lesion: Lesion) -> tuple[Layout, Lesion]:
    """Move the lesion out of the tracheal shadow, and vessels and bone out of its way.

    A border that no sound reaches could not be outlined by anybody.
    """
    border, _ = lesion.border(180)
    if layout.trachea is not None:
        free = layout.trachea[1] + layout.trachea[3] + _GAP
        step = max(0.0, free - float(border[:, 1].min()))
        lesion = replace(lesion, centre=(lesion.centre[0], lesion.centre[1] + step))
        border = border + np.array([0.0, step])
    if layout.carotid is not None:
        y, x, ry, rx = layout.carotid
        beside = border[np.abs(border[:, 0] - y) < ry + _GAP]
        step = max(0.0, float(beside[:, 1].max(initial=0.0)) + _GAP + rx - x)
        layout = replace(layout, carotid=(y, x + step, ry, rx))
        if layout.jugular is not None:
            y, x, ry, rx = layout.jugular
            layout = replace(layout, jugular=(y, x + step, ry, rx))
    return replace(layout, bone=max(layout.bone, float(border[:, 0].max()) + 3.0)), lesion


def paint_neck(
    canvas: Canvas, layout: Layout, lesion: Lesion, lesion_db: float, unevenness: float
) -> Tissue:
    """Paint everything, from the spine to the skin, and give the maps.

    Parameters
    ----------
    lesion_db, unevenness
        Mean and standard deviation (dB) of the backscatter within the lesion.
    """
    _deep(canvas, layout)
    _thyroid(canvas, layout)
    _lesion(canvas, lesion, lesion_db, unevenness)
    if layout.jugular is not None:
        _vessel(canvas, layout.jugular, wall=-34)
    if layout.carotid is not None:
        _vessel(canvas, layout.carotid, wall=-21)
    _layers(canvas, layout)
    if layout.trachea is not None:
        _trachea(canvas, layout.trachea)
    canvas.loss += 0.06 * canvas.noise(200.0, 1.2)  # uneven contact with the skin
    return canvas.tissue()


def _deep(c: Canvas, layout: Layout) -> None:
    """Connective tissue, the prevertebral muscle and the vertebrae."""
    streaks = c.fibres(c.y, c.x, 0.40, 3.0)
    c.echo += 2.2 * streaks + 3.5 * c.noise(1.6, 3.5) + 2.0 * c.noise(6.0, 9.0)
    c.echo += 8 * np.maximum(streaks - 0.8, 0) - 0.30 * np.maximum(c.y - 22, 0)
    bone = layout.bone + c.wave(0.9)
    middle = layout.thyroid[1] + c.rng.uniform(-3, 5)
    belly = np.exp(-(((c.x - middle) / 12) ** 2)) * c.rng.uniform(4.0, 6.5)
    lens = np.abs(c.y - (bone - 1.2 - belly / 2)) - belly / 2
    _muscle(c, side(lens, 0.3), c.y - bone, -1.0)
    c.line(lens, -36.0, 0.15)
    # bone: a bright broken surface and a shadow
    surface = c.y - bone
    broken = 8 * c.noise(60.0, 2.5)
    c.line(surface, -27 + broken, 0.14)
    c.fill(side(-surface, 0.5), -55.0 + 2 * c.noise(1.5, 4.0), 1.0)


def _muscle(c: Canvas, inside: Map, across: Map, offset: float = 0.0) -> None:
    """Dark muscle with bright fibre lines that follow ``across`` = constant."""
    fine = c.fibres(across, c.x, 0.26, 5.0)
    coarse = c.noise(1.0, 9.0)
    echo = MUSCLE + offset + 1.5 * coarse + 6.0 * np.maximum(fine + 0.3 * coarse - 0.8, 0)
    c.fill(inside, echo, 0.03)


def _layers(c: Canvas, layout: Layout) -> None:
    """Skin, fat with septa, strap muscle and sternocleidomastoid."""
    skin = layout.skin + c.wave(0.05)
    fat = skin + layout.fat + c.wave(0.35)
    border = layout.thyroid[1] + layout.thyroid[3] * c.rng.uniform(0.1, 0.6)
    if layout.view == "transverse":
        lateral = side(border - c.x, 2.2)
        strap = layout.strap * (0.35 + 0.65 * side(border - 14 - c.x, 3.0))
    else:
        lateral = np.full_like(c.x, 0.15)
        strap = np.full_like(c.x, layout.strap)
    thickness = strap * (1 - lateral) + lateral * layout.sternomastoid + c.wave(0.25)
    bottom = fat + np.maximum(thickness, 0.5)
    part = (c.y - fat) / (bottom - fat)  # 0 at the top of the muscle, 1 at its bottom
    _muscle(c, side(c.y - bottom, 0.15), part * np.float32(layout.sternomastoid))
    c.line(c.y - bottom, -29 + 3 * c.noise(60.0, 2.0), 0.13)
    if layout.view == "transverse":  # the fascia between the two muscles
        slant = (c.x - border) * 0.4 - (part - 0.5) * 2.0
        outside = 6 * np.maximum(np.abs(part - 0.5) - 0.5, 0)
        c.line(np.hypot(slant, outside), -35.0, 0.14)
    septa = c.fibres(c.y, c.x, 0.35, 4.0)
    fill = FAT + 2.0 * c.noise(1.0, 2.5) + 6.0 * np.maximum(septa - 0.4, 0)
    c.fill(side(c.y - fat, 0.12), fill, 0.0)
    c.line(c.y - fat, -28 + 3 * c.noise(60.0, 3.0), 0.13)
    # skin: two bright bands, and the ringing of the probe itself
    ringing = -8 * np.cos(2 * np.pi * c.y / 0.62) * np.exp(-c.y / 0.8)
    c.fill(side(c.y - skin, 0.08), SKIN - 5.0 * c.y + ringing)
    c.line(c.y - skin, -32 + 2 * c.noise(60.0, 5.0), 0.12)


def _thyroid(c: Canvas, layout: Layout) -> None:
    """The lobe: even, mid-bright, with a thin capsule and a few small vessels."""
    distance = c.ellipse(layout.thyroid, wobble=0.12)
    echo = THYROID + 1.2 * c.noise(0.6, 0.8) + 1.2 * c.noise(3.0, 4.0)
    c.fill(side(distance, 0.2), echo, 0.0)
    cy, cx, ry, rx = layout.thyroid
    c.line(distance, -33 + decibels(np.abs(c.y - cy) / np.float32(ry)), 0.12)
    angle, far = c.rng.uniform(0, 2 * np.pi), c.rng.uniform(0.2, 0.8)
    vessel = (cy + ry * far * np.sin(angle), cx + rx * far * np.cos(angle), 0.4, 0.9)
    c.fill(side(c.ellipse(vessel), 0.2), -50.0)


def _lesion(c: Canvas, lesion: Lesion, level: float, unevenness: float) -> None:
    """The hypoechoic lesion, its capsule, and the sound behind it."""
    dy, dx = c.true_y - np.float32(lesion.centre[0]), c.true_x - np.float32(lesion.centre[1])
    # radius and softness are smooth in the angle: a table is exact enough here
    turn = np.linspace(-np.pi, np.pi, 2049)
    angle = np.arctan2(dy, dx)
    radius = np.interp(angle, turn, lesion.radius(turn))
    distance = (np.hypot(dy, dx) - radius).astype(np.float32)
    width = np.interp(angle, turn, lesion.softness_at(turn)).astype(np.float32)
    plane = CONNECTIVE + 3 * c.noise(0.5, 2.0)
    c.fill(side(distance - 1.0, 0.5) * np.float32(0.8), plane)  # the fat around it
    texture = unevenness * (c.noise(1.0, 1.3) + 0.6 * c.noise(2.5, 3.0))
    c.fill(side(distance, width / 2), level + texture, -0.14)
    crisp = np.clip(0.3 / width, 0.1, 1)
    c.line(distance - 0.15, -29 + decibels(np.abs(np.sin(angle)) * crisp), 0.13)
    points, _ = lesion.border(180)
    for edge in (points[points[:, 1].argmin()], points[points[:, 1].argmax()]):
        c.edge_shadow(float(edge[0]), float(edge[1]), 0.35)


def _vessel(c: Canvas, place: Ellipse, wall: float) -> None:
    """An anechoic lumen with a bright wall and enhancement behind it."""
    distance = c.ellipse(place, wobble=0.05)
    c.fill(side(distance - 0.6, 0.2), CONNECTIVE + 2.0 + 2 * c.noise(0.8, 1.5))
    clutter = 5 * c.noise(0.8, 2.0) + 16 * side(distance + 0.9, 0.3) - 16
    c.fill(side(distance, 0.12), FLUID + 11 - clutter - 16, -0.75)
    steep = np.clip(np.abs(c.y - place[0]) / np.float32(place[2]), 0.05, 1)
    c.line(distance - 0.15, wall + 2.5 * decibels(steep), 0.16)
    for sign in (-1, 1):
        c.edge_shadow(place[0], place[1] + sign * place[3], 0.5)


def _trachea(c: Canvas, place: Ellipse) -> None:
    """Cartilage, the bright air surface, a few repeats of it and a dirty shadow."""
    distance = c.ellipse(place, wobble=0.03)
    c.fill(side(distance, 0.2), CARTILAGE + 2 * c.noise(0.8, 1.5))
    c.line(distance, -38.0, 0.12)
    air = distance + 1.6
    facing = np.clip((np.float32(place[0]) - c.y) / np.float32(place[2]), 0.02, 1)
    # behind air there is nothing but reverberation, in a shadow with frayed edges
    hidden = np.maximum.accumulate(side(air, 0.2), axis=0)
    dirt = AIR + 3 * c.noise(0.7, 2.5) + 7 * np.exp(-np.maximum(-air, 0) / 3) * side(air, 0.5)
    c.fill(hidden, dirt)
    beat = c.rng.uniform(1.4, 2.0)
    for repeat in range(4):
        level = -23 - 9 * repeat + 2 * decibels(facing) + 3 * c.noise(4.0, 1.0)
        c.line(air + np.float32(beat * repeat), level, 0.14 + 0.08 * repeat)
