"""The command's root: which subcommands there are, and how an error is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_ptx.cli import (
    agreement,
    ct,
    demo,
    doctor,
    launch,
    model,
    stats,
    study,
    us,
)
from napari_ptx.errors import PtxError, refused_by_system

app = typer.Typer(
    name="napari-ptx",
    help="Annotate and review parathyroid imaging: reader studies, agreement, ultrasound and CT.",
    no_args_is_help=False,
    # A fault of the program shows Python's own traceback, which can be copied whole.
    pretty_exceptions_enable=False,
    # Paragraphs of the help flow to the width of the terminal.
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(study.app, name="study")
app.add_typer(stats.app, name="stats")
app.add_typer(us.app, name="us")
app.add_typer(ct.app, name="ct")
app.add_typer(model.app, name="model")
app.command("agreement")(agreement.agreement)
app.command("app")(launch.app)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        import napari_ptx

        typer.echo(f"napari-ptx {napari_ptx.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    open_: Annotated[
        Path | None,
        typer.Option("--open", metavar="STUDY", help="Open the app on this study file (.ptx)."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Open the app with the Study dock, or run one of the commands below."""
    if context.invoked_subcommand is None:
        raise typer.Exit(launch.open_app(open_))


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit status.

    0: done; 1: done, and the answer is no (for example, a record that does not
    verify); 2: an expected error, told in one sentence on standard error.
    """
    from napari_ptx.stats import StatsError

    try:
        status = app(args=list(arguments), standalone_mode=False)
    except (PtxError, StatsError) as error:
        return _told(str(error))
    except typer.Abort:
        Console(stderr=True).print("Stopped.")
        return 130
    # Usage errors carry their own text; typer vendors click, so they are
    # known by what they can do, not by an import of click. Others go on.
    except Exception as error:
        if sentence := refused_by_system(error):
            return _told(sentence)
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return status if isinstance(status, int) else 0


def _told(sentence: str) -> int:
    Console(stderr=True, soft_wrap=True).print(f"Error: {sentence}", markup=False, highlight=False)
    return 2
