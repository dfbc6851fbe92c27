"""The Candidates tab: the table of glands, the picture of the neck, and what the keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import keys
from napari_ptx.docks.gland_table import COLOURS, FILTERS, GlandTable
from napari_ptx.docks.neck_picture import Dot, NeckPicture
from napari_ptx.docks.parts import button, colour, combo, hint
from napari_ptx.report.gland_rows import ECTOPIC, row_of_truth, site_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.utils.theme import Theme

    from napari_ptx.report.gland_review import Gland

_BUTTONS = {"Accept": "accept", "Reject": "reject", "Missed": "missed", "Edit": "edit"}
_LIGHT = {"accepted": "#116329", "rejected": "#a40e26", "": "#7d4e00"}


class GlandPage(QWidget):
    """The glands of one patient; every signal is a wish, which the dock carries out."""

    picked = Signal(int)
    acted = Signal(str)
    """A key or a button: the name of its action in ``keys.GLANDS``."""
    slot_given = Signal(str)
    """A slot or site for the gland that is chosen."""
    truth_given = Signal(str)
    """A slot or site on which surgery or pathology has something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.glands: list[Gland] = []
        self.filter = combo("Glands", "Which glands are listed", *FILTERS)
        self.count = QLabel()
        self.count.setTextFormat(Qt.TextFormat.PlainText)
        self.table = GlandTable()
        self.neck = NeckPicture()
        self.slots = _toggle("Slot", "A click on the picture gives the gland its place (D)")
        self.truths = _toggle("Truth", "A click says present, again absent, again nothing (T)")
        self.basis = combo("Truth from", "Who found it so", "surgery", "pathology")
        self.told = hint()
        self._modes = QButtonGroup(self)
        for one in (self.slots, self.truths):
            self._modes.addButton(one)
        self.slots.setChecked(True)
        self.basis.hide()
        self._acts = QButtonGroup(self)
        self._acts.buttonClicked.connect(self._act_clicked)
        self._lay_out()
        self.filter.currentTextChanged.connect(self._filtered)
        self.table.picked.connect(self.picked)
        self.table.acted.connect(self.acted)
        self.neck.dot_chosen.connect(self.picked)
        self.neck.chosen.connect(self._place_chosen)
        self.neck.left.connect(self.table.setFocus)
        self.truths.toggled.connect(self._mode_changed)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self.count)
        middle = QHBoxLayout()
        middle.setSpacing(2)
        for text, action in _BUTTONS.items():
            shortcut = next(one for one in keys.GLANDS if one.action == action)
            made = button(f"{text} {shortcut.label}", f"{shortcut.title} ({shortcut.label})")
            made.setStyleSheet("padding: 3px 2px;")
            made.setProperty("action", action)
            self._acts.addButton(made)
            middle.addWidget(made, 1)
        bottom = QHBoxLayout()
        bottom.setSpacing(2)
        bottom.addWidget(self.slots)
        bottom.addWidget(self.truths)
        bottom.addWidget(self.basis, 1)
        bottom.addStretch(1)
        upper, lower = QWidget(), QWidget()
        for half, parts in ((upper, (top, self.table, middle)), (lower, (bottom, self.neck))):
            layout = QVBoxLayout(half)
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(4)
            for part in parts:
                if isinstance(part, QWidget):
                    layout.addWidget(part, 1 if part is self.table else 0)
                else:
                    layout.addLayout(part)
        self._halves = QSplitter(Qt.Orientation.Vertical)
        self._halves.addWidget(upper)
        self._halves.addWidget(lower)
        self._halves.setStretchFactor(0, 1)
        self._halves.setStretchFactor(1, 0)
        self._halves.setChildrenCollapsible(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._halves, 1)
        layout.addWidget(self.told)
        self.told.setToolTip(keys.help_html(keys.GLANDS))

    # What is shown

    def show_glands(self, glands: Sequence[Gland], selected: int | None) -> None:
        """List the glands as they stand, with one of them chosen."""
        self.glands = list(glands)
        self._list(selected)

    def _list(self, selected: int | None) -> None:
        wanted = FILTERS[self.filter.currentText()]
        listed = [
            gland
            for gland in self.glands
            if not wanted or (gland.decision or "open") == wanted or gland.gland == selected
        ]
        self.table.list_glands(listed, selected)
        open_ones = sum(not gland.decision for gland in self.glands)
        self.count.setText(f"{open_ones} of {len(self.glands)} open")
        dots = [Dot(gland.gland, gland.slot, COLOURS[gland.decision]) for gland in self.glands]
        self.neck.show_glands(dots, selected)

    def select(self, number: int | None) -> None:
        """Choose a gland in the table and on the picture."""
        self.table.mark(number)
        if number is not None and self.table.current != number:
            self._list(number)  # the filter hides it
        dots = [Dot(gland.gland, gland.slot, COLOURS[gland.decision]) for gland in self.glands]
        self.neck.show_glands(dots, number)

    def show_truth(self, truth: Mapping[str, Mapping[str, str]]) -> None:
        """Mark what surgery or pathology found, by the subject of the decision (``gland_rows``)."""
        marks: dict[str, str] = {}
        for subject, said in truth.items():
            place = site_of(row_of_truth(subject, said)) or ECTOPIC
            state = str(said.get("state", ""))
            if marks.get(place) != "present":  # of two glands in a place, the one that is there
                marks[place] = state
        self.neck.show_truth(marks)

    def next_open(self, after: int | None) -> int | None:
        """Give the next gland of the table that nobody has decided on, around its end."""
        numbers = self.table.numbers
        start = numbers.index(after) + 1 if after in numbers else 0
        waiting = {gland.gland for gland in self.glands if not gland.decision}
        return next((n for n in (*numbers[start:], *numbers[:start]) if n in waiting), None)

    def tell(self, sentence: str = "") -> None:
        """Say what is to be done now; "" says what the keys do."""
        usual = "Up/Down jump · D slot · T truth · Ctrl+Z undo · J/K patient · H hide"
        self.told.setText(sentence or usual)

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        ground = colour(theme, "background")
        light = ground.lightnessF() > 0.5
        text, line = colour(theme, "text"), colour(theme, "text")
        line.setAlphaF(0.55)
        accent = colour(theme, "current") if light else type(ground)("#ffe028")
        self.neck.set_colours(text, line, ground, accent)
        tones = _LIGHT if light else COLOURS
        self.table.set_tones({name: type(ground)(tone) for name, tone in tones.items()})

    # The picture

    def ask_place(self, truth: bool) -> None:
        """Hand the keyboard to the picture, for the gland's place or for the truth."""
        (self.truths if truth else self.slots).setChecked(True)
        self.neck.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _place_chosen(self, place: str) -> None:
        (self.truth_given if self.truths.isChecked() else self.slot_given).emit(place)

    def _mode_changed(self, truth: bool) -> None:
        self.basis.setVisible(truth)
        if truth:
            self.tell(
                "Truth: click a place for present (+), again for absent (–), again for nothing."
            )
        else:
            self.tell()

    def _act_clicked(self, clicked: QAbstractButton) -> None:
        self.acted.emit(clicked.property("action"))

    def _filtered(self, _: str) -> None:
        self._list(self.table.current)


def next_truth(held: Mapping[str, str] | None, basis: str) -> dict[str, str] | None:
    """Give the truth of a place after one more click: present, absent, nothing.

    Parameters
    ----------
    held
        What is said of the place now, or ``None``.
    basis
        "surgery" or "pathology".
    """
    if held is None:
        return {"state": "present", "basis": basis}
    return {"state": "absent", "basis": basis} if held["state"] == "present" else None


def _toggle(text: str, tip: str) -> QPushButton:
    made = button(text, tip)
    made.setCheckable(True)
    return made
