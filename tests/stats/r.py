"""Ask R: the oracle of tests that are marked ``r``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LACKS = 77  # the exit status of a script whose package is not installed


def ask_r(code: str, cwd: Path, package: str = "stats") -> list[float]:
    """Run R code and give the numbers that it prints; skip where a package is missing."""
    rscript = shutil.which("Rscript")
    assert rscript is not None
    begin = f"if (!requireNamespace('{package}', quietly = TRUE)) quit(status = {LACKS})\n"
    done = subprocess.run(
        [rscript, "--vanilla", "-e", begin + code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == LACKS:
        pytest.skip(f"R's package {package} is not installed")
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]
