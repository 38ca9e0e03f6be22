"""From 0.1.0's schema: every record says in which version its event was written; rate acts and nonces are kept."""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Integer, Text


def upgrade(operations: Operations) -> None:
    """Schema 1 to schema 2."""
    operations.add_column("journal", Column("version", Integer, nullable=False, server_default="1"))
    operations.create_index("journal_by_kind", "journal", ["kind", "sequence"])
    operations.create_table(
        "nonces",
        Column("stream", Text, primary_key=True),
        Column("nonce", Text, primary_key=True),
        Column("at", Text, nullable=False),
    )
    operations.create_table(
        "rate_acts",
        Column("stream", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("at", Text, nullable=False),
    )
