from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from napari.layers import Image, Shapes
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_ptx.docks.compat import canvas_widget, focus_canvas
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.predictions import PredictionsDock
from tests.docks.models.conftest import ROWS, SHAPE, corner

CASES = [row[0] for row in ROWS]


def listed(dock: PredictionsDock) -> list[str]:
    """Give the cases of the list as its cells show them."""
    model = dock.page.table.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def pick(combo, text: str) -> None:
    texts = [combo.itemText(place) for place in range(combo.count())]
    combo.setCurrentIndex(texts.index(text))


def wait_for(dock: PredictionsDock, case: str, qtbot) -> None:
    qtbot.waitUntil(lambda: dock.compared.case == case, timeout=30_000)


def click(dock: PredictionsDock, place: int, qtbot) -> None:
    view = dock.page.table
    where = view.visualRect(view.model().index(place, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)


def verdicts(dock: PredictionsDock) -> dict[str, str]:
    return {model: words for model, _, words in dock.page.panel.bars.texts()}


def test_walking_through_the_cases(
    dock: PredictionsDock, hub: Hub, viewer: Viewer, table: Path, qtbot
) -> None:
    # Empty: the next step is named.
    assert "Open a table of predictions" in dock._sentence.text()
    assert dock.primary.text() == "Open predictions…"
    assert dock.minimumSizeHint().width() <= 320

    # A file that is dropped opens.
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(table))])
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, plain)
    dock.dropEvent(drop)
    assert listed(dock) == CASES
    assert dock._note.text() == "made for a test"
    assert dock.minimumSizeHint().width() <= 320
    assert not viewer.layers

    # Enter opens the first; the verdicts are there, in words too.
    qtbot.keyClick(dock, Qt.Key.Key_Return)
    assert dock.page.panel.title.text() == "Case N1"
    assert dock.page.panel.truth.text() == "APT/PC"
    wait_for(dock, "N1", qtbot)
    image, roi = viewer.layers
    assert isinstance(image, Image)
    assert isinstance(roi, Shapes)
    assert image.data.shape == SHAPE
    y, x = corner(0)
    ring = roi.data[0]
    np.testing.assert_allclose(ring.min(axis=0), (y - 0.5, x - 0.5), atol=0.51)
    np.testing.assert_allclose(ring.max(axis=0), (y + 19.5, x + 23.5), atol=0.51)

    # The mouse, then the keys of the list.
    click(dock, 3, qtbot)
    wait_for(dock, "N11", qtbot)
    assert verdicts(dock) == dict.fromkeys(("radiomics", "resnet-1ch", "merged-1"), "✗ APT/PC")
    assert dock.page.panel.bars.texts()[0][:2] == ("radiomics", "0.70")
    assert "subtype PA" in dock.page.panel.facts.text()
    assert "age" not in dock.page.panel.facts.text()  # it has none
    for key, case in (("j", "N12"), ("k", "N11"), ("k", "N10")):
        qtbot.keyClicks(dock.page.table, key)
        wait_for(dock, case, qtbot)
    qtbot.keyClick(dock.page.table, Qt.Key.Key_Up)
    wait_for(dock, "N2", qtbot)
    qtbot.keyClick(dock.page.table, Qt.Key.Key_Down)
    wait_for(dock, "N10", qtbot)
    assert viewer.layers[0] is image  # filled again, not made again

    # The keys of the canvas.
    focus_canvas(viewer)
    qtbot.keyClicks(canvas_widget(viewer), "j")
    wait_for(dock, "N11", qtbot)
    qtbot.keyClicks(canvas_widget(viewer), "k")
    wait_for(dock, "N10", qtbot)

    # The neighbours lie ready.
    qtbot.waitUntil(lambda: not dock.loader.running)
    assert sorted(dock._ready) == [1, 2, 3]

    # The last case is the last.
    click(dock, 5, qtbot)
    wait_for(dock, "N13", qtbot)
    assert not dock.primary.isEnabled()
    qtbot.mouseClick(dock.back_button, Qt.MouseButton.LeftButton)
    wait_for(dock, "N12", qtbot)
    assert dock.primary.isEnabled()
    assert not dock.page.panel.cam_button.isEnabled()
    assert "run folder" in dock.page.panel.cam_button.toolTip()


def test_filters_sorting_and_thresholds(
    dock: PredictionsDock, hub: Hub, table: Path, qtbot
) -> None:
    hub.open_predictions(table)
    page = dock.page
    pick(page.kind, "Wrong")
    assert listed(dock) == ["N2", "N11", "N13"]
    pick(page.model, "resnet-1ch")
    assert listed(dock) == ["N10", "N11", "N13"]
    seen = page.table.visualRect(page.table.model().index(0, 3))
    assert page.table.viewport().rect().contains(seen)
    assert page.count.text() == "3 of 6"
    pick(page.kind, "Models disagree")
    assert listed(dock) == ["N2", "N10"]
    pick(page.kind, "Within 0.1 of the threshold")
    assert listed(dock) == ["N10"]
    pick(page.kind, "All cases")
    pick(page.split, "validation")
    assert listed(dock) == ["N12", "N13"]
    pick(page.split, "All splits")
    pick(page.group, "subtype: PA (3)")
    assert listed(dock) == ["N10", "N11", "N12"]
    pick(page.group, "All groups")
    page.search.setText("pc P1")
    assert listed(dock) == ["N1"]
    page.search.clear()

    # Sorting: digits count as numbers, an absent age stays last.
    header = page.table.horizontalHeader()
    titles = [page.table.model().headerData(n, Qt.Orientation.Horizontal) for n in range(9)]
    by = titles.index

    def sort(title: str) -> list[str]:
        page.table.horizontalScrollBar().setValue(header.sectionPosition(by(title)))
        x = header.sectionViewportPosition(by(title)) + 8
        qtbot.mouseClick(
            header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, header.height() // 2)
        )
        return listed(dock)

    assert sort("age") == ["N10", "N13", "N2", "N12", "N1", "N11"]
    assert sort("age") == ["N1", "N12", "N2", "N13", "N10", "N11"]
    assert sort("Case") == ["N1", "N2", "N10", "N11", "N12", "N13"]
    assert sort("merged-1") == ["N12", "N10", "N13", "N11", "N2", "N1"]

    # A threshold that is set elsewhere changes verdicts and lists here at once.
    dock.open_row(CASES.index("N13"))
    assert verdicts(dock)["radiomics"] == "✗ PA"
    pick(page.kind, "Wrong")
    pick(page.model, "radiomics")
    assert sorted(listed(dock)) == ["N11", "N13", "N2"]
    hub.set_threshold("radiomics", 0.25)
    assert listed(dock) == ["N11"]
    assert verdicts(dock)["radiomics"] == "✓ APT/PC"
    hub.reset_thresholds()
    assert sorted(listed(dock)) == ["N11", "N13", "N2"]
    assert dock.page.table.current == CASES.index("N13")


def test_comments_are_kept_beside_the_table(
    dock: PredictionsDock, hub: Hub, table: Path, qtbot
) -> None:
    hub.open_predictions(table)
    dock.open_row(0)
    qtbot.keyClicks(dock.page.panel.name, "Wu")
    qtbot.keyClicks(dock.page.panel.comment, "shadow, not a lesion")
    qtbot.keyClick(dock.page.panel.comment, Qt.Key.Key_Return)
    path = table.with_name("predictions.comments.csv")
    saved = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert saved[["name", "case", "comment"]].to_numpy().tolist() == [
        ["Wu", "N1", "shadow, not a lesion"]
    ]
    assert dock.row == 1  # Enter went on
    assert dock.page.panel.comment.text() == ""

    # Going elsewhere saves, too; what was said before stays in the history.
    dock.open_row(0)
    dock.page.panel.comment.setText("")
    qtbot.keyClicks(dock.page.panel.comment, 'a "true" miss, see CT')
    click(dock, 2, qtbot)
    saved = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert saved["comment"].tolist() == ["shadow, not a lesion", 'a "true" miss, see CT']
    last = dock.page.table.model().columnCount() - 1
    assert dock.page.table.model().index(0, last).data() == 'a "true" miss, see CT'
    pick(dock.page.kind, "With a comment")
    assert listed(dock) == ["N1"]
    pick(dock.page.kind, "All cases")
    dock.page.search.setText("miss")
    assert listed(dock) == ["N1"]

    # Another opening has them.
    hub.close_predictions()
    assert listed(dock) == []
    dock.page.search.clear()
    hub.open_predictions(table)
    dock.open_row(0)
    assert dock.page.panel.comment.text() == 'a "true" miss, see CT'
    assert "Wu: shadow, not a lesion" in dock.page.panel.comment.toolTip()


@pytest.mark.once
def test_a_reader_at_work_sees_nothing_of_it(
    dock: PredictionsDock, hub: Hub, viewer: Viewer, table: Path, study_file: Path, qtbot
) -> None:
    models = hub.show("Models")
    hub.open_predictions(table)
    hub.show("Predictions")
    dock.open_row(1)
    dock.page.panel.comment.setText("typed, not finished")
    wait_for(dock, "N2", qtbot)
    assert hub.open_study(study_file) is not None
    assert hub.open_desk("B", 2, early_reason="test") is not None
    names = [layer.name for layer in viewer.layers]
    assert "ROI" not in names
    assert "N2" not in names
    assert dock.review is None
    assert listed(dock) == []
    assert dock.page.panel.bars.texts() == []
    assert "hidden while a reader" in dock._sentence.text()
    shown = [text for label in dock.findChildren(type(dock._name)) if (text := label.text())]
    assert not any("N2" in text or "APT" in text for text in shown)
    hub.show("Models")
    assert "hidden while a reader" in models._sentence.text()
    assert models._pages.currentWidget() is models._sentence
    assert not models.primary.isVisible()
    hub.close_desk()
    assert models._pages.currentWidget() is models.tabs
    hub.show("Predictions")
    assert listed(dock) == CASES
    dock.open_row(1)
    assert dock.page.panel.comment.text() == "typed, not finished"


def test_a_foreign_table_without_images(
    dock: PredictionsDock, hub: Hub, tmp_path: Path, viewer: Viewer, told: list[str], qtbot
) -> None:
    number = 5000
    rng = np.random.default_rng(3)
    path = tmp_path / "theirs.csv"
    pd.DataFrame(
        {
            "case": [f"c{n}" for n in range(number)],
            "label": rng.integers(0, 2, number),
            "doctor": rng.random(number),
            "machine": rng.random(number),
        }
    ).to_csv(path, index=False)
    assert hub.open_predictions(path) is not None
    assert len(listed(dock)) == number
    dock.open_row(7)
    assert dock.page.panel.told.text() == "The table names no image for this case."
    assert len(dock.page.panel.bars.texts()) == 2
    assert not viewer.layers

    # A table that is none says why, and the open one stays.
    bad = tmp_path / "bad.csv"
    bad.write_text("case,label\na,1\n")
    assert hub.open_predictions(bad) is None
    assert "bad.csv" in told[-1]
    assert len(listed(dock)) == number


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_right_and_wrong_can_be_read_in_both_themes(theme: str) -> None:
    from napari.utils.theme import get_theme
    from skimage.color import deltaE_ciede2000, rgb2lab

    from napari_ptx.docks.parts import colour
    from napari_ptx.docks.verdict_bars import tones

    def lab(shade) -> np.ndarray:
        return rgb2lab(np.array([[shade.getRgbF()[:3]]]))[0, 0]

    ground = lab(colour(get_theme(theme), "background"))
    for shade in tones(get_theme(theme)).values():
        assert deltaE_ciede2000(lab(shade), ground) > 35


@pytest.mark.parametrize("name", ["REVIEW", "PHASES"])
def test_the_keys_of_a_case_are_not_napari_s(name: str) -> None:
    from napari.utils.key_bindings import coerce_keybinding
    from napari.utils.shortcuts import default_shortcuts

    from napari_ptx.docks import keys

    table = getattr(keys, name)
    ours = {str(coerce_keybinding(shortcut.key)) for shortcut in table}
    assert len(ours) == len(table)
    theirs = {
        str(binding)
        for action, bindings in default_shortcuts.items()
        for binding in bindings
        if not any(layer in action for layer in ("labels", "points", "vectors", "tracks"))
    }
    assert not ours & theirs
