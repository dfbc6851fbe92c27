"""Parathyroid glands: how many, where, how large, how they enhance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_ptx.phantom.ct.anatomy import Anatomy, apart, bumps, clearance, turned
from napari_ptx.phantom.ct.shapes import Blob
from napari_ptx.phantom.ct.tissue import Part, Values, draw_gland

COUNTS = {3: 0.2, 4: 0.6, 5: 0.2}
"""Share of patients with so many glands."""

HOMES = ("right_superior", "left_superior", "right_inferior", "left_inferior")
SLOTS = (*HOMES, "ectopic")

ECTOPIC = 0.168
"""Share of glands that are ectopic."""

SITES = {
    "thymic": 10.8,
    "mediastinum": 2.2,
    "intrathyroid": 2.0,
    "carotid_sheath": 0.5,
    "retrooesophageal": 0.5,
    "jaw_angle": 0.5,
}
"""Sites of ectopic glands, in percent of all glands; the shares are scaled to ``ECTOPIC``."""

PLACES = {
    "superior": {"posterior": 0.92, "groove": 0.08},
    "inferior": {"behind_pole": 0.60, "below_pole": 0.25, "beside_pole": 0.15},
}
"""Where a gland lies in its slot."""

PATTERNS = {"A": 20.0, "B": 57.0, "C": 22.0}
"""Shares of the patterns of enhancement, as published; they are scaled to 1."""


@dataclass(frozen=True)
class Draw:
    """A gland before it is put in its place.

    Parameters
    ----------
    slot, site
        One of ``SLOTS``, and of ``SITES`` where it is ectopic (else "").
    side
        -1 right, 1 left.
    place
        Where it lies in its slot: one of ``PLACES``, or the site.
    size
        The longest diameter (mm) of its ellipsoid.
    pattern
        A, B or C.
    """

    slot: str
    site: str
    side: int
    place: str
    size: float
    pattern: str


@dataclass(frozen=True)
class Gland:
    """A gland in its place.

    Parameters
    ----------
    draw
        What was drawn.
    shape
        Its exact border.
    hu
        Its HU in each phase.
    gap
        Thickness (mm) of the fat between it and the thyroid; 0 within the thyroid.
    vessel_mm, thyroid_mm
        Distance from the nearest large vessel and from the thyroid.
    """

    draw: Draw
    shape: Blob
    hu: Values
    gap: float
    vessel_mm: float
    thyroid_mm: float


def draw_glands(rng: np.random.Generator) -> tuple[Draw, ...]:
    """Draw a patient's glands: 3 to 5, the fifth always ectopic.

    Sizes are those of secondary hyperparathyroidism, 4 to 20 mm with a median of 9. The
    chance of the other glands to be ectopic is such that the share of all is ``ECTOPIC``.

    References
    ----------
    Slots and ectopic sites: doi 10.5005/jp-journals-10002-1291 (16.8% ectopic: thymic tract
    10.8, upper mediastinum 2.2, intrathyroid 2, carotid sheath, retro-oesophageal and jaw
    angle 0.5 each). Superior glands lie in more than 90% on the posterior surface of the
    upper and middle lobe, inferior ones in 60% behind the lower pole and in 25% below it.
    """
    count = int(rng.choice(list(COUNTS), p=list(COUNTS.values())))
    mean = sum(n * share for n, share in COUNTS.items())
    fifth = COUNTS[5]
    chance = (ECTOPIC * mean - fifth) / (mean - fifth)
    homes = sorted(rng.permutation(4)[: min(count, 4)].tolist())
    draws: list[Draw] = []
    for home in (*homes, *([int(rng.integers(4))] if count == 5 else [])):
        slot = HOMES[home]
        away = len(draws) == 4 or rng.random() < chance
        site = _pick(rng, SITES) if away else ""
        place = site or _pick(rng, PLACES[slot.partition("_")[2]])
        largest = 10.0 if site == "intrathyroid" else 20.0
        size = float(np.clip(rng.lognormal(np.log(9.0), 0.38), 4.0, largest))
        side = -1 if slot.startswith("right") else 1
        pattern = _pick(rng, PATTERNS)
        draws.append(Draw("ectopic" if away else slot, site, side, place, size, pattern))
    return tuple(draws)


def place_glands(
    draws: tuple[Draw, ...], anatomy: Anatomy, rng: np.random.Generator
) -> tuple[Gland, ...]:
    """Put glands in their places: apart from each other, from vessels, airway and bone.

    A gland for which there is no room is drawn smaller, as a last resort.
    """
    hard = anatomy.shapes(Part.ARTERY, Part.VEIN, Part.AIRWAY, Part.CARTILAGE, Part.BONE)
    soft = anatomy.shapes(Part.OESOPHAGUS)
    vessels = anatomy.shapes(Part.ARTERY, Part.VEIN)
    thyroid = anatomy.shapes(Part.THYROID)
    glands: list[Gland] = []
    for draw in draws:
        gap = 0.0 if draw.site == "intrathyroid" else float(rng.uniform(1, 3))
        ratio = (1.0, float(rng.uniform(0.5, 0.75)), float(rng.uniform(0.35, 0.55)))
        dents = bumps(rng, 0.05)
        axes = turned(rng, 0.2)
        blob = Blob((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        size, attempts = draw.size, 0
        while True:
            semi = tuple(size / 2 * r for r in ratio)
            blob = Blob((0.0, 0.0, 0.0), (semi[0], semi[1], semi[2]), axes, dents)
            centre = _position(draw, blob, gap, anatomy, rng)
            blob = replace(blob, centre=centre)
            points = blob.surface(60)
            free = (
                clearance(points, hard, 1.0) >= 0.7
                and clearance(points, soft, 1.0) >= -1.0
                and all(apart(blob, other.shape) > 1.5 for other in glands)
            )
            if free:
                break
            attempts += 1
            if attempts % 12 == 0:
                size *= 0.93
        fine = blob.surface(400)
        touch = max(clearance(fine, thyroid, 150.0), gap)
        glands.append(
            Gland(
                draw=draw,
                shape=blob,
                hu=draw_gland(draw.pattern, anatomy.tissues, rng),
                gap=gap,
                vessel_mm=clearance(fine, vessels, 150.0),
                thyroid_mm=0.0 if draw.site == "intrathyroid" else touch,
            )
        )
    return tuple(glands)


def _position(
    draw: Draw, blob: Blob, gap: float, anatomy: Anatomy, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Draw a centre (z, y, x) for a gland by its place."""
    side, place = draw.side, draw.place
    lobe = anatomy.lobes["right" if side < 0 else "left"]
    low, high = lobe.span
    deep = float(np.ptp(blob.surface(60)[:, 1])) / 2
    long = blob.semi[0]
    if place == "jaw_angle":
        return rng.uniform(66, 78), rng.uniform(2, 12), side * rng.uniform(34, 46)
    if place == "mediastinum":
        return rng.uniform(-92, -66), rng.uniform(2, 26), side * rng.uniform(4, 30)
    if place == "thymic":
        z = rng.uniform(-54, low - 4)
        return z, rng.uniform(-6, 4) - 0.12 * z, side * rng.uniform(3, 18)
    if place == "retrooesophageal":
        z = rng.uniform(-28, 14)
        return z, rng.uniform(17, 21) - 0.2 * min(z, 0), side * rng.uniform(0, 10) + 2
    if place == "carotid_sheath":
        z = rng.uniform(-25, 34)
        return z, rng.uniform(8, 20), side * rng.uniform(24, 40)
    part = {
        "posterior": (0.05, 0.72), "groove": (-0.55, 0.0), "behind_pole": (-0.85, -0.35),
        "below_pole": (-1.0, -1.0), "beside_pole": (-0.9, -0.4), "intrathyroid": (-0.5, 0.5),
    }[place]  # fmt: skip
    share = float(rng.uniform(*part))
    z = share * (high if share > 0 else -low)
    y, x, ry, rx = lobe.at(z)
    if place == "intrathyroid":
        return z, y + rng.uniform(-0.2, 0.2) * ry, x + rng.uniform(-0.2, 0.2) * rx
    if place == "below_pole":
        z = low - gap - long * rng.uniform(0.7, 1.0) - rng.uniform(0, 8)
        return z, y + rng.uniform(-2, 6), x + side * rng.uniform(-4, 6)
    if place == "beside_pole":
        return (
            z,
            y + rng.uniform(-0.3, 0.6) * ry,
            x + side * (rx + gap + blob.semi[1] + rng.uniform(-1, 2)),
        )
    behind = y + ry + gap + deep * rng.uniform(0.75, 1.05)
    if place == "groove":  # between trachea, gullet and lobe
        return z, behind + rng.uniform(-2, 2), x - side * rng.uniform(2, 7)
    return z, behind, x - side * rng.uniform(-4, 6)


def _pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    weights = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))
