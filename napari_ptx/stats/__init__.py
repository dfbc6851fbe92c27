"""Statistics of reader studies, as pure functions on arrays.

``icc`` and ``icc_needed``, ``bland_altman``, ``cluster_bootstrap``. What cannot be
computed raises ``StatsError``, a ``ValueError`` with one clear sentence.
"""

from napari_ptx.stats.bland_altman import BlandAltman, bland_altman
from napari_ptx.stats.bootstrap import FEW_CLUSTERS, BootstrapInterval, cluster_bootstrap
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.icc import FORMS, ICC, icc, icc_needed

__all__ = [
    "FEW_CLUSTERS",
    "FORMS",
    "ICC",
    "BlandAltman",
    "BootstrapInterval",
    "StatsError",
    "bland_altman",
    "cluster_bootstrap",
    "icc",
    "icc_needed",
]
