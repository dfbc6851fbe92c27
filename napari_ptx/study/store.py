"""The database behind a study: engine, transactions, schema, and the session locks.

Everything that is particular to SQLite is in this file (and the triggers of the
first migration); the rest of the room speaks SQLAlchemy only, so that a server
database can take its place.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from napari_ptx.study.tables import APPEND_ONLY
from napari_ptx.study.types import StudyError

SCHEMA = "0001"
"""The newest revision in ``migrations``."""

_BUSY_SECONDS = 10
_SQLITE_MAGIC = b"SQLite format 3\x00"
_BUSY = "The study is being written to by another program; try again."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: "The disk is full: this was not saved. Make room and try again.",
    sqlite3.SQLITE_IOERR: (
        "The disk reports an error: this was not saved. Make sure that the disk is there and "
        "has room, and try again."
    ),
    sqlite3.SQLITE_READONLY: (
        "The study or its folder is read-only: nothing can be saved. Move it to a folder of "
        "your own."
    ),
    sqlite3.SQLITE_PERM: "The study file may not be opened; check its permissions.",
    sqlite3.SQLITE_CANTOPEN: (
        "The study cannot be opened for writing; check the permissions of its folder."
    ),
    sqlite3.SQLITE_CORRUPT: "The study file is damaged; take the newest copy from your backup.",
    sqlite3.SQLITE_NOTADB: "The file is not a napari-ptx study.",
}
"""What a user can mend, by SQLite's primary result codes."""


class Store:
    """One open database of a study.

    Parameters
    ----------
    path
        The study file; image paths are relative to its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        # The same pool; transactions begin with the right to write.
        self._writer = self._engine.execution_options(ptx_write=True)

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open an existing study file and bring its schema up to date.

        Raises
        ------
        StudyError
            If it is missing, not a study, from a newer version, or not writable.
        """
        if not path.is_file():
            raise StudyError(f"There is no study file {path}; check the path.")
        try:
            with path.open("rb") as file:
                magic = file.read(len(_SQLITE_MAGIC))
        except OSError as error:
            raise StudyError(f"{path} cannot be read ({error.strerror}).") from error
        if magic != _SQLITE_MAGIC:
            raise StudyError(f"{path} is not a napari-ptx study.")
        store = cls(path)
        try:
            store._migrate()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def create(cls, path: Path) -> Store:
        """Make a new database with the newest schema in a file that is not there yet."""
        store = cls(path)
        with store._connection(store._writer) as connection:
            _upgrade(connection)
        return store

    def close(self) -> None:
        """Close all connections. The store can be used again and then reopens them."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the record."""
        with self._connection(self._engine) as connection, Session(connection) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are on disk when the block ends, or not at all."""
        with (
            self._connection(self._writer) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.commit()

    def problems(self) -> list[tuple[str, str]]:
        """Check the file itself: (table, sentence) for each thing that is wrong.

        Damage and broken references ("file": what refers to it cannot be followed), a
        schema that is not the migrations' ("schema"), and missing rows: ids of an
        append-only table have no gaps, since SQLite takes an id back with the
        transaction that it came from.
        """
        found: list[tuple[str, str]] = []
        with self._connection(self._engine) as connection:
            try:
                lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            except DBAPIError as error:
                if _code(error) != sqlite3.SQLITE_CORRUPT:
                    raise
                lines = [str(error.orig)]
            found += [("file", f"The file is damaged: {line}.") for line in lines if line != "ok"]
            if found:
                return found
            for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                text = f"Row {row} of {table} refers to a row of {parent} that is missing."
                found.append(("file", text))
            ours, theirs = _schema(connection), _expected_schema()
            for kind, name in sorted(ours.keys() | theirs.keys()):
                if ours.get((kind, name)) != theirs.get((kind, name)):
                    found.append(("schema", f"The {kind} {name} was changed or removed."))
            for table in APPEND_ONLY:
                count, last = connection.exec_driver_sql(
                    f"SELECT count(*), max(id) FROM {table}"
                ).one()
                given = connection.exec_driver_sql(
                    "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,)
                ).scalar()
                if not count == (last or 0) == (given or 0):
                    found.append((table, f"Rows of {table} are missing."))
        return found

    def lock(self, session_id: int) -> FileLock:
        """Take the lock of a reader's session; it ends with the process at the latest.

        The operating system holds it, on a hidden file beside the study, so that a
        killed process leaves nothing behind that blocks.

        Raises
        ------
        StudyError
            If another window or process has this session open.
        """
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock{session_id}"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StudyError(
                "This session is open in another window or on another computer; "
                "close it there first."
            ) from None
        except OSError as error:
            raise StudyError(
                f"The folder of the study cannot be written to ({error.strerror}); "
                "move the study to a folder of your own."
            ) from None
        return lock

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        """Connect, and turn what a user can mend into a sentence."""
        try:
            with engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            if _code(error) not in _SENTENCES:
                raise
            raise StudyError(_SENTENCES[_code(error)]) from None

    def _migrate(self) -> None:
        with self._connection(self._engine) as connection:
            names = set(
                connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            )
            if not {"alembic_version", "study", "strokes"} <= names:
                raise StudyError(f"{self.path} is not a napari-ptx study.")
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision == SCHEMA:
            return
        from alembic.script import ScriptDirectory

        known = {script.revision for script in ScriptDirectory(_scripts()).walk_revisions()}
        if revision not in known:
            raise StudyError(
                f"{self.path} was made by a newer version of napari-ptx (schema {revision}, "
                f"this one knows {SCHEMA}); update napari-ptx."
            )
        with self._connection(self._writer) as connection:
            _upgrade(connection)


def _code(error: DBAPIError) -> int:
    """Give SQLite's primary result code; 0 for anything else."""
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


def _scripts() -> str:
    return str(Path(__file__).with_name("migrations"))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _scripts().replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _schema(connection: Connection) -> dict[tuple[str, str], str | None]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
    return {(kind, name): sql for kind, name, sql in rows}


@cache
def _expected_schema() -> dict[tuple[str, str], str | None]:
    """Give what the migrations make of an empty database: the same for every study."""
    engine = create_engine("sqlite+pysqlite://")
    try:
        with engine.connect() as connection:
            _upgrade(connection)
            return _schema(connection)
    finally:
        engine.dispose()


def _engine(path: Path) -> Engine:
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
        for pragma in (
            "journal_mode = WAL",
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
