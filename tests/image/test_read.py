"""The decoder's process: what cannot be read, hangs, crashes, or comes from several threads."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from napari_ptx.image import Decoder, Image, ImageError, decode, read_image

from .make import random_grey

PIXELS = random_grey((30, 40))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(imagecodecs.png_encode(PIXELS))
    return path


@pytest.fixture
def own() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Give a pipe that nobody writes to: opening it never ends."""
    path = tmp_path / "endless"
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)
    return path


def test_read_image_gives_what_decode_gives_and_read_only(picture: Path) -> None:
    image = read_image(picture)
    assert image.sha256 == decode(picture).sha256
    assert image.source == picture
    assert not image.pixels.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 1


def test_unpickled_images_stay_read_only_and_equal(picture: Path) -> None:
    image = decode(picture)
    again: Image = pickle.loads(pickle.dumps(image))
    assert not again.pixels.flags.writeable
    assert again.sha256 == image.sha256


def test_relative_paths_follow_the_callers_folder(
    picture: Path, own: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.read(picture)  # the child starts here
    monkeypatch.chdir(picture.parent)
    assert np.array_equal(own.read("picture.png").pixels, PIXELS)


def test_a_decoder_that_hangs_is_stopped(own: Decoder, endless: Path, picture: Path) -> None:
    with pytest.raises(ImageError, match="took longer than 1 seconds and was stopped") as caught:
        own.run("builtins:open", endless, endless, timeout=1)
    assert str(endless) in caught.value.message
    assert np.array_equal(own.read(picture).pixels, PIXELS)


def test_a_decoder_that_is_killed_in_the_middle(own: Decoder, endless: Path, picture: Path) -> None:
    own.read(picture)
    process = own._child._process
    assert process is not None
    threading.Timer(0.5, os.kill, (process.pid, signal.SIGKILL)).start()
    with pytest.raises(ImageError, match="the decoder crashed on it") as caught:
        own.run("builtins:open", endless, endless, timeout=60)
    assert "status -9" in caught.value.details[0]
    assert np.array_equal(own.read(picture).pixels, PIXELS)


def test_a_decoder_that_was_killed_while_idle_is_replaced(own: Decoder, picture: Path) -> None:
    own.read(picture)
    process = own._child._process
    assert process is not None
    process.kill()
    process.wait()
    assert np.array_equal(own.read(picture).pixels, PIXELS)


def test_an_unexpected_fault_names_the_file_and_keeps_its_traceback(
    own: Decoder, picture: Path
) -> None:
    with pytest.raises(ImageError, match="failed unexpectedly") as caught:
        own.run("builtins:int", picture, str(picture), timeout=60)
    assert str(picture) in caught.value.message
    assert any("ValueError" in line for line in caught.value.details)


def test_one_decoder_serves_many_threads(own: Decoder, tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        path.write_bytes(imagecodecs.png_encode(np.full((8, 8), number, np.uint8)))
        paths.append(path)
    with ThreadPoolExecutor(6) as pool:
        images = list(pool.map(own.read, paths * 3))
    assert [int(image.pixels[0, 0]) for image in images] == list(range(12)) * 3


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_text("only words"), "not an image of a kind"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 100), "ZIP archive"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "PDF document"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + b"\0" * 50), "compressed data are damaged"),
        (lambda path: path.write_bytes(os.urandom(7)), "not an image of a kind"),
        (lambda path: None, "there is no such file"),
    ],
)
def test_what_is_not_an_image_is_refused_by_name(
    decoder: Decoder, tmp_path: Path, make: object, said: str
) -> None:
    path = tmp_path / "thing.dcm"
    make(path)  # type: ignore[operator]
    with pytest.raises(ImageError, match=said) as caught:
        decoder.read(path)
    assert str(path) in caught.value.message


def test_pipes_are_refused(decoder: Decoder, endless: Path) -> None:
    with pytest.raises(ImageError, match="a device or a pipe"):
        decoder.read(endless)


@pytest.mark.parametrize("name", ["http://example.org/a.png", "file:///tmp/a.png", "s3://b/a.dcm"])
def test_addresses_are_refused(decoder: Decoder, name: str) -> None:
    with pytest.raises(ImageError, match="an address, not a file") as caught:
        decoder.read(name)
    assert name in caught.value.message


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000])
def test_impossible_names_are_refused(decoder: Decoder, name: str) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        decoder.read(name)


def test_a_file_without_permission_is_refused(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # root, who runs many a test, may read all
    with pytest.raises(ImageError, match="Permission denied; check the file and your rights"):
        decode(picture)


def test_importing_the_room_is_light_and_a_script_ends_cleanly(picture: Path) -> None:
    code = (
        "import sys, napari_ptx.image as room\n"
        "heavy = {'numpy', 'pandas', 'pydicom', 'SimpleITK', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        f"assert room.read_image({str(picture)!r}).shape == (30, 40)\n"
        "assert 'pydicom' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupted_call_does_not_answer_the_next(own: Decoder, picture: Path) -> None:
    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    own.read(picture)
    # A job in the background of a shell starts with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, interrupt)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            own._child.call("time:sleep", 60, timeout=120)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert np.array_equal(own.read(picture).pixels, PIXELS)
