"""Training on several GPUs: what torchrun starts, and what starts torchrun.

``train_together`` writes the crops and the settings into the folder ``job`` and runs

    torchrun --nproc-per-node=N -m napari_ptx.ultrasound.deep_main FOLDER

which can be done by hand, too, to finish what was killed.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

from napari_ptx.child import Progress
from napari_ptx.learn.launch import JOB, launch, serve
from napari_ptx.learn.manifest import write_text
from napari_ptx.learn.team import Team
from napari_ptx.ultrasound import deep
from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig
from napari_ptx.ultrasound.deep_fit import EPOCHS
from napari_ptx.ultrasound.errors import UltrasoundError


def train_together(
    train: Crops,
    validation: Crops,
    config: NetworkConfig,
    folder: str | Path,
    *,
    processes: int,
    note: str = "",
    progress: Progress | None = None,
) -> deep.TrainedNetwork:
    """Train as ``deep.train`` does, in several processes of PyTorch's own DDP.

    Parameters
    ----------
    train, validation, config, folder, note
        As in ``deep.train``; the batch is shared by the processes.
    processes
        One for each GPU; without a GPU they share the processor.
    progress
        Called after each epoch.

    Raises
    ------
    UltrasoundError
        As ``deep.train``.
    RuntimeError
        A process failed otherwise; with the end of what it wrote.
    """
    folder = Path(folder)
    job = folder / JOB
    job.mkdir(parents=True, exist_ok=True)
    train.write(job / "train.npz")
    validation.write(job / "validation.npz")
    write_text(job / "config.json", json.dumps({"config": config.to_json(), "note": note}))

    def watch() -> None:
        if progress is not None:
            done, text = _curve(folder / EPOCHS)
            progress(done, config.epochs, text)

    launch(__name__, folder, processes, UltrasoundError, watch)
    shutil.rmtree(job)
    return deep.load(folder)


def main(arguments: list[str]) -> int:
    """Train the job of a folder as one process of a team."""
    return serve(arguments, _train)


def _train(folder: Path, team: Team) -> None:
    job = folder / JOB
    held = json.loads((job / "config.json").read_text(encoding="utf-8"))
    deep.train(
        Crops.read(job / "train.npz"),
        Crops.read(job / "validation.npz"),
        NetworkConfig.from_json(held["config"]),
        folder,
        note=held["note"],
        team=team,
    )


def _curve(path: Path) -> tuple[int, str]:
    """How many epochs are done, and a word about the last."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        rows = []
    if not rows:
        return 0, "epoch 1"
    return len(rows), f"epoch {len(rows)}, validation AUC {float(rows[-1]['auc_validation']):.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
