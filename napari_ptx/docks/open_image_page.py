"""A run's models on the image that is open in the viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_ptx.docks.parts import combo, fill, hint
from napari_ptx.docks.review import Verdict
from napari_ptx.docks.verdict_bars import VerdictBars

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

NO_CLAIM = "A model's answer for research; no diagnosis."


class OpenImagePage(QWidget):
    """Pickers for image, outlines and run; then each model's probability."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._watched: Layer | None = None
        self.image = combo("Image", "The image")
        self.outlines = combo("Outline", "The layer with the outline: shapes or labels")
        self.run = combo("Run", "The run whose models are asked")
        self.told = hint()
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setStyleSheet("font-weight: bold;")
        self.title.setWordWrap(True)
        self.bars = VerdictBars()
        self.claim = hint(NO_CLAIM)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.image)
        form.addRow("Outline", self.outlines)
        form.addRow("Run", self.run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.told)
        layout.addWidget(self.title)
        layout.addWidget(self.bars)
        layout.addWidget(self.claim)
        layout.addStretch(1)
        for box in (self.image, self.outlines, self.run):
            box.currentIndexChanged.connect(self._picked)
        self.clear()

    def offer_layers(self, viewer: Viewer, newest: Layer | None = None) -> None:
        """Offer the layers that there are; a new one is picked, else what was."""
        found = list(reversed(viewer.layers))
        pictures = [one for one in found if isinstance(one, Image) and _is_picture(one)]
        drawn = [one for one in found if isinstance(one, Shapes | Labels)]
        fill(self.image, [(layer.name, layer) for layer in pictures])
        fill(self.outlines, [(layer.name, layer) for layer in drawn])
        for box, layers in ((self.image, pictures), (self.outlines, drawn)):
            if newest in layers:
                with QSignalBlocker(box):
                    box.setCurrentIndex(layers.index(newest))
        self._picked()

    def offer_runs(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Offer the runs that can predict."""
        fill(self.run, [(str(run["name"]), str(run["folder"])) for run in runs])
        self._picked()

    @property
    def picked(self) -> tuple[Layer, Layer, Path] | None:
        """Image layer, outline layer and run folder, or ``None`` while one is missing."""
        values = [box.currentData() for box in (self.image, self.outlines, self.run)]
        if any(value is None for value in values):
            return None
        return values[0], values[1], Path(values[2])

    def missing(self) -> str:
        """Say what is missing, or ""."""
        if self.run.currentData() is None:
            return "Train a run first, or choose the folder of runs on the tab Runs."
        if self.image.currentData() is None:
            return "Open an ultrasound image: drop it on the viewer."
        if self.outlines.currentData() is None:
            return "Outline the lesion: add a shapes layer and draw around it."
        return ""

    def show_answer(self, title: str, verdicts: Sequence[Verdict]) -> None:
        """Show each model's answer."""
        self.title.setText(title)
        self.bars.show_verdicts(verdicts)
        for part in (self.title, self.bars, self.claim):
            part.setVisible(bool(verdicts))

    def watch(self, drawn: Layer) -> None:
        """Take the answer away as soon as the outline is changed."""
        self._unwatch()
        self._watched = drawn
        for event in _changes(drawn):
            event.connect(self._outline_changed)

    def clear(self) -> None:
        """Take the answer away: it was of another image, outline or run."""
        self._unwatch()
        self.show_answer("", ())

    def _unwatch(self) -> None:
        drawn, self._watched = self._watched, None
        if drawn is not None:
            for event in _changes(drawn):
                event.disconnect(self._outline_changed)

    def _outline_changed(self, _event: Any) -> None:
        self.clear()

    def _picked(self, *_: Any) -> None:
        self.clear()
        self.told.setText(self.missing())
        self.told.setVisible(bool(self.told.text()))
        self.changed.emit()


def _is_picture(layer: Image) -> bool:
    return layer.metadata.get("ptx", {}).get("kind", "image") == "image"


def _changes(drawn: Layer) -> tuple[Any, ...]:
    """Give the events that tell of a change of what is drawn."""
    events = drawn.events
    return (events.data, events.paint) if isinstance(drawn, Labels) else (events.data,)
