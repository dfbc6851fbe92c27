from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from napari_ptx.figures import times_figure
from napari_ptx.stats import StatsError


def table(sessions: int, cases: int) -> pd.DataFrame:
    """Each session becomes quicker by a second from case to case."""
    return pd.DataFrame(
        [
            (f"Reader {s}, round 1", place + 1, 60.0 + 10.0 * s - place)
            for s in range(sessions)
            for place in range(cases)
        ],
        columns=["session", "position", "seconds"],
    )


@pytest.mark.parametrize("theme_name", ["light", "dark"])
def test_every_case_has_a_point_and_lines_join_medians(theme_name: str) -> None:
    data = table(2, 12).sample(frac=1.0, random_state=1)  # in whatever order
    figure = times_figure(data, theme_name=theme_name, note="made up")
    axes = figure.axes[0]
    assert [len(drawn.get_offsets()) for drawn in axes.collections] == [12, 12]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    first = lines["Reader 0, round 1"]
    assert first[:, 0] == pytest.approx(np.arange(1.5, 12.0, 2.0))
    assert first[:, 1] == pytest.approx(61.0 - first[:, 0])
    assert axes.get_ylim()[0] == 0.0
    assert "n = 24" in figure.get_supxlabel()
    assert "Made up." in figure.get_supxlabel()
    FigureCanvasAgg(figure).draw()


def test_short_sessions_and_none() -> None:
    assert len(times_figure(table(1, 1)).axes[0].lines[0].get_xydata()) == 1
    with pytest.raises(StatsError, match="no time to draw"):
        times_figure(table(0, 0))
