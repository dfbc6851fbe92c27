"""What the Study dock tells when its long work has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

if TYPE_CHECKING:
    from napari_ptx.study import Problem
    from napari_ptx.study.relink import Relinked

_NAMED = 10


def tell_exported(folder: Path, files: Sequence[Path], left_out: Sequence[str]) -> None:
    """Say what was exported, and what a format could not hold."""
    show_info(f"{len(files)} files exported to {folder}.")
    if left_out:
        show_warning("\n".join(left_out))


def tell_verified(problems: Sequence[Problem]) -> None:
    """Name the first problems that the record has, if any."""
    if problems:
        named = (problem.text for problem in problems[:_NAMED])
        show_warning("\n".join([f"{len(problems)} problems:", *named]))


def tell_relinked(result: Relinked) -> None:
    """Say how many images were found again, and name those that were not."""
    left = [*result.missing, *result.changed]
    text = f"{len(result.found)} images found again."
    if not left:
        show_info(text)
        return
    names = ", ".join(case for case, _ in left[:_NAMED])
    more = "" if len(left) <= _NAMED else f" and {len(left) - _NAMED} more"
    show_warning(
        f"{text} Missing {len(result.missing)}, changed {len(result.changed)}: {names}{more}. "
        "Choose another folder, or put the original files back."
    )


def open_report(page: Path, *, blinded: bool) -> None:
    """Open a report in the browser; never beside a reader at work."""
    if blinded:
        show_info("The report is written.")
        return
    opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))
    show_info(f"The report is {page}" + ("." if opened else "; open it in a browser."))
