from __future__ import annotations

import numpy as np
import pytest

from napari_ptx.phantom.scanner import Scanner, Tissue, compress, envelope

SPACING = 0.08
SHAPE = (400, 500)


def uniform(level: float = 0.0, loss: float = 0.0) -> Tissue:
    return Tissue(
        np.full(SHAPE, level, np.float32),
        np.zeros(SHAPE, np.complex64),
        np.full(SHAPE, loss, np.float32),
    )


def scan(tissue: Tissue, **settings: float) -> np.ndarray:
    scanner = Scanner(noise_db=-200, **settings)
    return envelope(tissue, SPACING, scanner, np.random.default_rng(1)).astype(float)[
        20:-20, 20:-20
    ]


def test_uniform_tissue_speckles_as_rayleigh() -> None:
    values = scan(uniform(), looks=1)
    # Rayleigh: mean / sd = sqrt(pi / (4 - pi)) = 1.913, power 1
    assert values.mean() / values.std() == pytest.approx(1.913, rel=0.04)
    assert (values**2).mean() == pytest.approx(1.0, rel=0.06)
    assert np.median(values) == pytest.approx(np.sqrt(np.log(2)), rel=0.03)


def test_compounding_smooths_speckle_as_independent_looks_do() -> None:
    one, four = scan(uniform(), looks=1), scan(uniform(), looks=4)
    gain = (four.mean() / four.std()) / (one.mean() / one.std())
    assert gain == pytest.approx(2.0, rel=0.08)


def test_resolution_is_worse_across_than_along_the_beam_and_away_from_the_focus() -> None:
    values = scan(uniform(), looks=1, focus_mm=4.0, widening=0.1) ** 2

    def length(part: np.ndarray, axis: int) -> float:
        part = part - part.mean()
        lagged = [np.mean(part * np.roll(part, lag, axis)) for lag in range(12)]
        return float(np.interp(-0.5, -np.array(lagged) / lagged[0], np.arange(12)))

    near, deep = values[:100], values[-100:]
    assert length(near, 1) > 1.5 * length(near, 0)
    assert length(deep, 1) > 1.3 * length(near, 1)


def test_attenuation_falls_along_the_scan_line() -> None:
    values = scan(uniform(loss=0.5), looks=1)
    decibels = 10 * np.log10((values**2).mean(axis=1))
    depth = np.arange(len(decibels)) * SPACING
    slope = np.polyfit(depth, decibels, 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.05)


def test_a_mirror_keeps_its_amplitude_and_does_not_speckle() -> None:
    tissue = uniform(-200)
    tissue.shine[200] = 10  # one row: a plane across all scan lines
    values = scan(tissue, looks=1)
    row = values[180]
    assert row.std() < 1e-3 * row.mean()


def test_noise_grows_with_depth() -> None:
    scanner = Scanner(noise_db=-60, noise_gain=0.5)
    values = envelope(uniform(-200), SPACING, scanner, np.random.default_rng(2))
    power = 10 * np.log10((values.astype(float) ** 2).mean(axis=1))
    assert power[-50:].mean() - power[:50].mean() == pytest.approx(
        0.5 * SPACING * (SHAPE[0] - 50), abs=0.3
    )


def test_compression_spans_the_dynamic_range() -> None:
    values = np.array([[1.0, 10 ** (-29.9 / 20), 10 ** (-60 / 20), 1e-9, 5.0]], np.float32)
    np.testing.assert_array_equal(compress(values, 60.0), [[255, 128, 0, 0, 255]])
