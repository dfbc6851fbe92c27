"""The models that come with the package; ``examples/train_light_model.py`` made them."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "models"


def shipped_models(folder: Path = FOLDER) -> dict[str, Path]:
    """Give the folders of the models that come with the package, by title.

    The title is the metadata's ``title``, else ``name``, else the name of the folder. A
    folder without a manifest is no model; whether its files are whole is seen when it is
    opened (``bundle.open_model``).
    """
    found: dict[str, Path] = {}
    for place in sorted(folder.glob("*/manifest.json")):
        try:
            said = json.loads(
                (place.parent / "configs" / "metadata.json").read_text(encoding="utf-8")
            )
        except (OSError, ValueError):
            said = {}
        title = said.get("title") or said.get("name") if isinstance(said, dict) else None
        found[str(title or place.parent.name)] = place.parent
    return found


def find_model(named: str | Path) -> Path:
    """Give the folder of a model: itself, or the one that comes with the package by its name."""
    place = Path(named)
    shipped = FOLDER / place.name
    named_only = not place.exists() and place.parent == Path()
    return shipped if named_only and shipped.is_dir() else place
