"""The Comparison dock: which model is better, by how much, and on which cases."""

from __future__ import annotations

import importlib
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
)

from napari_ptx.docks import settings
from napari_ptx.docks.comparison_page import BY_HAND, ComparisonPage
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, button, colour, hint
from napari_ptx.docks.plot import save_shown

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.ultrasound import Predictions

TABLES = "Predictions (*.csv *.parquet);;All files (*)"
FIGURES = "SVG (*.svg);;PNG (*.png);;PDF (*.pdf)"
EMPTY = (
    "Open a predictions table: one row per case with the pathology (label) and each model's "
    "probability. Then this compares the models."
)
BLIND = "The comparison is hidden while a reader is at work, and comes back when the session ends."

_HEAVY = (
    "pandas", "statsmodels.stats.multitest", "napari_ptx.figures.roc", "napari_ptx.figures.delong",
    "napari_ptx.figures.benefit", "napari_ptx.figures.radar", "napari_ptx.figures.probabilities",
    "napari_ptx.ultrasound.evaluation_figures", "napari_ptx.ultrasound.predictions_file",
)  # fmt: skip


class ComparisonDock(Dock):
    """Compares the models of the open predictions table, outside blinded sessions only.

    What takes a while (intervals, bands) is computed in a child process and kept for
    each split; a threshold that is set on the ROC curve is shared through the hub.
    """

    NAME = "Comparison"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._shown: Predictions | None = None
        self._known: dict[Any, Any] = {}  # what was computed, by what it was computed of
        self._asked: Any = None
        self._folder: Path | None = None
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setStyleSheet("font-weight: bold;")
        self._note = hint()
        self._sentence = hint()
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page = ComparisonPage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self.page)
        self.open_button = button("Open…", "Open another table of predictions")
        self.copy_button = button("Copy", "Copy the measures as a table")
        self.csv_button = button("CSV…", "Save the measures of this split with all intervals")
        self.figure_button = button("Figure…", "Save this figure as SVG, PNG or PDF")
        self.worker = JobBar(quiet=True)
        self.saver = JobBar()
        self._lay_out()

        self.primary.clicked.connect(self._primary_clicked)
        self.open_button.clicked.connect(self.choose_table)
        self.copy_button.clicked.connect(self.copy)
        self.csv_button.clicked.connect(self._choose_csv)
        self.figure_button.clicked.connect(self._choose_figure)
        self.page.split_changed.connect(self._threshold_changed)
        self.page.picked.connect(self._compute)
        self.page.threshold_chosen.connect(self.hub.set_threshold)
        self.page.reset_wanted.connect(self.hub.reset_thresholds)
        self.page.row_opened.connect(self.hub.show_prediction)
        self.worker.finished.connect(self._computed)
        self.worker.stopped.connect(self._not_computed)
        self.saver.finished.connect(self._saved)
        self.saver.running_changed.connect(self._update_buttons)
        # Seen or not: a hidden dock, too, has to forget its figures before a reader begins.
        self.hub.predictions_changed.connect(self._table_changed)
        self.hub.threshold_changed.connect(self._threshold_changed)
        self.hub.desk_changed.connect(self._table_changed)
        self._say(EMPTY)
        _load_ahead()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._name, 1)
        top.addWidget(self.open_button)
        bottom = QHBoxLayout()
        for part in (self.copy_button, self.csv_button, self.figure_button):
            bottom.addWidget(part)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(top)
        layout.addWidget(self._note)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.worker)
        layout.addWidget(self.saver)
        layout.addLayout(bottom)

    # What is shown

    def refresh(self) -> None:
        """Show the open table, or say what to do next."""
        predictions = self.hub.predictions
        if self.hub.blinded:
            self._forget()
            self._say(BLIND)
        elif predictions is None:
            self._forget()
            self._say(EMPTY)
        elif predictions is not self._shown:
            self._forget()
            self._shown = predictions
            path = predictions.path
            self._name.setText(f"{path.parent.name}/{path.name}")
            self._name.setToolTip(str(path))
            self._note.setText(predictions.note)
            self._pages.setCurrentWidget(self.page)
            self.page.show_predictions(predictions, self.hub.threshold_overrides)
            self._compute()
        self._update_buttons()

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self.page.dark = self.theme.type == "dark"
        self.page.background = colour(self.theme, "background")
        self.page.recolour()

    def _say(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self._pages.setCurrentWidget(self._sentence)
        self._name.clear()
        self._note.clear()
        self._update_buttons()

    def _forget(self) -> None:
        if self._shown is not None:
            self._shown = None
            self._known.clear()
            self.worker.cancel()
            self.saver.cancel()
            self.page.clear()

    def _update_buttons(self, *_: Any) -> None:
        shown = self._shown is not None
        for part in (self.copy_button, self.csv_button, self.figure_button, self.open_button,
                     self._name):  # fmt: skip
            part.setVisible(shown)
        self._note.setVisible(shown and bool(self._note.text()))
        self.primary.setVisible(not self.hub.blinded)
        if shown:
            self.primary.setText("Save all…")
            self.primary.setToolTip("Write every table and figure into a folder (Enter)")
        else:
            self.primary.setText("Open a predictions table…")
            self.primary.setToolTip("Choose a table of predictions (Enter)")
        self.primary.setEnabled(not self.saver.running)

    def _primary_clicked(self) -> None:
        if self._shown is None:
            self.choose_table()
        else:
            self._choose_folder()

    def choose_table(self) -> None:
        """Ask for a table and open it."""
        start = settings.study_folder() if self._shown is None else self._shown.path.parent
        path, _ = QFileDialog.getOpenFileName(self, "Open predictions", str(start), TABLES)
        if path:
            self.hub.open_predictions(path)

    def _table_changed(self) -> None:
        if self.hub.predictions is not self._shown:
            self._forget()
        if self.isVisible():
            self.refresh()

    def _threshold_changed(self) -> None:
        if self._shown is not None:
            self.page.set_thresholds(self.hub.threshold_overrides)
            self._compute()

    # Computing

    @property
    def settled(self) -> bool:
        """Whether everything that the page shows has been computed."""
        return not self.worker.running and not self._missing()

    def _compute(self) -> None:
        """Show what is known of the split, and have the child compute what is not."""
        self._show_known(redraw=True)
        self._ask()

    def _numbers(self) -> tuple[Any, ...]:
        """Name the intervals that the page shows, by what they depend on."""
        moved = tuple(sorted(self.hub.threshold_overrides.items()))
        return "numbers", self.page.split.currentData(), moved

    def _bands(self) -> tuple[Any, ...]:
        return "bands", self.page.split.currentData(), self.page.by_patient

    def _show_known(self, *, redraw: bool) -> None:
        numbers = self._known.get(self._numbers())
        split = self.page.split.currentData()
        # Calibration does not depend on thresholds.
        other = (value for key, value in self._known.items() if key[:2] == ("numbers", split))
        self.page.show_known(
            numbers or next(other, None),
            None if numbers is None else numbers.metrics,
            self._known.get(self._bands()),
            redraw=redraw,
        )

    def _missing(self) -> list[tuple[Any, ...]]:
        """List what the page shows and is not computed yet, the most urgent first."""
        if self._shown is None or not self.page.usable:
            return []
        wanted = [self._numbers()] + [self._bands()] * (self.page.kind == "roc")
        return [key for key in wanted if key not in self._known]

    def _ask(self) -> None:
        """Compute the first thing that is missing; the next follows when it is there."""
        missing = self._missing()
        if self._shown is None or not missing or self.worker.running:
            return
        self._asked = missing[0]
        if self._asked[0] == "numbers":
            moved = self._shown.with_thresholds(self.hub.threshold_overrides, BY_HAND)
            self.worker.start(
                "numbers", "Computing intervals", "napari_ptx.docks.comparison_tasks:numbers",
                moved, self._asked[1],
            )  # fmt: skip
        else:
            self.worker.start(
                "bands", "Computing the bands", "napari_ptx.docks.comparison_tasks:bands",
                self.page.here, self._asked[2],
            )  # fmt: skip

    def _computed(self, kind: str, value: Any) -> None:
        if self._shown is None:
            return
        self._known[self._asked] = value
        seen = self.page.kind == ("roc" if kind == "bands" else "calibration")
        self._show_known(redraw=seen and self._asked[1] == self.page.split.currentData())
        self._ask()

    def _not_computed(self, _: str, sentence: str) -> None:
        if sentence:
            show_warning(sentence)

    # Out

    def copy(self) -> None:
        """Copy the measures to the clipboard."""
        QApplication.clipboard().setText(self.page.table.text())
        show_info("Copied.")

    def save_csv(self, path: Path) -> None:
        """Save the measures of this split, with all intervals that are known."""
        known = self._known.get(self._numbers())
        if known is None:
            show_warning("The intervals are still being computed; try it again in a moment.")
            return
        try:
            known.metrics.assign(split=known.split).to_csv(path, index=False, encoding="utf-8-sig")
        except OSError as error:
            show_error(f"The measures cannot be written to {path}: {error.strerror}.")
        else:
            show_info(f"Measures written to {path}.")

    def save_figure(self, path: Path) -> None:
        """Save the present figure for print: light, whatever the theme."""
        split = str(self.page.split.currentData()).capitalize()
        save_shown(self.page.figure(label=split), path)

    def save_all(self, folder: Path) -> None:
        """Write every table and figure, of all splits, into a folder."""
        if self._shown is not None and not self.saver.running:
            self._folder = folder
            moved = self._shown.with_thresholds(self.hub.threshold_overrides, BY_HAND)
            self.saver.start("save", "Writing tables and figures",
                             "napari_ptx.docks.comparison_tasks:save", moved, folder)  # fmt: skip

    def _saved(self, _: str, count: int) -> None:
        show_info(f"{count} files written to {self._folder}.")

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Write tables and figures into a folder")
        if folder:
            self.save_all(Path(folder))

    def _choose_csv(self) -> None:
        text, _ = QFileDialog.getSaveFileName(
            self, "Save the measures", "metrics.csv", "CSV (*.csv)"
        )
        if text:
            self.save_csv(Path(text) if Path(text).suffix else Path(f"{text}.csv"))

    def _choose_figure(self) -> None:
        start = f"{self.page.kind}.svg"
        text, kind = QFileDialog.getSaveFileName(self, "Save the figure", start, FIGURES)
        if text:
            path = Path(text)
            if path.suffix.lower() not in (".svg", ".png", ".pdf"):
                path = path.with_name(f"{path.name}.{kind[:3].lower()}")
            self.save_figure(path)


@cache
def _load_ahead() -> threading.Thread:
    """Import what the figures need while the user is looking for a table."""
    thread = threading.Thread(target=_load, name="load figures", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
