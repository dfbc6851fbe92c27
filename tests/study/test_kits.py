"""Reader's kits: out, read elsewhere, home again; and what is refused."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.study import Kit, Study, StudyError
from napari_ptx.study.database import is_kit
from tests.study.make import Clock, read_all, square

Make = Callable[..., Study]


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    """Give the hashes of a table in their order, as SQLite itself has them."""
    with sqlite3.connect(path) as db:
        return db.execute(f"SELECT hash, at FROM {table} ORDER BY id").fetchall()


def work(kit: Kit, clock: Clock, count: int, first: int = 0) -> None:
    """Outline and finish some cases of a kit."""
    with kit.desk() as desk:
        for index in range(first, first + count):
            clock.advance(seconds=20)
            desk.record(index, [square(10 + index)], "freehand", {"zoom": 2.0}, 4.0)
            desk.finish(index, seconds=1.0)


@pytest.fixture
def out(make_study: Make, clock: Clock, tmp_path: Path) -> tuple[Study, Kit]:
    """Give a study, and the kit of A's first round that it made."""
    study = make_study(4, reread=2)
    clock.advance(days=1)
    assert study.make_kit("A", 1, tmp_path / "A1.ptxkit") == 4
    return study, Kit(tmp_path / "A1.ptxkit", clock=clock)


def test_a_session_goes_out_and_comes_home_with_its_hashes(
    out: tuple[Study, Kit], clock: Clock
) -> None:
    study, kit = out
    with study.desk("B", 1) as desk:  # the others go on meanwhile
        desk.record(0, [square(3)], "freehand", {}, 1.0)
    assert study.status().of("A", 1).out
    with pytest.raises(StudyError, match="out as a kit since 2026-01-06"):
        study.desk("A", 1)
    with pytest.raises(StudyError, match="out as a kit"):
        study.make_kit("A", 1, kit.path.with_name("again.ptxkit"))
    work(kit, clock, 2)
    assert kit.progress == (2, 4)
    (merged,) = study.merge([kit.path])
    assert (merged.strokes, merged.readings, merged.finished, merged.cases) == (4, 2, 2, 4)
    assert not merged.closed
    assert set(rows(kit.path, "strokes")) < set(rows(study.path, "strokes"))
    assert study.verify(images=True) == ()
    # A second time nothing is new, and nothing is written.
    events = rows(study.path, "events")
    assert study.merge([kit.path])[0].strokes == 0
    assert rows(study.path, "events") == events
    # The kit goes on after its first merge, and its end comes home, too.
    work(kit, clock, 2, first=2)
    with kit.desk() as desk:
        desk.close_session()
    (merged,) = study.merge([kit.path])
    assert (merged.strokes, merged.readings, merged.finished, merged.closed) == (4, 2, 4, True)
    assert study.status().of("A", 1).state == "closed"
    assert not study.status().of("A", 1).out
    assert len(study.readings("A", 1)) == 4
    assert study.verify() == ()


def test_the_images_are_those_of_the_study(out: tuple[Study, Kit], make_study: Make) -> None:
    study, kit = out
    twin = make_study(4, reread=2, name="twin")
    names = {case.sha256: case.case for case in study.cases()}
    with kit.desk() as desk:
        assert len({case.code for case in desk.cases}) == 4
        assert desk.idle_seconds == study.protocol.idle_seconds
        for case in desk.cases:
            image, known = desk.image(case.index), study.image(names[desk.image(case.index).sha256])
            assert np.array_equal(image.pixels, known.pixels)
            assert image.pixels.dtype == known.pixels.dtype
            assert image.source is None
            for field in ("axes", "spacing", "calibrated", "modality", "colour", "regions"):
                assert getattr(image, field) == getattr(known, field)
    assert is_kit(kit.path)
    assert not is_kit(twin.path)
    with pytest.raises(StudyError, match="reader's kit, not a study"):
        Study.open(kit.path)
    with pytest.raises(StudyError, match="not a reader's kit"):
        Kit(twin.path)


def test_a_kit_is_one_file_even_when_its_reader_is_at_work(
    out: tuple[Study, Kit], tmp_path: Path
) -> None:
    _, kit = out
    with kit.desk() as desk:
        desk.record(0, [square(5)], "freehand", {}, 1.0)
        assert not list(tmp_path.glob("A1.ptxkit-*"))
        assert len(rows(kit.path, "strokes")) == 1  # another connection sees it at once


def test_a_session_that_has_begun_takes_its_strokes_along(
    make_study: Make, clock: Clock, tmp_path: Path
) -> None:
    study = make_study(3, reread=0)
    with study.desk("A", 1) as desk:
        desk.record(1, [square(5)], "freehand", {"zoom": 1.0}, 2.0)
        desk.finish(1)
        with pytest.raises(StudyError, match="open in another window"):
            study.make_kit("A", 1, tmp_path / "A1.ptxkit")
    study.make_kit("A", 1, tmp_path / "A1.ptxkit")
    kit = Kit(tmp_path / "A1.ptxkit", clock=clock)
    with kit.desk() as desk:
        assert desk.position == 1
        assert desk.draft(1).outlines == (square(5),)
        desk.finish(0, not_assessable="shadow")
        desk.record(1, [square(7)], "move vertex", {}, 1.0)
        desk.finish(1)
    (merged,) = study.merge([kit.path])
    assert (merged.strokes, merged.readings, merged.finished) == (
        4,
        2,
        2,
    )  # the reopening of a finished case is a step
    assert max(reading.revision for reading in study.readings("A", 1)) == 2
    assert study.verify() == ()


def test_the_kit_of_a_sealed_round_needs_a_reason(
    make_study: Make, clock: Clock, tmp_path: Path
) -> None:
    study = make_study(3, reread=2)
    with pytest.raises(StudyError, match="after round 1 is finished"):
        study.make_kit("A", 2, tmp_path / "A2.ptxkit")
    first = read_all(study, "A", 1, clock)
    with pytest.raises(StudyError, match="sealed until"):
        study.make_kit("A", 2, tmp_path / "A2.ptxkit")
    assert study.make_kit("A", 2, tmp_path / "A2.ptxkit", early_reason="leaves the clinic") == 2
    assert study.status().of("A", 2).early_reason == "leaves the clinic"
    assert study.status().of("A", 1).state == "closed"
    kit = Kit(tmp_path / "A2.ptxkit", clock=clock)
    assert (kit.reader, kit.round) == ("A", 2)
    with kit.desk() as desk:
        assert not {case.code for case in desk.cases} & set(first)
    work(kit, clock, 2)
    with kit.desk() as desk:
        desk.close_session()
    assert study.merge([kit.path])[0].closed
    assert len(study.readings("A", 2)) == 2
    assert study.verify() == ()


def test_a_withdrawn_kit_stays_out_and_the_session_opens_again(
    out: tuple[Study, Kit], clock: Clock
) -> None:
    study, kit = out
    work(kit, clock, 1)
    with pytest.raises(StudyError, match="needs a reason"):
        study.withdraw_kit("A", 1, " ")
    study.withdraw_kit("A", 1, "the laptop was lost")
    with pytest.raises(StudyError, match="not out"):
        study.withdraw_kit("A", 1, "again")
    with pytest.raises(StudyError, match=r"withdrawn on .* \(the laptop was lost\)"):
        study.merge([kit.path])
    read_all(study, "A", 1, clock)
    assert study.verify() == ()


def refuse(study: Study, path: Path, match: str) -> None:
    """Check that a kit is refused and that the record does not change."""
    before = rows(study.path, "strokes"), rows(study.path, "events")
    with pytest.raises(StudyError, match=match) as error:
        study.merge([path])
    assert str(path) in str(error.value)
    assert (rows(study.path, "strokes"), rows(study.path, "events")) == before


def test_what_is_refused(out: tuple[Study, Kit], make_study: Make, clock: Clock) -> None:
    study, kit = out
    other = make_study(4, reread=2, name="other")
    refuse(other, kit.path, "another study")
    refuse(study, kit.path.with_name("none.ptxkit"), "no kit")
    refuse(study, other.path, "not a reader's kit")
    work(kit, clock, 2)
    # All or none: the other reader's sound kit does not come in beside a bad one.
    sound = kit.path.with_name("B1.ptxkit")
    study.make_kit("B", 1, sound)
    work(Kit(sound, clock=clock), clock, 1)
    with pytest.raises(StudyError, match="not a reader's kit"):
        study.merge([sound, other.path])
    assert study.status().of("B", 1).finished == 0
    # A copy that went on by itself cannot follow on what the first one brought.
    copy = kit.path.with_name("copy.ptxkit")
    shutil.copy(kit.path, copy)
    work(kit, clock, 1, first=2)
    work(Kit(copy, clock=clock), clock, 1, first=3)
    assert study.merge([kit.path])[0].strokes == 6
    refuse(study, copy, "went on elsewhere")
    # Nor can a kit once its session went on at the study.
    with study.desk("A", 1, clock=clock) as desk:
        desk.record(3, [square(9)], "freehand", {}, 1.0)
    work(kit, clock, 1, first=3)
    refuse(study, kit.path, "went on elsewhere")
    assert study.verify() == ()


CHANGES = {
    "a stroke": "UPDATE strokes SET seconds = seconds + 1 WHERE number = 1",
    "an outline": "UPDATE strokes SET outlines = replace(outlines, '1', '2') WHERE number = 1",
    "a reading": "UPDATE readings SET outlines = '[]' WHERE id = 2",
    "a reading's time": "UPDATE readings SET active_seconds = 1 WHERE id = 1",
    "a missing stroke": "DELETE FROM strokes WHERE number = 2",
    "the last stroke": "DELETE FROM strokes WHERE number = 4",
    "an event": "UPDATE events SET text = 'x'",
    "an assignment": "UPDATE assignments SET code = 'XXX' WHERE id = 1",
    "the order": "UPDATE assignments SET position = CASE position WHEN 0 THEN 90 ELSE 91 END "
    "WHERE position < 2",
    "swapped images": "UPDATE pixels SET data = (SELECT data FROM pixels p WHERE p.image_id = 3) "
    "WHERE image_id = 1",
    "a pixel": "UPDATE pixels SET data = CAST(substr(data, 1, 400) || X'7F' || substr(data, 402) "
    "AS BLOB) WHERE image_id = 2",
    "bytes behind the pixels": "UPDATE pixels SET data = CAST(data || X'00' AS BLOB)",
    "the type of pixels": "UPDATE pixels SET about = replace(about, '|u1', '|i1')",
    "an image's hash": "UPDATE images SET sha256 = replace(sha256, 'a', 'b')",
    "the spacing": "UPDATE images SET spacing = '[2.0,2.0]'",
    "the protocol": 'UPDATE study SET protocol = \'{"readers":["A"],"ask_seen":true}\'',
    "the reader": "UPDATE readers SET name = 'B'",
    "the round": "UPDATE sessions SET round = 2",
    "another session": "INSERT INTO sessions (id, reader_id, round) VALUES (2, 1, 2)",
    "an image more": "INSERT INTO cases VALUES (9, 'x', 'x', '{}')",
    "a table": "DROP TABLE truth",
}


def test_an_altered_kit_is_refused(out: tuple[Study, Kit], clock: Clock, tmp_path: Path) -> None:
    study, kit = out
    work(kit, clock, 2)
    whole = kit.path.read_bytes()
    (tmp_path / "changed").mkdir()
    sentences = {}
    for name, change in CHANGES.items():
        path = tmp_path / "changed" / f"{name.replace(' ', '-')}.ptxkit"
        path.write_bytes(whole)
        with sqlite3.connect(path) as db:
            triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'")
            triggers = triggers.fetchall()
            for trigger, _ in triggers:
                db.execute(f"DROP TRIGGER {trigger}")
            assert db.execute(change).rowcount != 0
            for _, sql in triggers:
                db.execute(sql)
        db.close()
        try:
            study.merge([path])
        except StudyError as error:
            sentences[name] = str(error)
    assert sentences.keys() == CHANGES.keys()
    assert all(str(tmp_path / "changed") in sentence for sentence in sentences.values())
    assert study.status().of("A", 1).finished == 0
    # The kit itself, unchanged, still comes in.
    assert study.merge([kit.path])[0].readings == 2


def test_single_bytes_of_a_kit(out: tuple[Study, Kit], clock: Clock, tmp_path: Path) -> None:
    """No changed byte ever changes what comes home, or ends in anything but a sentence."""
    study, kit = out
    work(kit, clock, 2)
    whole = bytearray(kit.path.read_bytes())
    fresh = study.path.read_bytes()
    random = np.random.default_rng(5)
    path = tmp_path / "byte.ptxkit"
    home = tmp_path / "home.ptx"
    study.merge([kit.path])
    expected = rows(study.path, "strokes")
    refused = 0
    for place in random.choice(len(whole), 24, replace=False):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        home.write_bytes(fresh)
        with Study.open(home, clock=clock) as again:
            try:
                again.merge([path])
            except StudyError:
                refused += 1
            else:  # the byte lay in a free page, or in a counter of SQLite
                assert rows(home, "strokes") == expected
                assert again.verify() == ()
    assert refused >= 10


def test_paths_and_sentences(make_study: Make, clock: Clock, tmp_path: Path) -> None:
    study = make_study(2, reread=0)
    with pytest.raises(StudyError, match=r"ends in \.ptxkit"):
        study.make_kit("A", 1, tmp_path / "A1.zip")
    (tmp_path / "there.ptxkit").write_bytes(b"")
    with pytest.raises(StudyError, match="is there already"):
        study.make_kit("A", 1, tmp_path / "there.ptxkit")
    with pytest.raises(StudyError, match="no folder"):
        study.make_kit("A", 1, tmp_path / "none" / "A1.ptxkit")
    with pytest.raises(StudyError, match="no round 1 for a reader Z"):
        study.make_kit("Z", 1, tmp_path / "A1.ptxkit")
    study.cases()[0].image.unlink()
    with pytest.raises(StudyError, match="image of case case-0 cannot be read"):
        study.make_kit("A", 1, tmp_path / "A1.ptxkit")
    # Nothing half-made, and the session is still at home.
    assert not list(tmp_path.glob("*A1.ptxkit*.new"))
    assert not (tmp_path / "A1.ptxkit").exists()
    status = study.status().of("A", 1)
    assert not status.out
    assert not status.opened
