"""COCO JSON, in and out: outlines as polygons of pictures, one file for many.

COCO counts from the corner of the first pixel, so that the centre of that pixel is at
(0.5, 0.5); here it is at (0, 0). Half a pixel is put on on the way out and taken off on the
way in, as for ImageJ. A polygon of COCO has no holes: an outline with holes goes out as a
run-length mask (``counts``, column by column), which is exact for the trace of a mask and
true to the pixel for any other.

Keys that COCO does not know: a picture's ``case`` and ``frame`` (from 0), an annotation's
``attributes``.

References
----------
https://cocodataset.org/#format-data; the text form of ``counts`` is that of cocoapi's
maskApi.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ptx.roi.outline import Outline, RoiError
from napari_ptx.roi.outline_set import OutlineSet
from napari_ptx.roi.raster import trace
from napari_ptx.roi.shapes import to_area

CATEGORY = "lesion"
_MOST = 2**28
"""Pixels of a run-length mask that are unpacked; more is damage."""


@dataclass(frozen=True)
class Picture:
    """An image that outlines are drawn on.

    Parameters
    ----------
    case
        What it is called; "" where a file does not say.
    file_name
        As the file has it.
    shape
        Rows and columns; ``None`` where a file does not say.
    frame
        Which frame of the image, counted from 0.
    """

    case: str
    file_name: str
    shape: tuple[int, int] | None
    frame: int = 0


@dataclass(frozen=True, eq=False)
class Annotation:
    """What one annotation of a COCO file holds.

    Parameters
    ----------
    outlines
        Its polygons, or what its mask shows.
    category
        The name of its category.
    attributes
        What else it says: reader, round, ...
    """

    outlines: tuple[Outline, ...]
    category: str
    attributes: Mapping[str, Any]


def write_coco(
    path: Path | str, pictures: Sequence[Picture], sets: Iterable[OutlineSet], about: str = ""
) -> None:
    """Write the outlines of many cases as one COCO file.

    Parameters
    ----------
    path
        An existing file is replaced, whole or not at all.
    pictures
        Every case, with its outlines or without; of an image with several frames, each
        frame that has an outline is a picture of its own.
    sets
        The outlines; their ``case`` is one of the pictures'. Each outline is an annotation
        with the set's ``name`` and ``tags`` and the lesion's number as attributes.
    about
        Goes into the file's description.
    """
    drawn = [(made, number, outline) for made in sets for number, outline in made.lesions()]
    by_case = {picture.case: picture for picture in pictures}
    places = {(picture.case, picture.frame) for picture in pictures}
    places |= {(made.case, outline.frame) for made, _, outline in drawn}
    order = {case: place for place, case in enumerate(by_case)}
    ids = {
        place: number
        for number, place in enumerate(sorted(places, key=lambda at: (order[at[0]], at[1])), 1)
    }
    images = []
    for (case, frame), number in ids.items():
        picture = by_case[case]
        rows, columns = picture.shape or (0, 0)
        images.append(
            {
                "id": number,
                "file_name": picture.file_name,
                "width": columns,
                "height": rows,
                "case": case,
                "frame": frame,
            }
        )
    annotations = [
        {
            "id": place,
            "image_id": ids[made.case, outline.frame],
            "category_id": 1,
            "iscrowd": 0,
            **_shape_of(outline, made.shape),
            "attributes": {"set": made.name, "lesion": number, **made.tags},
        }
        for place, (made, number, outline) in enumerate(drawn, start=1)
    ]
    content = {
        "info": {
            "description": about,
            "coordinates": "x, y in pixels; the centre of the first pixel is at (0.5, 0.5)",
        },
        "licenses": [],
        "images": images,
        "categories": [{"id": 1, "name": CATEGORY, "supercategory": ""}],
        "annotations": annotations,
    }
    place_, part = Path(path), Path(path).with_name(f".{Path(path).name}.{getpid()}.new")
    try:
        part.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False), encoding="utf-8")
        part.replace(place_)
    finally:
        part.unlink(missing_ok=True)


def _shape_of(outline: Outline, shape: tuple[int, int]) -> dict[str, Any]:
    if outline.holes:
        from napari_ptx.roi.raster import rasterise

        mask = rasterise((outline,), shape)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = [0, 0, 0, 0]
        if len(rows):
            top, left = int(rows[0]), int(columns[0])
            box = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
        return {
            "segmentation": {"size": list(shape), "counts": _runs(mask)},
            "area": int(mask.sum()),
            "bbox": box,
        }
    points = outline.points[:, ::-1] + 0.5
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        "segmentation": [points.ravel().tolist()],
        "area": float(to_area(outline).area),
        "bbox": [*low.tolist(), *(high - low).tolist()],
    }


def _runs(mask: NDArray[np.bool_]) -> list[int]:
    """Count the pixels that are alike, column by column, beginning with those outside."""
    flat = np.concatenate([[False], mask.ravel(order="F")])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    ends = np.concatenate([edges, [mask.size]])
    return [int(run) for run in np.diff(ends, prepend=0)]


def read_coco(path: Path | str) -> tuple[tuple[Picture, tuple[Annotation, ...]], ...]:
    """Read the outlines of a COCO file, picture by picture.

    Polygons and masks (``counts`` as a list or as text). A mask becomes the outlines of its
    parts, with holes.

    Raises
    ------
    RoiError
        Where the file is not COCO, or an annotation cannot be an outline; it is named by its
        id.
    """
    path = Path(path)
    content = _load(path)
    categories = {
        item.get("id"): str(item.get("name") or "") for item in _items(content, "categories", path)
    }
    pictures: dict[Any, Picture] = {}
    for item in _items(content, "images", path):
        if item.get("id") in pictures:
            raise RoiError(f"{path.name} has two images with the id {item.get('id')}; mend it.")
        pictures[item.get("id")] = _picture(item, path)
    found: dict[Any, list[Annotation]] = {key: [] for key in pictures}
    for item in _items(content, "annotations", path):
        where = f"{path.name}, annotation {item.get('id')},"
        if item.get("image_id") not in pictures:
            raise RoiError(
                f"{where} is of an image {item.get('image_id')}, which the file does not list."
            )
        picture = pictures[item["image_id"]]
        found[item["image_id"]].append(
            Annotation(
                _outlines(item.get("segmentation"), picture, where),
                categories.get(item.get("category_id"), ""),
                item["attributes"] if isinstance(item.get("attributes"), dict) else {},
            )
        )
    return tuple((pictures[key], tuple(annotations)) for key, annotations in found.items())


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RoiError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise RoiError(f"{path} cannot be read ({error.strerror}): check the path.") from None
    except (ValueError, RecursionError):
        raise RoiError(f"{path.name} is not JSON: export the COCO file again.") from None
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise RoiError(
            f"{path.name} is not a COCO file: it has no lists of images and annotations."
        )
    return content


def _items(content: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    items = content.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RoiError(f"{path.name} is not a COCO file: its {key} are not a list of objects.")
    for item in items:
        if not all(isinstance(item.get(k), (int, str, type(None))) for k in ("id", "image_id")):
            raise RoiError(f"{path.name} is not a COCO file: an id in its {key} is no number.")
    return items


def _picture(item: Mapping[str, Any], path: Path) -> Picture:
    shape = None
    rows, columns = item.get("height"), item.get("width")
    if isinstance(rows, int) and isinstance(columns, int) and rows > 0 and columns > 0:
        shape = (rows, columns)
    frame = item.get("frame", 0)
    if not isinstance(frame, int) or isinstance(frame, bool):
        raise RoiError(
            f"{path.name}, image {item.get('id')}, has the frame {frame!r}, which is no number."
        )
    case = item.get("case")
    return Picture(
        case if isinstance(case, str) else "",
        str(item.get("file_name") or ""),
        shape,
        frame,
    )


def _outlines(value: Any, picture: Picture, where: str) -> tuple[Outline, ...]:
    if isinstance(value, dict):
        return trace(_mask(value, where), picture.frame)
    if not isinstance(value, list) or not value:
        raise RoiError(f"{where} has no outline, only a box or less: take it out of the file.")
    outlines = []
    for polygon in value:
        numbers = polygon if isinstance(polygon, list) else []
        real = all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers)
        if len(numbers) < 6 or len(numbers) % 2 or not real:
            raise RoiError(
                f"{where} has a polygon that is not a list of at least 3 pairs x, y: export it "
                "again."
            )
        points = np.array(numbers, dtype=np.float64).reshape(-1, 2)[:, ::-1] - 0.5
        outlines.append(Outline(points, (), picture.frame))
    return tuple(outlines)


def _mask(value: Mapping[str, Any], where: str) -> NDArray[np.bool_]:
    """Unpack a run-length mask."""
    size, counts = value.get("size"), value.get("counts")
    whole = (
        isinstance(size, list)
        and len(size) == 2
        and all(isinstance(one, int) and one > 0 for one in size)
    )
    if not whole or not isinstance(counts, (list, str)):
        raise RoiError(f"{where} has a mask without size and counts: export it again.")
    rows, columns = size  # type: ignore[misc]  # two numbers, as checked
    runs = _from_text(counts, where) if isinstance(counts, str) else counts
    sound = all(isinstance(run, int) and run >= 0 for run in runs)
    if not sound or sum(runs) != rows * columns or rows * columns > _MOST:
        raise RoiError(
            f"{where} has a mask whose counts do not fill its {rows} x {columns} pixels: export "
            "it again."
        )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((rows, columns), order="F")


def _from_text(text: str, where: str) -> list[int]:
    """Read counts from cocoapi's text: groups of five bits, low ones first, as steps."""
    runs: list[int] = []
    value = place = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or place > 12:
            raise RoiError(f"{where} has a mask whose text is damaged: export it again.")
        value |= (bits & 0x1F) << (5 * place)
        place += 1
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << (5 * place)
        # from the fourth on, what is stored is the difference to the one before the last
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = place = 0
    return runs
