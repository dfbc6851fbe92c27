"""Small DICOM files made for the tests, whole and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from napari_ptx.image import ImageError, decode


def dataset(
    pixels: NDArray[Any] | None = None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    **tags: Any,
) -> Dataset:
    """Make a data set; a tag given as None is left out."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.Modality = "US"
    if pixels is not None:
        colour = pixels.ndim > 2 and pixels.shape[-1] == 3
        made.Rows, made.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
        made.SamplesPerPixel = 3 if colour else 1
        made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
        made.BitsAllocated = made.BitsStored = 8 * pixels.itemsize
        made.HighBit = made.BitsStored - 1
        made.PixelRepresentation = int(pixels.dtype.kind == "i")
        if colour:
            made.PlanarConfiguration = 0
        if pixels.ndim - colour > 2:
            made.NumberOfFrames = pixels.shape[0]
        made.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", pixels.tobytes())
    for name, value in tags.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    return made


def save(made: Dataset, path: Path) -> Path:
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path


def region(
    bounds: tuple[int, int, int, int],
    delta: Any = (0.01, 0.02),
    units: Any = (3, 3),
    flags: int = 0,
) -> Dataset:
    """Make an ultrasound region: (top, left, bottom, right) inclusive, delta and units (y, x)."""
    item = Dataset()
    item.RegionLocationMinY0, item.RegionLocationMinX0 = bounds[:2]
    item.RegionLocationMaxY1, item.RegionLocationMaxX1 = bounds[2:]
    item.PhysicalDeltaY, item.PhysicalDeltaX = delta
    item.PhysicalUnitsYDirection, item.PhysicalUnitsXDirection = units
    item.RegionFlags = flags
    item.RegionSpatialFormat = 1
    return item


def random_grey(shape: tuple[int, ...], kind: type = np.uint8, seed: int = 0) -> NDArray[Any]:
    top = min(np.iinfo(kind).max, 4000)
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


def bundled(name: str) -> Path:
    """Give one of the files that pydicom's wheel holds."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def reason(path: Path) -> str:
    """Give the sentence with which a file is refused."""
    with pytest.raises(ImageError) as caught:
        decode(path)
    assert str(path) in caught.value.message
    return caught.value.message
