"""Open the demo study in napari, with the plugin's Study dock.

    python open_demo_in_napari.py
    python open_demo_in_napari.py --screenshot window.png

The demo has 24 simulated ultrasound images, read by two simulated readers. It is made
at the first start (about half a minute) and kept in the folder ~/napari-ptx/demo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari

from napari_ptx.study.demo import default_folder, make_demo


def main() -> None:
    """Make the demo where it is missing, and show it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=default_folder(), help="of the demo")
    parser.add_argument("--cases", type=int, default=24, help="number of images")
    parser.add_argument("--screenshot", type=Path, help="save the window here, and close it")
    options = parser.parse_args()
    study = make_demo(options.folder, cases=options.cases)

    viewer = napari.Viewer(title="napari-ptx demo")
    # The name of the plugin, and the name of its dock as in napari's Plugins menu.
    _, dock = viewer.window.add_plugin_dock_widget("napari-ptx", "Study")
    dock.hub.open_study(study)

    # The images are ordinary files: any case can be opened as a layer, in millimetres.
    first = sorted((study.parent / "images").glob("*.dcm"))[0]
    viewer.open(first, plugin="napari-ptx")
    viewer.reset_view()

    if options.screenshot is not None:
        viewer.window.screenshot(str(options.screenshot), canvas_only=False)
        print(f"wrote {options.screenshot}")
        viewer.close()
    else:
        napari.run()


if __name__ == "__main__":
    main()
