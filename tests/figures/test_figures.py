from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from napari_ptx import figures
from napari_ptx.errors import PtxError
from napari_ptx.figures.style import quiet
from napari_ptx.stats import StatsError, bland_altman, icc_needed
from tests.stats.tables import CARDIAC, MINI, WRIGHT

pytestmark = pytest.mark.once

PAIRS = pd.DataFrame({"first": MINI, "second": WRIGHT}, dtype=float)
NOTE = "simulated ultrasound, not patients"


def forest_table() -> pd.DataFrame:
    rows = [
        ("area", "A – B", 0.93, 0.90, 0.95, 100),
        ("area", "A, round 1 – 2", 0.84, 0.71, 0.91, 40),
        ("perimeter", "A – B", np.nan, np.nan, np.nan, 100),
        ("perimeter", "A, round 1 – 2", -0.12, -0.40, 0.2, 40),
    ]
    table = pd.DataFrame(rows, columns=["label", "comparison", "icc", "low", "high", "n"])
    table["needed"] = [icc_needed(n, 0.8) for n in table["n"]]
    table["name"] = "ICC(A,1) = ICC(2,1)"
    return table


def overlap_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "comparison": ["A – B"] * 30 + ["B, round 1 – 2"] * 12,
            "dice": rng.beta(20, 3, size=42),
            "hd95": np.append(rng.gamma(3.0, size=41), np.inf),
            "unit": "mm",
        }
    )


MAKERS = {
    "bland_altman": lambda **k: figures.bland_altman_figure(PAIRS, **k),
    "scatter": lambda **k: figures.scatter_figure(PAIRS, **k),
    "forest": lambda **k: figures.forest_figure(forest_table(), **k),
    "overlap": lambda **k: figures.overlap_figure(overlap_table(), metric="hd95", **k),
}


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_visible()]


def by_gid(figure: Figure, gid: str) -> list:
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def drawn_points(figure: Figure) -> np.ndarray:
    (found,) = by_gid(figure, figures.POINTS)
    return np.ma.filled(np.ma.masked_invalid(found.get_offsets()), np.nan)


def test_bland_altman_draws_differences_on_means_in_row_order() -> None:
    figure = figures.bland_altman_figure(
        PAIRS, names=("mini", "Wright"), label="flow", unit="l/min"
    )
    first, second = np.array(MINI, dtype=float), np.array(WRIGHT, dtype=float)
    expected = np.stack([(first + second) / 2, second - first], axis=1)
    np.testing.assert_allclose(drawn_points(figure), expected)
    shown = texts(figure)
    assert "Wright − mini (l/min)" in shown
    assert "Mean of mini and Wright (l/min)" in shown
    assert "Flow" in shown
    assert {"bias\n−2.1", "lower\n−78.1", "upper\n73.9"} <= set(shown)
    (bias,) = by_gid(figure, "bias")
    assert bias.get_ydata()[0] == pytest.approx(-2.117647, abs=1e-6)
    assert len(by_gid(figure, "limit")) == 2


def test_bland_altman_shows_the_statistics_it_is_given() -> None:
    pairs = pd.DataFrame({"first": CARDIAC[:, 2], "second": CARDIAC[:, 1]})
    clustered = bland_altman(pairs["first"], pairs["second"], 0.9, clusters=CARDIAC[:, 0])
    figure = figures.bland_altman_figure(pairs, statistics=clustered)
    shown = texts(figure)
    assert any("n = 60 of 12 patients" in text and "90% intervals" in text for text in shown)
    heights = sorted(line.get_ydata()[0] for line in by_gid(figure, "limit"))
    assert heights == pytest.approx([clustered.loa_low, clustered.loa_high])


def test_a_missing_measurement_keeps_its_row_and_has_no_point() -> None:
    pairs = PAIRS.copy()
    pairs.loc[3, "second"] = np.nan
    for make in (figures.bland_altman_figure, figures.scatter_figure):
        figure = make(pairs)
        offsets = drawn_points(figure)
        assert len(offsets) == 17
        assert np.isnan(offsets[3]).any()
        assert any("n = 16" in text for text in texts(figure))


def test_scatter_draws_second_on_first_with_equal_scales() -> None:
    figure = figures.scatter_figure(
        PAIRS, names=("mini", "Wright"), unit="l/min", annotation="ICC(A,1) 0.94"
    )
    np.testing.assert_allclose(drawn_points(figure), PAIRS.to_numpy())
    (axes,) = figure.axes
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_aspect() == 1.0
    figure.canvas.draw()
    assert axes.get_xticks().tolist() == axes.get_yticks().tolist()
    assert {"mini (l/min)", "Wright (l/min)", "ICC(A,1) 0.94"} <= set(texts(figure))
    (identity,) = by_gid(figure, "identity")
    assert list(identity.get_xdata()) == list(identity.get_ydata())


@pytest.mark.parametrize("second", [[5.0, 5.0, 5.0], [5.0, 5.1, 5.2]])
def test_equal_measurements_are_drawn(second: list[float]) -> None:
    pairs = pd.DataFrame({"first": [5.0, 5.0, 5.0], "second": second})
    assert len(drawn_points(figures.scatter_figure(pairs))) == 3
    assert len(drawn_points(figures.bland_altman_figure(pairs))) == 3


def test_a_figure_changes_when_its_data_do(tmp_path: Path) -> None:
    other = PAIRS + [0.0, 3.0] * np.ones((17, 1))
    for make in (figures.bland_altman_figure, figures.scatter_figure):
        paths = [
            figures.save_figure(make(pairs), tmp_path / name)
            for pairs, name in ((PAIRS, "one"), (PAIRS, "same"), (other, "other"))
        ]
        contents = [[path.read_bytes() for path in pair] for pair in paths]
        assert contents[0] == contents[1]
        assert contents[0][0] != contents[2][0]
        assert contents[0][1] != contents[2][1]


def test_a_pick_tells_the_row() -> None:
    figure = figures.scatter_figure(PAIRS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picked: list[int] = []
    canvas.mpl_connect("pick_event", lambda event: picked.extend(event.ind))
    (axes,) = figure.axes
    x, y = axes.transData.transform(PAIRS.to_numpy()[8])
    event = MouseEvent("button_press_event", canvas, x, y, button=1)
    canvas.callbacks.process("button_press_event", event)
    assert picked == [8]


def test_a_highlight_moves_and_goes() -> None:
    figure = figures.bland_altman_figure(PAIRS)
    figures.highlight(figure, 2)
    figures.highlight(figure, 5)
    (ring,) = by_gid(figure, "highlight")
    np.testing.assert_allclose(ring.get_offsets()[0], drawn_points(figure)[5])
    figures.highlight(figure, None)
    assert by_gid(figure, "highlight") == []


def test_forest_shows_every_row_and_says_what_is_undefined() -> None:
    table = forest_table()
    figure = figures.forest_figure(table, note=NOTE)
    np.testing.assert_allclose(drawn_points(figure)[:, 0], table["icc"])
    shown = texts(figure)
    assert {"0.93 [0.90, 0.95]", "undefined", "−0.12 [−0.40, 0.20]"} <= set(shown)
    assert {"area", "perimeter", "A – B", "A, round 1 – 2", "ICC(A,1) = ICC(2,1)"} <= set(shown)
    assert any("n = 40 to 100" in text for text in shown)
    (needed,) = by_gid(figure, "needed")
    np.testing.assert_allclose(needed.get_offsets()[:, 0], table["needed"])
    (threshold,) = by_gid(figure, "threshold")
    assert threshold.get_xdata()[0] == 0.80
    left, right = figure.axes[0].get_xlim()
    assert left <= -0.40
    assert right >= 1.0


def test_forest_fills_what_passes_by_its_lower_limit() -> None:
    figure = figures.forest_figure(forest_table())
    (found,) = by_gid(figure, figures.POINTS)
    faces = [to_hex(colour) for colour in found.get_facecolors()]
    palette = figures.colours(["A – B", "A, round 1 – 2"])
    assert faces == [palette["A – B"].lower(), "#ffffff", "#ffffff", "#ffffff"]


def test_forest_groups_the_rows_of_a_measurand_and_keeps_their_order() -> None:
    table = forest_table().iloc[[0, 2, 1, 3]]
    figure = figures.forest_figure(table)
    points = drawn_points(figure)
    np.testing.assert_allclose(points[:, 0], table["icc"])
    (needed,) = by_gid(figure, "needed")
    assert needed.get_offsets()[:, 1].tolist() == [0.0, -2.5, -1.0, -3.5]
    assert texts(figure).count("area") == 1


def test_forest_of_many_comparisons_names_them_beside_the_rows() -> None:
    table = pd.concat([forest_table().iloc[[0]]] * 7, ignore_index=True)
    table["comparison"] = [f"A – {reader}" for reader in "BCDEFGH"]
    figure = figures.forest_figure(table)
    assert figure.legends == []
    assert {"area, A – B", "area, A – H"} <= set(texts(figure))


def test_forest_of_one_comparison_needs_no_legend_and_no_threshold() -> None:
    table = forest_table().query("comparison == 'A – B'").drop(columns=["comparison", "needed"])
    figure = figures.forest_figure(table, threshold=None)
    assert figure.legends == []
    assert by_gid(figure, "threshold") == by_gid(figure, "needed") == []


def test_overlap_counts_infinite_distances() -> None:
    table = overlap_table()
    figure = figures.overlap_figure(table, metric="hd95")
    points = drawn_points(figure)
    np.testing.assert_allclose(points[:41, 0], table["hd95"][:41])
    assert points[41, 0] > table["hd95"][:41].max()
    shown = texts(figure)
    assert {"HD95 (mm)", "∞"} <= set(shown)
    assert any("only one of the two has an outline (1)" in text for text in shown)
    rows = np.rint(points[:, 1])
    assert rows.tolist() == [0.0] * 30 + [-1.0] * 12
    dice = figures.overlap_figure(table, metric="dice")
    assert "Dice" in texts(dice)
    assert by_gid(dice, "infinite") == []


def test_overlap_draws_the_median() -> None:
    table = overlap_table()
    lines = by_gid(figures.overlap_figure(table), "median")
    drawn = [line.get_segments()[0][0][0] for line in lines]
    assert drawn == pytest.approx(table.groupby("comparison")["dice"].median().tolist())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [3.2, 6.4])
def test_nothing_is_cut_off(name: str, theme: str, width: float) -> None:
    figure = MAKERS[name](theme_name=theme, size=(width, 3.6), note=NOTE)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = figure.get_tightbbox(canvas.get_renderer())  # inches, of everything that is seen
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= 3.61
    (axes, *_) = figure.axes
    assert axes.get_window_extent().width > 0.3 * figure.bbox.width
    (caption,) = by_gid(figure, "caption")
    assert caption.get_text().endswith("Simulated ultrasound, not patients.")


@pytest.mark.parametrize("name", MAKERS)
def test_themes_have_their_ground_and_leave_matplotlib_alone(name: str) -> None:
    before = dict(mpl.rcParams)
    light, dark = MAKERS[name](), MAKERS[name](theme_name="dark")
    assert to_hex(light.get_facecolor()) == "#ffffff"
    assert to_hex(dark.get_facecolor()) == "#262930"
    assert dict(mpl.rcParams) == before
    with pytest.raises(ValueError, match="light and dark"):
        figures.theme("pink")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_fixed_by_place_and_stand_out(theme: str) -> None:
    readers = ["A", "B", "C", "D", "E", "F"]
    all_six = figures.colours(readers, theme)
    assert len(set(all_six.values())) == 6
    assert figures.colours(readers[:2], theme)["B"] == all_six["B"]
    ground = figures.theme(theme)["figure.facecolor"]
    for colour in list(all_six.values())[:3]:
        assert contrast(colour, ground) >= 3.0  # WCAG 2.2, 1.4.11
    assert contrast(quiet(theme), ground) >= 4.5  # 1.4.3: captions are text
    assert contrast(figures.theme(theme)["text.color"], ground) >= 7.0


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_saved_files_hold_no_date_and_text_stays_text(tmp_path: Path) -> None:
    svg, png = figures.save_figure(
        figures.scatter_figure(PAIRS, note=NOTE), tmp_path / "new" / "figure 1.2"
    )
    assert (svg.name, png.name) == ("figure 1.2.svg", "figure 1.2.png")
    text = svg.read_text(encoding="utf-8")
    assert "not patients." in text
    assert "<dc:date>" not in text
    assert f'id="{figures.POINTS}"' in text
    from PIL import Image

    with Image.open(png) as image:
        assert image.size[0] == pytest.approx(3.5 * 300, abs=1)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PtxError, match="figure cannot be written to"):
        figures.save_figure(figures.scatter_figure(PAIRS), tmp_path / "file" / "figure")


def test_nothing_to_draw_is_told() -> None:
    empty = PAIRS.iloc[:0]
    for make in (figures.bland_altman_figure, figures.scatter_figure):
        with pytest.raises(StatsError):
            make(empty)
    with pytest.raises(StatsError):
        figures.forest_figure(forest_table().iloc[:0])
    with pytest.raises(StatsError):
        figures.overlap_figure(overlap_table().iloc[:0])


def test_figures_need_no_pyplot() -> None:
    code = (
        "import sys, napari_ptx.figures as f; loaded = 'matplotlib' in sys.modules; "
        "f.bland_altman_figure, f.forest_figure, f.overlap_figure, f.save_figure; "
        "sys.exit(loaded or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
