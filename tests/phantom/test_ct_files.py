"""Simulated clinicians, and the cohort of necks on disk from the command line."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, poisson

from napari_ptx.cli.root import run
from napari_ptx.image import read_image
from napari_ptx.image.cohort import read_cohort
from napari_ptx.phantom.ct import files
from napari_ptx.phantom.ct.files import SimulationError, case_seed, write_cohort
from napari_ptx.phantom.ct.glands import draw_glands
from napari_ptx.phantom.ct.readings import CLINICIANS, Clinician, read_neck, stated
from napari_ptx.phantom.ct.scene import GlandTruth, Settings

pytestmark = pytest.mark.once

TINY = Settings(spacing=(4.0, 2.0, 2.0))


def truth(seed: int) -> list[GlandTruth]:
    """The glands of a patient as readers judge them, without a picture."""
    rng = np.random.default_rng([11, seed])
    # of the glands of simulated images about 1 in 10 cannot be told from the thyroid
    return [
        GlandTruth(
            n, d.slot, d.site, 0, 0, 0, 100, d.size, d.pattern, 50, 170, 3, 1,
            int(rng.random() < 0.9), 5, 2,
        )
        for n, d in enumerate(draw_glands(rng), 1)
    ]  # fmt: skip


def test_readers_are_as_sensitive_as_stated() -> None:
    found: dict[str, list[int]] = defaultdict(list)
    chance: dict[str, list[float]] = defaultdict(list)
    false: dict[str, int] = defaultdict(int)
    patients = 600
    for seed in range(patients):
        glands = truth(seed)
        for who in CLINICIANS:
            chance[who.reader] += [who.chance(g) for g in glands]
        for row in read_neck("P", seed, glands):
            if row["gland"]:
                found[row["reader"]].append(row["found"])
            else:
                assert row["found"] == 1
                assert row["site"]
                false[row["reader"]] += 1
    modality = {who.reader: who.modality for who in CLINICIANS}
    for who in CLINICIANS:
        share = float(np.mean(chance[who.reader]))
        low, high = binom.interval(0.9999, len(found[who.reader]), share)
        assert low <= sum(found[who.reader]) <= high
        low, high = poisson.interval(0.9999, who.false * patients)
        assert low <= false[who.reader] <= high
    # Li et al. 2025: 22, 26 and 31 of 36
    for name, published in (("ultrasound", 22 / 36), ("ct", 26 / 36), ("mibi", 31 / 36)):
        own = np.concatenate([found[reader] for reader, m in modality.items() if m == name])
        assert own.mean() == pytest.approx(published, abs=0.04)


def test_larger_glands_are_found_more_often_and_ultrasound_does_not_see_the_mediastinum() -> None:
    who = Clinician("ultrasound", "U", 0.9, 6.0, 0.5, (("mediastinum", 0.0),), contrast=0.5)
    first = GlandTruth(**{**vars(truth(0)[0]), "visible": 1, "slot": "left_superior", "site": ""})
    sizes = [who.chance(GlandTruth(**{**vars(first), "diameter_mm": d})) for d in (4, 6, 8, 20)]
    assert sizes == sorted(sizes)
    assert sizes[1] == pytest.approx(0.45)
    deep = GlandTruth(**{**vars(first), "slot": "ectopic", "site": "mediastinum"})
    assert who.chance(deep) == 0
    hidden = GlandTruth(**{**vars(first), "visible": 0})
    assert who.chance(hidden) == pytest.approx(who.chance(first) / 2)


def test_readings_are_repeatable_and_readers_differ() -> None:
    rows = [row for seed in range(20) for row in read_neck("P", seed, truth(seed))]
    assert rows == [row for seed in range(20) for row in read_neck("P", seed, truth(seed))]
    by_reader = pd.DataFrame(rows).query("gland != ''").groupby("reader")["found"].agg(list)
    assert len({tuple(v) for v in by_reader}) == len(CLINICIANS)
    counts = pd.DataFrame(rows).groupby("modality")["reader"].nunique()
    assert counts["ultrasound"] >= 2
    assert counts["ct"] >= 2
    assert stated([])[0]["expected_sensitivity"] is None


def test_the_command_writes_a_cohort_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "necks"
    command = ["ct", "simulate", "-n", "1", "--seed", "3", "-o", str(out), "--json"]
    assert run(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert "NOT patients" in answer["note"]
    assert answer["complete"] is True
    assert (answer["patients"], answer["seed"]) == (1, 3)
    assert answer["settings"]["spacing"] == [1.0, 0.6, 0.6]
    assert json.loads((out / "simulation.json").read_text()) == {
        key: value for key, value in answer.items() if key != "output"
    }
    cohort = read_cohort(out / "cohort.csv", require=("patient", "phase", "image", "labels"))
    assert cohort.table["phase"].tolist() == ["plain", "arterial"]
    glands = pd.read_csv(out / "glands.csv")
    assert len(glands) == answer["glands"] > 0
    for row in cohort.table.itertuples():
        image, labels = read_image(row.image), read_image(out / row.labels)
        assert image.pixels.dtype == labels.pixels.dtype == np.int16
        assert image.origin == labels.origin
        assert sorted(set(np.unique(labels.pixels)) - {0}) == glands["gland"].tolist()
    anatomy = read_image(out / cohort.table["anatomy"][0])
    assert answer["anatomy_values"]["gland"] in anatomy.pixels
    readings = pd.read_csv(out / "readings.csv")
    assert list(readings) == ["patient", "gland", "modality", "reader", "found", "site"]
    assert not [p for p in out.iterdir() if p.name.startswith(".")]

    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert run(command) == 0  # identical work goes on, and changes nothing
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert run([*command[:4], "--seed", "4", "-o", str(out)]) == 2
    assert "choose a new folder" in capsys.readouterr().err


def test_headers_say_that_they_are_simulated(tmp_path: Path) -> None:
    import gzip

    write_cohort(tmp_path, 1, 1, TINY)
    volumes = list(tmp_path.glob("*.nii.gz"))
    assert len(volumes) == 5
    for path in volumes:
        with gzip.open(path) as file:
            assert b"SIMULATED by napari-ptx; not a patient" in file.read(348)[148:228]


def test_a_stopped_run_goes_on_after_the_last_complete_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def progress(done: int, total: int, text: str) -> None:
        if done == 1:
            raise Stopped

    with pytest.raises(Stopped):
        write_cohort(tmp_path, 2, 5, TINY, progress=progress)
    assert not (tmp_path / "cohort.csv").exists()
    assert json.loads((tmp_path / "simulation.json").read_text())["complete"] is False
    made = []
    plain = files.draw_plan
    monkeypatch.setattr(files, "draw_plan", lambda s, t: made.append(s) or plain(s, t))
    write_cohort(tmp_path, 2, 5, TINY)
    assert made == [case_seed(5, 2)]
    whole = tmp_path / "whole"
    write_cohort(whole, 2, 5, TINY)
    for path in whole.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(SimulationError, match="not empty"):
        write_cohort(tmp_path, 1, 1, TINY)
    with pytest.raises(SimulationError, match="cannot be used"):
        write_cohort(tmp_path / "thesis.docx", 1, 1, TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]
