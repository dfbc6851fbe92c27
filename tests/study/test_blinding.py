"""Nothing reaches a reader's session that could unblind it: canaries are searched for."""

from __future__ import annotations

import gc
import pickle
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Picture

from napari_ptx.study import Desk, Protocol, Study, StudyError
from tests.study.make import Clock, read_all, square

CANARIES = (
    *("case-", "patient-", "canary-file", "cohort.csv", "canary-folder"),
    *("canary-label", "canary-extra", "Reader Canary", "canary-reason", "canary-action"),
    "76.625",  # a coordinate of the other reader's outline
    "32.875",  # one of this reader's first round
)


@pytest.fixture
def desk(tmp_path: Path, write_cohort: Callable[..., Path], clock: Clock) -> Desk:
    table = write_cohort(4, extra=[("label", "canary-label"), ("site", "canary-extra")])
    protocol = Protocol(readers=("A", "Reader Canary"), reread=2)
    study = Study.create(tmp_path / "study.ptx", table, protocol, clock=clock)
    with study.desk("Reader Canary", 1) as other:
        other.record(0, [square(77.125)], "canary-action", {"note": "canary-reason"}, 1.0)
        other.finish(0)
        other.finish(1, not_assessable="canary-reason")
    with study.desk("A", 1) as first:
        for case in first.cases:
            first.record(case.index, [square(33.375)], "canary-action", {}, 1.0)
            first.finish(case.index)
    clock.advance(days=61)
    return study.desk("A", 2)


def canaries(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def test_no_public_value_holds_a_canary(desk: Desk) -> None:
    values: list[object] = [getattr(desk, name) for name in dir(desk) if not name.startswith("_")]
    for case in desk.cases:
        values += [desk.draft(case.index), desk.image(case.index)]
        values.append(desk.record(case.index, [square(3)], "freehand", {"zoom": 1.0}, 1.0))
        values.append(desk.finish(case.index))
    searched = 0
    for value in values:
        if isinstance(value, types.MethodType):
            continue
        assert canaries(repr(value)) == []
        assert canaries(pickle.dumps(value).decode("latin-1")) == []
        searched += 1
    assert searched >= 8 + 4 * len(desk.cases)
    desk.close()


def test_no_object_within_reach_of_a_desk_holds_a_canary(desk: Desk) -> None:
    """Follow every reference, private ones too, as a console could."""
    for case in desk.cases:
        desk.draft(case.index)
        desk.image(case.index)
    gc.collect()
    code = (type, types.ModuleType, types.FunctionType, types.CodeType, types.FrameType)
    seen: dict[int, object] = {}
    waiting: list[object] = [desk]
    found = []
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, code):
            continue
        seen[id(value)] = value
        if isinstance(value, str | bytes):
            text = value if isinstance(value, str) else value.decode("latin-1")
            # The study file itself may lie in any folder.
            if canaries(text.replace(str(desk._store.path.parent), "")):
                found.append(text)
        waiting += gc.get_referents(value)
    assert len(seen) > 200
    assert found == []
    desk.close()


def errors_of(desk: Desk) -> list[BaseException]:
    """Give all that goes wrong at a desk whose images were tampered with."""
    errors: list[BaseException] = []
    for action in (
        lambda: desk.image(0),
        lambda: desk.image(1),
        lambda: desk.finish(0),
        lambda: desk.record(0, [square(frame=9)], "", {}, 0.0),
        desk.close_session,
    ):
        with pytest.raises(StudyError) as caught:
            action()
        error: BaseException | None = caught.value
        while error is not None:
            errors.append(error)
            error = error.__cause__ or error.__context__
    return errors


def test_no_error_holds_a_canary_and_images_are_named_by_their_code(
    desk: Desk, tmp_path: Path
) -> None:
    names = {desk.image(case.index).sha256: case for case in desk.cases}
    with Study.open(tmp_path / "study.ptx") as study:
        files = {names[case.sha256].index: case.image for case in study.cases()
                 if case.sha256 in names}  # fmt: skip
    files[0].unlink()
    Picture.new("L", (64, 48), 9).save(files[1])
    errors = errors_of(desk)
    # One each: nothing is chained to them.
    assert len(errors) == 5
    for error in errors:
        assert canaries(f"{error} {error!r}") == []
        assert error.__context__ is None
    assert desk.cases[0].code in str(errors[0])
    assert "moved, removed or damaged" in str(errors[0])
    assert desk.cases[1].code in str(errors[1])
    assert "has changed" in str(errors[1])
    desk.close()


def test_a_database_error_holds_no_canary(desk: Desk) -> None:
    with desk._store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StudyError, match="read-only") as caught:
        desk.record(0, [square(3)], "freehand", {}, 1.0)
    error: BaseException | None = caught.value
    while error is not None:
        assert canaries(f"{error} {error!r} {vars(error)}") == []
        error = error.__cause__ or error.__context__
    desk.close()


def test_a_reader_s_worklist_says_nothing_of_the_order_of_the_cohort(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(6)
    codes = read_all(study, "A", 1, clock)
    others = read_all(study, "B", 1, clock)
    assert len(set(codes)) == 6
    assert codes != others
