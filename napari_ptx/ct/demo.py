"""Simulated necks with the candidates of the model that comes with the package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from napari_ptx.child import Progress
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.shipped import find_model

PREDICTION = "prediction"
_SEED = 11


def default_folder() -> Path:
    """Give the folder in which the demo is made where no other is named."""
    return Path.home() / "napari-ptx" / "demo"


def make_demo(folder: str | Path, *, patients: int = 3, progress: Progress | None = None) -> Path:
    """Simulate some necks once, look for glands in them, and give the folder of the prediction.

    The necks are not among those that the model was trained on. What people decided in the
    demo is kept: it is made once.

    Parameters
    ----------
    folder
        Where the demo lives. Each version of the phantom and of the model has its own folder
        in it.
    patients
        How many, at least 1.

    Raises
    ------
    CtError
        If the folder cannot be written, or the demo in it has lost its files.
    """
    from napari_ptx.ct.bundle import open_model
    from napari_ptx.ct.predict import predict
    from napari_ptx.phantom.ct.files import write_cohort
    from napari_ptx.phantom.ct.scene import VERSION, Settings

    model = open_model(find_model("light"))
    home = Path(folder).expanduser().absolute()
    target = home / f"simulated-necks-v{VERSION}-{patients}-{model.sha256[:8]}"
    if (target / PREDICTION / "prediction.json").is_file() and (target / "cohort.csv").is_file():
        return target / PREDICTION
    if target.exists():
        raise CtError(
            f"{target} is there but is not a complete demo; move it away or remove it, and try "
            "again."
        )
    draft = home / f".{target.name}.{os.getpid()}.new"
    try:
        draft.mkdir(parents=True)
        write_cohort(draft, patients, _SEED, Settings(region="bed"), progress=progress)
        predict(model, draft / "cohort.csv", draft / PREDICTION, progress=progress)
        draft.rename(target)
    except OSError as error:
        raise CtError(
            f"The demo cannot be written into {home} ({error.strerror or error}); choose another "
            "folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target / PREDICTION
