"""An adjudicator's session in the real window: three disagreements, and one that comes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_ptx.docks import keys
from napari_ptx.docks.adjudication import AdjudicationDock
from napari_ptx.docks.adjudication_controller import AdjudicationController
from napari_ptx.docks.adjudication_view import nice, tones
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.study import StudyDock
from napari_ptx.image import read_cohort
from napari_ptx.roi import Outline, rasterise, read_roi
from napari_ptx.study import Study
from napari_ptx.study.consensus_files import write_consensus
from tests.docks.reading.conftest import CANARY, SHAPE, picture, write_study
from tests.docks.reading.hands import CTRL, Hands, ellipse

SENIOR = "Senior"
LESION = ellipse(120, 160, 40, 60, 200)


def drawn(case: str, reader: str) -> list[Outline]:
    """Give what a reader draws: on the last case both the same, else B beside A."""
    shift = 0 if case.endswith("3") or reader == "A" else 30 + 5 * int(case[-1])
    return [Outline(LESION[:-1] + np.array([0.0, shift]))]


def read_all(path: Path, outlines: Callable[[str, str], list[Outline]] = drawn) -> None:
    with Study.open(path) as study:
        names = {info.sha256: info.case for info in study.cases()}
        for reader in study.readers:
            with study.desk(reader, 1) as desk:
                for entry in desk.cases:
                    case = names[desk.image(entry.index).sha256]
                    desk.record(entry.index, outlines(case, reader), "freehand", {}, 3.0)
                    desk.finish(entry.index)


class SeniorHands(Hands):
    """Mouse and keyboard at a viewer with an adjudicator's session."""

    @property
    def dock(self) -> AdjudicationDock:
        dock = self.hub.show("Adjudication")
        assert isinstance(dock, AdjudicationDock)
        return dock

    @property
    def session(self) -> AdjudicationController:
        assert self.dock.controller is not None
        return self.dock.controller

    def resume(self) -> SeniorHands:
        assert self.hub.open_adjudication() is not None
        self.wait_for_case()
        return self

    def case(self) -> str:
        assert self.session.image is not None
        with Study.open(self.hub.study.path) as study:
            names = {info.sha256: info.case for info in study.cases()}
        return names[self.session.image.sha256]

    def colour_at(self, where: tuple[float, float]) -> np.ndarray:
        """Give the colour of the canvas at an image position."""
        self.wait(50)
        pixels = self.viewer.screenshot(canvas_only=True, flash=False)
        at = self.at(where)
        y = round(at.y() * pixels.shape[0] / self.canvas.height())
        x = round(at.x() * pixels.shape[1] / self.canvas.width())
        return pixels[y - 1 : y + 2, x - 1 : x + 2, :3].reshape(-1, 3).astype(int)

    def texts(self) -> str:
        labels = [label.text() for label in self.dock.findChildren(QLabel)]
        buttons = [button.text() for button in self.dock.findChildren(QPushButton)]
        tips = [widget.toolTip() for widget in self.dock.findChildren(QWidget)]
        layers = [f"{layer.name} {layer.metadata}" for layer in self.viewer.layers]
        return " ".join([*labels, *buttons, *tips, *layers, self.viewer.title])


def blue(colours: np.ndarray) -> bool:
    return bool(((colours[:, 2] > 180) & (colours[:, 0] < 140)).any())


def orange(colours: np.ndarray) -> bool:
    return bool(((colours[:, 0] > 180) & (colours[:, 2] < 120)).any())


@pytest.mark.once
def test_three_disagreements_and_a_repeat(
    make_napari_viewer: Callable[..., Viewer], tmp_path: Path
) -> None:
    images = {f"image-{number}.png": picture(number) for number in range(4)}
    path = write_study(
        tmp_path / "study", images, reread=0, adjudicator=SENIOR, adjudicator_repeats=1
    )
    read_all(path)
    viewer = make_napari_viewer(show=False)
    viewer.window.resize(1366, 768)
    viewer.window.show()
    hub = Hub.of(viewer)
    assert hub.open_study(path) is not None
    hands = SeniorHands(viewer)

    # The coordinator's line, and the way in.
    study_dock = hub.show("Study")
    assert isinstance(study_dock, StudyDock)
    row = study_dock.page.adjudication
    hands.wait_for(lambda: row.text.text() == "Senior: 0 of 3 disagreements decided")
    hands.button(row.button)
    hands.wait_for_case()
    assert hub.blinded
    assert hub.desk is None
    session, page = hands.session, hands.dock.page
    assert (page.place.text(), session.desk.progress) == ("<b>1</b> of 4", (0, 4))
    assert CANARY not in hands.texts()
    assert "Reader" not in page.session.text()
    assert hands.dock.minimumSizeHint().width() <= 320

    # Both lines are there, each in its colour, and the blue one says how far it is off.
    first, second = session.pair.first.outlines[0], session.pair.second.outlines[0]
    left_most = {
        side: tuple(one.points[one.points[:, 1].argmin()])
        for side, one in (("first", first), ("second", second))
    }
    assert blue(hands.colour_at(left_most["first"]))
    assert orange(hands.colour_at(left_most["second"]))
    assert 20 < session.case.reach <= 60
    assert page.scale.isVisible()
    assert page.scale.labels[2].endswith(" px")
    hands.key("d")
    assert not page.scale.isVisible()
    hands.key("d")
    hands.key(Qt.Key.Key_Return)
    assert "Nothing is decided" in hands.message
    assert session.index == 0
    done: dict[int, tuple[str, str]] = {0: (hands.case(), "first")}
    hands.key("1")
    assert page.choices["first"].isChecked()
    hands.finish()
    assert session.index == 1

    # Edit a copy: undo, redo, side by side, and close in the middle of it.
    done[1] = (hands.case(), "edited")
    hands.key("3")
    assert "Take blue (1) or orange (2) first" in hands.message
    hands.key("2")
    hands.key("3")
    source = session.pair.second.outlines
    assert hands.outlines == source
    assert not page.scale.isVisible()  # nothing lies under the hand
    assert page.tools[session.drawing.tool].isChecked()
    rightmost = source[0].points[source[0].points[:, 1].argmax()]
    hands.drag([rightmost + np.array([0, by]) for by in (0, 6, 12)])
    pushed = hands.outlines
    assert pushed != source
    hands.key("z", CTRL)
    assert hands.outlines == source
    hands.key("y", CTRL)
    assert hands.outlines == pushed
    hands.key("v")
    grid = viewer.canvas.grid
    assert grid.enabled
    assert len(viewer.layers) == 4
    assert not session.drawing.enabled
    assert "Side by side is for looking" in hands.message
    hub.close_desk()
    assert not hub.blinded
    assert len(viewer.layers) == 0
    assert not grid.enabled
    assert hands.dock.controller is None
    hands.resume()
    session = hands.session
    assert (session.index, session.choice) == (1, "edited")
    assert hands.outlines == pushed
    viewer.theme = "light"
    hands.key("2")
    assert hands.outlines == ()
    hands.key("3")  # the copy is still there
    assert hands.outlines == pushed
    hands.finish()

    # Not assessable: the reason is asked for, and typed; Enter decides from there.
    done[2] = (hands.case(), "not assessable")
    hands.key("0")
    hands.key(Qt.Key.Key_Return)
    assert "Say why" in hands.message
    assert session.index == 2
    QTest.keyClicks(page.note, "Too blurred")
    QTest.keyClick(page.note, Qt.Key.Key_Return)
    hands.wait_for(lambda: session.index == 3)
    hands.wait_for_case()
    assert page.note.text() == ""

    # Draw anew; the session is over then, and a decision can be revised.
    done[3] = (hands.case(), "new")
    hands.key("4")
    hands.key(Qt.Key.Key_Return)
    assert "Nothing is outlined" in hands.message
    hands.drag(ellipse(110, 150, 30, 40))
    new = hands.outlines
    hands.key(Qt.Key.Key_Return)
    assert "All cases are decided" in hands.message
    assert session.desk.progress == (4, 4)
    hands.key(Qt.Key.Key_PageUp)
    hands.wait_for_case()
    assert (session.index, session.choice) == (2, "not assessable")
    assert page.note.text() == "Too blurred"
    hands.key("?")
    assert hands.dock._pages.currentWidget() is hands.dock._help
    hub.close_desk()

    with Study.open(path) as study:
        status = study.adjudication()
        assert (status.decided, status.repeats) == (3, 1)
        found = {one.entry.code: one for one in status.decisions}
        assert sorted((one.entry.case, one.outcome) for one in found.values()) == sorted(
            done.values()
        )
        for one in found.values():
            expected = {"edited": pushed, "new": new, "not assessable": (), "first": (first,)}
            assert one.outlines == expected[one.outcome]
            assert one.seconds > 0
        assert study.verify() == ()
        about = write_consensus(study, tmp_path / "set")
        settled = {one.case.case: one for one in study.consensus()}
    cohort = read_cohort(tmp_path / "set" / "cohort.csv", require=("case", "image", "roi"))
    assert about["written"] == len(cohort) == sum(bool(one.outlines) for one in settled.values())
    for case, roi in zip(cohort.table["case"], cohort.table["roi"], strict=True):
        written = rasterise(read_roi(roi), SHAPE)
        assert (written == rasterise(settled[case].outlines, SHAPE)).all()

    # Frames: the first that has an outline is shown, and each reading stays on its own.
    stack = np.random.default_rng(1).integers(0, 255, (4, *SHAPE), np.uint8)
    other = write_study(tmp_path / "frames", {"stack.tif": stack}, reread=0, adjudicator=SENIOR)
    read_all(other, lambda _, reader: [Outline(LESION[:-1], frame=2 if reader == "A" else 3)])
    assert hub.open_study(other) is not None
    hands.resume()
    view = hands.session.case
    assert hands.session.drawing.frame == 2
    drawn_here = [side for side in ("first", "second") if view._lines(side)]
    assert len(drawn_here) == 1
    assert view.reach == 0
    assert not hands.dock.page.scale.isVisible()
    hands.key(".")
    assert [side for side in ("first", "second") if view._lines(side)] != drawn_here
    assert "\N{INFINITY}" in hands.dock.page.numbers.text()
    viewer.layers.remove(viewer.layers[0])  # somebody takes a layer away: it comes back
    hands.wait_for(lambda: len(viewer.layers) == 2)
    assert len(view._inks) == 2
    hub.close_study()
    assert len(viewer.layers) == 0


def test_no_key_means_two_things() -> None:
    bound = [shortcut.key for shortcut in keys.ADJUDICATION]
    assert len(set(bound)) == len(bound)
    assert {one.action for one in keys.READING} <= {one.action for one in keys.ADJUDICATION}


def test_the_scale_ends_at_a_round_number_and_its_colours_fade_to_nothing() -> None:
    assert [nice(value) for value in (0.0, 0.031, 1.0, 2.2, 3.4, 97.0)] == pytest.approx(
        [0, 0.04, 1, 3, 4, 100]
    )
    colours = tones(np.array([-4.0, -1.0, 0.0, 1.0, 4.0]), 4.0)
    assert colours[2, 3] == 0
    assert (colours[:2, 0] > 0.9).all()  # magenta inside
    assert (colours[3:, 1] > 0.8).all()  # green outside
    assert (np.diff(colours[2:, 3]) > 0).all()
