"""A replay as a film: the image in the reader's window, the outlines, and a time line.

Only the coordinator has a study, and with it a film; a desk cannot make one.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from napari_ptx.child import Progress
from napari_ptx.image.types import Image
from napari_ptx.study.replay import Replay, Step
from napari_ptx.study.times import minutes
from napari_ptx.study.types import StudyError

SUFFIXES = (".gif", ".apng", ".png", ".csv")
"""What ``write_replay`` writes into one file; anything else is a folder of pictures."""

SIZE = 720
"""The longer side of the image in a film, in its pixels."""
LONGEST, SHORTEST, LAST = 2.0, 0.12, 2.0
"""Seconds that a step stays in a film at most and at least, and the last one."""

_STRIP = 62
_BACK, _TEXT, _QUIET = (22, 24, 28), (236, 236, 236), (150, 155, 162)
_LINE, _HALO, _VIEW = (255, 154, 60), (0, 0, 0), (110, 118, 130)


def durations(replay: Replay, speed: float) -> list[float]:
    """Give how many seconds each step is on the screen: active time, long pauses cut.

    Parameters
    ----------
    speed
        How many times faster than the reader.
    """
    gaps = [(later.active - step.active) / speed for step, later in pairwise(replay.steps)]
    return [*(min(max(gap, SHORTEST), LONGEST) for gap in gaps), LAST]


class Film:
    """The pictures of a replay on its image.

    Parameters
    ----------
    replay
        The steps.
    image
        The image of the case.
    """

    def __init__(self, replay: Replay, image: Image) -> None:
        self.replay = replay
        self.image = image
        height, width = image.pixels.shape[1:3] if len(image.axes) == 3 else image.pixels.shape[:2]
        self.scale = SIZE / max(height, width)
        self.size = (max(round(width * self.scale), 320), max(round(height * self.scale), 120))

    def frame(self, place: int) -> Picture.Image:
        """Draw the picture after one step."""
        step = self.replay.steps[place]
        picture = Picture.new("RGB", (self.size[0], self.size[1] + _STRIP), _BACK)
        picture.paste(self._background(step), (0, 0))
        pen = ImageDraw.Draw(picture)
        self._draw_view(pen, step)
        self._draw_outlines(pen, step)
        pen.rectangle((0, self.size[1], self.size[0], self.size[1] + _STRIP), fill=_BACK)
        self._draw_strip(pen, place)
        return picture

    def _background(self, step: Step) -> Picture.Image:
        pixels = self.image.pixels
        if len(self.image.axes) == 3:
            pixels = pixels[min(int(step.view.get("frame", 0)), len(pixels) - 1)]
        grey = _windowed(pixels, step.view.get("window"))
        size = (round(grey.shape[1] * self.scale), round(grey.shape[0] * self.scale))
        return Picture.fromarray(grey).convert("RGB").resize(size, Picture.Resampling.BILINEAR)

    def _place(self, points: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Give positions ``(y, x)`` of the image as pixels of the film ``(x, y)``."""
        return [((x + 0.5) * self.scale, (y + 0.5) * self.scale) for y, x in points.tolist()]

    def _draw_outlines(self, pen: ImageDraw.ImageDraw, step: Step) -> None:
        shown = int(step.view.get("frame", 0)) if len(self.image.axes) == 3 else 0
        for outline in step.outlines:
            if outline.frame != shown:
                continue
            for ring in outline.rings:
                line = self._place(np.concatenate([ring, ring[:1]]))
                pen.line(line, fill=_HALO, width=4, joint="curve")
                pen.line(line, fill=_LINE, width=2, joint="curve")

    def _draw_view(self, pen: ImageDraw.ImageDraw, step: Step) -> None:
        """Frame the part of the image that the reader saw, where it was not all of it."""
        view = step.view
        if not {"zoom", "centre", "canvas"} <= view.keys() or not view["zoom"]:
            return
        half = np.array(view["canvas"]) / 2 / float(view["zoom"])
        low, high = self._place(np.array([view["centre"] - half, view["centre"] + half]) - 0.5)
        if low[0] < 1 and low[1] < 1 and high[0] > self.size[0] and high[1] > self.size[1]:
            return
        pen.rectangle((*low, *high), outline=_VIEW, width=1)

    @cached_property
    def _font(self) -> Any:
        return ImageFont.load_default(size=15)

    def _draw_strip(self, pen: ImageDraw.ImageDraw, place: int) -> None:
        replay, step = self.replay, self.replay.steps[place]
        left, right, top = 12, self.size[0] - 12, self.size[1] + 10
        whole = max(replay.active_seconds, 1e-9)
        for one in replay.steps:
            x = left + (right - left) * one.active / whole
            pen.line((x, top - 3, x, top + 3), fill=_QUIET)
        now = left + (right - left) * step.active / whole
        pen.line((left, top, right, top), fill=_QUIET)
        pen.line((left, top, now, top), fill=_LINE, width=3)
        pen.ellipse((now - 4, top - 4, now + 4, top + 4), fill=_LINE)
        count = len(replay.steps)
        words = f"{minutes(step.active)}   {place + 1}/{count}   {step.text}"
        who = f"{replay.reader}, round {replay.round}, case {replay.case}"
        pen.text((left, top + 8), _fitting(words, self._font, right - left), _TEXT, self._font)
        pen.text((left, top + 28), _fitting(who, self._font, right - left), _QUIET, self._font)


def write_replay(
    replay: Replay,
    image: Image | None,
    path: Path,
    *,
    speed: float = 4.0,
    progress: Progress | None = None,
) -> Path:
    """Write a film (GIF, APNG), its steps (CSV), or a folder with its pictures and steps.

    Parameters
    ----------
    image
        The image of the case; a CSV needs none.
    path
        Its ending says which; one that is none of ``SUFFIXES`` is a folder, new or empty.
    speed
        How many times faster than the reader; long pauses are cut as well.

    Raises
    ------
    StudyError
        If it cannot be written; nothing half is left then.
    """
    if speed <= 0:
        raise StudyError(f"A film cannot be played at {speed:g} times the speed; use 4, say.")
    suffix = path.suffix.lower()
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            _write_steps(replay, part)
        elif image is None:
            raise ValueError("a film needs the image")
        elif suffix in SUFFIXES:
            _write_film(Film(replay, image), part, suffix, speed, progress)
        else:
            _write_folder(Film(replay, image), path, part, progress)
        part.replace(path)
    except OSError as error:
        raise StudyError(
            f"The replay cannot be written to {path} ({error.strerror or error}); choose another "
            "place."
        ) from error
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return path


def _write_film(
    film: Film, part: Path, suffix: str, speed: float, progress: Progress | None
) -> None:
    shown = [round(1000 * seconds) for seconds in durations(film.replay, speed)]
    # A list: Pillow goes through them twice.
    first, *pictures = _pictures(film, progress)
    gif = suffix == ".gif"
    first.save(
        part,
        format="GIF" if gif else "PNG",
        save_all=True,
        append_images=pictures,
        duration=shown,
        loop=0,
        **({"disposal": 1} if gif else {}),
    )


def _pictures(film: Film, progress: Progress | None) -> Iterator[Picture.Image]:
    count = len(film.replay.steps)
    for place in range(count):
        if progress is not None:
            progress(place, count, f"Drawing step {place + 1} of {count}")
        yield film.frame(place)


def _write_folder(film: Film, path: Path, part: Path, progress: Progress | None) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError(f"{path} is there already and is not empty; choose a new folder.")
    part.mkdir()
    for place, picture in enumerate(_pictures(film, progress)):
        picture.save(part / f"step-{place + 1:04d}.png")
    _write_steps(film.replay, part / "steps.csv")
    if path.exists():
        path.rmdir()


def _write_steps(replay: Replay, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            ("step", "ledger", "at", "active_seconds", "seconds", "kind", "action", "text",
             "lesions", "revision", "reason", "keys", "clicks", "drawing", "tool", "zoom",
             "centre_y", "centre_x", "window_low", "window_high", "frame")
        )  # fmt: skip
        rows.writerows(_row(place, step) for place, step in enumerate(replay.steps, 1))


def _row(place: int, step: Step) -> Sequence[object]:
    inputs, view = step.inputs or {}, step.view
    centre, window = view.get("centre", ("", "")), view.get("window", ("", ""))
    return (
        place, step.number, step.at.isoformat(), round(step.active, 3), round(step.seconds, 3),
        step.kind, step.action, step.text, len(step.outlines), step.revision, step.reason,
        inputs.get("keys"), inputs.get("clicks"), inputs.get("drawing"), view.get("tool"),
        view.get("zoom"), *centre, *window, view.get("frame"),
    )  # fmt: skip


def _windowed(pixels: NDArray[Any], window: Sequence[float] | None) -> NDArray[np.uint8]:
    """Give eight-bit grey (or RGB) values as the reader saw them."""
    if window is None:
        whole = pixels.dtype == np.uint8
        window = (0.0, 255.0) if whole else tuple(np.percentile(pixels, (0.5, 99.5)))
    if pixels.ndim == 3:  # napari shows colour as it is
        return np.asarray(pixels, np.uint8)
    low, high = float(window[0]), float(window[1])
    grey = (pixels.astype(np.float32) - low) * (255.0 / max(high - low, 1e-9))
    shown: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    return shown


def _fitting(text: str, font: Any, width: float) -> str:
    """Cut a line that is wider than the film."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
