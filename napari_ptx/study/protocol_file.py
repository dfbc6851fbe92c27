"""A protocol as a TOML file: read with an error for each field, written with comments.

::

    design = "independent"
    reread = 100
    ...

    [[reader]]
    name = "A"
    role = "sonographer"
    years = 8
    training = "30 outlines with feedback"

    [adjudicator]
    name = "Senior"
    ...

The names of the fields are those of ``Protocol``. A limit that is not looked at is
``false``, since TOML has no word for "none".
"""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_ptx.study.protocol import Protocol, ReaderInfo
from napari_ptx.study.types import StudyError

LIU_2026 = Protocol(
    readers=("A", "B"),
    reread=100,
    washout_days=60,
    icc_form="A,1",
    icc_threshold=0.80,
    icc_bound="lower",
)
"""What Liu 2026 did: two readers, 100 images once more two months later, ICC above 0.80."""

_COMMENTS: Mapping[str, str] = {
    "design": '"independent", or "aided": each case is read alone and locked, and then read '
    "again\n# with a model's outline (column aid of the cohort).",
    "reread": "Cases that each reader reads a second time; 0 for no second round.",
    "reread_draw": 'How they are drawn: "random", or "label": as many of each label as its share.',
    "washout_days": "Days from a reader's end of round 1 to round 2, which is sealed until then.",
    "ask_seen": 'Ask for each case of round 2: "Seen before?"',
    "seed": "Orders, codes and the reread cases follow from it.",
    "measurands": "What agreement is judged by, the first above all: area, perimeter,\n"
    "# max_diameter, short_axis, centroid_y, centroid_x.",
    "icc_form": '"A,1" is ICC(2,1): two-way random, absolute agreement, one reader.',
    "icc_threshold": "What has to be cleared ...",
    "icc_bound": '... by the lower 95% limit ("lower"), or by the estimate ("point").',
    "tolerance_mm": "How far two surfaces may lie apart and still count as equal (surface Dice).",
    "disagree_dice": "Two readings disagree below this Dice coefficient; false: not looked at.",
    "disagree_hd95_mm": "... above this HD95 in mm; false: not looked at.",
    "disagree_lesions": "... where they have another number of lesions.",
    "adjudicate": 'What is adjudicated: "disagreements", or "all" cases.',
    "adjudicator_repeats": "Cases that come back hidden, for the adjudicator's own agreement.",
    "mask_text": "Hide what lies outside the ultrasound regions (burned-in text).",
    "idle_seconds": "Without an event for so long, a reader counts as idle.",
}

_PEOPLE = ("readers", "described", "adjudicator")
_OPTIONAL = ("disagree_dice", "disagree_hd95_mm")
_DEFAULTS: Mapping[str, Any] = {
    field.name: field.default for field in dataclasses.fields(Protocol) if field.name not in _PEOPLE
}
_DESCRIPTION = ("role", "years", "training")


def read_protocol(path: str | Path) -> Protocol:
    """Read a protocol file.

    Every reader, and the adjudicator, must be described (role, years, training), as
    GRRAS item 6 asks.

    Raises
    ------
    StudyError
        Names the file, and each field or reader that is wrong.
    """
    path = Path(path)
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror or error}).") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path} is not a TOML file: {error}.") from None
    faults: list[str] = []
    fields = _fields(value, faults)
    people = _people(value, faults)
    if faults:
        raise StudyError(f"{path} is not a protocol; mend these lines:", faults)
    readers = tuple(person.name for person in people[0])
    adjudicator = people[1].name if people[1] else None
    described = (*people[0], *([people[1]] if people[1] else []))
    try:
        protocol = Protocol(readers=readers, described=described, adjudicator=adjudicator, **fields)
    except StudyError as error:
        raise StudyError(f"{path}: {error.message}") from None
    require_described(protocol, str(path))
    return protocol


def require_described(protocol: Protocol, where: str) -> None:
    """Refuse a protocol that does not say who its readers were; names who lacks what."""
    people = (*protocol.readers, *([protocol.adjudicator] if protocol.adjudicator else []))
    faults = []
    for name in people:
        person = protocol.description(name)
        lacking = [key for key in _DESCRIPTION if getattr(person, key) in ("", None)]
        if lacking:
            faults.append(f"{name} lacks {', '.join(lacking)}")
    if faults:
        raise StudyError(
            f"{where} does not say who all readers are, which a report has to (GRRAS item 6):",
            faults,
        )


def changed_by(protocol: Protocol, settings: Iterable[str]) -> Protocol:
    """Give the protocol with single fields changed, each as "field=value".

    Raises
    ------
    StudyError
        Names the field that there is not, or that cannot have this value.
    """
    new: dict[str, Any] = {}
    for setting in settings:
        field, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or (field not in _DEFAULTS and field != "adjudicator"):
            raise StudyError(
                f"{setting!r} does not set a field; write field=value, with one of "
                f"{', '.join([*_DEFAULTS, 'adjudicator'])}."
            )
        if field == "adjudicator":
            new[field] = None if text in ("", "false", "none") else text
            continue
        faults: list[str] = []
        new[field] = _checked(field, _parsed(field, text), faults)
        if faults:
            raise StudyError(f"{faults[0]}.")
    left = {*protocol.readers, new.get("adjudicator", protocol.adjudicator)}
    new["described"] = tuple(person for person in protocol.described if person.name in left)
    return dataclasses.replace(protocol, **new)


def protocol_text(protocol: Protocol) -> str:
    """Write a protocol as a commented TOML file."""
    lines = [
        "# The protocol of a reader study: what is decided before the first reading.",
        "# napari-ptx study new STUDY.ptx --cohort TABLE.csv --protocol THIS_FILE",
        "",
    ]
    for field, comment in _COMMENTS.items():
        lines += [f"# {comment}", f"{field} = {_toml(getattr(protocol, field))}"]
    lines += ["", "# Who reads; a report has to say so (GRRAS item 6)."]
    for name in protocol.readers:
        lines += ["[[reader]]", *_person_lines(protocol.description(name)), ""]
    lines.append("# Who settles disagreements; never one of the readers.")
    if protocol.adjudicator is not None:
        person = protocol.description(protocol.adjudicator)
        lines += ["[adjudicator]", *_person_lines(person)]
    else:
        shown = ReaderInfo("Senior", "radiologist", 20, "")
        lines += [f"# {line}" for line in ("[adjudicator]", *_person_lines(shown))]
    return "\n".join(lines) + "\n"


def write_protocol(path: str | Path, protocol: Protocol, *, replace: bool = False) -> Path:
    """Write a protocol file, whole or not at all.

    Raises
    ------
    StudyError
        Where the file is there already (unless it may be replaced) or cannot be written.
    """
    path = Path(path)
    if path.exists() and not replace:
        raise StudyError(f"{path} is there already; choose another name.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(protocol_text(protocol), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StudyError(f"{path} cannot be written ({error.strerror or error}).") from None
    return path


def _fields(value: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    known = (*_DEFAULTS, "reader", "adjudicator")
    faults += [f"{field}: there is no such field" for field in value if field not in known]
    return {field: _checked(field, value[field], faults) for field in _DEFAULTS if field in value}


def _people(
    value: Mapping[str, Any], faults: list[str]
) -> tuple[list[ReaderInfo], ReaderInfo | None]:
    tables = value.get("reader", [])
    if not isinstance(tables, list) or not tables:
        faults.append("reader: describe each reader under a line [[reader]]")
        tables = []
    readers = [_person(table, f"reader {place}", faults) for place, table in enumerate(tables, 1)]
    senior = value.get("adjudicator")
    return readers, None if senior is None else _person(senior, "adjudicator", faults)


def _person(table: Any, where: str, faults: list[str]) -> ReaderInfo:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"]:
        faults.append(f'{where}: give a name (name = "A")')
        return ReaderInfo("")
    where = f"{where} ({table['name']})"
    for key in table:
        if key not in ("name", *_DESCRIPTION):
            faults.append(f"{where}, {key}: there is no such field")
    texts = {}
    for key in ("role", "training"):
        texts[key] = table.get(key, "")
        if not isinstance(texts[key], str):
            faults.append(f"{where}, {key}: write it as text in quotes, not {texts[key]!r}")
            texts[key] = ""
    years = table.get("years")
    if years is not None and not _is_number(years):
        faults.append(f"{where}, years: write a number, not {years!r}")
        years = None
    return ReaderInfo(table["name"], texts["role"].strip(), years, texts["training"].strip())


def _checked(field: str, value: Any, faults: list[str]) -> Any:
    """Give the value in the type of its field; what is wrong is added to ``faults``."""
    default = _DEFAULTS[field]
    if field in _OPTIONAL and value is False:
        return None
    if isinstance(default, bool):
        right, words = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        right = isinstance(value, int) and not isinstance(value, bool)
        words = "a whole number"
    elif isinstance(default, float) or field in _OPTIONAL:
        right, words = _is_number(value), "a number"
        value = float(value) if right else value
    elif isinstance(default, tuple):
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        words = 'a list of names (["area"])'
        value = tuple(value) if right else value
    else:
        right, words = isinstance(value, str), "text in quotes"
    if not right:
        faults.append(f"{field}: write {words}, not {value!r}")
        return default
    return value


def _parsed(field: str, text: str) -> Any:
    """Read a value from the command line, where text needs no quotes."""
    default = _DEFAULTS[field]
    if isinstance(default, tuple):
        return [name.strip() for name in text.split(",") if name.strip()]
    if isinstance(default, str):
        return text
    if field in _OPTIONAL and text.lower() == "none":
        return False
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _person_lines(person: ReaderInfo) -> list[str]:
    years = f"years = {_toml(person.years)}" if person.years is not None else "# years = 5"
    return [
        f"name = {_toml(person.name)}",
        f"role = {_toml(person.role)}",
        f"{years}  # of experience with this kind of examination",
        f"training = {_toml(person.training)}  # in outlining, for this study",
    ]


def _toml(value: Any) -> str:
    if value is None:
        return "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # JSON's numbers, truth values and strings are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
