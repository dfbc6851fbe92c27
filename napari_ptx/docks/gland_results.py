"""What the gland board amounts to, below it: a table of finders, one of pairs, and the UpSet."""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QTableWidgetItem, QTabWidget, QVBoxLayout, QWidget

from napari_ptx.docks.plain_table import PlainTable
from napari_ptx.docks.plot import Plot
from napari_ptx.report.gland_rows import Finder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_ptx.report.gland_numbers import BoardNumbers

FINDERS = (
    ("Finder", ""),
    ("Found", "Glands found, of those that it was used on"),
    ("Sens", "Sensitivity per gland"),
    ("exact", "95% limits of Clopper and Pearson, which take glands as independent"),
    ("by patient", "95% limits by a bootstrap of patients: their glands belong together"),
    ("alone", "Glands that it alone found, of those that all looked for"),
    ("false", "Findings where there is no gland"),
)
PAIRS = (
    ("Pair", ""),
    ("Together", "Glands that one or the other found, of those that both were used on"),
    ("2nd adds", "Glands that the second finds beyond the first"),
    ("1st adds", "Glands that the first finds beyond the second"),
    ("Difference", "Sensitivity of the first less that of the second"),
    ("by patient", "95% limits of the difference: bootstrap of patients"),
    ("McNemar", "Exact P for the same glands"),
    ("Holm", "The same, adjusted for all pairs"),
    ("Fisher", "P as papers print it, which takes the glands of the two as different ones"),
)
"""Headings and what they mean."""

_HEAVY = (
    "scipy.stats", "napari_ptx.report.gland_numbers", "napari_ptx.report.gland_board",
    "napari_ptx.figures.upset",
)  # fmt: skip
_WAIT = "…"
_LOWEST = 110  # pixels; a window of 768 has not more
_BARS_INCHES, _ROW_INCHES = 1.2, 0.2  # of the figure, at 100 dots per inch
_DRAW_MS = 150  # clicks go on while the figure waits
_NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
NOTHING = "Fill cells in, and say which glands there are: then the numbers stand here."


class GlandResults(QWidget):
    """The numbers of a board, in three tabs; the figure follows when the clicking rests."""

    tab_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.dark = True
        self.background: QColor | None = None
        self._numbers: BoardNumbers | None = None
        self.finders = PlainTable("Sensitivity of each finder", [name for name, _ in FINDERS])
        self.pairs = PlainTable("Pairs of finders", [name for name, _ in PAIRS])
        for table, heads in ((self.finders, FINDERS), (self.pairs, PAIRS)):
            for place, (_, tip) in enumerate(heads):
                table.horizontalHeaderItem(place).setToolTip(tip)
        self.plot = Plot("UpSet figure of who found which glands", scrolls=True)
        self.plot.setMinimumHeight(_LOWEST)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.finders, "Sensitivity")
        self.tabs.addTab(self.pairs, "Pairs")
        self.tabs.addTab(self.plot, "UpSet")
        for place, tip in enumerate((
            "Glands found by each modality and reader", "What two find together, and tests",
            "How many glands were found by exactly which finders",
        )):  # fmt: skip
            self.tabs.setTabToolTip(place, tip)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_DRAW_MS)
        self._later.timeout.connect(self.redraw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.tabs.currentChanged.connect(self._tab_changed)

    @property
    def numbers(self) -> BoardNumbers | None:
        """What is shown."""
        return self._numbers

    def show_numbers(self, numbers: BoardNumbers | None) -> None:
        """Show other numbers; what is still computed is "…"."""
        drawn = self._numbers
        self._numbers = numbers
        self.finders.fill([] if numbers is None else _finder_rows(numbers), _NUMBERS)
        self.pairs.fill([] if numbers is None else _pair_rows(numbers), _NUMBERS)
        same = (
            drawn is not None and numbers is not None and drawn.patterns == numbers.patterns
            and self.plot.figure is not None
        )  # fmt: skip
        if not same:
            self._later.start()

    def clear(self) -> None:
        """Forget everything."""
        self._numbers = None
        self._later.stop()
        self.finders.fill([], _NUMBERS)
        self.pairs.fill([], _NUMBERS)
        self.plot.say("")

    def redraw(self) -> None:
        """Draw the figure, if its tab is on top."""
        if self.tabs.currentWidget() is not self.plot:
            self.plot.say("")
            return
        self.plot.background = self.background
        rows = 0 if self._numbers is None else len(self._numbers.finders)
        # Names lie over each other in less; what does not fit is scrolled.
        lowest = _BARS_INCHES + _ROW_INCHES * rows
        size = (max(3.0, self.plot.width() / 100.0), max(lowest, self.plot.height() / 100.0 - 0.1))
        figure = self.figure(theme_name="dark" if self.dark else "light", size=size)
        if figure is None:
            few = self._numbers is not None and len(self._numbers.finders) == 1
            self.plot.say("Two finders or more are compared." if few else NOTHING)
        else:
            self.plot.show_figure(figure)

    def figure(self, **style: Any) -> Figure | None:
        """Draw the UpSet figure, or ``None`` where there is nothing to draw."""
        numbers = self._numbers
        if numbers is None or len(numbers.finders) < 2 or not any(numbers.patterns.values()):
            return None
        from napari_ptx.figures import upset_figure

        names = [one.name for one in numbers.finders]
        return upset_figure(numbers.patterns, names, among=names, **style)

    def table(self) -> pd.DataFrame | None:
        """Give the table of the present tab in full; of the figure, the sets that it shows."""
        import pandas as pd

        from napari_ptx.report.gland_numbers import finders_table, pairs_table

        if self._numbers is None:
            return None
        if self.tabs.currentWidget() is self.finders:
            return finders_table(self._numbers)
        if self.tabs.currentWidget() is self.pairs:
            return pairs_table(self._numbers)
        sets = self._numbers.patterns.items()
        rows = [(" + ".join(members) or "none", count) for members, count in sets]
        return pd.DataFrame(rows, columns=["found_by", "glands"])

    def _tab_changed(self, *_: int) -> None:
        self._later.start()
        self.tab_changed.emit()


def _finder_rows(numbers: BoardNumbers) -> list[list[QTableWidgetItem]]:
    rows = []
    for one in numbers.finders:
        told = one.sensitivity
        by_patient = told.cluster_bootstrap
        texts = (
            Finder.of(one.name).brief, f"{told.found}/{told.of}", f"{told.value:.3f}",
            limits(told.clopper_pearson),
            limits(by_patient) if by_patient or numbers.final else _WAIT,
            str(one.only) if len(numbers.finders) > 1 else "–", str(one.false),
        )  # fmt: skip
        rows.append(_items(texts, one.name))
    return rows


def _items(texts: Sequence[str], whole: str) -> list[QTableWidgetItem]:
    items = [QTableWidgetItem(text) for text in texts]
    items[0].setToolTip(whole)
    return items


def _pair_rows(numbers: BoardNumbers) -> list[list[QTableWidgetItem]]:
    rows = []
    for one in numbers.pairs:
        tests = one.tests
        if tests is None:
            last = ["–" if numbers.final else _WAIT] * 5
        else:
            last = [f"{tests.difference:+.3f}", limits(tests.cluster_bootstrap),
                    *(p_text(p) for p in (tests.mcnemar_exact, tests.mcnemar_exact_holm,
                                          tests.fisher))]  # fmt: skip
        brief = " + ".join(Finder.of(name).brief for name in (one.first, one.second))
        texts = (brief, f"{one.union}/{one.of}", f"+{one.second_adds}",
                 f"+{one.first_adds}", *last)  # fmt: skip
        rows.append(_items(texts, f"{one.first} + {one.second}"))
    return rows


def limits(pair: Sequence[float] | None) -> str:
    """Write an interval; a dash where there is none."""
    if pair is None or any(math.isnan(value) for value in pair):
        return "–"
    return f"{pair[0]:.2f}–{pair[1]:.2f}" if pair[0] >= 0 else f"{pair[0]:.2f} to {pair[1]:.2f}"


def p_text(value: float | None) -> str:
    """Write a P value; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


@cache
def load_ahead() -> threading.Thread:
    """Import what the numbers need while the user is looking for a prediction."""
    thread = threading.Thread(target=_load, name="load the board", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
    from napari_ptx.stats import compare_sensitivity

    compare_sensitivity({"": [1.0, 0.0]})  # the first one loads what statistics load when used
