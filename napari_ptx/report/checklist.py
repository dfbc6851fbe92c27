"""Checklists of reporting guidelines: their items, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OPEN = "Not known to the program: to be filled in by the authors."


class Item(NamedTuple):
    """An item of a checklist: its number, its section, and what it is about."""

    number: str
    section: str
    about: str


@dataclass(frozen=True)
class Answer:
    """What is known of an item.

    Parameters
    ----------
    item
        The item.
    known
        What the files or the record say; "" where they say nothing.
    missing
        What the authors have to add; "" where nothing is.
    where
        The sections of the page that tell more: the id and the name of each.
    """

    item: Item
    known: str
    missing: str
    where: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> str:
        """ "known", "partly" or "open"."""
        if not self.known:
            return "open"
        return "partly" if self.missing else "known"


def items(sections: Mapping[str, Mapping[str, str]]) -> tuple[Item, ...]:
    """Make the items of a checklist from section to number to what the item is about."""
    return tuple(
        Item(number, section, about)
        for section, found in sections.items()
        for number, about in found.items()
    )


def count(answers: Sequence[Answer]) -> dict[str, int]:
    """Count the answers by state."""
    return {
        state: sum(answer.state == state for answer in answers)
        for state in ("known", "partly", "open")
    }


def by_section(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Put the answers under the sections of their checklist."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.item.section, []).append(answer)
    return found
