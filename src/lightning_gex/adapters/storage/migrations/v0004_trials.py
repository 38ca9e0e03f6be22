"""To a count of every variant that was ever judged on some data."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import Column, Double, Text


def upgrade(operations: Operations) -> None:
    """Schema 3 to schema 4."""
    operations.create_table(
        "trials",
        Column("data_hash", Text, primary_key=True),
        Column("variant_hash", Text, primary_key=True),
        Column("at", Text, nullable=False),
        Column("sharpe_per_session", Double),
    )
