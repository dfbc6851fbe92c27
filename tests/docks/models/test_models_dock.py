from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from napari.layers import Labels, Shapes
from PIL import Image as Picture
from qtpy.QtCore import Qt

from napari_ptx.docks.grids import image_of, outlines_of
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.model_tasks import StudySource, cohort_of
from napari_ptx.docks.models import ModelsDock
from napari_ptx.docks.training_page import read_epochs
from napari_ptx.errors import PtxError
from napari_ptx.image import read_cohort
from napari_ptx.roi import rasterise, read_roi
from napari_ptx.study import Study

for name in ("sklearn", "skops", "xgboost", "lightgbm"):
    pytest.importorskip(name)


@pytest.fixture
def models(hub: Hub, tmp_path: Path) -> ModelsDock:
    dock = hub.show("Models")
    dock.runs.folder.path = tmp_path / "runs"
    return dock


def tab(dock: ModelsDock, title: str) -> None:
    dock.tabs.setCurrentIndex([dock.tabs.tabText(n) for n in range(3)].index(title))


def names_of_runs(dock: ModelsDock) -> list[tuple[str, str]]:
    table = dock.runs.table
    return [
        (table.item(row, 0).text(), table.item(row, 2).text()) for row in range(table.rowCount())
    ]


def wait_until_trained(dock: ModelsDock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.job.running, timeout=240_000)
    qtbot.waitUntil(lambda: not dock._asking and not dock._wait.isActive(), timeout=60_000)


def fill_form(dock: ModelsDock, cohort: Path, qtbot) -> None:
    qtbot.keyClicks(dock.form.cohort.line, str(cohort))
    qtbot.keyClicks(dock.form.note, "pictures made for a test")
    dock.form.fold_button.click()
    dock.form.folds.setValue(2)
    for classifier, box in dock.form.classifiers.items():
        box.setChecked(classifier == "lr")


def test_the_form_says_what_is_missing(
    models: ModelsDock, made_cohort: Path, tmp_path: Path, qtbot
) -> None:
    # Empty: the next step is named, and nothing can be started.
    assert "Choose a cohort table" in models.form.problem.text()
    assert not models.primary.isEnabled()
    assert models.minimumSizeHint().width() <= 320
    assert not models.form.epochs.isVisible()
    qtbot.keyClicks(models.form.cohort.line, str(tmp_path / "none.csv"))
    assert "There is no file" in models.form.problem.text()
    models.form.cohort.line.clear()

    # Settings that do not go together are told at once.
    fill_form(models, made_cohort, qtbot)
    models.form.families["late"].setChecked(True)
    assert "Late fusion needs two" in models.form.problem.text()
    assert not models.primary.isEnabled()
    models.form.families["resnet-1ch"].setChecked(True)
    assert models.form.epochs.isVisible()
    assert models.form.problem.text() == ""
    assert models.primary.isEnabled()
    models.form.families["late"].setChecked(False)
    inside = models.form.area.widget()
    assert inside.minimumSizeHint().width() <= 320 - 16 - 14  # margins and a scroll bar

    # What is ticked and typed is what is trained.
    config = models.form.config()
    assert config["families"] == ["radiomics", "resnet-1ch"]
    assert config["classifiers"] == ["lr"]
    assert config["folds"] == 2
    assert config["note"] == "pictures made for a test"
    assert models.form.data == made_cohort
    assert models.form.run is not None
    assert models.form.run.parent == tmp_path / "runs"

    # A folder that has no run yet says what to do, and so does an empty viewer.
    tab(models, "Runs")
    wait_until_trained(models, qtbot)
    assert "There is no run in this folder" in models.runs.told.text()
    tab(models, "Open image")
    assert "Train a run first" in models.here.told.text()
    assert not models.primary.isEnabled()


@pytest.mark.slow
def test_training_from_the_form_to_the_verdicts(
    models: ModelsDock, hub: Hub, viewer: Viewer, made_cohort: Path, tmp_path: Path,
    told: list[str], qtbot,
) -> None:  # fmt: skip
    fill_form(models, made_cohort, qtbot)

    # A cohort with faults is refused whole, by row and column.
    bad = tmp_path / "bad.csv"
    bad.write_text("case,patient,image,roi,label\na,p,none.png,none.png,1\n")
    models.form.cohort.path = bad
    models.primary.click()
    wait_until_trained(models, qtbot)
    assert "row 2, column 'image'" in told[-1]
    assert models._train.currentWidget() is models.form

    # A real training, on features made before.
    models.form.cohort.path = made_cohort
    models.form.features.path = made_cohort.with_name("features.csv")
    models.form.name.setText("tiny")
    assert models.form.problem.text() == ""
    qtbot.keyClick(models, Qt.Key.Key_Return)
    assert models._train.currentWidget() is models.training
    assert not models.primary.isEnabled()
    assert "no network" in models.training.curve.text()
    wait_until_trained(models, qtbot)
    assert models.tabs.currentWidget() is models.runs
    run = tmp_path / "runs" / "tiny"
    said = json.loads((run / "configs" / "metadata.json").read_text())
    auc = said["models"]["radiomics"]["auc"]
    assert auc > 0.7
    assert names_of_runs(models) == [("tiny", f"{auc:.3f}")]
    assert models.runs.models.item(0, 0).text() == "radiomics"
    assert "pictures made for a test" in models.runs.told.text()

    # The same name is not taken twice.
    assert models.form.problem.text() == "There is a run tiny already; give this one another name."

    # Its predictions, in their dock.
    assert models.primary.text() == "Show predictions"
    qtbot.keyClick(models.runs.table, Qt.Key.Key_Return)
    dock = hub.show("Predictions")
    assert hub.predictions is not None
    assert hub.predictions.path == run / "predictions.csv"
    assert len(dock.page.table.cases.rows) == 24
    assert dock._note.text() == "pictures made for a test"
    dock.next_case()
    qtbot.waitUntil(lambda: dock.compared.case == "c0", timeout=60_000)
    qtbot.keyClicks(dock.page.panel.comment, "kept in the run folder")
    hub.show("Models")

    # The open image: what cannot be asked says why.
    tab(models, "Open image")
    assert models.primary.text() == "Run on c0"
    wait_until_trained(models, qtbot)
    models.primary.click()
    qtbot.waitUntil(lambda: not models.asking.running, timeout=120_000)
    assert models.here.bars.texts() == []
    assert "does not say how it was made" in told[-1]

    # A comment in the run folder does not spoil the run.
    qtbot.waitUntil((run / "predictions.comments.csv").is_file)
    from napari_ptx.ultrasound.runs import Run

    assert Run.open(run).note == "pictures made for a test"


def test_a_study_is_a_cohort_too(study_file: Path, tmp_path: Path) -> None:
    with pytest.raises(PtxError, match="no column label"):
        cohort_of(StudySource(study_file, "A"), tmp_path / "none")
    with Study.open(study_file) as study:
        pictures = [info.image for info in study.cases()]
        protocol = study.protocol
        readings = {one.case: one.outlines for one in study.readings("A", 1)}
    table = tmp_path / "labelled.csv"
    pd.DataFrame(
        {
            "case": [f"case-{n}" for n in range(len(pictures))],
            "patient": [f"p{n}" for n in range(len(pictures))],
            "image": [str(picture) for picture in pictures],
            "label": [n % 2 for n in range(len(pictures))],
        }
    ).to_csv(table, index=False)
    path = tmp_path / "labelled.ptx"
    Study.create(path, read_cohort(table), protocol, name="labelled").close()
    with pytest.raises(PtxError, match="A has outlined no case"):
        cohort_of(StudySource(path, "A"), tmp_path / "none")
    with Study.open(path) as study, study.desk("A", 1) as desk:
        by_hash = {info.sha256: info.case for info in study.cases()}
        for entry in desk.cases[:4]:
            case = by_hash[desk.image(entry.index).sha256]
            desk.record(entry.index, readings[case], "outline", {}, 1.0)
            if entry.index < 3:
                desk.finish(entry.index, view={}, seconds=1.0)
    cohort = read_cohort(cohort_of(StudySource(path, "A"), tmp_path / "cohort")).table
    assert len(cohort) == 3  # what is not finished is left out
    for row in cohort.itertuples():
        assert row.label == int(row.case[-1]) % 2
        written = rasterise(read_roi(row.roi), (60, 80))
        np.testing.assert_array_equal(written, rasterise(readings[row.case], (60, 80)))


def test_outlines_of_layers_lie_on_the_image(viewer: Viewer) -> None:
    pixels = np.zeros((50, 70), np.uint8)
    image = viewer.add_image(pixels, scale=(0.5, 0.25), units=("mm", "mm"))
    assert image_of(image).calibrated
    assert image_of(image).spacing == (0.5, 0.25)
    square = np.array([[10, 20], [10, 40], [30, 40], [30, 20]], float)
    expected = np.zeros(pixels.shape, bool)
    expected[10:31, 20:41] = True

    drawn = Shapes([square * (0.5, 0.25)], shape_type="polygon", units=("mm", "mm"))
    mask = rasterise(outlines_of(drawn, image, 0), pixels.shape)
    # The line goes through the centres of the outermost pixels.
    assert (mask & ~expected).sum() == 0
    assert (expected[11:30, 21:40] == mask[11:30, 21:40]).all()

    painted = Labels(expected.astype(np.uint8) * 3, scale=(0.5, 0.25), units=("mm", "mm"))
    np.testing.assert_array_equal(rasterise(outlines_of(painted, image, 0), pixels.shape), expected)

    oval = Shapes([[[10, 20], [10, 40], [30, 40], [30, 20]]], shape_type="ellipse",
                  scale=(0.5, 0.25), units=("mm", "mm"))  # fmt: skip
    area = rasterise(outlines_of(oval, image, 0), pixels.shape).sum()
    assert area == pytest.approx(np.pi * 10 * 10, rel=0.03)

    with pytest.raises(PtxError, match="no outline here"):
        outlines_of(Shapes(ndim=2, name="empty"), image, 0)


def test_a_curve_that_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    whole = "epoch,loss,auc_train,auc_validation,seconds\n1,0.7,0.6,,3\n2,0.6,0.75,0.5,3\n"
    path.write_text(whole)
    found = read_epochs(path)
    assert found["epoch"] == [1.0, 2.0]
    assert found["auc_train"] == [0.6, 0.75]
    assert np.isnan(found["auc_validation"][0])
    for length in range(whole.index("\n2") + 1, len(whole)):  # the second line in part
        path.write_text(whole[:length])
        assert read_epochs(path)["epoch"] == [1.0]
    assert read_epochs(tmp_path / "none.csv")["epoch"] == []


@pytest.mark.slow
def test_a_network_is_stopped_resumed_watched_and_asked(
    models: ModelsDock, hub: Hub, viewer: Viewer, made_cohort: Path, tmp_path: Path, qtbot
) -> None:
    for name in ("torch", "monai"):
        pytest.importorskip(name)
    fill_form(models, made_cohort, qtbot)
    models.form.families["radiomics"].setChecked(False)
    models.form.families["resnet-1ch"].setChecked(True)
    models.form.size.setValue(64)
    models.form.epochs.setValue(6)
    models.form.scheme.setCurrentIndex(1)  # one split instead of folds
    models.form.name.setText("net")
    models.primary.click()
    run = tmp_path / "runs" / "net"

    # Stopped in the middle of a network.
    qtbot.waitUntil(lambda: "epoch" in models.training.curve.text() and bool(
        models.training.plot._epochs), timeout=240_000)  # fmt: skip
    models.job.cancel_button.click()
    assert not models.job.running
    wait_until_trained(models, qtbot)
    assert not (run / "manifest.json").exists()
    tab(models, "Runs")
    assert names_of_runs(models) == [("net", "stopped")]
    assert models.primary.text() == "Resume training"

    # Gone on with, to the end.
    models.primary.click()
    assert models.job.running
    wait_until_trained(models, qtbot)
    assert (run / "manifest.json").is_file()
    said = json.loads((run / "configs" / "metadata.json").read_text())
    assert names_of_runs(models) == [("net", f"{said['models']['resnet-1ch']['auc']:.3f}")]

    # Where it looks, as a layer over the image.
    models.primary.click()
    dock = hub.show("Predictions")
    name = "Grad-CAM resnet-1ch"
    table = read_cohort(made_cohort).table
    for row in np.flatnonzero(table["label"] == 1):  # some speak for nothing
        dock.open_row(int(row))
        dock.page.panel.cam_button.menu().actions()[0].trigger()
        qtbot.waitUntil(lambda: not dock.mapper.running, timeout=120_000)
        if name in viewer.layers:
            break
    cam = viewer.layers[name]
    mask = np.asarray(Picture.open(table["roi"].iloc[dock.row])) > 0
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    assert cam.data.shape == mask.shape
    np.testing.assert_array_equal(cam.translate, (0, 0))
    # Something in the box of the lesion speaks for the class, and nothing beside it is shown.
    box = np.zeros(mask.shape, bool)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    shown = np.isfinite(cam.data)
    assert shown.any()
    assert not shown[~box].any()

    # The open image gets the answer that the run gives it.
    hub.show("Models")
    tab(models, "Open image")
    wait_until_trained(models, qtbot)
    assert models.primary.text() == f"Run on {table['case'].iloc[dock.row]}"
    models.primary.click()
    qtbot.waitUntil(lambda: bool(models.here.bars.texts()), timeout=120_000)
    ((model, probability, verdict),) = models.here.bars.texts()
    assert model == "resnet-1ch"
    assert 0 <= float(probability) <= 1
    assert verdict.startswith("· ")

    # It is gone as soon as the outline is another.
    roi = viewer.layers["ROI"]
    roi.data = [np.array([[10.0, 10.0], [10.0, 30.0], [30.0, 30.0]])]
    assert models.here.bars.texts() == []

    # The next case takes the map away.
    hub.show("Predictions")
    dock.next_case()
    assert name not in viewer.layers


@pytest.mark.once
def test_no_dock_loads_what_only_a_child_may() -> None:
    code = (
        "import importlib, sys\n"
        "from napari_ptx.docks.hub import DOCKS\n"
        "import napari_ptx.docks.maps, napari_ptx.docks.model_tasks\n"
        "for place in DOCKS.values(): importlib.import_module(place.partition(':')[0])\n"
        "print([name for name in ('torch', 'monai', 'sklearn', 'radiomics', 'xgboost')"
        " if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
