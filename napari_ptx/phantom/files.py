"""Simulated cases as DICOM files, which say in several places that they are simulated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_ptx.phantom.ultrasound import Phantom

COMMENT = "SIMULATED by napari-ptx; not a patient"


def write_dicom(phantom: Phantom, path: Path, *, patient: str = "SIM", number: int = 1) -> None:
    """Write a phantom's image as an uncompressed DICOM ultrasound image.

    Its calibration is in the Sequence of Ultrasound Regions, and its scenario,
    with the exact border of the lesion, is not in the file: nobody can read it
    there by accident.

    Parameters
    ----------
    patient
        The Patient ID; the name becomes ``Simulated^<patient>``.
    number
        The Instance Number.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

    scenario = phantom.scenario
    kinds = ("study", "series", "instance")
    # The same case has the same identifiers wherever it is made.
    study, series, instance = (
        generate_uid(entropy_srcs=["napari-ptx", f"{scenario.version}", f"{scenario.seed}", kind])
        for kind in kinds
    )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian

    file = Dataset()
    file.file_meta = meta
    file.ImageType = ["DERIVED", "SECONDARY"]
    file.SOPClassUID = UltrasoundImageStorage
    file.SOPInstanceUID = instance
    file.StudyDate = file.StudyTime = file.AccessionNumber = ""
    file.Modality = "US"
    file.Manufacturer = "napari-ptx (simulation)"
    file.ReferringPhysicianName = ""
    file.StudyDescription = file.SeriesDescription = COMMENT
    file.DerivationDescription = f"phantom version {scenario.version}, seed {scenario.seed}"
    file.PatientName = f"Simulated^{patient}"
    file.PatientID = patient
    file.PatientBirthDate = file.PatientSex = ""
    file.PatientComments = file.ImageComments = COMMENT
    file.StudyInstanceUID, file.SeriesInstanceUID = study, series
    file.StudyID, file.SeriesNumber, file.InstanceNumber = "1", 1, number
    file.SequenceOfUltrasoundRegions = [_region(phantom)]
    file.SamplesPerPixel = 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.Rows, file.Columns = phantom.image.shape
    file.BitsAllocated = file.BitsStored = 8
    file.HighBit, file.PixelRepresentation = 7, 0
    file.LossyImageCompression = "00"
    file.PixelData = np.ascontiguousarray(phantom.image.pixels).tobytes()
    if len(file.PixelData) % 2:
        file.PixelData += b"\0"
    file["PixelData"].VR = "OB"
    file.save_as(path, enforce_file_format=True)


def write_scenario(phantom: Phantom, path: Path) -> None:
    """Write how a case was drawn, with its exact size, as JSON."""
    values = {
        "note": COMMENT,
        "size_mm": phantom.size_mm,
        "scenario": phantom.scenario.to_json(),
    }
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _region(phantom: Phantom) -> object:
    from pydicom.dataset import Dataset

    (region,) = phantom.image.regions
    item = Dataset()
    item.RegionSpatialFormat = 1  # two-dimensional
    item.RegionDataType = 1  # tissue
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.left, region.top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.right - 1, region.bottom - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3  # cm
    item.PhysicalDeltaY, item.PhysicalDeltaX = (step / 10 for step in region.spacing)
    return item
