from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/read_ultrasound.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments], capture_output=True, text=True, check=False
    )


def test_the_example_runs_without_a_file() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.split("\n\n")
    assert "240 x 320 pixels, frames: 30" in first
    assert "nothing is calibrated" in first
    assert "lies outside the image" in first
    # 0.0510497 cm for a pixel of the whole picture, two of which are one pixel now
    assert "a pixel is 1.0210 x 1.0210 mm" in second
    assert "100 pixels down are 102.1 mm" in second


def test_the_example_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.touch()
    done = run(str(path))
    assert done.returncode == 2
    assert "it is empty" in done.stderr
    assert "Traceback" not in done.stderr
