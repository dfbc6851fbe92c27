"""The one table of shortcuts: it binds them, and prints the help.

They are bound on our layers, not on the viewer: napari asks the active layer
first, and a viewer's binding never fires where the layer has one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from napari.layers import Layer

Scope = Literal["tools", "edit", "view", "case"]

SCOPES: Mapping[Scope, str] = {
    "tools": "Draw",
    "edit": "Change",
    "view": "Look",
    "case": "Case",
}


@dataclass(frozen=True)
class Shortcut:
    """One key of a reading session.

    Parameters
    ----------
    key
        As napari writes it ("Control-Z").
    action
        The name of the action in the dock.
    title
        What it does, for the help.
    scope
        The heading under which the help lists it.
    hold
        Whether it acts while the key is down: the action is called with ``True``
        on press and with ``False`` on release.
    """

    key: str
    action: str
    title: str
    scope: Scope
    hold: bool = False

    @property
    def label(self) -> str:
        """The key as a person reads it."""
        key = self.key.replace("Control", "Ctrl").replace("-", "+")
        return {"PageUp": "Page up", "PageDown": "Page down", "Escape": "Esc"}.get(key, key)


READING: tuple[Shortcut, ...] = (
    Shortcut("O", "tool_outline", "Outline: draw around the lesion", "tools"),
    Shortcut("P", "tool_polygon", "Polygon: click the corners", "tools"),
    Shortcut("E", "tool_edit", "Edit: drag the line or a corner", "tools"),
    Shortcut("Escape", "cancel", "Give up the line in hand", "tools"),
    Shortcut("Backspace", "take_corner", "Take back the last corner of a polygon", "tools"),
    Shortcut("Control-Z", "undo", "Undo", "edit"),
    Shortcut("Control-Shift-Z", "redo", "Redo", "edit"),
    Shortcut("Control-Y", "redo", "Redo", "edit"),
    Shortcut("S", "smooth", "Smooth the lesion", "edit"),
    Shortcut("Delete", "delete", "Delete the corner under the mouse, or the lesion", "edit"),
    Shortcut("Shift-Delete", "clear", "Clear all lesions of the case", "edit"),
    Shortcut("[", "brush_smaller", "Push a shorter stretch of the line", "edit"),
    Shortcut("]", "brush_larger", "Push a longer stretch of the line", "edit"),
    Shortcut("Space", "pan", "Hold and drag to move the image", "view", hold=True),
    Shortcut("H", "hide", "Hold to hide the outlines", "view", hold=True),
    Shortcut("R", "reset_window", "Reset contrast", "view"),
    Shortcut("F", "fit", "Fit the image", "view"),
    Shortcut(",", "frame_back", "Frame before", "view"),
    Shortcut(".", "frame_on", "Next frame", "view"),
    Shortcut("F10", "focus", "Show or hide napari's panels", "view"),
    Shortcut("F1", "help", "All keys (also ?)", "view"),
    Shortcut("Enter", "finish", "Finish and open the next case", "case"),
    Shortcut("PageUp", "back", "Back to the case before", "case"),
    Shortcut("PageDown", "forward", "On to the next case without finishing", "case"),
    Shortcut("N", "not_assessable", "Not assessable, with a reason", "case"),
    Shortcut("Y", "seen_yes", "Seen before: yes (second round, where it is asked)", "case"),
    Shortcut("U", "seen_no", "Seen before: no", "case"),
    Shortcut("M", "take_aid", "Take over the model's outline, where one is shown", "case"),
)


ADJUDICATION: tuple[Shortcut, ...] = (
    Shortcut("1", "take_first", "Take the blue reading", "case"),
    Shortcut("2", "take_second", "Take the orange reading", "case"),
    Shortcut("3", "edit_copy", "Edit a copy of the one that is taken", "case"),
    Shortcut("4", "draw_anew", "Draw anew", "case"),
    Shortcut("0", "not_assessable", "Not assessable, with a reason", "case"),
    Shortcut("Enter", "finish", "Decide and open the next case", "case"),
    Shortcut("V", "side_by_side", "Overlaid, or side by side", "view"),
    Shortcut("D", "distance", "Show how far blue lies from orange, or not", "view"),
    *(one for one in READING if one.action not in ("not_assessable", "finish")),
)
"""The keys of an adjudicator's session: the decisions, and a reader's tools."""

REVIEW: tuple[Shortcut, ...] = (
    Shortcut("J", "next_case", "The next case of the list", "case"),
    Shortcut("K", "back", "The case before in the list", "case"),
)
"""The keys on a case that the Predictions dock shows; napari's own stay."""

PHASES: tuple[Shortcut, ...] = (
    Shortcut("J", "next_patient", "The next patient of the cohort", "case"),
    Shortcut("K", "back", "The patient before in the cohort", "case"),
)
"""The keys on a patient that the Phases dock shows: those of REVIEW, for the same moves."""


GLANDS: tuple[Shortcut, ...] = (
    Shortcut("A", "accept", "Accept the gland", "edit"),
    Shortcut("X", "reject", "Reject the gland", "edit"),
    Shortcut("D", "slot", "Say where the gland lies, on the picture of the neck", "edit"),
    Shortcut("T", "truth", "Say what surgery or pathology found, on the same picture", "edit"),
    Shortcut("Control-Z", "undo", "Take back your last decision", "edit"),
    Shortcut("M", "missed", "Add a gland that the model missed: click it", "tools"),
    Shortcut("E", "edit", "Edit the gland with the brush, in a copy", "tools"),
    Shortcut("Escape", "cancel", "Give up what was begun", "tools"),
    Shortcut("Down", "next_gland", "The next gland of the table", "view"),
    Shortcut("Up", "gland_before", "The gland before in the table", "view"),
    Shortcut("H", "hide", "Hold to hide the glands", "view", hold=True),
    Shortcut("Enter", "primary", "What the button at the bottom right says", "case"),
    Shortcut("J", "next_case", "The next patient", "case"),
    Shortcut("K", "back", "The patient before", "case"),
)
"""The keys on the phases and candidates of the Glands dock; napari's other keys stay."""

GLAND_EDIT: tuple[Shortcut, ...] = (
    Shortcut("Enter", "keep", "Keep the mask", "tools"),
    Shortcut("Escape", "give_up", "Give up the mask", "tools"),
)
"""The keys on the copy of a gland that is edited; napari's brush and its undo stay."""


def label(action: str, shortcuts: Iterable[Shortcut] = READING) -> str:
    """Give the first key of an action, as a person reads it."""
    return next(shortcut.label for shortcut in shortcuts if shortcut.action == action)


def bind(
    layer: Layer,
    actions: Mapping[str, Callable[..., Any]],
    shortcuts: Iterable[Shortcut] = READING,
) -> None:
    """Bind a session's table on a layer, and keep napari's own keys from it.

    napari's keys would change tools, delete layers or turn the image; in a session
    only the table acts.
    """
    _bind_all(layer, shortcuts, actions)
    # napari 0.9.2 fails on ``...`` as the function, its own word for a blocked key.
    layer.bind_key(..., _nothing, overwrite=True)


def unbind(layer: Layer, shortcuts: Iterable[Shortcut] = READING) -> None:
    """Take the table off a layer."""
    for shortcut in shortcuts:
        layer.bind_key(shortcut.key, None)
    layer.bind_key(..., None)


def bind_review(layer: Layer, actions: Mapping[str, Callable[..., Any]]) -> None:
    """Bind the keys that walk through predicted cases on a layer of such a case."""
    _bind_all(layer, REVIEW, actions)


def bind_phases(layer: Layer, actions: Mapping[str, Callable[..., Any]]) -> None:
    """Bind the keys that walk through the patients of a cohort on a layer of one."""
    _bind_all(layer, PHASES, actions)


def bind_glands(layer: Layer, actions: Mapping[str, Callable[..., Any]]) -> None:
    """Bind the keys of the Glands dock on the phases and on what lies over them."""
    _bind_all(layer, GLANDS, actions)


def bind_gland_edit(layer: Layer, actions: Mapping[str, Callable[..., Any]]) -> None:
    """Bind the keys on the copy of a gland that is edited."""
    _bind_all(layer, GLAND_EDIT, actions)


def _bind_all(
    layer: Layer, shortcuts: Iterable[Shortcut], actions: Mapping[str, Callable[..., Any]]
) -> None:
    for shortcut in shortcuts:
        layer.bind_key(shortcut.key, _binding(shortcut, actions[shortcut.action]), overwrite=True)


def _nothing(_layer: Any) -> None:
    """Take a key that is not in the table."""


def _binding(shortcut: Shortcut, action: Callable[..., Any]) -> Callable[[Any], Any]:
    if not shortcut.hold:

        def press(_layer: Any) -> None:
            action()

        return press

    def hold(_layer: Any) -> Iterator[None]:
        action(True)
        yield
        action(False)

    return hold


def help_html(shortcuts: Iterable[Shortcut] = READING) -> str:
    """Give the table as HTML."""
    listed = list(shortcuts)
    rows = []
    for scope, heading in SCOPES.items():
        rows.append(f"<tr><td colspan='2'><b>{heading}</b></td></tr>")
        actions: dict[str, list[Shortcut]] = {}
        for shortcut in listed:
            if shortcut.scope == scope:
                actions.setdefault(shortcut.action, []).append(shortcut)
        for same in actions.values():
            keys = ", ".join(f"<code>{shortcut.label}</code>" for shortcut in same)
            rows.append(f"<tr><td>{keys}&nbsp;&nbsp;</td><td>{same[0].title}</td></tr>")
    return f"<table cellspacing='2'>{''.join(rows)}</table>"
