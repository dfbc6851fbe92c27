"""The Models dock: train a run, watch it, look at its results, ask it about an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QStackedWidget, QTabWidget, QVBoxLayout

from napari_ptx.docks import settings
from napari_ptx.docks.grids import image_of, outlines_of
from napari_ptx.docks.jobs import JobBar
from napari_ptx.docks.open_image_page import OpenImagePage
from napari_ptx.docks.parts import Dock, hint
from napari_ptx.docks.review import Verdict
from napari_ptx.docks.runs_page import RunsPage, finished
from napari_ptx.docks.train_form import TrainForm
from napari_ptx.docks.training_page import TrainingPage
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer
    from qtpy.QtGui import QHideEvent

    from napari_ptx.docks.model_tasks import StudySource

BLIND = "Models are hidden while a reader is at work, and come back when the session ends."
_LOOK_MS = 400  # a folder is looked at when the typing rests


class ModelsDock(Dock):
    """Trains and runs the ultrasound models, outside blinded sessions only.

    Training goes on in a child process whatever the dock shows; it can be cancelled,
    and what was stopped can be resumed.
    """

    NAME = "Models"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.form = TrainForm()
        self.training = TrainingPage()
        self.runs = RunsPage()
        self.here = OpenImagePage()
        self._train = QStackedWidget()
        self._train.addWidget(self.form)
        self._train.addWidget(self.training)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, title in ((self._train, "Train"), (self.runs, "Runs"), (self.here, "Open image")):
            self.tabs.addTab(page, title)
        self._sentence = hint()
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self.tabs)
        self.job = JobBar()
        self.asking = JobBar(quiet=True)
        # A folder is looked at whenever the dock is shown; only a slow disk is worth a bar.
        self.listing = JobBar(quiet=True, shares=self.asking, patience=5.0)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_LOOK_MS)
        self._wanted: Path | None = None  # the run to select once the folder is listed
        self._asked: tuple[Layer, Layer, Path] | None = None
        self._layers_known = False

        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.job)
        layout.addWidget(self.asking)
        layout.addWidget(self.listing)
        layout.addLayout(bottom)

        self.job.cancel_button.setToolTip("Stop at once; Resume on the tab Runs goes on with it")
        folder = settings.runs_folder()
        self.form.folder.path = folder
        self.runs.folder.path = folder
        self.primary.clicked.connect(self._primary_clicked)
        self.tabs.currentChanged.connect(self._tab_changed)
        self.form.changed.connect(self._update_primary)
        self.form.folder.changed.connect(self._form_folder_changed)
        self.runs.folder_changed.connect(self._runs_folder_changed)
        self.runs.selected.connect(self._update_primary)
        self.runs.opened.connect(self.open_predictions)
        self.runs.comparison_button.clicked.connect(self.open_comparison)
        self.here.changed.connect(self._update_primary)
        self.job.finished.connect(self._trained)
        self.job.stopped.connect(self._training_stopped)
        self.job.running_changed.connect(self._update_primary)
        self.asking.finished.connect(self._answered)
        self.asking.stopped.connect(self._not_answered)
        self.asking.running_changed.connect(self._update_primary)
        self.listing.finished.connect(self._listed)
        self.listing.stopped.connect(self._not_listed)
        self.listing.running_changed.connect(self._update_primary)
        self._wait.timeout.connect(self.list_runs)
        self.hub.desk_changed.connect(self._desk_changed)

    # What is shown

    def refresh(self) -> None:
        """Show the pages, with the study, the runs and the layers as they are."""
        if self.hub.blinded:
            self.here.clear()
            self._sentence.setText(BLIND)
            self._pages.setCurrentWidget(self._sentence)
        else:
            self.form.offer_study(self.hub.study)
            self._pages.setCurrentWidget(self.tabs)
            self._listen_to_layers(True)
            self._wait.start(0)
        self._update_primary()

    def restyle(self) -> None:  # noqa: D102
        super().restyle()
        self.training.restyle(self.theme)
        self.here.bars.restyle(self.theme)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102, N802 - Qt's name
        super().hideEvent(event)
        self._listen_to_layers(False)

    def _desk_changed(self) -> None:
        if self.hub.blinded:
            self.asking.cancel()
            self.listing.cancel()
            self.refresh()

    def _listen_to_layers(self, on: bool) -> None:
        events = self.viewer.layers.events
        if on != self._layers_known:
            self._layers_known = on
            for event, listen in (
                (events.inserted, self._layer_added), (events.removed, self._layer_removed)
            ):  # fmt: skip
                (event.connect if on else event.disconnect)(listen)
        if on:
            self.here.offer_layers(self.viewer)

    def _layer_added(self, event: Any) -> None:
        self.here.offer_layers(self.viewer, event.value)

    def _layer_removed(self, _event: Any) -> None:
        self.here.offer_layers(self.viewer)

    def _tab_changed(self, _: int) -> None:
        if self.tabs.currentWidget() is not self._train and not self.hub.blinded:
            self._wait.start(0)
        self._update_primary()

    def _update_primary(self, *_: Any) -> None:
        self.primary.setVisible(not self.hub.blinded)
        text, tip, able = self._primary_words()
        self.primary.setText(text)
        self.primary.setToolTip(tip)
        self.primary.setEnabled(able)

    def _primary_words(self) -> tuple[str, str, bool]:
        """Give the primary button's text and tooltip, and whether it can be pressed."""
        page = self.tabs.currentWidget()
        if page is self._train:
            missing = self.form.missing()
            if self.job.running:
                return "Training…", "It goes on while you work; Cancel stops it", False
            return "Start training", missing or "Train these models (Enter)", not missing
        if page is self.runs:
            run = self.runs.current
            if run is None:
                return "Show predictions", "Select a run", False
            if not finished(run):
                tip = "Go on where the training was stopped (Enter)"
                return "Resume training", tip, not self.job.running
            return "Show predictions", "Walk through its cases, with every verdict (Enter)", True
        picked = self.here.picked
        if picked is None:
            return "Run on the image", self.here.missing(), False
        tip = "Ask each model of the run about the outlined lesion (Enter)"
        return f"Run on {picked[0].name}", tip, not self._asking

    def _primary_clicked(self) -> None:
        page = self.tabs.currentWidget()
        if page is self._train:
            self.start()
        elif page is self.here:
            self.predict()
        elif (run := self.runs.current) is not None and not finished(run):
            self.resume(Path(run["folder"]))
        else:
            self.open_predictions()

    # Training

    def start(self) -> None:
        """Train what the form asks for."""
        if self.job.running or self.form.missing():
            return
        data, run = self.form.data, self.form.run
        assert data is not None
        assert run is not None
        settings.set_runs_folder(run.parent)
        self._start(data, run, self.form.config())

    def resume(self, run: Path) -> None:
        """Go on with a run that was stopped, with its own configuration and cohort."""
        if not self.job.running:
            self._start(None, run, None)
            self.tabs.setCurrentWidget(self._train)

    def _start(
        self, data: Path | StudySource | None, run: Path, config: Mapping[str, Any] | None
    ) -> None:
        self.training.watch(run, config)
        self._train.setCurrentWidget(self.training)
        self.job.start("train", f"Training {run.name}", "napari_ptx.docks.model_tasks:train",
                       data, run, config)  # fmt: skip

    def _trained(self, _: str, run: Path) -> None:
        self.training.stop()
        self._train.setCurrentWidget(self.form)
        show_info(f"The run {run.name} is trained.")
        self._show_run(run)

    def _training_stopped(self, _: str, sentence: str) -> None:
        run = self.training.run
        self.training.stop()
        self._train.setCurrentWidget(self.form)
        self.form.propose()
        if not sentence and run is not None:
            show_info(f"{run.name} is stopped; Resume on the tab Runs goes on with it.")
        self._wanted = run
        self.list_runs()

    def _show_run(self, run: Path) -> None:
        self.form.propose()
        self._wanted = run
        self.runs.folder.path = run.parent
        self.tabs.setCurrentWidget(self.runs)
        self.list_runs()

    # Runs

    def list_runs(self) -> None:
        """Look again which runs the folder has."""
        folder = self.runs.folder.path
        if self.hub.blinded or folder is None:
            return
        if self._asking:
            self._wait.start()  # looks when the other is done
            return
        self.listing.start("runs", "Looking for runs", "napari_ptx.docks.model_tasks:runs", folder)

    def open_predictions(self) -> None:
        """Show the predictions of the selected run, case by case."""
        if self._open():
            self.hub.show("Predictions")

    def open_comparison(self) -> None:
        """Show the predictions of the selected run as figures."""
        if self._open():
            self.hub.show("Comparison")

    def _open(self) -> bool:
        run = self.runs.current
        if run is None or not finished(run) or self.hub.blinded:
            return False
        path = Path(run["folder"]) / "predictions.csv"
        known = self.hub.predictions
        if known is not None and known.path == path:
            return True
        return self.hub.open_predictions(path) is not None

    def _form_folder_changed(self, folder: Path | None) -> None:
        if self.runs.folder.path != folder:
            self.runs.folder.path = folder

    def _runs_folder_changed(self) -> None:
        folder = self.runs.folder.path
        if self.form.folder.path != folder:
            self.form.folder.path = folder
        self._wait.start()

    # The open image

    def predict(self) -> None:
        """Ask the models of the picked run about the open image."""
        picked = self.here.picked
        if picked is None or self._asking or self.hub.blinded:
            return
        image, drawn, run = picked
        frame = int(self.viewer.dims.current_step[0]) if image.ndim == 3 else 0
        try:
            pixels, outlines = image_of(image), outlines_of(drawn, image, frame)
        except PtxError as error:
            show_error(str(error))
            return
        self.here.clear()
        self._asked = picked
        self.asking.start("predict", "Asking the models", "napari_ptx.docks.model_tasks:predict",
                         run, pixels, outlines)  # fmt: skip

    @property
    def _asking(self) -> bool:
        """Whether the process that answers small questions is busy."""
        return self.asking.running or self.listing.running

    def _answered(self, _: str, value: Any) -> None:
        answers, names = value
        if self._asked is None or self.here.picked != self._asked:
            return  # somebody has picked another image meanwhile
        image, drawn, run = self._asked
        self.here.watch(drawn)
        self.here.show_answer(
            f"{run.name} on {image.name}",
            [
                Verdict(model, probability, threshold, names[int(positive)], None)
                for model, (probability, threshold, positive) in answers.items()
            ],
        )

    def _not_answered(self, _: str, sentence: str) -> None:
        if sentence:
            show_error(sentence)

    def _listed(self, _: str, runs: Any) -> None:
        self.runs.show_runs(runs, "")
        self.here.offer_runs(self.runs.finished_runs)
        if self._wanted is not None:
            self.runs.select(self._wanted)
            self._wanted = None

    def _not_listed(self, _: str, sentence: str) -> None:
        self.runs.show_runs([], sentence)
