"""``read_image``: any file to an ``Image``, decoded where a stuck decoder can be stopped."""

from __future__ import annotations

import atexit
import functools
import gzip
import os
import re
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from napari_ptx.child import Child, ChildDied, ChildFault, ChildTimeout
from napari_ptx.image.foreign import Unreadable, without_gaps
from napari_ptx.image.types import Image, ImageError

Read = TypeVar("Read")

# two letters at least: one is a Windows drive
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_META_IMAGE = re.compile(rb"\s*(ObjectType|ObjectSubType|Comment|NDims)\s*=")
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_KNOWN_OTHERS = {
    b"PK\x03\x04": "a ZIP archive; unpack it and choose a file in it",
    b"%PDF": "a PDF document; export the picture in it as PNG or DICOM",
    b"GIF8": "a GIF picture; save it as PNG",
    b"RIFF": "a WebP picture or a video; save it as PNG or export it as DICOM",
    b"7z\xbc\xaf": "a 7z archive; unpack it and choose a file in it",
    b"Rar!": "a RAR archive; unpack it and choose a file in it",
    b"\x89HDF": "an HDF5 file; export the picture in it as TIFF or NIfTI",
}
READABLE = "DICOM, PNG, JPEG, BMP, TIFF, NIfTI, NRRD and MetaImage"


class Decoder:
    """Reads images in a child process of its own, one after the other.

    A file that makes a decoder hang or crash costs that process, not the
    caller's. Thread-safe: calls wait for each other. Batch work that reads in
    parallel makes one ``Decoder`` per thread, as a context manager.
    """

    def __init__(self) -> None:
        self._child = Child()
        self._lock = threading.Lock()

    def read(self, path: str | os.PathLike[str], *, timeout: float = 60.0) -> Image:
        """Read an image; see ``read_image``."""
        # The child was started in another folder perhaps; an address stays as it is.
        place = str(path) if _ADDRESS.match(str(path)) else str(Path(path).absolute())
        image: Image = self.run("napari_ptx.image.read:decode", place, place, timeout=timeout)
        return image

    def run(
        self,
        target: str,
        place: str | os.PathLike[str],
        *args: Any,
        timeout: float,
        on_progress: Callable[..., None] | None = None,
    ) -> Any:
        """Run a function ("package.module:function") in the child; see ``Child.call``.

        Parameters
        ----------
        place
            What is read, for the sentence of an error.
        timeout
            Seconds without an answer or a progress message.

        Raises
        ------
        ImageError
        """
        try:
            with self._lock:
                return self._child.call(target, *args, timeout=timeout, on_progress=on_progress)
        except ChildTimeout:
            raise ImageError(
                f"{place} cannot be read: decoding took longer than {timeout:g} seconds and was "
                "stopped; the file is probably damaged: export it again."
            ) from None
        except ChildDied as error:
            raise ImageError(
                f"{place} cannot be read: the decoder crashed on it; the file is probably "
                "damaged: export it again.",
                [str(error)],
            ) from None
        except ChildFault as error:
            raise ImageError(
                f"{place} cannot be read: the decoder failed unexpectedly; please report it with "
                "the file.",
                str(error).splitlines(),
            ) from None

    def close(self) -> None:
        """End the process. A later call starts a new one."""
        self._child.kill()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@functools.cache
def _shared(process_id: int) -> Decoder:
    # The only thing that outlives a call in this room. Starting Python and pydicom
    # takes most of a second, and read_image is called for one case after the
    # other by code that has no common owner (napari's reader, a script, a test).
    # It holds no image and no setting. A forked process gets its own, because two
    # processes must not share the pipes of one child.
    decoder = Decoder()
    atexit.register(decoder.close)
    return decoder


def shared_decoder() -> Decoder:
    """Give the decoder of this process that ``read_image`` uses."""
    return _shared(os.getpid())


def read_image(path: str | os.PathLike[str], *, timeout: float = 60.0) -> Image:
    """Read an image file: DICOM, PNG, JPEG, BMP, TIFF, NIfTI, NRRD or MetaImage.

    The format is told by the content. The file is decoded in a child process
    that is kept for the next call and is stopped when it hangs.

    Parameters
    ----------
    path
        One file. A DICOM file may hold several frames.
    timeout
        Seconds before decoding is stopped.

    Returns
    -------
    Image
        ``Image.notes`` tells what a user should know, such as a calibration
        that was ignored.

    Raises
    ------
    ImageError
        Whatever is wrong with the file; the sentence names it and what to do.
    """
    return shared_decoder().read(path, timeout=timeout)


def decode(path: str | os.PathLike[str]) -> Image:
    """Read an image in this process: what a ``Decoder`` runs in its child.

    Raises
    ------
    ImageError
        As ``read_image``, but for hanging and crashing decoders.
    """
    if _ADDRESS.match(str(path)):
        raise ImageError(f"{path} is an address, not a file; download it first.")
    place = Path(path)
    return refusing(place, lambda: without_gaps(_reader(format_of(place))(place)))


def refusing(place: Path, read: Callable[[], Read]) -> Read:
    """Read a foreign file so that whatever is wrong with it becomes an ``ImageError``.

    Raises
    ------
    ImageError
        The sentence names the file and what to do.
    """
    try:
        return read()
    except ImportError:
        raise  # the installation's fault, not the file's
    except Unreadable as error:
        raise ImageError(f"{place} cannot be read: {error}.") from None
    except RecursionError:
        raise ImageError(
            f"{place} cannot be read: its sequences are nested too deeply; the file is damaged: "
            "export it again."
        ) from None
    except MemoryError:
        raise ImageError(
            f"{place} cannot be read: there is not enough memory for it; close other programs or "
            "split it."
        ) from None
    except OSError as error:
        if error.filename is None or error.strerror is None:  # a decoder's, not the system's
            raise _damaged(place, error) from error
        raise ImageError(
            f"{place} cannot be read: {error.strerror}; check the file and your rights to it."
        ) from None
    except Exception as error:
        # The one place where every exception is caught: the decoders of five
        # libraries raise whatever comes to them when a foreign file is damaged
        # (KeyError, struct.error, zlib.error, ...), and no list of types would be
        # complete. The cause stays attached.
        raise _damaged(place, error) from error


def _damaged(path: Path, error: Exception) -> ImageError:
    said = (str(error).strip().splitlines() or [""])[0][:200].rstrip(".")
    kind = type(error).__name__
    return ImageError(
        f"{path} cannot be read: it is damaged or not made to the standard ({kind}: {said}); "
        "export it again."
    )


def _reader(name: str) -> Callable[[Path], Image]:
    """Import the reader of a format, so that each format costs only its own libraries."""
    if name == "dicom":
        from napari_ptx.image.dicom import read_dicom

        return read_dicom
    if name == "raster":
        from napari_ptx.image.raster import read_raster

        return read_raster
    if name == "tiff":
        from napari_ptx.image.tiff import read_tiff

        return read_tiff
    from napari_ptx.image.volume import read_volume

    return functools.partial(read_volume, reader_name=name)


def format_of(path: Path) -> str:
    """Tell the format by the first bytes.

    Raises
    ------
    Unreadable
        For what is none that can be read.
    """
    if path.is_dir():
        raise Unreadable("it is a folder; choose one file in it")
    if not path.exists():
        raise Unreadable("there is no such file; check the path")
    if not path.is_file():
        raise Unreadable("it is a device or a pipe, not a file")
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise Unreadable("it is empty; copy it again from where it came")
    # DICOM first: its preamble may hold the start of a TIFF file.
    if head[128:132] == b"DICM" or _is_bare_dicom(head):
        return "dicom"
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    ):
        return "raster"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head.startswith(b"NRRD000"):
        return "NrrdImageIO"
    if _META_IMAGE.match(head):
        return "MetaImageIO"
    if head.startswith(b"\x1f\x8b"):
        head = _unpacked_head(path)
        if not _is_nifti(head):
            raise Unreadable("it is a gzip archive without NIfTI-1 in it; unpack it first")
    if _is_nifti(head):
        return "NiftiImageIO"
    if head[4:8] in (b"n+2\0", b"ni2\0"):
        raise Unreadable("it is NIfTI-2, which ITK does not read; save it as NIfTI-1")
    for magic, what in _KNOWN_OTHERS.items():
        if head.startswith(magic):
            raise Unreadable(f"it is {what}")
    raise Unreadable(
        f"it is not an image of a kind that can be read ({READABLE}); export it as DICOM or PNG"
    )


def _unpacked_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as unpacked:
            return unpacked.read(1024)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Unreadable("its compressed data are damaged; copy it again") from None


def _is_bare_dicom(head: bytes) -> bool:
    """Tell whether a file starts with a DICOM element, without preamble: group 2 or 8."""
    if len(head) < 16:
        return False
    for order in "<>":
        group, element = struct.unpack_from(order + "HH", head)
        if group in (2, 8) and element <= 0x0100:
            explicit = head[4:6].isalpha() and head[4:6].isupper()
            (length,) = struct.unpack_from(order + "I", head, 4)
            if explicit or length <= 1024:
                return True
    return False


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0")
