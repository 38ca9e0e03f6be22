"""To variants that count on all data that share sessions with theirs, whatever file they came in."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, LargeBinary, Text


def upgrade(operations: Operations) -> None:
    """Schema 4 to schema 5."""
    operations.create_table(
        "trial_data",
        Column("data_hash", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("first_session", Text, nullable=False),
        Column("last_session", Text, nullable=False),
        Column("moves", LargeBinary, nullable=False),
    )
