"""A training under way: what is trained, and the AUC of its networks after each epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_ptx.docks.epoch_curve import EpochCurve
from napari_ptx.docks.parts import heading, hint

if TYPE_CHECKING:
    from napari.utils.theme import Theme

_LOOK_MS = 1000
_CURVE = "epochs.csv"
_NUMBERS = ("epoch", "auc_train", "auc_validation")


class TrainingPage(QWidget):
    """Follows the files of a run while a child process writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.run: Path | None = None
        self._seen: tuple[Path, int] | None = None  # the file that is drawn, and its size
        self.title = heading()
        self.about = hint()
        self.curve = hint()
        self.plot = EpochCurve()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        layout.addWidget(self.curve)
        layout.addWidget(self.plot, 1)

    def watch(self, run: Path, config: Mapping[str, Any] | None) -> None:
        """Begin to follow a run; without a configuration it is one that is resumed."""
        self.run = run
        self._seen = None
        self.title.setText(run.name)
        self.plot.show_epochs([], [], [])
        if config is None:
            self.about.setText("Going on with what was stopped.")
            networks = True
        else:
            families = tuple(config["families"])
            about = [", ".join(families), f"testing: {config['scheme']}", config["note"]]
            self.about.setText(" · ".join(text for text in about if text))
            networks = any(name.startswith(("resnet", "merged")) for name in families)
        self.curve.setText(
            "The curve begins with the first epoch of a network." if networks else
            "There is no network among these models, so there is no curve to watch."
        )  # fmt: skip
        self._timer.start()

    def stop(self) -> None:
        """Follow no more."""
        self._timer.stop()
        self.run = None

    def look(self) -> None:
        """Draw the curve of the network that is being trained, if it has grown."""
        if self.run is None or not self.isVisible():
            return
        newest = _newest(self.run)
        if newest is None:
            return
        path, size = newest
        if self._seen == (path, size):
            return
        epochs = read_epochs(path)
        if not epochs["epoch"]:
            return
        self._seen = (path, size)
        place = path.parent.relative_to(self.run).parts
        self.curve.setText(
            f"{' / '.join(part for part in place if part != 'models')}: epoch "
            f"{epochs['epoch'][-1]:g}, AUC on validation {epochs['auc_validation'][-1]:.3f}"
        )
        self.plot.show_epochs(*(epochs[name] for name in _NUMBERS))

    def restyle(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self.plot.restyle(theme)


def read_epochs(path: Path) -> dict[str, list[float]]:
    """Read a curve that is being written: the last line may be there only in part."""
    columns: dict[str, list[float]] = {name: [] for name in _NUMBERS}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:  # it is just being replaced
        return columns
    for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines()):
        values = [float(row[name] or math.nan) for name in _NUMBERS]
        for name, value in zip(_NUMBERS, values, strict=True):
            columns[name].append(value)
    return columns


def _newest(run: Path) -> tuple[Path, int] | None:
    """Give the curve that was written last, and its size."""
    found = []
    for path in run.rglob(_CURVE):
        try:
            state = path.stat()
        except OSError:  # it is just being replaced
            continue
        found.append((state.st_mtime_ns, path, state.st_size))
    return max(found)[1:] if found else None
