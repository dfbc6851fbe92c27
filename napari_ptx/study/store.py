"""The database behind a study: engine, transactions, schema, and the session locks.

Everything that is particular to SQLite is in this file and ``database`` (and the
triggers of the first migration); the rest of the room speaks SQLAlchemy only, so that
a server database can take its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from napari_ptx.study.database import connected, make_engine, result_code
from napari_ptx.study.tables import APPEND_ONLY
from napari_ptx.study.types import StudyError

SCHEMA = "0002"
"""The newest revision in ``migrations``."""


class Store:
    """One open database of a study.

    Parameters
    ----------
    path
        The study file; image paths are relative to its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = make_engine(path)
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
        try:
            there, empty = path.is_file(), path.stat().st_size == 0
        except FileNotFoundError:
            there = empty = False
        except OSError as error:  # a folder on the way to it that may not be entered
            raise StudyError(f"{path} cannot be read ({error.strerror}).") from error
        if not there:
            raise StudyError(f"There is no study file {path}; check the path.")
        # The file is not opened by hand, not even to look at its first bytes: closing it would
        # take away the locks of every other connection of this process (POSIX), and a child
        # process could then remove the journal under them. SQLite tells what is no database.
        if empty:
            raise StudyError(f"{path} is not a napari-ptx study.")
        store = cls(path)
        try:
            store._migrate()
        except StudyError as error:
            store.close()
            if error.__context__ is None or not _is_foreign(error.__context__):
                raise
            raise StudyError(f"{path} is not a napari-ptx study.") from None
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def create(cls, path: Path) -> Store:
        """Make a new database with the newest schema in a file that is not there yet."""
        store = cls(path)
        with connected(store._writer) as connection:
            _upgrade(connection)
        return store

    def close(self) -> None:
        """Close all connections. The store can be used again and then reopens them."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the record."""
        with connected(self._engine) as connection, Session(connection) as session:
            yield session

    @contextmanager
    def read_as_stored(self) -> Iterator[Session]:
        """Give a session that reads even text that is not valid any more, for a check.

        A byte that is not UTF-8 becomes a character of its own, so that what was changed
        differs from what was hashed instead of stopping the check.
        """
        with connected(self._engine) as connection, Session(connection) as session:
            driver: Any = connection.connection.driver_connection
            driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            try:
                yield session
            finally:
                driver.text_factory = str

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are on disk when the block ends, or not at all."""
        with (
            connected(self._writer) as connection,
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
        with connected(self._engine) as connection:
            try:
                lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            except DBAPIError as error:
                if result_code(error) != sqlite3.SQLITE_CORRUPT:
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
                count, first, last = connection.exec_driver_sql(
                    f"SELECT count(*), min(id), max(id) FROM {table}"
                ).one()
                given = connection.exec_driver_sql(
                    "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,)
                ).scalar()
                if not count == (last or 0) == (given or 0) or (count and first != 1):
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
                f"The folder {self.path.parent} cannot be written to ({error.strerror}); "
                "move the study to a folder of your own."
            ) from None
        return lock

    def _migrate(self) -> None:
        with connected(self._engine) as connection:
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
        with connected(self._writer) as connection:
            _upgrade(connection)


def _is_foreign(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and result_code(error) == sqlite3.SQLITE_NOTADB


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
