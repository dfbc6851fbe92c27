"""What the gland board's tab is made of: pickers, the cells, the numbers, the buttons."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.gland_forms import GlandForm
from napari_ptx.docks.gland_grid import GlandGrid
from napari_ptx.docks.gland_results import GlandResults
from napari_ptx.docks.gland_tab import GlandTab, score_box
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import button, combo, hint

_SAID = 36


class BoardPage(GlandTab):
    """The widgets of the board and where they lie; ``GlandBoard`` gives them life."""

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self.back = button("‹", "The patient before (Page up)")
        self.on = button("›", "The next patient (Page down)")
        self.patient = QLabel()
        self.patient.setTextFormat(Qt.TextFormat.PlainText)
        self.patient.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.more = button("Columns", "Add, rename or remove a finder; add an ectopic site")
        self.rule = combo("Model's column", "Which candidates the model's column counts, by slot")
        self.rule.addItem("score ≥", "score")
        self.rule.addItem("accepted", "accepted")
        self.threshold = score_box("Threshold of the model's column")
        self.basis = combo("Truth by", "What your decisions in the truth column rest on")
        self.basis.addItem("surgery", "surgery")
        self.basis.addItem("pathology", "pathology")
        self.form = GlandForm()
        self.grid = GlandGrid()
        self.said = QLabel()
        self.notes = hint()
        self.results = GlandResults()
        self.job = JobBar()
        self.worker = JobBar(quiet=True, patience=8.0)
        self.import_button = button(
            "Import readings", "Write readings.csv, which lies beside the cohort, into the record"
        )
        self.copy_button = button("Copy", "Copy the table below the board")
        self.csv_button = button("CSV…", "Save the table of this tab, with all digits")
        self.figure_button = button("SVG…", "Save the UpSet figure as SVG, PNG or PDF")
        self.export_button = button(
            "Export…", "Write readings.csv, as 'ct evaluate --readings' takes it; without "
            "the model, whose candidates are matched there",
        )  # fmt: skip
        self._menu()
        self._lay_out()

    def _menu(self) -> None:
        menu = QMenu(self)
        menu.addAction("Add finder…", self.form.ask_add)
        self.rename_action = menu.addAction("Rename column…")
        self.remove_action = menu.addAction("Remove column…")
        menu.addSeparator()
        menu.addAction("Add ectopic site…", self.form.ask_site)
        self.more.setMenu(menu)

    def _lay_out(self) -> None:
        for part in (self.back, self.on):
            part.setFixedWidth(28)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        self.said.setFixedHeight(_SAID)  # two lines: what is below does not move
        self.said.setAlignment(Qt.AlignmentFlag.AlignTop)
        for box in (self.rule, self.basis):
            box.setMinimumContentsLength(5)
        lines = []
        for parts in (
            (self.back, self.patient, self.on, QLabel("Truth"), self.basis),
            (QLabel("Model"), self.rule, self.threshold, self.more),
            (self.copy_button, self.csv_button, self.figure_button),
        ):
            line = QHBoxLayout()
            line.setSpacing(4)
            for part in parts:
                line.addWidget(part, int(part in (self.patient, self.rule)))
            lines.append(line)
        lines[2].addStretch(1)
        last = QHBoxLayout()
        last.addWidget(self.import_button)
        last.addStretch(1)
        last.addWidget(self.export_button)
        upper = QWidget()
        above = QVBoxLayout(upper)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(4)
        above.addWidget(self.grid, 1)
        above.addWidget(self.said)
        parts = self.parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(upper)
        parts.addWidget(self.results)
        parts.setStretchFactor(0, 0)
        parts.setStretchFactor(1, 1)
        parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(lines[0])
        layout.addLayout(lines[1])
        layout.addWidget(self.form)
        layout.addWidget(parts, 1)
        layout.addWidget(self.notes)
        layout.addWidget(self.job)
        layout.addWidget(self.worker)
        layout.addLayout(lines[2])
        layout.addLayout(last)
