"""Models on disk: only formats that hold data and no program, and a hash for each file.

scikit-learn goes through skops with an explicit list of trusted types, XGBoost and LightGBM
through their own text formats. Pickles are refused: opening one runs what is in it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_ptx.learn import manifest
from napari_ptx.ultrasound.classifiers import Classifier
from napari_ptx.ultrasound.errors import UltrasoundError

FORMAT = "napari-ptx run 1"

FILES = {"xgboost": "classifier.xgboost.json", "lightgbm": "classifier.lightgbm.txt"}
"""Where a classifier is kept; any other kind in ``classifier.skops``."""

TRUSTED = (
    "sklearn.tree._tree.Tree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.preprocessing._label.LabelBinarizer",
)
"""What a skops file may hold beside the types that skops trusts by itself."""

_CLASSES = {
    "lr": "LogisticRegression",
    "svm": "SVC",
    "knn": "KNeighborsClassifier",
    "rf": "RandomForestClassifier",
    "mlp": "MLPClassifier",
}
_CODE = ("models/", "networks/")


def write_text(path: Path, text: str) -> None:
    """Write a file at once: a kill leaves the old one or the new one.

    Raises
    ------
    UltrasoundError
        If it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise UltrasoundError(f"{path} cannot be written: {error.strerror}.") from None


def write_json(path: Path, value: Any) -> None:
    """Write JSON at once; what is undefined must be None."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UltrasoundError
        If it is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UltrasoundError(f"{path} is missing; copy the run folder again, whole.") from None
    except (OSError, ValueError):
        raise UltrasoundError(f"{path} is damaged (no JSON); copy the run folder again.") from None
    if not isinstance(value, dict):
        raise UltrasoundError(f"{path} is damaged (no object); copy the run folder again.")
    return value


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder at once: it is filled under another name and renamed when it is whole."""
    part = path.with_name(path.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    fill(part)
    if path.exists():
        shutil.rmtree(path)
    part.replace(path)


def save_classifier(classifier: Classifier, folder: Path) -> None:
    """Write a classifier into a folder, in the format of its library."""
    path = folder / FILES.get(classifier.kind, "classifier.skops")
    if classifier.kind in FILES:
        classifier.model.save_model(str(path))
        return
    import zipfile

    import skops.io

    skops.io.dump(classifier.model, path, compression=zipfile.ZIP_DEFLATED)


def load_classifier(folder: Path, kind: str) -> Classifier:
    """Read a classifier; nothing that it holds is run.

    Raises
    ------
    UltrasoundError
        If the file is missing, damaged, a pickle, or holds a type that is not trusted.
    """
    path = folder / FILES.get(kind, "classifier.skops")
    if not path.is_file():
        raise UltrasoundError(f"{path} is missing; copy the run folder again, whole.")
    refuse_pickle(path)
    if kind == "xgboost":
        return Classifier(kind, _load_xgboost(path))
    if kind == "lightgbm":
        return Classifier(kind, _load_lightgbm(path))
    return Classifier(kind, _load_skops(path, kind))


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is a pickle by its name or its first bytes.

    Raises
    ------
    UltrasoundError
        Saying why.
    """
    manifest.refuse_pickle(path, UltrasoundError)


def write_manifest(root: Path, facts: Mapping[str, Any]) -> None:
    """Hash every file of a run folder; the manifest comes last and says that it is whole."""
    manifest.write_manifest(root, FORMAT, facts)


def check_manifest(root: Path) -> dict[str, Any]:
    """Compare every file of a run folder with its hash and give the manifest.

    Raises
    ------
    UltrasoundError
        If a file is missing, changed, not listed, or a pickle.
    """
    return manifest.check_manifest(root, FORMAT, UltrasoundError, noun="run", closed=_CODE)


def _load_skops(path: Path, kind: str) -> Any:
    import zipfile

    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    damaged = UltrasoundError(f"{path} is damaged; copy the run folder again.")
    try:
        unknown = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
        if unknown:
            raise UltrasoundError(
                f"{path} holds types that a classifier has no use for "
                f"({', '.join(sorted(unknown)[:3])}); it is refused."
            )
        model = skops.io.load(path, trusted=list(TRUSTED))
    except UntrustedTypesFoundException:
        raise UltrasoundError(f"{path} holds types that are not trusted; it is refused.") from None
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, EOFError):
        raise damaged from None
    if type(model).__name__ != _CLASSES.get(kind):
        raise UltrasoundError(
            f"{path} holds a {type(model).__name__}, not a {_CLASSES.get(kind, kind)}; copy "
            "the run folder again."
        )
    return model


def _load_xgboost(path: Path) -> Any:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError:
        raise UltrasoundError(f"{path} is damaged; copy the run folder again.") from None
    return booster


def _load_lightgbm(path: Path) -> Any:
    import lightgbm

    try:
        return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError):
        raise UltrasoundError(f"{path} is damaged; copy the run folder again.") from None
