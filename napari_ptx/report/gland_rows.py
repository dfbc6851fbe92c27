"""The words of the gland board: its rows, its columns, and what stands in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from napari_ptx.errors import PtxError

SLOT_ROWS = ("right_superior", "right_inferior", "left_superior", "left_inferior")
"""The slots in the order of the board's rows."""

ECTOPIC = "ectopic"
"""The row of an ectopic gland whose site is not known."""

UNPLACED = "gland"
"""The row of a gland of the cohort whose slot is not known."""

MODEL = "model"
"""The name of the model's column."""

FOUND, NOT_FOUND = "+", "-"

_LABELS = {"right_superior": "R sup", "right_inferior": "R inf",
           "left_superior": "L sup", "left_inferior": "L inf"}  # fmt: skip
_SHORT = {"ultrasound": "US", "scintigraphy": "scint", "spect/ct": "SPECT", "mibi": "MIBI",
          "4d-ct": "4D-CT", "ct": "CT", "mri": "MRI", "pet/ct": "PET"}  # fmt: skip
_AGAIN = re.compile(r" #(\d+)$")
_LONGEST = 6


class BoardError(PtxError):
    """Something cannot be put on the gland board; the message says what to do."""


@dataclass(frozen=True)
class Finder:
    """A column of the board: a modality, and who read it.

    Parameters
    ----------
    modality
        "ultrasound", "CT", ...
    reader
        "" where the modality has one reader whom nobody named.
    """

    modality: str
    reader: str = ""

    @property
    def key(self) -> str:
        """How the record calls it: "ultrasound, A", or the modality alone."""
        return f"{self.modality}, {self.reader}" if self.reader else self.modality

    @property
    def short(self) -> str:
        """One or two short lines for the head of a column."""
        head = _SHORT.get(self.modality.lower(), self.modality)[:_LONGEST]
        return f"{head}\n{self.reader[:_LONGEST]}" if self.reader else head

    @property
    def brief(self) -> str:
        """The name for a narrow table: "US A"."""
        head = _SHORT.get(self.modality.lower(), self.modality)
        return f"{head} {self.reader}" if self.reader else head

    @classmethod
    def of(cls, key: str) -> Finder:
        """Read what ``key`` gave."""
        modality, _, reader = key.partition(",")
        return cls(modality.strip(), reader.strip())

    @classmethod
    def checked(cls, modality: str, reader: str = "") -> Finder:
        """Make one of what a person typed.

        Raises
        ------
        BoardError
            Where there is no modality, it is the name of the model or the truth, or a sign
            stands in it that the record parts its words by.
        """
        one = cls(" ".join(modality.split()), " ".join(reader.split()))
        if not one.modality:
            raise BoardError("Type the modality: ultrasound, CT, MIBI, ...")
        if one.modality.lower() in (MODEL, "truth"):
            raise BoardError(f"The board has a column {one.modality!r} already; choose another.")
        if "|" in one.key or "," in one.modality:
            raise BoardError("A modality has no comma and no |; the reader goes beside it.")
        return one


def names_of(finders: Iterable[Finder]) -> dict[str, str]:
    """Give the name of each finder (by its key) as an evaluation calls it.

    The reader is named only where the modality has several, as ``ct.readings`` does it.
    """
    some = list(finders)
    readers: dict[str, set[str]] = {}
    for one in some:
        readers.setdefault(one.modality, set()).add(one.reader)
    return {
        one.key: f"{one.modality}, {one.reader or 'no name'}"
        if len(readers[one.modality]) > 1
        else one.modality
        for one in some
    }


def ectopic(site: str) -> str:
    """Give the row of an ectopic site."""
    site = " ".join(site.split())
    return f"{ECTOPIC}: {site}" if site else ECTOPIC


def again(row: str, number: int) -> str:
    """Give the row of the first, second, ... gland or finding in the same place."""
    return row if number < 2 else f"{row} #{number}"


def place_of(row: str) -> tuple[str, int]:
    """Part a row into its place and its number there: ("left_inferior", 2)."""
    found = _AGAIN.search(row)
    return (row[: found.start()], int(found[1])) if found else (row, 1)


def site_of(row: str) -> str:
    """Give what a table of readings has in ``site``: the slot, or the site of an ectopic gland."""
    place, _ = place_of(row)
    return place.partition(":")[2].strip() if place.startswith(ECTOPIC) else place


def row_of_site(text: str) -> str:
    """Give the row of a slot or a site that somebody wrote ("left inferior", "thymic")."""
    words = " ".join(text.split())
    slot = words.lower().replace(" ", "_")
    if slot in SLOT_ROWS:
        return slot
    if words.lower().startswith(ECTOPIC):
        return ectopic(words[len(ECTOPIC) :].lstrip(": "))
    return ectopic(words)


def row_of_truth(subject: str, value: object) -> str:
    """Give the row that a decision on the truth is about.

    The subject is a slot, a site, "ectopic: site", or "ectopic" with a site in the value.
    """
    place, number = place_of(subject)
    if place == ECTOPIC and isinstance(value, dict) and value.get("site"):
        place = ectopic(str(value["site"]))
    elif place != UNPLACED:
        place = row_of_site(place)
    return again(place, number)


def label(row: str) -> str:
    """Give a row's short name: "R sup", "R inf 2", "ect. thymic"."""
    place, number = place_of(row)
    name = _LABELS.get(place, place)
    if place.startswith(f"{ECTOPIC}:"):
        name = f"ect. {site_of(row)}".replace("_", " ")
    return f"{name} {number}" if number > 1 else name


def in_words(row: str) -> str:
    """Give a row's whole name: "right superior", "ectopic: thymic"."""
    place, number = place_of(row)
    name = place.replace("_", " ")
    return name if number < 2 else f"{name}, number {number}"


def ordered(rows: Iterable[str]) -> tuple[str, ...]:
    """Give rows in the board's order, each once: slots, then ectopic ones, then the unplaced."""

    def key(row: str) -> tuple[int, str, int]:
        place, number = place_of(row)
        if place in SLOT_ROWS:
            return SLOT_ROWS.index(place), "", number
        return (9 if place == UNPLACED else 8), place, number

    return tuple(sorted(set(rows), key=key))


@dataclass(frozen=True)
class Cell:
    """What a finder says of a row.

    Parameters
    ----------
    value
        "+" found, "-" not found, "" not used or not known.
    origin
        Where it is from: a decision of the record, the table of readings beside the cohort
        (not yet in the record), the model's candidates, or nowhere.
    who, at
        Of a decision: the name, and UTC as text.
    times
        How many candidates of the model make it up.
    """

    value: str = ""
    origin: Literal["record", "table", "model", ""] = ""
    who: str = ""
    at: str = ""
    times: int = 1


@dataclass(frozen=True)
class TruthCell:
    """Whether there is a gland in a row.

    Parameters
    ----------
    state
        "present", "absent", or "" where nobody knows.
    origin
        A decision of the record, the cohort's own labels, or nowhere.
    basis
        Of a decision: "surgery" or "pathology".
    gland
        Its number in the cohort's labels; 0 where it has none.
    who, at
        As for ``Cell``.
    subject
        Of a decision: what the record calls the row.
    """

    state: Literal["present", "absent", ""] = ""
    origin: Literal["record", "cohort", ""] = ""
    basis: str = ""
    gland: int = 0
    who: str = ""
    at: str = ""
    subject: str = ""
