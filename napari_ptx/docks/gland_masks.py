"""Masks that a person draws: a copy of a gland in the brush, or a gland that was missed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info

from napari_ptx.ct.seed import grow
from napari_ptx.ct.space import body_centre, slot_of
from napari_ptx.errors import PtxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_ptx.docks.gland_desk import Place
    from napari_ptx.docks.gland_review import GlandReview

_STILL = 4.0  # screen pixels: a press that moves less is a click


class GlandMasks:
    """Takes a mask into the hand and writes it to the record; a part of ``GlandReview``."""

    def __init__(self, review: GlandReview) -> None:
        self.review, self.dock, self.desk = review, review.dock, review.desk
        self.viewer, self.view = review.viewer, review.view
        self.layers, self.page = review.layers, review.page
        self.placing = False

    def edit(self) -> None:
        """Take a copy of the chosen gland into the hand, with the brush."""
        gland = self.review.gland(self.review.selected)
        if gland is None or self.layers.copy is not None or not self.dock.named():
            return
        if not self.review.at_hand(gland.patient):
            self.page.tell("The images of this patient are not shown; choose the gland again.")
            return
        found = self.layers.mask_of(gland)
        if found is None:
            self.page.tell(f"Gland {gland.gland} has no mask; reject it and add it with M.")
            return
        self._begin(gland.gland, *found)

    def missed(self) -> None:
        """Wait for a click on a gland that the model missed."""
        if self.layers.copy is not None or self.placing or not self.dock.named():
            return
        if self.desk.patient is None or not self.review.at_hand(self.desk.patient):
            self.page.tell("The images of this patient are not shown; choose a gland first.")
            return
        self.placing = True
        self.viewer.mouse_drag_callbacks.append(self._pressed)
        self.page.tell("Click the middle of the missed gland in the image. Esc gives up.")

    def _pressed(self, _viewer: Any, event: Any) -> Iterator[None]:
        start = event.pos
        if event.button != 1:
            return
        yield
        while event.type == "mouse_move":
            yield
        moved = max(abs(float(a) - float(b)) for a, b in zip(event.pos, start, strict=True))
        if moved <= _STILL:
            self.place_at(tuple(event.position))

    def place_at(self, world: tuple[float, ...]) -> None:
        """Propose the mask of a missed gland at a place of the viewer (mm, z y x)."""
        desk, opened, seed = self.desk, self.layers.open, self.view.index_of(world)
        if not self.placing or opened is None or seed is None or desk.record is None:
            return
        from napari_ptx.report.gland_review import next_number

        self.stop_placing()
        pair = opened.phases.pair
        hu = pair.first.pixels if pair.second is None else pair.second
        box, mask, grew = grow(hu, pair.first.spacing, seed)
        self._begin(next_number(desk.predictions, desk.record, desk.patient), box, mask)
        if not grew:
            self.page.tell(
                "Nothing stands out here: a ball of 5 mm was drawn. Paint it (1 erases, 2 paints); "
                "Enter keeps it, Esc gives up."
            )

    def _begin(self, number: int, box: tuple[slice, ...], mask: Any) -> None:
        actions = {"keep": self.keep, "give_up": self.cancel}
        self.layers.begin_copy(number, box, mask, actions)
        self.layers.update(self.review.glands)
        self.page.tell(
            f"Gland {number}: paint on the images (1 erases, 2 paints, [ and ] size). Enter keeps "
            "the mask, Esc gives up."
        )
        self.dock.update_buttons()

    def keep(self) -> None:
        """Write the mask in the hand to the record, and look at it."""
        copy = self.layers.copy
        if copy is not None and self._kept():
            self.page.tell()
            self.review.select(copy.number)

    def leave(self) -> None:
        """Write a mask that was painted on before its images go; a copy alone is let go."""
        copy = self.layers.copy
        if copy is None:
            return
        if copy.touched and self._kept():
            show_info(f"The mask of gland {copy.number} was kept; Undo takes it back.")
        self.layers.drop_copy()

    def _kept(self) -> bool:
        """Write the mask in the hand; tell whether it could be."""
        from napari_ptx.report.gland_review import bounds, crop, write_edit

        copy, desk, opened = self.layers.copy, self.desk, self.layers.open
        if copy is None or opened is None or desk.folder is None or desk.record is None:
            return False
        patient, mask = opened.patient, self.layers.take_copy()
        try:
            value = write_edit(
                desk.folder, patient, copy.number, mask, self.layers.phases_of_copy()
            )
        except PtxError as error:
            show_error(str(error))
            return False
        self.layers.masks[value["mask"]] = crop(mask, bounds(mask.pixels != 0))
        if copy.number in map(int, desk.predictions.of(patient)["candidate"]) or (
            desk.record.value(patient, "added", str(copy.number)) is not None
        ):
            kind = "edited"
        else:
            kind = "added"
            value["slot"] = self._slot_of((value["x_mm"], value["y_mm"], value["z_mm"]))
        self.layers.drop_copy()
        if patient == desk.patient:
            self.review.selected = copy.number
        return desk.decide(patient, kind, str(copy.number), value) is not None

    def _slot_of(self, place: Place) -> str:
        """Name the slot of a place from geometry, as ``ct predict`` does."""
        assert self.layers.open is not None
        first = self.layers.open.phases.pair.first
        z, y, x = (4 * step for step in first.spacing)
        thin = replace(first, pixels=first.pixels[::4, ::4, ::4], spacing=(z, y, x))
        return slot_of(place, body_centre(thin))

    def cancel(self) -> None:
        """Give up what was begun."""
        self.stop_placing()
        if self.layers.copy is not None:
            self.layers.drop_copy()
            self.layers.update(self.review.glands)
        self.page.tell()
        self.dock.update_buttons()

    def stop_placing(self) -> None:
        """Wait for no click any more."""
        if self.placing:
            self.placing = False
            if self._pressed in self.viewer.mouse_drag_callbacks:
                self.viewer.mouse_drag_callbacks.remove(self._pressed)
