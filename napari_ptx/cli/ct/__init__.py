"""``napari-ptx ct``: CT of the neck, one module for each group of steps."""

from __future__ import annotations

import typer

from napari_ptx.cli.ct import board, evaluate, predict, register, review, series, simulate, train

app = typer.Typer(
    help="CT of the neck: series, phases, simulated necks, networks, glands.",
    no_args_is_help=True,
)
app.command("series")(series.series)
app.command("import")(series.import_)
app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("review")(review.review)
app.command("board")(board.board)
app.command("register")(register.register)
app.command("simulate")(simulate.simulate)
