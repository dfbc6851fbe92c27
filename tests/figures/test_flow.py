from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from napari_ptx.figures import flow_figure
from napari_ptx.stats import StatsError

STEPS = pd.DataFrame(
    [
        ("Patients with primary hyperparathyroidism operated on at two centres", 1500, "a", 200),
        (None, None, "Image quality insufficient: gain, artefacts, or cut off", 120),
        ("Eligible patients", 1180, "Pathology worth $5 and no more", 58),
        ("Included", 1122, None, None),
    ],
    columns=["step", "n", "reason", "n_excluded"],
)
GROUPS = {"Training": 786, "Validation": 168, "Test": 168}


def boxes(figure: Figure) -> list[FancyBboxPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def test_every_step_reason_and_group_is_in_a_box() -> None:
    figure = flow_figure(STEPS, groups=GROUPS, note="made up")
    assert [patch.get_gid() for patch in boxes(figure)] == [
        *["step"] * 3,
        *["excluded"] * 2,
        *["group"] * 3,
    ]
    text = words(figure)
    for part in ("n = 1,500", "Excluded (n = 320)", "cut off (n = 120)", "n = 1,122", "Training"):
        assert part in text
    assert "Made up." in figure.get_supxlabel()


@pytest.mark.parametrize("theme_name", ["light", "dark"])
@pytest.mark.parametrize("width", [3.5, 5.0, 7.2])
def test_text_stays_in_its_box_and_boxes_apart(theme_name: Any, width: float) -> None:
    figure = flow_figure(STEPS, groups=GROUPS, width=width, theme_name=theme_name)
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    extents = [patch.get_window_extent(renderer) for patch in boxes(figure)]
    page = figure.bbox
    for i, one in enumerate(extents):
        assert page.x0 <= one.x0
        assert one.x1 <= page.x1
        assert page.y0 <= one.y0
        assert one.y1 <= page.y1
        assert not any(one.overlaps(other) for other in extents[i + 1 :])
    for text in axes.texts:
        if not text.get_text():
            continue  # an arrow
        extent = text.get_window_extent(renderer)
        assert any(
            box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 <= box.y1
            for box in extents
        ), text.get_text()


def test_a_single_step_needs_no_reasons() -> None:
    figure = flow_figure(pd.DataFrame({"step": ["Cases"], "n": [12]}))
    assert len(boxes(figure)) == 1
    assert "n = 12" in words(figure)


def changed(row: int, column: str, value: object) -> pd.DataFrame:
    table = STEPS.astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "groups", "sentence"),
    [
        (changed(3, "n", 1100), None, r"'Eligible patients' has 1180 cases and 58 .* has 1100"),
        (changed(1, "n_excluded", 12.5), None, r"n_excluded of 'Image quality.*whole number"),
        (changed(2, "n", None), None, "The n of 'Eligible patients' must be a whole number"),
        (changed(2, "n", "many"), None, "not 'many'"),
        (changed(0, "step", " "), None, "Row 1 of the steps has no step"),
        (changed(0, "reason", None), None, "are excluded after .* without a reason"),
        (STEPS, {"Training": 786, "Test": 168}, r"954 cases together, but 'Included' leaves 1122"),
        (STEPS.iloc[:0], None, "There are no steps to draw"),
        (STEPS.drop(columns="n"), None, "has no column 'n'"),
        (STEPS.iloc[2:3].assign(n=10), None, r"More cases \(58\) are excluded"),
    ],
)
def test_numbers_that_do_not_add_up_are_refused(
    table: pd.DataFrame, groups: dict[str, int] | None, sentence: str
) -> None:
    with pytest.raises(StatsError, match=sentence):
        flow_figure(table, groups=groups)
