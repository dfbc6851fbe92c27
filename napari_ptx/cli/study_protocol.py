"""``napari-ptx study protocol``, ``amend`` and ``pin``: what was decided, and who reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ptx.cli.show import Json, StudyFile, console, print_json

if TYPE_CHECKING:
    from napari_ptx.study import Protocol, Study


def from_options(
    file: Path | None,
    readers: str | None,
    reread: int | None,
    washout_days: int | None,
    seed: int | None,
) -> Protocol:
    """Give the protocol of a file, or of the options of the quick form; never of both."""
    from napari_ptx.study import Protocol, StudyError
    from napari_ptx.study.protocol_file import read_protocol

    quick: dict[str, Any] = {"reread": reread, "washout_days": washout_days, "seed": seed}
    given = {field: value for field, value in quick.items() if value is not None}
    if file is not None:
        both = [f"--{field.replace('_', '-')}" for field in given]
        if both or readers is not None:
            raise StudyError(
                f"The protocol is in {file}; leave out "
                f"{', '.join([*(['--readers'] if readers is not None else []), *both])}, or write "
                "it into the file."
            )
        return read_protocol(file)
    if readers is None:
        raise StudyError("Name the readers (--readers A,B), or give a protocol (--protocol FILE).")
    names = tuple(reader.strip() for reader in readers.split(",") if reader.strip())
    return Protocol(readers=names, **given)


def protocol(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="The study whose protocol to show.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.toml", help="Write a protocol file, to be filled in."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show a study's protocol with its amendments, or write a protocol file.

    Without a STUDY the file has the defaults of Liu 2026: two readers, 100 cases once
    more after 60 days, ICC(A,1) above 0.80 by its lower 95% limit. Fill in who the
    readers are, and give it to *napari-ptx study new*.
    """
    from napari_ptx.study import Study, StudyError
    from napari_ptx.study.protocol_file import LIU_2026, write_protocol

    if study is None and output is None:
        raise StudyError(
            "Name a study to show its protocol, or a file to write one (-o FILE.toml)."
        )
    if study is None:
        import secrets

        assert output is not None
        shown = dataclasses.replace(LIU_2026, seed=secrets.randbelow(1_000_000))
        write_protocol(output, shown)
        answer: dict[str, Any] = {"path": str(output), "protocol": shown.to_json()}
    else:
        with Study.open(study) as opened:
            answer = _about(opened)
            if output is not None:
                write_protocol(output, opened.protocol)
    if json:
        print_json(answer)
        return
    if study is not None:
        _show(answer)
    if output is not None:
        console().print(f"Wrote {output}", highlight=False)


def amend(
    study: StudyFile,
    reason: Annotated[str, typer.Option(help="Why the protocol has to change; it is recorded.")],
    protocol: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="The whole protocol as it is to be."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="One field; may be given again."),
    ] = None,
    json: Json = False,
) -> None:
    """Change the protocol of a study; the original and the reason are kept.

    Readers, design, reread cases and seed cannot change: the worklists were drawn
    from them.
    """
    from napari_ptx.study import Study, StudyError
    from napari_ptx.study.protocol_file import changed_by, read_protocol

    if (protocol is None) == (not settings):
        raise StudyError("Give the amended protocol (--protocol FILE) or single fields (--set).")
    with Study.open(study) as opened:
        new = read_protocol(protocol) if protocol else changed_by(opened.protocol, settings or ())
        changed = opened.amend(new, reason)
        answer = _about(opened)
    if json:
        print_json({"changed": list(changed), **answer})
        return
    console().print(f"Amended: {', '.join(changed)}", highlight=False, markup=False)


def pin(
    study: StudyFile,
    reader: Annotated[str, typer.Option(help="Whose PIN.")],
    clear: Annotated[bool, typer.Option("--clear", help="Take the PIN away.")] = False,
) -> None:
    """Set a reader's PIN; it is asked when a session of that reader is opened.

    It keeps colleagues from reading under each other's names by mistake. It does not
    protect the file: whoever can open it can read and change it, and clear the PIN.
    """
    from napari_ptx.study import Study

    with Study.open(study) as opened:
        new = None
        if not clear:
            new = typer.prompt(f"New PIN of {reader}", hide_input=True, confirmation_prompt=True)
        opened.set_pin(reader, new)
    said = "has a PIN now" if new is not None else "has no PIN any more"
    console().print(f"{reader} {said}", highlight=False, markup=False)


def ask_pin(study: Study, reader: str) -> str | None:
    """Ask for a reader's PIN, where they have one."""
    if not study.has_pin(reader):
        return None
    return str(typer.prompt(f"PIN of {reader}", hide_input=True))


def _about(study: Study) -> dict[str, Any]:
    return {
        "study": study.name,
        "protocol": study.protocol.to_json(),
        "original": study.original_protocol.to_json(),
        "amendments": [
            {
                "at": amendment.at.isoformat(),
                "reason": amendment.reason,
                "changed": list(amendment.changed),
                "protocol": amendment.protocol.to_json(),
            }
            for amendment in study.amendments
        ],
        "hash": study.protocol_hash,
    }


def _show(answer: dict[str, Any]) -> None:
    from rich.table import Table

    out = console()
    original, now = answer["original"], answer["protocol"]
    grid = Table(
        title=f"{answer['study']}: protocol", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("Field", "In force", "Originally"):
        grid.add_column(heading)
    for field, value in now.items():
        if field == "described":
            continue
        before = original[field]
        grid.add_row(field, _plain(value), "" if value == before else _plain(before))
    out.print(grid)
    for person in now["described"]:
        years = "years unknown" if person["years"] is None else f"{person['years']:g} years"
        facts = ", ".join(filter(None, (person["role"], years, person["training"])))
        out.print(f"{person['name']}: {facts}", highlight=False, markup=False)
    for place, one in enumerate(answer["amendments"], 1):
        text = f"Amendment {place}, {one['at'][:10]}, {', '.join(one['changed'])}: {one['reason']}"
        out.print(text, highlight=False, markup=False, soft_wrap=True)
    out.print(f"SHA-256 of the original: {answer['hash']}", highlight=False, soft_wrap=True)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``napari-ptx study``."""
    app.command("protocol")(protocol)
    app.command("amend")(amend)
    app.command("pin")(pin)
