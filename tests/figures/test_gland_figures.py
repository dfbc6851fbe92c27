"""The figures of glands: free-response curves, sets of modalities, sensitivity by size.

The pictures in ``baseline/`` are what the figures looked like when a person last looked at
them. After a change that is meant, ``python -m tests.figures.test_gland_figures`` draws them
anew: look at each before it is committed.
"""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from PIL import Image

from napari_ptx import figures, stats
from tests.figures.gland_data import (
    BANDS,
    BY_CONTRAST,
    BY_SIZE,
    CURVES,
    FOUND,
    MAKERS,
    NAMES,
    TOGETHER,
)
from tests.figures.test_model_figures import BASELINE, NOTE, blocks, by_gid, pixels, texts, words

pytestmark = pytest.mark.once


def test_froc_draws_each_point_of_its_curves() -> None:
    figure = MAKERS["froc"](note=NOTE)
    for name, curve in CURVES.items():
        (line,) = by_gid(figure, f"curve {name}")
        np.testing.assert_array_equal(line.get_ydata(), curve.sensitivity)
        seen = curve.false_positives > 0.1
        np.testing.assert_array_equal(line.get_xdata()[seen], curve.false_positives[seen])
        assert f"{name}  {curve.score():.3f}" in " ".join(texts(figure))
    (bars,) = by_gid(figure, "band overlap")
    ends = np.array(bars.get_segments())[:, :, 1]
    band = BANDS["overlap"]
    there = band.rates <= CURVES["overlap"].false_positives[-1]
    np.testing.assert_allclose(ends, np.stack([band.low[there], band.high[there]], axis=1))
    (dot,) = by_gid(figure, "threshold overlap")
    assert dot.get_offsets()[0].tolist() == [2.0, 0.6]
    said = words(figure)
    assert "160 glands in 40 scans." in said
    assert "bootstrap of patients" in said
    assert "Simulated scores, not patients." in said
    assert {"1/8", "1/4", "1/2", "1", "2", "4", "8"} <= set(texts(figure))


def test_froc_of_nothing_found_and_of_no_false_positive() -> None:
    for curve in (stats.froc([], [], 3, 2), stats.froc([0.9], [1], 1, 1)):
        figure = figures.froc_figure({"a": curve}, operating={"a": (0.0, 0.0)})
        (line,) = by_gid(figure, "curve a")
        assert (line.get_xdata() > 0).all()  # a logarithmic axis has no 0
        pixels(figure)
    many = stats.froc(np.arange(40) / 40, np.zeros(40), 1, 2)
    assert figures.froc_figure({"a": many}).axes[0].get_xlim()[1] > 20.0


def test_upset_counts_each_set_of_modalities_once() -> None:
    figure = MAKERS["upset"]()
    total = 0
    for members, count in TOGETHER.patterns.items():
        (bar,) = by_gid(figure, f"bar {'+'.join(members)}")
        assert bar.get_height() == count
        total += count
        (dots,) = by_gid(figure, f"set {'+'.join(members)}") if members else (None,)
        if dots is not None:
            assert len(dots.get_offsets()) == len(members)
        if len(members) == 1:
            assert to_hex(bar.get_facecolor()) == figures.colours(NAMES)[members[0]].lower()
    assert total == 160
    labels = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert labels == [f"{name}  {int(FOUND[name].sum())}/160" for name in NAMES]
    assert "Hatched: found by none." in words(figure)


def test_upset_shows_the_largest_sets_where_there_are_many() -> None:
    names = [f"m{i}" for i in range(6)]
    patterns = {
        tuple(name for i, name in enumerate(names) if mask >> i & 1): 64 - mask
        for mask in range(1, 40)
    }
    figure = figures.upset_figure(patterns, names)
    assert "15 smaller sets are not shown." in words(figure)
    assert "Hatched" not in words(figure)
    assert len(figure.axes[0].patches) == 24


def test_curves_of_sensitivity_stand_over_their_glands() -> None:
    figure = MAKERS["psychometric"](note=NOTE)
    for name, fit in BY_CONTRAST.items():
        (line,) = by_gid(figure, f"curve {name}")
        np.testing.assert_array_equal(line.get_ydata(), fit.curve)
        assert len(by_gid(figure, f"band {name}")) == 1
        (dots,) = by_gid(figure, f"shares {name}")
        assert np.average(dots.get_offsets()[:, 1]) == pytest.approx(fit.found.mean(), abs=0.05)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert sum(len(line.get_xdata()) for line in marks) == 160
    assert "bootstrap of patients" in words(figure)
    many = MAKERS["psychometric_many"]()
    assert by_gid(many, "band CT") == []
    assert f"U-Net: {BY_SIZE['U-Net'].half:.1f} [" in " ".join(texts(many))
    flat = stats.psychometric([1, 2, 3, 4], [1, 1, 1, 1], replicates=5)
    assert "CT" in texts(figures.psychometric_figure({"CT": flat}))  # no half to name


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_words_are_cut_off_or_cover_each_other(name: str, theme: str) -> None:
    figure = MAKERS[name](theme_name=theme, note=NOTE, label="test")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    drawn = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= height + 0.01
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and not text.get_rotation()
    ]
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        along = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(across, along) < 1.0, f"{one!r} covers {other!r}"


@pytest.mark.parametrize("name", MAKERS)
def test_figures_look_as_they_did_when_they_were_looked_at(name: str) -> None:
    with Image.open(BASELINE / f"glands_{name}.png") as picture:
        expected = np.asarray(picture.convert("RGB"), dtype=float)
    found = pixels(MAKERS[name](note=NOTE, label="test")).astype(float)
    assert found.shape == expected.shape
    assert np.abs(blocks(found) - blocks(expected)).max() < 32.0


def test_other_data_give_another_picture() -> None:
    swapped = {**TOGETHER.patterns, (): 75, tuple(NAMES): 39}
    pairs = [
        (MAKERS["upset"](), figures.upset_figure(swapped, NAMES)),
        (MAKERS["psychometric"](), figures.psychometric_figure({**BY_CONTRAST, "contrast from 4":
                                                                BY_SIZE["U-Net"]})),
        (figures.froc_figure({"a": CURVES["overlap"]}), figures.froc_figure({"a": CURVES["iou"]})),
    ]  # fmt: skip
    for one, other in pairs:
        first, second = (blocks(pixels(figure).astype(float)) for figure in (one, other))
        assert np.abs(first - second).max() > 32.0


def test_nothing_to_draw_is_told() -> None:
    for make in (
        lambda: figures.froc_figure({}),
        lambda: figures.psychometric_figure({}),
        lambda: figures.upset_figure({}, ["a"]),
        lambda: figures.upset_figure({("b",): 1}, ["a"]),
        lambda: figures.froc_figure(CURVES, among=["overlap"]),
    ):
        with pytest.raises(stats.StatsError):
            make()


if __name__ == "__main__":
    for figure_name, make_figure in MAKERS.items():
        drawn = pixels(make_figure(note=NOTE, label="test"))
        Image.fromarray(drawn).save(BASELINE / f"glands_{figure_name}.png", optimize=True)
