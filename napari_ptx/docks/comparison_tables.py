"""The tables of the Comparison dock: the models with their measures, and changed cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "auc": ("AUC", "Area under the ROC curve"),
    "threshold": ("Thr.", "Threshold: a case is called positive at or above it"),
    "sensitivity": ("Sens", "Sensitivity: share of the positive cases that are called positive"),
    "specificity": ("Spec", "Specificity: share of the negative cases that are called negative"),
    "ppv": ("PPV", "Positive predictive value, at the share of positives in this table"),
    "npv": ("NPV", "Negative predictive value, at the share of positives in this table"),
    "accuracy": ("Acc", "Accuracy: share of all cases that are called rightly"),
    "f1": ("F1", "F1 score: harmonic mean of sensitivity and positive predictive value"),
}
"""The columns, with what they mean."""

_CHANGED = ("Case", "Model", "Prob.", "Now")
_NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class MetricsTable(QTableWidget):
    """One row for each model, with a tick that shows it in the figures and its colour."""

    ticked = Signal()

    def __init__(self) -> None:
        super().__init__(0, 1 + len(MEASURES))
        self.setAccessibleName("Models and their measures")
        _plain(self)
        self.setHorizontalHeaderLabels(["Model", *(name for name, _ in MEASURES.values())])
        self.horizontalHeaderItem(0).setToolTip("Tick the models that the figures show")
        for place, (_, tip) in enumerate(MEASURES.values(), 1):
            self.horizontalHeaderItem(place).setToolTip(tip)
        self.setIconSize(QSize(22, 10))
        height = 2 * self.fontMetrics().lineSpacing() + 8
        self.verticalHeader().setDefaultSectionSize(height)
        self.verticalHeader().setMinimumSectionSize(height)
        self.itemChanged.connect(self._changed)

    def show_models(self, models: Sequence[str], looks: Mapping[str, tuple[str, bool]]) -> None:
        """List the models, all ticked; ``looks``: the colour, and whether it is dashed."""
        with QSignalBlocker(self):
            self.setRowCount(len(models))
            for row, name in enumerate(models):
                item = QTableWidgetItem(name)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled
                    | Qt.ItemFlag.ItemIsUserCheckable
                    | Qt.ItemFlag.ItemIsSelectable
                )
                item.setCheckState(Qt.CheckState.Checked)
                self.setItem(row, 0, item)
        self.colour(looks)

    def colour(self, looks: Mapping[str, tuple[str, bool]]) -> None:
        """Put each model's line before its name."""
        with QSignalBlocker(self):
            for row in range(self.rowCount()):
                item = self.item(row, 0)
                item.setIcon(_line(*looks[item.text()]))

    def models(self) -> tuple[str, ...]:
        """Give the ticked models."""
        return tuple(
            self.item(row, 0).text()
            for row in range(self.rowCount())
            if self.item(row, 0).checkState() == Qt.CheckState.Checked
        )

    def show_values(
        self,
        values: pd.DataFrame | None,
        thresholds: Mapping[str, float],
        rules: Mapping[str, str],
        moved: Sequence[str],
        limits: pd.DataFrame | None,
        *,
        clustered: bool,
    ) -> None:
        """Fill in the measures; a second line has the interval where it is known.

        Parameters
        ----------
        values
            Models x measures, or ``None`` where there are too few cases.
        thresholds, rules
            Of each model; NaN where rows have their own.
        moved
            The models whose threshold was set by hand.
        limits
            ``Assessment.metrics`` of these thresholds, or ``None`` while it is computed.
        clustered
            Which of its intervals are shown.
        """
        with QSignalBlocker(self):
            for row in range(self.rowCount()):
                name = self.item(row, 0).text()
                for place, measure in enumerate(MEASURES, 1):
                    if measure == "threshold":
                        value, tip = thresholds[name], rules[name]
                        text = "by row" if math.isnan(value) else amount(value)
                        item = QTableWidgetItem(f"{text} ✎" if name in moved else text)
                    elif values is None:
                        item, tip = QTableWidgetItem("–"), ""
                    else:
                        text = amount(values.loc[name, measure])
                        line, tip = _interval(limits, name, measure, clustered)
                        item = QTableWidgetItem(f"{text}\n{line}" if line else text)
                    item.setToolTip(f"{name}, {MEASURES[measure][0]}\n{tip}".strip())
                    item.setTextAlignment(_NUMBERS)
                    self.setItem(row, place, item)
        self.resizeColumnsToContents()

    def text(self) -> str:
        """Give the table as tab-separated text."""
        head = ["Model", *(name for name, _ in MEASURES.values())]
        rows = [
            [
                self.item(row, column).text().replace("\n", " [").replace(" ✎", "")
                + ("]" if "\n" in self.item(row, column).text() else "")
                for column in range(self.columnCount())
            ]
            for row in range(self.rowCount())
        ]
        return "\n".join("\t".join(line) for line in [head, *rows])

    def _changed(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.ticked.emit()


class ChangedTable(QTableWidget):
    """The cases whose verdict is another one since a threshold was set by hand."""

    opened = Signal(int)
    """The row of the predictions table that is to be shown."""

    def __init__(self) -> None:
        super().__init__(0, len(_CHANGED))
        self.setAccessibleName("Cases that change side")
        _plain(self)
        self.setHorizontalHeaderLabels(_CHANGED)
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().setStretchLastSection(True)
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)

    def show_cases(self, cases: Sequence[tuple[int, str, str, float, str, bool]]) -> None:
        """List cases: row of the table, case, model, probability, verdict, whether right."""
        self.setRowCount(len(cases))
        for place, (row, case, model, probability, verdict, right) in enumerate(cases):
            said = f"{verdict}, {'right' if right else 'wrong'}"
            for column, text in enumerate((case, model, amount(probability), said)):
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, row)
                item.setToolTip(f"{case}: {model} now says {said}. Click to see the case.")
                if column == 2:
                    item.setTextAlignment(_NUMBERS)
                self.setItem(place, column, item)
        self.resizeColumnsToContents()

    def _clicked(self, item: QTableWidgetItem) -> None:
        self.opened.emit(int(item.data(Qt.ItemDataRole.UserRole)))


def amount(value: float) -> str:
    """Write a share or a threshold with three digits; "–" where it is undefined."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def _interval(
    limits: pd.DataFrame | None, model: str, measure: str, clustered: bool
) -> tuple[str, str]:
    """Give the second line of a cell and its tooltip with every interval."""
    if limits is None:
        return "", "The interval is being computed."
    mine = limits[(limits["model"] == model) & (limits["measure"] == measure)].iloc[0]
    kinds = {
        "": "DeLong" if measure == "auc" else "exact",
        "wilson_": "Wilson",
        "cluster_": "by patient",
    }
    known = {
        prefix: (mine[f"{prefix}low"], mine[f"{prefix}high"])
        for prefix in kinds
        if not math.isnan(mine[f"{prefix}low"])
    }
    tips = [f"{kinds[prefix]}: {low:.3f} to {high:.3f}" for prefix, (low, high) in known.items()]
    shown = known.get("cluster_" if clustered else "")
    return ("" if shown is None else f"{shown[0]:.2f}–{shown[1]:.2f}"), "\n".join(tips)


def _plain(table: QTableWidget) -> None:
    table.verticalHeader().hide()
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    table.horizontalHeader().setHighlightSections(False)


def _line(tone: str, dashed: bool) -> QIcon:
    """Draw a short piece of a model's line."""
    picture = QPixmap(22, 10)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    pen = QPen(QColor(tone), 3)
    if dashed:
        pen.setDashPattern([2.0, 1.0])
    painter.setPen(pen)
    painter.drawLine(1, 5, 21, 5)
    painter.end()
    return QIcon(picture)
