"""Take the pictures of the docks that the README and the documents show.

    python docs/make_screenshots.py [--folder DIR] [--demo DIR] [--only PART]

makes the demo study (once) and a table of simulated predictions of its cases, opens
napari, and takes each dock in both themes at 1366 x 768 and 1920 x 1080 into the folder;
the best go to docs/images. It needs a screen: under Linux without one,
``xvfb-run -a -s "-screen 0 1920x1080x24 +extension GLX" python docs/make_screenshots.py``.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QApplication

from napari_ptx.docks.app import open_viewer
from napari_ptx.docks.hub import Hub
from napari_ptx.docks.phase_view import MODES
from napari_ptx.study import Study
from napari_ptx.study.demo import make_demo

if TYPE_CHECKING:
    from napari import Viewer

PARTS = ("study", "adjudication", "replay", "models", "phases", "glands", "report")
MODELS = {"radiomics": 1.5, "resnet-1ch": 0.9, "resnet-2ch": 1.2, "merged-1": 1.7,
          "merged-2": 2.0, "late": 1.9, "clinical": 0.4}  # fmt: skip
IMAGES = Path(__file__).parent / "images"
SIZES = ((1366, 768), (1920, 1080))
THEMES = ("dark", "light")
SHOWN = {"study": "study-dark-1366.png", "reading": "reading-dark-1366.png",
         "adjudication": "adjudication-dark-1366.png", "replay": "replay-dark-1366.png",
         "agreement": "agreement-dark-1366.png", "predictions": "predictions-dark-1366.png",
         "comparison": "comparison-changed-dark-1366.png",
         "phases": "phases-side-by-side-dark-1366.png",
         "glands": "glands-dark-1366.png", "glands-board": "glands-board-2-dark-1920.png",
         "glands-errors": "glands-errors-0-dark-1366.png"}  # fmt: skip


def spin(seconds: float = 0.0, until: Callable[[], bool] | None = None) -> None:
    """Let the window live for some seconds, or until something is so."""
    end = time.monotonic() + (seconds if until is None else 180.0)
    while time.monotonic() < end and not (until is not None and until()):
        QApplication.processEvents()
        time.sleep(0.01)


class Album:
    """Takes pictures of one viewer into a folder."""

    def __init__(self, viewer: Viewer, folder: Path) -> None:
        self.viewer = viewer
        self.hub = Hub.of(viewer)
        self.folder = folder

    def take(self, name: str, fit: Callable[[], None] | None = None) -> None:
        """Take one picture in every theme and size, with the image fitted."""
        for theme in THEMES:
            self.viewer.theme = theme
            for width, height in SIZES:
                self.viewer.window.resize(width, height)
                spin(0.6)
                (fit or self.viewer.reset_view)()
                spin(0.2)
                path = self.folder / f"{name}-{theme}-{width}.png"
                self.viewer.screenshot(path=str(path), canvas_only=False, flash=False)
                print(path)

    def agreement(self, tab: int) -> None:
        """Take the agreement with the case that the readers agree on least."""
        dock = self.hub.show("Agreement")
        spin(until=lambda: dock.result is not None and not dock.job.running)
        case = dock.page.table.cases()[0]
        dock.open_case(case)
        spin(until=lambda: dock.compared.case == case)
        dock.page.tabs.setCurrentIndex(tab)
        self.take(f"agreement-{tab}" if tab else "agreement")

    def wizard(self) -> None:
        """Take the pages of the wizard, in the theme at hand."""
        wizard = self.hub.show("Study").new_study()
        assert self.hub.study is not None
        wizard.images.place.path = self.hub.study.path.parent / "images"
        spin(until=lambda: wizard.images.count > 0)
        for page in range(3):
            spin(0.3)
            path = self.folder / f"wizard-{page + 1}.png"
            wizard.grab().save(str(path))
            print(path)
            if page < 2:  # the fourth would make the study
                wizard.next()
        wizard.reject()

    def models(self, table: Path) -> None:
        """Take the docks of models: empty, and with a table of predictions."""
        for name in ("models", "predictions", "comparison"):
            self.hub.show(name.capitalize())
            self.take(f"{name}-empty")
        self.hub.open_predictions(table)
        comparison = self.hub.show("Comparison")
        for place, kind in enumerate(comparison.page.plots):
            comparison.page.tabs.setCurrentIndex(place)
            spin(until=lambda: comparison.settled)
            self.take(f"comparison-{kind}")
        comparison.page.tabs.setCurrentIndex(0)
        self.hub.set_threshold("late", 0.62)
        comparison.page.lower.setCurrentIndex(1)
        spin(until=lambda: comparison.settled)
        self.take("comparison-changed")
        predictions = self.hub.show("Predictions")
        predictions.next_case()
        spin(until=lambda: bool(predictions.compared.case))
        self.take("predictions")

    def phases(self, folder: Path) -> None:
        """Take a simulated neck in both phases, at a gland, in each view and plane."""
        from napari_ptx.phantom.ct.files import write_cohort
        from napari_ptx.phantom.ct.scene import Settings

        write_cohort(folder, 1, 1, Settings(region="bed", phases=("plain", "arterial")))
        dock = self.hub.show("Phases")
        self.take("phases-empty")
        dock.place.path = folder
        spin(until=lambda: dock.second.count() > 1)
        dock.open()
        spin(until=lambda: dock.view.shown and not dock.job.running)
        dock.place.line.blockSignals(True)
        dock.place.path = "necks"  # wherever it lies
        origin = dock.view.pair.first.origin
        with (folder / "glands.csv").open() as table:
            gland = next(csv.DictReader(table))
        place = tuple(float(gland[f"{axis}_mm"]) - origin["xyz".index(axis)] for axis in "zyx")
        for plane in ("axial", "coronal", "sagittal"):
            dock.plane.setCurrentText(plane)
            self.viewer.dims.point = place
            dock.readout.setText(dock.words_at(place))
            self.take(f"phases-{plane}", dock.view.fit)
        dock.plane.setCurrentText("axial")
        for mode in MODES:
            dock.mode.setCurrentText(mode)
            self.viewer.dims.point = place
            self.take(f"phases-{mode.replace(' ', '-')}", dock.view.fit)
        dock.mode.setCurrentText(MODES[0])  # other docks show phases as they were left

    def glands(self, folder: Path) -> None:
        """Take the review of simulated necks: empty, at work, a mask in the hand, the tabs."""
        from napari_ptx.ct.demo import make_demo

        dock = self.hub.show("Glands")
        self.take("glands-empty")
        out = make_demo(folder)
        dock.desk.set_who("")
        dock.desk.open(out)
        spin(until=lambda: dock.review.layers.open is not None)
        review = dock.review
        dock.page.table.acted.emit("accept")  # nobody is named yet
        self.take("glands-name", self._at_gland)
        dock.name_row.line.setText("Ada")
        dock.name_row.save.click()
        for action in ("accept", "accept", "reject"):
            review.act(action)
        for _ in range(2):
            dock.page.truth_given.emit("right_inferior")
        dock.page.truth_given.emit("left_superior")
        review.select(2)
        self.take("glands", self._at_gland)
        review.act("truth")
        self.take("glands-truth", self._at_gland)
        dock.page.slots.setChecked(True)
        review.act("edit")
        self.take("glands-edit", self._at_gland)
        review.masks.cancel()
        board, errors = dock.tabs.widget(1), dock.tabs.widget(2)
        dock.tabs.setCurrentWidget(board)
        spin(until=lambda: board.settled and board.board is not None)
        board.import_readings()
        spin(until=lambda: not board.job.running)
        for place in range(board.results.tabs.count()):
            board.results.tabs.setCurrentIndex(place)
            spin(until=lambda: board.settled)
            self.take(f"glands-board-{place}", self._at_gland)
        dock.tabs.setCurrentWidget(errors)
        errors.evaluate()
        spin(until=lambda: not errors.job.running)
        errors.chance.setChecked(True)
        errors.labelled.setChecked(True)
        errors.table.setCurrentCell(0, 0)
        spin(until=lambda: not errors.reader.running)
        for place in range(errors.tabs.count()):
            errors.tabs.setCurrentIndex(place)
            self.take(f"glands-errors-{place}", lambda: None)
        dock.tabs.setCurrentIndex(0)
        dock.desk.close()
        self.hub.close_phases()

    def _at_gland(self) -> None:
        review = self.hub.show("Glands").review
        review.view.fit()
        self.viewer.scene.camera.zoom *= 1.8
        review.view.go(review.gland(review.selected).place)

    def reading(self) -> None:
        """Take a session in which some cases are done and one has its outline."""
        self.hub.open_desk("You", 1)
        spin(3.0)
        self.take("reading")
        self.hub.show("Study")
        self.take("study-blinded")
        self.hub.close_desk()

    def adjudication(self) -> None:
        """Take a disagreement of the demo: overlaid, side by side, edited, not assessable."""
        row = self.hub.show("Study").page.adjudication
        spin(until=lambda: "disagreement" in row.text.text())
        self.take("study-adjudication")
        self.hub.open_adjudication()
        dock = self.hub.show("Adjudication")
        spin(until=lambda: dock.controller is not None and dock.controller.image is not None)
        session = dock.controller
        actions = session.actions
        self.take("adjudication", session.case.fit)
        actions.click("take_first")
        actions.click("side_by_side")
        self.take("adjudication-apart", session.case.fit)
        actions.click("edit_copy")
        self.take("adjudication-edit", session.case.fit)
        actions.click("not_assessable")
        self.take("adjudication-refused", session.case.fit)
        dock.controller.help_wanted.emit()
        self.take("adjudication-help", session.case.fit)
        self.hub.close_desk()

    def replay(self) -> None:
        """Take the end of a reading of the demo, played again."""
        self.hub.show_replay("You", 1, self.hub.study.efforts("You", 1)[0].case)
        dock = self.hub.show("Replay")
        spin(until=lambda: dock.replay is not None)
        dock.page.slider.setValue(dock.page.slider.maximum())
        self.take("replay")


def shrink(source: Path, target: Path) -> None:
    """Save a picture with a palette, which is a quarter of the size."""
    with Image.open(source) as picture:
        # k-means keeps the few pixels of a coloured outline from being lost among the greys
        small = picture.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
        target.parent.mkdir(parents=True, exist_ok=True)
        small.save(target, optimize=True)
    print(target, target.stat().st_size // 1024, "kB")


def read_some(path: Path, finished: int) -> None:
    """Let the reader "You" have finished some cases, and begun the next."""
    from napari_ptx.phantom.readers import Reader, outline
    from napari_ptx.phantom.samples import demo_samples

    you = Reader("You", bias=0.15)
    with Study.open(path) as study:
        scenarios = {sample.case: sample.scenario for sample in demo_samples()}
        cases = {info.sha256: info.case for info in study.cases()}
        with study.desk("You", 1) as desk:
            for entry in desk.cases[: finished + 1]:
                if entry.state != "new":
                    continue
                case = cases[desk.image(entry.index).sha256]
                drawn = outline(scenarios[case], you)
                desk.record(entry.index, [drawn], "outline", {}, 14.0)
                if entry.index < finished:
                    desk.finish(entry.index, view={}, seconds=2.0)
            desk.go(finished)


def name_adjudicator(path: Path) -> None:
    """Let a senior reader settle the disagreements of the demo."""
    from dataclasses import replace

    with Study.open(path) as study:
        if study.protocol.adjudicator is not None:
            return
        protocol = replace(study.protocol, adjudicator="Senior", disagree_dice=0.83)
        study.amend(protocol, "A senior reader has joined.")


def write_predictions(study_file: Path, folder: Path) -> Path:
    """Simulate what seven models might say of the demo's cases, and of 96 more.

    The scores follow the simulated diagnosis with noise; no model was trained.
    """
    import numpy as np
    import pandas as pd

    from napari_ptx import ultrasound
    from napari_ptx.phantom.samples import demo_samples
    from napari_ptx.roi import rasterise, write_mask

    folder.mkdir(parents=True, exist_ok=True)
    samples = demo_samples(120)
    label = np.array([sample.scenario.label for sample in samples])
    random = np.random.default_rng(2026)
    hard = random.normal(size=len(samples))
    table = pd.DataFrame(
        {
            "case": [sample.case for sample in samples],
            "patient": [sample.patient for sample in samples],
            "label": label,
            "split": ["validation" if place >= 96 else "test" for place in range(len(samples))],
            "age": random.integers(25, 80, len(samples)),
        }
    )
    for name, strength in MODELS.items():
        z = strength * (label - 0.5) + 0.7 * hard + 0.8 * random.normal(size=len(samples))
        table[name] = 1.0 / (1.0 + np.exp(-1.3 * z))
    with Study.open(study_file) as study:
        images = {info.case: info for info in study.cases()}
        rois = {}
        for reading in study.readings("A", 1):
            shape = images[reading.case].shape
            rois[reading.case] = folder / f"{reading.case}.png"
            write_mask(rois[reading.case], rasterise(reading.outlines, shape))
    table["image"] = [str(images[case].image) if case in images else "" for case in table["case"]]
    table["roi"] = [str(rois.get(case, "")) for case in table["case"]]
    return ultrasound.write_predictions(
        folder / "predictions.csv", table, list(MODELS), thresholds=dict.fromkeys(MODELS, 0.5),
        note="Simulated scores of simulated images: no patients, no trained model",
        positive="atypical-like", negative="adenoma-like",
    )  # fmt: skip


def picture_of_report(study_file: Path, folder: Path) -> None:
    """Take the top of the report of a study with headless Chromium, if there is one."""
    from napari_ptx.report import study_report

    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("There is no Chromium: no picture of the report.")
        return
    with Study.open(study_file) as study:
        page = study_report(study, folder / "report")[0]
    target = folder / "report.png"
    subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder / 'chromium'}", "--window-size=1200,1500",
         f"--screenshot={target}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    print(target)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where all pictures go")
    parser.add_argument("--demo", type=Path, default=None, help="where the demo study is made")
    parser.add_argument("--only", choices=PARTS, default=None, help="take these pictures alone")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="napari-ptx-"))
    folder = options.folder or scratch / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    # The pictures show nothing of the machine that took them.
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(scratch))
    path = make_demo(options.demo or scratch / "demo")
    read_some(path, finished=7)
    if options.only in (None, "report"):
        picture_of_report(path, folder)
    if options.only == "report":
        return

    viewer = open_viewer()
    album = Album(viewer, folder)
    if options.only in (None, "study"):
        album.take("doors")
        album.hub.open_study(path)
        for tab in range(3):
            album.agreement(tab)
        album.hub.show("Study")
        album.take("study")
        album.wizard()
        album.reading()
    if options.only in (None, "adjudication"):
        name_adjudicator(path)
        album.hub.open_study(path)
        album.adjudication()
    if options.only in (None, "replay"):
        album.hub.open_study(path)
        album.replay()
    if options.only in (None, "models"):
        viewer.layers.clear()
        album.models(write_predictions(path, scratch / "run"))
    if options.only in (None, "phases"):
        album.hub.close_study()
        viewer.layers.clear()
        album.phases(scratch / "necks")
    if options.only in (None, "glands"):
        album.hub.close_study()
        album.hub.close_phases()
        viewer.layers.clear()
        album.glands(scratch / "glands")
    viewer.close()
    for name, source in SHOWN.items():
        if (folder / source).is_file():
            shrink(folder / source, IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
