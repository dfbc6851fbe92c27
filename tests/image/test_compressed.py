"""Compressed DICOM: frames that are cut, missing, of another size, or of an unknown codec."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGBaseline8Bit

from napari_ptx.image import decode
from napari_ptx.image.codestream import frame_size, is_complete

from .make import bundled, random_grey, reason, save


def jpeg_frames() -> tuple[Dataset, list[bytes]]:
    made = pydicom.dcmread(bundled("examples_ybr_color.dcm"))
    frames = list(generate_frames(made.PixelData, number_of_frames=made.NumberOfFrames))[:3]
    made.NumberOfFrames = 3
    return made, frames


def test_compressed_frames_that_are_whole(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    image = decode(save(made, tmp_path / "a.dcm"))
    assert image.pixels.shape == (3, 240, 320, 3)
    whole = decode(bundled("examples_ybr_color.dcm"))
    assert np.array_equal(image.pixels, whole.pixels[:3])


def test_compressed_frame_that_is_cut(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    frames[1] = frames[1][: len(frames[1]) // 2]
    made.PixelData = encapsulate(frames)
    assert "frame 2 are cut off" in reason(save(made, tmp_path / "a.dcm"))


def test_compressed_frames_that_are_missing(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames[:2])
    assert "2 of the 3 frames" in reason(save(made, tmp_path / "a.dcm"))


def test_compressed_frame_of_another_size(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    made.Rows, made.Columns = 320, 240
    said = reason(save(made, tmp_path / "a.dcm"))
    assert "240 x 320 x 3 inside, but the file declares 320 x 240 x 3" in said


def test_compressed_frame_without_its_scan(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    scan = frames[0].index(b"\xff\xda")
    frames[0] = frames[0][:scan] + frames[0][scan + 200 :]  # without the start of the scan
    made.PixelData = encapsulate(frames)
    assert "frame 1 are cut off" in reason(save(made, tmp_path / "a.dcm"))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("MR_small_RLE.dcm", b""),
        ("examples_jpeg2k.dcm", b"\xff\xd9"),
        ("MR_small_jpeg_ls_lossless.dcm", b"\xff\xd9"),
    ],
)
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.98])
def test_compressed_frame_that_ends_early_with_an_end_marker(
    tmp_path: Path, name: str, end: bytes, kept: float
) -> None:
    made = pydicom.dcmread(bundled(name))
    (frame,) = generate_frames(made.PixelData, number_of_frames=1)
    made.PixelData = encapsulate([frame[: int(kept * len(frame))] + end])
    assert "could not be decompressed" in reason(save(made, tmp_path / "a.dcm"))


def test_a_video_is_refused_by_name(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    assert "MPEG-4" in reason(save(made, tmp_path / "a.dcm"))


def test_a_codec_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = get_decoder(JPEGBaseline8Bit)
    monkeypatch.setattr(codec, "_available", {})
    monkeypatch.setattr(codec, "_unavailable", {"pylibjpeg": ("pylibjpeg-libjpeg>=2.1",)})
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    said = reason(save(made, tmp_path / "a.dcm"))
    assert "needs a package that is not installed" in said
    assert "pylibjpeg-libjpeg>=2.1" in said


def test_compressed_pixels_without_transfer_syntax(tmp_path: Path) -> None:
    made, frames = jpeg_frames()
    made.PixelData = encapsulate(frames)
    path = save(made, tmp_path / "a.dcm")
    syntax = str(JPEGBaseline8Bit).encode()
    data = path.read_bytes()
    start = data.index(b"\x02\x00\x10\x00UI")
    length = 8 + len(syntax) + len(syntax) % 2
    path.write_bytes(data[:start] + data[start + length :])
    assert "transfer syntax" in reason(path)


def test_codestream_sizes_equal_what_imagecodecs_encoded() -> None:
    for shape in ((37, 53), (37, 53, 3)):
        pixels = random_grey(shape)
        expected = (37, 53, 3 if len(shape) == 3 else 1)
        for encode in (
            imagecodecs.jpeg_encode,
            imagecodecs.jpegls_encode,
            imagecodecs.ljpeg_encode,
            imagecodecs.jpeg2k_encode,
        ):
            if encode is imagecodecs.ljpeg_encode and len(shape) == 3:
                continue  # it has no colour
            frame = encode(pixels)
            assert frame_size(frame) == expected, encode
            assert is_complete(frame)
            assert is_complete(frame + b"\0")
            assert not is_complete(frame[:-1])
            assert not is_complete(frame[: len(frame) // 2])


@given(data=st.binary(max_size=200), start=st.sampled_from([b"\xff\xd8", b"\xff\x4f\xff\x51", b""]))
def test_codestream_of_anything_gives_a_size_or_none(data: bytes, start: bytes) -> None:
    size = frame_size(start + data)
    assert size is None or len(size) == 3
