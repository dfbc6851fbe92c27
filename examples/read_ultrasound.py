"""Read a DICOM ultrasound image with its calibration.

    python examples/read_ultrasound.py [FILE]

Without a file it reads an example of pydicom's: a cine loop of 30 frames that was
shrunk to half while its calibration was not. As it is, the calibration lies outside
the picture and is refused, with a note; mended, it is in mm.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file

from napari_ptx.image import Image, ImageError, read_image


def describe(image: Image) -> None:
    """Print what an image knows about itself."""
    rows, columns = image.shape[-2:]
    print(f"file       {image.source}")
    print(f"size       {rows} x {columns} pixels, frames: {image.frames}")
    print(f"pixels     {'colour (RGB)' if image.colour else 'grey'}, {image.pixels.dtype}")
    print(f"brightest  {image.grey().max()} (grey for measurement, ITU-R BT.601)")
    for number, region in enumerate(image.regions, start=1):
        height, width = region.spacing
        print(
            f"region {number}   rows {region.top} to {region.bottom - 1}, columns {region.left} to "
            f"{region.right - 1}: a pixel is {height:.4f} x {width:.4f} mm"
        )
    y, x = rows / 2, columns / 2
    spacing = image.spacing_at(y, x)
    if spacing is None:
        print(f"at the centre (y {y:g}, x {x:g}) nothing is calibrated: measure in pixels")
    else:
        print(f"at the centre (y {y:g}, x {x:g}) 100 pixels down are {100 * spacing[0]:.1f} mm")
    for note in image.notes:
        print(f"note       {note}")


def mended(source: Path, folder: Path) -> Path:
    """Copy the example with a calibration that fits the shrunk picture."""
    dataset = pydicom.dcmread(source)
    region = dataset.SequenceOfUltrasoundRegions[0]
    for bound in ("MinX0", "MinY0", "MaxX1", "MaxY1"):
        region[f"RegionLocation{bound}"].value //= 2
    region.PhysicalDeltaX *= 2
    region.PhysicalDeltaY *= 2
    copy = folder / "mended.dcm"
    dataset.save_as(copy)
    return copy


def main() -> int:
    """Describe the file that was named, or the two examples."""
    try:
        if len(sys.argv) > 1:
            describe(read_image(sys.argv[1]))
            return 0
        example = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
        describe(read_image(example))
        print()
        with tempfile.TemporaryDirectory() as folder:
            describe(read_image(mended(example, Path(folder))))
    except ImageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
