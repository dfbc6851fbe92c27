"""The oracle: R's psych::ICC, run on the same tables."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_ptx.stats import icc
from tests.stats.tables import SHROUT_FLEISS

pytestmark = pytest.mark.r

FORM_OF_TYPE = {
    "ICC1": "1,1", "ICC2": "A,1", "ICC3": "C,1", "ICC1k": "1,k", "ICC2k": "A,k", "ICC3k": "C,k"
}  # fmt: skip

# lmer=FALSE: the mean squares of an analysis of variance, as Shrout & Fleiss have
# them; psych's default fits a mixed model and stops at 0 where they are negative.
SCRIPT = """
suppressMessages(library(psych))
options(digits = 17)
bfi5 <- na.omit(bfi[1:120, c("A2", "A3", "A4", "A5")])
write.csv(bfi5, "psych_bfi.csv", row.names = FALSE)
write.csv(sat.act[1:60, c("SATV", "ACT")], "psych_sat_act.csv", row.names = FALSE)
write.csv(attitude, "attitude.csv", row.names = FALSE)
out <- NULL
for (file in list.files(pattern = "csv$")) for (alpha in c(0.05, 0.10)) {
  table <- na.omit(read.csv(file))
  found <- ICC(table, lmer = FALSE, alpha = alpha)$results
  names(found) <- c("type", "value", "f", "df1", "df2", "p", "low", "high")
  out <- rbind(out, cbind(file = file, alpha = alpha, found))
}
for (name in names(out)[-(1:3)]) out[[name]] <- formatC(out[[name]], digits = 17, format = "g")
write.csv(out, "results.txt", row.names = FALSE)
"""


def generated() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(20)
    subject = rng.lognormal(4.5, 0.5, size=(100, 1))
    return {
        "shrout_fleiss": SHROUT_FLEISS,
        "two_readers_with_bias": subject * rng.normal([1.0, 1.1], 0.06, size=(100, 2)),
        "five_readers": subject[:30] + rng.normal(0, 15, size=(30, 5)) + [0, 3, -2, 8, 1],
        "nearly_perfect": subject[:40] + rng.normal(0, 1e-4, size=(40, 3)),
        "no_agreement": rng.normal(size=(25, 3)),
        "opposite": np.array([[1.9, 1.8], [1.3, 2.8], [2.9, 1.5], [1.3, 1.9], [1.5, 2.9]]),
        "opposite_three": np.array(
            [[2.3, 1.4, 2], [2.4, 2, 2.5], [2.8, 1.5, 0.5], [0.8, 4.7, 1.2], [2.9, 0.2, 3.2]]
        ),
        "two_subjects": np.array([[1.0, 1.5, 2.5], [4.0, 3.0, 5.5]]),
    }


@pytest.fixture(scope="module")
def oracle(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[tuple[str, str], list[dict[str, str]]]]:
    folder = tmp_path_factory.mktemp("psych")
    for name, table in generated().items():
        header = ",".join(f"r{i}" for i in range(table.shape[1]))
        np.savetxt(folder / f"{name}.csv", table, "%.17g", ",", header=header, comments="")
    rscript = shutil.which("Rscript")
    assert rscript is not None
    done = subprocess.run(
        [rscript, "--vanilla", "-e", SCRIPT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = defaultdict(list)
    with (folder / "results.txt").open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["file"], row["alpha"]].append(row)
    return folder, found


NAMES = [*generated(), "psych_bfi", "psych_sat_act", "attitude"]


@pytest.mark.parametrize("alpha", ["0.05", "0.1"])
@pytest.mark.parametrize("name", NAMES)
def test_all_forms_equal_psych(oracle, name: str, alpha: str) -> None:
    folder, found = oracle
    with (folder / f"{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    table = np.array([row for row in rows if "NA" not in row], dtype=float)
    k = table.shape[1]
    assert len(found[f"{name}.csv", alpha]) == 6
    for row in found[f"{name}.csv", alpha]:
        form = FORM_OF_TYPE[row["type"]]
        result = icc(table, form, confidence=1.0 - float(alpha))
        for field in ("value", "f", "df1", "df2", "p", "low", "high"):
            expected = float(row[field])
            if form == "A,k" and field in ("low", "high"):
                single = getattr(icc(table, "A,1", confidence=1.0 - float(alpha)), field)
                if single <= -1.0 / (k - 1):
                    # psych carries Spearman-Brown past its pole; there is no limit there
                    assert np.isnan(getattr(result, field))
                    continue
            got = getattr(result, field)
            assert got == pytest.approx(expected, rel=1e-7, abs=1e-9), (form, field)
