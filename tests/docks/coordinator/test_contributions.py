"""What the manifest contributes: readers, sample data, menus, settings, the app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own short name
from napari import Viewer
from npe2 import PluginManager, PluginManifest
from npe2.io_utils import read

from napari_ptx.docks import readers, settings
from napari_ptx.docks.app import TITLE, main, open_viewer
from napari_ptx.docks.hub import DOCKS, Hub
from napari_ptx.docks.study import StudyDock

ROOT = Path(__file__).parents[3]


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_file(ROOT / "napari_ptx" / "napari.yaml")


def test_the_manifest_at_the_top_is_the_one_that_ships() -> None:
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "napari_ptx" / "napari.yaml").resolve()


def test_every_command_can_be_imported_and_has_a_title_of_its_own(
    manifest: PluginManifest,
) -> None:
    manifest.validate_imports()
    titles = [command.title for command in manifest.contributions.commands]
    assert len(set(titles)) == len(titles)


def test_the_docks_of_the_manifest_are_those_of_the_hub(manifest: PluginManifest) -> None:
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    widgets = {
        widget.display_name: commands[widget.command] for widget in manifest.contributions.widgets
    }
    assert widgets == dict(DOCKS)


@pytest.mark.parametrize(
    "path",
    [
        "scan.png",
        "scan.tif",
        "scan.jpg",
        "scan.npy",
        "scan.dcm.txt",
        "folder",
        ["a.dcm", "b.png"],
        [],
    ],
)
def test_files_that_are_not_ours_get_none_without_a_look(path: str | list[str]) -> None:
    assert readers.get_image_reader(path) is None
    assert readers.get_study_reader(path) is None


@pytest.mark.parametrize(
    "path", ["A.DCM", "a.nii", "V.NII.GZ", "a.nrrd", "a.nhdr", ["a.mha", "b.mhd"]]
)
def test_files_that_are_ours_get_a_reader(path: str | list[str]) -> None:
    assert readers.get_image_reader(path) is not None


@pytest.mark.parametrize(
    "name", ["volume.nii.gz", "volume.nrrd", "volume.mha", "volume.mhd", "volume.nhdr"]
)
def test_volumes_open_with_their_geometry(
    name: str, tmp_path: Path, npe2pm: PluginManager, manifest: PluginManifest
) -> None:
    npe2pm.register(manifest)
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.5, 0.75, 3.0))  # x, y, z
    path = tmp_path / name
    sitk.WriteImage(image, str(path))
    ((data, options, kind),) = read([str(path)], plugin_name="napari-ptx", stack=False)
    assert kind == "image"
    np.testing.assert_array_equal(data, voxels)
    assert options["scale"] == (3.0, 0.75, 0.5)
    assert options["units"] == ("mm", "mm", "mm")
    assert options["axis_labels"] == ("z", "y", "x")


def test_a_volume_opens_upright_however_its_file_runs(tmp_path: Path) -> None:
    """Axial, the nose up, the patient's left on the right; image and labels alike."""
    voxels = np.zeros((4, 5, 6), np.int16)
    voxels[1, 2, 3] = 9
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    place = image.TransformIndexToPhysicalPoint((3, 2, 1))
    for code in ("LPS", "PLI", "RAS", "ASL"):
        for name, kind in (("scan", "image"), ("labels", "labels")):
            turned = sitk.DICOMOrient(image - (100 if kind == "image" else 0), code)
            path = tmp_path / f"{name}{code}.nii.gz"
            sitk.WriteImage(turned, str(path))
            ((data, options, found),) = readers.get_image_reader(str(path))(str(path))
            assert found == kind
            assert np.unravel_index(data.argmax(), data.shape) == (1, 2, 3), code
            assert options["scale"] == (3.0, 0.75, 0.5)
            kept = options["metadata"]["ptx"]["image"]
            step = np.array([3, 2, 1]) * kept.spacing[::-1]
            at = np.array(kept.origin) + np.array(kept.direction) @ step
            np.testing.assert_allclose(at, place, atol=1e-4)


def test_a_label_map_opens_as_labels_and_a_scan_as_an_image(tmp_path: Path) -> None:
    """A mask, structures, air below 0, few grey values but no ground, many grey values."""
    rng = np.random.default_rng(0)
    ball = np.zeros((8, 16, 16), np.int16)
    ball[2:5, 4:8, 4:8] = 7
    for name, pixels, kind in (
        ("mask", (ball > 0).astype(np.uint8), "labels"),
        ("structures", ball, "labels"),
        ("empty", ball * 0, "image"),
        ("ct", ball - 1000, "image"),
        ("steps", rng.integers(1, 9, ball.shape).astype(np.int16), "image"),
        ("scan", np.where(ball > 0, ball, rng.integers(0, 900, ball.shape)), "image"),
        ("chance", ball.astype(np.float32) / 8, "image"),
    ):
        path = tmp_path / f"{name}.nii.gz"
        sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))
        ((data, options, found),) = readers.get_image_reader(str(path))(str(path))
        assert (found, options["name"]) == (kind, name)
        np.testing.assert_array_equal(data, pixels)


@pytest.mark.data
def test_real_label_maps_are_told_from_their_scans(data_dir: Path) -> None:
    places = sorted((data_dir / "ct_headneck").glob("pt_*/*.nii.gz"))[:8]
    places += sorted((data_dir / "ct_totalseg").rglob("*.nii.gz"))
    places += sorted((data_dir / "dicom_seg_rt").rglob("label.nrrd"))
    assert len(places) > 10
    for path in places:
        ((_, _, kind),) = readers.get_image_reader(str(path))(str(path))
        scan = path.name.startswith(("ct", "example_ct", "dose"))
        assert kind == ("image" if scan else "labels"), path


@pytest.mark.data
def test_real_ultrasound_opens_in_the_window_in_colour(viewer: Viewer, data_dir: Path) -> None:
    path = data_dir / "us_dicom" / "examples_rgb_color.dcm"
    (layer,) = viewer.open(str(path), plugin="napari-ptx")
    assert layer.rgb
    assert layer.metadata["ptx"]["image"].modality == "US"


def test_a_study_file_opens_the_study_dock(viewer: Viewer, hub: Hub, study_file: Path) -> None:
    viewer.open(str(study_file), plugin="napari-ptx")
    assert hub.study.name == "neck"
    assert len(viewer.layers) == 0
    assert any(isinstance(widget, StudyDock) for widget in viewer.window.dock_widgets.values())


@pytest.mark.parametrize(("key", "label"), [("adenoma", "adenoma"), ("atypical", "atypical")])
def test_a_sample_is_a_case_with_its_true_border(viewer: Viewer, key: str, label: str) -> None:
    picture, border = viewer.open_sample("napari-ptx", key)
    assert label in border.name
    assert "simulated" in border.name
    height, width = picture.data.shape
    ((points,),) = (border.data,)
    assert (points.min(axis=0) > 0).all()
    assert (points.max(axis=0) < (height, width)).all()
    np.testing.assert_allclose(picture.scale, border.scale)
    assert picture.units == border.units


@pytest.mark.once
def test_the_demo_cases_are_a_stack(viewer: Viewer) -> None:
    (layer,) = viewer.open_sample("napari-ptx", "demo_cases")
    assert layer.data.shape[0] == len(layer.metadata["cases"]) == 6
    assert all(frame.any() for frame in layer.data)
    assert layer.axis_labels == ("case", "y", "x")


def test_the_menus_offer_the_docks(viewer: Viewer) -> None:
    from napari._app_model import get_app_model

    menus = get_app_model().menus
    for menu, command in (
        ("napari/file/io_utilities", "napari-ptx.study"),
        ("napari/layers/annotate", "napari-ptx.reading"),
        ("napari/layers/measure", "napari-ptx.agreement"),
    ):
        ids = [item.command.id for item in menus.get_menu(menu) if hasattr(item, "command")]
        assert command in ids


def test_a_menu_and_the_hub_mean_the_same_dock(viewer: Viewer, hub: Hub) -> None:
    from napari._app_model import get_app_model

    dock = hub.show("Study")
    get_app_model().commands.execute_command("napari-ptx.study").result()
    assert not dock.isVisible()  # the menu toggles what the hub has opened
    assert hub.show("Study") is dock
    assert dock.isVisible()


def test_settings_say_where_studies_are_and_how_wide_outlines(
    plugin_settings: None, npe2pm: PluginManager, manifest: PluginManifest, tmp_path: Path
) -> None:
    from napari.settings import get_plugin_settings

    assert settings.study_folder() == Path.home() / "napari-ptx"  # the plugin is not there yet
    if "napari-ptx" not in npe2pm:
        npe2pm.register(manifest)
    assert settings.study_folder() == Path.home() / "napari-ptx"
    assert settings.outline_width() == 2.0
    ours = get_plugin_settings("napari-ptx")
    ours.study.folder = str(tmp_path)
    ours.agreement.outline_width = 3.5
    assert settings.study_folder() == tmp_path
    assert settings.outline_width() == 3.5


def test_the_app_opens_a_window_that_fits_with_the_study(study_file: Path, qtbot) -> None:
    from qtpy.QtGui import QGuiApplication

    viewer = open_viewer(study_file)
    try:
        hub = Hub.of(viewer)
        assert viewer.title == TITLE
        assert hub.study.name == "neck"
        room = QGuiApplication.primaryScreen().availableGeometry()
        window = hub.show("Study").window()
        assert window.width() <= room.width()
        assert window.height() <= room.height()
        qtbot.waitUntil(hub.show("Study").isVisible)
    finally:
        viewer.close()
        qtbot.wait(100)


def test_the_app_takes_a_study_from_the_command_line(
    study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import napari

    opened: list[tuple[Path | None, Path | None]] = []
    ran: list[str] = []
    monkeypatch.setattr(
        "napari_ptx.docks.app.open_viewer",
        lambda study, *, glands: opened.append((study, glands)),
    )
    monkeypatch.setattr("gc.freeze", lambda: ran.append("freeze"))  # other tests go on here
    monkeypatch.setattr(napari, "run", lambda: ran.append("run"))
    assert main(["--study", str(study_file)]) == 0
    assert main([]) == 0
    assert main(["--glands", str(study_file.parent)]) == 0
    assert opened == [(study_file, None), (None, None), (None, study_file.parent)]
    assert ran == ["freeze", "run"] * 3


@pytest.mark.once
def test_starting_the_app_loads_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, napari_ptx.docks.app, napari_ptx.docks.study, napari_ptx.docks.agreement;"
        "sys.exit(str([m for m in ('torch', 'matplotlib', 'statsmodels', 'sqlalchemy', 'pandas')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


def test_one_dock_for_each_viewer_from_napari_itself(
    make_napari_viewer: Callable[..., Viewer],
) -> None:
    for _ in range(2):
        viewer = make_napari_viewer()
        viewer.window.add_plugin_dock_widget("napari-ptx", "Study")
        assert len(viewer.window.dock_widgets) == 1
