"""What the line of the adjudicator runs in a child process. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_ptx.child import Progress


@dataclass(frozen=True)
class Count:
    """How far adjudication is, in numbers and as a sentence; ``rule`` says what is queued."""

    queued: int
    decided: int
    sentence: str
    rule: str


def count(study: Path, progress: Progress) -> Count:
    """Compare the readers of a study, and count what is decided."""
    from napari_ptx.study import Study

    with Study.open(study) as opened:
        status = opened.adjudication(progress=progress)
    return Count(len(status.queue), status.decided, status.sentence, status.rule)
