"""The three doors of a first start: the demo, a new study, a study that exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import heading, hint


class Door(QPushButton):
    """A wide button with a title and a sentence of what is behind it."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.setToolTip(text)
        top = QLabel(title)
        top.setStyleSheet("font-weight: bold; font-size: 11pt; background: transparent;")
        below = QLabel(text)
        below.setWordWrap(True)
        below.setStyleSheet("background: transparent;")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(2)
        for label in (top, below):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(label)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(280, self.heightForWidth(280))

    def heightForWidth(self, width: int) -> int:  # noqa: D102, N802 - Qt's name
        return self.layout().heightForWidth(width)


class DoorsPage(QWidget):
    """What the Study dock shows while no study is open."""

    demo = Signal()
    new = Signal()
    open = Signal()
    recent_chosen = Signal()
    """A double click on a recent study."""
    recent_selected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.demo_door = Door(
            "Open the demo",
            "24 simulated ultrasound images, read by two simulated readers; "
            "a session waits for you.",
        )
        self.new_door = Door(
            "New study", "Choose images, name the readers, set the protocol. Three short pages."
        )
        self.open_door = Door(
            "Open study", "Go on with a study file (.ptx), or read a kit (.ptxkit)."
        )
        self.demo_door.clicked.connect(self.demo)
        self.new_door.clicked.connect(self.new)
        self.open_door.clicked.connect(self.open)

        self._recent_label = hint("Recent studies")
        self._recent = QListWidget()
        self._recent.setAccessibleName("Recent studies")
        self._recent.setToolTip("A double click or Enter opens the study")
        self._recent.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._recent.itemDoubleClicked.connect(self._double_clicked)
        self._recent.currentRowChanged.connect(self._row_changed)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(heading("Parathyroid imaging"))
        layout.addWidget(hint("A reading room for blinded reader studies."))
        for door in (self.demo_door, self.new_door, self.open_door):
            layout.addWidget(door)
        layout.addWidget(self._recent_label)
        layout.addWidget(self._recent)
        layout.addStretch(1)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the studies opened last; the newest is selected."""
        self._recent.clear()
        for path in paths:
            item = QListWidgetItem(path.stem)
            item.setToolTip(str(path))
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            self._recent.addItem(item)
        rows = sum(self._recent.sizeHintForRow(row) for row in range(self._recent.count()))
        self._recent.setFixedHeight(min(150, rows + 10))
        self._recent.setVisible(bool(paths))
        self._recent_label.setVisible(bool(paths))
        self._recent.setCurrentRow(0 if paths else -1)

    @property
    def recent(self) -> Path | None:
        """The selected recent study."""
        item = self._recent.currentItem()
        return None if item is None else Path(item.data(Qt.ItemDataRole.UserRole))

    def _double_clicked(self, _: QListWidgetItem) -> None:
        self.recent_chosen.emit()

    def _row_changed(self, _: int) -> None:
        self.recent_selected.emit()
