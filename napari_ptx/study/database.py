"""SQLite as the record needs it: engine, transactions, and errors as sentences.

What is particular to SQLite is here and in ``store``; the rest of the room speaks
SQLAlchemy only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from napari_ptx.study.types import StudyError

KIT_ID = 0x7074786B
"""``PRAGMA application_id`` of a reader's kit: "ptxk" in ASCII."""

_BUSY_SECONDS = 10
_BUSY = "The {what} is being written to by another program; try again."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: (
        "The disk is full: the last step was not saved. Make room in {folder} and try again."
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk reports an error: the last step was not saved. Make sure that {folder} is "
        "there and has room, and try again."
    ),
    sqlite3.SQLITE_READONLY: (
        "The {what} or its folder {folder} is read-only: nothing can be saved. Move it to a "
        "folder of your own."
    ),
    sqlite3.SQLITE_PERM: "The {what} file {path} may not be opened; check its permissions.",
    sqlite3.SQLITE_CANTOPEN: (
        "The {what} cannot be opened for writing; check the permissions of its folder {folder}."
    ),
    sqlite3.SQLITE_CORRUPT: (
        "The {what} file {path} is damaged; take the newest copy from your backup."
    ),
    sqlite3.SQLITE_NOTADB: "{path} is not a napari-ptx {what}.",
}
"""What a user can mend, by SQLite's primary result codes."""


def make_engine(path: Path) -> Engine:
    """Give an engine on a file: WAL (but for kits), commits on the disk, foreign keys held.

    Transactions of ``engine.execution_options(ptx_write=True)`` begin with the right to
    write.
    """
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=os.fspath(path)),
        # An error text must not carry outlines, names or codes into a log.
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself: see ``begin``.
        connection.isolation_level = None
        cursor = connection.cursor()
        # A kit is one file that people send, and is whole after each stroke: in WAL mode
        # the newest strokes would lie beside it when the program was killed.
        kit = cursor.execute("PRAGMA application_id").fetchone()[0] == KIT_ID
        for pragma in (
            f"journal_mode = {'DELETE' if kit else 'WAL'}",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"busy_timeout = {_BUSY_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that later wants to write can fail at once, however long the busy
        # timeout is; a writer therefore asks for the lock when it begins.
        write = connection.get_execution_options().get("ptx_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def mark_as_kit(path: Path) -> None:
    """Begin a new file that is going to be a reader's kit."""
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"PRAGMA application_id = {KIT_ID}")
    finally:
        connection.close()


def is_kit(path: Path) -> bool:
    """Tell whether a file is a reader's kit."""
    try:
        return path.is_file() and application_id(path) == KIT_ID
    except (sqlite3.DatabaseError, OSError):
        return False


def is_database(path: Path) -> bool:
    """Tell whether a file is of SQLite, as far as can be told: one that is locked may be."""
    try:
        application_id(path)
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False
    return True


def application_id(path: Path) -> int:
    """Give what sort of SQLite file this is; ``sqlite3.DatabaseError`` if it is none.

    SQLite itself is asked. Were the file opened in any other way, closing it would take
    away the locks that this process's own connections have on it (POSIX); another process
    could then remove the journal (WAL) that they write to, and with it their strokes.
    """
    if path.stat().st_size == 0:
        raise sqlite3.DatabaseError("empty")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS
    )
    try:
        return int(connection.execute("PRAGMA application_id").fetchone()[0])
    finally:
        connection.close()


@contextmanager
def connected(engine: Engine, what: str = "study") -> Iterator[Connection]:
    """Connect, and turn what a user can mend into a ``StudyError`` about ``what``."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        if result_code(error) not in _SENTENCES:
            raise
        path = Path(engine.url.database or "")
        sentence = _SENTENCES[result_code(error)]
        raise StudyError(sentence.format(what=what, path=path, folder=path.parent)) from None


def result_code(error: DBAPIError) -> int:
    """Give SQLite's primary result code; 0 for anything else."""
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF
