"""What a DICOM file says of its patient and its origin, by the names of the tags alone.

No value is handed out: a list of what identifies must not identify anybody itself.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IDENTIFYING = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDs", "OtherPatientNames"),
    *("PatientBirthName", "PatientMotherBirthName", "PatientBirthDate", "PatientBirthTime"),
    *("PatientAddress", "PatientTelephoneNumbers", "PatientInsurancePlanCodeSequence"),
    *("PatientAge", "PatientSex", "PatientSize", "PatientWeight", "EthnicGroup", "Occupation"),
    *("MilitaryRank", "PatientReligiousPreference", "PatientComments", "AdditionalPatientHistory"),
    *("MedicalRecordLocator", "AdmissionID", "AdmittingDiagnosesDescription", "AccessionNumber"),
    *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName"),
    *("DeviceSerialNumber", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "RequestingPhysician", "StudyID"),
    *("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime"),
    *("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "StudyDescription"),
    *("SeriesDescription", "ProtocolName", "ImageComments", "RequestedProcedureDescription"),
    *("PerformedProcedureStepDescription", "ReasonForStudy", "PregnancyStatus"),
)
"""Keywords of DICOM PS3.15, table E.1-1, that ultrasound and CT files carry most often."""


@dataclass(frozen=True)
class Identity:
    """What a file gives away.

    Parameters
    ----------
    tags
        Keywords of identifying tags that hold something.
    private
        How many private tags there are; what they hold only their maker knows.
    burned_in
        What the file itself says of text in its pixels (Burned In Annotation): "YES",
        "NO", or "" where it does not say.
    """

    tags: tuple[str, ...] = ()
    private: int = 0
    burned_in: str = ""


def read_identity(path: str | Path) -> Identity:
    """Read what a file gives away; nothing where it is no DICOM file.

    References
    ----------
    DICOM PS3.15 annex E, Basic Application Level Confidentiality Profile.
    """
    from napari_ptx.image.foreign import Unreadable
    from napari_ptx.image.read import format_of

    try:
        if format_of(Path(path)) != "dicom":
            return Identity()
    except (Unreadable, OSError):
        return Identity()
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        return Identity(
            tags=tuple(keyword for keyword in IDENTIFYING if _holds(dataset, keyword)),
            private=sum(tag.is_private for tag in list(dataset.keys())),
            burned_in=str(dataset.get("BurnedInAnnotation") or "").strip().upper(),
        )


def _holds(dataset: Any, keyword: str) -> bool:
    if keyword not in dataset:
        return False
    try:
        value = dataset[keyword].value
    except (ValueError, TypeError, KeyError, NotImplementedError):
        return True  # whatever it is, it is there
    return bool(str(value).strip()) if value is not None else False
