"""Start torchrun for a job in a folder, watch it, and end it with whoever started it.

The module that torchrun runs calls ``serve``, which can be done by hand, too, to finish what
was killed::

    torchrun --nproc-per-node=N -m MODULE FOLDER
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_ptx.errors import PtxError
from napari_ptx.learn.manifest import write_text
from napari_ptx.learn.team import Team, torchrun_team

JOB, REFUSED = "job", "refused.json"
"""The folder with what the processes need, and the sentence of an expected error in it."""

_POLL = 1.0
_WITH_PARENT = "--with-parent"


def launch(
    module: str,
    folder: Path,
    processes: int,
    error: type[PtxError],
    watch: Callable[[], None] | None = None,
) -> None:
    """Run a module in several processes and wait for them.

    Parameters
    ----------
    module
        Its ``main`` calls ``serve``.
    folder
        Its only argument; the subfolder ``job`` exists and holds what it needs.
    processes
        One for each GPU; without a GPU they share the processor.
    error
        The kind of an expected error that a process told.
    watch
        Called each second; what it raises ends the processes.

    Raises
    ------
    PtxError
        Of the kind ``error``, as the leading process told it.
    RuntimeError
        A process failed otherwise; with the end of what it wrote.
    """
    refused = folder / JOB / REFUSED
    refused.unlink(missing_ok=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", "-m", module, str(folder), _WITH_PARENT]
    with tempfile.TemporaryFile() as log:
        # The pipe stays open as long as this process lives: see _end_with_parent.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                if watch is not None:
                    watch()
                try:
                    process.wait(_POLL)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
        if refused.exists():
            raise error(json.loads(refused.read_text(encoding="utf-8")))
        if process.returncode:
            log.seek(0)
            words = log.read()[-4000:].decode(errors="replace")
            raise RuntimeError(f"torchrun ended with status {process.returncode}:\n{words}")


def serve(arguments: Sequence[str], work: Callable[[Path, Team], None]) -> int:
    """Do the job of a folder as one process of a team; give the exit status."""
    folder = Path(arguments[0])
    if _WITH_PARENT in arguments:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    with torchrun_team() as team:
        try:
            work(folder, team)
        except PtxError as error:
            if team.leads:
                write_text(folder / JOB / REFUSED, json.dumps(str(error)))
                print(error, file=sys.stderr)
            return 2
    return 0


def _end_with_parent() -> None:
    """End this process at once when the one that started torchrun is gone, or cancels.

    torchrun hands its standard input on; it ends when the parent does, however it ends.
    """
    # Not through sys.stdin: Python aborts when it ends while a thread reads that.
    while os.read(0, 1):
        pass
    os._exit(1)
