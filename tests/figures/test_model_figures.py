"""The figures that compare models.

The pictures in ``baseline/`` are what the figures looked like when a person last looked
at them. After a change that is meant, ``python -m tests.figures.test_model_figures``
draws them anew: look at each before it is committed.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from napari_ptx import figures, stats
from napari_ptx.figures.style import dashes
from tests.figures.model_data import (
    BANDS,
    CASES,
    CLUSTERED,
    CURVES,
    EPOCHS,
    MAKERS,
    NAMES,
    OPERATING,
    PLAIN,
    RADAR,
    SCORES,
    TRUTH,
)

pytestmark = pytest.mark.once

BASELINE = Path(__file__).parent / "baseline"
NOTE = "simulated scores, not patients"
DPI = 60


def texts(figure: Figure) -> list[str]:
    FigureCanvasAgg(figure).draw()
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_visible() and t.get_text()]


def words(figure: Figure) -> str:
    return " ".join(" ".join(texts(figure)).split())


def by_gid(figure: Figure, gid: str) -> list:
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def pixels(figure: Figure) -> np.ndarray:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_roc_draws_each_curve_with_its_area_and_interval() -> None:
    figure = MAKERS["roc"](note=NOTE)
    for name, curve in CURVES.items():
        (line,) = by_gid(figure, f"curve {name}")
        np.testing.assert_array_equal(line.get_xdata(), curve.fpr)
        np.testing.assert_array_equal(line.get_ydata(), curve.tpr)
        (mark,) = by_gid(figure, f"threshold {name}")
        np.testing.assert_allclose(mark.get_offsets()[0], OPERATING[name])
    low, high = CLUSTERED.ci()[0]
    shown = texts(figure)
    assert f"radiomics  {CLUSTERED.auc[0]:.3f} [{low:.3f}, {high:.3f}]" in shown
    said = words(figure)
    assert "n = 90 of 30 patients, 36 positive." in said
    assert "clustered by patient" in said
    assert "Simulated scores, not patients." in said
    assert len(by_gid(figure, "band radiomics")) == 1
    assert by_gid(figure, "band late") == []
    plain = words(figures.roc_figure(CURVES, comparison=PLAIN, bands=BANDS))
    assert "DeLong" in plain
    assert "bootstrap of cases" in plain


def test_a_corner_of_the_roc_is_a_row_of_its_table() -> None:
    table = figures.roc_table(CURVES)
    figure = figures.roc_figure(CURVES, pickable=True)
    (points,) = by_gid(figure, figures.POINTS)
    places = np.ma.filled(np.ma.masked_invalid(points.get_offsets()), np.nan)
    finite = np.isfinite(table["threshold"])
    np.testing.assert_allclose(places[finite], table.loc[finite, ["fpr", "tpr"]])
    assert np.isnan(places[~finite]).all()  # nobody is positive: nothing to choose
    for row in (5, 300):
        model, threshold, fpr, tpr = table.iloc[row]
        called = SCORES[model] >= threshold
        assert tpr == pytest.approx(np.mean(called[TRUTH == 1]))
        assert fpr == pytest.approx(np.mean(called[TRUTH == 0]))
    assert by_gid(figures.roc_figure(CURVES), figures.POINTS) == []


def test_a_model_keeps_its_colour_and_line_whoever_else_is_drawn() -> None:
    for theme in ("light", "dark"):
        known, lines = figures.colours(NAMES, theme), dashes(NAMES)
        few = {name: CURVES[name] for name in ("late", "clinical")}
        figure = figures.roc_figure(few, among=NAMES, theme_name=theme)
        for name in few:
            (line,) = by_gid(figure, f"curve {name}")
            assert to_hex(line.get_color()) == known[name].lower()
            assert (line.get_linestyle() == "-") is (lines[name] == "-")
    assert dashes(NAMES)["clinical"] != "-"
    looks = {(figures.colours(NAMES)[name], str(dashes(NAMES)[name])) for name in NAMES}
    assert len(looks) == len(NAMES)


def test_delong_shows_p_areas_and_differences() -> None:
    figure = figures.delong_figure(CLUSTERED, adjust="holm", size=(7.0, 5.0))
    (image,) = by_gid(figure, "p")
    drawn = image.get_array()
    assert np.ma.getmaskarray(drawn).diagonal().all()
    p = CLUSTERED.p_matrix("holm")
    np.testing.assert_array_equal(np.ma.getdata(drawn), p)
    cells = {tuple(map(int, text.get_position())): text.get_text() for text in figure.axes[0].texts}
    assert len(cells) == len(NAMES) ** 2
    assert cells[0, 0] == f"{CLUSTERED.auc[0]:.3f}"
    assert cells[1, 0] == f"{CLUSTERED.auc[0] - CLUSTERED.auc[1]:+.3f}".replace("-", "−")
    expected = p[6, 4]
    assert cells[4, 6] == ("<0.001" if expected < 0.001 else f"{expected:.3f}")
    assert "Obuchowski's test, clustered by patient, adjusted after Holm" in words(figure)
    plain = words(figures.delong_figure(PLAIN))
    assert "DeLong's test" in plain
    assert "Holm" not in plain


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_in_a_cell_stands_out_from_its_colour(theme: str) -> None:
    from tests.figures.test_figures import contrast

    figure = figures.delong_figure(CLUSTERED, theme_name=theme)
    (image,) = by_gid(figure, "p")
    shades = image.to_rgba(image.get_array())
    for text in figure.axes[0].texts:
        column, row = map(int, text.get_position())
        ground = figure.get_facecolor() if row == column else shades[row, column]
        assert contrast(to_hex(text.get_color()), to_hex(ground)) >= 4.0


def test_a_narrow_heatmap_drops_the_zero_before_the_point() -> None:
    figure = figures.delong_figure(CLUSTERED, size=(3.0, 3.0))
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert f".{round(1000 * CLUSTERED.auc[0])}" in shown
    assert not any(text.startswith("0.") for text in shown)


def test_radar_leaves_a_gap_where_a_measure_is_undefined() -> None:
    table = RADAR.copy()
    table.loc["late", "PPV"] = np.nan
    (line,) = by_gid(figures.radar_figure(table), "model late")
    drawn = np.asarray(line.get_ydata(), dtype=float)
    assert np.isnan(drawn[3])
    np.testing.assert_allclose(np.delete(drawn, 3)[:-1], table.loc["late"].dropna())
    assert drawn[-1] == drawn[0]


def test_calibration_draws_intervals_of_few_models_only() -> None:
    curves = {name: stats.calibration_curve(TRUTH, score) for name, score in SCORES.items()}
    many = figures.calibration_figure(curves)
    assert by_gid(many, "interval late") == []
    two = figures.calibration_figure({name: curves[name] for name in ("late", "clinical")})
    (bars,) = by_gid(two, "interval late")
    segments = np.array(bars.get_segments())
    np.testing.assert_allclose(segments[:, 0, 1], curves["late"]["low"])
    np.testing.assert_allclose(segments[:, 1, 1], curves["late"]["high"])
    assert "Wilson" in words(two)
    fit = stats.calibration(TRUTH, SCORES["late"])
    assert f"slope {fit.slope:.2f}" in words(MAKERS["calibration"]())


def test_decision_curves_stand_beside_all_and_none() -> None:
    figure = MAKERS["decision"]()
    curve = stats.decision_curve(TRUTH, SCORES["late"])
    (line,) = by_gid(figure, "model late")
    np.testing.assert_array_equal(line.get_ydata(), curve.net_benefit)
    (everyone,) = by_gid(figure, "all")
    np.testing.assert_array_equal(everyone.get_ydata(), curve.treat_all)
    (nobody,) = by_gid(figure, "none")
    assert set(nobody.get_ydata()) == {0.0}


def test_epochs_mark_the_best_on_validation() -> None:
    figure = MAKERS["epochs"]()
    for name, table in EPOCHS.items():
        (mark,) = by_gid(figure, f"best {name}")
        best = table.loc[table["auc_validation"].idxmax()]
        assert mark.get_offsets()[0].tolist() == [best["epoch"], best["auc_validation"]]


def test_a_training_that_has_just_begun_is_drawn() -> None:
    none = pd.DataFrame({"epoch": [], "auc_train": [], "auc_validation": []})
    one = pd.DataFrame({"epoch": [1], "auc_train": [0.6], "auc_validation": [np.nan]})
    figure = figures.epochs_figure({"resnet-1ch": none, "resnet-2ch": one})
    assert by_gid(figure, "best resnet-2ch") == []
    (line,) = by_gid(figure, "training resnet-2ch")
    assert line.get_marker() == "o"  # one point is no line


def test_probabilities_count_each_class_on_its_side() -> None:
    figure = MAKERS["probabilities"]()
    (up,) = by_gid(figure, "positive late")
    (down,) = by_gid(figure, "negative late")
    row = -NAMES.index("late")
    edges = np.linspace(0, 1, 26)
    for drawn, chosen, sign in ((up, TRUTH == 1, 1), (down, TRUTH == 0, -1)):
        heights = sign * (drawn.get_data().values - row)
        counts, _ = np.histogram(SCORES["late"][chosen], edges)
        np.testing.assert_allclose(heights / heights.sum(), counts / counts.sum())
    (line,) = by_gid(figure, "threshold late")
    assert line.get_segments()[0][0][0] == 0.5
    assert f"carcinoma (n = {TRUTH.sum()})" in words(figure)
    assert f"adenoma (n = {CASES - TRUTH.sum()})" in words(figure)
    undefined = figures.probabilities_figure(TRUTH, SCORES, thresholds={"late": np.nan})
    assert by_gid(undefined, "threshold late") == []


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_words_are_cut_off_or_cover_each_other(name: str, theme: str) -> None:
    figure = MAKERS[name](theme_name=theme, note=NOTE, label="test")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    drawn = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= height + 0.01
    (axes, *_) = figure.axes
    assert axes.get_window_extent().width > 0.5 * figure.bbox.width
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
    with Image.open(BASELINE / f"{name}.png") as picture:
        expected = np.asarray(picture.convert("RGB"), dtype=float)
    found = pixels(MAKERS[name](note=NOTE, label="test")).astype(float)
    assert found.shape == expected.shape
    # Versions of matplotlib smooth edges a little differently; a moved or a missing part
    # changes whole blocks of pixels.
    assert np.abs(blocks(found) - blocks(expected)).max() < 32.0


def blocks(picture: np.ndarray, size: int = 6) -> np.ndarray:
    """Average blocks of pixels."""
    rows, columns = (length // size * size for length in picture.shape[:2])
    cut = picture[:rows, :columns].reshape(rows // size, size, columns // size, size, 3)
    return cut.mean(axis=(1, 3))


def test_a_baseline_fails_where_a_curve_has_moved() -> None:
    moved = {**CURVES, "late": CURVES["clinical"]}
    one = pixels(figures.roc_figure(CURVES)).astype(float)
    other = pixels(figures.roc_figure(moved)).astype(float)
    assert np.abs(blocks(one) - blocks(other)).max() > 32.0


def test_nothing_to_draw_is_told() -> None:
    for make in (
        lambda: figures.roc_figure({}),
        lambda: figures.calibration_figure({}),
        lambda: figures.decision_figure({}),
        lambda: figures.epochs_figure({}),
        lambda: figures.probabilities_figure(TRUTH, {}),
        lambda: figures.probabilities_figure(np.ones(CASES), SCORES),
        lambda: figures.probabilities_figure(TRUTH[1:], SCORES),
        lambda: figures.radar_figure(RADAR[["AUC", "F1"]]),
        lambda: figures.radar_figure(RADAR + 1.0),
        lambda: figures.roc_figure(CURVES, among=["late"]),
        lambda: figures.delong_figure(
            stats.compare_auc(TRUTH, SCORES["late"][None], names=["late"])
        ),
    ):
        with pytest.raises(stats.StatsError):
            make()


def test_a_pdf_holds_no_date(tmp_path: Path) -> None:
    paths = [
        figures.save_figure(MAKERS["epochs"](), tmp_path / name, formats=["pdf"])[0]
        for name in ("one", "two")
    ]
    contents = [path.read_bytes() for path in paths]
    assert contents[0].startswith(b"%PDF")
    assert b"CreationDate" not in contents[0]
    assert contents[0] == contents[1]


def test_they_need_no_pyplot() -> None:
    code = (
        "import sys, napari_ptx.figures as f; f.roc_figure, f.radar_figure, f.delong_figure, "
        "f.calibration_figure, f.epochs_figure, f.probabilities_figure; "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for figure_name, make_figure in MAKERS.items():
        drawn = pixels(make_figure(note=NOTE, label="test"))
        Image.fromarray(drawn).save(BASELINE / f"{figure_name}.png", optimize=True)
