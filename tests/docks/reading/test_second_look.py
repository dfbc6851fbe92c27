"""An aided session with "seen before?" in the real window: locked, shown, taken over."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from qtpy.QtCore import Qt

from napari_ptx.docks import second_look
from napari_ptx.roi import Outline, write_imagej
from napari_ptx.study import Protocol, Study
from tests.docks.reading.conftest import picture
from tests.docks.reading.hands import Hands, ellipse

MODEL = Outline(ellipse(120, 160, 40, 60)[:-1])
ENTER = Qt.Key.Key_Return


@pytest.fixture
def aided_file(tmp_path: Path) -> Path:
    """Three cases, the model's outline on each but the last; B has read round 1."""
    folder = tmp_path / "aided"
    folder.mkdir()
    write_imagej(folder / "canary-model.zip", [MODEL])
    with (folder / "cohort.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("case", "patient", "image", "aid"))
        for number in range(3):
            Picture.fromarray(picture(number)).save(folder / f"{number}.png")
            aid = "canary-model.zip" if number < 2 else ""
            rows.writerow((f"canary-{number}", f"p{number}", f"{number}.png", aid))
    protocol = Protocol(("A", "B"), reread=3, washout_days=0, design="aided", ask_seen=True, seed=5)
    path = folder / "aided.ptx"
    with Study.create(path, folder / "cohort.csv", protocol) as study, study.desk("B", 1) as desk:
        for case in desk.cases:
            desk.finish(case.index, not_assessable="shadow")
            desk.aid(case.index)
            desk.finish(case.index, not_assessable="shadow")
    return path


@pytest.mark.once
def test_an_aided_session(hands_at: Callable[[Path], Hands], aided_file: Path) -> None:
    hands = hands_at(aided_file).open("A", 1)
    page, session = hands.dock.page, hands.session
    assert hands.dock.primary.text() == "Lock and show the model's outline"
    assert not page.seen_text.isVisible()
    assert not page.aid_text.isVisible()
    assert session.drawing.aid == ()
    hands.key("m")  # nothing to take over yet
    assert hands.outlines == ()
    hands.drag(ellipse(120, 160, 30, 40))
    mine = hands.outlines
    hands.key(ENTER)
    shown = session.draft.aid
    assert shown is not None
    index = session.index
    if not shown:  # the case without: finish it, and go on to one that the model outlined
        assert hands.message == second_look.NOTHING_FOUND
        hands.finish()
        hands.drag(ellipse(120, 160, 30, 40))
        mine = hands.outlines
        hands.key(ENTER)
        index = session.index
    assert hands.message == second_look.AID_SHOWN
    assert session.index == index
    assert hands.outlines == mine
    assert np.allclose(session.drawing.aid[0].rings[0], MODEL.rings[0], atol=0.01)
    assert page.aid_text.isVisible()
    assert hands.dock.primary.text().startswith("Finish")
    hands.key("m")
    assert hands.outlines == session.drawing.aid
    hands.key("z", Qt.KeyboardModifier.ControlModifier)
    assert hands.outlines == mine
    hands.key("z", Qt.KeyboardModifier.ControlModifier)  # not beyond the locked answer
    assert hands.outlines == mine
    hands.button(page.take_aid)
    hands.finish()
    assert session.drawing.aid == ()
    assert hands.dock.minimumSizeHint().width() <= 320
    bottom = hands.dock.primary.mapTo(
        hands.canvas.window(), hands.dock.primary.rect().bottomLeft()
    ).y()
    assert bottom <= 768
    # An answer that was locked and not looked past: nothing can be drawn.
    hands.drag(ellipse(100, 100, 20, 30))
    session.desk.finish(session.index)
    hands.hub.close_desk()
    hands.open("A", 1)
    assert hands.session.draft.locked
    assert hands.dock.primary.text() == "Show the model's outline"
    before = hands.outlines
    hands.drag(ellipse(60, 200, 20, 30))
    assert hands.outlines == before
    hands.key(ENTER)
    assert hands.session.draft.aid is not None
    hands.hub.close_desk()
    assert hands.hub.study is not None
    unaided, helped = (
        {r.case: r.outlines for r in hands.hub.study.readings("A", aided=which)}
        for which in (False, True)
    )
    assert set(helped) < set(unaided)
    assert mine in unaided.values()
    assert mine not in helped.values()
    # Round 2 of the other reader asks what was seen before.
    hands.open("B", 2)
    page, session = hands.dock.page, hands.session
    assert page.seen_yes.isVisible()
    hands.drag(ellipse(120, 160, 30, 40))
    hands.key(ENTER)
    assert hands.message == second_look.SEEN_FIRST
    assert not session.draft.locked
    hands.key("u")
    assert (page.seen_yes.isChecked(), page.seen_no.isChecked()) == (False, True)
    assert hands.message == ""
    hands.button(page.seen_yes)
    assert session.draft.recalled is True
    hands.key(ENTER)
    assert session.draft.aid is not None
    hands.finish()
    assert session.draft.recalled is None
    assert not page.seen_yes.isChecked()
    hands.hub.close_desk()
    assert [r.recalled for r in hands.hub.study.readings("B", 2)] == [True]
    assert hands.hub.study.verify() == ()


@pytest.mark.once
def test_an_aided_kit_in_the_window(
    hands_at: Callable[[Path], Hands], aided_file: Path, tmp_path: Path
) -> None:
    kit = tmp_path / "A1.ptxkit"
    with Study.open(aided_file) as study:
        study.make_kit("A", 1, kit)
    hands = hands_at(aided_file)
    hands.hub.close_study()
    assert hands.hub.open_kit(kit) is not None
    hands.wait_for_case()
    for number in range(3):
        assert hands.session.drawing.aid == ()
        hands.drag(ellipse(120, 160, 30, 40))
        hands.key(ENTER)
        if hands.session.draft.aid:
            assert hands.session.drawing.aid
            hands.key("m")
        if number < 2:
            hands.finish()
    hands.key(ENTER)
    assert hands.session.desk.progress == (3, 3)
    hands.hub.close_desk()
    with Study.open(aided_file) as study:
        assert study.merge([kit])[0].finished == 3
        helped = study.readings("A", aided=True)
        assert sum(r.outlines == study.aid(r.case) for r in helped) == 2
        assert study.verify() == ()
