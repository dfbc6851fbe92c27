"""Adjudication: what is queued, what the adjudicator may see, and that all of it is kept."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_ptx.study import Study, StudyError, disagreement
from napari_ptx.study import adjudication_record as record
from napari_ptx.study.adjudication_plan import repeated_order
from napari_ptx.study.comparisons import overlap_of
from napari_ptx.study.pins import PinError
from tests.study.adjudicated import (
    SENIOR,
    case_of,
    disagreeing,
    place_of,
    read,
    shifted,
)
from tests.study.make import Clock, square

Make = Callable[..., Study]


def test_what_breaks_the_rule_is_queued_with_its_reasons(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    status = study.adjudication()
    assert {one.case: one.reasons for one in status.queue} == {
        "case-1": ("Dice 0.50 is below 0.8",),
        "case-2": ("1 against 2 lesions",),
        "case-3": ("assessable for one reader only",),
    }
    assert (status.compared, status.decided) == (6, 0)
    assert status.sentence == "0 of 3 disagreements decided"
    by_case = {one.case: one for one in status.queue}
    assert by_case["case-1"].dice == pytest.approx(0.5)
    assert by_case["case-1"].hd95 == pytest.approx(5)
    assert by_case["case-3"].hd95 == math.inf
    with study._store.read() as db:
        found = disagreement.differences(db, study.path, study.protocol)
    both_empty = next(one for one in found if one.case == "case-4")
    assert (both_empty.dice, both_empty.hd95, both_empty.reasons) == (1, 0, ())
    # The same numbers as in the agreement, by another way.
    one, two = study.readings("A", 1), study.readings("B", 1)
    for first, second, known in zip(one, two, found, strict=True):
        expected = overlap_of(first, second, (48, 64), (1.0, 1.0), 1.0)
        assert (known.dice, known.hd95) == (expected["dice"], expected["hd95"])


def test_all_cases_are_queued_where_the_protocol_says_so(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock, adjudicate="all", adjudicator_repeats=2)
    assert len(study.adjudication().queue) == 6
    with study.adjudication_desk() as desk:
        assert desk.progress == (0, 8)


def test_the_adjudicators_pin_is_asked(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    study.set_pin(SENIOR, "1234")
    with pytest.raises(PinError, match=f"{SENIOR} has set a PIN"):
        study.adjudication_desk()
    with pytest.raises(PinError, match=f"not the PIN of {SENIOR}"):
        study.adjudication_desk(pin="4321")
    with study.adjudication_desk(pin="1234") as desk:
        assert desk.progress == (0, 3)
    assert study.verify() == ()


def test_it_opens_only_when_two_readers_have_finished_all(make_study: Make, clock: Clock) -> None:
    study = make_study(4, reread=0, adjudicator=SENIOR)
    read(study, "A", {}, clock)
    read(study, "B", {"case-1": shifted()}, clock, only=3)
    sentence = "two readers have finished all of their first round.*B has 1 left"
    with pytest.raises(StudyError, match=sentence):
        study.adjudication_desk()
    assert "B has 1 left" in study.adjudication().waiting
    with pytest.raises(StudyError, match="B has 1 cases of the first round left"):
        study.consensus("reader:B")
    assert study.verify() == ()


def test_nobody_to_ask_nothing_to_ask(make_study: Make, clock: Clock) -> None:
    study = make_study(2, reread=0, name="one")
    for reader in "AB":
        read(study, reader, {}, clock)
    with pytest.raises(StudyError, match="names no adjudicator"):
        study.adjudication_desk()
    study = make_study(2, reread=0, adjudicator=SENIOR, name="two")
    for reader in "AB":
        read(study, reader, {}, clock)
    with pytest.raises(StudyError, match=r"nothing to adjudicate: .*Dice below 0\.8"):
        study.adjudication_desk()


def test_the_worklist_is_random_but_stable_and_repeats_are_hidden(
    make_study: Make, clock: Clock
) -> None:
    everything = []
    for name in ("demo", "other"):
        study = disagreeing(
            make_study, clock, 8, name=name, adjudicate="all", adjudicator_repeats=2
        )
        with study.adjudication_desk() as desk:
            codes = [one.code for one in desk.cases]
            cases = [case_of(study, desk, one.index) for one in desk.cases]
        assert len(set(codes)) == 10
        assert len(set(cases)) == 8
        again = {case for case in cases if cases.count(case) == 2}
        assert len(again) == 2
        for case in again:
            first, second = (place for place, one in enumerate(cases) if one == case)
            assert second - first > 4
        with study.adjudication_desk() as desk:
            assert codes == [one.code for one in desk.cases]
        with study._store.read() as db:
            entries = record.entries(record.steps(db))
        assert {one.code for one in entries if one.repeat} <= set(codes)
        swapped = [one.readers == ("B", "A") for one in entries]
        assert 0 < sum(swapped) < len(swapped)
        everything.append(codes)
    assert everything[0] != everything[1]


def test_repeats_of_few_cases_still_come_later() -> None:
    for count in range(1, 9):
        order = [f"case-{number}" for number in range(count)]
        for repeats in range(count + 2):
            mixed = repeated_order(order, repeats, ("study", 5))
            assert len(mixed) == count + min(repeats, count)
            assert [one for place, one in enumerate(mixed) if one not in mixed[:place]] == order


def test_the_adjudicator_sees_no_reader_and_every_step_is_kept(
    make_study: Make, clock: Clock
) -> None:
    study = disagreeing(make_study, clock)
    before = study.readings()
    with study.adjudication_desk() as desk:
        place = place_of(study, desk, "case-1")
        pair = desk.pair(place)
        seen = repr((pair, desk.cases, desk.draft(place), desk.image(place).source))
        assert "reader=" not in seen
        assert all(word not in seen for word in ("case-1", "canary", "patient"))
        assert {one.outlines[0] for one in (pair.first, pair.second)} == {
            square(10, 12, 10),
            shifted()[0],
        }
        desk.go(place, view={"zoom": 2}, seconds=1.0)
        with pytest.raises(StudyError, match="Edit a copy"):
            desk.record(place, [square()], "freehand")
        desk.begin(place, "second", seconds=2.0)
        draft = desk.record(place, [square(11, 13, 9)], "push", {"zoom": 3}, 4.0)
        assert (draft.work, draft.side, draft.can_undo) == ("edited", "second", True)
        assert desk.undo(place).outlines == pair.second.outlines
        assert desk.redo(place).outlines == (square(11, 13, 9),)
        desk.decide(place, "edited", reason=" The cap was missed. ", seconds=1.0)
        assert desk.draft(place).state == "finished"
        assert desk.progress == (1, 3)
        last = len(_rows(study))
        desk.decide(place, "edited", reason="The cap was missed.")
        assert len(_rows(study)) == last, "deciding the same again adds nothing"
    (decision,) = study.adjudication().decisions
    assert (decision.outcome, decision.reason) == ("edited", "The cap was missed.")
    assert decision.outlines == (square(11, 13, 9),)
    assert decision.reader == ("B" if pair.second.outlines == tuple(shifted()) else "A")
    assert decision.seconds == pytest.approx(8.0)
    kinds = [row.kind for row in _rows(study)]
    assert kinds[:2] == ["queue", "show"]
    assert kinds[-5:] == ["begin", "stroke", "undo", "redo", "decide"]
    assert study.readings() == before
    assert study.verify() == ()


def _rows(study: Study) -> list[object]:
    with study._store.read() as db:
        return list(record.steps(db))


def test_each_outcome_and_what_it_needs(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    with study.adjudication_desk() as desk:
        one, two, three = (place_of(study, desk, f"case-{number}") for number in (1, 2, 3))
        with pytest.raises(StudyError, match="no outline of yours"):
            desk.decide(one, "new")
        with pytest.raises(StudyError, match="Say why"):
            desk.decide(one, "not assessable", reason="  ")
        desk.decide(one, "not assessable", reason="Cannot tell which structure is the lesion")
        desk.begin(two, None)
        with pytest.raises(StudyError, match="no outline of yours"):
            desk.decide(two, "new")
        with pytest.raises(StudyError, match="on frame 2"):
            desk.record(two, [square(frame=1)], "freehand")
        desk.record(two, [square(20, 20, 6)], "freehand")
        desk.decide(two, "new")
        empty = "first" if not desk.pair(three).first.outlines else "second"
        with pytest.raises(StudyError, match="no outline to edit"):
            desk.begin(three, empty)
        desk.decide(three, empty)
        # Revised: both are kept, the later holds.
        desk.decide(one, "first", reason="It is the lesion after all.")
        assert desk.progress == (3, 3)
    status = study.adjudication()
    assert (status.decided, len(status.decisions)) == (3, 4)
    held = record.in_force(status.decisions)
    assert {case: one.outcome for case, one in held.items()} == {
        "case-1": "first",
        "case-2": "new",
        "case-3": empty,
    }
    assert not held["case-3"].assessable
    assert held["case-3"].reader == "B"
    assert [one.revised for one in status.decisions] == [True, False, False, False]
    assert study.verify() == ()


def test_a_reading_that_changes_later_comes_back(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    with study.adjudication_desk() as desk:
        for place in range(3):
            desk.decide(place, "not assessable", reason="x")
        codes = {one.code for one in desk.cases}
    names = {info.sha256: info.case for info in study.cases()}
    with study.desk("B", 1, clock=clock) as reader:
        index = next(
            one.index for one in reader.cases if names[reader.image(one.index).sha256] == "case-1"
        )
        reader.record(index, [square(10, 18, 10)], "freehand")
        reader.finish(index)
    status = study.adjudication()
    assert (len(status.queue), status.decided) == (3, 2)
    with study.adjudication_desk() as desk:
        assert desk.progress == (2, 3)
        (fresh,) = (one for one in desk.cases if one.code not in codes)
        assert fresh.state == "new"
        assert case_of(study, desk, fresh.index) == "case-1"
    assert study.verify() == ()


def test_two_windows_and_what_was_left(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    with study.adjudication_desk() as desk:
        with pytest.raises(StudyError, match="open in another window"):
            study.adjudication_desk()
        desk.go(2)
        desk.begin(2, None)
        desk.record(2, [square()], "freehand", {"zoom": 4.0}, 3.0)
    with pytest.raises(StudyError, match="left this session"):
        desk.decide(2, "new")
    with study.adjudication_desk() as desk:
        assert desk.position == 2
        draft = desk.draft(2)
        assert (draft.outlines, draft.work, draft.view) == ((square(),), "new", {"zoom": 4.0})
        assert draft.active_seconds == pytest.approx(3.0)


def test_a_killed_window_loses_no_stroke(make_study: Make, clock: Clock, tmp_path: Path) -> None:
    study = disagreeing(make_study, clock)
    script = textwrap.dedent("""
        import sys
        from napari_ptx.study import Study
        from tests.study.make import square
        desk = Study.open(sys.argv[1]).adjudication_desk()
        desk.begin(0, None)
        for number in range(1000):
            desk.record(0, [square(5, 5, 3 + number % 20)], "freehand", {}, 0.5)
            print(number, flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(study.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = 0
    for line in process.stdout:
        told = int(line)
        if told == 7:
            os.kill(process.pid, signal.SIGKILL)
            break
    told = max([told, *(int(line) for line in process.stdout if line.strip())])
    process.stdout.close()
    process.wait()
    assert study.verify() == ()
    with study.adjudication_desk() as desk:
        strokes = [row for row in _rows(study) if row.kind == "stroke"]  # type: ignore[attr-defined]
        # What was told is there; the stroke in hand may be, too.
        assert len(strokes) - (told + 1) in (0, 1)
        assert desk.draft(0).outlines == (square(5, 5, 3 + (len(strokes) - 1) % 20),)


def test_a_changed_decision_is_found(make_study: Make, clock: Clock) -> None:
    study = disagreeing(make_study, clock)
    with study.adjudication_desk() as desk:
        case = case_of(study, desk, 0)
        desk.decide(0, "not assessable", reason="A canary")
    with study._store.write() as db:
        connection = db.connection()
        connection.exec_driver_sql("DROP TRIGGER adjudications_no_update")
        connection.exec_driver_sql(
            "UPDATE adjudications SET text = replace(text, 'canary', 'finch')"
        )
    texts = [problem.text for problem in study.verify()]
    assert any(f"case {case}: it was changed after" in text for text in texts)


def test_three_readers_show_the_two_who_differ_most(make_study: Make, clock: Clock) -> None:
    study = make_study(2, readers=("A", "B", "C"), reread=0, adjudicator=SENIOR)
    read(study, "A", {}, clock)
    read(study, "B", {"case-0": [square(10, 14, 10)]}, clock)
    read(study, "C", {"case-0": [square(10, 18, 10)]}, clock)
    (one,) = study.adjudication().queue
    assert (one.case, one.readers) == ("case-0", ("A", "C"))
    assert one.dice == pytest.approx(0.4)
