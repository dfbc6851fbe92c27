"""The values that the study room hands out: cases, readings, drafts, status, problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from napari_ptx.errors import PtxError
from napari_ptx.image.types import Region, spacing_at
from napari_ptx.roi.calibration import common_spacing
from napari_ptx.roi.outline import Outline, Roi

CaseState = Literal["new", "started", "finished"]
RoundState = Literal["open", "sealed", "waiting", "closed"]
Origin = Literal["drawn", "imported"]


class StudyError(PtxError):
    """Something about a study that a user can mend; the sentence names the case or file."""


@dataclass(frozen=True)
class CaseInfo:
    """One case as the coordinator knows it.

    Parameters
    ----------
    case, patient
        As the cohort table has them.
    image
        Absolute path of the image file; it is known by ``sha256``, not by its path.
    sha256
        SHA-256 of the decoded pixels (``image.Image.sha256``).
    axes, shape, frames
        The image's axes ("yx", "zyx", "tyx"), its size ``(y, x)`` in plane, and its
        number of frames or slices: what an outline's ``frame`` counts.
    spacing
        Millimetres per pixel ``(y, x)`` where the whole image is calibrated, else
        ``None``.
    regions
        Calibrated parts of an ultrasound image.
    extra
        The other columns of the cohort table (label, roi, age, ...). Empty cells are
        ``None``.
    """

    case: str
    patient: str
    image: Path
    sha256: str
    axes: str
    shape: tuple[int, int]
    frames: int
    spacing: tuple[float, float] | None
    regions: tuple[Region, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def spacing_at(self, y: float, x: float) -> tuple[float, float] | None:
        """Millimetres per pixel ``(y, x)`` at a position: the rule of ``Image.spacing_at``."""
        return spacing_at(self.regions, self.spacing, y, x)

    def spacing_of(self, outlines: Roi) -> tuple[float, float] | None:
        """Millimetres per pixel ``(y, x)`` that hold for all outlines, or ``None``."""
        return common_spacing(outlines, self)


@dataclass(frozen=True)
class Reading:
    """A reader's finished work on one case: the latest revision, or an earlier one.

    Parameters
    ----------
    case, patient, reader, round
        Whose reading of what it is; ``round`` is 1 or 2.
    revision
        1 for the first; each later one keeps the hash of the one before.
    outlines
        The ROI; empty where the case was not assessable.
    assessable, reason
        Whether the case could be outlined, and the reason where it could not.
    active_seconds
        Time at work on the case until this revision, without idle time.
    view
        Zoom, centre, window, tool and frame at the end, as the app recorded them.
    finished_at
        Aware, in UTC.
    origin
        "drawn" at a desk, or "imported" from a file.
    aided
        Whether the reader had seen the model's outline (the design "aided").
    recalled
        What the reader of a second round said to "seen before?"; ``None``: not asked.
    """

    case: str
    patient: str
    reader: str
    round: int
    revision: int
    outlines: tuple[Outline, ...]
    assessable: bool
    reason: str | None
    active_seconds: float
    view: Mapping[str, Any]
    finished_at: datetime
    origin: Origin
    aided: bool = False
    recalled: bool | None = None


@dataclass(frozen=True)
class DeskCase:
    """One case of a reader's worklist: all that a blinded session may know of it."""

    index: int
    code: str
    state: CaseState


@dataclass(frozen=True)
class Draft:
    """The work on one case as it stands, finished or not.

    Parameters
    ----------
    outlines
        The outlines now.
    can_undo, can_redo
        Whether there is a step to take back or to repeat; both survive a restart.
    active_seconds
        Time at work on the case so far.
    view
        The last view that was recorded with it.
    not_assessable
        The reason with which the case was finished without an outline, if it was.
    state
        "finished" only while nothing has changed since it was finished.
    locked
        Whether the unaided answer is given and the model's outline not shown yet:
        nothing can change until it is (``Desk.aid``).
    aid
        The model's outlines once they were shown (empty: the model found nothing),
        else ``None``.
    recalled
        The answer to "seen before?", if there is one.
    """

    outlines: tuple[Outline, ...]
    can_undo: bool
    can_redo: bool
    active_seconds: float
    view: Mapping[str, Any]
    not_assessable: str | None
    state: CaseState
    locked: bool = False
    aid: tuple[Outline, ...] | None = None
    recalled: bool | None = None


@dataclass(frozen=True)
class RoundStatus:
    """How far one reader is in one round.

    ``state`` is "open", "sealed" (finished round 1, washout not over), "waiting"
    (round 1 is not finished) or "closed" (nothing can change any more).
    ``opened`` tells whether the reader has been at its desk; ``opens_on`` is the end of
    the washout; ``early_reason`` is why a sealed round was
    opened before it; ``out`` that the session is away in a reader's kit.
    """

    reader: str
    round: int
    total: int
    started: int
    finished: int
    state: RoundState
    opened: bool
    opens_on: datetime | None
    last_active: datetime | None
    early_reason: str | None
    out: bool = False


@dataclass(frozen=True)
class Status:
    """A study at a glance: one entry per reader and round, and what to watch.

    ``verified`` is what the last ``Study.verify`` found: "at" (ISO 8601), "problems"
    (how many) and "images" (whether it read them); ``None`` if there was none.
    """

    name: str
    cases: int
    rounds: tuple[RoundStatus, ...]
    warnings: tuple[str, ...]
    verified: Mapping[str, Any] | None = None

    def of(self, reader: str, round: int) -> RoundStatus:
        """Give the entry of one reader and round; ``KeyError`` if there is none."""
        for entry in self.rounds:
            if (entry.reader, entry.round) == (reader, round):
                return entry
        raise KeyError((reader, round))

    def to_json(self) -> dict[str, Any]:
        """Give plain values; times are ISO 8601 in UTC."""

        def plain(entry: RoundStatus) -> dict[str, Any]:
            return {
                key: value.isoformat() if isinstance(value, datetime) else value
                for key, value in vars(entry).items()
            }

        return {
            "name": self.name,
            "cases": self.cases,
            "rounds": [plain(entry) for entry in self.rounds],
            "warnings": list(self.warnings),
            "verified": dict(self.verified) if self.verified else None,
        }


@dataclass(frozen=True)
class Problem:
    """One thing that ``Study.verify`` found wrong.

    Parameters
    ----------
    table, row
        Where: the table and the row's id (``None`` where it is the whole table).
    text
        A sentence that names the case, reader and round where there is one.
    """

    table: str
    row: int | None
    text: str
