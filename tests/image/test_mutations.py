"""Damaged files never crash or hang a reader: small real files, mutated, through the child."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as pillow  # noqa: N813
from pydicom.data import get_testdata_file

from napari_ptx.image import Decoder, Image, ImageError

from .make import dataset, random_grey, region, save

pytestmark = pytest.mark.once

# Files of pydicom's wheel, one for each way to store pixels.
BUNDLED = [
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "JPEG2000.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "rtdose.dcm",
    "image_dfl.dcm",
    "UN_sequence.dcm",
]


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    colour, grey = random_grey((24, 32, 3)), random_grey((24, 32))
    deep = random_grey((4, 12, 16), np.uint16)
    for suffix in ("png", "jpg", "bmp"):
        pillow.fromarray(colour).save(folder / f"colour.{suffix}")
        pillow.fromarray(grey).save(folder / f"grey.{suffix}")
    pillow.fromarray(deep[0]).save(folder / "deep.png")
    pillow.fromarray(grey).convert("P").save(folder / "palette.png")
    tifffile.imwrite(folder / "plain.tif", deep, photometric="minisblack")
    tifffile.imwrite(
        folder / "packed.tif", random_grey((64, 64)), compression="zlib", tile=(32, 32)
    )
    tifffile.imwrite(folder / "imagej.tif", deep, imagej=True, metadata={"unit": "mm"})
    tifffile.imwrite(folder / "a.ome.tif", deep, metadata={"axes": "ZYX", "PhysicalSizeX": 0.1})
    for suffix in (".nii", ".nii.gz", ".nrrd", ".mha"):
        sitk.WriteImage(sitk.GetImageFromArray(deep), str(folder / f"volume{suffix}"))
    made = dataset(grey, SequenceOfUltrasoundRegions=[region((2, 3, 20, 30))])
    save(made, folder / "ultrasound.dcm")
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    for name in BUNDLED:
        path = get_testdata_file(name, download=False)
        assert isinstance(path, str)
        found[name] = Path(path).read_bytes()
    return found


@pytest.fixture
def own() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


# Where: a share of the file; the square favours headers.
_PLACES = st.floats(0, 1, exclude_max=True).map(lambda share: share * share)
_LENGTHS = st.sampled_from(
    [
        *(
            struct.pack("<I", value)
            for value in (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
        ),
        *(struct.pack(">I", value) for value in (1, 2**16, 2**31 - 1, 2**32 - 2)),
        *(struct.pack("<H", value) for value in (0, 1, 255, 2**15, 2**16 - 2, 2**16 - 1)),
        b"\0" * 40,
        b"\xff" * 40,
    ]
)
_STEPS = st.one_of(
    st.tuples(st.just("flip"), _PLACES, st.integers(0, 7)),
    st.tuples(st.just("byte"), _PLACES, st.integers(0, 255)),
    st.tuples(st.just("length"), _PLACES, _LENGTHS),
    st.tuples(st.just("cut"), _PLACES, st.none()),
    st.tuples(st.just("drop"), _PLACES, st.integers(1, 64)),
    st.tuples(st.just("repeat"), _PLACES, st.integers(1, 200)),
)


def mutate(data: bytes, steps: list[tuple[str, float, object]]) -> bytes:
    for kind, share, value in steps:
        place = int(share * len(data))
        before, after = data[:place], data[place:]
        if kind == "flip" and after:
            assert isinstance(value, int)
            data = before + bytes([after[0] ^ (1 << value)]) + after[1:]
        elif kind == "byte" and after:
            assert isinstance(value, int)
            data = before + bytes([value]) + after[1:]
        elif kind == "length":
            assert isinstance(value, bytes)
            data = before + value + after[len(value) :]
        elif kind == "cut":
            data = before
        elif kind == "drop":
            assert isinstance(value, int)
            data = before + after[value:]
        elif kind == "repeat":
            assert isinstance(value, int)
            data = before + after[:value] + after
    return data


def _run(
    count: int,
    decoder: Decoder,
    seeds: dict[str, bytes],
    folder: Path,
    tell: Callable[[str, str], None],
) -> None:
    outcomes: Counter[str] = Counter()

    # Fixed examples: a run is the same everywhere, and a failure comes back.
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(name=st.sampled_from(sorted(seeds)), steps=st.lists(_STEPS, min_size=1, max_size=6))
    def survive(name: str, steps: list[tuple[str, float, object]]) -> None:
        path = folder / name
        path.write_bytes(mutate(seeds[name], steps))
        try:
            image = decoder.read(path, timeout=20)
        except ImageError as error:
            refused = error
        else:
            assert isinstance(image, Image)
            assert image.pixels.size > 0
            outcomes["read"] += 1
            return
        assert str(path) in refused.message
        for crash in ("crashed", "unexpectedly", "longer than"):
            assert crash not in refused.message, refused
        outcomes["refused"] += 1

    survive()
    tell(
        f"{sum(outcomes.values())} mutated files",
        f"{outcomes['read']} read, {outcomes['refused']} refused, 0 crashes, 0 hangs",
    )
    assert sum(outcomes.values()) >= count
    assert min(outcomes["read"], outcomes["refused"]) > count // 10


def test_mutated_files(
    own: Decoder,
    seeds: dict[str, bytes],
    tmp_path: Path,
    tell: Callable[[str, str], None],
) -> None:
    _run(300, own, seeds, tmp_path, tell)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_thousand_mutated_files(
    own: Decoder,
    seeds: dict[str, bytes],
    tmp_path: Path,
    tell: Callable[[str, str], None],
) -> None:
    _run(2000, own, seeds, tmp_path, tell)
