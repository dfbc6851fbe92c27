"""``napari-ptx doctor``: what this machine has, what is missing, how to get it."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from napari_ptx.cli.launch import has_screen

# Shared library -> Debian package; what Qt's xcb plugin and OpenGL need on a bare Linux.
LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
    "xcb-xinerama": "libxcb-xinerama0",
    "xcb-xkb": "libxcb-xkb1",
    "xcb-xfixes": "libxcb-xfixes0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
}

# Distribution -> the extra of ours that brings it.
PACKAGES = {
    "pydicom": "",
    "SimpleITK": "",
    "SQLAlchemy": "",
    "napari": "app",
    "magicgui": "app",
    "torch": "models",
    "monai": "models",
    "pyradiomics-bhklab": "models",
    "lightgbm": "models",
    "xgboost": "models",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    found: str
    ok: bool
    needed_for: str
    remedy: str = ""


def check_all() -> list[Check]:
    """Look at everything that the app, the models and the tests need."""
    checks = [_python(), _compiler(), *_packages(), _binding()]
    if sys.platform.startswith("linux"):
        checks += _libraries()
        checks.append(_screen())
    checks.append(_window())
    return checks


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Check what the app needs on this machine, and say how to get what is missing.

    Ends with status 1 where something is missing.
    """
    checks = check_all()
    if json_:
        import json

        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _show(checks: list[Check]) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "What", "Found", "Needed for"):
        table.add_column(heading)
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[red]missing[/]"
        table.add_row(mark, check.what, check.found, check.needed_for)
    console.print(table)
    missing = [check for check in checks if not check.ok]
    debian = [check.remedy for check in missing if check.remedy.startswith("apt: ")]
    if debian:
        names = " ".join(remedy.removeprefix("apt: ") for remedy in debian)
        console.print(f"\nOn Debian or Ubuntu: sudo apt-get install {names}", soft_wrap=True)
    for remedy in dict.fromkeys(check.remedy for check in missing):
        if remedy and not remedy.startswith("apt: "):
            console.print(f"\n{remedy}", soft_wrap=True, markup=False)
    if not missing:
        console.print("\nEverything is here.")


def _python() -> Check:
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Check("Python", platform.python_version(), good, "all", "Use Python 3.11, 3.12 or 3.13.")


def _compiler() -> Check:
    found = next(
        (path for name in ("cc", "gcc", "clang", "cl") if (path := shutil.which(name))), ""
    )
    # pyradiomics-bhklab has no wheel; once it is built the compiler has done its work.
    ok = bool(found) or _version("pyradiomics-bhklab") is not None
    return Check("C compiler", found or "none", ok, "building pyradiomics-bhklab", "apt: gcc")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> list[Check]:
    checks = []
    for name, extra in PACKAGES.items():
        version = _version(name)
        target = f"napari-ptx[{extra}]" if extra else "napari-ptx"
        remedy = f'python -m pip install "{target}"'
        purpose = {"app": "the app", "models": "training and running models"}.get(extra, "all")
        checks.append(Check(name, version or "none", version is not None, purpose, remedy))
    return checks


def _binding() -> Check:
    found = [name for name in ("PyQt6", "PySide6", "PyQt5") if importlib.util.find_spec(name)]
    remedy = 'python -m pip install "napari-ptx[app]"'
    return Check("Qt binding", ", ".join(found) or "none", bool(found), "the app", remedy)


def _libraries() -> list[Check]:
    return [
        Check(f"lib{name}", found or "none", bool(found), "windows", f"apt: {package}")
        for name, package in LIBRARIES.items()
        for found in [ctypes.util.find_library(name)]
    ]


def _screen() -> Check:
    if has_screen():
        name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY", "")
        return Check("screen", name, True, "the app")
    virtual = shutil.which("xvfb-run") or ""
    found = f"none, but {virtual}" if virtual else "none"
    return Check("screen", found, bool(virtual), "the app, its tests", "apt: xvfb xauth")


# Qt ends the process where a library is missing, so it is started in one of its own.
_OPEN_WINDOW = """
import sys
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QApplication
app = QApplication([])
sys.exit(0 if QOpenGLContext().create() else "there is no OpenGL driver")
"""


def _window() -> Check:
    """Start Qt and ask it for OpenGL, as the viewer will."""
    what, purpose = "a window with OpenGL", "the app"
    command = [sys.executable, "-c", _OPEN_WINDOW]
    if not has_screen():
        if not shutil.which("xvfb-run"):
            return Check(what, "no screen to try it on", False, purpose)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24 +extension GLX", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return Check(what, "no answer within 60 s", False, purpose)
    if done.returncode == 0:
        return Check(what, "opens", True, purpose)
    words = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return Check(what, words, False, purpose, "apt: libgl1-mesa-dri")
