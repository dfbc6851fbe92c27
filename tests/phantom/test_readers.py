from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from napari_ptx.phantom.readers import READER_A, READER_B, Reader, outline
from napari_ptx.phantom.ultrasound import Scenario, draw_scenario
from napari_ptx.stats import icc

CASES = 200


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return [draw_scenario(seed) for seed in range(CASES)]


def areas(scenarios: list[Scenario], reader: Reader, round: int) -> np.ndarray:
    return np.array(
        [
            shapely.Polygon(outline(s, reader, round=round).points).area * s.spacing**2
            for s in scenarios
        ]
    )


def truth(scenarios: list[Scenario]) -> np.ndarray:
    return np.array([shapely.Polygon(s.truth[0].points).area * s.spacing**2 for s in scenarios])


@pytest.mark.once
def test_readers_agree_as_well_as_real_ones(scenarios: list[Scenario]) -> None:
    a1, a2, b1, b2 = (areas(scenarios, r, k) for r in (READER_A, READER_B) for k in (1, 2))
    inter = icc(np.column_stack([a1, b1]))
    assert 0.85 < inter.value < 0.95
    for first, second in ((a1, a2), (b1, b2)):
        intra = icc(np.column_stack([first, second]))
        assert 0.93 < intra.value < 0.98
        assert intra.value > inter.value


@pytest.mark.once
def test_one_reader_draws_larger_and_only_absolute_agreement_sees_it(
    scenarios: list[Scenario],
) -> None:
    a, b = areas(scenarios, READER_A, 1), areas(scenarios, READER_B, 1)
    assert 1.06 < b.mean() / a.mean() < 1.25
    table = np.column_stack([a, b])
    assert icc(table, form="C,1").value > icc(table).value + 0.005
    assert a.mean() / truth(scenarios).mean() == pytest.approx(1.0, abs=0.06)


def test_a_perfect_reader_gives_the_truth(scenarios: list[Scenario]) -> None:
    perfect = Reader("P", habit=0, noise=0, shift=0, gross=0, vertices=720)
    for s in scenarios[:20]:
        np.testing.assert_allclose(outline(s, perfect).points, s.truth[0].points, atol=1e-9)


def test_bias_moves_the_border_outwards_by_its_length(scenarios: list[Scenario]) -> None:
    wide = Reader("P", bias=0.5, habit=0, noise=0, shift=0, gross=0, vertices=720)
    for s in scenarios[:20]:
        moved = np.hypot(*(outline(s, wide).points - s.truth[0].points).T) * s.spacing
        np.testing.assert_allclose(moved, 0.5, atol=1e-9)


@pytest.mark.once
def test_outlines_are_repeatable_differ_between_rounds_and_are_simple(
    scenarios: list[Scenario],
) -> None:
    for s in scenarios:
        for reader in (READER_A, READER_B):
            first, second = (outline(s, reader, round=k) for k in (1, 2))
            assert first == outline(s, reader, round=1)
            assert first != second
            assert shapely.Polygon(first.points).is_valid


@pytest.mark.once
def test_soft_borders_are_drawn_less_surely(scenarios: list[Scenario]) -> None:
    reader = replace(READER_A, vertices=720, gross=0, shift=0)
    errors, softness = [], []
    for s in scenarios:
        moved = (outline(s, reader).points - s.truth[0].points) * s.spacing
        errors.append(np.hypot(*moved.T) / np.sqrt(s.lesion.size))
        softness.append(s.lesion.border(720)[1])
    error, soft = np.concatenate(errors), np.concatenate(softness)
    assert error[soft > 0.8].mean() > 1.2 * error[soft < 0.3].mean()


@pytest.mark.once
def test_gross_disagreements_are_few_but_there(scenarios: list[Scenario]) -> None:
    clumsy = replace(READER_A, gross=0.0)
    changed = [outline(s, READER_A) != outline(s, clumsy) for s in scenarios]
    assert 1 <= sum(changed) <= 0.08 * CASES
