"""A model over the phases that are open: progress, cancel in a patch, a killed child, blinding."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from napari import Viewer

pytest.importorskip("torch")
pytest.importorskip("monai")

from napari_ptx.ct.bundle import write_model
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.network import NetworkConfig, build
from napari_ptx.docks import settings
from napari_ptx.docks.gland_tasks import Work, open_patient, run_model
from napari_ptx.docks.glands import FOLDER, GlandsDock
from napari_ptx.docks.phase_tasks import OpenPhases, open_pair
from napari_ptx.errors import PtxError


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained network with small patches."""
    folder = tmp_path_factory.mktemp("models") / "untrained"
    one = ModelSettings(spacing=(2.0, 1.5, 1.5), patch=(16, 16, 16))
    write_model(folder, build(NetworkConfig(2, 1, 8, 4)), one, note="untrained")
    return folder


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a network whose patches take seconds each: the volume is filled up to them."""
    folder = tmp_path_factory.mktemp("models") / "slow"
    one = ModelSettings(spacing=(2.0, 1.5, 1.5), patch=(96, 96, 96))
    write_model(folder, build(NetworkConfig(2, 1, 16, 4)), one, note="untrained")
    return folder


@pytest.fixture
def ready(dock: GlandsDock, made_prediction: Path) -> GlandsDock:
    """Show the two phases of a patient, as the Phases dock does."""
    places = [made_prediction / f"P1_{phase}.nii.gz" for phase in ("plain", "arterial")]
    pair = open_pair(*places, True, False)
    dock.hub.show_phases(OpenPhases(pair, ("plain", "arterial"), tuple(places), "P 1"))
    return dock


def child_of(dock: GlandsDock) -> int | None:
    process = dock.runner._process._child._process
    return None if process is None else process.pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def started(dock: GlandsDock, qtbot) -> int:
    """Wait until the network is at work on a patch."""
    qtbot.waitUntil(lambda: "patch" in dock.runner._text.text(), timeout=120_000)
    pid = child_of(dock)
    assert pid is not None
    return pid


def runs() -> list[Path]:
    folder = settings.study_folder() / FOLDER
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_a_model_of_structures_is_refused_before_it_runs(ready: GlandsDock, tmp_path: Path) -> None:
    settings = ModelSettings(patch=(16, 16, 16), classes={"right": (3,), "left": (4,)})
    write_model(tmp_path / "parotids", build(NetworkConfig(2, 2, 4, 4)), settings)
    with pytest.raises(PtxError, match="outlines right, left, not glands"):
        run_model(tmp_path / "parotids", Work.of(ready.hub.phases), tmp_path / "out", "full")
    assert not (tmp_path / "out").exists()


@pytest.mark.once
def test_a_run_becomes_a_prediction_that_is_open(
    ready: GlandsDock, viewer: Viewer, model: Path, qtbot
) -> None:
    dock = ready
    assert dock.hub.phases.patient in dock._sentence.text()
    dock.run_row.add(model)
    dock.run_row.search.setCurrentText("whole neck")
    assert dock.primary.text() == "Run model"
    dock.press_primary()
    assert not dock.run_row.run.isEnabled()
    qtbot.waitUntil(lambda: dock.desk.predictions is not None, timeout=180_000)
    out = dock.desk.folder
    assert runs() == [out]
    assert out.name.startswith("P-1_untrained_")
    names = {path.name for path in out.iterdir()}
    assert {"candidates.csv", "examined.csv", "prediction.json", "cohort.csv", "glands.review",
            "P-1_candidates.nii.gz", "P-1_chance.nii.gz"} <= names  # fmt: skip
    assert dock.desk.patients == ("P-1",)
    assert dock.desk.predictions.examined["region"].tolist() == ["the body"]
    assert dock.desk.cohort == out / "cohort.csv"
    assert dock.desk.predictions.chances["P-1"].is_file()
    qtbot.waitUntil(lambda: dock.review.layers.open is not None)
    assert "glands" in viewer.layers
    # The moved phase lies beside the prediction, where it was registered to.
    opened = open_patient(out, out / "cohort.csv", "P-1")
    assert (opened.phases.pair.second == dock.hub.phases.pair.second).all()


@pytest.mark.slow
def test_cancel_in_a_patch_and_a_child_that_the_system_kills(
    ready: GlandsDock, slow_model: Path, model: Path, told: list[str], qtbot
) -> None:
    dock = ready
    dock.run_row.add(slow_model)
    dock.run()
    pid = started(dock, qtbot)
    assert runs()
    begun = time.monotonic()
    dock.runner.cancel_button.click()
    qtbot.waitUntil(lambda: not dock.runner.running and not alive(pid))
    assert time.monotonic() - begun < 1.0
    assert runs() == []  # what was half-made is gone
    assert dock.primary.isEnabled()

    dock.run()
    os.kill(started(dock, qtbot), signal.SIGKILL)
    qtbot.waitUntil(lambda: not dock.runner.running)
    assert len(told) == 1
    assert "ended unexpectedly, perhaps for lack of memory" in told[0]
    assert runs() == []
    assert dock.desk.predictions is None

    # The dock works on.
    dock.run_row.add(model)
    dock.run()
    started(dock, qtbot)
    dock.runner.cancel()


@pytest.mark.slow
def test_simulated_necks_are_one_click_away(dock: GlandsDock, hub, qtbot) -> None:
    assert dock.demo_button.isVisible()
    dock.demo_button.click()
    assert dock.runner.running
    assert not dock.demo_button.isEnabled()
    qtbot.waitUntil(lambda: dock.desk.predictions is not None, timeout=280_000)
    assert dock.desk.patients == ("SIM-001", "SIM-002", "SIM-003")
    qtbot.waitUntil(lambda: hub.phases is not None)
    assert not dock.demo_button.isVisible()
    assert dock.page.table.rowCount() > 0
    assert settings.study_folder() in dock.desk.folder.parents
