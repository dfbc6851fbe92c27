"""Images of a worklist, read in the background so that the next one is there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari_ptx.image import Image


class Loader(QObject):
    """Reads images one after the other in a thread that does nothing else.

    Parameters
    ----------
    read
        Gives the image of a case; it is called in the thread.
    """

    loaded = Signal(int)
    """The image of this case can be had from ``get``."""
    failed = Signal(int, object)
    """The image of this case cannot be read: the exception."""

    _done = Signal(int, object)

    def __init__(self, read: Callable[[int], Image]) -> None:
        super().__init__()
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="napari-ptx images")
        self._images: dict[int, Image] = {}
        self._asked: dict[int, Future[Image]] = {}
        self._done.connect(self._take)

    def want(self, first: int, ahead: Iterable[int] = ()) -> None:
        """Read ``first`` before ``ahead``, and forget every other case."""
        wanted = (first, *ahead)
        for index in [index for index in self._images if index not in wanted]:
            del self._images[index]
        for index, future in list(self._asked.items()):
            # What waits behind a case that is no longer wanted must not wait for it.
            if future.cancel():
                del self._asked[index]
        for index in wanted:
            if index not in self._images and index not in self._asked:
                future = self._thread.submit(self._read, index)
                self._asked[index] = future
                future.add_done_callback(partial(self._tell, index))

    def get(self, index: int) -> Image | None:
        """Give the image of a case if it has been read."""
        return self._images.get(index)

    def close(self) -> None:
        """Stop; what is being read is thrown away."""
        self._done.disconnect(self._take)
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._images.clear()

    def _tell(self, index: int, future: Future[Image]) -> None:
        """Hand the result to the thread of the window (this is the reading thread)."""
        if not future.cancelled():
            self._done.emit(index, future)

    def _take(self, index: int, future: Future[Image]) -> None:
        self._asked.pop(index, None)
        error = future.exception()
        if error is not None:
            self.failed.emit(index, error)
        else:
            self._images[index] = future.result()
            self.loaded.emit(index)
