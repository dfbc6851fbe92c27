"""What leaves the Errors tab: the table, the causes, the figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_ptx.docks.plot import save_shown
from napari_ptx.errors import PtxError
from napari_ptx.report.gland_causes import merged_causes, write_causes

if TYPE_CHECKING:
    from napari_ptx.docks.gland_errors import GlandErrors


class ErrorOut(QObject):
    """Copies and saves what the tab shows."""

    def __init__(self, page: GlandErrors) -> None:
        super().__init__(page)
        self._page = page

    def table(self) -> Any:
        """Give the listed mistakes with their causes, and who set them when."""
        page = self._page
        causes = [page.causes[place] for place in page.listed]
        return page.mistakes.iloc[page.listed].assign(
            cause=[one.code for one in causes],
            cause_by=[one.who for one in causes],
            cause_at=[one.at for one in causes],
        )

    def copy(self, *_: Any) -> None:
        """Copy the listed mistakes."""
        if self._page.listed:
            QApplication.clipboard().setText(self.table().to_csv(sep="\t", index=False))
            show_info("Copied.")

    def save_csv(self, path: Path) -> None:
        """Save the listed mistakes."""
        try:
            self.table().to_csv(path, index=False, encoding="utf-8-sig")
        except OSError as error:
            show_error(f"The table cannot be written to {path}: {error.strerror}.")
        else:
            show_info(f"Table written to {path}.")

    def save_causes(self, path: Path) -> None:
        """Save all causes of the record, as an evaluation takes them over."""
        try:
            table = merged_causes(self._page.desk.record, path)
            write_causes(path, table)
        except PtxError as error:
            show_error(str(error))
        else:
            show_info(f"{len(table)} causes written to {path}.")

    def save_figure(self, path: Path) -> None:
        """Save the figure for print: light, whatever the theme."""
        note = str(self._page.desk.predictions.about.get("note") or "")
        save_shown(self._page.figure(note=note), path)

    def choose_csv(self, *_: Any) -> None:
        """Ask where to save the table."""
        self._choose("Save the mistakes", "mistakes_reviewed.csv", "CSV (*.csv)", self.save_csv)

    def choose_causes(self, *_: Any) -> None:
        """Ask where to save the causes."""
        self._choose("Save the causes", "causes.csv", "CSV (*.csv)", self.save_causes)

    def choose_figure(self, *_: Any) -> None:
        """Ask where to save the figure."""
        if self._page.assessment is None:
            show_warning("Evaluate first: then there are figures.")
            return
        kinds = "SVG (*.svg);;PNG (*.png);;PDF (*.pdf)"
        name = f"{self._page.figure_kind.currentData()}.svg"
        self._choose("Save the figure", name, kinds, self.save_figure)

    def _choose(self, title: str, name: str, kinds: str, save: Any) -> None:
        out = self._page.out
        start = str(out / name) if out is not None and out.is_dir() else name
        text, kind = QFileDialog.getSaveFileName(self._page, title, start, kinds)
        if text:
            path = Path(text)
            save(path if path.suffix else path.with_name(f"{path.name}.{kind[:3].lower()}"))
