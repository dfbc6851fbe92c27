from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from napari import Viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog

from napari_ptx.docks.comparison import ComparisonDock
from napari_ptx.docks.comparison_page import TITLES
from napari_ptx.docks.hub import Hub
from napari_ptx.figures import colours
from napari_ptx.ultrasound.evaluation import assess, compare, measures
from napari_ptx.ultrasound.evaluation_figures import KINDS
from tests.ultrasound.make_predictions import MODELS, scores_table, write_scores


@pytest.fixture
def dock(hub: Hub) -> ComparisonDock:
    return hub.show("Comparison")


@pytest.fixture
def opened(dock: ComparisonDock, hub: Hub, table_file: Path) -> ComparisonDock:
    hub.open_predictions(table_file)
    return dock


def wait(dock: ComparisonDock, qtbot) -> None:
    """Wait until everything that the page shows is computed."""
    qtbot.waitUntil(lambda: dock.settled, timeout=120_000)


def where(dock: ComparisonDock, model: str, threshold: float) -> QPoint:
    """Give the place on the canvas of a corner of a model's ROC curve."""
    plot = dock.page.plots["roc"]
    plot._canvas.draw()
    corners = dock.page._corners
    row = corners.index[(corners["model"] == model) & (corners["threshold"] == threshold)][0]
    dots = plot._dots()
    x, y = dots.get_offset_transform().transform(np.ma.getdata(dots.get_offsets()))[row]
    ratio = plot.devicePixelRatioF()
    return QPoint(round(x / ratio), round(plot._canvas.height() - y / ratio))


def lonely_corner(dock: ComparisonDock, model: str) -> float:
    """Give the threshold of a corner of a curve that no other corner is near to."""
    corners = dock.page._corners
    mine = corners[(corners["model"] == model) & np.isfinite(corners["threshold"])]
    others = corners[np.isfinite(corners["threshold"])][["fpr", "tpr"]].to_numpy()
    far = [np.sort(np.hypot(*(others - place).T))[1] for place in mine[["fpr", "tpr"]].to_numpy()]
    return float(mine["threshold"].iloc[int(np.argmax(far))])


def curves(dock: ComparisonDock) -> dict[str, str]:
    """Give the colour of each curve that is drawn."""
    figure = dock.page.plots["roc"].figure
    return {
        line.get_gid().removeprefix("curve "): to_hex(line.get_color())
        for line in figure.findobj(mpl.lines.Line2D)
        if str(line.get_gid()).startswith("curve ")
    }


def tick(dock: ComparisonDock, model: str, on: bool) -> None:
    table = dock.page.table
    (row,) = (row for row in range(table.rowCount()) if table.item(row, 0).text() == model)
    table.item(row, 0).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def test_an_empty_dock_says_what_is_next_and_enter_does_it(
    dock: ComparisonDock, hub: Hub, table_file: Path, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    assert "Open a predictions table" in dock._sentence.text()
    assert dock.minimumSizeHint().width() <= 320
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(table_file), ""))
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    assert hub.predictions.path == table_file
    assert dock.page.isVisible()
    qtbot.waitUntil(lambda: dock.minimumSizeHint().width() <= 320)
    assert dock._note.text() == "simulated scores, not patients"
    assert list(TITLES) == list(KINDS)
    for kind in (QComboBox, QAbstractButton):
        for widget in dock.findChildren(kind):
            named = getattr(widget, "text", widget.accessibleName)()
            if widget.isVisible() and named:
                assert widget.toolTip(), named


def test_a_click_on_the_roc_sets_the_threshold_everywhere(
    opened: ComparisonDock, hub: Hub, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    dock, page = opened, opened.page
    heard: list[dict[str, float]] = []
    hub.threshold_changed.connect(lambda: heard.append(dict(hub.threshold_overrides)))
    assert not page.reset_button.isVisible()
    threshold = lonely_corner(dock, "resnet-1ch")
    canvas = page.plots["roc"]._canvas

    def told() -> bool:
        # The layout may still be moving the corner under the mouse.
        qtbot.mouseMove(canvas, where(dock, "resnet-1ch", threshold) + QPoint(1, 0))
        qtbot.mouseMove(canvas, where(dock, "resnet-1ch", threshold))
        return f"resnet-1ch at {threshold:.3f}: sens" in page.readout.text()

    qtbot.waitUntil(told)
    place = where(dock, "resnet-1ch", threshold)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert heard == [{"resnet-1ch": threshold}]

    test = hub.predictions.of("test")
    score, truth = test.table["resnet-1ch"], test.labels == 1
    own, moved = score >= 0.4, score >= threshold
    side = test.table["case"][own != moved].tolist()
    assert side, "the click should change some verdicts"
    table = page.changed
    assert page.lower.currentWidget() is table
    assert [table.item(row, 0).text() for row in range(table.rowCount())] == side
    assert f"({len(side)})" in page.lower.tabText(1)
    first = test.table.index[own != moved][0]
    right = bool(moved[first]) == bool(truth[first])
    assert table.item(0, 3).text() == (
        f"{'carcinoma' if moved[first] else 'adenoma'}, {'right' if right else 'wrong'}"
    )
    # the mark on the curve and the measures follow at once
    figure = page.plots["roc"].figure
    (mark,) = figure.findobj(lambda artist: artist.get_gid() == "threshold resnet-1ch")
    expected = (np.mean(moved[~truth]), np.mean(moved[truth]))
    np.testing.assert_allclose(mark.get_offsets()[0], expected)
    assert page.table.item(1, 2).text() == f"{threshold:.3f} ✎"
    assert page.readout.text() == f"resnet-1ch at {threshold:.3f}, was 0.400"
    assert page.table.item(1, 3).text().startswith(f"{expected[1]:.3f}")

    shown: list[int] = []
    monkeypatch.setattr(hub, "show", lambda name: shown.append(len(name)))
    hub.prediction_wanted.connect(shown.append)
    cell = table.visualItemRect(table.item(0, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    assert hub.predictions.table["case"][shown[-1]] == side[0]

    qtbot.mouseClick(page.reset_button, Qt.MouseButton.LeftButton)
    assert hub.threshold_overrides == {}
    assert not page.reset_button.isVisible()
    assert not page.lower.isTabVisible(1)
    assert page.table.item(1, 2).text() == "0.400"


@pytest.mark.once
def test_intervals_come_from_the_child_and_are_those_of_the_library(
    opened: ComparisonDock, hub: Hub, tmp_path: Path, told: list[str], qtbot
) -> None:
    dock = opened
    dock.save_csv(tmp_path / "early.csv")
    assert "still being computed" in told[-1]
    values = measures(hub.predictions.of("test"))
    assert dock.page.table.item(0, 1).text() == f"{values.loc['radiomics', 'auc']:.3f}"
    wait(dock, qtbot)
    low, high = compare(hub.predictions.of("test"), clustered=True).ci()[0]
    assert dock.page.table.item(0, 1).text().endswith(f"\n{low:.2f}–{high:.2f}")
    figure = dock.page.plots["roc"].figure
    assert len(figure.findobj(lambda a: str(a.get_gid()).startswith("band"))) == 3
    plain_low, plain_high = compare(hub.predictions.of("test"), clustered=False).ci()[0]
    assert f"DeLong: {plain_low:.3f} to {plain_high:.3f}" in dock.page.table.item(0, 1).toolTip()
    dock.page.clusters.setCurrentIndex(1)
    assert dock.page.table.item(0, 1).text().endswith(f"\n{plain_low:.2f}–{plain_high:.2f}")

    dock.save_csv(tmp_path / "metrics.csv")
    saved = pd.read_csv(tmp_path / "metrics.csv", encoding="utf-8-sig")
    expected = assess(hub.predictions, "test", replicates=0).metrics
    np.testing.assert_allclose(saved["cluster_low"], expected["cluster_low"])
    dock.copy()
    lines = QApplication.clipboard().text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["Model", *MODELS]
    assert f"[{plain_low:.2f}–{plain_high:.2f}]" in lines[1]


def test_ticks_hide_models_and_colours_stay(opened: ComparisonDock, viewer: Viewer) -> None:
    dock = opened
    known = colours(MODELS, "dark")
    assert curves(dock) == {name: known[name].lower() for name in MODELS}
    tick(dock, "radiomics", False)
    assert curves(dock) == {name: known[name].lower() for name in MODELS[1:]}
    viewer.theme = "light"
    known = colours(MODELS, "light")
    assert curves(dock) == {name: known[name].lower() for name in MODELS[1:]}
    dock.page.tabs.setCurrentIndex(2)
    assert dock.page.plots["delong"].figure is not None
    tick(dock, "late", False)
    assert "Tick two models" in dock.page.plots["delong"]._sentence.text()
    tick(dock, "resnet-1ch", False)
    assert dock.page.plots["delong"]._sentence.text() == "Tick a model below."


def test_every_tab_has_its_figure(opened: ComparisonDock, tmp_path: Path, qtbot) -> None:
    dock = opened
    wait(dock, qtbot)
    for place, kind in enumerate(TITLES):
        dock.page.tabs.setCurrentIndex(place)
        assert dock.page.plots[kind].figure is not None, kind
    for suffix, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        path = tmp_path / f"figure.{suffix}"
        dock.save_figure(path)
        assert path.read_bytes().startswith(start)


@pytest.mark.slow
@pytest.mark.once
def test_everything_is_saved_by_the_primary_button(
    dock: ComparisonDock, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    table = scores_table().query("split == 'test'")
    hub.open_predictions(write_scores(tmp_path / "p.csv", table), models=["late"])
    hub.set_threshold("late", 0.9)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    with qtbot.waitSignal(dock.saver.finished, timeout=300_000):
        qtbot.keyClick(dock, Qt.Key.Key_Return)
    assert (tmp_path / "out" / "figures" / "test_roc.svg").is_file()
    saved = pd.read_csv(tmp_path / "out" / "metrics.csv", encoding="utf-8-sig")
    assert (saved["threshold"] == 0.9).all()
    assert (saved["rule"] == "set by hand").all()


def test_a_split_that_cannot_be_compared_says_why(
    dock: ComparisonDock, hub: Hub, tmp_path: Path, qtbot
) -> None:
    table = scores_table()
    table.loc[table["label"] == 1, "split"] = "validation"
    hub.open_predictions(write_scores(tmp_path / "p.csv", table))
    assert dock.page.split.currentData() == "test"
    assert "'carcinoma' has 0 of the" in dock.page.plots["roc"]._sentence.text()
    assert dock.page.table.item(0, 1).text() == "–"
    assert not dock.worker.running
    dock.page.split.setCurrentIndex(dock.page.split.findData("validation"))
    assert dock.page.plots["roc"].figure is not None


def test_it_is_empty_while_a_reader_is_at_work(
    opened: ComparisonDock, hub: Hub, new_study_file: Path, qtbot
) -> None:
    dock = opened
    hub.open_study(new_study_file)
    hub.open_desk("A", 1)
    assert all(plot.figure is None for plot in dock.page.plots.values())
    assert dock.page.table.rowCount() == 0
    assert not dock.worker.running
    dock.parent().raise_()
    qtbot.waitUntil(dock.isVisible)
    assert "hidden while a reader is at work" in dock._sentence.text()
    assert not dock.primary.isVisible()
    hub.close_desk()
    dock.parent().raise_()
    qtbot.waitUntil(lambda: dock.page.plots["roc"].figure is not None)
