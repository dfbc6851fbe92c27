from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import shapely
from scipy.ndimage import distance_transform_edt

from napari_ptx.phantom.ultrasound import MARGIN, Phantom, draw_scenario, simulate
from napari_ptx.roi.raster import rasterise

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [simulate(seed) for seed in range(12)]


def test_the_same_seed_gives_the_same_case_in_another_process() -> None:
    code = (
        "from napari_ptx.phantom.ultrasound import simulate\n"
        "p = simulate(7); print(p.image.sha256, hash(p.truth[0]), p.size_mm)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0].split()[0] == runs[1].split()[0] == simulate(7).image.sha256
    assert runs[0].split()[2] == runs[1].split()[2]


def test_other_seeds_give_other_cases(phantoms: list[Phantom]) -> None:
    assert len({p.image.sha256 for p in phantoms}) == len(phantoms)
    assert len({p.size_mm for p in phantoms}) == len(phantoms)


def test_pictures_are_calibrated_ultrasound(phantoms: list[Phantom]) -> None:
    for p in phantoms:
        height, width = p.image.shape
        assert p.image.modality == "US"
        assert p.image.source is None
        assert 480 <= height <= 600
        assert 560 <= width <= 640
        assert p.image.pixels.dtype == np.uint8
        spacing = p.image.spacing_at(*p.truth[0].points.mean(axis=0))
        assert spacing == (p.scenario.spacing, p.scenario.spacing)
        assert 0.07 <= spacing[0] <= 0.09
        assert p.image.spacing_at(height - 1, width - 1) is None  # the caption


def test_pictures_say_that_they_are_simulated(phantoms: list[Phantom]) -> None:
    captions = {np.asarray(p.image.pixels[-MARGIN:, : MARGIN + 100]).tobytes() for p in phantoms}
    assert len(captions) == 1  # the same word in each
    assert 100 < np.frombuffer(captions.pop(), np.uint8).max() < 255


def test_the_truth_is_simple_exact_and_in_the_tissue(phantoms: list[Phantom]) -> None:
    for p in phantoms:
        points = p.truth[0].points
        polygon = shapely.Polygon(points)
        assert polygon.is_valid
        region = p.image.regions[0]
        tissue = shapely.box(region.top, region.left, region.bottom, region.right)
        assert tissue.buffer(-5).contains(polygon)
        assert np.hypot(*np.diff(points, axis=0).T).max() < 2.0  # pixels
        reach = np.array([shapely.Point(q).hausdorff_distance(polygon) for q in points[::8]])
        assert reach.max() * p.scenario.spacing == pytest.approx(p.size_mm, rel=1e-3)
        # four times as many points change the area by less than one in ten thousand
        fine, _ = p.scenario.lesion.border(4 * len(points))
        area = polygon.area * p.scenario.spacing**2
        assert shapely.Polygon(fine).area == pytest.approx(area, rel=1e-4)


def test_lesions_are_darker_than_what_is_around_them(phantoms: list[Phantom]) -> None:
    differences = []
    for p in phantoms:
        grey = p.image.pixels.astype(float)
        inside = rasterise(p.truth, p.image.shape)
        away = distance_transform_edt(~inside) * p.scenario.spacing
        around = (away > 0.5) & (away < 2.0)
        differences.append(grey[around].mean() - grey[inside].mean())
    assert min(differences) > 15
    assert np.median(differences) > 25


def test_the_drawn_border_is_where_the_picture_changes(phantoms: list[Phantom]) -> None:
    # Moving the truth in any direction makes the step across its border smaller.
    def step(p: Phantom, dy: int, dx: int) -> float:
        inside = np.roll(rasterise(p.truth, p.image.shape), (dy, dx), (0, 1))
        out, into = distance_transform_edt(~inside), distance_transform_edt(inside)
        grey = p.image.pixels.astype(float)
        band = 0.6 / p.scenario.spacing
        return float(
            grey[(out > 0) & (out < band)].mean() - grey[(into > 0) & (into < band)].mean()
        )

    crisp = [p for p in phantoms if p.scenario.lesion.blur < 0.5]
    assert len(crisp) >= 5
    for dy, dx in ((8, 0), (-8, 0), (0, 8), (0, -8)):
        assert np.mean([step(p, 0, 0) - step(p, dy, dx) for p in crisp]) > 3


def test_labels_can_be_asked_for_and_differ_as_groups() -> None:
    benign = [draw_scenario(seed, label=0) for seed in range(100)]
    atypical = [draw_scenario(seed, label=1) for seed in range(100)]
    assert {p.label for p in benign} == {0}
    assert {p.label for p in atypical} == {1}
    for measure in (lambda s: s.lesion.size, lambda s: s.unevenness, lambda s: s.lesion.blur):
        less, more = ([measure(s) for s in group] for group in (benign, atypical))
        assert np.mean(more) > 1.2 * np.mean(less)
        assert min(more) < np.median(less)  # they overlap
    with pytest.raises(ValueError, match="label"):
        draw_scenario(1, label=2)


def test_the_scenario_goes_into_a_json_file(phantoms: list[Phantom]) -> None:
    value = json.loads(json.dumps(phantoms[0].scenario.to_json()))
    assert value["seed"] == 0
    assert value["lesion"]["half_long"] > value["lesion"]["half_short"]


def test_lesions_are_not_hidden_by_the_trachea_or_the_spine(phantoms: list[Phantom]) -> None:
    for p in phantoms:
        border, _ = p.scenario.lesion.border(360)
        layout = p.scenario.layout
        assert border[:, 0].max() < layout.bone - 2
        if layout.trachea is not None:
            assert border[:, 1].min() > layout.trachea[1] + layout.trachea[3]
