"""A reader study from beginning to end, without the app.

    python study_in_code.py

It makes six simulated ultrasound images and a cohort table, draws up a study for two
readers, lets both read every case at their desks, and compares them. Use it as a
pattern where a program is one of your readers.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from napari_ptx.phantom.files import write_dicom
from napari_ptx.phantom.readers import READER_A, READER_B, Reader, outline
from napari_ptx.phantom.ultrasound import Scenario, simulate
from napari_ptx.study import Protocol, Study
from napari_ptx.study.agreement import agreement


def main() -> None:
    """Make, read and compare a small study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("study_in_code"))
    folder = parser.parse_args().folder
    if folder.exists():
        parser.error(f"{folder} is there already; name a new folder")
    known = make_images(folder)

    # The protocol is fixed before the first reading and never changes afterwards.
    # reread=0: this study has no second round.
    protocol = Protocol(readers=("A", "B"), reread=0, seed=1)
    with Study.create(folder / "study.ptx", folder / "cohort.csv", protocol) as study:
        for reader in (READER_A, READER_B):
            read_everything(study, reader, known)

        # Every reading is a link in a chain of hashes; verify recomputes them all.
        print(f"problems in the record: {len(study.verify())}")

        result = agreement(study)
        for row in result.inter.to_dict("records"):
            print(
                f"{row['label']}: {row['name']} {row['icc']:.3f} "
                f"[{row['low']:.3f}, {row['high']:.3f}], n = {row['n']}, "
                f"B minus A {row['bias']:+.2f} {row['unit']}"
            )
        print(f"Dice of the six cases: {result.overlap['dice'].round(2).tolist()}")
        files = study.export(folder / "export")
        print(f"{len(files)} files exported: tables, ImageJ ROIs, masks, COCO")


def make_images(folder: Path) -> dict[str, Scenario]:
    """Write six simulated images and the cohort table that lists them.

    A cohort table has one row per image; paths are relative to the table.
    """
    folder.mkdir(parents=True)
    known = {}
    with (folder / "cohort.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "patient", "image"])
        for seed in range(6):
            phantom = simulate(seed)
            write_dicom(phantom, folder / f"image-{seed}.dcm", patient=f"P{seed}")
            writer.writerow([f"case-{seed}", f"P{seed}", f"image-{seed}.dcm"])
            known[phantom.image.sha256] = phantom.scenario
    return known


def read_everything(study: Study, reader: Reader, known: dict[str, Scenario]) -> None:
    """Let one reader outline every case of round 1.

    A desk shows the cases in this reader's own random order, under codes, and says
    nothing of file names, patients or other readers. Our simulated reader has to
    recognise the picture by its pixels; yours would look at ``image``.
    """
    with study.desk(reader.name, 1) as desk:
        for case in desk.cases:
            desk.go(case.index)
            image = desk.image(case.index)
            drawn = outline(known[image.sha256], reader)
            # A stroke is on disk when record returns; finish makes it a reading.
            desk.record(case.index, [drawn], "simulated", {}, 20.0)
            desk.finish(case.index, view={}, seconds=2.0)
        desk.close_session()
        finished, total = desk.progress
        print(f"{reader.name} has read {finished} of {total} cases")


if __name__ == "__main__":
    main()
