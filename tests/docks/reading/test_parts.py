"""The parts that need no window: the clock, the contrast drag, the loader."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_ptx.docks.activity import ActiveClock
from napari_ptx.docks.gestures import same_lesion, window
from napari_ptx.docks.layers import full_window, outline_data
from napari_ptx.docks.loader import Loader
from napari_ptx.image import Image
from napari_ptx.roi import Outline
from napari_ptx.study import StudyError


class Hand:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_idle_time_does_not_count() -> None:
    now = Hand()
    clock = ActiveClock(10, now)
    clock.touch()
    for _ in range(4):
        now.time += 3
        clock.touch()
    now.time += 3600
    assert clock.take() == pytest.approx(12 + 10)
    now.time += 5
    assert clock.take() == pytest.approx(5)
    clock.pause()
    now.time += 5
    assert clock.take() == 0


def test_the_contrast_drag() -> None:
    whole = (0.0, 255.0)
    narrow = window(whole, whole, -200, 0)
    assert narrow[1] - narrow[0] == pytest.approx(255 / 2)
    assert sum(narrow) / 2 == pytest.approx(127.5)
    darker = window(whole, whole, 0, 100)
    assert sum(darker) / 2 > 127.5
    for across, down in ((1e4, 0), (-1e4, 0), (0, 1e4), (0, -1e4)):
        low, high = window(whole, whole, across, down)
        assert high - low >= 2.5
        assert low < 255
        assert high > 0


def square(top: float, left: float, size: float, frame: int = 0) -> Outline:
    return Outline(
        [(top, left), (top, left + size), (top + size, left + size), (top + size, left)],
        frame=frame,
    )


def test_which_lesion_is_drawn_again() -> None:
    old = [square(0, 0, 10), square(0, 20, 10)]
    assert same_lesion(old, square(1, 1, 9)) == 0
    assert same_lesion(old, square(0, 9, 10)) is None
    assert same_lesion(old, square(0, 18, 10)) == 1
    assert same_lesion(old, square(0, 0, 10, frame=1)) is None
    assert same_lesion([], square(0, 0, 10)) is None


def test_outlines_of_a_film_carry_their_frame() -> None:
    film = Image(np.zeros((3, 20, 20), np.uint8), "tyx", (1, 1, 1), calibrated=False)
    (ring,) = outline_data([square(2, 3, 5, frame=2)], film)
    assert ring.shape == (5, 3)
    assert set(ring[:, 0]) == {2}
    assert np.array_equal(ring[0], ring[-1])


def test_the_first_window() -> None:
    eight = Image(np.full((4, 4), 7, np.uint8), "yx", (1, 1), calibrated=False)
    assert full_window(eight) == (0, 255)
    flat = Image(np.full((4, 4), -5, np.int16), "yx", (1, 1), calibrated=False)
    assert full_window(flat) == (-5, -4)


def picture(value: int) -> Image:
    return Image(np.full((2, 2), value, np.uint8), "yx", (1, 1), calibrated=False)


def test_the_next_image_is_read_ahead(qtbot: QtBot) -> None:
    read: list[int] = []

    def slow(index: int) -> Image:
        assert threading.current_thread() is not threading.main_thread()
        read.append(index)
        return picture(index)

    loader = Loader(slow)
    with qtbot.waitSignals([loader.loaded, loader.loaded], timeout=60_000):
        loader.want(3, [4])
    assert loader.get(3) is not None
    assert loader.get(4) is not None
    with qtbot.waitSignal(loader.loaded, timeout=60_000):
        loader.want(4, [5])
    assert read == [3, 4, 5]
    assert loader.get(3) is None
    loader.close()


def test_a_case_that_is_passed_over_is_not_waited_for(qtbot: QtBot) -> None:
    gate = threading.Event()
    read: list[int] = []

    def blocked(index: int) -> Image:
        read.append(index)
        gate.wait(5)
        return picture(index)

    loader = Loader(blocked)
    loader.want(0, [1, 2])
    qtbot.waitUntil(lambda: read == [0])
    loader.want(7)
    gate.set()
    qtbot.waitUntil(lambda: loader.get(7) is not None)
    assert read == [0, 7]
    loader.close()


def test_why_an_image_cannot_be_read(qtbot: QtBot) -> None:
    def broken(index: int) -> Image:
        raise StudyError("The image of case 7Q4 cannot be read.")

    loader = Loader(broken)
    with qtbot.waitSignal(loader.failed, timeout=60_000) as told:
        loader.want(2)
    index, error = told.args
    assert index == 2
    assert error.message == "The image of case 7Q4 cannot be read."
    assert loader.get(2) is None
    loader.close()


def test_closing_while_an_image_is_read(qtbot: QtBot) -> None:
    gate = threading.Event()

    def blocked(index: int) -> Image:
        gate.wait(5)
        return picture(index)

    loader = Loader(blocked)
    loader.want(0, [1])
    loader.close()
    gate.set()
    qtbot.wait(50)
    assert loader.get(0) is None
