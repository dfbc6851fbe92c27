"""What the Adjudication dock is made of: the numbers, the choices, the tools, the reason.

The page only shows, and emits what was pressed; ``adjudication.AdjudicationDock`` decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import keys
from napari_ptx.docks.adjudication_view import COLOURS, NAMES
from napari_ptx.docks.distance_scale import DistanceScale
from napari_ptx.docks.drawing import Tool
from napari_ptx.docks.lesion_list import quiet
from napari_ptx.docks.parts import colour, heading, hint
from napari_ptx.docks.reading_page import HINTS, LEVELS, _row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.utils.theme import Theme

    from napari_ptx.docks.adjudication_controller import AdjudicationController
    from napari_ptx.roi import Outline
    from napari_ptx.study.adjudication_types import Pair, ShownReading

REASON = "Reason (optional)"
REASON_NEEDED = "Reason (needed)"


class AdjudicationPage(QWidget):
    """The page of an adjudicator's session that is open."""

    pressed = Signal(str)
    """The name of an action in ``keys.ADJUDICATION``."""
    note_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.session = QLabel()
        self.session.setToolTip("Who decides")
        self.place = QLabel()
        self.place.setToolTip("The place of this case in your order")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.saved = QLabel()
        self.saved.setToolTip("Every step is written to the study at once")
        self.code = heading()
        self.code.setWordWrap(False)
        self.code.setToolTip("The code of this case; it stands for the case in this session only")
        self.state = QLabel()
        self.help = self._button("?", "help", "All keys")
        self.help.setFixedWidth(30)
        self.numbers = QLabel()
        self.numbers.setToolTip("How far the two readings overlap, and lie apart")
        self.why = hint()
        self.overlaid = self._view("Overlaid", "Both readings on one image")
        self.apart = self._view("Side by side", "The same image twice, a reading on each")
        self.distance = QCheckBox("Distance")
        self.distance.setToolTip(
            "Show along the blue line how far it lies from the orange one "
            f"({self._key('distance')})"
        )
        self.distance.setObjectName("distance")
        self.distance.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.distance.clicked.connect(self._clicked)
        self.scale = DistanceScale()
        self.choices: dict[str, QPushButton] = {
            "first": self._choice("take_first", "This reading holds as it is"),
            "second": self._choice("take_second", "This reading holds as it is"),
            "edited": self._choice("edit_copy", "Change a copy of the reading that is chosen"),
            "new": self._choice("draw_anew", "Draw on the image alone"),
            "not assessable": self._choice("not_assessable", "The case cannot be outlined"),
        }
        for outcome, text in (
            ("edited", "3  Edit a copy"),
            ("new", "4  Draw anew"),
            ("not assessable", "0  Not assessable"),
        ):
            self.choices[outcome].setText(text)
        self.tools = {tool: self._tool(tool) for tool in Tool}
        self._group = QButtonGroup(self)
        for button in self.tools.values():
            self._group.addButton(button)
        self.undo = self._button("Undo", "undo", "Take back the last stroke")
        self.redo = self._button("Redo", "redo", "Repeat the stroke that was taken back")
        self.smooth = self._button("Smooth", "smooth", "Smooth the selected lesion")
        self.clear = self._button("Clear", "clear", "Delete all lesions; Undo brings them back")
        self.mine = QLabel()
        self.tool_hint = hint()
        self.hands = self._hands()
        self.note = QLineEdit()
        self.note.setAccessibleName("Reason of the decision")
        self.note.setToolTip("Why you decide so; it is kept with the decision. Enter decides")
        self.note.textEdited.connect(self.note_changed)
        self.frame_label = QLabel()
        self.frame_back = self._button(
            "\N{BLACK LEFT-POINTING TRIANGLE}", "frame_back", "Frame before"
        )
        self.frame_on = self._button("\N{BLACK RIGHT-POINTING TRIANGLE}", "frame_on", "Next frame")
        self.message = hint()
        self._level = "info"
        self._lay_out()

    def _key(self, action: str) -> str:
        return keys.label(action, keys.ADJUDICATION)

    def _prepare(self, button: QAbstractButton, action: str, tip: str) -> None:
        """Name a button after its action; a click leaves the keyboard with the canvas."""
        button.setToolTip(f"{tip} ({self._key(action)})")
        button.setObjectName(action)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._clicked)

    def _button(self, text: str, action: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        self._prepare(button, action, tip)
        return button

    def _choice(self, action: str, tip: str) -> QPushButton:
        button = self._button("", action, tip)
        button.setCheckable(True)
        return button

    def _view(self, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._prepare(button, "side_by_side", tip)
        return button

    def _tool(self, tool: Tool) -> QToolButton:
        action = f"tool_{tool}"
        button = QToolButton()
        button.setText(f"{tool.capitalize()}  {self._key(action)}")
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._prepare(button, action, HINTS[tool])
        return button

    def _hands(self) -> QFrame:
        box = QFrame()
        inside = QVBoxLayout(box)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(5)
        inside.addLayout(_row(*((button, 1) for button in self.tools.values()), spacing=0))
        edits = (self.undo, self.redo, self.smooth, self.clear)
        inside.addLayout(_row(*((button, 1) for button in edits), spacing=4))
        inside.addWidget(self.mine)
        self.tool_hint.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 4)
        self.tool_hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        inside.addWidget(self.tool_hint)
        return box

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(_row(self.session, None, self.place))
        layout.addLayout(_row((self.bar, 1), self.saved))
        layout.addLayout(_row(self.code, self.state, None, self.help))
        layout.addWidget(self.numbers)
        layout.addWidget(self.why)
        layout.addLayout(_row((self.overlaid, 1), (self.apart, 1), self.distance, spacing=0))
        layout.addWidget(self.scale)
        layout.addWidget(self.choices["first"])
        layout.addWidget(self.choices["second"])
        layout.addLayout(_row((self.choices["edited"], 1), (self.choices["new"], 1), spacing=4))
        layout.addWidget(self.choices["not assessable"])
        layout.addWidget(self.hands)
        layout.addWidget(self.note)
        layout.addLayout(_row(self.frame_label, None, self.frame_back, self.frame_on))
        layout.addWidget(self.message)
        layout.addStretch(1)

    # Showing

    def show_session(self, controller: AdjudicationController) -> None:
        """Show everything of a session as it stands."""
        desk, pair = controller.desk, controller.pair
        done, total = desk.progress
        self.session.setText(f"<b>{desk.reader}</b> \N{MIDDLE DOT} adjudication")
        self.place.setText(f"<b>{controller.index + 1}</b> of {total}")
        # A progress bar repaints at once, and the canvas with it; this one may wait.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setUpdatesEnabled(True)
        self.bar.setToolTip(f"{done} of {total} cases are decided")
        self.saved.setText("saved \N{CHECK MARK}" if controller.saved else "NOT SAVED")
        self.code.setText(f"Case {desk.cases[controller.index].code}")
        self.state.setText(_state(controller))
        self.numbers.setText(numbers(pair))
        self.why.setText("; ".join(pair.reasons))
        self.why.setVisible(bool(pair.reasons))
        self._show_view(controller)
        for side in ("first", "second"):
            title = f"{self._key(f'take_{side}')}  Take {NAMES[side]}"
            self.choices[side].setText(f"{title}\n{size_of(pair.side(side), pair)}")
        able = controller.image is not None
        for outcome, button in self.choices.items():
            button.setChecked(controller.choice == outcome)
            button.setEnabled(able)
        self._show_hands(controller)
        needed = controller.choice == "not assessable"
        self.note.setPlaceholderText(REASON_NEEDED if needed else REASON)
        if self.note.text() != controller.note:
            with QSignalBlocker(self.note):
                self.note.setText(controller.note)
        self._show_frames(controller)

    def show_mine(self, controller: AdjudicationController) -> None:
        """Show the size of what is drawn, with the line in hand."""
        drawn = controller.shown_outlines
        self.mine.setText(f"Yours: {measured(drawn, controller.pair) if drawn else 'no outline'}")

    def say(self, text: str, level: str, theme: Theme) -> None:
        """Show a sentence, or nothing."""
        self._level = level
        self.message.setText(text)
        self.message.setVisible(bool(text))
        name = colour(theme, LEVELS[level]).name()
        weight = "normal" if level == "info" else "bold"
        self.message.setStyleSheet(f"color: {name}; font-weight: {weight};")

    def ask_reason(self) -> None:
        """Put the keyboard on the reason."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.note.selectAll()

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        text, back = colour(theme, "text").name(), colour(theme, "foreground").name()
        accent = colour(theme, "current").name()
        on_accent = "white" if colour(theme, "current").lightnessF() < 0.6 else "black"
        over = colour(theme, "primary").name()
        self.bar.setStyleSheet(
            f"QProgressBar {{ border: 0; border-radius: 4px; background: {back}; }}"
            f"QProgressBar::chunk {{ border-radius: 4px; background: {accent}; }}"
        )
        checked = f"background: {accent}; color: {on_accent}; font-weight: bold;"
        self.setStyleSheet(
            f"QToolButton {{ background: {back}; color: {text}; padding: 6px 2px; border: 0; }}"
            f"QToolButton:hover {{ background: {over}; }} QToolButton:checked {{ {checked} }}"
            f"QPushButton:checked {{ {checked} }}"
        )
        for side, tone in COLOURS.items():
            self.choices[side].setStyleSheet(
                f"QPushButton {{ text-align: left; padding: 5px 8px; border: 0;"
                f" border-left: 8px solid {tone}; border-radius: 2px; background: {back};"
                f" color: {text}; }} QPushButton:hover {{ background: {over}; }}"
                f"QPushButton:checked {{ {checked} }}"
            )
        for label in (self.why, self.tool_hint, self.state):
            label.setStyleSheet(f"color: {quiet(theme)};")
        self.scale.restyle(theme)
        self.say(self.message.text(), self._level, theme)

    def _show_view(self, controller: AdjudicationController) -> None:
        case = controller.case
        self.overlaid.setChecked(not case.apart)
        self.apart.setChecked(case.apart)
        self.distance.setChecked(case.distance)
        self.distance.setEnabled(case.reach > 0 and not case.at_work)
        self.scale.setVisible(case.scaled)
        self.scale.set_scale(case.reach, "mm" if controller.pair.spacing else "px")

    def _show_hands(self, controller: AdjudicationController) -> None:
        drawing, draft = controller.drawing, controller.draft
        self.hands.setVisible(controller.drawn)
        self.tools[drawing.tool].setChecked(True)
        self.tool_hint.setText(HINTS[drawing.tool])
        for button in self.tools.values():
            button.setEnabled(drawing.enabled)
        self.undo.setEnabled(draft.can_undo)
        self.redo.setEnabled(draft.can_redo)
        self.smooth.setEnabled(drawing.enabled and drawing.selected is not None)
        self.clear.setEnabled(drawing.enabled and bool(drawing.outlines))
        self.show_mine(controller)

    def _show_frames(self, controller: AdjudicationController) -> None:
        image = controller.image
        stack = image is not None and len(image.axes) == 3
        if stack:
            name = "Frame" if image.axes[0] == "t" else "Slice"
            self.frame_label.setText(f"{name} {controller.drawing.frame + 1} of {image.shape[0]}")
        for widget in (self.frame_label, self.frame_back, self.frame_on):
            widget.setVisible(stack)

    def _clicked(self) -> None:
        button = self.sender()
        if button in (self.overlaid, self.apart):
            # The pressed one is shown already, or both change.
            shown, other = self.overlaid, self.apart
            if button is other:
                shown, other = other, shown
            if not shown.isChecked():
                shown.setChecked(True)
                return
        self.pressed.emit(button.objectName())


def numbers(pair: Pair) -> str:
    """Say how far two readings overlap, and lie apart."""
    far = f"{pair.hd95:.1f} {pair.unit}" if math.isfinite(pair.hd95) else "\N{INFINITY}"
    return f"<b>Dice {pair.dice:.2f}</b>&nbsp;&nbsp;&nbsp; HD95 {far}"


def size_of(reading: ShownReading, pair: Pair) -> str:
    """Say how large a reading is, or why it has no outline."""
    if not reading.assessable:
        return f"not assessable: {reading.reason}" if reading.reason else "not assessable"
    return measured(reading.outlines, pair)


def measured(outlines: Sequence[Outline], pair: Pair) -> str:
    """Give area and diameters of outlines, with the number of lesions where there are more."""
    from napari_ptx.roi import RoiError, measure

    try:
        size = measure(outlines, pair.spacing)
    except RoiError:
        return "no area"
    text = (
        f"{size.area:.1f} {size.unit}\N{SUPERSCRIPT TWO}   {size.max_diameter:.1f} "
        f"\N{MULTIPLICATION SIGN} {size.short_axis:.1f} {size.unit}"
    )
    return text if len(outlines) == 1 else f"{text}   {len(outlines)} outlines"


def _state(controller: AdjudicationController) -> str:
    if controller.image is None:
        return "opening\N{HORIZONTAL ELLIPSIS}"
    return "decided \N{CHECK MARK}" if controller.draft.state == "finished" else ""
