"""Simulated clinicians: which glands ultrasound, CT and Tc-MIBI SPECT/CT find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ptx.phantom.ct.glands import HOMES
from napari_ptx.phantom.ct.scene import VERSION, GlandTruth

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("patient", "gland", "modality", "reader", "found", "site")


@dataclass(frozen=True)
class Clinician:
    """How one reader of one modality finds glands.

    The probability to find a gland is ``best`` times a logistic curve of its longest
    diameter, which is a half at ``half_mm``, times the factor of its site.

    Parameters
    ----------
    modality
        "ultrasound", "ct" or "mibi".
    reader
        The reader's name; it also starts the reader's own random numbers.
    best
        The probability for a very large gland in an easy place.
    half_mm, slope
        Diameter (mm) where half of ``best`` is reached; steepness for each mm.
    sites
        Factors of sites and slots; 1 where not named.
    contrast
        Factor for glands that cannot be told from the thyroid (``visible`` is 0).
    false
        Mean number of false findings for each patient.
    """

    modality: str
    reader: str
    best: float
    half_mm: float
    slope: float
    sites: tuple[tuple[str, float], ...] = ()
    contrast: float = 1.0
    false: float = 0.1

    def chance(self, gland: GlandTruth) -> float:
        """Probability that this reader finds a gland."""
        curve = 1 / (1 + np.exp(-self.slope * (gland.diameter_mm - self.half_mm)))
        site = dict(self.sites).get(gland.site or gland.slot, 1.0)
        return float(self.best * curve * site * (1.0 if gland.visible else self.contrast))


_BEHIND_BONE_OR_AIR = (("mediastinum", 0.0), ("retrooesophageal", 0.15), ("thymic", 0.55),
                       ("jaw_angle", 0.6), ("intrathyroid", 0.8))  # fmt: skip
_ON_CT = (("intrathyroid", 0.6), ("retrooesophageal", 0.9))
_ON_SCAN = (("right_superior", 0.97), ("left_superior", 0.97))

CLINICIANS = (
    Clinician("ultrasound", "U1", 0.88, 5.4, 0.45, _BEHIND_BONE_OR_AIR, 0.9, 0.15),
    Clinician("ultrasound", "U2", 0.84, 6.0, 0.45, _BEHIND_BONE_OR_AIR, 0.9, 0.20),
    Clinician("ct", "C1", 0.97, 4.9, 0.50, _ON_CT, 0.4, 0.15),
    Clinician("ct", "C2", 0.94, 5.4, 0.50, _ON_CT, 0.4, 0.20),
    Clinician("mibi", "M1", 0.99, 4.3, 0.60, _ON_SCAN, 1.0, 0.10),
)
"""The clinicians of a simulated series. Over many patients they find about 61, 72 and 86% of
the glands by ultrasound, CT and Tc-MIBI SPECT/CT, as Li et al. 2025 report (22, 26 and 31 of
36). The factors of the sites are plausible, not measured."""


def read_neck(
    patient: str,
    seed: int,
    glands: Sequence[GlandTruth],
    clinicians: Sequence[Clinician] = CLINICIANS,
) -> list[dict[str, Any]]:
    """Let each clinician look at a patient.

    Returns
    -------
    list
        Rows of ``readings.csv``: one for each gland and reader, with ``found`` 0 or 1 and
        the slot or site of the gland; a false finding has an empty gland and ``found`` 1.
    """
    rows = []
    for who in clinicians:
        rng = np.random.default_rng([VERSION, seed, 20, *who.reader.encode()])
        for gland in glands:
            found = int(rng.random() < who.chance(gland))
            rows.append(_row(patient, str(gland.gland), who, found, gland.site or gland.slot))
        for _ in range(int(rng.poisson(who.false))):
            rows.append(_row(patient, "", who, 1, HOMES[int(rng.integers(4))]))
    return rows


def stated(
    glands: Sequence[GlandTruth], clinicians: Sequence[Clinician] = CLINICIANS
) -> list[dict[str, Any]]:
    """Give each clinician's settings and the sensitivity to be expected for these glands."""
    from dataclasses import asdict

    return [
        {
            **asdict(who),
            "sites": dict(who.sites),
            "expected_sensitivity": (
                round(float(np.mean([who.chance(g) for g in glands])), 4) if glands else None
            ),
        }
        for who in clinicians
    ]


def table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Give rows of readings as a table."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def _row(patient: str, gland: str, who: Clinician, found: int, site: str) -> dict[str, Any]:
    values = (patient, gland, who.modality, who.reader, found, site)
    return dict(zip(COLUMNS, values, strict=True))
