"""The one base of errors that a user can mend."""

from __future__ import annotations

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
