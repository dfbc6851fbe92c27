"""The Agreement dock: how far the readers agree, and on which case they do not."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from napari_ptx.docks.agreement_page import AgreementPage
from napari_ptx.docks.comparing import ComparedCase
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, colour, hint
from napari_ptx.docks.plot import save_shown
from napari_ptx.figures import colours

if TYPE_CHECKING:
    from napari import Viewer

    from napari_ptx.docks.tasks import ShownCase
    from napari_ptx.study.agreement import Agreement

FIGURE_FILES = "SVG (*.svg);;PNG (*.png)"


class AgreementDock(Dock):
    """Compares the finished readings of the open study, outside blinded sessions only.

    The comparison is computed in a child process when the dock is first seen, kept
    while the record stays as it is, and computed again when it has changed.
    """

    NAME = "Agreement"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.result: Agreement | None = None
        self.compared = ComparedCase(self.viewer)
        self._stale = True
        self._folder: Path | None = None
        self._wanted = ""  # the case to open when the one being read is there
        self._sentence = hint()
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page = AgreementPage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self.page)
        self.job = JobBar()
        self.loader = JobBar(quiet=True, shares=self.job)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setToolTip("The outlines on the image; the triangle replays a reading")
        self.legend.linkActivated.connect(self._replay_wanted)
        self.copy_button = _button("Copy", "Copy the result and its values as a table")
        self.save_button = _button("Save all…", "Write all tables and figures into a folder")
        self.figure_button = _button("Figure…", "Save this figure as SVG or PNG")

        bottom = QHBoxLayout()
        for button in (self.copy_button, self.save_button, self.figure_button):
            bottom.addWidget(button)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.legend)
        layout.addWidget(self.job)
        layout.addWidget(self.loader)
        layout.addLayout(bottom)

        self.primary.clicked.connect(self._primary_clicked)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self._choose_folder)
        self.figure_button.clicked.connect(self._choose_figure)
        self.page.case_chosen.connect(self.open_case)
        self.page.aided.toggled.connect(self._aided_toggled)
        self.job.finished.connect(self._job_finished)
        self.job.stopped.connect(self._job_stopped)
        self.loader.finished.connect(self._case_read)
        self.loader.stopped.connect(self._case_not_read)
        # Seen or not: a hidden dock, too, has to take its outlines away from a reader.
        self.hub.study_changed.connect(self._record_changed)
        self.hub.desk_changed.connect(self._record_changed)
        self._show("")

    # What is shown

    def refresh(self) -> None:
        """Show the agreement of the open study, and compute it where it is not known."""
        if self.hub.blinded:
            self._show(
                "Agreement is hidden while a reader is at work, and comes back when the session "
                "ends."
            )
        elif self.hub.study is None:
            self._show("Open a study first; then this compares its readers.")
        elif self._stale:
            self.compute()
        elif self.result is not None:
            self._show_result()

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self.page.dark = self.theme.type == "dark"
        self.page.background = colour(self.theme, "background")
        if self.result is not None:
            self.page.redraw()

    def _show(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self._pages.setCurrentWidget(self._sentence)
        self._update_buttons()

    def _show_result(self) -> None:
        self._pages.setCurrentWidget(self.page)
        self._update_buttons()

    def _update_buttons(self) -> None:
        shown = self._pages.currentWidget() is self.page
        for button in (self.copy_button, self.save_button, self.figure_button):
            button.setVisible(shown)
        self.legend.setVisible(shown and bool(self.compared.case))
        able = not self.job.running
        if self.hub.blinded:
            self.primary.setVisible(False)
            return
        self.primary.setVisible(True)
        if self.hub.study is None:
            text, tip = "Show the Study dock", "Open or make a study there (Enter)"
        elif shown:
            case = self.page.table.case or next(iter(self.page.table.cases()), "")
            text, tip = "Show case", f"Open {case} with both outlines (Enter)"
            able = able and bool(case)
        else:
            text, tip = "Compare the readings", "Compute the agreement (Enter)"
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(able)

    def _primary_clicked(self) -> None:
        if self.hub.study is None:
            self.hub.show("Study")
        elif self._pages.currentWidget() is self.page:
            self.open_case(self.page.table.case or self.page.table.cases()[0])
        else:
            self.compute()

    # Computing

    def compute(self) -> None:
        """Compare the readings in a child process."""
        if self.hub.study is None or self.hub.blinded or self.job.running:
            return
        self._stale = False
        self._show("Comparing the readings.")
        self.job.start("compare", "Comparing the readings", "napari_ptx.docks.tasks:compare",
                       self.hub.study.path, self._aided)  # fmt: skip
        self._update_buttons()

    @property
    def _aided(self) -> bool:
        """Whether the readings with the model's outline are compared."""
        study = self.hub.study
        with_model = study is not None and study.protocol.design == "aided"
        self.page.aided.setVisible(with_model)
        return with_model and self.page.aided.isChecked()

    def _job_finished(self, name: str, value: Any) -> None:
        if name == "save":
            show_info(f"{value} files written to {self._folder}.")
        else:
            self._computed(value)
        self._update_buttons()

    def _computed(self, result: Agreement) -> None:
        self.result = result
        self.page.show_result(result)
        if self._stale:  # the record has changed meanwhile
            self.compute()
        else:
            self._show_result()

    def _job_stopped(self, name: str, sentence: str) -> None:
        if name == "compare":
            self._show(sentence or "Cancelled.")
            # The tick is hidden with the page: the next try is without the model.
            with QSignalBlocker(self.page.aided):
                self.page.aided.setChecked(False)
        self._update_buttons()

    def _aided_toggled(self, _: bool) -> None:
        self._record_changed()
        self.compute()

    def _record_changed(self) -> None:
        self._stale = True
        self.result = None
        self._wanted = ""
        self.job.cancel()
        self.loader.cancel()
        self.compared.clear()
        self._show("")

    # One case

    def open_case(self, case: str) -> None:
        """Show a case with both outlines in the viewer."""
        if self.hub.study is None or self.hub.blinded or not case:
            return
        self.page.mark(case)
        self._update_buttons()
        self._wanted = case
        if not (self.loader.running or self.job.running):
            self._read_wanted()

    def _read_wanted(self) -> None:
        assert self.hub.study is not None
        self.loader.start(
            self._wanted, f"Opening case {self._wanted}", "napari_ptx.docks.tasks:show_case",
            self.hub.study.path, self._wanted, self.page.labels, self._aided,
        )  # fmt: skip

    def _case_read(self, case: str, shown: ShownCase) -> None:
        if case != self._wanted:
            self._read_wanted()
            return
        labels = self.page.labels
        tones = self._colours(labels)
        self.compared.show(shown, tones)
        self.legend.setText(
            # One line where there is room; else it breaks between the outlines.
            "&ensp; ".join(
                [
                    f"<b>{escape(case)}</b>",
                    *(
                        f"<span style='color: {tone}'>■</span>&nbsp;"
                        f"{escape(label).replace(' ', '&nbsp;')}&nbsp;"
                        f"<a href='{escape(label)}' style='color: {tone};"
                        " text-decoration: none'>▶</a>"
                        for label, tone in tones.items()
                    ),
                ]
            )
        )
        self._update_buttons()

    def _colours(self, labels: tuple[str, str]) -> dict[str, str]:
        """Give each outline its reader's colour; two rounds of one reader get two."""
        assert self.hub.study is not None
        # Ultrasound is dark, whatever the theme of the window.
        known = colours(self.hub.study.readers, "dark")
        tones = {label: known.get(label.rpartition(", round ")[0], "") for label in labels}
        return tones if len(set(tones.values())) == 2 else colours(labels, "dark")

    def _case_not_read(self, case: str, sentence: str) -> None:
        if sentence:
            self.compared.clear()
            self.legend.setText(sentence)
            self.legend.show()

    def _replay_wanted(self, label: str) -> None:
        """Replay the reading of the case that is shown whose triangle was clicked."""
        reader, _, round_ = label.rpartition(", round ")
        self.hub.show_replay(reader, int(round_), self.compared.case)

    # Out

    def copy(self) -> None:
        """Copy what is picked to the clipboard."""
        QApplication.clipboard().setText(self.page.text())
        show_info("Copied.")

    def save_all(self, folder: Path) -> None:
        """Write every table and figure of the agreement into a folder."""
        if self.result is not None and not self.job.running:
            self._folder = folder
            self.job.start("save", "Writing tables and figures", "napari_ptx.docks.tasks:save",
                           self.result, folder)  # fmt: skip

    def save_figure(self, path: Path) -> None:
        """Save the present figure for print: light, whatever the theme."""
        save_shown(self.page.figure(dark=False), path)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Write tables and figures into a folder")
        if folder:
            self.save_all(Path(folder))

    def _choose_figure(self) -> None:
        text, kind = QFileDialog.getSaveFileName(
            self, "Save the figure", "agreement.svg", FIGURE_FILES
        )
        if text:
            path = Path(text)
            if path.suffix.lower() not in (".svg", ".png"):
                path = path.with_name(path.name + (".png" if "png" in kind else ".svg"))
            self.save_figure(path)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
