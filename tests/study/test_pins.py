"""PINs, and clocks that were moved: both leave a trace in the record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from napari_ptx.cli.study import app
from napari_ptx.study import Study, StudyError
from napari_ptx.study.pins import PinError
from tests.study.make import Clock, read_all, square


def events(study: Study) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(study.path)) as db:
        return db.execute("SELECT kind, reader FROM events ORDER BY number").fetchall()


def test_a_pin_keeps_others_from_a_readers_sessions(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(2, reread=1)
    study.set_pin("A", "geheim 1")
    assert study.has_pin("A")
    assert not study.has_pin("B")
    study.desk("B", 1).close()
    with pytest.raises(PinError, match="A has set a PIN"):
        study.desk("A", 1)
    for _ in range(3):
        with pytest.raises(PinError, match="not the PIN of A"):
            study.desk("A", 1, pin="geheim 2")
    with pytest.raises(PinError, match="wait 30 seconds"):
        study.desk("A", 1, pin="geheim 1")
    clock.advance(seconds=12)
    with Study.open(study.path, clock=clock) as again, pytest.raises(PinError, match="wait 18"):
        again.desk("A", 1, pin="geheim 1")
    clock.advance(seconds=18)
    with study.desk("A", 1, pin="geheim 1") as desk:
        desk.record(0, [square()], "freehand")
    assert study.status().of("A", 1).started == 1
    with pytest.raises(PinError):
        study.import_readings("A", 1, Path("nowhere.csv"))
    study.set_pin("A", None)
    study.desk("A", 1).close()
    assert events(study) == [
        ("pin set", "A"),
        ("opened", "B"),
        ("opened", "A"),
        ("pin cleared", "A"),
    ]
    assert study.verify() == ()
    assert b"geheim" not in study.path.read_bytes()


@pytest.mark.parametrize(
    ("reader", "pin", "sentence"),
    [("C", "1234", "no reader C"), ("A", "123", "at least 4"), ("A", None, "A has no PIN")],
)
def test_what_cannot_be_a_pin(
    make_study: Callable[..., Study], reader: str, pin: str | None, sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence):
        make_study(1, reread=0).set_pin(reader, pin)


def test_the_command_sets_and_clears_it(
    make_study: Callable[..., Study],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = make_study(1, reread=0)
    monkeypatch.setattr("typer.prompt", lambda *_, **options: "1234" * options["hide_input"])
    app(["pin", str(study.path), "--reader", "A"], standalone_mode=False)
    study.check_pin("A", "1234")
    with pytest.raises(PinError):
        study.check_pin("A", "4321")
    app(["pin", str(study.path), "--reader", "A", "--clear"], standalone_mode=False)
    assert not study.has_pin("A")
    assert "A has no PIN any more" in capsys.readouterr().out


def test_a_clock_that_was_set_forward_is_on_record(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(3, washout_days=60)
    read_all(study, "A", 1, clock)
    honest = clock.time
    assert study.status().warnings == ()
    clock.time = honest + timedelta(days=61)
    study.desk("A", 2).close()  # the program cannot know yet
    clock.time = honest + timedelta(hours=1)
    (warning,) = study.status().warnings
    assert "lie in the future" in warning
    study.desk("B", 1).close()
    study.desk("A", 2).close()
    assert [one for one in events(study) if one[0] == "clock behind"] == [
        ("clock behind", "B"),
        ("clock behind", "A"),
    ]
    clock.advance(days=400)  # it stays on record when the time has come
    first, second = study.status().warnings
    assert "The clock at round 1 of B stood at 2026-01-05" in first
    assert "round 2 of A" in second
    assert study.verify() == ()


def test_a_clock_set_back_is_on_record_and_a_small_difference_is_not(
    make_study: Callable[..., Study], clock: Clock
) -> None:
    study = make_study(3, washout_days=60)
    study.desk("A", 1).close()
    clock.advance(minutes=-4)
    study.desk("B", 1).close()
    assert study.status().warnings == ()
    clock.advance(days=-70)
    study.desk("B", 1).close()
    assert [kind for kind, _ in events(study)] == ["opened", "opened", "clock behind"]
