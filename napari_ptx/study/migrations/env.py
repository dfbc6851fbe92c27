"""What Alembic runs: migrate over the connection that ``store`` hands in."""

from __future__ import annotations

from alembic import context

from napari_ptx.study.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter most of a table in place; Alembic copies it instead.
    render_as_batch=True,
)
context.run_migrations()
