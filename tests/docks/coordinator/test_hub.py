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


def test_opening_another_study_ends_the_session(
    hub: Hub, study_file: Path, new_study_file: Path
) -> None:
    hub.show("Study")
    hub.open_study(new_study_file)
    hub.open_desk("A", 1)
    hub.open_study(study_file)
    assert hub.desk is None
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
