"""A reader in a process of their own, who is killed: ``python -m ... STUDY``.

Reads four cases, outlines a lesion on the fifth, and stops in the middle of the
second stroke.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from napari import Viewer

from napari_ptx.docks.hub import Hub
from tests.docks.reading.hands import Hands, ellipse


def main(study: Path) -> None:
    viewer = Viewer(show=True)
    viewer.window.resize(1366, 768)
    assert Hub.of(viewer).open_study(study) is not None
    hands = Hands(viewer).open()
    for _ in range(4):
        hands.drag(ellipse(120, 160, 40, 60))
        hands.finish()
    hands.drag(ellipse(120, 160, 40, 60))
    path = ellipse(50, 60, 20, 25)
    hands.press(path[0])
    for where in path[1:30]:
        hands.move(where)
    assert hands.session.drawing.busy
    print("in the middle of a stroke", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
