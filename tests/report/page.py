"""Reads a page as a browser would, as far as the tests of reports need it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Notes tags that are not closed in order, and all text, links and tables.

    ``tables`` has the headings and the rows of each table, ``sources`` what the page
    would load.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.sources: list[str] = []
        self.tables: list[tuple[list[str], list[list[str]]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.links += [said[key] or "" for key in ("href", "src") if key in said]
        inside = "svg" in self.open
        loads = {"link", "script", "img", "iframe", "image", "object", "embed"}
        self.sources += [said.get(key) or "" for key in ("src", "data") if key in said]
        self.sources += [said["href"] or "" for _ in "1" if tag in loads and "href" in said]
        if "id" in said and not inside:
            self.ids.append(said["id"] or "")
        if tag == "table":
            self.tables.append(([], []))
        elif tag == "tr" and self.tables:
            self.tables[-1][1].append([])
        elif tag in ("th", "td"):
            heads, rows = self.tables[-1]
            (heads if "thead" in self.open else rows[-1]).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
        if {"th", "td"} & set(self.open):
            heads, rows = self.tables[-1]
            cells = heads if "thead" in self.open else rows[-1]
            cells[-1] = f"{cells[-1]} {data}".strip()

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    def rows(self, *headings: str) -> list[dict[str, str]]:
        """Give the rows of all tables that begin with these headings."""
        return [
            dict(zip(heads, row, strict=True))
            for heads, rows in self.tables
            if tuple(heads[: len(headings)]) == headings
            for row in rows
            if row
        ]
