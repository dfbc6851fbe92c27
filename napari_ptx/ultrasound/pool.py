"""``run_all``: one function on many tasks, in several processes that can be killed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import Any

from napari_ptx.child import Child, ChildDied, ChildTimeout, Progress
from napari_ptx.errors import PtxError
from napari_ptx.ultrasound.errors import UltrasoundError


def run_all(
    target: str,
    tasks: Sequence[tuple[Any, ...]],
    *,
    jobs: int,
    timeout: float,
    describe: Callable[[int], str],
    progress: Progress | None = None,
) -> list[Any]:
    """Call ``target`` ("package.module:function") with the arguments of each task.

    Parameters
    ----------
    jobs
        Processes that work at once.
    timeout
        Seconds for one task.
    describe
        Names the task of an index, for progress and errors.

    Returns
    -------
    list
        In the order of the tasks: what the function returned, or the ``PtxError`` that
        it raised; a task whose process crashed or took too long has one, too.

    Raises
    ------
    ChildFault
        For a fault of the program; the other processes are killed.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    answers: list[Any] = [None] * len(tasks)
    idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
    stopped = threading.Event()

    def run(index: int) -> Any:
        child = idle.get()
        try:
            if stopped.is_set():
                return None
            return child.call(target, *tasks[index], timeout=timeout)
        except PtxError as error:
            return error
        except ChildTimeout:
            return UltrasoundError(
                f"{describe(index)}: it took longer than {timeout / 60:g} minutes and was stopped."
            )
        except ChildDied as error:
            return UltrasoundError(f"{describe(index)}: the process crashed.", [str(error)])
        finally:
            idle.put(child)

    # The children leave the stack, killed, before the threads are waited for.
    with ThreadPoolExecutor(jobs) as threads, ExitStack() as children:
        for _ in range(min(jobs, len(tasks))):
            idle.put(children.enter_context(Child()))
        futures = {threads.submit(run, index): index for index in range(len(tasks))}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                answers[futures[future]] = future.result()
                if progress is not None:
                    progress(done, len(tasks), describe(futures[future]))
        except BaseException:  # Ctrl+C, a callback that cancels, a fault: nothing more starts
            stopped.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return answers
