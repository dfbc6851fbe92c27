"""The one base of errors that a user can mend, and what the system refuses."""

from __future__ import annotations

import errno
from collections.abc import Sequence


class PtxError(Exception):
    """An expected error: its message is a sentence that a user can act on.

    The sentence names the case or the file, what is wrong, and what to do. The
    command line prints it and exits with status 2; the app shows it as a
    notification. Anything that is not a ``PtxError`` is a fault of the program.

    Parameters
    ----------
    message
        The sentence.
    details
        One line for each bad row or file where there are several.
    """

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message, tuple(details))

    @property
    def message(self) -> str:
        """The sentence, without the details."""
        return str(self.args[0])

    @property
    def details(self) -> tuple[str, ...]:
        """One line for each bad row or file."""
        return tuple(self.args[1])

    def __str__(self) -> str:
        return "\n  ".join((self.message, *self.details))


_REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EEXIST, errno.ENOTDIR),
    *(errno.EISDIR, errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBUSY),
}
_FULL = {errno.ENOSPC, errno.EDQUOT}


def refused_by_system(error: BaseException) -> str:
    """Say in a sentence what the system refused: a folder, a disk, rights; "" for other errors.

    Where work writes many files it cannot foresee which of them; what is caught here is not a
    fault of the program.
    """
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return ""
    if error.errno in _FULL:
        place = f" with {error.filename}" if error.filename else ""
        return f"The disk{place} is full ({error.strerror}); make room, and try again."
    if not error.filename:
        return ""
    return (
        f"{error.filename} cannot be read or written ({error.strerror}); check the path and your "
        "rights to it, or choose another."
    )
