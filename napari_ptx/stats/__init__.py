"""Statistics of reader studies, as pure functions on arrays.

Agreement (``icc``, ``bland_altman``), ROC curves and their comparison (``compare_auc``,
``roc_curve``, thresholds), metrics of a threshold, calibration, decision curves, counts
behind printed metrics (``recount``), several readers and modalities (``mrmc``), sensitivities
for the same lesions (``compare_sensitivity``) and what they find together
(``complementarity``), free-response curves (``froc``), sensitivity by size (``psychometric``),
Table 1 of a cohort (``describe``), intervals for clustered rows (``cluster_bootstrap``).
What cannot be computed raises ``StatsError``, a ``ValueError`` with one clear sentence.
"""

from napari_ptx.stats.auc import AUCComparison, AUCTest, compare_auc
from napari_ptx.stats.bland_altman import BlandAltman, bland_altman
from napari_ptx.stats.bootstrap import (
    FEW_CLUSTERS,
    BootstrapInterval,
    cluster_bootstrap,
    cluster_mean,
)
from napari_ptx.stats.calibration import (
    Calibration,
    brier_score,
    calibration,
    calibration_curve,
)
from napari_ptx.stats.cohort import Characteristic, Description, describe
from napari_ptx.stats.complementarity import (
    Complementarity,
    SensitivityGain,
    UnionSensitivity,
    complementarity,
)
from napari_ptx.stats.decision import DecisionCurve, decision_curve
from napari_ptx.stats.diagnostic import METRICS, Diagnostic, diagnostic
from napari_ptx.stats.errors import StatsError
from napari_ptx.stats.froc import RATES, Froc, FrocBand, froc, froc_band
from napari_ptx.stats.icc import FORMS, ICC, icc, icc_needed
from napari_ptx.stats.mrmc import MRMC, Components, MRMCInterval, MRMCTest, mrmc
from napari_ptx.stats.multiplicity import holm
from napari_ptx.stats.psychometric import Psychometric, psychometric
from napari_ptx.stats.recount import Counts, Recount, recount
from napari_ptx.stats.roc import (
    RocBand,
    RocCurve,
    roc_band,
    roc_curve,
    threshold_for_sensitivity,
    youden,
)
from napari_ptx.stats.sensitivity import (
    Sensitivity,
    SensitivityComparison,
    SensitivityPair,
    compare_found,
    compare_sensitivity,
    mcnemar,
)

__all__ = [
    "FEW_CLUSTERS",
    "FORMS",
    "ICC",
    "METRICS",
    "MRMC",
    "RATES",
    "AUCComparison",
    "AUCTest",
    "BlandAltman",
    "BootstrapInterval",
    "Calibration",
    "Characteristic",
    "Complementarity",
    "Components",
    "Counts",
    "DecisionCurve",
    "Description",
    "Diagnostic",
    "Froc",
    "FrocBand",
    "MRMCInterval",
    "MRMCTest",
    "Psychometric",
    "Recount",
    "RocBand",
    "RocCurve",
    "Sensitivity",
    "SensitivityComparison",
    "SensitivityGain",
    "SensitivityPair",
    "StatsError",
    "UnionSensitivity",
    "bland_altman",
    "brier_score",
    "calibration",
    "calibration_curve",
    "cluster_bootstrap",
    "cluster_mean",
    "compare_auc",
    "compare_found",
    "compare_sensitivity",
    "complementarity",
    "decision_curve",
    "describe",
    "diagnostic",
    "froc",
    "froc_band",
    "holm",
    "icc",
    "icc_needed",
    "mcnemar",
    "mrmc",
    "psychometric",
    "recount",
    "roc_band",
    "roc_curve",
    "threshold_for_sensitivity",
    "youden",
]
