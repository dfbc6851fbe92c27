"""Kits of a study that shows a model's outlines: locked first, shown after, home again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from napari_ptx.roi import rasterise, write_mask
from napari_ptx.study import Kit, Protocol, Study, StudyError
from tests.study.make import Clock, square, write_images
from tests.study.test_kit_canaries import contents, encodings

pytestmark = pytest.mark.once

MODEL = square(20, 20, 6)


@pytest.fixture
def study(tmp_path: Path, clock: Clock) -> Study:
    """Three cases, the last without an outline of the model; A has begun the first."""
    table = write_images(tmp_path, 3)
    write_mask(table.parent / "canary-aid.png", rasterise([MODEL], (48, 64), 0))
    files = ("aid", "canary-aid.png", "canary-aid.png", "")
    rows = zip(table.read_text().splitlines(), files, strict=True)
    table.write_text("\n".join(f"{row},{aid}" for row, aid in rows))
    protocol = Protocol(readers=("A", "B"), design="aided")
    made = Study.create(tmp_path / "aided.ptx", table, protocol, clock=clock)
    with made.desk("A", 1) as desk:
        desk.record(0, [square(3)], "freehand", {}, 1.0)
        desk.finish(0)
        desk.aid(0)
        desk.finish(0)
    return made


@pytest.fixture
def kit(study: Study, tmp_path: Path, clock: Clock) -> Kit:
    assert study.make_kit("A", 1, tmp_path / "A1.ptxkit") == 3
    return Kit(tmp_path / "A1.ptxkit", clock=clock)


def test_a_session_is_read_away_and_comes_home(study: Study, kit: Kit) -> None:
    shown = {}
    assert kit.progress == (1, 3)
    with kit.desk() as desk:
        assert desk.aided
        for index in (1, 2):
            with pytest.raises(StudyError, match="on your own first"):
                desk.aid(index)
            desk.record(index, [square(5)], "freehand", {}, 1.0)
            desk.finish(index)
            with pytest.raises(StudyError, match="is locked"):
                desk.record(index, [square(6)], "freehand")
            assert desk.cases[index].state == "started"
            shown[desk.image(index).sha256] = desk.aid(index)
            desk.record(index, [square(7)], "freehand", {}, 1.0)
            desk.finish(index)
        desk.close_session()
    assert kit.progress == (3, 3)
    for case in study.cases():
        if case.sha256 in shown:
            assert shown[case.sha256] == study.aid(case.case)
    (merged,) = study.merge([kit.path])
    assert (merged.finished, merged.cases, merged.closed) == (3, 3, True)
    assert [r.aided for r in study.readings("A", aided=None)] == [False, True] * 3
    assert study.verify(images=True) == ()


def test_half_of_a_case_is_not_finished(study: Study, kit: Kit) -> None:
    with kit.desk() as desk:
        desk.record(1, [square(5)], "freehand")
        desk.finish(1)
    assert kit.progress == (1, 3)
    assert study.merge([kit.path])[0].finished == 1
    assert study.verify() == ()


def test_another_outline_than_the_models_is_refused(study: Study, kit: Kit) -> None:
    with sqlite3.connect(kit.path) as db:
        assert db.execute("UPDATE truth SET value = '[]'").rowcount == 3
    with pytest.raises(StudyError, match="not as this study made it"):
        study.merge([kit.path])


def test_no_name_of_a_file_goes_along(kit: Kit) -> None:
    for content in contents(kit.path):
        for form in encodings("canary-aid"):
            assert form not in content
