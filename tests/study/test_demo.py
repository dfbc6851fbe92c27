from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest

from napari_ptx.cli import launch
from napari_ptx.cli.root import run
from napari_ptx.image import read_cohort, read_image
from napari_ptx.phantom.samples import demo_samples
from napari_ptx.roi import measure, read_imagej
from napari_ptx.study import Study, StudyError
from napari_ptx.study import demo as demo_module
from napari_ptx.study.agreement import agreement
from napari_ptx.study.demo import YOU, make_demo

CASES = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]]]:
    steps: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("demo")
    path = make_demo(
        folder, cases=CASES, progress=lambda done, total, _: steps.append((done, total))
    )
    return path, steps


@pytest.fixture
def path(made: tuple[Path, list[tuple[int, int]]]) -> Path:
    return made[0]


def test_two_readers_have_finished_and_a_session_waits_for_you(path: Path) -> None:
    with Study.open(path) as study:
        status = study.status()
        assert "simulated" in study.name.lower()
        for reader in ("A", "B"):
            for round, total in ((1, CASES), (2, 4)):
                entry = status.of(reader, round)
                assert (entry.total, entry.finished, entry.state) == (total, total, "closed")
        waiting = status.of(YOU, 1)
        assert (waiting.finished, waiting.started, waiting.state) == (0, 0, "open")
        assert status.of(YOU, 2).state == "waiting"
        assert study.verify(images=True) == ()
        assert status.warnings == ()


def test_the_second_round_was_read_after_the_washout(path: Path) -> None:
    with Study.open(path) as study:
        washout = timedelta(days=study.protocol.washout_days)
        for reader in ("A", "B"):
            first, second = (study.readings(reader, round) for round in (1, 2))
            assert {r.origin for r in (*first, *second)} == {"imported"}
            last = max(r.finished_at for r in first)
            assert min(r.finished_at for r in second) - last > washout
        assert all(entry.early_reason is None for entry in study.status().rounds)


def test_images_are_calibrated_dicom_files_that_say_they_are_simulated(path: Path) -> None:
    samples = demo_samples(CASES)
    with Study.open(path) as study:
        for case, sample in zip(study.cases(), samples, strict=True):
            image = read_image(case.image)
            assert image.modality == "US"
            assert image.notes == ()
            assert image.spacing == pytest.approx((sample.scenario.spacing,) * 2)
            assert image.regions[0].left == sample.scenario.region.left
            file = pydicom.dcmread(case.image)
            assert "SIMULATED" in file.SeriesDescription
            assert "SIMULATED" in file.ImageComments
            assert str(file.PatientName).startswith("Simulated^")
            assert file.PatientID == case.patient == sample.patient


def test_the_cohort_table_has_the_exact_outlines_and_the_record_the_labels(path: Path) -> None:
    cohort = read_cohort(path.parent / "cohort.csv", require=("case", "patient", "image", "roi"))
    assert set(cohort.table["simulated"]) == {1}
    with Study.open(path) as study:
        for row, sample, case in zip(
            cohort.table.to_dict("records"), demo_samples(CASES), study.cases(), strict=True
        ):
            truth = measure(read_imagej(row["roi"]), (sample.scenario.spacing,) * 2)
            assert truth.max_diameter == pytest.approx(sample.scenario.lesion.size, abs=0.01)
            assert case.extra["label"] == row["label"] == sample.scenario.label
            assert "roi" not in case.extra
            notes = json.loads((path.parent / "truth" / f"{row['case']}.json").read_text())
            assert notes["size_mm"] == sample.scenario.lesion.size
            assert "SIMULATED" in notes["note"]


def test_your_session_can_be_read_at_its_desk(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    with Study.open(copy / path.name) as study, study.desk(YOU, 1) as desk:
        assert desk.progress == (0, CASES)
        assert desk.image(0).calibrated
        desk.record(0, study.readings("A", 1)[0].outlines, "freehand", {}, 5.0)
        desk.finish(0)
        assert desk.progress == (1, CASES)


def test_agreement_has_something_to_show(path: Path) -> None:
    with Study.open(path) as study:
        result = agreement(study, replicates=50)
    area = result.inter[result.inter["measurand"] == "area"].iloc[0]
    assert area["unit"] == "mm²"
    assert area["n"] == CASES
    assert area["bias"] > 0
    assert set(result.intra["reader"]) == {"A", "B"}
    assert result.overlap["dice"].between(0.4, 1, inclusive="left").all()


def test_progress_goes_from_nothing_to_everything(
    made: tuple[Path, list[tuple[int, int]]],
) -> None:
    steps = made[1]
    assert steps[0] == (0, 2 * CASES)
    assert steps[-1] == (2 * CASES, 2 * CASES)
    assert steps == sorted(steps)


def test_a_demo_is_made_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("made again")

    before = path.stat().st_mtime_ns
    monkeypatch.setattr(demo_module, "_fill", never)
    assert make_demo(path.parents[1], cases=CASES) == path
    assert path.stat().st_mtime_ns == before
    assert sorted(p.name for p in path.parents[1].iterdir()) == [path.parent.name]


def test_a_demo_that_was_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, *_: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", cases=3, progress=stop)
    assert list((tmp_path / "demo").iterdir()) == []


def test_a_demo_that_lost_its_files_and_a_folder_that_cannot_be_are_told(
    path: Path, tmp_path: Path
) -> None:
    shutil.copytree(path.parent, tmp_path / path.parent.name)
    (tmp_path / path.parent.name / "demo.ptx").unlink()
    with pytest.raises(StudyError, match="not a complete demo"):
        make_demo(tmp_path, cases=CASES)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="choose another folder"):
        make_demo(tmp_path / "file", cases=3)
    with pytest.raises(StudyError, match="at least 3"):
        make_demo(tmp_path, cases=2)


@pytest.fixture
def small_demo(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the command give the demo of this module instead of one with 24 cases."""
    monkeypatch.setattr(demo_module, "make_demo", lambda folder, progress: path)
    return path


def test_command_prints_the_agreement_without_a_window(
    small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--no-window", "--folder", "unused"]) == 0
    text = capsys.readouterr().out
    assert str(small_demo) in text
    assert "simulated" in text
    assert "Area" in text
    assert "There is no screen" not in text


def test_command_without_a_screen_says_so(
    small_demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "has_screen", lambda: False)
    assert run(["demo"]) == 0
    text = capsys.readouterr().out
    assert "There is no screen here" in text
    assert "Area" in text


def test_command_opens_the_app_where_there_is_a_screen(
    small_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(launch, "has_screen", lambda: True)
    monkeypatch.setattr(launch, "open_app", lambda study: opened.append(study) or 0)
    assert run(["demo"]) == 0
    assert opened == [small_demo]


@pytest.mark.slow
def test_the_whole_demo_agrees_as_well_as_real_readers_do(tmp_path: Path) -> None:
    with Study.open(make_demo(tmp_path)) as study:
        assert len(study.cases()) == 24
        assert len({case.patient for case in study.cases()}) == 20
        result = agreement(study, replicates=50)
    area = result.inter[result.inter["measurand"] == "area"].iloc[0]
    assert 0.85 < area["icc"] < 0.95
    assert area["consistency"] > area["icc"]
    for icc in result.intra.loc[result.intra["measurand"] == "area", "icc"]:
        assert 0.93 < icc < 0.99
