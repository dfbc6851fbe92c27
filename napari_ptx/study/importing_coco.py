"""Which cases of a study a COCO file has outlines of, and whose.

A picture belongs to the case that its key ``case`` names; else to the one whose image has its
file name; else to the one that is called like the file. Annotations that name a reader and a
round (in ``attributes``, as our own export does) are taken for that session alone; those that
name none are taken whoever's they are. Pictures without an annotation are no readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from napari_ptx.roi import Outline, RoiError
from napari_ptx.roi.coco import Annotation, Picture, read_coco
from napari_ptx.study.types import CaseInfo, StudyError


@dataclass(frozen=True)
class CocoCase:
    """What a COCO file holds of one case.

    Parameters
    ----------
    where
        Its place in the file, for a sentence.
    case
        Its name; of a picture that fits no case, what the file calls it.
    outlines
        Of all its frames.
    fault
        What is wrong with it, or "".
    """

    where: str
    case: str
    outlines: tuple[Outline, ...]
    fault: str


def read_cases(
    path: Path, cases: Sequence[CaseInfo], reader: str, round: int
) -> tuple[CocoCase, ...]:
    """Read the outlines of a session from a COCO file, case by case.

    Raises
    ------
    StudyError
        The file cannot be read, or holds nothing of this session.
    """
    try:
        pictures = read_coco(path)
    except RoiError as error:
        raise StudyError(f"{path} cannot be imported: {error.message}") from None
    by_name = {case.case: case for case in cases}
    by_file: dict[str, list[CaseInfo]] = {}
    for case in cases:
        by_file.setdefault(case.image.name, []).append(case)
    parts: dict[str, CocoCase] = {}
    others: set[str] = set()
    for number, (picture, drawn) in enumerate(pictures, start=1):
        mine = [one for one in drawn if _is_of(one, reader, round)]
        others |= {_session(one) for one in drawn} - {""}
        if not mine:
            continue
        name, fault = _case_of(picture, by_name, by_file)
        if name in by_name:
            fault = fault or _misfit(picture, by_name[name])
        found = parts.get(name, CocoCase(f"image {number}", name, (), ""))
        outlines = tuple(outline for one in mine for outline in one.outlines)
        if not outlines:
            fault = fault or "its mask is empty"
        parts[name] = CocoCase(
            found.where, name, (*found.outlines, *outlines), found.fault or fault
        )
    if not parts:
        there = f"; it has those of {', '.join(sorted(others))}" if others else ""
        raise StudyError(f"{path} has no outline of {reader}, round {round}{there}.")
    return tuple(parts.values())


def _is_of(annotation: Annotation, reader: str, round: int) -> bool:
    """Tell whether an annotation is of a session, or of none in particular."""
    named, numbered = annotation.attributes.get("reader"), annotation.attributes.get("round")
    return (named is None or str(named) == reader) and (
        numbered is None or str(numbered) == str(round)
    )


def _session(annotation: Annotation) -> str:
    named, numbered = annotation.attributes.get("reader"), annotation.attributes.get("round")
    if named is None:
        return "" if numbered is None else f"round {numbered}"
    return str(named) if numbered is None else f"{named}, round {numbered}"


def _case_of(
    picture: Picture, by_name: Mapping[str, CaseInfo], by_file: Mapping[str, list[CaseInfo]]
) -> tuple[str, str]:
    """Give the name of a picture's case, and what stands in the way."""
    if picture.case:
        return picture.case, ""
    file = PurePosixPath(picture.file_name.replace("\\", "/"))
    fitting = by_file.get(file.name, [])
    if len(fitting) > 1:
        names = ", ".join(case.case for case in fitting[:5])
        return picture.file_name, f"the file name is that of several cases ({names})"
    if fitting:
        return fitting[0].case, ""
    stem = file.name.partition(".")[0]
    return next((name for name in (file.name, file.stem, stem) if name in by_name), str(file)), ""


def _misfit(picture: Picture, case: CaseInfo) -> str:
    if picture.shape is not None and picture.shape != tuple(case.shape):
        return (
            f"the file has it with {picture.shape[0]} x {picture.shape[1]} pixels, but the image "
            f"has {case.shape[0]} x {case.shape[1]}"
        )
    return ""
