"""Training on several GPUs: what torchrun starts, and what starts torchrun.

``train_together`` writes the crops and the settings into the folder ``job`` and runs

    torchrun --nproc-per-node=N -m napari_ptx.ultrasound.deep_main FOLDER

which can be done by hand, too, to finish what was killed.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from napari_ptx.child import Progress
from napari_ptx.ultrasound import deep
from napari_ptx.ultrasound.checkpoint import write_text
from napari_ptx.ultrasound.deep_data import Crops, NetworkConfig
from napari_ptx.ultrasound.deep_fit import EPOCHS
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.team import torchrun_team

JOB, REFUSED = "job", "refused.json"
_POLL = 1.0
_WITH_PARENT = "--with-parent"


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
    (job / REFUSED).unlink(missing_ok=True)
    train.write(job / "train.npz")
    validation.write(job / "validation.npz")
    write_text(job / "config.json", json.dumps({"config": config.to_json(), "note": note}))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", "-m", __name__, str(folder), _WITH_PARENT]
    with tempfile.TemporaryFile() as log:
        # The pipe stays open as long as this process lives: see _end_with_parent.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                if progress is not None:
                    done, text = _curve(folder / EPOCHS)
                    progress(done, config.epochs, text)
                try:
                    process.wait(_POLL)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
        if (job / REFUSED).exists():
            raise UltrasoundError(json.loads((job / REFUSED).read_text(encoding="utf-8")))
        if process.returncode:
            log.seek(0)
            words = log.read()[-4000:].decode(errors="replace")
            raise RuntimeError(f"torchrun ended with status {process.returncode}:\n{words}")
    shutil.rmtree(job)
    return deep.load(folder)


def main(arguments: list[str]) -> int:
    """Train the job of a folder as one process of a team."""
    folder = Path(arguments[0])
    if _WITH_PARENT in arguments:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    job = folder / JOB
    held = json.loads((job / "config.json").read_text(encoding="utf-8"))
    with torchrun_team() as team:
        try:
            deep.train(
                Crops.read(job / "train.npz"),
                Crops.read(job / "validation.npz"),
                NetworkConfig.from_json(held["config"]),
                folder,
                note=held["note"],
                team=team,
            )
        except UltrasoundError as error:
            if team.leads:
                write_text(job / REFUSED, json.dumps(error.message))
                print(error.message, file=sys.stderr)
            return 2
    return 0


def _end_with_parent() -> None:
    """End this process at once when the one that started torchrun is gone, or cancels.

    torchrun hands its standard input on; it ends when the parent does, however it ends.
    """
    # Not through sys.stdin: Python aborts when it ends while a thread reads that.
    while os.read(0, 1):
        pass
    os._exit(1)


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
