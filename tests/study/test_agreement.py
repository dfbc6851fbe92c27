from __future__ import annotations

import csv
import json
import subprocess
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ptx.cli.root import run
from napari_ptx.image.cohort import read_cohort
from napari_ptx.study import Protocol, Study, StudyError
from napari_ptx.study.agreement import Agreement, agreement
from tests.study.make import Clock, square, write_images

READERS = tuple(f"Person{number}" for number in range(1, 6))
TOOLS = ("Amira", "ImageJ")


def write_table(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def mask_of(folder: Path, name: str) -> Path:
    """Find a mask; one reader's names begin with a capital in part."""
    (path,) = folder.glob(f"?{name[1:]}.png")
    return path


@pytest.fixture(scope="module")
def bubil(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a study of the BU-BIL6 masks: five readers, the two tools as two rounds.

    The raw images are crops at an unknown offset, so the gold standard masks, which
    have the masks' own size, stand in for them.
    """
    source = data_dir / "multi_reader" / "bubil6"
    folder = tmp_path_factory.mktemp("bubil")
    gold = sorted((source / "GoldStandard").glob("*.png"))
    names = [f"seg_TPre{path.stem[-2:]}" for path in gold]
    cohort = write_table(
        folder / "cohort.csv",
        ["case", "patient", "image"],
        [[name, name, path] for name, path in zip(names, gold, strict=True)],
    )
    protocol = Protocol(readers=READERS, reread=len(names), seed=6, tolerance_mm=1.0)
    with Study.create(folder / "bubil.ptx", read_cohort(cohort), protocol) as study:
        for reader in READERS:
            for number, tool in enumerate(TOOLS, start=1):
                masks = source / "ExpertAnnotations" / f"{reader}_{tool}"
                table = write_table(
                    folder / f"{reader}_{tool}.csv",
                    ["case", "roi"],
                    [[name, mask_of(masks, name)] for name in names],
                )
                study.import_readings(reader, number, table, invert=True)
    return folder / "bubil.ptx"


@pytest.fixture(scope="module")
def compared(bubil: Path) -> Agreement:
    with Study.open(bubil) as study:
        return agreement(study, replicates=200)


def foreground(data_dir: Path, reader: str, tool: str, name: str) -> np.ndarray:
    """Read one mask directly: the object is 0."""
    path = mask_of(data_dir / "multi_reader/bubil6/ExpertAnnotations" / f"{reader}_{tool}", name)
    return np.asarray(Picture.open(path).convert("L")) == 0


@pytest.mark.once
@pytest.mark.data
@pytest.mark.r
def test_icc_of_area_equals_psych_for_every_pair_of_readers(
    compared: Agreement, data_dir: Path, tmp_path: Path
) -> None:
    names = sorted({row["case"] for row in compared.values.to_dict("records")})
    areas = {
        reader: [foreground(data_dir, reader, TOOLS[0], name).sum() for name in names]
        for reader in READERS
    }
    write_table(tmp_path / "areas.csv", list(READERS), list(zip(*areas.values(), strict=True)))
    script = (
        "suppressMessages(library(psych)); t <- read.csv('areas.csv'); "
        "for (p in combn(5, 2, simplify=FALSE)) { "
        "r <- ICC(t[, p], lmer=FALSE)$results; "
        "cat(p, sprintf('%.12f', as.matrix(r[c(2, 3), c('ICC', 'lower bound', 'upper bound')])), "
        "'\\n') }"
    )
    done = subprocess.run(
        ["Rscript", "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(lines) == 10
    areas_only = compared.inter[compared.inter["measurand"] == "area"].set_index("comparison")
    for first, second, icc_a, icc_c, low_a, _, high_a, _ in lines:
        name = f"{READERS[int(first) - 1]} – {READERS[int(second) - 1]}"
        row = areas_only.loc[name]
        assert row["icc"] == pytest.approx(icc_a, abs=1e-6)
        assert row["consistency"] == pytest.approx(icc_c, abs=1e-6)
        assert row["low"] == pytest.approx(low_a, abs=1e-6)
        assert row["high"] == pytest.approx(high_a, abs=1e-6)
        assert row["unit"] == "px²"


@pytest.mark.data
@pytest.mark.once
def test_overlap_equals_simpleitk_and_a_direct_computation(
    compared: Agreement, data_dir: Path
) -> None:
    import SimpleITK
    from scipy.ndimage import binary_erosion
    from scipy.spatial.distance import cdist

    table = compared.overlap[compared.overlap["kind"] == "inter"]
    assert len(table) == 10 * 35
    for row in table.iloc[::7].to_dict("records"):
        masks = [
            foreground(data_dir, row[side].split(",")[0], TOOLS[0], row["case"])
            for side in ("first", "second")
        ]
        images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
        measures = SimpleITK.LabelOverlapMeasuresImageFilter()
        measures.Execute(*images)
        assert row["dice"] == pytest.approx(measures.GetDiceCoefficient(), abs=1e-12)
        assert row["jaccard"] == pytest.approx(measures.GetJaccardCoefficient(), abs=1e-12)
        edges = [np.argwhere(mask & ~binary_erosion(mask)) for mask in masks]
        distances = cdist(*edges)
        there, back = distances.min(axis=1), distances.min(axis=0)
        hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
        assert row["hd95"] == pytest.approx(hd95, abs=1e-9)
        assert row["hd"] == pytest.approx(max(there.max(), back.max()), abs=1e-9)


@pytest.mark.data
@pytest.mark.once
def test_bubil_has_every_comparison_and_says_that_it_is_in_pixels(compared: Agreement) -> None:
    pairs = {f"{a} – {b}" for a, b in combinations(READERS, 2)}
    assert set(compared.inter["comparison"]) == pairs | {"all readers"}
    assert list(compared.intra["reader"].unique()) == list(READERS)
    assert set(compared.inter["n"]) == {35}
    assert compared.settings["unit"] == "px"
    assert "in pixels" in compared.notes[0]
    everyone = compared.inter[compared.inter["comparison"] == "all readers"]
    assert set(everyone["k"]) == {5}
    assert everyone["bias"].isna().all()
    text = json.dumps(compared.to_json(), allow_nan=False)
    assert '"bias_percent": null' in text


def disc(centre: tuple[int, int], radius: float, size: int = 64) -> np.ndarray:
    y, x = np.ogrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


@pytest.fixture
def small(tmp_path: Path) -> Study:
    """Make a study of five small images with nothing read yet."""
    rng = np.random.default_rng(1)
    for number in range(5):
        pixels = rng.integers(0, 255, (64, 64), dtype=np.uint8)
        Picture.fromarray(pixels).save(tmp_path / f"{number}.png")
    cohort = write_table(
        tmp_path / "cohort.csv",
        ["case", "patient", "image"],
        [[f"c{number}", f"p{number}", f"{number}.png"] for number in range(5)],
    )
    protocol = Protocol(readers=("A", "B"), reread=0, seed=1)
    return Study.create(tmp_path / "small.ptx", read_cohort(cohort), protocol)


def give(study: Study, reader: str, masks: dict[str, np.ndarray]) -> None:
    folder = study.path.parent
    for case, mask in masks.items():
        Picture.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{reader}_{case}.png")
    rows: list[list[object]] = [[case, f"{reader}_{case}.png"] for case in masks]
    study.import_readings(reader, 1, write_table(folder / f"{reader}.csv", ["case", "roi"], rows))


def test_a_study_with_nothing_in_common_says_what_it_needs(small: Study) -> None:
    give(small, "A", {"c0": disc((30, 30), 9)})
    give(small, "B", {"c1": disc((30, 30), 9)})
    with small, pytest.raises(StudyError, match="two readers with finished cases in common"):
        agreement(small)


def test_two_pairs_are_too_few_for_an_icc_but_not_for_overlap(small: Study) -> None:
    give(small, "A", {"c0": disc((30, 30), 9), "c1": disc((30, 30), 12)})
    give(small, "B", {"c0": disc((30, 30), 9), "c1": disc((10, 50), 5)})
    with small:
        result = agreement(small)
    assert set(result.inter["n"]) == {2}
    assert result.inter["icc"].isna().all()
    assert not result.inter["passes_point"].any()
    by_case = result.overlap.set_index("case")
    assert by_case.loc["c0", "dice"] == 1.0
    assert by_case.loc["c0", "hd95"] == 0.0
    assert by_case.loc["c1", "dice"] == 0.0
    assert np.isfinite(by_case.loc["c1", "hd95"])


def test_the_same_outlines_agree_perfectly_and_pairs_give_the_values(small: Study) -> None:
    masks = {f"c{number}": disc((30, 30), 8 + number) for number in range(5)}
    give(small, "A", masks)
    give(small, "B", masks)
    with small:
        result = agreement(small)
    row = result.inter.set_index("measurand").loc["area"]
    assert (row["icc"], row["low"], row["high"], row["bias"]) == (1.0, 1.0, 1.0, 0.0)
    assert row["passes_bound"]
    assert np.isnan(result.inter.set_index("measurand").loc["centroid_y", "icc"])
    pairs = result.pairs("A – B", "area")
    assert list(pairs["first"]) == [float(masks[case].sum()) for case in pairs["case"]]
    assert list(pairs["first"]) == list(pairs["second"])


def test_areas_that_do_not_vary_are_told_and_written(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without variation an ICC of 0 has no limits: JSON has no number for that."""
    protocol = Protocol(readers=("A", "B"))
    table = write_images(tmp_path, 4)
    study = Study.create(tmp_path / "same.ptx", table, protocol, clock=clock)
    for reader, size in (("A", 8), ("B", 9)):
        with study.desk(reader, 1) as desk:
            for case in desk.cases:
                desk.record(case.index, [square(10, 12, size)], "freehand")
                desk.finish(case.index)
    assert run(["agreement", str(study.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["outlook"][0]
    assert (told["icc"], told["low"], told["more"]) == (0, None, None)
    assert run(["study", "report", str(study.path), "-o", str(tmp_path / "report")]) == 0
    assert (tmp_path / "report/report.html").is_file()
