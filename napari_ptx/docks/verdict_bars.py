"""Each model's probability as a small bar with its threshold, right or wrong in words too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QGridLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from napari_ptx.docks.parts import colour

if TYPE_CHECKING:
    from napari.utils.theme import Theme

    from napari_ptx.docks.review import Verdict

_BAR = 16  # pixels high
_TALLEST = 190  # pixels; more models than that are scrolled
_EDGE = 4  # what the style of a scroll area takes
_WIDEST_NAME = 90
_WIDEST_WORDS = 110


def tones(theme: Theme) -> dict[bool | None, QColor]:
    """Give the colours of right, wrong and unknown, readable on the theme's background."""
    dark = theme.type == "dark"
    return {
        True: QColor("#4cc38a" if dark else "#0f7a43"),
        False: QColor("#ff7369" if dark else "#c0271d"),
        None: QColor("#9aa4b5" if dark else "#5b6472"),
    }


class Bar(QWidget):
    """A probability from 0 to 1 as a bar, with a line at the threshold."""

    def __init__(self) -> None:
        super().__init__()
        self.probability = math.nan
        self.threshold = math.nan
        self.fill = self.ground = self.mark = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_BAR)
        self.setMinimumWidth(40)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102, N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = self.width() - 2, self.height()
        track = QRectF(1, 3, width, height - 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ground)
        painter.drawRoundedRect(track, 2, 2)
        if not math.isnan(self.probability):
            track.setWidth(max(2.0, width * min(max(self.probability, 0.0), 1.0)))
            painter.setBrush(self.fill)
            painter.drawRoundedRect(track, 2, 2)
        if not math.isnan(self.threshold):
            x = 1 + width * min(max(self.threshold, 0.0), 1.0)
            painter.setPen(QPen(self.mark, 2))
            painter.drawLine(round(x), 0, round(x), height)
        painter.end()


class VerdictBars(QScrollArea):
    """One line for each model: name, bar, probability, verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._inside = QWidget()
        self._grid = QGridLayout(self._inside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self.setWidget(self._inside)
        self.viewport().setStyleSheet("background: transparent;")
        self._inside.setStyleSheet("background: transparent;")
        self._lines: list[tuple[QLabel, Bar, QLabel, QLabel]] = []
        self._verdicts: tuple[Verdict, ...] = ()
        self._theme: Theme | None = None

    def show_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Show one case."""
        self._verdicts = tuple(verdicts)
        while len(self._lines) < len(verdicts):
            self._add_line()
        for place, line in enumerate(self._lines):
            for part in line:
                part.setVisible(place < len(verdicts))
                if place >= len(verdicts) and isinstance(part, QLabel):
                    part.clear()
        for (name, bar, value, words), verdict in zip(self._lines, verdicts, strict=False):
            name.setText(_elided(name, verdict.model, _WIDEST_NAME))
            bar.probability, bar.threshold = verdict.probability, verdict.threshold
            known = not math.isnan(verdict.probability)
            value.setText(f"{verdict.probability:.2f}" if known else "–")
            tip = _tip(verdict)
            for part in (name, bar, value, words):
                part.setToolTip(tip)
            bar.setAccessibleName(tip)
        self._paint()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        wanted = self._inside.sizeHint()
        return QSize(wanted.width(), min(wanted.height() + _EDGE, _TALLEST))

    def minimumSizeHint(self) -> QSize:  # noqa: D102, N802 - Qt's name
        return QSize(self._inside.minimumSizeHint().width(), self.sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102, N802 - Qt's name
        # How high the lines are is known only when they are shown in their style.
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            fits = self._inside.sizeHint().height() + _EDGE <= _TALLEST
            policy = Qt.ScrollBarPolicy
            self.setVerticalScrollBarPolicy(
                policy.ScrollBarAlwaysOff if fits else policy.ScrollBarAsNeeded
            )
        return super().eventFilter(watched, event)

    def texts(self) -> list[tuple[str, str, str]]:
        """Give what is shown: model, probability, verdict."""
        return [
            (verdict.model, value.text(), verdict.text)
            for (_, _, value, _), verdict in zip(self._lines, self._verdicts, strict=False)
        ]

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._theme = theme
        self._paint()

    def _paint(self) -> None:
        if self._theme is None:
            return
        colours = tones(self._theme)
        ground, mark = colour(self._theme, "foreground"), colour(self._theme, "text")
        for (_, bar, _, words), verdict in zip(self._lines, self._verdicts, strict=False):
            bar.fill, bar.ground, bar.mark = colours[verdict.right], ground, mark
            bar.update()
            # A style sheet for each line would take longer than all the rest.
            text = escape(_elided(words, verdict.text, _WIDEST_WORDS))
            words.setText(f"<span style='color: {colours[verdict.right].name()}'>{text}</span>")

    def _add_line(self) -> None:
        row = len(self._lines)
        line = (QLabel(), Bar(), QLabel(), QLabel())
        for place, part in enumerate(line):
            if isinstance(part, QLabel):
                part.setTextFormat(Qt.TextFormat.PlainText)
            if place == 3:
                part.setTextFormat(Qt.TextFormat.RichText)
            self._grid.addWidget(part, row, place)
        self._lines.append(line)


def _elided(label: QLabel, text: str, width: int) -> str:
    """Cut a text that is too long; the tooltip has all of it."""
    return label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)


def _tip(verdict: Verdict) -> str:
    if math.isnan(verdict.probability):
        return f"{verdict.model} has no value for this case"
    compared = "at or above" if verdict.probability >= verdict.threshold else "below"
    right = {True: ", as the pathology", False: ", against the pathology", None: ""}[verdict.right]
    return (
        f"{verdict.model}: {verdict.probability:.3f}, {compared} its threshold "
        f"{verdict.threshold:.3f}: {verdict.name}{right}"
    )
