"""Our page of napari's preferences (``contributions.configurations`` in the manifest)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.settings import get_plugin_settings

_PLUGIN = "napari-ptx"


def _group(name: str) -> Any:
    """Give one group of settings, or ``None`` where the manifest is not registered."""
    try:
        return getattr(get_plugin_settings(_PLUGIN), name)
    except KeyError:  # run from code, with the plugin disabled
        return None


def study_folder() -> Path:
    """Give the folder where the file dialogs begin and the demo is made."""
    group = _group("study")
    text = "" if group is None else group.folder.strip()
    return Path(text).expanduser() if text else Path.home() / "napari-ptx"


def reviewer() -> str:
    """Give the name that is written beside comments on predictions, or ""."""
    group = _group("review")
    return "" if group is None else group.name.strip()


def set_reviewer(name: str) -> None:
    """Remember the name that is written beside comments."""
    group = _group("review")
    if group is not None:
        group.name = name.strip()


def runs_folder() -> Path:
    """Give the folder that keeps the runs of models."""
    group = _group("models")
    text = "" if group is None else group.folder.strip()
    return Path(text).expanduser() if text else study_folder() / "runs"


def set_runs_folder(folder: Path) -> None:
    """Remember the folder that keeps the runs of models."""
    group = _group("models")
    if group is not None and folder != runs_folder():
        group.folder = str(folder)


def outline_width() -> float:
    """Give the width of compared outlines, in screen pixels."""
    group = _group("agreement")
    return 2.0 if group is None else float(group.outline_width)
