from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from napari import Viewer
from napari.utils._proxies import PublicOnlyProxy

from napari_ptx.docks.hub import Hub
from napari_ptx.docks.study import StudyDock


def test_a_viewer_has_one_hub_whoever_asks(viewer: Viewer) -> None:
    assert Hub.of(viewer) is Hub.of(viewer)
    assert Hub.of(PublicOnlyProxy(viewer)) is Hub.of(viewer)


def test_two_viewers_have_two(make_napari_viewer: Callable[..., Viewer]) -> None:
    assert Hub.of(make_napari_viewer()) is not Hub.of(make_napari_viewer())


def test_showing_a_dock_twice_makes_one(hub: Hub) -> None:
    assert hub.show("Study") is hub.show("Study")


def test_a_second_dock_of_a_name_takes_the_place_of_the_first(
    viewer: Viewer, hub: Hub, qtbot
) -> None:
    first = hub.show("Study")
    _, second = viewer.window.add_plugin_dock_widget("napari-ptx", "Study")
    assert isinstance(second, StudyDock)
    assert second is not first
    assert hub.show("Study") is second
    qtbot.waitUntil(lambda: not _alive(first))
    assert sum(isinstance(w, StudyDock) for w in viewer.window.dock_widgets.values()) == 1


def test_the_docks_sit_in_tabs_on_the_right(viewer: Viewer, hub: Hub) -> None:
    study, agreement = hub.show("Study"), hub.show("Agreement")
    window = study.window()
    assert agreement.parent() in window.tabifiedDockWidgets(study.parent())


def test_closing_the_viewer_closes_the_study_and_the_desk(
    make_napari_viewer: Callable[..., Viewer], new_study_file: Path, qtbot
) -> None:
    viewer = make_napari_viewer(show=True)
    hub = Hub.of(viewer)
    hub.show("Study")
    hub.open_study(new_study_file)
    desk = hub.open_desk("A", 1)
    assert desk is not None
    viewer.close()
    qtbot.waitUntil(lambda: hub.study is None and hub.desk is None)
    # Nobody holds the file: another program may have it for itself.
    with sqlite3.connect(new_study_file, timeout=0.5) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.rollback()
    connection.close()


def test_no_study_opens_before_the_session_is_ended(
    hub: Hub, study_file: Path, new_study_file: Path, told: list[str]
) -> None:
    hub.show("Study")
    hub.open_study(new_study_file)
    desk = hub.open_desk("A", 1)
    assert hub.open_study(study_file) is None
    assert "other files stay closed" in told[-1]
    assert hub.desk is desk
    assert hub.study.name == "fresh"
    hub.close_desk()
    assert hub.open_study(study_file) is not None
    assert hub.study.name == "neck"


def test_without_a_study_there_is_no_desk(hub: Hub) -> None:
    assert hub.open_desk("A", 1) is None
    assert not hub.blinded


def _alive(widget: StudyDock) -> bool:
    try:
        widget.objectName()
    except RuntimeError:
        return False
    return True


def test_predictions_are_shared_and_their_thresholds_too(
    hub: Hub, tmp_path: Path, told: list[str]
) -> None:
    heard: list[str] = []
    hub.predictions_changed.connect(lambda: heard.append("predictions"))
    hub.threshold_changed.connect(lambda: heard.append("threshold"))
    table = tmp_path / "predictions.csv"
    table.write_text("case,label,svm\na,0,0.2\nb,1,0.4\n")
    assert hub.open_predictions(table) is hub.predictions
    assert hub.predictions.models == ("svm",)
    hub.set_threshold("svm", 0.3)
    assert hub.threshold_overrides == {"svm": 0.3}
    hub.reset_thresholds()
    hub.reset_thresholds()
    assert hub.threshold_overrides == {}
    assert heard == ["predictions", "threshold", "threshold"]
    assert hub.open_predictions(tmp_path / "none.csv") is None
    assert "is not a file" in told[-1]
    assert hub.predictions is not None  # what was open stays open
    hub.close_predictions()
    assert hub.predictions is None


def test_predictions_are_hidden_while_a_reader_is_at_work(
    hub: Hub, new_study_file: Path, tmp_path: Path, told: list[str]
) -> None:
    table = tmp_path / "predictions.csv"
    table.write_text("case,label,svm\na,0,0.2\nb,1,0.4\n")
    hub.open_predictions(table)
    seen: list[bool] = []
    hub.predictions_changed.connect(lambda: seen.append(hub.predictions is not None))
    hub.open_study(new_study_file)
    hub.open_desk("A", 1)
    assert hub.predictions is None
    assert hub.open_predictions(table) is None
    assert "while a reader is at work" in told[-1]
    hub.close_desk()
    assert hub.predictions is not None
    assert seen == [False, True]
