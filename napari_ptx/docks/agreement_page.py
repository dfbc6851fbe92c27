"""What the Agreement dock shows of a computed agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import agreement_plots as draw
from napari_ptx.docks import agreement_text as words
from napari_ptx.docks.case_table import CaseTable
from napari_ptx.docks.parts import hint
from napari_ptx.docks.plot import Plot

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.study.agreement import Agreement


class AgreementPage(QWidget):
    """Pickers, the result in words, three figures, and the cases by disagreement."""

    case_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._result: Agreement | None = None
        self._pairs: pd.DataFrame | None = None
        self._case = ""
        self.dark = True
        self.comparison = QComboBox()
        self.comparison.setToolTip("Which readings are compared")
        self.comparison.setAccessibleName("Comparison")
        self.measurand = QComboBox()
        self.measurand.setToolTip("What is measured on each outline")
        self.measurand.setAccessibleName("Measurand")
        self.by_patient = QCheckBox("by patient")
        self.by_patient.setToolTip(
            "Interval by a bootstrap of patients: images of one patient are not independent"
        )
        self.aided = QCheckBox("with the model")
        self.aided.setToolTip("Compare the readings with the model's outline, not those without")
        self.aided.hide()
        self.title = hint()
        self.title.setWordWrap(False)
        self.title.setToolTip("The form of the intraclass correlation, in both namings")
        self.summary = QLabel()
        self.summary.setTextFormat(Qt.TextFormat.RichText)
        self.summary.setWordWrap(True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes = hint()
        self.notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.notes.setMargin(8)
        self.background: QColor | None = None
        self.plots = {
            kind: Plot(title, scrolls=kind == "forest") for kind, title in draw.TITLES.items()
        }
        self.tabs = QTabWidget()
        for kind, title in draw.TITLES.items():
            self.tabs.addTab(self.plots[kind], title)
        self.tabs.addTab(self.notes, "Notes")
        self.table = CaseTable()
        self.table.setToolTip("The cases that the readers agree on least are on top")
        self._lay_out()
        self.comparison.currentIndexChanged.connect(self._picked)
        self.measurand.currentIndexChanged.connect(self._picked)
        self.by_patient.toggled.connect(self._picked)
        self.tabs.currentChanged.connect(self.redraw)
        self.table.opened.connect(self.case_chosen)
        for plot in self.plots.values():
            plot.picked.connect(self._dot_picked)

    def _lay_out(self) -> None:
        pickers = QHBoxLayout()
        pickers.addWidget(self.comparison, 1)
        pickers.addWidget(self.measurand, 1)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.aided)
        top.addWidget(self.by_patient)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(self.tabs)
        self._split.addWidget(self.table)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(pickers)
        layout.addLayout(top)
        layout.addWidget(self.summary)
        layout.addWidget(self._split, 1)

    # What to show

    def show_result(self, result: Agreement) -> None:
        """Show another agreement; the picked comparison and measurand stay if they can."""
        self._result = result
        rows = result.rows
        for combo, texts in (
            (self.comparison, {name: words.comparison_text(name) for name in rows["comparison"]}),
            (self.measurand, dict(zip(rows["measurand"], rows["label"], strict=True))),
        ):
            chosen = combo.currentData()
            combo.blockSignals(True)
            combo.clear()
            for data, text in texts.items():
                combo.addItem(text, data)
            combo.setCurrentIndex(max(0, combo.findData(chosen)))
            combo.blockSignals(False)
        self.by_patient.setVisible(bool(result.settings["clusters"]))
        self.notes.setText("\n\n".join(result.notes))
        self.tabs.setTabVisible(self.tabs.indexOf(self.notes), bool(result.notes))
        self._picked()

    @property
    def _kind(self) -> str | None:
        """The figure of the present tab; the notes have none."""
        place = self.tabs.currentIndex()
        return list(self.plots)[place] if place < len(self.plots) else None

    @property
    def row(self) -> Mapping[str, Any]:
        """The row of the result that is picked."""
        assert self._result is not None
        rows = self._result.rows
        mine = (rows["comparison"] == self.comparison.currentData()) & (
            rows["measurand"] == self.measurand.currentData()
        )
        return rows[mine].iloc[0].to_dict()

    @property
    def labels(self) -> tuple[str, str]:
        """The two readings that are compared ("A, round 1")."""
        return self.row["first"], self.row["second"]

    def text(self) -> str:
        """Give what is picked as tab-separated text, for the clipboard."""
        lines = [f"{key}\t{value}" for key, value in self.row.items()]
        if self._pairs is not None:
            lines += ["", self._pairs.to_csv(sep="\t", index=False)]
        return "\n".join(lines)

    def figure(self, *, dark: bool) -> Any:
        """Make the figure of the present tab, or ``None`` where there is none."""
        if self._result is None:
            return None
        kind = self._kind
        if kind is None:
            return None
        return draw.figure(kind, self._result, self._pairs, self.row, dark=dark)

    def redraw(self, *_: Any) -> None:
        """Draw the figure of the present tab anew."""
        if self._result is None or self._kind is None:
            return
        plot = self.plots[self._kind]
        plot.background = self.background
        figure = self.figure(dark=self.dark)
        if figure is not None:
            plot.show_figure(figure)
            self._ring()
        elif self._kind == "forest":
            plot.say(words.nothing_yet())
        elif self._pairs is None:
            plot.say("Choose two readers to see where they differ.")
        else:
            plot.say(words.too_few(len(self._pairs)))

    def mark(self, case: str) -> None:
        """Mark the case that the viewer shows, in the table and in the figure."""
        self._case = case
        self.table.select(case)
        self._ring()

    def _ring(self) -> None:
        kind = self._kind
        if self._pairs is None or kind in (None, "forest"):
            return
        places = list(self._pairs["case"])
        self.plots[kind].ring(places.index(self._case) if self._case in places else None)

    def _picked(self, *_: Any) -> None:
        assert self._result is not None
        row, name = self.row, self.comparison.currentData()
        overlap = self._result.overlap
        mine = overlap[overlap["comparison"] == name]
        try:
            self._pairs = self._result.pairs(name, row["measurand"])
        except KeyError:  # all readers at once: no pair of values for a case
            self._pairs = None
            self.table.setRowCount(0)
        else:
            cases = mine.merge(
                self._pairs[["case", "first", "second"]].rename(
                    columns={"first": "value_first", "second": "value_second"}
                ),
                on="case",
                how="left",
            )
            self.table.show_cases(cases, row["unit"], self._result.settings["unit"])
        by_patient = self.by_patient.isChecked()
        self.title.setText(words.title(row, by_patient=by_patient))
        lines = [words.summary(row, mine, self._result.settings, by_patient=by_patient)]
        lines += words.without_recalled(row, self._result.unrecalled)
        lines += words.outlook(row, self._result.outlook)
        self.summary.setText("<br>".join(lines))
        self.redraw()

    def _dot_picked(self, place: int) -> None:
        if self._pairs is not None and place < len(self._pairs):
            self.case_chosen.emit(str(self._pairs["case"].iloc[place]))
