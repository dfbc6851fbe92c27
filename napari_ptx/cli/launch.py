"""Starting the app in a process of its own: the command line itself never loads Qt."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.errors import PtxError


def has_screen() -> bool:
    """Tell whether a window can be shown here."""
    if platform.system() != "Linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def app(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A study (.ptx) or a reader's kit (.ptxkit)."),
    ] = None,
) -> None:
    """Open the app; on a reader's kit, its session begins at once."""
    raise typer.Exit(open_app(file))


def open_app(study: Path | None = None, *, glands: Path | None = None) -> int:
    """Open napari, wait for it to close, and return its status.

    Parameters
    ----------
    study
        Open it in the Study dock; a reader's kit opens with its session.
    glands
        The folder of a prediction: open it in the Glands dock.

    Raises
    ------
    PtxError
        Where napari or a Qt binding is not installed, or there is no screen, or
        the study file does not exist.
    """
    if study is not None and not study.is_file():
        raise PtxError(f"There is no study file {study}; make one with 'napari-ptx study new'.")
    if importlib.util.find_spec("napari") is None or not any(
        importlib.util.find_spec(binding) for binding in ("PyQt6", "PySide6", "PyQt5")
    ):
        raise PtxError(
            "The app needs napari with a Qt binding; install it with: "
            'python -m pip install "napari-ptx[app]".'
        )
    if not has_screen():
        raise PtxError(
            "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); use the "
            "commands (napari-ptx --help), or run under a virtual screen: xvfb-run napari-ptx."
        )
    command = [sys.executable, "-m", "napari_ptx.docks.app"]
    if study is not None:
        command += ["--study", str(study)]
    if glands is not None:
        command += ["--glands", str(glands)]
    return subprocess.run(command, check=False).returncode
