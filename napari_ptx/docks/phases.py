"""The Phases dock: two CT phases, laid on each other and looked at together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks import keys
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.parts import Dock, button, colour, combo, fill, hint
from napari_ptx.docks.paths import PathEdit
from napari_ptx.docks.phase_view import MODES, PLANES, WINDOWS

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_ptx.docks.phase_tasks import Choice, Pair

BLIND = "Other images are hidden while a reader is at work, and come back when the session ends."
EMPTY = (
    "Choose the folder of a CT examination, or drop it here: a plain and a contrast-enhanced "
    "series are laid on each other."
)
_TASKS = "napari_ptx.docks.phase_tasks"
_LOOK_MS = 400  # a folder is looked into when the typing rests
_VERDICTS = {
    "good": ("good", "#3fb950", "#116329"),
    "look": ("look at the overlay before you trust it", "#d29922", "#7d4e00"),
    "bad": ("do not trust it", "#ff7b72", "#a40e26"),
}
"""What is said of a registration, with its colour on dark and on light ground."""
_NO_SECOND = "– one phase only –"


class PhasesDock(Dock):
    """Opens two phases, registers them in a child process, and shows them in four ways."""

    NAME = "Phases"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.view = self.hub.phase_view
        self.job = JobBar()
        self._opened: tuple[Any, ...] = ()
        self._hearing = False
        self._listing = False
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_LOOK_MS)
        self.setAcceptDrops(True)

        self.place = PathEdit("Folder of the CT examination")
        self.place.line.setPlaceholderText("Folder, volume or cohort.csv")
        self.place.setToolTip("DICOM folders are searched to their end; a file will do, too")
        self.first = combo("Plain phase", "The phase that stays where it is")
        self.second = combo("Contrast-enhanced phase", "The phase that is laid on the plain one")
        self.resampled = QCheckBox("Interpolate slices that are not a regular grid")
        self.resampled.setToolTip("Uneven or tilted slices are refused without this")
        self.verdict = hint()
        self.mode = combo("View", "How the two phases are shown together", *MODES)
        self.plane = combo("Plane", "Which slices are looked at", *PLANES)
        self.window = combo("Window", "Black and white in HU; drag the contrast sliders for more",
                            *WINDOWS)  # fmt: skip
        self.slab = QSpinBox()
        self.slab.setAccessibleName("Slab")
        self.slab.setRange(0, 50)
        self.slab.setSuffix(" mm")
        self.slab.setSpecialValueText("one slice")
        self.slab.setToolTip("Show the brightest values of a slab of this thickness (MIP)")
        self.readout = QLabel()
        self.readout.setTextFormat(Qt.TextFormat.PlainText)
        self.readout.setAccessibleName("Hounsfield units under the cursor")
        self.readout.setMinimumHeight(self.readout.fontMetrics().height() * 2)
        self.readout.setWordWrap(True)

        self.patient = QLabel()
        self.patient.setAccessibleName("Patient of the cohort")
        self.back = button("‹", "The patient before in the cohort (K on the image)")
        self.on = button("›", "The next patient of the cohort (J on the image)")

        self._looking = self._look_page()
        self._sentence = hint(EMPTY)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self._looking)
        self._lay_out()

        self.place.changed.connect(self._place_changed)
        self._wait.timeout.connect(self.look)
        self.first.currentIndexChanged.connect(self._match_second)
        self.second.currentIndexChanged.connect(self._update)
        self.mode.currentTextChanged.connect(self.view.set_mode)
        self.plane.currentTextChanged.connect(self.view.set_plane)
        self.window.currentTextChanged.connect(self._window_changed)
        self.slab.valueChanged.connect(self._slab_changed)
        self.primary.clicked.connect(self.open)
        self.back.clicked.connect(self.previous_patient)
        self.on.clicked.connect(self.next_patient)
        self.job.finished.connect(self._finished)
        self.job.stopped.connect(self._stopped)
        self.job.running_changed.connect(self._update)
        self.hub.desk_changed.connect(self._desk_changed)
        self.hub.phases_changed.connect(self._phases_changed)
        self._phases_changed()

    @property
    def _pair(self) -> Pair | None:
        return None if self.hub.phases is None else self.hub.phases.pair

    def _look_page(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.verdict)
        form.addRow("View", self.mode)
        form.addRow("Plane", self.plane)
        form.addRow("Slab", self.slab)
        form.addRow("Window", self.window)
        form.addRow(self.readout)
        return page

    def _lay_out(self) -> None:
        self._pick = QWidget()
        form = QFormLayout(self._pick)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.place)
        form.addRow("Plain", self.first)
        form.addRow("Contrast", self.second)
        form.addRow(self.resampled)
        self._pick.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        bottom = QHBoxLayout()
        for part in (self.back, self.on, self.patient):
            bottom.addWidget(part)
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pick)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.job)
        layout.addLayout(bottom)

    # What is shown

    def refresh(self) -> None:
        """Hide everything while a reader is at work."""
        if self.hub.blinded:
            self._sentence.setText(BLIND)
            self._pages.setCurrentWidget(self._sentence)
        elif self.view.shown:
            self._pages.setCurrentWidget(self._looking)
        else:
            self._sentence.setText(EMPTY)
            self._pages.setCurrentWidget(self._sentence)
        self._pick.setVisible(not self.hub.blinded)
        self._update()

    def _desk_changed(self) -> None:
        if self.hub.blinded:
            self.job.cancel()
        self.refresh()

    def _update(self, *_: Any) -> None:
        first, second = self.first.currentData(), self.second.currentData()
        for box in (self.first, self.second):
            box.setEnabled(box.count() > 1 or (box is self.first and box.count() > 0))
        faults = [choice.faults for choice in (first, second) if choice is not None]
        self.resampled.setVisible(any(faults))
        self.primary.setVisible(not self.hub.blinded)
        self._update_patient()
        self.primary.setText("Open" if second is None else "Register phases")
        missing = "Choose a folder first" if first is None else ""
        if first is not None and second is not None and first.source == second.source:
            missing = "Both are the same series; choose another"
        self.primary.setEnabled(not missing and not self.job.running)
        self.primary.setToolTip(missing or "Open them, one laid on the other (Enter)")

    # Choosing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: D102, N802 - Qt's name
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Take a dropped folder or file."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths and not self.hub.blinded:
            event.acceptProposedAction()
            self.place.path = paths[0]

    def _place_changed(self, _place: Path | None) -> None:
        # While a path is typed, its beginning is a folder, too: the whole disk, at first.
        self._wait.start()

    def look(self) -> None:
        """Look what the place that was typed, browsed or dropped holds."""
        place = self.place.path
        if place is None or not place.exists() or self.hub.blinded:
            return
        self.job.cancel()
        self._listing = True
        self.job.start("list", f"Looking into {place.name}", f"{_TASKS}:list_choices", place)

    def offer(self, choices: list[Choice]) -> None:
        """Offer volumes, with the plain and the first enhanced phase chosen."""
        entries = [(f"{one.text} – {one.phase or 'phase unknown'}", one) for one in choices]
        fill(self.first, entries)
        fill(self.second, [(_NO_SECOND, None), *entries])
        plain = next((i for i, one in enumerate(choices) if one.phase == "plain"), 0)
        self.first.setCurrentIndex(plain)
        self._match_second()

    def _match_second(self) -> None:
        """Choose the enhanced phase that belongs to the first, which is of the same patient."""
        first = self.first.currentData()
        others = [
            (place, one)
            for place in range(1, self.second.count())
            if first is not None
            and (one := self.second.itemData(place)).source != first.source
            and one.patient == first.patient
        ]
        enhanced = [place for place, one in others if one.phase not in ("", "plain")]
        places = enhanced or [place for place, _ in others]
        self.second.setCurrentIndex(places[0] if places else 0)
        self._update()

    # The patients of a cohort

    def next_patient(self) -> None:
        """Open the next patient of the cohort."""
        self._step(1)

    def previous_patient(self) -> None:
        """Open the patient before in the cohort."""
        self._step(-1)

    def _patients(self) -> list[str]:
        """Give the patients in the order of the cohort; none for a folder or a volume."""
        listed = [self.first.itemData(place) for place in range(self.first.count())]
        return list(dict.fromkeys(one.patient for one in listed if one.patient))

    def _step(self, by: int) -> None:
        patients, here = self._patients(), self.first.currentData()
        if len(patients) < 2 or self._listing or self.hub.blinded:
            return
        place = patients.index(here.patient) + by
        if not 0 <= place < len(patients):
            show_info(f"{here.patient} is the {'last' if by > 0 else 'first'} patient.")
            return
        listed = [self.first.itemData(number) for number in range(self.first.count())]
        of = [number for number, one in enumerate(listed) if one.patient == patients[place]]
        self.first.setCurrentIndex(
            next((number for number in of if listed[number].phase == "plain"), of[0])
        )
        # A patient who is skipped is not waited for.
        self.job.cancel()
        self.open()

    def _update_patient(self) -> None:
        patients, here = self._patients(), self.first.currentData()
        several = len(patients) > 1 and here is not None and not self.hub.blinded
        for part in (self.back, self.on, self.patient):
            part.setVisible(several)
        if several:
            place = patients.index(here.patient)
            # The patient before stays in sight until this one is there.
            doing = "Opening " if self.job.running and not self._listing else ""
            self.patient.setText(f"{doing}{here.patient} – {place + 1} of {len(patients)}")
            self.back.setEnabled(place > 0)
            self.on.setEnabled(place < len(patients) - 1)

    # Opening

    def open(self) -> None:
        """Open the chosen phases, registered."""
        first, second = self.first.currentData(), self.second.currentData()
        if first is None or self.job.running or self.hub.blinded:
            return
        self._opened = (first, second)
        self.job.start(
            "open", "Opening" if second is None else "Registering", f"{_TASKS}:open_pair",
            first.source, None if second is None else second.source, second is not None,
            self.resampled.isChecked() and self.resampled.isVisible(),
        )  # fmt: skip

    def _finished(self, name: str, value: Any) -> None:
        if name == "list":
            self._listing = False
            self.offer(value)
            return
        from napari_ptx.docks.phase_tasks import OpenPhases  # it loads ITK

        first, second = self._opened
        names = [choice.phase or choice.text for choice in self._opened if choice is not None]
        self.hub.show_phases(
            OpenPhases(
                value,
                (names[0], names[1] if len(names) > 1 else ""),
                (first.source, None if second is None else second.source),
                first.patient or self._folder_name(),
                self.resampled.isChecked() and self.resampled.isVisible(),
            )
        )
        for layer in self.view.layers:
            keys.bind_phases(
                layer, {"next_patient": self.next_patient, "back": self.previous_patient}
            )
        for note in value.notes:
            show_info(note)

    def _folder_name(self) -> str:
        """Give the name of the folder that was chosen: the patient's, as on import."""
        place = self.place.path
        return "" if place is None else (place if place.is_dir() else place.parent).name

    def _phases_changed(self) -> None:
        """Take up the phases that are shown, whoever opened them."""
        self._hear(self._pair is not None)
        self._tell_verdict()
        self.mode.setEnabled(self._pair is not None and self._pair.second is not None)
        self.refresh()

    def _tell_verdict(self) -> None:
        motion = self._pair.registration if self._pair is not None else None
        if motion is None:
            one = self._pair is not None and self._pair.second is None
            told = "One phase only." if one else "Both lie where their files say."
            self.verdict.setText("" if self._pair is None else told)
            self.verdict.setStyleSheet("")
            return
        words, on_dark, on_light = _VERDICTS[motion.verdict]
        told = "already in place" if motion.skipped else f"moved by {motion.moved:.1f} mm"
        self.verdict.setText(f"Rigid: {told}; residual {motion.residual:.1f} mm – {words}.")
        light = colour(self.theme, "background").lightnessF() > 0.5
        self.verdict.setStyleSheet(f"color: {on_light if light else on_dark}; font-weight: bold;")

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self._tell_verdict()

    def _stopped(self, name: str, _sentence: str) -> None:
        if name == "list":
            self._listing = False
            for box in (self.first, self.second):
                fill(box, [])
        self._update()

    def _names(self) -> tuple[str, str]:
        return ("", "") if self.hub.phases is None else self.hub.phases.names

    # Looking

    def _window_changed(self, name: str) -> None:
        self.view.set_window(WINDOWS[name])

    def _slab_changed(self, thickness: int) -> None:
        self.view.set_slab(float(thickness))

    def _hear(self, on: bool) -> None:
        callbacks = self.viewer.mouse_move_callbacks
        if on and not self._hearing:
            callbacks.append(self._mouse_moved)
        elif not on and self._hearing and self._mouse_moved in callbacks:
            callbacks.remove(self._mouse_moved)
        self._hearing = on

    def _mouse_moved(self, _viewer: Any, event: Any) -> None:
        self.readout.setText(self.words_at(tuple(event.position)))

    def words_at(self, world: tuple[float, ...]) -> str:
        """Say what both phases are at a place, and what that means."""
        values = self.view.values_at(world)
        if values is None:
            return ""
        first, second = values
        names = self._names()
        if second is None:
            return f"{names[0]} {first} HU"
        return f"{names[0]} {first}, {names[1]} {second} HU\n{_change(names, first, second)}"


def _change(names: tuple[str, str], first: int, second: int) -> str:
    """Name the change between two phases: the washout where the first is arterial."""
    if names[0] == "arterial" and names[1] in ("venous", "delayed"):
        if first <= 0:
            return "washout –"
        return f"washout {100 * (first - second) / first:.0f} %"
    return f"enhancement {second - first:+d} HU"
