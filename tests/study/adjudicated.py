"""A study for the tests of adjudication: which squares the readers draw on which case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_ptx.roi import Outline
from napari_ptx.study import Study
from napari_ptx.study.adjudication import AdjudicationDesk
from tests.study.make import Clock, square

SENIOR = "Senior"

Drawn = list[Outline] | str
"""Outlines, or the reason why a case is not assessable."""


def agreeing() -> list[Outline]:
    return [square(10, 12, 10)]


def shifted() -> list[Outline]:
    """Give a square that overlaps the agreed one by half: Dice 0.5."""
    return [square(10, 17, 10)]


def read(
    study: Study, reader: str, drawn: Mapping[str, Drawn], clock: Clock, *, only: int | None = None
) -> None:
    """Let a reader finish the first round: what is not said is the agreed square."""
    names = {info.sha256: info.case for info in study.cases()}
    with study.desk(reader, 1, clock=clock) as desk:
        for entry in desk.cases[:only]:
            what = drawn.get(names[desk.image(entry.index).sha256], agreeing())
            clock.advance(seconds=20)
            if isinstance(what, str):
                desk.finish(entry.index, not_assessable=what)
            else:
                desk.record(entry.index, what, "freehand", {}, 3.0)
                desk.finish(entry.index, seconds=1.0)


def disagreeing(
    make_study: Callable[..., Study], clock: Clock, count: int = 6, **protocol: Any
) -> Study:
    """Make a study of two readers who disagree on cases 1 (place), 2 (number), 3 (assessable).

    They agree on the others; on case 4 that it is not assessable.
    """
    options = {"reread": 0, "adjudicator": SENIOR, "seed": 3, **protocol}
    study = make_study(count, **options)
    two = [square(10, 12, 10), square(30, 40, 3)]
    read(study, "A", {"case-4": "Image quality too poor"}, clock)
    read(
        study,
        "B",
        {
            "case-1": shifted(),
            "case-2": two,
            "case-3": "No lesion visible",
            "case-4": "No lesion visible",
        },
        clock,
    )
    return study


def case_of(study: Study, desk: AdjudicationDesk, index: int) -> str:
    """Say which case an entry is: a test may know."""
    names = {info.sha256: info.case for info in study.cases()}
    return names[desk.image(index).sha256]


def place_of(study: Study, desk: AdjudicationDesk, case: str) -> int:
    """Give the first entry of a case."""
    return next(one.index for one in desk.cases if case_of(study, desk, one.index) == case)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
