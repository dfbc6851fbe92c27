from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from napari_ptx.study import Study, StudyError
from tests.study.make import Clock, read_all, square


def test_round_2_waits_is_sealed_and_opens(make_study: Callable[..., Study], clock: Clock) -> None:
    study = make_study(6, reread=3, washout_days=60)
    assert study.status().of("A", 2).state == "waiting"
    with pytest.raises(StudyError, match="opens after round 1 is finished"):
        study.desk("A", 2)
    with pytest.raises(StudyError, match="opens after round 1 is finished"):
        study.desk("A", 2, early_reason="in a hurry")

    first = read_all(study, "A", 1, clock)
    ended = clock()
    status = study.status().of("A", 2)
    assert (status.state, status.total) == ("sealed", 3)
    assert status.opens_on == ended + timedelta(days=60)
    with pytest.raises(StudyError, match=f"sealed until {ended + timedelta(days=60):%Y-%m-%d}"):
        study.desk("A", 2)

    clock.advance(days=60, seconds=-1)
    with pytest.raises(StudyError, match="sealed"):
        study.desk("A", 2)
    clock.advance(seconds=1)
    assert study.status().of("A", 2).state == "open"
    second = read_all(study, "A", 2, clock)
    assert not set(second) & set(first)
    assert study.status().of("A", 2).early_reason is None
    assert study.verify() == ()


def test_the_second_round_has_another_order(make_study: Callable[..., Study], clock: Clock) -> None:
    study = make_study(20, reread=10, washout_days=0)
    orders = {}
    for round_ in (1, 2):
        with study.desk("A", round_) as desk:
            hashes = [desk.image(case.index).sha256 for case in desk.cases]
            names = {case.sha256: case.case for case in study.cases()}
            orders[round_] = [names[sha256] for sha256 in hashes]
            for case in desk.cases:
                desk.finish(case.index, not_assessable="shadow")
    assert set(orders[2]) < set(orders[1])
    assert [case for case in orders[1] if case in orders[2]] != orders[2]


def test_a_clock_that_was_set_back_does_not_open_it(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(3, washout_days=60)
    with study.desk("B", 1) as desk:
        desk.record(0, [square()], "freehand", {}, 1.0)
    honest = clock.time
    # Reader A sets the clock back by two months, reads, and sets it right again.
    clock.time = honest - timedelta(days=61)
    read_all(study, "A", 1, clock)
    with pytest.raises(StudyError, match="sealed"):
        study.desk("A", 2)
    clock.time = honest + timedelta(hours=1)
    assert study.status().of("A", 2).opens_on == honest + timedelta(days=60)
    with pytest.raises(StudyError, match="sealed"):
        study.desk("A", 2)
    assert all(reading.finished_at >= honest for reading in study.readings("A"))


def test_opening_early_needs_a_reason_that_stays_on_record(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(3)
    read_all(study, "A", 1, clock)
    with pytest.raises(StudyError, match="sealed"):
        study.desk("A", 2, early_reason="   ")
    study.desk("A", 2, early_reason="reader leaves in May").close()
    status = study.status().of("A", 2)
    assert (status.state, status.early_reason) == ("open", "reader leaves in May")
    # Once open, it is open: the reason is not asked for again, nor overwritten.
    study.desk("A", 2, early_reason="another").close()
    assert study.status().of("A", 2).early_reason == "reader leaves in May"
    rounds = study.status().to_json()["rounds"]
    assert [entry["early_reason"] for entry in rounds] == [None, "reader leaves in May", None, None]
    assert study.status().of("B", 2).state == "waiting"


def test_opening_round_2_closes_round_1(make_study: Callable[..., Study], clock: Clock) -> None:
    study = make_study(3)
    read_all(study, "A", 1, clock)
    study.desk("A", 1).close()
    clock.advance(days=61)
    with study.desk("A", 1), pytest.raises(StudyError, match="open in another window"):
        study.desk("A", 2)
    study.desk("A", 2).close()
    assert study.status().of("A", 1).state == "closed"
    with pytest.raises(StudyError, match="Round 1 of A is closed"):
        study.desk("A", 1)


def test_looking_at_the_cases_again_begins_the_washout_again(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(3, washout_days=10)
    read_all(study, "A", 1, clock)
    clock.advance(days=9)
    with study.desk("A", 1) as desk:
        desk.go(0, seconds=30.0)
    clock.advance(days=2)
    with pytest.raises(StudyError, match="sealed"):
        study.desk("A", 2)
    with study.desk("A", 1) as desk:
        desk.record(0, [square(), square(30)], "freehand", {}, 1.0)
    assert study.status().of("A", 2).state == "waiting"


def test_status_counts_cases_and_says_when_a_reader_was_last_at_work(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(4)
    before = study.status().of("A", 1)
    assert (before.total, before.started, before.finished) == (4, 0, 0)
    assert (before.opened, before.last_active) == (False, None)
    with study.desk("A", 1) as desk:
        clock.advance(minutes=5)
        desk.record(0, [square()], "freehand", {}, 1.0)
        desk.finish(0)
        clock.advance(minutes=5)
        desk.record(1, [square()], "freehand", {}, 1.0)
    after = study.status().of("A", 1)
    assert (after.started, after.finished, after.opened) == (1, 1, True)
    assert after.last_active == datetime(2026, 1, 5, 8, 10, tzinfo=UTC)
    assert study.status().of("B", 1).last_active is None
    with pytest.raises(KeyError):
        study.status().of("C", 1)


def test_a_naive_clock_is_a_fault_of_the_program(make_study: Callable[..., Study]) -> None:
    study = make_study(1, reread=0)
    with pytest.raises(ValueError, match="no time zone"):
        study.desk("A", 1, clock=lambda: datetime(2026, 1, 1))
