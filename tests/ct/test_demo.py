"""The model that comes with the package, and the demo that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from functools import partial

from typer.testing import CliRunner

from napari_ptx.cli.root import app
from napari_ptx.ct.bundle import open_model, verify_model
from napari_ptx.ct.demo import make_demo
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.findings import find
from napari_ptx.ct.predictions import read_predictions
from napari_ptx.ct.shipped import find_model, shipped_models
from napari_ptx.ct.truth import read_truth


def test_the_light_model_is_small_whole_and_says_what_it_is() -> None:
    folder = find_model("light")
    assert folder in shipped_models().values()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 8_000_000
    assert verify_model(folder).same
    model = open_model(folder)
    assert "SIMULATED" in model.note
    assert model.settings.phases == ("plain", "arterial")


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model("light") != Path("light")
    (tmp_path / "light").mkdir()
    assert find_model("light") == Path("light")
    assert find_model(tmp_path / "light") == tmp_path / "light"
    assert find_model("heavy") == Path("heavy")  # the error names what was given


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo"), patients=1)


@pytest.mark.slow
def test_the_demo_finds_enlarged_glands(demo: Path) -> None:
    found = find(read_truth(demo.parent / "cohort.csv"), read_predictions(demo))
    large = found.glands[found.glands["diameter_mm"] >= 5]
    assert len(large)
    assert large["found_overlap"].mean() > 0.5
    assert len(found.candidates) - found.candidates["hit_overlap"].sum() <= 5


def test_the_demo_is_made_once_and_kept(demo: Path) -> None:
    before = (demo / "candidates.csv").stat().st_mtime_ns
    (demo / "glands.review").write_bytes(b"")  # what somebody decided
    assert make_demo(demo.parent.parent, patients=1) == demo
    assert (demo / "candidates.csv").stat().st_mtime_ns == before
    assert (demo / "glands.review").exists()


def test_a_demo_that_lost_its_files_is_left_alone(demo: Path, tmp_path: Path) -> None:
    broken = tmp_path / demo.parent.name
    broken.mkdir()
    with pytest.raises(CtError, match="not a complete demo"):
        make_demo(tmp_path, patients=1)
    assert broken.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [broken.name]


def test_the_command_opens_it_or_prints_the_candidates(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_ptx.ct.demo.make_demo", partial(make_demo, patients=1))
    folder = ["--folder", str(demo.parent.parent)]
    said = CliRunner().invoke(app, ["demo", "--ct", "--no-window", *folder])
    assert said.exit_code == 0, said.output
    assert said.output.count("SIM-001  ") == len(read_predictions(demo).candidates)
    assert "no patients" in said.output
    opened: list[Path] = []
    monkeypatch.setattr("napari_ptx.cli.launch.has_screen", lambda: True)
    monkeypatch.setattr(
        "napari_ptx.cli.launch.open_app", lambda *, glands: opened.append(glands) or 0
    )
    assert CliRunner().invoke(app, ["demo", "--ct", *folder]).exit_code == 0
    assert opened == [demo]


def test_the_light_model_is_verified_by_its_name() -> None:
    said = CliRunner().invoke(app, ["model", "verify", "light"])
    assert said.exit_code == 0, said.output
    assert "answers as it did" in said.output
