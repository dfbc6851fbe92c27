from __future__ import annotations

import json
from pathlib import Path

from napari_ptx.ct.shipped import shipped_models


def test_models_are_listed_by_title_and_only_whole_ones(tmp_path: Path) -> None:
    for name, said in (("light", {"title": "Simulated necks, light"}), ("other", {}), ("half", {})):
        (tmp_path / name / "configs").mkdir(parents=True)
        (tmp_path / name / "configs" / "metadata.json").write_text(json.dumps(said))
        if name != "half":
            (tmp_path / name / "manifest.json").write_text("{}")
    assert shipped_models(tmp_path) == {
        "Simulated necks, light": tmp_path / "light",
        "other": tmp_path / "other",
    }
    assert all((path / "manifest.json").is_file() for path in shipped_models().values())
