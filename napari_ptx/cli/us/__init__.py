"""``napari-ptx us``: ultrasound classification, one module for each group of steps."""

from __future__ import annotations

import typer

from napari_ptx.cli.us import crop, evaluate, features, gradcam, predict, report, train

app = typer.Typer(
    help="Ultrasound classification: features, training, prediction, evaluation.",
    no_args_is_help=True,
)
app.command("crop")(crop.crop)
app.command("features")(features.features)
app.command("icc")(features.icc)
app.command("map")(features.map_)
app.command("gradcam")(gradcam.gradcam)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("report")(report.report)
