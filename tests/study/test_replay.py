"""Replays: the steps of a reading against a list of states, films, effort; moved images."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ptx.image import read_image
from napari_ptx.study import Study, StudyError
from napari_ptx.study.film import LONGEST, SHORTEST, Film, durations, write_replay
from napari_ptx.study.replay import Replay
from tests.study.make import Clock, square

VIEW = {"zoom": 2.0, "centre": [24.0, 32.0], "canvas": [60, 80], "window": [50.0, 150.0]}


def name_of(study: Study, reader: str, round: int, index: int) -> str:
    with study.desk(reader, round) as desk:
        sha256 = desk.image(index).sha256
    return next(case.case for case in study.cases() if case.sha256 == sha256)


@pytest.fixture
def read(make_study: Callable[..., Study], clock: Clock) -> tuple[Study, str]:
    """A case that was looked at, drawn, taken back, finished, reopened and finished again."""
    study = make_study(2, reread=0)
    with study.desk("A", 1) as desk:
        steps: list[Callable[[], object]] = [
            lambda: desk.go(0, view=VIEW | {"input": {"keys": 0}}, seconds=2.0, action="open"),
            lambda: desk.record(0, [square(5)], "outline", VIEW | {"input": {"drawing": 1}}, 3.0),
            lambda: desk.record(0, [square(9)], "push", VIEW | {"input": {"drawing": 1}}, 30.0),
            lambda: desk.undo(0, view=VIEW | {"input": {"keys": 1}}, seconds=0.5, action="key"),
            lambda: desk.finish(0, view=VIEW | {"input": {"keys": 1}}, seconds=0.5, action="key"),
            lambda: desk.go(1, action="next"),
            lambda: desk.go(0, view={"zoom": 9.0}, seconds=1.0, action="click"),
            lambda: desk.redo(0, view=VIEW | {"input": {"clicks": 1}}, action="click"),
            lambda: desk.finish(0, view=VIEW | {"input": {"keys": 1}}, action="key"),
        ]
        for step in steps:
            clock.advance(seconds=10)
            step()
    return study, name_of(study, "A", 1, 0)


def test_a_replay_is_what_happened(read: tuple[Study, str]) -> None:
    study, case = read
    found = study.replay("A", 1, case)
    assert [step.text for step in found.steps] == [
        "image on the screen", "outline", "push", "undo", "finished", "came to the case",
        "reopened the finished case", "redo", "finished again, revision 2",
    ]  # fmt: skip
    tops = [[] if not step.outlines else [step.outlines[0].points.min()] for step in found.steps]
    assert tops == [[], [4.5], [8.5], [4.5], [4.5], [4.5], [4.5], [8.5], [8.5]]
    assert [step.active for step in found.steps] == [2, 5, 35, 35.5, 36, 36, 36, 36, 36]
    assert [step.action for step in found.steps][3:6] == ["key", "key", "click"]
    assert all("input" not in step.view for step in found.steps)
    assert found.active_seconds == study.readings("A", 1)[0].active_seconds == 36
    times = [step.at for step in found.steps]
    assert times == sorted(set(times)) or times[6] == times[7]
    effort = found.effort
    assert (effort.keys, effort.clicks, effort.drawing) == (3, 1, 2)
    assert (effort.reopened, effort.revisions, effort.finished) == (1, 2, True)
    assert study.verify() == ()


def test_every_case_of_a_session_has_its_effort(read: tuple[Study, str]) -> None:
    study, case = read
    first, second = study.efforts("A", 1)
    assert first.case == case
    assert first == study.replay("A", 1, case).effort
    assert second.keys is None, "a view without counts was not counted"
    assert not second.finished
    assert study.efforts("B", 1) == ()


def test_what_cannot_be_replayed_is_named(read: tuple[Study, str]) -> None:
    study, case = read
    for reader, round_, name, sentence in (
        ("A", 1, "case-9", "A does not read a case case-9 in round 1"),
        ("B", 1, case, f"B has not been at case {case} in round 1 yet"),
        ("C", 1, case, "no round 1 for a reader C"),
    ):
        with pytest.raises(StudyError, match=sentence):
            study.replay(reader, round_, name)


@pytest.mark.once
def test_a_film_shows_the_outline_in_the_window_of_the_reader(
    read: tuple[Study, str], tmp_path: Path
) -> None:
    study, case = read
    replay, image = study.replay("A", 1, case), study.image(case)
    film = Film(replay, image)
    before, after = (np.asarray(film.frame(place), int) for place in (0, 1))
    # The square's left edge is at column 11.5; the picture shows it at the pixel's edge.
    y, x = round((8 + 0.5) * film.scale), round(12 * film.scale)
    orange = after[y, x - 2 : x + 3]
    assert (orange[:, 0] - orange[:, 2] > 100).any()
    assert np.ptp(before[y, x - 2 : x + 3], axis=1).max() == 0, "grey before the stroke"
    # In the window 50 to 150, at the centre of each pixel.
    shown = np.asarray(film._background(replay.steps[0]), float)[..., 0]
    rows, columns = (((np.arange(n) + 0.5) * film.scale).astype(int) for n in (48, 64))
    wanted = np.clip((image.pixels - 50.0) * 2.55, 0, 255)
    assert np.abs(shown[np.ix_(rows, columns)] - wanted).max() < 30

    gaps = durations(replay, 4.0)
    assert gaps[:3] == [0.75, LONGEST, SHORTEST + 0.005 if SHORTEST > 0.125 else 0.125]
    told: list[tuple[int, int, str]] = []
    path = write_replay(
        replay, image, tmp_path / "film.apng", progress=lambda *now: told.append(now)
    )
    assert [done for done, *_ in told] == list(range(9))
    with Picture.open(path) as picture:
        # Equal pictures in a row are one, that stays longer.
        assert 2 <= picture.n_frames <= 9
        total = 0.0
        for place in range(picture.n_frames):
            picture.seek(place)
            total += picture.info["duration"]
    assert total == pytest.approx(1000 * sum(gaps), abs=20)
    with Picture.open(write_replay(replay, image, tmp_path / "film.gif", speed=8)) as picture:
        assert picture.n_frames > 2
        assert picture.size == (film.size[0], film.size[1] + 62)


def test_a_folder_of_pictures_and_a_table_of_steps(read: tuple[Study, str], tmp_path: Path) -> None:
    study, case = read
    replay = study.replay("A", 1, case)
    folder = write_replay(replay, study.image(case), tmp_path / "film")
    assert len(list(folder.glob("step-*.png"))) == 9
    with (folder / "steps.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["active_seconds"]) for row in rows] == [step.active for step in replay.steps]
    assert [row["lesions"] for row in rows] == [str(len(step.outlines)) for step in replay.steps]
    with pytest.raises(StudyError, match="not empty"):
        write_replay(replay, study.image(case), folder)
    with pytest.raises(StudyError, match="cannot be written"):
        write_replay(replay, None, folder / "steps.csv" / "other.csv")
    assert sorted(path.name for path in tmp_path.iterdir() if ".part" in path.name) == []


def test_frames_of_a_stack_follow_the_reader(tmp_path: Path) -> None:
    from napari_ptx.image import Image

    pixels = np.stack([np.full((30, 40), 10 + 100 * n, np.uint8) for n in range(2)])
    image = Image(pixels, axes="tyx", spacing=(1, 1, 1), calibrated=False, modality="US")
    replay = Replay("A", 1, "x", ())
    film = Film(replay, image)
    assert film.size == (720, 540)


def test_moved_images_are_found_by_their_pixels(make_study: Callable[..., Study]) -> None:
    study = make_study(4, reread=0)
    home = study.path.parent
    paths = [case.image for case in study.cases()]
    away = home / "elsewhere" / "deep"
    away.mkdir(parents=True)
    shutil.move(paths[0], away / "another-name.png")
    shutil.move(paths[1], away / paths[1].name)
    Picture.new("L", (64, 48), 3).save(paths[2])
    (away / "no-image.png").write_text("nothing")
    Picture.new("L", (64, 48), 9).save(away / "other.png")
    result = study.relink(home / "elsewhere")
    assert result.there == 1
    assert dict(result.found) == {
        "case-0": away / "another-name.png",
        "case-1": away / paths[1].name,
    }
    assert result.missing == ()
    assert result.changed == (("case-2", paths[2]),)
    assert study.case("case-0").image == away / "another-name.png"
    assert read_image(study.case("case-0").image).sha256 == study.case("case-0").sha256
    assert study.verify() == ()
    paths[3].unlink()
    again = study.relink(home / "elsewhere")
    assert (again.there, again.found, len(again.changed)) == (2, (), 1)
    assert again.missing == (("case-3", paths[3]),)
    with pytest.raises(StudyError, match="There is no folder"):
        study.relink(home / "nowhere")
