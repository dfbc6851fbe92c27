"""The tables of a study's database, as SQLAlchemy declarative classes.

Rows of ``strokes``, ``readings``, ``events`` and ``adjudications`` are only ever added;
on SQLite, triggers (in the migrations) refuse anything else. Columns that hold JSON are
text, so that the stored bytes are the hashed bytes (``chain``). Times are text
(``times``).
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

APPEND_ONLY = ("strokes", "readings", "events", "adjudications")
"""Tables whose rows are never changed and never deleted."""


class Base(DeclarativeBase):
    """The base of all tables; every text column is unbounded."""

    type_annotation_map = {str: Text}  # noqa: RUF012 - SQLAlchemy reads it from the class


class StudyRow(Base):
    """The study itself: one row. ``hash`` covers all that is fixed (``chain``)."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[str]
    made_with: Mapped[str]
    protocol: Mapped[str]
    hash: Mapped[str]


class ReaderRow(Base):
    """A reader of the protocol."""

    __tablename__ = "readers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class CaseRow(Base):
    """A case: one examination of one patient. ``extra`` is JSON."""

    __tablename__ = "cases"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    patient: Mapped[str]
    extra: Mapped[str]

    images: Mapped[list[ImageRow]] = relationship(
        back_populates="case", order_by="ImageRow.position"
    )


class ImageRow(Base):
    """An image of a case. ``path`` is relative to the study file where it can be."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("case_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    position: Mapped[int]
    path: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    modality: Mapped[str]
    axes: Mapped[str]
    shape: Mapped[str]
    colour: Mapped[bool]
    spacing: Mapped[str]
    calibrated: Mapped[bool]
    regions: Mapped[str]

    case: Mapped[CaseRow] = relationship(back_populates="images")


class TruthRow(Base):
    """What is known of a case and must never reach a reader (label, reference ROI)."""

    __tablename__ = "truth"
    __table_args__ = (UniqueConstraint("case_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    name: Mapped[str]
    value: Mapped[str]

    case: Mapped[CaseRow] = relationship()


class SessionRow(Base):
    """One reader in one round. That it was opened or closed is an event."""

    __tablename__ = "sessions"
    __table_args__ = (UniqueConstraint("reader_id", "round"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id"))
    round: Mapped[int]

    reader: Mapped[ReaderRow] = relationship()
    assignments: Mapped[list[AssignmentRow]] = relationship(
        back_populates="session", order_by="AssignmentRow.position"
    )


class AssignmentRow(Base):
    """A case in a session's worklist, under the code that the reader sees."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("session_id", "position"),
        UniqueConstraint("session_id", "code"),
        UniqueConstraint("session_id", "image_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    position: Mapped[int]
    code: Mapped[str]

    session: Mapped[SessionRow] = relationship(back_populates="assignments")
    image: Mapped[ImageRow] = relationship()


class StrokeRow(Base):
    """One step of a reader's work, in the order of the session.

    ``kind``: "stroke" (``outlines`` is the whole state after it), "undo", "redo",
    "look" (view and time only), "go" (the reader went to this case), "finish",
    "import" (the outlines of a file, finished at once), "reopen" (the next step changes
    a finished case), "aid" (the model's outlines, ``outlines``, were shown; the answer
    before is locked), or "seen" (``action`` is "yes" or "no": whether the reader of a
    second round remembers the case). ``action`` says what was done ("polygon"), what a
    look changed ("zoom, window"), or how a step was called ("key", "click"); the keys and
    clicks since the step before are in ``view`` (``replay``). ``seconds`` is active
    time since the step before. ``revision`` is the reading that "finish" or "import" left
    as the latest one.
    """

    __tablename__ = "strokes"
    __table_args__ = (
        UniqueConstraint("session_id", "number"),
        Index("ix_strokes_state", "assignment_id", "kind", "number"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    number: Mapped[int]
    kind: Mapped[str]
    action: Mapped[str]
    seconds: Mapped[float]
    reason: Mapped[str | None]
    revision: Mapped[int | None]
    at: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]
    view: Mapped[str]
    outlines: Mapped[str | None]


class ReadingRow(Base):
    """One revision of a reading. ``stroke`` is the hash of the step that made it."""

    __tablename__ = "readings"
    __table_args__ = (
        UniqueConstraint("assignment_id", "revision"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    revision: Mapped[int]
    assessable: Mapped[bool]
    reason: Mapped[str | None]
    active_seconds: Mapped[float]
    finished_at: Mapped[str]
    origin: Mapped[str]
    source: Mapped[str | None]
    stroke: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]
    view: Mapped[str]
    outlines: Mapped[str]


class EventRow(Base):
    """What happened to the study: a session opened, opened early, closed; an amendment."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    kind: Mapped[str]
    reader: Mapped[str | None]
    round: Mapped[int | None]
    text: Mapped[str]
    at: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]


class AdjudicationRow(Base):
    """One step of the adjudicator's work, in its order.

    ``text`` is JSON: what was queued, shown or decided, and why. ``outlines`` is the
    whole state after a step that changed it.
    """

    __tablename__ = "adjudications"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_adjudications_case", "case_id", "number"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    kind: Mapped[str]
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    seconds: Mapped[float]
    at: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]
    text: Mapped[str]
    outlines: Mapped[str | None]


class PixelsRow(Base):
    """An image that travels inside the file: only a reader's kit has any.

    ``about`` is JSON: what an ``Image`` knows beside its array. ``data`` is the array.
    """

    __tablename__ = "pixels"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    about: Mapped[str]
    data: Mapped[bytes]


class SettingRow(Base):
    """What the app remembers with a study; it has no bearing on any reading."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
