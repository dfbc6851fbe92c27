"""What the Study dock does with kits in a child process. Nothing here imports Qt or napari."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.child import Progress

if TYPE_CHECKING:
    from napari_ptx.study.lint import Lint
    from napari_ptx.study.merging import Merged


def make_kit(
    study: Path,
    reader: str,
    round: int,
    target: Path,
    early_reason: str | None,
    progress: Progress | None = None,
) -> tuple[Path, int]:
    """Make a kit, and give it with the number of its cases."""
    from napari_ptx.study import Study

    with Study.open(study) as opened:
        cases = opened.make_kit(reader, round, target, early_reason=early_reason, progress=progress)
    return target, cases


def merge(
    study: Path, kits: Sequence[Path], progress: Progress | None = None
) -> tuple[Merged, ...]:
    """Bring kits home."""
    from napari_ptx.study import Study

    with Study.open(study) as opened:
        return opened.merge(kits, progress=progress)


def lint(study: Path, progress: Progress | None = None) -> Lint:
    """Look for what could unblind a reader."""
    from napari_ptx.study.lint import lint as look

    return look(study, progress=progress)
