"""What the Comparison dock shows of a predictions table: six figures and the measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.comparison_tables import ChangedTable, MetricsTable, amount
from napari_ptx.docks.parts import button, combo, fill
from napari_ptx.docks.plot import Plot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_ptx.stats import RocBand
    from napari_ptx.ultrasound import Predictions
    from napari_ptx.ultrasound.evaluation import Assessment

TITLES = {
    "roc": ("ROC", "Receiver operating characteristic: click a curve to set its threshold"),
    "radar": ("Radar", "All measures of each model"),
    "delong": ("DeLong", "Is the difference of two areas more than chance?"),
    "calibration": ("Calib.", "Calibration: are the probabilities right?"),
    "decision": ("DCA", "Decision curve: net benefit of acting on each model"),
    "probabilities": ("Probs", "Probabilities: where the cases of either class lie"),
}
"""The figures (``ultrasound.evaluation_figures``), their tabs and tooltips."""

_ROC_REACH = 14  # pixels from a corner of a curve
_READOUT = 38
_HINT = "Click a curve to set that model's threshold."
BY_HAND = "set by hand"
"""The rule of a threshold that was set in the dock."""


class ComparisonPage(QWidget):
    """Pickers, six figures, the models with their measures, and the cases that change side."""

    split_changed = Signal()
    picked = Signal()
    """Another tab, way of clustering, or set of models: other results may be wanted."""
    threshold_chosen = Signal(str, float)
    reset_wanted = Signal()
    row_opened = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.dark = True
        self.background: QColor | None = None
        self._all: Predictions | None = None
        self._here: Predictions | None = None
        self._rows = np.empty(0, dtype=np.intp)
        self._moved: tuple[str, ...] = ()
        self._why = ""
        self._assessment: Assessment | None = None
        self._limits: pd.DataFrame | None = None
        self._bands: Mapping[str, RocBand] | None = None
        self._corners: pd.DataFrame | None = None
        self.split = combo("Split", "Which rows are compared")
        self.clusters = combo(
            "Clusters", "Rows of one patient are not independent: count patients, or each row"
        )
        self.holm = QCheckBox("Holm")
        self.holm.setToolTip("Adjust the p values for the number of pairs")
        self.holm.setChecked(True)
        self.readout = QLabel()
        self.readout.setTextFormat(Qt.TextFormat.PlainText)
        self.readout.setWordWrap(True)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        # Always two lines: the figure does not move when the words change.
        self.readout.setFixedHeight(_READOUT)
        self.readout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.reset_button = button("Reset thresholds", "Put back the thresholds of the table")
        self.plots = {
            kind: Plot(title, scrolls=kind == "probabilities")
            for kind, (title, _) in TITLES.items()
        }
        self.plots["roc"].reach = _ROC_REACH
        self.tabs = QTabWidget()
        self.tabs.setUsesScrollButtons(True)
        for place, (kind, (title, tip)) in enumerate(TITLES.items()):
            self.tabs.addTab(self.plots[kind], title)
            self.tabs.setTabToolTip(place, tip)
        self.table = MetricsTable()
        self.changed = ChangedTable()
        self.lower = QTabWidget()
        self.lower.addTab(self.table, "Measures")
        self.lower.addTab(self.changed, "")
        self._lay_out()
        self.split.currentIndexChanged.connect(self._split_picked)
        self.clusters.currentIndexChanged.connect(self._picked)
        self.holm.toggled.connect(self.redraw)
        self.table.ticked.connect(self._picked)
        self.tabs.currentChanged.connect(self._picked)
        self.changed.opened.connect(self.row_opened)
        self.reset_button.clicked.connect(self.reset_wanted)
        self.plots["roc"].picked.connect(self._corner_picked)
        self.plots["roc"].hovered.connect(self._corner_hovered)

    def _lay_out(self) -> None:
        pickers = QHBoxLayout()
        pickers.addWidget(self.split, 1)
        pickers.addWidget(self.clusters, 1)
        below = QHBoxLayout()
        below.addWidget(self.readout, 1)
        below.addWidget(self.holm, 0, Qt.AlignmentFlag.AlignTop)
        below.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignTop)
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.tabs, 1)
        column.addLayout(below)
        self._parts = QSplitter(Qt.Orientation.Vertical)
        self._parts.addWidget(upper)
        self._parts.addWidget(self.lower)
        self._parts.setStretchFactor(0, 1)
        self._parts.setStretchFactor(1, 1)
        self._parts.setSizes([340, 200])
        self._parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(pickers)
        layout.addWidget(self._parts, 1)

    # What to show

    def show_predictions(self, predictions: Predictions, moved: Mapping[str, float]) -> None:
        """Show another table, with the thresholds that were set by hand."""
        self._all = predictions
        sizes = predictions.table["split"].value_counts()
        fill(self.split, [(f"{name}, n = {sizes[name]}", name) for name in predictions.splits])
        if "test" in predictions.splits:
            with QSignalBlocker(self.split):
                self.split.setCurrentIndex(predictions.splits.index("test"))
        self.table.show_models(predictions.models, self._looks())
        self._take_split()
        self.set_thresholds(moved)

    def set_thresholds(self, moved: Mapping[str, float]) -> None:
        """Take thresholds that were set by hand, and list the cases that change side.

        The figure and the measures follow with ``show_known``.
        """
        if self._all is None:
            return
        self._moved = tuple(name for name in self._all.models if name in moved)
        own = self._all.of(self.split.currentData())
        self._here = own.with_thresholds(moved, BY_HAND)
        self.reset_button.setVisible(bool(self._moved))
        self._list_changed(own, self._here)

    def show_known(
        self,
        assessment: Assessment | None,
        limits: pd.DataFrame | None,
        bands: Mapping[str, RocBand] | None,
        *,
        redraw: bool,
    ) -> None:
        """Show the split with what was computed of it so far.

        Parameters
        ----------
        assessment
            Of the split, at any thresholds: for calibration and notes.
        limits
            Its intervals, at the thresholds on show.
        bands
            Of the ROC curves, by patient or not, as is picked.
        redraw
            Whether the figure changes.
        """
        self._assessment, self._limits, self._bands = assessment, limits, bands
        self._fill_table()
        if redraw:
            self.redraw()
        else:
            self._tell()

    def clear(self) -> None:
        """Forget the table and its figures."""
        self._all = self._here = self._assessment = self._limits = self._bands = None
        self._corners = None
        self.table.setRowCount(0)
        self.changed.setRowCount(0)
        for plot in self.plots.values():
            plot.say("")

    @property
    def kind(self) -> str:
        """The figure of the present tab."""
        return list(TITLES)[self.tabs.currentIndex()]

    @property
    def here(self) -> Predictions | None:
        """The rows of the split on show, with the thresholds on show; all models."""
        return self._here

    @property
    def usable(self) -> bool:
        """Whether the split on show has enough cases of both classes."""
        return self._here is not None and not self._why

    @property
    def by_patient(self) -> bool:
        """Whether the results are those clustered by patient."""
        return self.clusters.currentData() is True

    def figure(self, **style: Any) -> Figure | None:
        """Draw the figure of the present tab, or ``None`` where there is none."""
        models = self.table.models()
        if self._here is None or self._why or not models:
            return None
        from dataclasses import replace

        from napari_ptx.ultrasound.evaluation_figures import draw

        known = self._assessment
        if known is not None and self._bands is not None:
            key = "cluster_bands" if self.by_patient else "bands"
            known = replace(known, **{key: dict(self._bands)})
        return draw(
            self.kind, self._here.pick(models), known, clustered=self.by_patient,
            holm=self.holm.isChecked(), among=self._here.models, **style,
        )  # fmt: skip

    def redraw(self, *_: Any) -> None:
        """Draw the figure of the present tab anew."""
        plot = self.plots[self.kind]
        self.holm.setVisible(self.kind == "delong")
        if self._here is None:
            return
        plot.background = self.background
        size = (max(3.0, plot.width() / 100.0), max(2.0, plot.height() / 100.0))
        style: dict[str, Any] = {"theme_name": "dark" if self.dark else "light", "legend": False}
        if self.kind == "roc":
            style["pickable"] = True
        if self.kind != "probabilities":
            style["size"] = size
        figure = self.figure(**style)
        self._corners = None
        if figure is None:
            plot.say(self._nothing())
        else:
            plot.show_figure(figure)
            if self.kind == "roc":
                from napari_ptx.figures import roc_table
                from napari_ptx.ultrasound.evaluation_figures import roc_curves

                self._corners = roc_table(roc_curves(self._here.pick(self.table.models())))
        self._tell()

    def recolour(self) -> None:
        """Take the theme's shades of the models' colours."""
        if self._all is not None:
            self.table.colour(self._looks())
            self.redraw()

    def _looks(self) -> dict[str, tuple[str, bool]]:
        from napari_ptx.figures.style import colours, dashes

        assert self._all is not None
        models = self._all.models
        tones, lines = colours(models, "dark" if self.dark else "light"), dashes(models)
        return {name: (tones[name], lines[name] != "-") for name in models}

    def _take_split(self) -> None:
        from napari_ptx.ultrasound.evaluation import unusable

        assert self._all is not None
        split = self.split.currentData()
        here = self._all.of(split)
        self._rows = np.flatnonzero((self._all.table["split"] == split).to_numpy())
        self._why = unusable(here)
        patients = len(set(here.clusters))
        entries: list[tuple[str, Any]] = [(f"by patient, {patients}", True)] * here.clustered
        fill(self.clusters, [*entries, ("each row by itself", False)])
        self.clusters.setEnabled(here.clustered)

    def _fill_table(self) -> None:
        if self._here is None:
            return
        from napari_ptx.ultrasound.evaluation import measures

        here = self._here
        self.table.show_values(
            None if self._why else measures(here),
            {name: here.threshold(name) for name in here.models},
            here.rules,
            self._moved,
            self._limits,
            clustered=self.by_patient,
        )

    def _list_changed(self, own: Predictions, moved: Predictions) -> None:
        before, after = own.verdicts(), moved.verdicts()
        labels, cases = own.table[own.truth] == 1, own.table["case"]
        words = {True: _class(own.positive, 1), False: _class(own.negative, 0)}
        found = [
            (
                int(self._rows[row]), str(cases[row]), name, float(own.table[name][row]),
                words[bool(after[name][row])], bool(after[name][row]) == bool(labels[row]),
            )
            for name in (() if self._why else self._moved)
            for row in np.flatnonzero((before[name] != after[name]).to_numpy())
        ]  # fmt: skip
        self.changed.show_cases(found)
        place = self.lower.indexOf(self.changed)
        self.lower.setTabText(place, f"Changed side ({len(found)})")
        self.lower.setTabToolTip(place, "Cases that a threshold set by hand calls otherwise")
        self.lower.setTabVisible(place, bool(self._moved))

    def _nothing(self) -> str:
        if self._why:
            return f"This split cannot be compared: {self._why}"
        if not self.table.models():
            return "Tick a model below."
        if self.kind == "delong":
            return "Tick two models or more to compare them."
        return "Being computed…"

    # What the user does

    def _split_picked(self, *_: Any) -> None:
        if self._all is not None:
            self._take_split()
            self.split_changed.emit()

    def _picked(self, *_: Any) -> None:
        if self._all is not None:
            self.picked.emit()

    def _corner(self, place: int) -> Mapping[str, Any] | None:
        if self._corners is None or not 0 <= place < len(self._corners):
            return None
        return self._corners.iloc[place].to_dict()

    def _corner_picked(self, place: int) -> None:
        corner = self._corner(place)
        if corner is not None:
            self.lower.setCurrentWidget(self.changed)
            self.threshold_chosen.emit(corner["model"], float(corner["threshold"]))

    def _corner_hovered(self, place: int) -> None:
        corner = self._corner(place)
        if corner is None:
            self._tell()
        else:
            self._say(
                f"{corner['model']} at {amount(corner['threshold'])}: "
                f"sens {amount(corner['tpr'])}, spec {amount(1.0 - corner['fpr'])}"
            )

    def _tell(self) -> None:
        """Say below the figure what can be done, or what the numbers must be read with."""
        notes = () if self._assessment is None else self._assessment.notes
        if self.kind != "roc":
            text = " ".join(notes[:1])
        elif self._moved and self._all is not None and self._here is not None:
            text = "; ".join(
                f"{name} at {amount(self._here.threshold(name))}, "
                f"was {_own(self._all.threshold(name))}"
                for name in self._moved
            )
        else:
            text = _HINT
        self._say(text)
        self.readout.setToolTip("\n".join([text, *notes]))

    def _say(self, text: str) -> None:
        self.readout.setText(text)


def _class(name: str, value: int) -> str:
    return name if name != str(value) else ("positive" if value else "negative")


def _own(threshold: float) -> str:
    return "its own in each row" if np.isnan(threshold) else amount(threshold)
