from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_ptx.roi import Outline
from napari_ptx.study import Desk, DeskCase, Protocol, Study, StudyError
from tests.study.make import Clock, read_all, square


def test_a_reader_works_through_a_worklist(make_study: Callable[..., Study], clock: Clock) -> None:
    study = make_study(3)
    desk = study.desk("A", 1)
    assert (desk.reader, desk.round, desk.study_name, desk.closed) == ("A", 1, "demo", False)
    assert (desk.position, desk.progress) == (0, (0, 3))
    assert [case.state for case in desk.cases] == ["new"] * 3

    draft = desk.record(0, [square()], "freehand", {"zoom": 2.5}, 4.0)
    assert draft.outlines == (square(),)
    assert (draft.can_undo, draft.can_redo, draft.state) == (True, False, "started")
    assert (draft.active_seconds, draft.view) == (4.0, {"zoom": 2.5})

    done = desk.finish(0, view={"zoom": 3.0}, seconds=1.5)
    assert done == DeskCase(0, desk.cases[0].code, "finished")
    assert desk.progress == (1, 3)
    (reading,) = study.readings()
    assert reading.outlines == (square(),)
    assert (reading.reader, reading.round, reading.revision) == ("A", 1, 1)
    assert (reading.active_seconds, reading.view) == (5.5, {"zoom": 3.0})
    assert (reading.assessable, reading.reason, reading.origin) == (True, None, "drawn")
    assert reading.finished_at == clock()
    desk.close()
    study.close()


def test_outlines_come_back_to_the_last_bit(make_study: Callable[..., Study]) -> None:
    points = np.random.default_rng(1).uniform(0, 48, (200, 2))
    hole = points[:5] / 3
    outlines = (Outline(points, (hole,)), square())
    study = make_study(1, reread=0)
    with study.desk("A", 1) as desk:
        desk.record(0, outlines, "freehand", {}, 1.0)
        desk.finish(0)
    with study.desk("A", 1) as desk:
        assert desk.draft(0).outlines == outlines
    (reading,) = study.readings()
    assert reading.outlines == outlines
    assert np.array_equal(reading.outlines[0].points, points)


def test_work_resumes_where_it_stopped(make_study: Callable[..., Study]) -> None:
    study = make_study(4)
    with study.desk("A", 1) as desk:
        codes = [case.code for case in desk.cases]
        desk.record(0, [square()], "freehand", {}, 2.0)
        desk.finish(0)
        desk.go(1)
        desk.record(1, [square(5)], "polygon", {"zoom": 4.0}, 3.0)
        desk.record(1, [square(5), square(20)], "polygon", {}, 2.0)
        desk.undo(1, seconds=0.5)
    with study.desk("A", 1) as desk:
        assert [case.code for case in desk.cases] == codes
        assert [case.state for case in desk.cases] == ["finished", "started", "new", "new"]
        assert desk.position == 1
        draft = desk.draft(1)
        assert draft.outlines == (square(5),)
        assert (draft.can_undo, draft.can_redo) == (True, True)
        assert (draft.active_seconds, draft.view) == (5.5, {"zoom": 4.0})
        assert desk.redo(1).outlines == (square(5), square(20))


def test_going_somewhere_is_remembered_and_keeps_the_time_of_what_is_left(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(4)
    with study.desk("A", 1) as desk:
        desk.go(2, view={"zoom": 9.0}, seconds=7.0)
        desk.go(2, seconds=1.0)
        with pytest.raises(IndexError):
            desk.go(4)
        with pytest.raises(IndexError):
            desk.go(-1)
    with study.desk("A", 1) as desk:
        assert desk.position == 2
        assert (desk.draft(0).active_seconds, desk.draft(0).view) == (7.0, {"zoom": 9.0})
        assert desk.draft(2).active_seconds == 1.0
        assert [case.state for case in desk.cases] == ["new"] * 4


def test_finishing_again_adds_a_revision_only_after_a_change(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(1, reread=0)
    with study.desk("A", 1) as desk:
        desk.record(0, [square()], "freehand", {}, 1.0)
        desk.finish(0)
        desk.finish(0)
        assert study.readings()[0].revision == 1
        desk.record(0, [square(), square(30)], "freehand", {}, 1.0)
        assert desk.cases[0].state == "started"
        assert study.readings()[0].outlines == (square(),)
        desk.finish(0)
        assert study.readings()[0].revision == 2
        # Back to what was finished first: a new revision, since the latest is another.
        desk.undo(0)
        desk.finish(0)
        assert study.readings()[0].revision == 3
        # There and back again changes nothing, but has to be finished.
        desk.redo(0)
        desk.undo(0)
        assert desk.cases[0].state == "started"
        assert desk.finish(0).state == "finished"
        assert study.readings()[0].revision == 3
    assert study.verify() == ()


def test_a_case_needs_an_outline_or_a_reason(make_study: Callable[..., Study]) -> None:
    study = make_study(2)
    with study.desk("A", 1) as desk:
        with pytest.raises(StudyError, match=f"Case {desk.cases[0].code} has no outline"):
            desk.finish(0)
        with pytest.raises(StudyError, match="no outline"):
            desk.finish(0, not_assessable="  ")
        desk.record(0, [square()], "freehand", {}, 1.0)
        desk.finish(0, not_assessable="shadow")
        assert desk.draft(0).not_assessable == "shadow"
        (reading,) = study.readings()
        assert (reading.assessable, reading.reason, reading.outlines) == (False, "shadow", ())
    with study.desk("A", 1) as desk:
        # The outline is still there for a reader who thinks again.
        assert desk.draft(0).not_assessable == "shadow"
        assert desk.draft(0).outlines == (square(),)
        desk.record(0, [square(), square(30)], "freehand", {}, 1.0)
        assert desk.draft(0).not_assessable is None
        desk.finish(0)
    (reading,) = study.readings()
    assert (reading.assessable, reading.revision) == (True, 2)
    assert study.verify() == ()


def test_a_closed_session_cannot_change_any_more(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(2)
    desk = study.desk("A", 1)
    with pytest.raises(StudyError, match="2 of 2 cases are not finished"):
        desk.close_session()
    for index in (0, 1):
        desk.record(index, [square()], "freehand", {}, 1.0)
        desk.finish(index)
    desk.close_session()
    assert desk.closed
    for change in (
        lambda: desk.record(0, [], "clear", {}, 0.0),
        lambda: desk.undo(0),
        lambda: desk.finish(0),
        lambda: desk.go(0),
        desk.close_session,
    ):
        with pytest.raises(StudyError, match="closed"):
            change()
    desk.close()
    with pytest.raises(StudyError, match="Round 1 of A is closed"):
        study.desk("A", 1)
    assert study.status().of("A", 1).state == "closed"


def test_a_desk_that_was_left_writes_nothing(make_study: Callable[..., Study]) -> None:
    desk = make_study(1, reread=0).desk("A", 1)
    desk.close()
    desk.close()
    with pytest.raises(StudyError, match="left this session"):
        desk.record(0, [square()], "freehand", {}, 1.0)


def test_a_second_window_on_one_session_is_refused(make_study: Callable[..., Study]) -> None:
    study = make_study(2)
    with study.desk("A", 1):
        with pytest.raises(StudyError, match="open in another window"):
            study.desk("A", 1)
        study.desk("B", 1).close()
    study.desk("A", 1).close()


def test_an_unknown_reader_or_round(make_study: Callable[..., Study]) -> None:
    study = make_study(2, reread=0)
    for reader, round_ in (("C", 1), ("A", 2)):
        with pytest.raises(StudyError, match=f"no round {round_} for a reader {reader}"):
            study.desk(reader, round_)


def test_an_outline_lies_on_a_frame_of_its_image(make_study: Callable[..., Study]) -> None:
    with make_study(1, reread=0).desk("A", 1) as desk:
        with pytest.raises(StudyError, match=f"frame 4, but case {desk.cases[0].code} has 1"):
            desk.record(0, [square(frame=3)], "freehand", {}, 1.0)
        assert desk.draft(0).state == "new"


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_duration_is_a_duration(make_study: Callable[..., Study], seconds: float) -> None:
    with make_study(1, reread=0).desk("A", 1) as desk:
        with pytest.raises(ValueError, match="duration"):
            desk.record(0, [square()], "freehand", {}, seconds)
        assert desk.draft(0).state == "new"


def test_two_readers_at_work_at_once_do_not_disturb_each_other(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(5)
    with study.desk("A", 1) as a, study.desk("B", 1) as b:
        for index in range(5):
            a.record(index, [square(4)], "freehand", {}, 1.0)
            b.record(index, [square(9)], "freehand", {}, 1.0)
            b.finish(index)
            a.finish(index)
    assert {reading.outlines[0] for reading in study.readings("A")} == {square(4)}
    assert {reading.outlines[0] for reading in study.readings("B")} == {square(9)}
    assert len(study.readings(round=1)) == 10
    assert study.verify() == ()


def test_a_full_disk_is_told_and_the_desk_stays_with_what_is_saved(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(1, reread=0)
    with study.desk("A", 1) as desk:
        desk.record(0, [square()], "freehand", {}, 1.0)
        with desk._store._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        big = Outline(np.random.default_rng(1).uniform(0, 40, (4000, 2)))
        with pytest.raises(StudyError, match="disk is full"):
            desk.record(0, [big], "freehand", {}, 1.0)
        assert desk.draft(0).outlines == (square(),)
        with desk._store._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert desk.record(0, [big], "freehand", {}, 1.0).outlines == (big,)
    assert study.verify() == ()


def test_strokes_and_readings_cannot_be_changed_or_deleted(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(2)
    read_all(study, "A", 1, clock)
    study.close()
    base = sqlite3.connect(study.path)
    for table in ("strokes", "readings", "events"):
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed or deleted"):
                base.execute(statement)
    base.close()


class DraftMachine(RuleBasedStateMachine):
    """A desk against a list of states and a cursor, closed and reopened at will."""

    folder: Path
    cohort: Path
    count = 0

    @initialize()
    def start(self) -> None:
        type(self).count += 1
        path = self.folder / f"machine{self.count}.ptx"
        self.study = Study.create(path, self.cohort, Protocol(readers=("A",)), clock=Clock())
        self.desk: Desk = self.study.desk("A", 1)
        self.states: list[tuple[Outline, ...]] = [()]
        self.cursor = 0
        self.finished: list[tuple[Outline, ...]] = []
        self.dirty = False

    @rule(tops=st.lists(st.integers(0, 30), max_size=3))
    def stroke(self, tops: list[int]) -> None:
        outlines = tuple(square(top) for top in tops)
        self.desk.record(0, outlines, "freehand", {}, 0.25)
        self.states = [*self.states[: self.cursor + 1], outlines]
        self.cursor += 1
        self.dirty = True

    @rule()
    def undo(self) -> None:
        self.desk.undo(0)
        self.dirty |= self.cursor > 0
        self.cursor = max(self.cursor - 1, 0)

    @rule()
    def redo(self) -> None:
        self.desk.redo(0)
        self.dirty |= self.cursor < len(self.states) - 1
        self.cursor = min(self.cursor + 1, len(self.states) - 1)

    @precondition(lambda self: self.states[self.cursor])
    @rule()
    def finish(self) -> None:
        self.desk.finish(0)
        if not self.finished or self.finished[-1] != self.states[self.cursor]:
            self.finished.append(self.states[self.cursor])
        self.dirty = False

    @rule()
    def reopen(self) -> None:
        self.desk.close()
        self.desk = self.study.desk("A", 1)

    @invariant()
    def the_desk_shows_the_model(self) -> None:
        draft = self.desk.draft(0)
        assert draft.outlines == self.states[self.cursor]
        assert draft.can_undo == (self.cursor > 0)
        assert draft.can_redo == (self.cursor < len(self.states) - 1)
        state = "started" if self.dirty else "finished" if self.finished else "new"
        assert draft.state == self.desk.cases[0].state == state
        assert [reading.outlines for reading in self.study.readings()] == self.finished[-1:]
        assert sum(reading.revision for reading in self.study.readings()) == len(self.finished)

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.close()
            assert self.study.verify() == ()
            self.study.close()


@pytest.mark.once
def test_undo_and_redo_follow_a_list_of_states_across_restarts(
    tmp_path: Path, write_cohort: Callable[..., Path]
) -> None:
    cohort = write_cohort(1)
    machine = type("Machine", (DraftMachine,), {"folder": tmp_path, "cohort": cohort})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.count >= 15
