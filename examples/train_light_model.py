"""Train the light model that comes with the package, on simulated necks, and evaluate it.

    python train_light_model.py WORK [--minutes 30] [--train 60] [--test 24] [-o MODEL]

It simulates 60 necks to train on and 24 others, trains the smallest network (base 8, voxels
of 0.8 x 0.8 x 1.0 mm, both phases as channels), looks for glands in the 24, and writes the
model with what came of it. Stopped and started again, it goes on where it was. No neck is
a patient's, so that no number here says anything of patients.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import Progress, TaskID

from napari_ptx.ct.bundle import open_model, write_model
from napari_ptx.ct.config import ModelSettings, TrainConfig
from napari_ptx.ct.evaluation_files import evaluate
from napari_ptx.ct.predict import predict
from napari_ptx.ct.shipped import FOLDER
from napari_ptx.ct.train import train
from napari_ptx.phantom.ct.files import write_cohort
from napari_ptx.phantom.ct.scene import Settings

TITLE = "Simulated-neck light"
NOTE = (
    "Trained on SIMULATED necks made by napari-ptx alone. It has seen no patient, and what it "
    "says of one means nothing: it is there to try the program."
)


def main() -> None:
    """Simulate, train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="where the necks and the training are kept")
    parser.add_argument("--minutes", type=float, default=30.0, help="of training")
    parser.add_argument("--train", type=int, default=60, help="necks to train on")
    parser.add_argument("--test", type=int, default=24, help="necks to test on")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER / "light", help="the model")
    options = parser.parse_args()
    work: Path = options.work
    with Progress() as bars:

        def told(name: str):
            bar: TaskID = bars.add_task(name, total=None)
            return lambda done, total, text: bars.update(
                bar, completed=done, total=total or None, description=f"{name}: {text}"
            )

        region = Settings(region="bed")
        write_cohort(
            work / "train", options.train, 2026, region, progress=told("Necks to train on")
        )
        write_cohort(work / "test", options.test, 4711, region, progress=told("Necks to test on"))
        config = TrainConfig(
            model=ModelSettings(spacing=(1.0, 0.8, 0.8), patch=(64, 64, 64)),
            base=8,
            minutes=options.minutes,
            folds=min(10, options.train),
            lr=1.5e-3,
            seed=1,
        )
        trained = train(
            work / "train" / "cohort.csv", work / "model", config, progress=told("Training")
        )
        cohort = work / "test" / "cohort.csv"
        predict(trained, cohort, work / "prediction", progress=told("Looking for glands"))
        found = evaluate(
            cohort,
            work / "prediction",
            work / "evaluation",
            readings=work / "test" / "readings.csv",
            progress=told("Evaluating"),
        )
    rates = {
        str(row["glands"]): row["sensitivity"]
        for row in found.tables["froc_rates"].to_dict("records")
        if row["rule"] == found.about["rule"] and row["fp_per_scan"] == 1
    }
    facts = {
        "title": TITLE,
        "training": trained.metadata["training"],
        "simulated_test": {
            "patients": options.test,
            "rule": found.about["rule"],
            "sensitivity_at_1_false_positive_per_scan": rates,
        },
    }
    model = write_model(options.output, trained.network, trained.settings, note=NOTE, facts=facts)
    size = sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file())
    print(f"{open_model(model.folder).folder}: {size / 1e6:.1f} MB")
    for glands, rate in rates.items():
        print(f"sensitivity at 1 false positive per scan, {glands}: {rate:.3f}")


if __name__ == "__main__":
    main()
