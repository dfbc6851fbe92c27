"""A reader in a process of their own, who is killed: ``python -m ... STUDY READER HAND``.

Reads four cases, begins the fifth, and stops in the middle of a stroke. HAND is a
JSON file with the strokes that the reader makes on each image, by the SHA-256 of
its pixels, or "ellipses".
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from napari import Viewer

from napari_ptx.docks.hub import Hub
from napari_ptx.image import Image
from tests.docks.reading.hands import Hands, ellipse

Strokes = Callable[[Image], list[list[tuple[float, float]]]]


def ellipses(_image: Image) -> list[list[tuple[float, float]]]:
    """Give two lesions, the same on each image."""
    return [ellipse(120, 160, 40, 60).tolist(), ellipse(50, 60, 20, 25).tolist()]


def from_file(path: Path) -> Strokes:
    strokes = json.loads(path.read_text())
    return lambda image: strokes[image.sha256]


def read_case(hands: Hands, strokes: Strokes) -> None:
    """Draw every stroke of a case and finish it."""
    for stroke in strokes(hands.session.image):
        hands.drag(stroke)
    hands.finish()


def main(study: Path, reader: str, hand: str) -> None:
    strokes = ellipses if hand == "ellipses" else from_file(Path(hand))
    viewer = Viewer(show=True)
    viewer.window.resize(1366, 768)
    assert Hub.of(viewer).open_study(study) is not None
    hands = Hands(viewer).open(reader)
    for _ in range(4):
        read_case(hands, strokes)
    first, *_ = strokes(hands.session.image)
    hands.drag(first)
    hands.press((5, 5))
    for step in range(6, 40):
        hands.move((step, 5 + step % 3))
    assert hands.session.drawing.busy
    print("in the middle of a stroke", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
