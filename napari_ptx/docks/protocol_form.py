"""The form of a protocol: what most studies decide, and the rest behind "More"."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.parts import hint

if TYPE_CHECKING:
    from napari_ptx.study import Protocol

_CHOICES: dict[str, tuple[tuple[str, str], ...]] = {
    "design": (
        ("Each case on one's own", "independent"),
        ("On one's own, locked; then with a model's outline", "aided"),
    ),
    "reread_draw": (("at random", "random"), ("by label", "label")),
    "icc_form": tuple(
        (text, form)
        for text, form in (
            ("ICC(A,1) = ICC(2,1)", "A,1"),
            ("ICC(C,1) = ICC(3,1)", "C,1"),
            ("ICC(1) = ICC(1,1)", "1,1"),
            ("ICC(A,k) = ICC(2,k)", "A,k"),
            ("ICC(C,k) = ICC(3,k)", "C,k"),
            ("ICC(k) = ICC(1,k)", "1,k"),
        )
    ),
    "icc_bound": (("lower 95% limit", "lower"), ("estimate", "point")),
    "adjudicate": (("disagreements", "disagreements"), ("all cases", "all")),
}
_TIPS = {
    "design": "With a model's outline the cohort needs a column aid: a mask or ImageJ file each",
    "reread": "Each reader outlines them a second time; the same cases for all readers",
    "reread_draw": "By label: as many of each label as is its share of the cases",
    "washout_days": "The second round is sealed for so long, so that it is not recalled",
    "ask_seen": "Readers say of each case of round 2 if they remember it (Y, U)",
    "icc_form": "A: absolute agreement, a reader's bias counts; 1: a single reader",
    "icc_threshold": "What has to be cleared",
    "icc_bound": "What has to clear the threshold",
    "disagree_dice": "Two readings with a Dice below this disagree",
    "disagree_hd95_mm": "Two readings that lie further apart than this disagree",
    "disagree_lesions": "Two readings with another number of lesions disagree",
    "seed": "Every random order follows from it; it is stored with the study",
    "tolerance_mm": "How far two surfaces may lie apart and still count as equal",
    "idle_seconds": "Without an event for so long a reader counts as idle",
    "mask_text": "What lies outside the ultrasound regions is covered in a reading session",
    "adjudicate": "Which cases the adjudicator sees, once two readers have finished them",
    "adjudicator_repeats": "Come back unannounced, for the adjudicator's own agreement",
}


class ProtocolForm(QWidget):
    """Every field of a protocol but the people; ``cases`` is how many there are."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.cases = 0
        self.readers = 2
        self._order: list[str] = []
        self.fields: dict[str, Any] = {}
        self._lay_out()
        from napari_ptx.study.protocol_file import LIU_2026

        self.show_protocol(LIU_2026)

    # Building

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Design", self._choice("design"))
        reread = self._count("reread", 0, 100_000, " cases")
        reread.setSpecialValueText("no second round")
        form.addRow("Second round", _row(reread, self._choice("reread_draw")))
        washout = self._count("washout_days", 0, 3650, " days")
        form.addRow("Washout", _row(washout, self._tick("ask_seen", 'Ask "seen before?"')))
        form.addRow("Measured", self._measurands())
        threshold = self._number("icc_threshold", 0.01, 0.99, 0.05)
        form.addRow(
            "Agreement",
            _row(self._choice("icc_form"), QLabel("above"), threshold, self._choice("icc_bound")),
        )
        self.needed = hint()
        self.needed.setWordWrap(False)
        form.addRow("", self.needed)
        dice = self._number("disagree_dice", 0.0, 1.0, 0.05, off=True)
        distance = self._number("disagree_hd95_mm", 0.0, 100.0, 0.5, off=True, suffix=" mm")
        form.addRow(
            "Disagreement",
            _row(
                QLabel("Dice <"), dice, QLabel("HD95 >"), distance,
                self._tick("disagree_lesions", "lesion count"),
            ),
        )  # fmt: skip
        self.more = QToolButton()
        self.more.setText("More")
        self.more.setToolTip("What few studies change: adjudication, seed, tolerance, idle time")
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.toggled.connect(self._fold)
        self._rest = QWidget()
        rest = QFormLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setVerticalSpacing(5)
        repeats = self._count("adjudicator_repeats", 0, 10_000, " hidden repeats")
        rest.addRow("Adjudicated", _row(self._choice("adjudicate"), repeats))
        tolerance = self._number("tolerance_mm", 0.1, 20.0, 0.5, suffix=" mm tolerance")
        idle = self._number("idle_seconds", 1.0, 600.0, 5.0, suffix=" s idle", digits=0)
        seed = self._count("seed", 0, 2**31 - 1, "")
        seed.setPrefix("seed ")
        rest.addRow("Details", _row(tolerance, idle, seed))
        rest.addRow("", self._tick("mask_text", "Cover text outside the ultrasound regions"))
        self._rest.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(form)
        layout.addWidget(self.more)
        layout.addWidget(self._rest)

    def _keep(self, field: str, widget: Any) -> Any:
        widget.setToolTip(_TIPS[field])
        widget.setAccessibleName(field)
        self.fields[field] = widget
        return widget

    def _choice(self, field: str) -> QComboBox:
        box = QComboBox()
        for text, value in _CHOICES[field]:
            box.addItem(text, value)
        box.currentIndexChanged.connect(self._edited)
        return self._keep(field, box)

    def _count(self, field: str, low: int, high: int, suffix: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(low, high)
        box.setSuffix(suffix)
        box.valueChanged.connect(self._edited)
        return self._keep(field, box)

    def _number(
        self,
        field: str,
        low: float,
        high: float,
        step: float,
        *,
        off: bool = False,
        suffix: str = "",
        digits: int = 2,
    ) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(low, high)
        box.setSingleStep(step)
        box.setDecimals(digits)
        box.setSuffix(suffix)
        if off:
            box.setSpecialValueText("any")
        box.valueChanged.connect(self._edited)
        return self._keep(field, box)

    def _tick(self, field: str, text: str) -> QCheckBox:
        box = QCheckBox(text)
        box.toggled.connect(self._edited)
        return self._keep(field, box)

    def _measurands(self) -> QWidget:
        from napari_ptx.roi import MEASURANDS

        self._ticks: dict[str, QCheckBox] = {}
        place = QWidget()
        grid = QGridLayout(place)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        for number, measurand in enumerate(MEASURANDS):
            tick = QCheckBox(measurand.label)
            tick.setToolTip("Whether agreement is judged by it; the first ticked counts above all")
            tick.toggled.connect(self._edited)
            self._ticks[measurand.name] = tick
            grid.addWidget(tick, number // 3, number % 3)
        return place

    # What it holds

    def show_protocol(self, protocol: Protocol, fixed: Collection[str] = ()) -> None:
        """Show a protocol; the fields in ``fixed`` cannot be changed."""
        for field, widget in self.fields.items():
            value = getattr(protocol, field)
            with QSignalBlocker(widget):
                if isinstance(widget, QComboBox):
                    widget.setCurrentIndex(widget.findData(value))
                elif isinstance(widget, QCheckBox):
                    widget.setChecked(value)
                else:
                    widget.setValue(value or 0)
            widget.setEnabled(field not in fixed)
        self._order = list(protocol.measurands)
        for name, tick in self._ticks.items():
            with QSignalBlocker(tick):
                tick.setChecked(name in self._order)
        self._edited()

    def set_field(self, field: str, value: Any) -> None:
        """Put a value into one field."""
        self.fields[field].setValue(value)

    def limit(self, cases: int, readers: int) -> None:
        """Say how many cases and readers there are."""
        self.cases, self.readers = cases, readers
        self.fields["reread"].setMaximum(cases)
        self._edited()

    def protocol(self, base: Protocol) -> Protocol:
        """Give ``base`` with what the form says; ``StudyError`` where that cannot be."""
        values: dict[str, Any] = {}
        for field, widget in self.fields.items():
            if isinstance(widget, QComboBox):
                values[field] = widget.currentData()
            elif isinstance(widget, QCheckBox):
                values[field] = widget.isChecked()
            elif widget.specialValueText() == "any" and widget.value() == 0:
                values[field] = None
            else:
                values[field] = self._as_before(base, field, widget)
        return dataclasses.replace(base, **values, measurands=self.measurands)

    @staticmethod
    def _as_before(base: Protocol, field: str, widget: Any) -> Any:
        """Give a number; what the box only rounds for display is not a change."""
        before = getattr(base, field)
        same = isinstance(before, float) and round(before, widget.decimals()) == widget.value()
        return before if same else widget.value()

    @property
    def measurands(self) -> tuple[str, ...]:
        """What is ticked, the first above all."""
        ticked = [name for name, tick in self._ticks.items() if tick.isChecked()]
        return tuple(sorted(ticked, key=self._rank))

    def _rank(self, name: str) -> int:
        return self._order.index(name) if name in self._order else len(self._order)

    def _fold(self, shown: bool) -> None:
        self._rest.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _edited(self, *_: Any) -> None:
        from napari_ptx.study.planning import needed_text

        again = self.fields["reread"].value() > 0
        for field in ("reread_draw", "washout_days", "ask_seen"):
            if field == "reread_draw" and not self.fields["reread"].isEnabled():
                continue
            self.fields[field].setEnabled(again)
        lines = needed_text(
            self.cases,
            self.readers,
            self.fields["icc_threshold"].value(),
            self.fields["icc_form"].currentData(),
            self.fields["icc_bound"].currentData(),
        )
        self.needed.setText(lines)
        self.needed.setVisible(bool(lines))
        self.changed.emit()


def _row(*parts: QWidget) -> QWidget:
    place = QWidget()
    layout = QHBoxLayout(place)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return place
