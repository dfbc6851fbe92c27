"""``Protocol``: what was decided before the first reading; it never changes afterwards."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_ptx.study.types import StudyError

ICC_FORMS = ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")


@dataclass(frozen=True)
class Protocol:
    """The frozen part of a study.

    Parameters
    ----------
    readers
        The readers' names.
    reread
        How many cases each reader reads a second time; the program draws them, the
        same for each reader. 0: there is no second round.
    washout_days
        Days between a reader's end of round 1 and the opening of round 2.
    seed
        Orders, codes and the reread subset follow from it, the study's name, the
        reader and the round.
    icc_form, icc_threshold
        The intraclass correlation that will be reported, and the value its lower
        bound has to clear.
    tolerance_mm
        For the surface Dice.
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

    def __post_init__(self) -> None:
        readers = tuple(self.readers)
        object.__setattr__(self, "readers", readers)
        if not readers:
            raise StudyError("A study needs at least one reader; name them.")
        for reader in readers:
            if not reader or reader != reader.strip() or not reader.isprintable():
                raise StudyError(f"{reader!r} cannot be a reader's name; use visible characters.")
        if len({reader.casefold() for reader in readers}) < len(readers):
            raise StudyError(f"Two readers have the same name: {', '.join(readers)}.")
        if self.reread < 0 or self.washout_days < 0:
            raise StudyError("The reread count and the washout cannot be negative.")
        if self.icc_form not in ICC_FORMS:
            raise StudyError(
                f"{self.icc_form!r} is not a form of the ICC; use one of {'; '.join(ICC_FORMS)}."
            )
        if not 0 < self.icc_threshold < 1:
            raise StudyError(f"The ICC threshold {self.icc_threshold} is not between 0 and 1.")
        if not (self.tolerance_mm > 0 and self.idle_seconds > 0):
            raise StudyError("The overlap tolerance and the idle time must be greater than 0.")

    @property
    def rounds(self) -> tuple[int, ...]:
        """The rounds of this study: (1,) or (1, 2)."""
        return (1, 2) if self.reread else (1,)

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {**dataclasses.asdict(self), "readers": list(self.readers)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Protocol:
        """Make a protocol from what ``to_json`` gave.

        Raises
        ------
        StudyError
            With a field that this version does not know.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(value) - known):
            raise StudyError(
                f"The protocol has fields that this version of napari-ptx does not know "
                f"({', '.join(unknown)}); update napari-ptx."
            )
        return cls(**{**value, "readers": tuple(value["readers"])})

    @classmethod
    def from_text(cls, text: str) -> Protocol:
        """Read the protocol of a record, which somebody may have tampered with."""
        try:
            return cls.from_json(json.loads(text))
        except (ValueError, KeyError, TypeError):
            raise StudyError(
                "The protocol of the study is damaged; take the newest copy from your backup."
            ) from None
