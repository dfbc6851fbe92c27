from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from napari.layers import Shapes
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication

from napari_ptx.docks import agreement_text as words
from napari_ptx.docks.agreement import AgreementDock
from napari_ptx.docks.comparing import ComparedCase
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.tasks import ShownCase
from napari_ptx.image import Image
from napari_ptx.study import Study
from napari_ptx.study.agreement import Agreement, agreement
from napari_ptx.study.planning import Outlook
from tests.docks.coordinator.conftest import outline_of
from tests.study.make import square


@pytest.fixture
def dock(hub: Hub, qtbot) -> AgreementDock:
    return hub.show("Agreement")


@pytest.fixture(scope="session")
def result(made_study: Path) -> Agreement:
    with Study.open(made_study) as study:
        return agreement(study)


@pytest.fixture
def compared(
    dock: AgreementDock,
    hub: Hub,
    study_file: Path,
    result: Agreement,
    monkeypatch: pytest.MonkeyPatch,
) -> AgreementDock:
    """Give the dock with the agreement of the small study, without computing it again."""
    monkeypatch.setattr(dock, "compute", lambda: None)
    hub.open_study(study_file)
    monkeypatch.undo()
    dock._stale = False
    dock._job_finished("compare", result)
    return dock


def wait_for_result(dock: AgreementDock, qtbot) -> None:
    qtbot.waitUntil(lambda: dock.result is not None and not dock.job.running, timeout=60_000)


def pick(combo, text: str) -> None:
    place = [combo.itemText(i) for i in range(combo.count())].index(text)
    combo.setCurrentIndex(place)


def wait_for_case(dock: AgreementDock, case: str, qtbot) -> None:
    qtbot.waitUntil(lambda: dock.compared.case == case, timeout=60_000)


def outlines(viewer: Viewer) -> dict[str, Shapes]:
    return {layer.name: layer for layer in viewer.layers if isinstance(layer, Shapes)}


def click_dot(dock: AgreementDock, place: int, qtbot) -> None:
    """Click with the mouse on one dot of the present figure."""
    plot = dock.page.plots[dock.page._kind]
    qtbot.waitUntil(lambda: plot._canvas.isVisible())
    plot._canvas.draw()
    dots = plot._dots()
    x, y = dots.get_offset_transform().transform(dots.get_offsets())[place]
    ratio = plot.devicePixelRatioF()
    where = plot._canvas.rect().topLeft()
    where.setX(round(x / ratio))
    where.setY(round(plot._canvas.height() - y / ratio))
    qtbot.mouseClick(plot._canvas, Qt.MouseButton.LeftButton, pos=where)


def test_without_a_study_it_says_what_to_do(dock: AgreementDock) -> None:
    assert "Open a study first" in dock._sentence.text()
    assert dock.primary.text() == "Show the Study dock"
    assert not dock.copy_button.isVisible()
    assert dock.minimumSizeHint().width() <= 320


@pytest.mark.once
def test_it_computes_what_the_library_does(
    dock: AgreementDock, hub: Hub, study_file: Path, result: Agreement, qtbot
) -> None:
    hub.open_study(study_file)
    wait_for_result(dock, qtbot)
    pd.testing.assert_frame_equal(dock.result.inter, result.inter)
    pd.testing.assert_frame_equal(dock.result.overlap, result.overlap)
    assert dock.page.isVisible()


def minus(text: str) -> str:
    return text.replace("-", "−")


def test_it_shows_the_numbers_of_the_library(compared: AgreementDock, result: Agreement) -> None:
    expected = result
    rows = expected.inter.set_index("measurand")
    page = compared.page
    assert [page.comparison.itemText(i) for i in range(page.comparison.count())] == [
        "Readers A – B",
        "A, round 1 – 2",
    ]
    for place in range(page.measurand.count()):
        page.measurand.setCurrentIndex(place)
        row = rows.loc[page.measurand.currentData()]
        assert f"{row['icc']:.3f}" in page.summary.text()
        assert minus(f"{row['low']:.3f} to {row['high']:.3f}") in page.summary.text()
        assert row["name"] in page.title.text()
        assert f"n = {row['n']}" in page.title.text()
    pick(page.comparison, "A, round 1 – 2")
    pick(page.measurand, "Area")
    row = expected.intra.set_index("measurand").loc["area"]
    assert f"{row['icc']:.3f}" in page.summary.text()
    assert "n = 4" in page.title.text()


def test_by_patient_shows_the_bootstrap(compared: AgreementDock) -> None:
    row = compared.page.row
    compared.page.by_patient.setChecked(True)
    words = f"{row['low_clustered']:.3f} to {row['high_clustered']:.3f}"
    assert minus(words) in compared.page.summary.text()
    assert "3 patients" in compared.page.title.text()


def test_cases_come_by_disagreement_and_any_column_sorts(compared: AgreementDock) -> None:
    overlap = compared.result.overlap.query("kind == 'inter'").set_index("case")["dice"]
    shown = compared.page.table.cases()
    assert len(shown) == 6
    assert list(overlap[shown]) == sorted(overlap)
    compared.page.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert compared.page.table.cases() == [f"case-{n}" for n in (5, 4, 3, 2, 1, 0)]


@pytest.mark.parametrize("tab", ["Bland-Altman", "Scatter"])
def test_a_click_on_a_dot_opens_the_case_with_both_outlines(
    compared: AgreementDock, viewer: Viewer, hub: Hub, tab: str, qtbot
) -> None:
    tabs = compared.page.tabs
    tabs.setCurrentIndex([tabs.tabText(i) for i in range(tabs.count())].index(tab))
    case = compared.page._pairs["case"].iloc[4]
    click_dot(compared, 4, qtbot)
    wait_for_case(compared, case, qtbot)
    assert compared.page.table.case == case
    np.testing.assert_array_equal(viewer.layers[case].data, hub.study.image(case).pixels)
    shown = outlines(viewer)
    assert list(shown) == ["A, round 1", "B, round 1"]
    for name, layer in shown.items():
        drawn = outline_of(case, name[0], 1).points
        np.testing.assert_allclose(layer.data[0][: len(drawn)], drawn)
    first, second = shown.values()
    assert not np.allclose(first.edge_color, second.edge_color)
    assert "A, round 1" in compared.legend.text()
    assert "B, round 1" in compared.legend.text()


def test_a_click_beside_the_dots_opens_nothing(compared: AgreementDock, qtbot) -> None:
    plot = compared.page.plots["bland_altman"]
    plot._canvas.draw()
    assert plot.dot_at(1, 1) is None
    with qtbot.assertNotEmitted(compared.page.case_chosen):
        qtbot.mouseClick(plot._canvas, Qt.MouseButton.LeftButton, pos=plot._canvas.rect().topLeft())


def test_the_table_opens_cases_by_mouse_arrow_and_enter(
    compared: AgreementDock, viewer: Viewer, qtbot
) -> None:
    table = compared.page.table
    cases = table.cases()
    assert compared.primary.text() == "Show case"
    assert cases[0] in compared.primary.toolTip()
    qtbot.keyClick(compared, Qt.Key.Key_Return)
    wait_for_case(compared, cases[0], qtbot)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    wait_for_case(compared, cases[1], qtbot)
    place = table.visualItemRect(table.item(2, 1)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    wait_for_case(compared, cases[2], qtbot)
    assert len(viewer.layers) == 3  # one case at a time


@pytest.mark.once
def test_going_fast_through_the_cases_ends_at_the_last(
    compared: AgreementDock, viewer: Viewer, qtbot
) -> None:
    cases = compared.page.table.cases()
    for case in cases:
        compared.open_case(case)
    wait_for_case(compared, cases[-1], qtbot)
    assert [layer.name for layer in viewer.layers] == [cases[-1], "A, round 1", "B, round 1"]


@pytest.mark.once
def test_two_rounds_of_one_reader_have_two_colours(
    compared: AgreementDock, viewer: Viewer, qtbot
) -> None:
    pick(compared.page.comparison, "A, round 1 – 2")
    case = compared.page.table.cases()[0]
    compared.open_case(case)
    wait_for_case(compared, case, qtbot)
    first, second = outlines(viewer).values()
    assert (first.name, second.name) == ("A, round 1", "A, round 2")
    assert not np.allclose(first.edge_color, second.edge_color)


@pytest.mark.once
def test_a_layer_that_somebody_removed_comes_back(
    compared: AgreementDock, viewer: Viewer, qtbot
) -> None:
    cases = compared.page.table.cases()
    compared.open_case(cases[0])
    wait_for_case(compared, cases[0], qtbot)
    viewer.layers.remove("B, round 1")
    # Hidden: Mesa 22.3 without a GPU crashes in napari itself when other layers go away
    # under one that is drawn.
    own = viewer.add_labels(np.zeros((4, 4), np.uint8), name="mine", visible=False)
    compared.open_case(cases[1])
    wait_for_case(compared, cases[1], qtbot)
    assert set(outlines(viewer)) == {"A, round 1", "B, round 1"}
    assert own in viewer.layers


@pytest.mark.once
def test_a_case_of_many_frames_opens_at_the_frame_that_was_outlined(viewer: Viewer) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 50), np.uint8)
    image = Image(pixels, "tyx", (1.0, 1.0, 1.0), False, modality="US")
    shown = ShownCase("cine", image, {"A, round 1": (square(frame=3),), "B, round 1": ()})
    colours = {"A, round 1": "#56b4e9", "B, round 1": "#e69f00"}
    case = ComparedCase(viewer)
    for _ in range(2):  # in new layers, and in the same again
        viewer.dims.set_current_step(0, 0)
        case.show(shown, colours)
        assert viewer.dims.current_step[0] == 3
        assert (outlines(viewer)["A, round 1"].data[0][:, 0] == 3).all()
        assert outlines(viewer)["B, round 1"].nshapes == 0
    case.clear()
    assert len(viewer.layers) == 0


@pytest.mark.once
def test_it_is_closed_while_a_reader_is_at_work(
    compared: AgreementDock, hub: Hub, viewer: Viewer, qtbot
) -> None:
    case = compared.page.table.cases()[0]
    compared.open_case(case)
    wait_for_case(compared, case, qtbot)
    assert hub.open_desk("B", 2, early_reason="a test of blinding") is not None
    names = {layer.name for layer in viewer.layers}
    assert case not in names
    assert not {"A, round 1", "B, round 1"} & names
    compared.parent().show()
    compared.parent().raise_()
    qtbot.waitUntil(compared.isVisible)
    assert not compared.page.isVisible()
    assert not compared.primary.isVisible()
    assert compared.result is None
    compared.compute()
    compared.open_case(case)
    assert not compared.job.running
    assert not compared.loader.running
    assert "hidden while a reader is at work" in compared._sentence.text()
    hub.close_desk()
    compared.parent().raise_()
    wait_for_result(compared, qtbot)
    assert compared.page.isVisible()


@pytest.mark.once
def test_a_case_on_its_way_never_reaches_a_reader(
    compared: AgreementDock, hub: Hub, viewer: Viewer, qtbot
) -> None:
    compared.open_case(compared.page.table.cases()[0])
    assert compared.loader.running
    hub.open_desk("B", 2, early_reason="a test of blinding")
    qtbot.wait(1500)
    assert compared.compared.case == ""
    assert not {"A, round 1", "B, round 1"} & {layer.name for layer in viewer.layers}


@pytest.mark.once
def test_new_readings_are_compared_again(
    compared: AgreementDock, hub: Hub, study_file: Path, qtbot
) -> None:
    with Study.open(study_file) as study, study.desk("B", 2, early_reason="now") as desk:
        for entry in desk.cases:
            desk.record(entry.index, [square(8, 9, 20)], "freehand", {}, 2.0)
            desk.finish(entry.index, view={}, seconds=1.0)
    hub.record_changed()
    assert compared.result is None
    wait_for_result(compared, qtbot)
    assert "B, round 1 – 2" in list(compared.result.intra["comparison"])


@pytest.mark.once
def test_a_study_without_pairs_says_what_is_missing(
    dock: AgreementDock, hub: Hub, new_study_file: Path, qtbot
) -> None:
    hub.open_study(new_study_file)
    qtbot.waitUntil(lambda: not dock.job.running, timeout=60_000)
    assert "needs two readers with finished cases in common" in dock._sentence.text()
    assert dock.primary.text() == "Compare the readings"


@pytest.mark.once
def test_two_pairs_are_too_few_and_it_says_so(
    dock: AgreementDock, hub: Hub, new_study_file: Path, qtbot
) -> None:
    with Study.open(new_study_file) as study:
        names = {info.sha256: info.case for info in study.cases()}
        for reader in ("A", "B"):
            with study.desk(reader, 1) as desk:
                for entry in desk.cases:
                    if names[desk.image(entry.index).sha256] in ("case-1", "case-2"):
                        desk.record(entry.index, [square()], "freehand", {}, 2.0)
                        desk.finish(entry.index, view={}, seconds=1.0)
    hub.open_study(new_study_file)
    wait_for_result(dock, qtbot)
    assert "needs 3 cases" in dock.page.summary.text()
    for place in range(3):
        dock.page.tabs.setCurrentIndex(place)
        plot = dock.page.plots[dock.page._kind]
        assert plot.figure is None
        assert "3 cases" in plot._sentence.text()
    assert len(dock.page.table.cases()) == 2


@pytest.mark.once
def test_cancel_stops_the_comparison_at_once(
    dock: AgreementDock, hub: Hub, study_file: Path, qtbot
) -> None:
    hub.open_study(study_file)
    assert dock.job.running
    dock.job.cancel()
    assert not dock.job.running
    assert "Cancelled" in dock._sentence.text()
    dock.primary.click()
    wait_for_result(dock, qtbot)


@pytest.mark.once
def test_closing_the_viewer_while_comparing_does_not_hang(
    make_napari_viewer: Callable[..., Viewer], study_file: Path, qtbot
) -> None:
    viewer = make_napari_viewer(show=True)
    hub = Hub.of(viewer)
    dock = hub.show("Agreement")
    hub.open_study(study_file)
    assert dock.job.running
    viewer.close()
    qtbot.waitUntil(lambda: hub.study is None, timeout=20_000)
    assert dock.result is None


def test_the_figure_follows_the_theme(compared: AgreementDock, viewer: Viewer) -> None:
    from matplotlib.colors import to_hex

    for theme in ("light", "dark"):
        viewer.theme = theme
        figure = compared.page.plots["bland_altman"].figure
        background = get_theme(theme).background.as_hex(format="long")
        assert to_hex(figure.get_facecolor()) == background
        text = QColor(to_hex(figure.axes[0].xaxis.label.get_color())).lightnessF()
        assert (text > 0.5) is (theme == "dark")


def test_the_dot_of_the_case_on_show_has_a_ring(compared: AgreementDock, qtbot) -> None:
    case = compared.page.table.cases()[0]
    compared.open_case(case)
    wait_for_case(compared, case, qtbot)

    def rings() -> list:
        axes = compared.page.plots["bland_altman"].figure.axes
        return [c for a in axes for c in a.collections if c.get_gid() == "highlight"]

    (ring,) = rings()
    place = list(compared.page._pairs["case"]).index(case)
    dots = compared.page.plots["bland_altman"]._dots()
    np.testing.assert_allclose(ring.get_offsets()[0], dots.get_offsets()[place])


def test_copy_and_figure(compared: AgreementDock, tmp_path: Path) -> None:
    compared.copy_button.click()
    copied = QApplication.clipboard().text()
    assert f"icc\t{compared.page.row['icc']}" in copied
    assert "case-5\tpatient-2" in copied
    for name in ("plot.svg", "plot.png"):
        compared.save_figure(tmp_path / name)
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_everything_is_saved(
    compared: AgreementDock, tmp_path: Path, qtbot, told: list[str]
) -> None:
    with qtbot.waitSignal(compared.job.finished, timeout=240_000):
        compared.save_all(tmp_path / "out")
    assert (tmp_path / "out" / "inter.csv").is_file()
    assert list((tmp_path / "out").rglob("*.svg"))
    assert any("files written" in message for message in told)


def test_every_control_has_a_tooltip(compared: AgreementDock) -> None:
    from qtpy.QtWidgets import QAbstractButton, QComboBox

    for kind in (QComboBox, QAbstractButton):
        for widget in compared.findChildren(kind):
            named = getattr(widget, "text", widget.accessibleName)()
            if widget.isVisible() and named:
                assert widget.toolTip(), named


def test_what_was_remembered_and_what_is_still_needed_in_words() -> None:
    row = {"comparison": "A, round 1 – 2", "measurand": "area", "label": "Area"}
    numbers = {"recalled": 3, "icc": 0.874, "low": 0.61, "high": float("nan")}
    without = pd.DataFrame([row | numbers])
    assert words.without_recalled(row, without) == [
        "without 3 remembered cases: <b>0.874</b> (0.610 to –)"
    ]
    assert words.without_recalled(row | {"measurand": "perimeter"}, without) == []
    stands = [Outlook("A, round 1 – 2", "Area", 20, 0.85, 0.66, more, 0.8, 100) for more in (1, 90)]
    assert words.outlook(row, stands[:1]) == ["<b>1 more case</b> like these until it clears"]
    assert words.outlook(row, stands[1:]) == [
        "<b>90 more cases</b> like these until it clears; 10 more than there are to read"
    ]
    none_left = dataclasses.replace(stands[1], possible=20)
    assert words.outlook(row, [none_left]) == [
        "<b>90 more cases</b> like these until it clears; the study has none left"
    ]
    never = dataclasses.replace(stands[0], more=None)
    assert words.outlook(row, [never]) == ["no number of cases like these clears 0.80"]
    assert words.outlook(row, [dataclasses.replace(never, more=0)]) == []
    assert words.outlook(row | {"label": "Perimeter"}, stands) == []
