"""The formats that an export can write, and how one reading becomes files of each.

What a format is, ``roi`` knows; here it gets its folder, and its words for those who choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ptx.study.types import CaseInfo, Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.roi.label_maps import Placement
    from napari_ptx.roi.outline_set import OutlineSet
    from napari_ptx.study.study import Study


@dataclass(frozen=True)
class Format:
    """One thing that an export can write.

    Parameters
    ----------
    name
        What the command line calls it.
    title
        What people call it.
    about
        A line on what it is good for, and what it needs.
    chosen
        Whether it is written where nobody says otherwise.
    """

    name: str
    title: str
    about: str
    chosen: bool


FORMATS: tuple[Format, ...] = (
    Format("imagej", "ImageJ ROI sets", "A RoiSet.zip for each reading; outlines exact", True),
    Format("masks", "Mask images", "PNG, 255 inside; one for each frame with an outline", True),
    Format("coco", "COCO JSON", "One file for all, as training programs read it", True),
    Format("long", "Long table (CSV)", "A row for each lesion and measurand", True),
    Format("r", "Tables for R", "A row for each case, a column for each reading: irr, psych", True),
    Format("nifti", "NIfTI label maps", "A label for each lesion, in the patient's frame", False),
    Format("nrrd", "3D Slicer segmentations", "NRRD with names; lesions may overlap", False),
    Format("seg", "DICOM SEG", "Masks for a PACS, with the image's patient; DICOM images only",
           False),
    Format("sr", "DICOM SR", "Measurements for a PACS (TID 1500); DICOM images only", False),
)  # fmt: skip
"""Every format, in the order in which they are offered."""

DEFAULTS: tuple[str, ...] = tuple(one.name for one in FORMATS if one.chosen)
"""The formats that are written where nobody says otherwise."""


def check_formats(names: Sequence[str] | None) -> tuple[str, ...]:
    """Give the names of formats in their order, each once; the defaults for ``None``.

    Raises
    ------
    StudyError
        For a name that is none.
    """
    if names is None:
        return DEFAULTS
    known = [one.name for one in FORMATS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StudyError(
            f"There is no format {unknown[0]!r}; choose from {', '.join(known)} (readings.csv is "
            "always written)."
        )
    return tuple(name for name in known if name in names)


def outline_set(reading: Reading, case: CaseInfo) -> OutlineSet:
    """Give a reading as the exchange formats take it."""
    from napari_ptx.roi.outline_set import OutlineSet

    return OutlineSet(
        case=reading.case,
        name=f"{reading.reader}, round {reading.round}" + (", aided" if reading.aided else ""),
        outlines=reading.outlines,
        shape=case.shape,
        frames=case.frames,
        spacing=case.spacing_of(reading.outlines),
        observer=reading.reader,
        made_at=reading.finished_at,
        tags={"reader": reading.reader, "round": reading.round, "revision": reading.revision},
    )


@dataclass(frozen=True)
class Target:
    """Where the files of one set of outlines go, and what they are made from.

    Parameters
    ----------
    folder
        The export.
    place
        The name of the set as a folder ("A_round1").
    stem
        The name of the case as a file.
    case, made
        The image and the outlines.
    images
        Where the images of the study lie in space.
    """

    folder: Path
    place: str
    stem: str
    case: CaseInfo
    made: OutlineSet
    images: Images

    def path(self, kind: str, ending: str) -> Path:
        """Give the path of a file, and make its folder."""
        path = self.folder / kind / self.place / f"{self.stem}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, eq=False)
class Images:
    """Reads where the images of a study lie, each once.

    Every image is compared with the record's hash on the way, so that no file refers to
    pixels that nobody has read.
    """

    study: Study
    _found: dict[str, Placement | StudyError] = field(default_factory=dict)

    def placement(self, case: str) -> Placement:
        """Give where the image of a case lies.

        Raises
        ------
        StudyError
            The image has moved or changed.
        """
        from napari_ptx.roi.label_maps import Placement

        if case not in self._found:
            try:
                self._found[case] = Placement.of(self.study.image(case))
            except StudyError as error:
                self._found[case] = error
        found = self._found[case]
        if isinstance(found, StudyError):
            raise found
        return found


def _imagej(target: Target) -> list[Path]:
    from napari_ptx.roi import write_imagej

    path = target.path("imagej", ".zip")
    write_imagej(path, target.made.outlines)
    return [path]


def _masks(target: Target) -> list[Path]:
    from napari_ptx.roi import rasterise, write_mask

    written = []
    for frame in target.made.drawn_frames:
        ending = f"_frame{frame:03d}.png" if target.case.frames > 1 else ".png"
        written.append(target.path("masks", ending))
        write_mask(written[-1], rasterise(target.made.outlines, target.case.shape, frame))
    return written


def _nifti(target: Target) -> list[Path]:
    from napari_ptx.roi import write_nifti_labels

    where = target.images.placement(target.case.case)
    return [*write_nifti_labels(target.path("nifti", ".nii.gz"), target.made, where)]


def _nrrd(target: Target) -> list[Path]:
    from napari_ptx.roi import write_seg_nrrd

    where = target.images.placement(target.case.case)
    return [write_seg_nrrd(target.path("nrrd", ".seg.nrrd"), target.made, where)]


def _seg(target: Target) -> list[Path]:
    from napari_ptx.roi import write_seg

    target.images.placement(target.case.case)
    return [*write_seg(target.path("seg", ".dcm"), target.made, target.case.image)]


def _sr(target: Target) -> list[Path]:
    from napari_ptx.roi import write_sr

    target.images.placement(target.case.case)
    return [write_sr(target.path("sr", ".dcm"), target.made, target.case.image)]


WRITERS: dict[str, Callable[[Target], list[Path]]] = {
    "imagej": _imagej,
    "masks": _masks,
    "nifti": _nifti,
    "nrrd": _nrrd,
    "seg": _seg,
    "sr": _sr,
}
"""How one set of outlines is written; the other formats are tables of all of them."""
