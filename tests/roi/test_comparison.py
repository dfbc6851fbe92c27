from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.spatial.distance import cdist

from napari_ptx.roi import RoiError, overlap, read_mask
from napari_ptx.roi.comparison import surface


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Two masks of one shape, 2-D or 3-D, with a spacing."""
    shape = draw(npst.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7))
    spacing = draw(st.tuples(*[st.sampled_from([0.1, 0.35, 1.0, 2.5])] * len(shape)))
    return draw(npst.arrays(bool, shape)), draw(npst.arrays(bool, shape)), spacing


def edge(mask: np.ndarray) -> np.ndarray:
    """Positions of object pixels with a face to what is not object, one pixel at a time."""
    padded = np.pad(mask, 1)
    found = []
    for place in np.argwhere(padded):
        steps = np.concatenate([np.eye(mask.ndim, dtype=int), -np.eye(mask.ndim, dtype=int)])
        if not all(padded[tuple(place + step)] for step in steps):
            found.append(place - 1)
    return np.array(found)


def directed(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> tuple:
    distances = cdist(edge(a) * np.array(spacing), edge(b) * np.array(spacing))
    return distances.min(axis=1), distances.min(axis=0)


def as_itk(mask: np.ndarray, spacing: tuple[float, ...]) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    return image


def itk_hausdorff(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> float:
    measure = SimpleITK.HausdorffDistanceImageFilter()
    measure.Execute(as_itk(surface(a), spacing), as_itk(surface(b), spacing))
    return float(measure.GetHausdorffDistance())


def itk_overlap(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    measure = SimpleITK.LabelOverlapMeasuresImageFilter()
    ones = (1.0,) * a.ndim
    measure.Execute(as_itk(a, ones), as_itk(b, ones))
    return measure.GetDiceCoefficient(1), measure.GetJaccardCoefficient(1)


@given(cases(), st.sampled_from([0.0, 0.35, 1.0, 2.0]))
def test_every_number_by_its_definition(
    case: tuple[np.ndarray, np.ndarray, tuple[float, ...]], tolerance: float
) -> None:
    a, b, spacing = case
    assume(a.any() and b.any())
    found = overlap(a, b, spacing, tolerance)
    forth, back = directed(a, b, spacing)
    every = np.concatenate([forth, back])
    assert found.state == "both"
    assert found.dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert found.jaccard == pytest.approx((a & b).sum() / (a | b).sum())
    assert found.hd == pytest.approx(every.max())
    assert found.hd95 == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
    assert found.msd == pytest.approx(every.mean())
    assert found.surface_dice == pytest.approx((every <= tolerance + 1e-9).mean())
    assert overlap(b, a, spacing, tolerance) == found


@given(cases())
def test_agrees_with_simpleitk(case: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    a, b, spacing = case
    assume(a.any() and b.any() and min(a.shape) > 1)
    found = overlap(a, b, spacing)
    assert (found.dice, found.jaccard) == pytest.approx(itk_overlap(a, b))
    assert found.hd == pytest.approx(itk_hausdorff(a, b, spacing), rel=1e-6)


@pytest.mark.data
@pytest.mark.parametrize("number", [1, 9, 17, 25, 35])
def test_real_readers_agree_with_simpleitk_and_the_definition(data_dir: Path, number: int) -> None:
    folder = data_dir / "multi_reader/bubil6/ExpertAnnotations"
    paths = sorted(folder.glob(f"*/*{number:02d}.png"))
    assert len(paths) == 10
    readings = [read_mask(path, invert=True) for path in paths[::3]]
    for a, b in combinations(readings, 2):
        spacing = (0.3, 0.2)
        found = overlap(a, b, spacing)
        forth, back = directed(a, b, spacing)
        assert (found.dice, found.jaccard) == pytest.approx(itk_overlap(a, b))
        assert found.hd == pytest.approx(itk_hausdorff(a, b, spacing), rel=1e-6)
        assert found.hd95 == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
        assert found.msd == pytest.approx(np.concatenate([forth, back]).mean())


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)])
def test_empty_masks_are_counted(shape: tuple[int, ...]) -> None:
    empty, full = np.zeros(shape), np.ones(shape)
    both = overlap(empty, empty)
    assert (both.state, both.dice, both.jaccard, both.surface_dice) == ("both_empty", 1, 1, 1)
    assert (both.hd, both.hd95, both.msd) == (0, 0, 0)
    for one in (overlap(empty, full), overlap(full, empty)):
        assert (one.state, one.dice, one.jaccard, one.surface_dice) == ("one_empty", 0, 0, 0)
        assert (one.hd, one.hd95, one.msd) == (np.inf, np.inf, np.inf)


def test_equal_masks_agree_wholly_also_at_the_border_of_the_image() -> None:
    found = overlap(np.ones((4, 6)), np.ones((4, 6)))
    assert (found.dice, found.hd, found.msd, found.surface_dice) == (1, 0, 0, 1)
    assert surface(np.ones((4, 6))).sum() == 16


def test_shifted_squares() -> None:
    a, b = np.zeros((20, 20)), np.zeros((20, 20))
    a[5:10, 5:10] = 1
    b[5:10, 8:13] = 1
    found = overlap(a, b, (1, 0.1), tolerance=0.3)
    assert found.hd == pytest.approx(0.3)
    assert found.dice == pytest.approx(2 * 10 / 50)
    assert found.surface_dice == 1  # 3 x 0.1 is 0.30000000000000004


def test_what_does_not_fit_is_refused() -> None:
    mask = np.ones((3, 4))
    with pytest.raises(RoiError, match="one shape"):
        overlap(mask, mask.T)
    with pytest.raises(RoiError, match="2 positive spacings"):
        overlap(mask, mask, (1, 1, 1))
    with pytest.raises(RoiError, match="2 positive spacings"):
        overlap(mask, mask, (0, 1))
    with pytest.raises(RoiError, match="tolerance"):
        overlap(mask, mask, tolerance=-1)
