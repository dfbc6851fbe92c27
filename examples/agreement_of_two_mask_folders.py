"""How well do two readers agree? Compare two folders of masks of the same images.

    python agreement_of_two_mask_folders.py READER_A READER_B --spacing 0.08

Each folder holds one mask image per case (PNG or TIFF), with the same file names in
both. Without folders the script first makes its own: simulated lesions, outlined by
two simulated readers, of whom the second draws a little larger.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from napari_ptx.figures import bland_altman_figure, save_figure
from napari_ptx.phantom.readers import READER_A, READER_B, outline
from napari_ptx.phantom.samples import demo_samples
from napari_ptx.roi import Outline, measure_mask, overlap, rasterise, read_mask, write_mask
from napari_ptx.stats import bland_altman, icc, icc_needed


def main() -> None:
    """Compare the folders, print the agreement, and save a table and a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="two folders of masks")
    parser.add_argument("--spacing", type=float, help="millimetres per pixel, if you know it")
    parser.add_argument("--output", type=Path, default=Path("agreement"), help="for the results")
    options = parser.parse_args()
    if len(options.folders) not in (0, 2):
        parser.error("give two folders, or none")
    simulated = not options.folders
    if simulated:
        options.spacing = 0.1
        options.folders = simulate_folders(options.output, options.spacing)
    first, second = options.folders
    # Calibrated images measure in mm; without a spacing everything is in pixels.
    spacing = None if options.spacing is None else (options.spacing, options.spacing)
    unit = "px" if spacing is None else "mm"

    rows = []
    for path in sorted(first.iterdir()):
        a, b = read_mask(path), read_mask(second / path.name)
        together = overlap(a, b, spacing, tolerance=1.0)
        rows.append(
            {
                "case": path.stem,
                "first": measure_mask(a, spacing).area,
                "second": measure_mask(b, spacing).area,
                "dice": together.dice,
                "hd95": together.hd95,
            }
        )
    table = pd.DataFrame(rows)

    # ICC(A,1) asks whether one reader could replace the other, so a systematic
    # difference counts against it. ICC(C,1) only asks whether they rank the cases alike.
    areas = table[["first", "second"]].to_numpy()
    absolute, consistent = icc(areas, form="A,1"), icc(areas, form="C,1")
    bias = bland_altman(table["first"], table["second"])
    print(f"{len(table)} cases{', simulated' if simulated else ''}")
    print(f"area: {absolute.name} {absolute.value:.3f} [{absolute.low:.3f}, {absolute.high:.3f}]")
    print(f"area: {consistent.name} {consistent.value:.3f}")
    print(f"area: the second reader differs by {bias.bias:+.1f} {unit}² ({bias.percent:+.1f}%)")
    needed = icc_needed(len(table), 0.80)
    print(f"with {len(table)} cases, an ICC of {needed:.3f} puts the lower limit at 0.80")
    print(f"Dice: median {table['dice'].median():.3f}, lowest {table['dice'].min():.3f}")
    print(f"HD95: median {table['hd95'].median():.2f} {unit}, largest {table['hd95'].max():.2f}")

    options.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.output / "cases.csv", index=False)
    figure = bland_altman_figure(
        table, names=("A", "B"), label="Area", unit=f"{unit}²", note="simulated" * simulated
    )
    for path in save_figure(figure, options.output / "bland_altman_area"):
        print(f"wrote {path}")


def simulate_folders(output: Path, spacing: float) -> list[Path]:
    """Write masks of 40 simulated lesions, outlined by two simulated readers."""
    folders = [output / reader.name for reader in (READER_A, READER_B)]
    for folder, reader in zip(folders, (READER_A, READER_B), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        for sample in demo_samples(40):
            drawn = outline(sample.scenario, reader)
            # Each simulated image has a spacing of its own; bring all to the same one.
            points = drawn.points * sample.scenario.spacing / spacing
            mask = rasterise([Outline(points)], shape=(500, 600))
            write_mask(folder / f"{sample.case}.png", mask)
    return folders


if __name__ == "__main__":
    main()
