"""``Protocol``: what was decided before the first reading; only an amendment changes it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_ptx.roi.measurands import MEASURANDS
from napari_ptx.study.types import StudyError

ICC_FORMS = ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")
DESIGNS = ("independent", "aided")
DRAWS = ("random", "label")
BOUNDS = ("lower", "point")
QUEUES = ("disagreements", "all")


@dataclass(frozen=True)
class ReaderInfo:
    """Who a reader was (GRRAS item 6): what a report of the study has to say.

    Parameters
    ----------
    name
        As in ``Protocol.readers``, or the adjudicator's.
    role
        "sonographer", "radiologist", ...
    years
        Of experience with this kind of examination.
    training
        In outlining, for this study.
    """

    name: str
    role: str = ""
    years: float | None = None
    training: str = ""

    @property
    def complete(self) -> bool:
        """Whether all that a report has to say of a reader is known."""
        return bool(self.role and self.training) and self.years is not None


@dataclass(frozen=True)
class Protocol:
    """The frozen part of a study.

    Parameters
    ----------
    readers
        The readers' names.
    described
        Who the readers are.
    design
        "independent", or "aided": each case is read without help first; that answer is
        locked, and then a model's outline is shown (column ``aid`` of the cohort).
    reread
        How many cases each reader reads a second time; the program draws them, the
        same for each reader. 0: there is no second round.
    reread_draw
        "random", or "label": as many of each label as its share of the cases.
    washout_days
        Days between a reader's end of round 1 and the opening of round 2.
    ask_seen
        Whether the second round asks for each case if the reader remembers it.
    seed
        Orders, codes and the reread subset follow from it, the study's name, the
        reader and the round.
    measurands
        What agreement is judged by (names of ``roi.MEASURANDS``), the first above all.
    icc_form, icc_threshold, icc_bound
        The intraclass correlation that will be reported, and what has to clear the
        threshold: its lower 95% limit ("lower") or its estimate ("point").
    tolerance_mm
        For the surface Dice.
    disagree_dice, disagree_hd95_mm, disagree_lesions
        When two readings of a case disagree: a Dice coefficient below this, an HD95 above
        this, another number of lesions. ``None``: not looked at.
    adjudicator
        Who settles disagreements; never one of the readers.
    adjudicate
        "disagreements", or "all" cases that two readers have finished.
    adjudicator_repeats
        How many cases come back hidden, for the adjudicator's own agreement.
    mask_text
        Whether what lies outside the ultrasound regions (burned-in text) is hidden.
    idle_seconds
        Without an event for this long a reader counts as idle.

    Raises
    ------
    StudyError
        Names the field that cannot be.
    """

    readers: tuple[str, ...]
    reread: int = 0
    washout_days: int = 60
    seed: int = 1
    icc_form: str = "A,1"
    icc_threshold: float = 0.80
    tolerance_mm: float = 1.0
    idle_seconds: float = 10.0
    described: tuple[ReaderInfo, ...] = ()
    design: str = "independent"
    reread_draw: str = "random"
    ask_seen: bool = False
    measurands: tuple[str, ...] = ("area", "max_diameter")
    icc_bound: str = "lower"
    disagree_dice: float | None = 0.80
    disagree_hd95_mm: float | None = None
    disagree_lesions: bool = True
    adjudicator: str | None = None
    adjudicate: str = "disagreements"
    adjudicator_repeats: int = 0
    mask_text: bool = False

    def __post_init__(self) -> None:
        for field in ("readers", "described", "measurands"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        self._check_people()
        self._check_numbers()
        self._check_choices()

    def _check_people(self) -> None:
        readers = self.readers
        if not readers:
            raise StudyError("A study needs at least one reader; name them.")
        for name in (*readers, *([self.adjudicator] if self.adjudicator is not None else ())):
            if not name or name != name.strip() or not name.isprintable():
                raise StudyError(f"{name!r} cannot be a reader's name; use visible characters.")
        folded = {reader.casefold() for reader in readers}
        if len(folded) < len(readers):
            raise StudyError(f"Two readers have the same name: {', '.join(readers)}.")
        if self.adjudicator is not None and self.adjudicator.casefold() in folded:
            raise StudyError(
                f"{self.adjudicator} reads the cases, and cannot settle disagreements with their "
                "own readings; name somebody else."
            )
        known = {*readers, self.adjudicator}
        for person in self.described:
            if person.name not in known:
                raise StudyError(f"{person.name} is described, but is not a reader of the study.")
            if person.years is not None and not 0 <= person.years <= 80:
                raise StudyError(f"{person.name} cannot have {person.years:g} years of experience.")

    def _check_numbers(self) -> None:
        if self.reread < 0 or self.washout_days < 0 or self.adjudicator_repeats < 0:
            raise StudyError("Counts of cases and the washout cannot be negative.")
        if not 0 < self.icc_threshold < 1:
            raise StudyError(f"The ICC threshold {self.icc_threshold} is not between 0 and 1.")
        if self.disagree_dice is not None and not 0 < self.disagree_dice <= 1:
            raise StudyError(f"The Dice limit {self.disagree_dice} is not between 0 and 1.")
        lengths = (self.tolerance_mm, self.idle_seconds, self.disagree_hd95_mm)
        if not all(length is None or length > 0 for length in lengths):
            raise StudyError(
                "The overlap tolerance, the HD95 limit and the idle time must be greater than 0."
            )

    def _check_choices(self) -> None:
        if self.icc_form not in ICC_FORMS:
            raise StudyError(
                f"{self.icc_form!r} is not a form of the ICC; use one of {'; '.join(ICC_FORMS)}."
            )
        choices = {
            "design": DESIGNS,
            "reread_draw": DRAWS,
            "icc_bound": BOUNDS,
            "adjudicate": QUEUES,
        }
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                raise StudyError(
                    f"{field} is {getattr(self, field)!r} in the protocol; use one of "
                    f"{', '.join(allowed)}."
                )
        names = [measurand.name for measurand in MEASURANDS]
        unknown = [name for name in self.measurands if name not in names]
        if unknown or not self.measurands:
            raise StudyError(
                f"{', '.join(unknown) or 'Nothing'} cannot be measured; choose measurands from "
                f"{', '.join(names)}."
            )

    @property
    def rounds(self) -> tuple[int, ...]:
        """The rounds of this study: (1,) or (1, 2)."""
        return (1, 2) if self.reread else (1,)

    def description(self, name: str) -> ReaderInfo:
        """Give who a reader is; only the name where nothing is known."""
        return next((person for person in self.described if person.name == name), ReaderInfo(name))

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        lists = {field: list(getattr(self, field)) for field in ("readers", "measurands")}
        described = [dataclasses.asdict(person) for person in self.described]
        return {**dataclasses.asdict(self), **lists, "described": described}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Protocol:
        """Make a protocol from what ``to_json`` gave, by this version or an earlier one.

        Raises
        ------
        StudyError
            With a field that this version does not know.
        """
        people = value.get("described", ())
        _check_fields(cls, value)
        for person in people:
            _check_fields(ReaderInfo, person)
        described = tuple(ReaderInfo(**person) for person in people)
        return cls(**{**value, "described": described})

    @classmethod
    def from_text(cls, text: str) -> Protocol:
        """Read the protocol of a record, which somebody may have tampered with."""
        try:
            return cls.from_json(json.loads(text))
        except (ValueError, KeyError, TypeError):
            raise StudyError(
                "The protocol of the study is damaged; take the newest copy from your backup."
            ) from None


def _check_fields(cls: type[Any], value: Mapping[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(set(value) - known):
        raise StudyError(
            f"The protocol has fields that this version of napari-ptx does not know "
            f"({', '.join(unknown)}); update napari-ptx."
        )
