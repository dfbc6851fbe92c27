"""What the Errors tab is made of: pickers, the table of mistakes, causes, counts, figures."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.ct.evaluation_figures import KINDS
from napari_ptx.docks.error_table import ErrorTable
from napari_ptx.docks.gland_tab import GlandTab, score_box
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import button, combo, hint
from napari_ptx.docks.plain_table import PlainTable
from napari_ptx.docks.plot import Plot

ALL = "all finders"


class ErrorPage(GlandTab):
    """The widgets of the tab and where they lie; ``GlandErrors`` gives them life."""

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self.evaluate_button = button("Evaluate", "Match the candidates to the labelled glands")
        self.threshold = score_box("Least score of a candidate that counts")
        self.with_readings = QCheckBox("with the board's readings")
        self.with_readings.setToolTip("Evaluate the finders of the gland board beside the model")
        self.with_readings.setChecked(True)
        self.finder = combo("Finder", "Whose mistakes are listed")
        self.kind = combo("Kind", "Which mistakes are listed")
        for text, data in (("all mistakes", ""), ("misses", "miss"),
                           ("false positives", "false positive")):  # fmt: skip
            self.kind.addItem(text, data)
        self.told = hint()
        self.table = ErrorTable()
        self.cause = combo("Cause", "The cause of the chosen mistake; its key does the same")
        self.cause_label = QLabel("Cause")
        self.chance = QCheckBox("Model's probability")
        self.chance.setToolTip("Lay the model's probability over the phases")
        self.labelled = QCheckBox("Labelled glands")
        self.labelled.setToolTip("Draw the outlines of the cohort's labels over the phases")
        self.counts = PlainTable("Counts of causes", ["Cause", "Missed", "False +"])
        self.plot = Plot("Figure of the evaluation")
        self.plot.setMinimumHeight(110)
        self.figure_kind = combo("Figure", "Which figure of the evaluation is shown")
        for kind, title in KINDS.items():
            self.figure_kind.addItem(title, kind)
        self.figure_kind.setCurrentIndex(list(KINDS).index("froc"))
        self.copy_button = button("Copy", "Copy the listed mistakes as a table")
        self.csv_button = button("CSV…", "Save the listed mistakes with their causes")
        self.causes_button = button(
            "Causes…",
            "Save causes.csv: in the folder of an evaluation, 'ct evaluate' takes it over",
        )
        self.figure_button = button("SVG…", "Save this figure as SVG, PNG or PDF")
        self.job = JobBar()
        self.reader = JobBar(quiet=True)
        self._lay_out()

    def _lay_out(self) -> None:
        for box in (self.finder, self.kind, self.cause):
            box.setMinimumContentsLength(6)
        lines = []
        for parts in (
            (self.evaluate_button, QLabel("score from"), self.threshold, None),
            (self.finder, self.kind),
            (self.cause_label, self.cause),
            (self.chance, self.labelled, None),
            (self.copy_button, self.csv_button, self.causes_button, None),
        ):
            line = QHBoxLayout()
            line.setSpacing(4)
            for part in parts:
                if part is None:
                    line.addStretch(1)
                else:
                    line.addWidget(part, int(part in (self.finder, self.kind, self.cause)))
            lines.append(line)
        upper = QWidget()
        above = QVBoxLayout(upper)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(4)
        above.addWidget(self.table, 1)
        above.addLayout(lines[2])
        above.addLayout(lines[3])
        figures = QWidget()
        column = QVBoxLayout(figures)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        chosen = QHBoxLayout()
        chosen.addWidget(self.figure_kind, 1)
        chosen.addWidget(self.figure_button)
        column.addLayout(chosen)
        column.addWidget(self.plot, 1)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.counts, "Causes")
        self.tabs.addTab(figures, "Figures")
        parts = self.parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(upper)
        parts.addWidget(self.tabs)
        parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(lines[0])
        layout.addWidget(self.with_readings)
        layout.addLayout(lines[1])
        layout.addWidget(self.told)
        layout.addWidget(parts, 1)
        layout.addWidget(self.job)
        layout.addWidget(self.reader)
        layout.addLayout(lines[4])
