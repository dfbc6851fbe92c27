"""Measurements of outlines as DICOM SR, by the template of measurement reports (TID 1500).

A group for each lesion: its outline on the image (a closed polyline) and area, perimeter, long
and short axis, with units of UCUM. The observer is the reader, and this program the device.

References
----------
DICOM PS3.16 TID 1500 (measurement report), TID 1410 (planar ROI measurements), TID 1003 and
1004 (observers); PS3.3 C.18.6 (spatial coordinates: the corner of the first pixel is 0, 0).
"""
# highdicom and pydicom are annotated in part only.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from napari_ptx.roi.dicom_source import (
    PROGRAM,
    content_uid,
    lesion_uid,
    person,
    read_source,
    save,
    set_times,
    uid_of,
)
from napari_ptx.roi.measurement import Measurement
from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.outline_set import OutlineSet, lesion_name

SERIES = 9002
"""The number that our reports' series gets, after that of the segmentations."""

CODES = {
    "area": ("42798000", "SCT", "Area"),
    "perimeter": ("131191004", "SCT", "Perimeter"),
    "max_diameter": ("103339001", "SCT", "Long Axis"),
    "short_axis": ("103340004", "SCT", "Short Axis"),
}
"""How the measurands that DICOM has a concept for are coded (SNOMED CT; CID 7470)."""

UNITS = {
    ("mm", True): ("mm2", "UCUM", "square millimeter"),
    ("mm", False): ("mm", "UCUM", "millimeter"),
    ("px", True): ("{square_pixels}", "UCUM", "square pixels"),
    ("px", False): ("{pixels}", "UCUM", "pixels"),
}
"""Units by that of lengths, and whether it is an area."""

_PROCEDURES = {
    "US": ("16310003", "SCT", "Ultrasonography"),
    "CT": ("77477000", "SCT", "Computed tomography"),
    "MR": ("113091000", "SCT", "Magnetic resonance imaging"),
}
_ANY_PROCEDURE = ("363679005", "SCT", "Imaging")


def write_sr(path: Path | str, made: OutlineSet, source: Path | str) -> Path:
    """Write the measurements of outlines as a DICOM SR that refers to their image.

    Parameters
    ----------
    path
        Ends in ".dcm". An existing file is replaced, whole or not at all.
    made
        The outlines. One whose line encloses nothing has no group. Lengths are in mm where
        ``made.spacing`` is known, else in pixels. Holes count in the measurements, but the
        polyline shows the outer line alone.
    source
        The DICOM image that they were drawn on.

    Raises
    ------
    RoiError
        The image is not DICOM or its header is not enough; or no outline has an area.
    """
    import highdicom

    path, source = Path(path), Path(source)
    dataset = read_source(source, made)
    measured = [
        (number, outline, values)
        for number, outline in made.lesions()
        if (values := made.measured(number)) is not None
    ]
    if not measured:
        raise RoiError(
            f"No outline of {made.name} on {source.name} encloses an area; there is nothing to "
            "report."
        )
    with warnings.catch_warnings():
        # Of odd values in the image's own header, which are copied as they are.
        warnings.simplefilter("ignore")
        try:
            groups = [_group(dataset, made, *lesion) for lesion in measured]
            result = highdicom.sr.ComprehensiveSR(
                [dataset],
                _report(dataset, made, groups)[0],
                uid_of("SR", dataset.SeriesInstanceUID, made.name),
                SERIES,
                content_uid("SR", dataset, made, made.spacing),
                1,
                manufacturer=PROGRAM,
                manufacturer_model_name=PROGRAM,
                software_versions=version(PROGRAM),
                device_serial_number="0",
                is_complete=True,
                series_description=f"Measurements, {made.name}"[:64],
                specific_character_set="ISO_IR 192",
            )
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise RoiError(
                f"The header of {source.name} does not make an SR ({error}); export CSV."
            ) from error
        set_times(result, made)
        return save(result, path)


def _code(value: tuple[str, str, str]) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(*value)


def _group(
    dataset: Any, made: OutlineSet, number: int, outline: Outline, values: Measurement
) -> Any:
    """Make the measurement group of one lesion."""
    from highdicom import sr

    points = outline.points[:, ::-1] + 0.5
    frames = [outline.frame + 1] if made.frames > 1 else None
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(
            uid=lesion_uid(dataset, made, number), identifier=f"{made.name}, {lesion_name(number)}"
        ),
        referenced_region=sr.ImageRegion(
            sr.GraphicTypeValues.POLYLINE,
            # a closed polyline ends where it began
            np.concatenate([points, points[:1]]),
            sr.SourceImageForRegion(dataset.SOPClassUID, dataset.SOPInstanceUID, frames),
        ),
        finding_category=_code(("49755003", "SCT", "Morphologically Abnormal Structure")),
        finding_type=_code(("52988006", "SCT", "Lesion")),
        measurements=[
            sr.Measurement(
                name=_code(code),
                value=float(getattr(values, name)),
                unit=_code(UNITS[values.unit, name == "area"]),
            )
            for name, code in CODES.items()
        ],
    )


def _report(dataset: Any, made: OutlineSet, groups: list[Any]) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    device = sr.ObserverContext(
        codes.DCM.Device,
        sr.DeviceObserverIdentifyingAttributes(
            uid_of("device", PROGRAM),
            name=PROGRAM,
            manufacturer_name=PROGRAM,
            model_name=PROGRAM,
            serial_number="0",
        ),
    )
    reader = sr.ObserverContext(
        codes.DCM.Person,
        sr.PersonObserverIdentifyingAttributes(person(made.observer or made.name)),
    )
    modality = str(dataset.get("Modality") or "")
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_person_context=reader, observer_device_context=device
        ),
        procedure_reported=_code(_PROCEDURES.get(modality, _ANY_PROCEDURE)),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
