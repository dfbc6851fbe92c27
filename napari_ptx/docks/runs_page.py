"""The runs of a folder: finished ones with their AUCs, stopped ones to go on with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import button, hint
from napari_ptx.docks.paths import PathEdit

EMPTY = (
    "There is no run in this folder yet. Train one on the first tab, or choose the folder "
    "that has runs."
)


class RunsPage(QWidget):
    """A list of runs, and the models of the one that is selected."""

    selected = Signal()
    opened = Signal()
    """A double click on a run."""
    folder_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[Mapping[str, Any]] = []
        self.folder = PathEdit("Folder of runs")
        self.folder.setToolTip("Where runs are kept, each in a folder of its own")
        self.table = _table("Runs", ("Run", "Trained", "Best AUC"))
        self.table.setToolTip("Select a run to see its models; double-click opens predictions")
        self.told = hint()
        self.models = _table("Models of the run", ("Model", "AUC", "95% interval"))
        self.models.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.models.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.comparison_button = button("Comparison", "Its ROC curves, tests and metrics")
        line = QHBoxLayout()
        line.addWidget(QLabel("Runs in"))
        line.addWidget(self.folder, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.comparison_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self.table, 3)
        layout.addWidget(self.told)
        layout.addWidget(self.models, 2)
        layout.addLayout(buttons)
        self.table.itemSelectionChanged.connect(self._selection_changed)
        self.table.itemDoubleClicked.connect(self._double_clicked)
        self.folder.changed.connect(self._folder_changed)
        self.show_runs([], "")

    def show_runs(self, runs: Sequence[Mapping[str, Any]], problem: str) -> None:
        """Show the runs of a folder, or what is wrong with it."""
        before = self.current
        self._runs = list(runs)
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(runs))
            for row, run in enumerate(runs):
                best = max((auc for _, auc, _ in _models(run)), default=math.nan)
                texts = (
                    str(run["name"]),
                    _day(run),
                    "stopped" if not finished(run) else _auc(best),
                )
                for place, text in enumerate(texts):
                    item = QTableWidgetItem(text)
                    item.setToolTip(str(run["folder"]))
                    self.table.setItem(row, place, item)
            self.table.clearSelection()
        self.told.setText(problem or ("" if runs else EMPTY))
        if runs:
            names = [run["folder"] for run in runs]
            known = before["folder"] if before is not None else None
            self.table.selectRow(names.index(known) if known in names else 0)
        self._selection_changed()

    def select(self, folder: Path) -> None:
        """Select a run by its folder."""
        for row, run in enumerate(self._runs):
            if Path(run["folder"]) == folder:
                self.table.selectRow(row)

    @property
    def current(self) -> Mapping[str, Any] | None:
        """The selected run."""
        row = self.table.currentRow()
        return self._runs[row] if 0 <= row < len(self._runs) else None

    @property
    def finished_runs(self) -> list[Mapping[str, Any]]:
        """The runs that can predict."""
        return [run for run in self._runs if finished(run)]

    def _selection_changed(self) -> None:
        run = self.current
        models = [] if run is None else _models(run)
        self.models.setVisible(bool(models))
        self.models.setRowCount(len(models))
        for row, (name, auc, told) in enumerate(models):
            interval = f"{_auc(_number(told, 'low'))} to {_auc(_number(told, 'high'))}"
            for place, text in enumerate((name, _auc(auc), interval)):
                item = QTableWidgetItem(text)
                item.setToolTip(
                    f"{name}, {told.get('classifier', '')}: AUC {auc:.4f} ({told.get('split', '')},"
                    f" {told.get('cases', '?')} cases; {told.get('interval', '')})"
                )
                self.models.setItem(row, place, item)
        self.comparison_button.setVisible(run is not None and finished(run))
        if run is not None:
            self.told.setText(_told(run))
        self.told.setVisible(bool(self.told.text()))
        self.selected.emit()

    def _double_clicked(self, _: QTableWidgetItem) -> None:
        self.opened.emit()

    def _folder_changed(self, _: object) -> None:
        self.folder_changed.emit()


def finished(run: Mapping[str, Any]) -> bool:
    """Tell whether a run has its models, or was stopped in training."""
    return bool(run.get("finished", True))


def _models(run: Mapping[str, Any]) -> list[tuple[str, float, Mapping[str, Any]]]:
    return [(name, _number(told, "auc"), told) for name, told in run["models"].items()]


def _number(told: Mapping[str, Any], name: str) -> float:
    value = told.get(name)
    return math.nan if value is None else float(value)


def _told(run: Mapping[str, Any]) -> str:
    """Say what the data were, how many, how they were tested, and what to mind."""
    if not finished(run):
        texts = [str(run["note"]), "It was stopped before its end; Resume goes on."]
        return "\n".join(text for text in texts if text)
    splits = dict.fromkeys(str(told["split"]) for told in run["models"].values())
    facts = [
        str(run["note"]), f"{run['cases']} cases of {run['patients']} patients", *splits,
    ]  # fmt: skip
    if run["left_out"]:
        facts.append(f"{len(run['left_out'])} cases left out")
    return "\n".join([" · ".join(fact for fact in facts if fact), *run["warnings"]])


def _auc(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _day(run: Mapping[str, Any]) -> str:
    return str(run.get("created") or "")[:16].replace("T", " ")


def _table(name: str, titles: Sequence[str]) -> QTableWidget:
    table = QTableWidget(0, len(titles))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(list(titles))
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(22)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for place in range(1, len(titles)):
        header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setMinimumHeight(70)
    return table
