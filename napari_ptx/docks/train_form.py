"""What to train, from which cohort, with sound defaults; the rest is folded away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_ptx.docks.model_tasks import StudySource
from napari_ptx.docks.parts import combo, hint
from napari_ptx.docks.paths import PathEdit
from napari_ptx.errors import PtxError
from napari_ptx.ultrasound.config import CLASSIFIERS, RunConfig

if TYPE_CHECKING:
    from napari_ptx.study import Study

TABLES = "Cohort tables (*.csv *.parquet);;All files (*)"

_FAMILIES = {
    "radiomics": ("Radiomics", "567 PyRadiomics features, selected, and the best classifier"),
    "late": ("Late fusion", "The mean of the probabilities of radiomics and networks"),
    "resnet-1ch": ("ResNet, image", "A network on the image alone (one channel)"),
    "resnet-2ch": ("ResNet, + ROI", "A network on the image and its ROI (two channels)"),
    "merged-1": ("Merged 1", "Radiomics and the features of the network on the image, fused"),
    "merged-2": ("Merged 2", "Radiomics and the features of the network on image + ROI, fused"),
}
_CLASSIFIERS = {
    "lr": ("LR", "Logistic regression"),
    "svm": ("SVM", "Support vector machine"),
    "knn": ("kNN", "k nearest neighbours"),
    "rf": ("RF", "Random forest"),
    "mlp": ("MLP", "Multilayer perceptron"),
    "xgboost": ("XGBoost", "Boosted trees"),
    "lightgbm": ("LightGBM", "Boosted trees"),
}
_SCHEMES = {
    "nested": ("Nested cross-validation", "Every case is tested once; for small cohorts"),
    "paper": ("70/15/15, as in the paper", "One split into training, validation and test"),
}
_FILTERS = ("Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D")
_DEFAULTS = RunConfig()


class TrainForm(QWidget):
    """Asks for the cohort, the models, and where the run is to go."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, StudySource | None] = {}
        self.source = combo("Data", "Where the cases come from")
        self.cohort = PathEdit("Cohort table", TABLES)
        self.cohort.line.setPlaceholderText("case, patient, image, roi, label")
        self.cohort.setToolTip("One row per image: case, patient, image, roi, label (0 or 1)")
        self.note = QLineEdit()
        self.note.setPlaceholderText("thyroid nodules, a stand-in")
        self.note.setToolTip("What the data are; it goes on every table and figure of the run")
        self.families = {
            name: _tick(text, tip, name in _DEFAULTS.families)
            for name, (text, tip) in _FAMILIES.items()
        }
        self.scheme = combo("Testing", "How the models are tested")
        for name, (text, tip) in _SCHEMES.items():
            self.scheme.addItem(text, name)
            self.scheme.setItemData(self.scheme.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.arch = combo("Network", "The network; the paper has ResNet101", "resnet18", "resnet34",
                           "resnet50", "resnet101")  # fmt: skip
        self.size = _number(_DEFAULTS.size, 32, 2048, "Side of the network's input; 500 in the "
                            "paper", " px")  # fmt: skip
        self.epochs = _number(_DEFAULTS.epochs, 1, 10_000, "Most epochs; training stops early "
                              "where the validation AUC does not rise")  # fmt: skip
        self.folder = PathEdit("Folder of runs")
        self.folder.setToolTip("Where runs are kept, each in a folder of its own")
        self.name = QLineEdit()
        self.name.setToolTip("The folder of this run")
        self.problem = hint()
        self._make_advanced()
        self._lay_out()
        self._listen()

    def _make_advanced(self) -> None:
        self.classifiers = {
            name: _tick(
                _CLASSIFIERS[name][0],
                f"{_CLASSIFIERS[name][1]}; the best one on validation is kept",
                name in _DEFAULTS.classifiers,
            )
            for name in CLASSIFIERS
        }
        self.folds = _number(_DEFAULTS.folds, 2, 20, "Outer folds of the cross-validation")
        self.seed = _number(_DEFAULTS.seed, 0, 2**31 - 1, "Fixes splits, searches and networks")
        self.clinical = QLineEdit()
        self.clinical.setPlaceholderText("age, calcium, pth")
        self.clinical.setToolTip("Columns of the cohort that become a model of their own")
        self.mode = combo("Lesion", "How a lesion is cut out")
        self.mode.addItem("Stretched to a square (paper)", "paper")
        self.mode.addItem("True proportions", "spacing")
        self.extra = combo("Filter", "The sixth image type of the radiomics features", *_FILTERS)
        self.borders = _tick("Without borders, ticks", "What lies outside the sonogram is "
                             "taken out of the lesion", _DEFAULTS.mask_borders)  # fmt: skip
        self.grey = combo("Grey levels", "What becomes black and white in a crop")
        self.grey.addItem("As they are", "range")
        self.grey.addItem("By the lesion's own range", "lesion")
        self.features = PathEdit("Table of features", "Tables (*.parquet *.csv);;All files (*)")
        self.features.setToolTip("Made before, by us features or in a run; empty: made anew")
        self.icc = PathEdit("ICC of features", "Tables (*.csv);;All files (*)")
        self.icc.setToolTip("Only features at or above this ICC between readings are used")
        self.icc_threshold = QDoubleSpinBox()
        self.icc_threshold.setRange(-1.0, 1.0)
        self.icc_threshold.setSingleStep(0.05)
        self.icc_threshold.setValue(_DEFAULTS.icc_threshold)
        self.icc_threshold.setToolTip("The lowest ICC that a feature may have")
        self.weights = PathEdit("Weights of the network", "Weights (*.safetensors *.pth);;All (*)")
        self.weights.setToolTip("ImageNet weights to begin with; empty: begin with random ones")
        self.positive, self.negative = QLineEdit(), QLineEdit()
        self.positive.setPlaceholderText("malignant")
        self.negative.setPlaceholderText("benign")
        self.positive.setToolTip("What label 1 means")
        self.negative.setToolTip("What label 0 means")

    def _lay_out(self) -> None:
        self.fold_button = QToolButton()
        self.fold_button.setText("More settings")
        self.fold_button.setCheckable(True)
        self.fold_button.setAutoRaise(True)
        self.fold_button.setArrowType(Qt.ArrowType.RightArrow)
        self.fold_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold_button.setToolTip("Classifiers, folds, selection, names of the classes")

        inside = QWidget()
        form = self._form = QFormLayout(inside)
        form.setContentsMargins(0, 0, 6, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(6)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Data", self.source)
        form.addRow("Cohort", self.cohort)
        form.addRow("They are", self.note)
        form.addRow(_ticks(self.families, 2))
        form.addRow("Testing", self.scheme)
        form.addRow("Network", self.arch)
        form.addRow("Size", self.size)
        form.addRow("Epochs", self.epochs)
        form.addRow("Runs in", self.folder)
        form.addRow("Run", self.name)
        form.addRow(self.fold_button)
        self._advanced: list[QWidget] = [_ticks(self.classifiers, 3)]
        form.addRow(self._advanced[0])
        for text, field in (
            ("Folds", self.folds),
            ("Clinical", self.clinical),
            ("Lesion", self.mode),
            ("Filter", self.extra),
            ("Grey levels", self.grey),
            ("", self.borders),
            ("Features", self.features),
            ("ICC table", self.icc),
            ("ICC from", self.icc_threshold),
            ("Weights", self.weights),
            ("1 means", self.positive),
            ("0 means", self.negative),
            ("Seed", self.seed),
        ):
            form.addRow(text, field)
            self._advanced.append(field)
        self._fold(False)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        self.area = area
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(area, 1)
        layout.addWidget(self.problem)

    def _listen(self) -> None:
        self.fold_button.toggled.connect(self._fold)
        self.source.currentIndexChanged.connect(self._source_changed)
        for path in (self.cohort, self.folder, self.features, self.icc, self.weights):
            path.changed.connect(self._touched)
        for line in (self.note, self.name, self.clinical, self.positive, self.negative):
            line.textChanged.connect(self._touched)
        for box in (*self.families.values(), *self.classifiers.values(), self.borders):
            box.toggled.connect(self._touched)
        for choice in (self.scheme, self.arch, self.mode, self.extra, self.grey):
            choice.currentIndexChanged.connect(self._touched)
        for number in (self.size, self.epochs, self.folds, self.seed, self.icc_threshold):
            number.valueChanged.connect(self._touched)

    # What is asked for

    def offer_study(self, study: Study | None) -> None:
        """Offer the readers of the open study beside a cohort table."""
        chosen = self.source.currentText()
        self._sources = {"A cohort table": None}
        if study is not None:
            for reader in study.readers:
                text = f"{study.name}: outlines of {reader}"
                self._sources[text] = StudySource(study.path, reader)
        with QSignalBlocker(self.source):
            self.source.clear()
            self.source.addItems(list(self._sources))
            self.source.setCurrentIndex(max(0, self.source.findText(chosen)))
        self._source_changed()

    @property
    def data(self) -> Path | StudySource | None:
        """The cohort table or the study, or ``None`` while there is none."""
        study = self._sources.get(self.source.currentText())
        return self.cohort.path if study is None else study

    @property
    def run(self) -> Path | None:
        """The folder of the run that is to be made."""
        folder, name = self.folder.path, self._run_name()
        return None if folder is None or not name else folder / name

    def config(self) -> dict[str, Any]:
        """Give the configuration as plain values.

        Raises
        ------
        PtxError
            If the settings do not go together.
        """
        clinical = tuple(name for part in self.clinical.text().split(",") if (name := part.strip()))
        families = [name for name, box in self.families.items() if box.isChecked()]
        if clinical:
            families.append("clinical")
        return RunConfig(
            families=tuple(families),
            classifiers=tuple(name for name, box in self.classifiers.items() if box.isChecked()),
            scheme=self.scheme.currentData(),
            arch=self.arch.currentText(),
            size=self.size.value(),
            epochs=self.epochs.value(),
            folds=self.folds.value(),
            seed=self.seed.value(),
            clinical=clinical,
            mode=self.mode.currentData(),
            extra_filter=self.extra.currentText(),
            mask_borders=self.borders.isChecked(),
            normalise=self.grey.currentData(),
            features=str(self.features.path or ""),
            icc=str(self.icc.path or ""),
            icc_threshold=self.icc_threshold.value(),
            weights=str(self.weights.path or ""),
            note=self.note.text().strip(),
            positive=self.positive.text().strip(),
            negative=self.negative.text().strip(),
        ).to_json()

    def missing(self) -> str:
        """Say what is missing before training can start, or ""."""
        data = self.data
        if data is None:
            return "Choose a cohort table: one row per image with case, patient, image, roi, label."
        if isinstance(data, Path) and not data.is_file():
            return f"There is no file {data}."
        if self.run is None:
            return "Choose the folder that keeps the runs."
        if (self.run / "configs").is_dir():
            return f"There is a run {self.run.name} already; give this one another name."
        try:
            self.config()
        except PtxError as error:
            return error.message
        return ""

    def _run_name(self) -> str:
        return self.name.text().strip() or self.name.placeholderText()

    def _propose_name(self) -> None:
        """Name the run after its cohort, with a number where that is taken."""
        data, folder = self.data, self.folder.path
        if data is None:
            stem = ""
        elif isinstance(data, StudySource):
            stem = f"{data.study.stem}-{data.reader}"
        else:
            stem = data.parent.name if data.stem == "cohort" else data.stem
        proposed, number = stem, 1
        while stem and folder is not None and (folder / proposed).exists():
            number += 1
            proposed = f"{stem}-{number}"
        self.name.setPlaceholderText(proposed)

    def propose(self) -> None:
        """Look again which names are free, and what is missing."""
        self._touched()

    def _touched(self, *_: Any) -> None:
        self._propose_name()
        networks = any(
            self.families[name].isChecked()
            for name in ("resnet-1ch", "resnet-2ch", "merged-1", "merged-2")
        )
        for field in (self.arch, self.size, self.epochs):
            self._form.setRowVisible(field, networks)
        self.problem.setText(self.missing())
        self.problem.setVisible(bool(self.problem.text()))
        self.changed.emit()

    def _source_changed(self, *_: Any) -> None:
        study = self._sources.get(self.source.currentText())
        self._form.setRowVisible(self.cohort, study is None)
        self._touched()

    def _fold(self, opened: bool) -> None:
        for field in self._advanced:
            self._form.setRowVisible(field, opened)
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.fold_button.setArrowType(arrow)


def _ticks(boxes: Mapping[str, QCheckBox], columns: int) -> QWidget:
    """Lay tick boxes in a grid that takes the whole width."""
    widget = QWidget()
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, 0)
    for place, box in enumerate(boxes.values()):
        grid.addWidget(box, place // columns, place % columns)
    return widget


def _tick(text: str, tip: str, on: bool) -> QCheckBox:
    box = QCheckBox(text)
    box.setToolTip(tip)
    box.setChecked(on)
    return box


def _number(value: int, low: int, high: int, tip: str, suffix: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(suffix)
    box.setToolTip(tip)
    return box
