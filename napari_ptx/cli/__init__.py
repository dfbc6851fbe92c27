"""The ``napari-ptx`` command; one module for each group of subcommands."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; expected errors are one sentence and status 2."""
    from napari_ptx.cli.root import run

    sys.exit(run(sys.argv[1:]))
