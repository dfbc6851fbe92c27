"""PyRadiomics on a crop, through its own parameter files, with nothing skipped in silence."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_ptx.ultrasound.crop import Crop
from napari_ptx.ultrasound.errors import UltrasoundError

PARAMS = "liu2026"
"""The name of the parameter file that comes with the package."""

FILTERS = ("Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D")
"""The filters of which the paper used one, without saying which."""

LIU_COLUMNS = 567
"""9 shape features, and 93 of each of 6 image types."""

# PyRadiomics says this for every image; nothing is lost by it.
_HARMLESS = "GLCM is symmetrical, therefore Sum Average = 2 * Joint Average"
# What the functions in its schema raise for names and values they do not know.
_SCHEMA_ERRORS = (ValueError, TypeError, LookupError, AttributeError)


class Extractor:
    """PyRadiomics with one set of parameters; makes the features of one crop after another.

    Parameters
    ----------
    params
        "liu2026", or the path of a parameter file of PyRadiomics (YAML or JSON).
    extra_filter
        One of ``FILTERS``; only for "liu2026", a file names its own.

    Raises
    ------
    UltrasoundError
        Where PyRadiomics is not installed, or does not take the parameters.

    References
    ----------
    van Griethuysen et al., Cancer Res 2017;77(21):e104-e107.
    """

    def __init__(self, params: str | Path = PARAMS, extra_filter: str = FILTERS[0]) -> None:
        if extra_filter not in FILTERS:
            raise UltrasoundError(
                f"There is no extra filter {extra_filter!r}; choose one of {', '.join(FILTERS)}."
            )
        self.liu = str(params) == PARAMS
        file = Path(__file__).with_name("params") / f"{PARAMS}.yaml" if self.liu else Path(params)
        self._extractor = _load(file)
        if self.liu:
            self._extractor.enabledImagetypes.pop("Square")
            self._extractor.enabledImagetypes[extra_filter] = {}
        self._extractor.settings["additionalInfo"] = False

    @property
    def parameters(self) -> dict[str, Any]:
        """All that was asked of PyRadiomics, in the form of a parameter file."""
        return {
            "imageType": dict(self._extractor.enabledImagetypes),
            "featureClass": dict(self._extractor.enabledFeatures),
            "setting": dict(self._extractor.settings),
        }

    def only(self, image_type: str, feature_class: str, feature: str, **settings: Any) -> Extractor:
        """Give an extractor of one feature of one image type, with further settings.

        Raises
        ------
        UltrasoundError
            For a feature that the class does not have.
        """
        from radiomics import getFeatureClasses

        names = getFeatureClasses()[feature_class].getFeatureNames()
        if feature not in names:
            known = ", ".join(name for name, deprecated in names.items() if not deprecated)
            raise UltrasoundError(f"{feature_class} has no feature {feature!r}; it has {known}.")
        one = Extractor(PARAMS)
        one.liu = False
        one._extractor.enabledImagetypes = {image_type: {}}
        one._extractor.enabledFeatures = {feature_class: [feature]}
        one._extractor.settings.update(settings)
        return one

    def execute(self, image: Any, mask: Any, *, voxel_based: bool = False) -> dict[str, Any]:
        """Call PyRadiomics on SimpleITK images; what it only warns of is an error.

        Raises
        ------
        UltrasoundError
            As ``features``.
        """
        # What is divided by zero is not finite, and told below.
        with _watched() as said, np.errstate(all="ignore"):
            try:
                values = self._extractor.execute(image, mask, voxelBased=voxel_based)
            except (ValueError, RuntimeError) as error:  # how it refuses a ROI or a setting
                raise UltrasoundError(f"PyRadiomics refused it: {error}.") from error
        if said:
            raise UltrasoundError(
                f"PyRadiomics did not compute everything it was asked for: {said[0]}", said[1:]
            )
        return dict(values)

    def features(self, crop: Crop) -> dict[str, float]:
        """Give the features of a crop under PyRadiomics' names, in its order.

        The crop becomes a volume of one slice with the grey levels 0 to 255 and the
        spacing ``crop.spacing``.

        Raises
        ------
        UltrasoundError
            Where PyRadiomics refuses the ROI, skips a filter or a class (it only logs
            a warning), cannot compute a feature, or gives one that is not finite;
            and where "liu2026" does not give 567.
        """
        if not crop.pixels.any():
            raise UltrasoundError("The crop is black; there is nothing to measure.")
        values = self.execute(*as_volume(crop.pixels, crop.mask, crop.spacing))
        features = {name: float(value) for name, value in values.items()}
        undefined = [name for name, value in features.items() if not math.isfinite(value)]
        if undefined:
            raise UltrasoundError(
                f"{len(undefined)} of {len(features)} features are not finite numbers "
                f"({', '.join(undefined[:5])}); the ROI is probably of one grey level."
            )
        if self.liu and len(features) != LIU_COLUMNS:
            raise UltrasoundError(
                f"PyRadiomics gave {len(features)} features instead of the {LIU_COLUMNS} of "
                f"{PARAMS}; its version does not fit."
            )
        return features


def as_volume(
    grey: ArrayLike, mask: ArrayLike, spacing: tuple[float, float] = (1.0, 1.0)
) -> tuple[Any, Any]:
    """Give a picture and its mask as SimpleITK volumes of one slice, as PyRadiomics needs them.

    Parameters
    ----------
    grey, mask
        ``(y, x)``; whole grey levels, and what is not zero is ROI.
    spacing
        Of the pixels, ``(y, x)``.
    """
    import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

    y, x = spacing
    # Not 8 bits: PyRadiomics adds to grey levels in their own type.
    image: Any = sitk.GetImageFromArray(np.asarray(grey).astype(np.int16)[np.newaxis])
    label: Any = sitk.GetImageFromArray(np.asarray(mask).astype(np.uint8)[np.newaxis])
    for volume in (image, label):
        volume.SetSpacing((x, y, 1.0))
    return image, label


def _load(file: Path) -> Any:
    try:
        from pykwalify.errors import PyKwalifyException
        from radiomics.featureextractor import RadiomicsFeatureExtractor
        from ruamel.yaml.error import YAMLError
    except ImportError as error:
        raise UltrasoundError(
            f"Radiomics needs PyRadiomics ({error}); install it with "
            "'python -m pip install \"napari-ptx[models]\"' (it needs a C compiler)."
        ) from None
    if not file.is_file():
        raise UltrasoundError(
            f"There is no parameter file {file}; give {PARAMS!r} or the path of a YAML file."
        )
    try:
        with _watched():
            return RadiomicsFeatureExtractor(str(file))
    except (PyKwalifyException, YAMLError, *_SCHEMA_ERRORS) as error:
        said = " ".join(str(getattr(error, "msg", error)).split())
        raise UltrasoundError(
            f"{file} is not a parameter file of PyRadiomics: {said[:500]}"
        ) from None


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not text.startswith(_HARMLESS) and text not in self.said:
            self.said.append(text)


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Collect what PyRadiomics warns of, instead of letting it print."""
    import radiomics

    logger, listener = logging.getLogger("radiomics"), _Listener()
    level = radiomics.handler.level
    radiomics.handler.setLevel(logging.CRITICAL)
    logger.addHandler(listener)
    try:
        yield listener.said
    finally:
        logger.removeHandler(listener)
        radiomics.handler.setLevel(level)
