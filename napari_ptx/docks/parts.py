"""What all our docks look and behave like: headings, hints, the primary button, Enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSignalBlocker, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.compat import unwrap
from napari_ptx.docks.hub import Hub

if TYPE_CHECKING:
    from napari import Viewer
    from napari.utils.theme import Theme
    from qtpy.QtGui import QHideEvent, QKeyEvent, QPaintEvent, QShowEvent

MINIMUM_WIDTH = 320


class Dock(QWidget):
    """The base of our docks: one for each viewer and name, at least 320 px wide.

    While it is shown it listens to the hub and to the theme (``refresh``,
    ``restyle``); hidden, it does nothing, and catches up when it is shown again.
    A dock's x only hides it, so showing and hiding may come in any number.
    """

    NAME: str
    """The name of the dock in ``hub.DOCKS``."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = unwrap(napari_viewer)
        self.hub = Hub.of(self.viewer)
        self.hub.register(self.NAME, self)
        self.setMinimumWidth(MINIMUM_WIDTH)
        # Without this napari adds a stretch below, and the dock leaves half its height empty.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.primary = primary_button("")
        self._listening = False
        # What a dock shows must be gone before a reader sees anything, shown or not.
        self.hub.desk_changed.connect(self._forget_hidden)

    def refresh(self) -> None:
        """Bring everything shown up to date with the hub."""

    def restyle(self) -> None:
        """Take the colours of napari's theme."""
        self.primary.setStyleSheet(primary_style(self.theme))

    @property
    def theme(self) -> Theme:
        """Napari's theme of the viewer."""
        return get_theme(self.viewer.theme)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().showEvent(event)
        if not self._listening:
            self._listening = True
            self.viewer.events.theme.connect(self._theme_changed)
            self.hub.study_changed.connect(self.refresh)
            self.hub.desk_changed.connect(self.refresh)
        self.restyle()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        if self._listening:
            self._listening = False
            self.viewer.events.theme.disconnect(self._theme_changed)
            self.hub.study_changed.disconnect(self.refresh)
            self.hub.desk_changed.disconnect(self.refresh)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Let Enter press the button that has the focus, or else the primary one."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
            return
        focus = QApplication.focusWidget()
        mine = isinstance(focus, QAbstractButton) and self.isAncestorOf(focus)
        button = focus if mine else self.primary
        if button.isVisible() and button.isEnabled():
            button.click()

    def _forget_hidden(self) -> None:
        if self.hub.blinded and not self._listening and isalive(self):
            self.refresh()

    def _theme_changed(self) -> None:
        self.restyle()


def primary_button(text: str) -> QPushButton:
    """Make the one button of a dock that Enter presses."""
    button = QPushButton(text)
    button.setDefault(True)
    button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
    return button


def heading(text: str = "") -> QLabel:
    """Make a bold line that may be selected and copied."""
    label = QLabel(text)
    label.setStyleSheet("font-weight: bold; font-size: 14pt;")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def hint(text: str = "") -> QLabel:
    """Make a line of explanation that wraps and may be copied."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def count_of(number: int, noun: str) -> str:
    """Give "1 case" or "2 cases"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class ElidingBox(QComboBox):
    """A drop-down list that ends a text too long for it with dots; its tip has the whole."""

    def shown_text(self) -> str:
        """Give the text of the chosen entry as far as there is room."""
        option, style = self._option(), self.style()
        room = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        dots = Qt.TextElideMode.ElideRight
        return self.fontMetrics().elidedText(self.currentText(), dots, room.width())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102, N802 - Qt's name
        option = self._option()
        option.currentText = self.shown_text()
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent) -> bool:  # noqa: D102 - Qt's
        if event.type() == QEvent.Type.ToolTip and self.shown_text() != self.currentText():
            QToolTip.showText(event.globalPos(), f"{self.currentText()}\n{self.toolTip()}", self)
            return True
        return super().event(event)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option


def combo(name: str, tip: str, *texts: str) -> QComboBox:
    """Make a drop-down list that may be narrower than its longest entry."""
    box = ElidingBox()
    box.addItems(texts)
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def fill(box: QComboBox, entries: Sequence[tuple[str, Any]]) -> None:
    """Offer other entries (text, data), quietly; what is chosen stays where it can."""
    chosen = box.currentData()
    with QSignalBlocker(box):
        box.clear()
        for text, data in entries:
            box.addItem(text, data)
        places = [place for place, (_, data) in enumerate(entries) if data == chosen]
        if entries:
            box.setCurrentIndex(places[0] if places else 0)


def button(text: str, tip: str) -> QPushButton:
    """Make a button that Enter does not press unless it has the focus."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    return made


def column(*parts: QWidget, margin: int = 8) -> QVBoxLayout:
    """Stack widgets from top to bottom."""
    layout = QVBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(6)
    for part in parts:
        layout.addWidget(part)
    return layout


def colour(theme: Theme, name: str) -> QColor:
    """Give a colour of napari's theme ("text", "background", "current", ...)."""
    return QColor(getattr(theme, name).as_hex())


def primary_style(theme: Theme) -> str:
    """Give the style sheet of the primary button in a theme of napari."""
    back = colour(theme, "current")
    text = "white" if back.lightnessF() < 0.6 else "black"
    lighter = back.lighter(115).name()
    return (
        f"QPushButton {{ background: {back.name()}; color: {text}; padding: 6px 14px;"
        " font-weight: bold; border-radius: 3px; }"
        f"QPushButton:hover, QPushButton:focus {{ background: {lighter}; }}"
        f"QPushButton:disabled {{ background: {colour(theme, 'primary').name()};"
        f" color: {colour(theme, 'secondary').name()}; border: 0; font-weight: normal; }}"
    )
