"""Every example runs, headless, as a user would run it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_ptx.cli.launch import has_screen

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run_example(name: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        # what the app remembers (recent studies, preferences) stays out of the tester's home
        env={
            **os.environ,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "NAPARI_CONFIG": str(folder / "config" / "napari.yaml"),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.once
def test_agreement_of_two_mask_folders(tmp_path: Path) -> None:
    name = "agreement_of_two_mask_folders.py"
    simulated = run_example(name, folder=tmp_path)
    assert "40 cases, simulated" in simulated
    assert "ICC(A,1) = ICC(2,1) 0." in simulated
    assert (tmp_path / "agreement" / "bland_altman_area.svg").stat().st_size > 5000
    # the masks that it has just made, given as one's own, in pixels
    own = run_example(name, "agreement/A", "agreement/B", "--output", "again", folder=tmp_path)
    assert "40 cases\n" in own
    assert "px²" in own
    # an ICC has no unit: the scale of the pixels does not matter
    assert own.splitlines()[1] == simulated.splitlines()[1]


@pytest.mark.once
def test_study_in_code(tmp_path: Path) -> None:
    said = run_example("study_in_code.py", folder=tmp_path)
    assert "problems in the record: 0" in said
    assert "B has read 6 of 6 cases" in said
    assert "n = 6" in said
    assert (tmp_path / "study_in_code" / "study.ptx").is_file()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("napari") is None or not has_screen(),
    reason="needs napari and a screen",
)
def test_open_demo_in_napari(tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "window.png"
    run_example(
        "open_demo_in_napari.py",
        *("--folder", str(tmp_path / "demo"), "--cases", "3", "--screenshot", str(picture)),
        folder=tmp_path,
    )
    with Image.open(picture) as window:
        assert min(window.size) > 400
        assert len(window.getcolors(maxcolors=2**24) or ()) > 100


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        if example.name != "read_ultrasound.py":
            assert example.name in text


@pytest.mark.slow
def test_train_light_model(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    small = ("--train", "3", "--test", "2", "--minutes", "0.3", "-o", str(tmp_path / "model"))
    said = run_example("train_light_model.py", "work", *small, folder=tmp_path)
    assert "sensitivity at 1 false positive per scan, all" in said
    assert (tmp_path / "model" / "manifest.json").is_file()
    assert (tmp_path / "work" / "evaluation" / "metrics.json").is_file()
