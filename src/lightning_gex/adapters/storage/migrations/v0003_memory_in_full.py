"""To patterns that say which vector they hold, what the agents said, and whether they were traded.

``changed`` counts as ``books.revision`` does, so that a program that holds an index reads only what changed since.
"""

from __future__ import annotations

from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, Text


def upgrade(operations: Operations) -> None:
    """Schema 2 to schema 3."""
    for column in (
        Column("outcome_horizon_return", Double),
        Column("schema", Integer, nullable=False, server_default="1"),
        Column("strategy", Text, nullable=False, server_default=""),
        Column("raw_confidence", Double),
        Column("base_rate", Double),
        Column("calls", Text, nullable=False, server_default="[]"),
        Column("taken", Boolean),
        Column("structure", Text, nullable=False, server_default="stock"),
        Column("confidence_before_memory", Double),
        Column("memory_shift", Double),
        Column("changed", BigInteger, nullable=False, server_default="0"),
    ):
        operations.add_column("patterns", column)
    operations.create_index("patterns_by_shelf", "patterns", ["book", "ticker", "direction", "changed"])
