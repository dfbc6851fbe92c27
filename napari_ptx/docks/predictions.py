"""The Predictions dock: every case with each model's verdict against the pathology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
)

from napari_ptx.docks import keys, layers, settings
from napari_ptx.docks.comments import Comments
from napari_ptx.docks.comparing import ComparedCase
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.maps import MapOffer, offer
from napari_ptx.docks.parts import Dock, button, hint
from napari_ptx.docks.predictions_page import PredictionsPage
from napari_ptx.docks.review import Review
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    import napari.layers
    from napari import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent, QHideEvent

    from napari_ptx.docks.maps import CaseMap
    from napari_ptx.docks.tasks import ShownCase

TABLES = "Predictions (*.csv *.parquet);;All files (*)"
_SUFFIXES = (".csv", ".parquet", ".pq")
ROI = "ROI"
_SLOW_MS = 300

EMPTY = (
    "Open a table of predictions: one row per case with the pathology (label) and each "
    "model's probability. A run in the Models dock writes one; any other CSV or Parquet "
    "table will do. It may be dropped here."
)
BLIND = "Predictions are hidden while a reader is at work, and come back when the session ends."


class PredictionsDock(Dock):
    """Walks through the cases of a predictions table, outside blinded sessions only."""

    NAME = "Predictions"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.review: Review | None = None
        self.comments: Comments | None = None
        self.row: int | None = None
        """The row of the table that is shown."""
        self.compared = ComparedCase(self.viewer)
        self._maps: list[napari.layers.Layer] = []
        self._offer = MapOffer()
        self._ready: dict[int, ShownCase | str] = {}  # cases that were read, or why not
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setStyleSheet("font-weight: bold;")
        self._note = hint()
        self._sentence = hint()
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page = PredictionsPage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self.page)
        self.open_button = button("Open…", "Open another table of predictions")
        self.models_button = button("Models", "Show the Models dock, which trains and predicts")
        self.back_button = button("Previous case", "The case before in the list (K)")
        self.loader = JobBar(quiet=True)
        self.mapper = JobBar()
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_SLOW_MS)
        self._lay_out()
        self.setAcceptDrops(True)

        self.primary.clicked.connect(self._primary_clicked)
        self.open_button.clicked.connect(self.choose_table)
        self.models_button.clicked.connect(self._show_models)
        self.back_button.clicked.connect(self.previous_case)
        self.page.case_opened.connect(self.open_row)
        self.page.listed.connect(self._update_buttons)
        self.page.panel.commented.connect(self.save_comment)
        self.page.panel.cam_wanted.connect(self.show_cam)
        self.page.panel.map_wanted.connect(self.show_feature)
        self.page.panel.name.setText(settings.reviewer())
        self.page.panel.name.editingFinished.connect(self._name_given)
        self.loader.finished.connect(self._case_read)
        self.loader.stopped.connect(self._case_read)
        self.mapper.finished.connect(self._map_made)
        self.mapper.running_changed.connect(self._offer_maps)
        self._slow.timeout.connect(self._too_slow)
        # Seen or not: a hidden dock, too, has to take its case away from a reader.
        self.hub.predictions_changed.connect(self._table_changed)
        self.hub.threshold_changed.connect(self._threshold_changed)
        self.hub.desk_changed.connect(self._desk_changed)
        self.hub.prediction_wanted.connect(self.open_row)
        self.refresh()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._name, 1)
        top.addWidget(self.open_button)
        bottom = QHBoxLayout()
        bottom.addWidget(self.models_button)
        bottom.addWidget(self.back_button)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(top)
        layout.addWidget(self._note)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.loader)
        layout.addWidget(self.mapper)
        layout.addLayout(bottom)

    # What is shown

    def refresh(self) -> None:
        """Show the open table, or say what to do next."""
        if self.hub.blinded:
            self._clear()
            self._say(BLIND)
        elif self.hub.predictions is None:
            self._clear()
            self._say(EMPTY)
        elif self.review is None:
            self._show_table()
        self._update_buttons()

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self.page.restyle(self.theme)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        self.save_comment()
        super().hideEvent(event)

    def _show_table(self) -> None:
        predictions = self.hub.predictions
        assert predictions is not None
        try:
            self.comments = Comments(predictions.path)
        except PtxError as error:
            show_error(str(error))
            self.comments = None
        said = {} if self.comments is None else self.comments.latest
        self.review = Review(predictions, self.hub.threshold_overrides, said)
        self._offer = offer(predictions)
        path = predictions.path
        self._name.setText(f"{path.parent.name}/{path.name}")
        self._name.setToolTip(str(path))
        self._note.setText(predictions.note)
        self.page.show_review(self.review)
        self.page.panel.hide()
        self._pages.setCurrentWidget(self.page)
        if self.hub.wanted_row is not None:
            self.open_row(self.hub.wanted_row)

    def _say(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self._pages.setCurrentWidget(self._sentence)
        self._name.clear()
        self._note.clear()

    def _clear(self) -> None:
        """Forget the table, and take its case out of the viewer."""
        if self.review is None:
            return
        self.save_comment()
        self.review = self.comments = self.row = None
        self._slow.stop()
        self.loader.cancel()
        self.mapper.cancel()
        self._ready.clear()
        self._take_away()
        self.page.clear()

    def _take_away(self) -> None:
        self._drop_maps()
        self.compared.clear()

    def _update_buttons(self, *_: Any) -> None:
        shown = self.review is not None
        self._note.setVisible(shown and bool(self._note.text()))
        self._name.setVisible(shown)
        self.open_button.setVisible(shown)
        self.back_button.setVisible(shown)
        self.models_button.setVisible(not shown and not self.hub.blinded)
        self.primary.setVisible(not self.hub.blinded)
        if not shown:
            self.primary.setText("Open predictions…")
            self.primary.setToolTip("Choose a table of predictions (Enter)")
            self.primary.setEnabled(True)
            return
        wanted = self._next_row()
        at_hand = wanted is not None and self.row is None
        self.primary.setText("Show first case" if at_hand else "Next case")
        self.primary.setToolTip("Open its image and every verdict (Enter, J)")
        self.primary.setEnabled(wanted is not None)
        self.back_button.setEnabled(
            self.row is not None and self.page.table.neighbour(self.row, -1) is not None
        )

    # Opening a table

    def choose_table(self) -> None:
        """Ask for a table and open it."""
        known = self.hub.predictions
        start = settings.study_folder() if known is None else known.path.parent
        path, _ = QFileDialog.getOpenFileName(self, "Open predictions", str(start), TABLES)
        if path:
            self.hub.open_predictions(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: D102, N802 - Qt's name
        if not self.hub.blinded and _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: D102, N802 - Qt's name
        path = _dropped(event)
        if path is not None and not self.hub.blinded:
            event.acceptProposedAction()
            self.hub.open_predictions(path)

    def _show_models(self) -> None:
        self.hub.show("Models")

    def _table_changed(self) -> None:
        self._clear()
        if self.isVisible():
            self.refresh()

    def _desk_changed(self) -> None:
        if self.hub.blinded:
            self.refresh()

    def _threshold_changed(self) -> None:
        if self.review is None:
            return
        self.review.set_overrides(self.hub.threshold_overrides)
        self.page.list_cases()
        if self.row is not None:
            self.page.panel.bars.show_verdicts(self.review.verdicts(self.row))

    # One case

    def _primary_clicked(self) -> None:
        if self.review is None:
            self.choose_table()
        else:
            self.next_case()

    def _next_row(self) -> int | None:
        return self.page.table.neighbour(self.row, 1)

    def next_case(self) -> None:
        """Open the next case of the list."""
        self._go(self._next_row())

    def previous_case(self) -> None:
        """Open the case before in the list."""
        self._go(self.page.table.neighbour(self.row, -1))

    def _go(self, row: int | None) -> None:
        if row is not None:
            self.open_row(row)

    def open_row(self, row: int) -> None:
        """Show a row of the table: the verdicts at once, the image when it is read."""
        if self.review is None:
            return
        self.save_comment()
        self.row = row
        self._drop_maps()
        self.page.table.mark(row)
        self.page.panel.show_case(self.review, row, self._history())
        self.page.panel.tell("")
        self.page.panel.show()
        self._offer_maps()
        self._update_buttons()
        self._slow.start()
        self._show_if_ready()
        self._read_on()

    def _read_on(self) -> None:
        """Read what is wanted first: the case itself, then its neighbours."""
        if self.review is None or self.row is None or self.loader.running:
            return
        near = [self.row, self._next_row(), self.page.table.neighbour(self.row, -1)]
        wanted = [row for row in near if row is not None]
        self._ready = {row: case for row, case in self._ready.items() if row in wanted}
        for row in wanted:
            if row in self._ready:
                continue
            image = self.review.place(row, "image")
            if image:
                self.loader.start(
                    str(row), f"Opening case {self.review.case(row)}",
                    "napari_ptx.docks.tasks:show_row",
                    self.review.case(row), Path(image), self.review.place(row, "roi"), ROI,
                )  # fmt: skip
                return
            self._ready[row] = "The table names no image for this case."
            if row == self.row:
                self._show_if_ready()

    def _case_read(self, row: str, shown: ShownCase | str) -> None:
        # What is cancelled gives "": then there is nothing to show either.
        if shown:
            self._ready[int(row)] = shown
            if int(row) == self.row:
                self._show_if_ready()
            self._read_on()

    def _show_if_ready(self) -> None:
        case = None if self.row is None else self._ready.get(self.row)
        if case is None:
            return
        self._slow.stop()
        if isinstance(case, str):
            self.compared.clear()
            self.page.panel.tell(case)
            return
        self.compared.show(case, {ROI: layers.OUTLINE})
        for layer in self.compared.layers:
            keys.bind_review(layer, {"next_case": self.next_case, "back": self.previous_case})

    def _too_slow(self) -> None:
        # The picture of one case must not stand beside the verdicts on another.
        self.compared.hide()

    # Comments

    def save_comment(self) -> None:
        """Write the comment on the case that is shown, if it has changed."""
        if self.review is None or self.row is None or self.comments is None:
            return
        case = self.review.case(self.row)
        try:
            new = self.comments.add(
                case, self.page.panel.comment.text(), self.page.panel.name.text()
            )
        except PtxError as error:
            show_error(str(error))
            return
        if new:
            self.review.set_comments(self.comments.latest)
            self.page.table.cases.retell()
            self.page.panel.show_history(self._history())

    def _history(self) -> tuple[dict[str, str], ...]:
        if self.review is None or self.row is None or self.comments is None:
            return ()
        return self.comments.history(self.review.case(self.row))

    def _name_given(self) -> None:
        settings.set_reviewer(self.page.panel.name.text())

    # Maps

    def _offer_maps(self, *_: Any) -> None:
        if self.review is None or self.row is None:
            return
        offered, reason = self._offer, self._offer.reason
        if not (self.review.place(self.row, "image") and self.review.place(self.row, "roi")):
            reason = "A map needs the image and the ROI of the case, which the table does not name."
            offered = MapOffer()
        self.page.panel.offer_maps(
            offered.networks, offered.features, reason, busy=self.mapper.running
        )

    def show_cam(self, network: str) -> None:
        """Show where a network looks, as a layer over the case."""
        self._start_map("napari_ptx.docks.maps:grad_cam", f"Grad-CAM of {network}", network)

    def show_feature(self, feature: str) -> None:
        """Show a radiomics feature at every pixel, as a layer over the case."""
        self._start_map("napari_ptx.docks.maps:feature_map", f"Map of {feature}", feature)

    def _start_map(self, target: str, text: str, what: str) -> None:
        if self.review is None or self.row is None or self.mapper.running:
            return
        row = self.review.record(self.row)
        self.mapper.start(str(self.row), text, target, self._offer.run, row, what)

    def _map_made(self, row: str, made: CaseMap) -> None:
        # Whoever has gone on to another case does not want it any more.
        case = self._ready.get(int(row))
        if int(row) != self.row or self.review is None or case is None or isinstance(case, str):
            return
        if np.isnan(made.values).all():
            positive = self.review.names[1]
            show_info(f"{made.name}: nothing in case {case.case} speaks for {positive}.")
            return
        for layer in [one for one in self._maps if one.name == made.name]:
            self._maps.remove(layer)
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        layer = layers.add_map(self.viewer, made.values, case.image, name=made.name)
        self._maps.append(layer)
        keys.bind_review(layer, {"next_case": self.next_case, "back": self.previous_case})

    def _drop_maps(self) -> None:
        for layer in self._maps:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._maps.clear()


def _dropped(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """Give the one table that is being dropped, or ``None``."""
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix.lower() in _SUFFIXES else None
