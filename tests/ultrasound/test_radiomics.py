"""PyRadiomics through our functions, against PyRadiomics called directly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("radiomics")
sitk = pytest.importorskip("SimpleITK")

from radiomics.featureextractor import RadiomicsFeatureExtractor  # noqa: E402

from napari_ptx.image import decode, read_cohort  # noqa: E402
from napari_ptx.roi import write_mask  # noqa: E402
from napari_ptx.ultrasound import Extractor, UltrasoundError, load_case  # noqa: E402
from napari_ptx.ultrasound.crop import Crop, crop  # noqa: E402
from napari_ptx.ultrasound.radiomics import FILTERS  # noqa: E402
from tests.image.make import dataset, save  # noqa: E402
from tests.ultrasound.lesions import HEIGHT, WIDTH, case_of, oval, speckle  # noqa: E402

# Written from the paper and PyRadiomics' manual, not from our file.
DIRECT = """
setting: {binWidth: 25.0, force2D: true, force2Ddimension: 0, additionalInfo: false}
imageType: {Original: {}, Wavelet: {}, %s: {}}
featureClass: {shape2D: , firstorder: , glcm: , glrlm: , glszm: , gldm: , ngtdm: }
"""
PREFIX = {
    "Square": "square",
    "SquareRoot": "squareroot",
    "Logarithm": "logarithm",
    "Exponential": "exponential",
    "Gradient": "gradient",
    "LBP2D": "lbp-2D",
}


def small(size: int = 64, **more: Any) -> Crop:
    return crop(case_of(oval(), **more), size=size)


def directly(folder: Path, cut: Crop, extra: str) -> dict[str, float]:
    """Call PyRadiomics on the crop as written to files, with grey levels as float."""
    (folder / "params.yaml").write_text(DIRECT % extra)
    for name, pixels in (("image", cut.pixels), ("mask", cut.mask)):
        Picture.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.png")
        volume = np.asarray(Picture.open(folder / f"{name}.png"))[None]
        kind = np.float64 if name == "image" and extra != "LBP2D" else np.int32
        sitk.WriteImage(sitk.GetImageFromArray(volume.astype(kind)), str(folder / f"{name}.nrrd"))
    extractor = RadiomicsFeatureExtractor(str(folder / "params.yaml"))
    level = logging.getLogger("radiomics").level
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    try:
        values = extractor.execute(str(folder / "image.nrrd"), str(folder / "mask.nrrd"))
    finally:
        logging.getLogger("radiomics").setLevel(level)
    return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize("extra", FILTERS)
def test_each_filter_gives_567_features_equal_to_pyradiomics(tmp_path: Path, extra: str) -> None:
    cut = small()
    features = Extractor("liu2026", extra).features(cut)
    assert len(features) == 567
    images = ["original", *(f"wavelet-{band}" for band in ("LH", "HL", "HH", "LL")), PREFIX[extra]]
    for image in images:
        texture = [
            name for name in features if name.startswith(f"{image}_") and "shape" not in name
        ]
        assert len(texture) == 93
    assert sum("_shape2D_" in name for name in features) == 9
    assert features == directly(tmp_path, cut, extra)  # every bit, and the order
    assert list(features) == list(directly(tmp_path, cut, extra))


def real_crops(data_dir: Path, count: int) -> list[Crop]:
    table = read_cohort(data_dir / "us_ddti_thyroid" / "cohort.csv").table
    chosen = table.iloc[:: len(table) // count][:count]
    return [crop(load_case(row, read=decode)) for row in chosen.to_dict("records")]


def check_real(data_dir: Path, tmp_path: Path, count: int) -> None:
    for number, cut in enumerate(real_crops(data_dir, count)):
        extra = FILTERS[number % len(FILTERS)]
        assert cut.image.shape == (500, 500)
        assert Extractor("liu2026", extra).features(cut) == directly(tmp_path, cut, extra)


@pytest.mark.data
def test_one_real_nodule_equals_pyradiomics(data_dir: Path, tmp_path: Path) -> None:
    check_real(data_dir, tmp_path, 1)


@pytest.mark.data
@pytest.mark.slow
def test_twenty_real_nodules_equal_pyradiomics(data_dir: Path, tmp_path: Path) -> None:
    check_real(data_dir, tmp_path, 20)


def test_png_dicom_and_tiff_give_the_same_features(tmp_path: Path) -> None:
    import tifffile

    write_mask(tmp_path / "roi.png", oval())
    Picture.fromarray(speckle()).save(tmp_path / "image.png")
    save(dataset(speckle()), tmp_path / "image.dcm")
    tifffile.imwrite(tmp_path / "image.tif", speckle())
    colour = np.stack([speckle()] * 3, axis=-1)
    save(dataset(colour), tmp_path / "colour.dcm")
    extractor = Extractor()
    found = []
    for name in ("image.png", "image.dcm", "image.tif", "colour.dcm"):
        row = {"case": name, "image": str(tmp_path / name), "roi": str(tmp_path / "roi.png")}
        found.append(extractor.features(crop(load_case(row, read=decode), size=48)))
    assert len(found[0]) == 567
    assert all(features == found[0] for features in found[1:])


def elongation(mask: np.ndarray, scale: tuple[float, float]) -> float:
    """Give the ratio of the minor to the major axis of a mask whose pixels have this size."""
    spread = np.linalg.eigvalsh(np.cov((np.argwhere(mask) * scale).T))
    return float(np.sqrt(spread[0] / spread[1]))


def test_shape_is_of_the_stretched_box_or_in_millimetres() -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = (rows - 45) ** 2 + (columns - 60) ** 2 < 30**2
    extractor = Extractor()
    case = case_of(disc, spacing=(0.2, 0.2), calibrated=True)
    true = extractor.features(crop(case, mode="spacing", size=128))
    assert true["original_shape2D_PixelSurface"] == pytest.approx(disc.sum() * 0.04, rel=0.001)
    # between the disc's 59 pixels and the far corners of pixels whose centres lie within it
    least, most = 59, 2 * (30 + np.sqrt(0.5))
    assert least * 0.2 < true["original_shape2D_MaximumDiameter"] < most * 0.2
    stretched = extractor.features(crop(case, size=128))
    assert 128 < stretched["original_shape2D_MaximumDiameter"] < most * 128 / 59
    flat = (rows - 45) ** 2 * 4 + (columns - 60) ** 2 < 30**2
    paper = extractor.features(crop(case_of(flat), size=128))
    assert paper["original_shape2D_Elongation"] == pytest.approx(
        elongation(flat, (1 / 29, 1 / 59)),
        abs=1 / 128,  # one pixel of the box
    )
    kept = extractor.features(crop(case_of(flat), mode="spacing", size=128))
    assert kept["original_shape2D_Elongation"] == pytest.approx(
        elongation(flat, (1, 1)), abs=1 / 128
    )


def parameter_file(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def test_a_parameter_file_of_pyradiomics_is_taken_as_it_is(tmp_path: Path) -> None:
    path = parameter_file(
        tmp_path,
        "imageType: {Original: {}, Wavelet: {wavelet: haar}}\n"
        "featureClass: {firstorder: [Mean, Entropy], glcm: [Contrast]}\n"
        "setting: {force2D: true, binCount: 16, normalize: true, normalizeScale: 100}\n",
    )
    extractor = Extractor(path)
    features = extractor.features(small())
    assert len(features) == 3 * 5
    assert extractor.parameters["setting"]["binCount"] == 16
    assert extractor.parameters["imageType"] == {"Original": {}, "Wavelet": {"wavelet": "haar"}}


def test_what_pyradiomics_only_warns_of_is_an_error(tmp_path: Path) -> None:
    skipped = parameter_file(
        tmp_path,
        "imageType: {Original: {}, LoG: {sigma: [1.0]}}\n"
        "featureClass: {firstorder: [Mean]}\nsetting: {force2D: true}\n",
    )
    with pytest.raises(UltrasoundError, match="Image too small to apply LoG filter"):
        Extractor(skipped).features(small())
    solid = parameter_file(
        tmp_path, "imageType: {Original: {}}\nfeatureClass: {shape2D: , firstorder: [Mean]}\n"
    )
    with pytest.raises(UltrasoundError, match="force2D must be set to True"):
        Extractor(solid).features(small())


def test_the_log_of_pyradiomics_stays_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    import radiomics

    handlers, level = list(radiomics.logger.handlers), radiomics.handler.level
    Extractor().features(small())
    assert (radiomics.logger.handlers, radiomics.handler.level) == (handlers, level)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imageType: {Sqare: {}}\n", "not a parameter file of PyRadiomics"),
        ("setting: {binWidth: wide}\n", "not a parameter file of PyRadiomics"),
        ("{{{", "not a parameter file of PyRadiomics"),
        ("", "not a parameter file of PyRadiomics"),
        ("just text", "not a parameter file of PyRadiomics"),
    ],
)
def test_wrong_parameter_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UltrasoundError, match=message):
        Extractor(parameter_file(tmp_path, text))


def test_unknown_parameters_and_filters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UltrasoundError, match="no parameter file"):
        Extractor(tmp_path / "nowhere.yaml")
    with pytest.raises(UltrasoundError, match="choose one of Square, SquareRoot"):
        Extractor("liu2026", "LoG")


def test_a_lesion_that_is_too_small_or_flat_is_refused() -> None:
    one = small()
    mask = np.zeros_like(one.mask)
    mask[3, 3] = True
    point = Crop(one.image, mask, one.box, one.scale_yx, one.unit, one.mode)
    with pytest.raises(UltrasoundError, match="PyRadiomics refused it: mask only contains 1"):
        Extractor().features(point)
    with pytest.raises(UltrasoundError, match="The crop is black"):
        Extractor().features(small(pixels=np.zeros((HEIGHT, WIDTH), np.uint8)))
