"""Small real studies: PNG files on disk, a cohort table, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from napari_ptx.study import Protocol, Study
from tests.study.make import Clock, write_images


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def write_cohort(tmp_path: Path) -> Callable[..., Path]:
    """Write a cohort of ``count`` cases, with further columns that are the same for all."""

    def write(count: int = 6, extra: Sequence[tuple[str, str]] = ()) -> Path:
        return write_images(tmp_path, count, extra)

    return write


@pytest.fixture
def make_study(
    tmp_path: Path, clock: Clock, write_cohort: Callable[..., Path]
) -> Callable[..., Study]:
    """Make a study of ``count`` cases; protocol fields as keywords."""

    def make(count: int = 6, *, name: str = "demo", **protocol: Any) -> Study:
        settings: dict[str, Any] = {
            "readers": ("A", "B"),
            "reread": min(3, count),
            "washout_days": 60,
            **protocol,
        }
        return Study.create(
            tmp_path / f"{name}.ptx",
            write_cohort(count),
            Protocol(**settings),
            clock=clock,
        )

    return make
