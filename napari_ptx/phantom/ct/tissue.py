"""Hounsfield units of the simulated neck: plain and after iodine, per tissue and patient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

PHASES = ("plain", "arterial", "venous")
"""All phases that can be simulated; arterial is 25 to 45 s after the injection."""

Values = tuple[float, float, float]
"""HU in the plain, the arterial and the venous phase."""


class Part(IntEnum):
    """What a voxel of the anatomy map belongs to."""

    BACKGROUND = 0
    THYROID = 1
    NODULE = 2
    NODE = 3
    ARTERY = 4
    VEIN = 5
    AIRWAY = 6
    CARTILAGE = 7
    OESOPHAGUS = 8
    MUSCLE = 9
    BONE = 10
    CANAL = 11
    SALIVARY = 12
    LUNG = 13
    GLAND = 14


FIXED: dict[str, Values] = {
    "air": (-1000.0, -1000.0, -1000.0),
    "skin": (25.0, 35.0, 40.0),
    "fat": (-100.0, -100.0, -98.0),
    "muscle": (60.0, 66.0, 72.0),
    "oesophagus": (45.0, 70.0, 80.0),
    "cartilage": (95.0, 98.0, 100.0),
    "ossified": (330.0, 330.0, 330.0),
    "cortical": (900.0, 900.0, 900.0),
    "spongy": (215.0, 218.0, 218.0),
    "disc": (85.0, 86.0, 88.0),
    "fluid": (12.0, 12.0, 14.0),
    "cord": (38.0, 42.0, 44.0),
    "salivary": (45.0, 100.0, 110.0),
    "parotid": (-5.0, 40.0, 50.0),
    "lung": (-850.0, -840.0, -840.0),
}
"""Tissues that are the same in each patient."""


@dataclass(frozen=True)
class Tissues:
    """HU of one patient's tissues.

    Parameters
    ----------
    thyroid, artery, vein
        Values of the tissues that differ between patients.
    low_iodine
        Whether the thyroid is 60 to 80 HU on plain CT, as in thyroiditis.

    References
    ----------
    Thyroid, plain 90 ± 15 and 106 ± 15, arterial 188 ± 10, venous 179 ± 20: PMID 27469918
    and the washout study of 33 lesions. Thyroid of 60 to 80 HU in 10 to 20% of patients:
    Bunch PM, AJNR 2021. Vessels: carotid 250 to 350 and jugular 120 to 200 in the arterial
    phase, both 150 to 180 in the venous one.
    """

    thyroid: Values
    artery: Values
    vein: Values
    low_iodine: bool

    def __getitem__(self, name: str) -> Values:
        """Give the values of a tissue by its name."""
        if name in ("thyroid", "artery", "vein"):
            values: Values = getattr(self, name)
            return values
        return FIXED[name]


def draw_tissues(rng: np.random.Generator) -> Tissues:
    """Draw one patient's thyroid and vessels."""
    low = bool(rng.random() < 0.15)
    plain = rng.uniform(60, 80) if low else max(rng.normal(98, 15), 80.5)
    arterial = rng.normal(188, 10)
    pool = rng.uniform(150, 180)
    return Tissues(
        thyroid=(float(plain), float(arterial), float(arterial + rng.normal(-9, 8))),
        artery=(float(rng.uniform(40, 45)), float(rng.uniform(250, 350)), float(pool)),
        vein=(float(rng.uniform(40, 45)), float(rng.uniform(120, 200)), float(pool)),
        low_iodine=low,
    )


def draw_gland(pattern: str, tissues: Tissues, rng: np.random.Generator) -> Values:
    """Draw the HU of a parathyroid gland by its pattern of enhancement.

    A is brighter than the thyroid in the arterial phase; B is not, but washes out in the
    venous one; C does neither, and only plain CT may tell it from the thyroid.

    References
    ----------
    Patterns: Radiology 2015 (2015142393). Adenomas, plain 45 ± 12 (n = 21) and 62 ± 16
    (n = 33), arterial 182 ± 39 and 170 ± 41, venous 147 ± 38: PMID 27469918, and the
    washout study.
    """
    plain = rng.normal(45, 12) if rng.random() < 21 / 54 else rng.normal(62, 16)
    _, arterial, venous = tissues.thyroid
    if pattern == "A":
        late = venous - rng.uniform(0, 45)
        arterial += rng.uniform(12, 65)
    elif pattern == "B":
        late = venous - rng.uniform(20, 65)
        arterial -= rng.uniform(0, 65)
    else:
        late = venous + rng.uniform(-10, 5)
        arterial -= rng.uniform(0, 12)
    return float(np.clip(plain, 15, 100)), float(arterial), float(late)


def draw_node(rng: np.random.Generator) -> Values:
    """Draw the HU of a lymph node: 40 to 50 plain, 80 ± 20 arterial, rising later."""
    arterial = float(np.clip(rng.normal(80, 20), 45, 130))
    return float(rng.uniform(40, 50)), arterial, arterial + float(rng.uniform(5, 30))


def draw_nodule(tissues: Tissues, rng: np.random.Generator) -> Values:
    """Draw the HU of a thyroid nodule: darker than the gland around it, now and then a cyst."""
    part = rng.uniform(0.1, 0.3) if rng.random() < 0.2 else rng.uniform(0.5, 0.85)
    plain, arterial, venous = (float(v * part) for v in tissues.thyroid)
    return plain, arterial, venous
