"""The record of decisions on glands: what holds, undo, two windows, and what verify finds."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ptx.study import GlandRecord, StudyError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def record(tmp_path: Path):
    with GlandRecord.open(tmp_path / "glands.review", source={"model": "light"}) as opened:
        yield opened


def test_the_last_decision_holds_and_all_are_kept(record):
    record.add("P1", "candidate", "1", "accepted", "Ada")
    record.add("P1", "candidate", "1", "rejected", "Ben")
    record.add("P2", "slot", "1", "left inferior", "Ada")
    assert record.value("P1", "candidate", "1") == "rejected"
    assert [row.value for row in record.decisions] == ["accepted", "rejected", "left inferior"]
    assert {key: row.who for key, row in record.current("candidate").items()} == {
        ("P1", "1"): "Ben"
    }
    assert record.current("slot", "P1") == {}
    assert record.verify() == ()


def test_the_same_again_is_not_written_twice(record):
    assert record.add("P1", "candidate", "1", "accepted", "Ada") is not None
    assert record.add("P1", "candidate", "1", "accepted", "Ben") is None
    assert len(record.decisions) == 1


def test_undo_goes_back_one_step_after_the_other(record):
    record.add("P1", "candidate", "1", "accepted", "Ada")
    record.add("P1", "candidate", "2", "accepted", "Ada")
    record.add("P1", "candidate", "1", "rejected", "Ada")
    record.add("P2", "candidate", "1", "rejected", "Ada")
    undone = [record.undo("P1", "Ada").undoes for _ in range(3)]
    assert undone == [3, 2, 1]
    assert record.undo("P1", "Ada") is None
    assert record.current("candidate", "P1") == {}
    assert record.value("P2", "candidate", "1") == "rejected"
    assert len(record.decisions) == 7
    assert record.verify() == ()


def test_nobody_undoes_what_another_decided_since(record):
    record.add("P1", "candidate", "1", "accepted", "Ada")
    record.add("P1", "candidate", "1", "rejected", "Ben")
    with pytest.raises(StudyError, match="Ben has decided"):
        record.undo("P1", "Ada")
    assert record.value("P1", "candidate", "1") == "rejected"


def test_a_decision_has_a_name_and_a_known_kind(record):
    with pytest.raises(StudyError, match="type your name"):
        record.add("P1", "candidate", "1", "accepted", " ")
    with pytest.raises(ValueError, match="none of"):
        record.add("P1", "colour", "1", "red", "Ada")
    assert record.decisions == ()


def test_two_windows_see_each_other(record):
    with GlandRecord.open(record.path) as other:
        record.add("P1", "truth", "left superior", "present", "Ada")
        other.add("P1", "found", "left superior|CT A", "+", "Ben")
        assert [row.number for row in other.decisions] == [1, 2]
        record.refresh()
        assert record.decisions == other.decisions
    assert record.verify() == ()


def test_a_clock_set_back_does_not_reorder_decisions(record):
    later = datetime.now(UTC) + timedelta(days=1)
    first = record.add("P1", "candidate", "1", "accepted", "Ada", clock=lambda: later)
    second = record.add("P1", "candidate", "2", "accepted", "Ada", clock=lambda: NOON)
    assert second.at == first.at


def test_what_was_written_is_there_when_opened_again(record):
    record.add("Jürgen", "added", "1001", {"x_mm": 1.5, "slot": "ectopic"}, "Zoë")
    record.close()
    with GlandRecord.open(record.path) as again:
        assert again.value("Jürgen", "added", "1001") == {"x_mm": 1.5, "slot": "ectopic"}


@pytest.mark.parametrize(
    ("tamper", "finds"),
    [
        ("UPDATE decisions SET value = '\"rejected\"' WHERE number = 2", "Decision 2"),
        ("UPDATE decisions SET who = 'Eve' WHERE number = 1", "Decision 1"),
        ("DELETE FROM decisions WHERE number = 2", "missing"),
        ("DELETE FROM decisions WHERE number = 3", "last decisions are missing"),
        ("UPDATE about SET source = '{}'", "about was changed"),
    ],
)
def test_verify_names_what_was_changed(record, tamper, finds):
    for number in range(3):
        record.add("P1", "candidate", str(number), "accepted", "Ada")
    record.close()
    with sqlite3.connect(record.path) as raw:
        triggers = raw.execute(
            "SELECT name, sql FROM sqlite_master WHERE type='trigger'"
        ).fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            raw.execute(tamper)
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(tamper)
        for _, statement in triggers:
            raw.execute(statement)
    raw.close()
    assert finds in " ".join(problem.text for problem in record.verify())


def test_files_that_are_no_record_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "glands.review"
    text.write_text("hello")
    with pytest.raises(StudyError, match="not a napari-ptx record"):
        GlandRecord.open(text)
    assert text.read_text() == "hello"
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as raw:
        raw.execute("CREATE TABLE stamps (id)")
    raw.close()
    with pytest.raises(StudyError, match="not a napari-ptx record"):
        GlandRecord.open(other)
    with pytest.raises(StudyError, match="folder"):
        GlandRecord.open(tmp_path / "absent" / "glands.review")


def test_a_newer_version_is_refused(record):
    record.close()
    with sqlite3.connect(record.path) as raw:
        raw.execute("PRAGMA user_version = 2")
    raw.close()
    with pytest.raises(StudyError, match="newer version"):
        GlandRecord.open(record.path)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from("123"), st.sampled_from(["accepted", "rejected", None])),
            st.just("undo"),
        ),
        max_size=12,
    )
)
def test_one_persons_undo_is_that_of_a_list(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("record")
    states: list[dict[str, str]] = [{}]
    with GlandRecord.open(folder / "glands.review") as record:
        for step in steps:
            if step == "undo":
                record.undo("P1", "Ada")
                states = states[:-1] or states
            elif record.add("P1", "candidate", *step, "Ada") is not None:
                states.append({**states[-1], step[0]: step[1]})
        now = {subject: row.value for (_, subject), row in record.current("candidate").items()}
        assert now == {key: value for key, value in states[-1].items() if value is not None}
        assert record.verify() == ()
