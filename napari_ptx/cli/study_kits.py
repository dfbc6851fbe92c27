"""``napari-ptx study kit``, ``merge``, ``lint``: sessions that leave, and what would unblind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_ptx.cli.show import Json, StudyFile, console, print_json, running
from napari_ptx.errors import PtxError

_ALIKE = 10


def kit(
    study: StudyFile,
    reader: Annotated[str, typer.Option(help="Whose session.")],
    round: Annotated[int, typer.Option(min=1, max=2, help="First or second reading.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="KIT", help="The new file; ends in .ptxkit."),
    ] = None,
    early: Annotated[
        str | None,
        typer.Option(
            metavar="REASON", help="Make the kit of a sealed round now; the reason is recorded."
        ),
    ] = None,
    withdraw: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Instead: call back a kit that will not come home; the reason is recorded.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write one reader's session, images and all, into a file to read offline.

    The kit holds nothing else: no other reader, no earlier round, no truth, no names,
    no dates. Until it is merged or withdrawn, that session does not open at the study.
    Where the protocol shows a model's outlines, they are in it, and are shown once the
    unaided answer is locked; another program could read them earlier. The reader opens the
    kit with `napari-ptx app A1.ptxkit` and sends it back.
    """
    from napari_ptx.study import Study

    if (output is None) == (withdraw is None):
        raise PtxError("Give either the new file (-o A1.ptxkit) or --withdraw with a reason.")
    with Study.open(study) as opened:
        if withdraw is not None:
            opened.withdraw_kit(reader, round, withdraw)
            _tell(
                {"withdrawn": True, "reader": reader, "round": round},
                f"The kit of {reader}, round {round}, is withdrawn; the session opens at the "
                "study again.",
                json,
            )
            return
        assert output is not None
        with running("Packing images") as progress:
            cases = opened.make_kit(reader, round, output, early_reason=early, progress=progress)
    size = output.stat().st_size
    _tell(
        {"kit": str(output), "reader": reader, "round": round, "cases": cases, "bytes": size},
        f"{output}: {cases} cases of {reader}, round {round} ({size / 1e6:.1f} MB)",
        json,
    )


def merge(
    study: StudyFile,
    kits: Annotated[list[Path], typer.Argument(metavar="KIT...", help="Kits (.ptxkit).")],
    json: Json = False,
) -> None:
    """Bring readings home from kits: all of them or none.

    Every hash is checked, and the images are compared with those that went out. What
    the record has already is not added again.
    """
    from napari_ptx.study import Study

    with running("Checking kits") as progress, Study.open(study) as opened:
        merged = opened.merge(kits, progress=progress)
    if json:
        print_json({"merged": [one.to_json() for one in merged]})
        return
    for one in merged:
        news = f"{one.readings} new readings ({one.strokes} new strokes)"
        end = "closed" if one.closed else f"{one.finished} of {one.cases} cases finished"
        console().print(
            f"{one.kit.name}: {news} of {one.reader}, round {one.round}; {end}",
            highlight=False,
            markup=False,
        )


def lint(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|COHORT|STUDY",
            help="A folder of images, a cohort table (CSV, Parquet) or a study (.ptx).",
        ),
    ],
    json: Json = False,
) -> None:
    """Look for what could unblind a reader, before a study opens.

    For each case: identifying DICOM tags, burned-in text, calipers, no ultrasound
    regions, names that tell, and pictures that are there twice. Text and calipers are
    found by their looks: read them as a hint, and look at the image.
    """
    from napari_ptx.study.lint import lint as look

    with running("Looking at the images") as progress:
        found = look(place, progress=progress)
    if json:
        print_json(found.to_json())
        return
    for finding in found.findings:
        if found.count(finding.kind) == found.cases > _ALIKE:
            continue  # the same line for every case: the summary says it
        line = f"{finding.case}  {finding.title}: {finding.text}"
        console().print(line, highlight=False, markup=False, soft_wrap=True)
    for line in found.summary:
        console().print(line, highlight=False, markup=False, soft_wrap=True)


def _tell(value: dict[str, object], sentence: str, json: bool) -> None:
    if json:
        print_json(value)
    else:
        console().print(sentence, highlight=False, markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to ``napari-ptx study``."""
    app.command("kit")(kit)
    app.command("merge")(merge)
    app.command("lint")(lint)
