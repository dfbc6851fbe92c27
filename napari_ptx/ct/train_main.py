"""Training on several GPUs: what torchrun starts; see ``train.train`` and ``learn.launch``."""

from __future__ import annotations

import sys
from pathlib import Path

from napari_ptx.ct.train import fit
from napari_ptx.learn.launch import serve
from napari_ptx.learn.team import Team


def main(arguments: list[str]) -> int:
    """Train the job of a folder as one process of a team."""
    return serve(arguments, _fit)


def _fit(folder: Path, team: Team) -> None:
    fit(folder, team)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
