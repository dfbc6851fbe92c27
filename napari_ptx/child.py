"""A Python process of our own that runs one function at a time and can be stopped.

Decoders of foreign files and long jobs run here: a stuck, crashed or
memory-hungry call never takes the caller with it, and cancelling is a kill. The
two sides exchange length-prefixed pickles over pipes. ``multiprocessing`` is not
used because its spawned children import the caller's main script again, which
breaks scripts without a main guard and would load Qt in every child.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, BinaryIO

from napari_ptx.errors import PtxError, refused_by_system

_HEADER = struct.Struct("<Q")

Progress = Callable[[int, int, str], None]
"""``progress(done, total, text)``: what a long function calls as it goes."""


class ChildDied(Exception):
    """The child process ended before it answered (crash, kill, out of memory)."""


class ChildTimeout(Exception):
    """The child process did not answer in time and was killed."""


class ChildFault(Exception):
    """The function in the child raised something unexpected; holds its traceback."""


def _send(stream: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=5)
    stream.write(_HEADER.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


class Child:
    """A warm child process; it starts at the first call and serves many.

    Not thread-safe: one call at a time. ``kill`` may come from any thread.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[Any] = queue.Queue()
        self._log: IO[bytes] | None = None

    def call(
        self,
        target: str,
        *args: Any,
        timeout: float | None = None,
        on_progress: Progress | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run ``target`` ("package.module:function") in the child and return its value.

        Parameters
        ----------
        timeout
            Seconds to wait for the answer; the child is killed after that.
        on_progress
            Called in this thread for every progress message. When it is given,
            the function receives a keyword argument ``progress``.

        Raises
        ------
        PtxError
            As the function raised it, or a sentence for what the system refused it.
        ChildTimeout, ChildDied, ChildFault
            The call took too long; the process ended; any other exception.
        """
        process, answers = self._ensure()
        assert process.stdin is not None
        try:
            _send(process.stdin, (target, args, kwargs, on_progress is not None))
        except OSError:
            raise ChildDied(self._last_words()) from None
        while True:
            try:
                kind, value = answers.get(timeout=timeout)
                if kind == "progress" and on_progress is not None:
                    on_progress(*value)
                    continue
            except queue.Empty:
                self.kill()
                raise ChildTimeout(f"no answer within {timeout:g} seconds") from None
            except BaseException:
                # Interrupted (Ctrl+C, or a callback that raises to cancel): the late
                # answer must not be taken for the answer to the next call.
                self.kill()
                raise
            if kind == "value":
                return value
            if kind == "error":
                raise value
            if kind == "fault":
                raise ChildFault(value)
            if kind == "died":
                words = self._last_words()
                self.kill()
                raise ChildDied(words)

    def kill(self) -> None:
        """End the process at once. The next call starts a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _ensure(self) -> tuple[subprocess.Popen[bytes], queue.Queue[Any]]:
        process = self._process
        if process is None or process.poll() is not None:
            self.kill()
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "napari_ptx.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
            self._process = process
            self._answers = queue.Queue()
            assert process.stdout is not None
            threading.Thread(
                target=_pump, args=(process.stdout, self._answers), daemon=True
            ).start()
        return process, self._answers

    def _last_words(self) -> str:
        """The end of what the child wrote to its standard error."""
        words = ""
        if self._log is not None and not self._log.closed:
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - 2000))
            words = self._log.read().decode(errors="replace").strip()
        code = None
        if self._process is not None:
            # Its pipe closes a moment before its status is there.
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=1)
        return f"the process ended (status {code})" + (f": {words}" if words else "")


def _pump(stream: IO[bytes], answers: queue.Queue[Any]) -> None:
    try:
        while True:
            answers.put(_receive(stream))
    except (EOFError, OSError, ValueError):
        answers.put(("died", None))


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer calls until the parent goes away; then end at once, busy or not."""
    calls: queue.Queue[Any] = queue.Queue()

    def listen() -> None:
        try:
            while True:
                calls.put(_receive(requests))
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        target, args, kwargs, wants_progress = calls.get()
        if wants_progress:
            kwargs["progress"] = lambda *message: _send(replies, ("progress", message))
        try:
            module, _, name = target.partition(":")
            value = getattr(importlib.import_module(module), name)(*args, **kwargs)
            answer: tuple[str, Any] = ("value", value)
        except PtxError as error:
            answer = ("error", error)
        except MemoryError:
            answer = (
                "error",
                PtxError("There is not enough memory for this; close other programs."),
            )
        except Exception as error:
            if sentence := refused_by_system(error):
                answer = ("error", PtxError(sentence))
            else:  # the parent gets the whole traceback
                answer = ("fault", traceback.format_exc())
        try:
            _send(replies, answer)
        except (pickle.PicklingError, TypeError, AttributeError):
            # Nothing was written: the value could not be pickled.
            _send(replies, ("fault", traceback.format_exc()))


def _main() -> None:
    # The protocol keeps the real standard output to itself: a library that
    # prints must not corrupt a message.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(os.fdopen(os.dup(0), "rb"), replies)


if __name__ == "__main__":
    _main()
