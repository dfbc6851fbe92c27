"""What the Reading dock is made of: the case, the tools, the lesions, the reason.

The page only shows, and emits what was pressed; ``reading.ReadingDock`` decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import keys
from napari_ptx.docks.drawing import Tool
from napari_ptx.docks.layers import AID
from napari_ptx.docks.lesion_list import LesionList, quiet
from napari_ptx.docks.parts import colour, heading, hint
from napari_ptx.docks.reading_controller import REASONS

if TYPE_CHECKING:
    from napari.utils.theme import Theme

    from napari_ptx.docks.reading_controller import ReadingController

REASON_WIDTH = 290
CHOOSE = "Choose the reason"
HINTS = {
    Tool.OUTLINE: "Hold the left button and draw around the lesion. "
    "Drawing over a lesion replaces it.",
    Tool.POLYGON: "Click the corners; a double click, a right click or Enter closes the line.",
    Tool.EDIT: "Drag the line or a corner. Double click adds a corner, right click removes it.",
}
LEVELS = {"info": "text", "warning": "warning", "error": "error"}
"""The colour of napari's theme for each kind of message."""


class ReadingPage(QWidget):
    """The page of a session that is open."""

    pressed = Signal(str)
    """The name of an action in ``keys.READING``, or "finish_session"."""
    reason_chosen = Signal(str)
    """Why the case is not assessable; empty: it is."""
    lesion_chosen = Signal(int)
    lesion_deleted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.session = QLabel()
        self.session.setToolTip("The reader and the round of this session")
        self.place = QLabel()
        self.place.setToolTip("The place of this case in your reading order")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.saved = QLabel()
        self.saved.setToolTip("Every stroke is written to the study when the mouse is released")
        self.save_again = self._button(
            "Save again", "save_again", "Try once more to write the outlines to the study"
        )
        self.code = heading()
        self.code.setWordWrap(False)
        self.code.setToolTip("The code of this case; it stands for the case in this session only")
        self.state = QLabel()
        self.tools = {
            tool: self._tool(tool, f"tool_{tool}", tip)
            for tool, tip in (
                (Tool.OUTLINE, "Draw the outline by hand"),
                (Tool.POLYGON, "Click the corners of the outline"),
                (Tool.EDIT, "Change an outline"),
            )
        }
        self._group = QButtonGroup(self)
        for button in self.tools.values():
            self._group.addButton(button)
        self.undo = self._button("Undo", "undo", "Take back the last stroke")
        self.redo = self._button("Redo", "redo", "Repeat the stroke that was taken back")
        self.smooth = self._button("Smooth", "smooth", "Smooth the selected lesion")
        self.clear = self._button("Clear", "clear", "Delete all lesions; Undo brings them back")
        self.tool_hint = hint()
        # Two lines always, so that nothing moves when the tool changes.
        self.tool_hint.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 4)
        self.tool_hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.lesions = LesionList()
        self.lesions.chosen.connect(self.lesion_chosen)
        self.lesions.deleted.connect(self.lesion_deleted)
        self.note = hint()
        self.frame_label = QLabel()
        self.frame_back = self._button(
            "\N{BLACK LEFT-POINTING TRIANGLE}", "frame_back", "Frame before"
        )
        self.frame_on = self._button("\N{BLACK RIGHT-POINTING TRIANGLE}", "frame_on", "Next frame")
        self.contrast = QLabel("Contrast: drag the right button")
        self.contrast.setToolTip("Across for more or less contrast, up and down for brightness")
        self.reset = self._button("Reset", "reset_window", "Show the grey values as they came")
        self.unassessable = QCheckBox("Not assessable")
        self.unassessable.setToolTip(
            f"This case cannot be outlined; choose why ({keys.label('not_assessable')})"
        )
        self.unassessable.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.unassessable.clicked.connect(self._reason_clicked)
        self.reason = QComboBox()
        self.reason.addItems([CHOOSE, *REASONS])
        # As wide as there is room for; the list itself opens as wide as its texts.
        self.reason.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.reason.setMinimumContentsLength(9)
        self.reason.view().setMinimumWidth(REASON_WIDTH)
        self.reason.setToolTip("Why this case cannot be outlined")
        self.reason.activated.connect(self._reason_clicked)
        self.seen_text = QLabel("Seen before?")
        self.seen_text.setToolTip("Whether you remember this case from the first round")
        self.seen_yes = self._answer("Yes", "seen_yes", "I remember this case")
        self.seen_no = self._answer("No", "seen_no", "I do not remember this case")
        self.aid_text = QLabel()
        self.aid_text.setToolTip("Your own answer is locked; this is the reading with the model")
        self.take_aid = self._button("Take over", "take_aid", "Take the model's outline over")
        self.message = hint()
        self.end = self._end_box()
        self.help = self._button("?", "help", "All keys")
        self.help.setFixedWidth(30)
        self._lay_out()

    # Building

    def _button(self, text: str, action: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        self._prepare(button, action, tip)
        return button

    def _tool(self, tool: Tool, action: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(f"{tool.capitalize()}  {keys.label(action)}")
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._prepare(button, action, tip)
        return button

    def _answer(self, text: str, action: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(f"{text}  {keys.label(action)}")
        button.setCheckable(True)
        button.setMinimumWidth(70)
        self._prepare(button, action, tip)
        return button

    def _prepare(self, button: QAbstractButton, action: str, tip: str) -> None:
        """Name a button after its action; a click leaves the keyboard with the canvas."""
        if any(shortcut.action == action for shortcut in keys.READING):
            tip = f"{tip} ({keys.label(action)})"
        button.setToolTip(tip)
        button.setObjectName(action)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._clicked)

    def _end_box(self) -> QFrame:
        box = QFrame()
        box.setObjectName("end")
        inside = QVBoxLayout(box)
        self.end_text = hint()
        self.finish_session = self._button(
            "Finish the session", "finish_session", "Close the session; nothing can change then"
        )
        inside.addWidget(self.end_text)
        inside.addWidget(self.finish_session)
        return box

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(7)
        layout.addLayout(_row(self.session, None, self.place))
        layout.addLayout(_row((self.bar, 1), self.saved, self.save_again))
        layout.addLayout(_row(self.code, self.state, None, self.help))
        layout.addLayout(_row(*((button, 1) for button in self.tools.values()), spacing=0))
        edits = (self.undo, self.redo, self.smooth, self.clear)
        layout.addLayout(_row(*((button, 1) for button in edits), spacing=4))
        layout.addWidget(self.tool_hint)
        layout.addWidget(self.lesions, 1)
        layout.addWidget(self.note)
        layout.addLayout(_row(self.frame_label, None, self.frame_back, self.frame_on))
        layout.addLayout(_row(self.contrast, None, self.reset))
        layout.addLayout(_row(self.unassessable, (self.reason, 1)))
        layout.addLayout(_row(self.seen_text, None, self.seen_yes, self.seen_no))
        layout.addLayout(_row(self.aid_text, None, self.take_aid))
        layout.addWidget(self.message)
        layout.addWidget(self.end)

    # Showing

    def show_session(self, controller: ReadingController) -> None:
        """Show everything of a session as it stands."""
        desk, draft = controller.desk, controller.draft
        finished, total = desk.progress
        self.session.setText(f"<b>Reader {desk.reader}</b> \N{MIDDLE DOT} round {desk.round}")
        self.place.setText(f"<b>{controller.index + 1}</b> of {total}")
        # A progress bar repaints at once, and the canvas with it; this one may wait.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, total)
        self.bar.setValue(finished)
        self.bar.setUpdatesEnabled(True)
        self.bar.setToolTip(f"{finished} of {total} cases are finished")
        self.code.setText(f"Case {desk.cases[controller.index].code}")
        self._show_saved(controller)
        self.state.setText(_state(controller))
        drawing = controller.drawing
        self.tools[drawing.tool].setChecked(True)
        self.tool_hint.setText(HINTS[drawing.tool])
        editable = controller.editable
        some = bool(drawing.outlines)
        for button in self.tools.values():
            button.setEnabled(editable)
        self.undo.setEnabled(editable and draft.can_undo)
        self.redo.setEnabled(editable and draft.can_redo)
        self.smooth.setEnabled(editable and drawing.selected is not None)
        self.clear.setEnabled(editable and some)
        self._show_reason(controller)
        self._show_seen_and_aid(controller)
        self.show_lesions(controller)
        self._show_frames(controller)
        self._show_end(controller)

    def show_lesions(self, controller: ReadingController) -> None:
        """Show the lesions as they are now, with the line in hand."""
        lesions = controller.lesions
        image = controller.image
        stack = image is not None and len(image.axes) == 3
        self.lesions.show_lesions(
            lesions, controller.drawing.selected, numbered=stack, editable=controller.editable
        )
        notes = sorted({lesion.note for lesion in lesions if lesion.note})
        self.note.setText("\n".join(note.capitalize() + "." for note in notes))
        self.note.setVisible(bool(notes))

    def say(self, text: str, level: str, theme: Theme) -> None:
        """Show a sentence, or nothing."""
        self.message.setText(text)
        self.message.setVisible(bool(text))
        name = colour(theme, LEVELS[level]).name()
        weight = "normal" if level == "info" else "bold"
        self.message.setStyleSheet(f"color: {name}; font-weight: {weight};")

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        text, back = colour(theme, "text").name(), colour(theme, "foreground").name()
        accent = colour(theme, "current").name()
        on_accent = "white" if colour(theme, "current").lightnessF() < 0.6 else "black"
        off = colour(theme, "secondary").name()
        self.bar.setStyleSheet(
            f"QProgressBar {{ border: 0; border-radius: 4px; background: {back}; }}"
            f"QProgressBar::chunk {{ border-radius: 4px; background: {accent}; }}"
        )
        checked = f"background: {accent}; color: {on_accent}; font-weight: bold;"
        self.setStyleSheet(
            f"QToolButton {{ background: {back}; color: {text}; padding: 7px 2px; border: 0; }}"
            f"QToolButton:hover {{ background: {colour(theme, 'primary').name()}; }}"
            f"QToolButton:checked {{ {checked} }}"
            f"QToolButton:disabled {{ color: {off}; }}"
            f"QFrame#end {{ border: 1px solid {accent}; border-radius: 4px; }}"
        )
        for label in (self.tool_hint, self.note, self.state):
            label.setStyleSheet(f"color: {quiet(theme)};")
        self.lesions.restyle(theme)

    def ask_reason(self) -> None:
        """Put the keyboard on the reason, with the list open."""
        self.unassessable.setChecked(True)
        self.reason.setEnabled(True)
        self.reason.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.reason.showPopup()

    # Parts

    def _show_saved(self, controller: ReadingController) -> None:
        self.save_again.setVisible(not controller.saved)
        if controller.saved:
            self.saved.setText("saved \N{CHECK MARK}")
            self.saved.setStyleSheet("")
        else:
            self.saved.setText("NOT SAVED")
            self.saved.setStyleSheet("color: #ff5555; font-weight: bold;")

    def _show_reason(self, controller: ReadingController) -> None:
        with QSignalBlocker(self.unassessable), QSignalBlocker(self.reason):
            reason = controller.reason
            self.unassessable.setChecked(reason is not None)
            if reason is not None and self.reason.findText(reason) < 0:
                self.reason.addItem(reason)
            self.reason.setCurrentIndex(self.reason.findText(reason) if reason else 0)
        self.unassessable.setEnabled(controller.editable)
        self.reason.setEnabled(controller.editable and controller.reason is not None)

    def _show_seen_and_aid(self, controller: ReadingController) -> None:
        asked, recalled = controller.desk.asks_seen, controller.draft.recalled
        for widget in (self.seen_text, self.seen_yes, self.seen_no):
            widget.setVisible(asked)
            widget.setEnabled(not controller.read_only)
        self.seen_yes.setChecked(recalled is True)
        self.seen_no.setChecked(recalled is False)
        aid = controller.draft.aid
        self.aid_text.setVisible(aid is not None)
        self.take_aid.setVisible(bool(aid))
        self.take_aid.setEnabled(controller.editable)
        self.aid_text.setText(
            f"<span style='color: {AID}'>■</span> the model's outline"
            if aid
            else "The model found nothing here"
        )

    def _show_frames(self, controller: ReadingController) -> None:
        image = controller.image
        stack = image is not None and len(image.axes) == 3
        if stack:
            name = "Frame" if image.axes[0] == "t" else "Slice"
            self.frame_label.setText(f"{name} {controller.drawing.frame + 1} of {image.shape[0]}")
        for widget in (self.frame_label, self.frame_back, self.frame_on):
            widget.setVisible(stack)

    def _show_end(self, controller: ReadingController) -> None:
        total = len(controller.cases)
        finished = not controller.unfinished
        self.end.setVisible(finished)
        self.finish_session.setVisible(not controller.read_only)
        if controller.read_only:
            self.end_text.setText("This session is finished. You may look at it, and no more.")
        else:
            self.end_text.setText(
                f"All {total} cases are finished. You may still go back and change them. "
                "Once you finish the session, nothing can change any more."
            )

    def _clicked(self) -> None:
        self.pressed.emit(self.sender().objectName())

    def _reason_clicked(self) -> None:
        if not self.unassessable.isChecked():
            self.reason_chosen.emit("")
        elif self.reason.currentIndex() > 0:
            self.reason_chosen.emit(self.reason.currentText())
        elif self.sender() is self.unassessable:
            self.ask_reason()


def _row(*parts: QWidget | tuple[QWidget, int] | None, spacing: int = 6) -> QHBoxLayout:
    """Set widgets side by side; ``None`` is a gap that grows."""
    row = QHBoxLayout()
    row.setSpacing(spacing)
    for part in parts:
        if part is None:
            row.addStretch(1)
        elif isinstance(part, tuple):
            row.addWidget(*part)
        else:
            row.addWidget(part)
    return row


def _state(controller: ReadingController) -> str:
    if controller.image is None:
        return "opening\N{HORIZONTAL ELLIPSIS}"
    if controller.read_only:
        return "read only"
    if not controller.saved:
        return ""
    return {"finished": "finished \N{CHECK MARK}", "started": "", "new": ""}[controller.draft.state]
