"""What the Predictions dock shows of an open table: the list of cases, and one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.case_list import CaseList
from napari_ptx.docks.parts import button, combo, fill, hint
from napari_ptx.docks.review import KINDS, Review, Wish
from napari_ptx.docks.verdict_bars import VerdictBars, tones

if TYPE_CHECKING:
    from napari.utils.theme import Theme

_PAUSE_MS = 2000  # a comment is saved when the typing rests for so long


class CasePanel(QWidget):
    """One case: the pathology, each model's verdict, maps, and the reviewer's comment."""

    commented = Signal()
    """The comment was finished (Enter, or the keyboard went elsewhere)."""
    cam_wanted = Signal(str)
    """Grad-CAM of this network."""
    map_wanted = Signal(str)
    """The map of this radiomics feature."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setStyleSheet("font-weight: bold; font-size: 12pt;")
        self.truth = QLabel()
        self.truth.setTextFormat(Qt.TextFormat.PlainText)
        self.truth.setStyleSheet("font-size: 12pt;")
        self.truth.setToolTip("The pathology, which the verdicts are compared with")
        self.facts = hint()
        self.told = hint()
        self.bars = VerdictBars()
        self.cam_button = _menu_button("Grad-CAM", self.cam_wanted)
        self.map_button = _menu_button("Feature map", self.map_wanted)
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("Comment; Enter saves it and goes on")
        self.comment.setAccessibleName("Comment")
        self.comment.setClearButtonEnabled(True)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Your name, optional")
        self.name.setToolTip("Written beside your comments, if you like")
        self.name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.name.setFixedWidth(80)
        self._lay_out()
        # Not every way out of the line takes the keyboard from it (another dock's tab).
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.commented)
        self.comment.textEdited.connect(self._typed)
        self.comment.editingFinished.connect(self.commented)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.truth)
        maps = QHBoxLayout()
        maps.addWidget(self.cam_button)
        maps.addWidget(self.map_button)
        maps.addStretch(1)
        remark = QHBoxLayout()
        remark.addWidget(self.comment, 1)
        remark.addWidget(self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.facts)
        layout.addWidget(self.told)
        layout.addWidget(self.bars)
        layout.addStretch(1)
        layout.addLayout(maps)
        layout.addLayout(remark)

    def show_case(self, review: Review, row: int, history: Sequence[Mapping[str, str]]) -> None:
        """Show a row of the table; the comment is what the reviewer last wrote."""
        self.title.setText(f"Case {review.case(row)}")
        self.truth.setText(review.truth(row))
        facts = [f"{name} {value}" for name, value in review.facts(row)]
        self.facts.setText(" · ".join([review.split(row), *facts]))
        self.bars.show_verdicts(review.verdicts(row))
        with QSignalBlocker(self.comment):
            self.comment.setText(review.comment(row))
        self.show_history(history)

    def _typed(self, _: str) -> None:
        self._pause.start()

    def show_history(self, history: Sequence[Mapping[str, str]]) -> None:
        """Give every comment there was on the case in the tooltip."""
        lines = [
            f"{entry['time'].replace('T', ' ')[:16]} {entry['name']}: "
            f"{entry['comment'] or '(taken back)'}"
            for entry in history
        ]
        self.comment.setToolTip("\n".join(lines) or "Saved at once, beside the predictions")

    def tell(self, sentence: str) -> None:
        """Say why there is no picture, or nothing."""
        self.told.setText(sentence)
        self.told.setVisible(bool(sentence))

    def offer_maps(
        self, networks: Sequence[str], features: Sequence[str], reason: str, *, busy: bool
    ) -> None:
        """Offer Grad-CAM and feature maps, or say why there are none."""
        for chooser, names, what in (
            (self.cam_button, networks, "Where the network looks in this image, as a layer"),
            (self.map_button, features, "A radiomics feature at every pixel, as a layer"),
        ):
            chooser.setEnabled(bool(names) and not busy)
            chooser.setToolTip(what if names else reason)
            menu = chooser.menu()
            menu.clear()
            for name in names:
                menu.addAction(name)


class PredictionsPage(QWidget):
    """Pickers, the table of cases, and the case that is shown."""

    case_opened = Signal(int)
    listed = Signal()
    """Other cases are listed."""

    def __init__(self) -> None:
        super().__init__()
        self.review: Review | None = None
        self._groups: dict[str, tuple[str, str]] = {}  # by what the picker shows
        self.model = combo("Model", "Whose verdicts 'Wrong' and 'near' are about")
        self.kind = combo("Cases", "Which cases are listed")
        for kind, text in KINDS.items():
            self.kind.addItem(text, kind)
        self.split = combo("Split", "Which part of the data is listed")
        self.group = combo("Group", "Cases with one entry of a column, such as a subtype")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search")
        self.search.setToolTip("Words in any text of a row: case, patient, subtype, comment")
        self.search.setClearButtonEnabled(True)
        self.count = QLabel()
        self.table = CaseList()
        self.panel = CasePanel()
        self._lay_out()
        for box in (self.model, self.kind, self.split, self.group):
            box.currentIndexChanged.connect(self.list_cases)
        self.model.currentIndexChanged.connect(self._model_picked)
        self.search.textChanged.connect(self.list_cases)
        self.table.opened.connect(self.case_opened)

    def _lay_out(self) -> None:
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.kind, 1)
        first.addWidget(self.model, 1)
        second.addWidget(self.split, 1)
        second.addWidget(self.group, 1)
        third.addWidget(self.search, 1)
        third.addWidget(self.count)
        upper = QWidget()
        top = QVBoxLayout(upper)
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(4)
        top.addLayout(first)
        top.addLayout(second)
        top.addLayout(third)
        top.addWidget(self.table, 1)
        self._halves = QSplitter(Qt.Orientation.Vertical)
        self._halves.addWidget(upper)
        self._halves.addWidget(self.panel)
        self._halves.setStretchFactor(0, 1)
        self._halves.setStretchFactor(1, 0)
        self._halves.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._halves)

    def show_review(self, review: Review) -> None:
        """Show another table; what is picked stays where it can."""
        self.review = review
        fill(self.model, [(name, name) for name in review.models])
        splits = [("All splits", ""), *((split, split) for split in review.splits)]
        fill(self.split, splits)
        self.split.setVisible(len(review.splits) > 1)
        groups = review.groups()
        self._groups = {
            f"{name}: {value} ({count})": (name, value) for name, value, count in groups
        }
        fill(self.group, [(text, text) for text in ("All groups", *self._groups)])
        self.group.setVisible(bool(groups))
        self.table.show_review(review)
        self.list_cases()

    def clear(self) -> None:
        """Forget the table: nothing of it is left in a hidden widget."""
        self.review = None
        self.table.show_review(None)
        self.panel.bars.show_verdicts(())
        for label in (self.panel.title, self.panel.truth, self.panel.facts, self.count):
            label.clear()
        with QSignalBlocker(self.panel.comment):
            self.panel.comment.clear()
        self.panel.comment.setToolTip("")
        for box in (self.model, self.split, self.group):
            with QSignalBlocker(box):
                box.clear()

    @property
    def wish(self) -> Wish:
        """Which cases the pickers ask for."""
        return Wish(
            model=self.model.currentData(),
            kind=self.kind.currentData(),
            split=self.split.currentData() or "",
            group=self._groups.get(self.group.currentText()),
            search=self.search.text(),
        )

    def list_cases(self, *_: object) -> None:
        """List the cases that are asked for."""
        if self.review is None:
            return
        rows = self.review.rows(self.wish)
        self.table.list_rows(rows)
        self.count.setText(f"{len(rows)} of {len(self.review)}")
        self.count.setToolTip(f"{len(rows)} of {len(self.review)} cases are listed")
        self.listed.emit()

    def _model_picked(self, _: int) -> None:
        if self.review is not None:
            self.table.show_column(self.model.currentData())

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self.table.cases.restyle(theme)
        self.panel.bars.restyle(theme)
        quiet = tones(theme)[None].name()
        self.count.setStyleSheet(f"color: {quiet};")
        self.panel.facts.setStyleSheet(f"color: {quiet};")


def _menu_button(text: str, chosen: Signal) -> QPushButton:
    made = button(text, "")
    menu = QMenu(made)
    menu.triggered.connect(lambda action: chosen.emit(action.text()))
    made.setMenu(menu)
    return made
