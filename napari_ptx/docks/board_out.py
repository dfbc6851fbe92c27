"""What leaves the gland board: tables, the figure, the readings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_ptx.docks.plot import save_shown
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari_ptx.docks.gland_board import GlandBoard


class BoardOut(QObject):
    """Copies and saves what the board shows."""

    def __init__(self, page: GlandBoard) -> None:
        super().__init__(page)
        self._page = page

    def copy(self, *_: Any) -> None:
        """Copy the table of the present tab."""
        table = self._page.results.table()
        if table is not None:
            QApplication.clipboard().setText(table.to_csv(sep="\t", index=False))
            show_info("Copied.")

    def save_csv(self, path: Path) -> None:
        """Save the table of the present tab."""
        table = self._page.results.table()
        if table is None:
            show_warning("There are no numbers yet.")
            return
        try:
            table.to_csv(path, index=False, encoding="utf-8-sig")
        except OSError as error:
            show_error(f"The table cannot be written to {path}: {error.strerror}.")
        else:
            show_info(f"Table written to {path}.")

    def save_figure(self, path: Path) -> None:
        """Save the UpSet figure for print: light, whatever the theme."""
        note = str(self._page.desk.predictions.about.get("note") or "") if self._page.board else ""
        said = self._page.board.rule.sentence if self._page.board else ""
        save_shown(self._page.results.figure(note=note, said=said), path)

    def save_readings(self, path: Path) -> None:
        """Export the board as a table of readings."""
        from napari_ptx.report.gland_readings import export, write_readings

        if self._page.board is None:
            return
        try:
            exported = export(self._page.board)
            write_readings(path, exported)
        except PtxError as error:
            show_error(str(error))
            return
        show_info(f"{len(exported.readings)} rows written to {path}.")
        if exported.notes:
            show_warning(" ".join(exported.notes))

    def choose_csv(self, *_: Any) -> None:
        """Ask where to save the table."""
        self._choose("Save the table", "board.csv", "CSV (*.csv)", self.save_csv)

    def choose_figure(self) -> None:
        """Ask where to save the figure."""
        kinds = "SVG (*.svg);;PNG (*.png);;PDF (*.pdf)"
        self._choose("Save the figure", "upset.svg", kinds, self.save_figure)

    def choose_export(self, *_: Any) -> None:
        """Ask where to write the readings."""
        self._choose("Export readings", "readings.csv", "CSV (*.csv)", self.save_readings)

    def _choose(self, title: str, name: str, kinds: str, save: Any) -> None:
        start = name if self._page.desk.folder is None else str(self._page.desk.folder / name)
        text, kind = QFileDialog.getSaveFileName(self._page, title, start, kinds)
        if text:
            path = Path(text)
            save(path if path.suffix else path.with_name(f"{path.name}.{kind[:3].lower()}"))
