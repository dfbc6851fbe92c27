"""The studies that were opened last, newest first."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSettings

_KEY = "recent"
_LENGTH = 8


def _store() -> QSettings:
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-ptx", "recent")


def studies() -> tuple[Path, ...]:
    """Give the studies opened last that still exist, newest first."""
    paths = _store().value(_KEY, [])
    paths = [paths] if isinstance(paths, str) else (paths or [])
    return tuple(path for path in map(Path, paths) if path.exists())


def add(path: Path) -> None:
    """Put a study first."""
    path = path.resolve()
    others = [known for known in studies() if known != path]
    store = _store()
    store.setValue(_KEY, [str(known) for known in (path, *others)][:_LENGTH])
    store.sync()
