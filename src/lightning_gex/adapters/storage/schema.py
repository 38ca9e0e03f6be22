"""The tables: one definition for SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

#: Raised by one whenever a table changes, with a step in ``migrations``; a store of a higher version is refused.
SCHEMA_VERSION = 5

METADATA = MetaData()

#: One row: which version of these tables the store holds.
SCHEMA = Table("lightning_schema", METADATA, Column("version", Integer, nullable=False))

#: Append-only and chained: ``digest`` is the keyed hash of ``previous`` and everything else in the row.
JOURNAL = Table(
    "journal",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Text, nullable=False),  # ISO 8601 UTC with microseconds: sorts as time does, in both databases
    Column("payload", Text, nullable=False),  # the event as JSON
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),  # of the event in ``payload``
    Index("journal_by_run", "run_id", "sequence"),
    Index("journal_by_kind", "kind", "sequence"),
)

#: What was done under a rate limit, one row an act: ``number`` counts the acts of one stream.
RATE_ACTS = Table(
    "rate_acts",
    METADATA,
    Column("stream", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
)

#: Signed requests that were accepted, so that none is twice; under the empty nonce, up to when they were dropped.
NONCES = Table(
    "nonces",
    METADATA,
    Column("stream", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("at", Text, nullable=False),  # when the request was signed
)

#: One row a variant that was ever judged on some data: whoever tries many must deflate by their number. ``data_hash``
#: is that of ``trial_data``, or of something that nothing else overlaps.
TRIALS = Table(
    "trials",
    METADATA,
    Column("data_hash", Text, primary_key=True),
    Column("variant_hash", Text, primary_key=True),
    Column("at", Text, nullable=False),  # when it was first tried
    Column("sharpe_per_session", Double),  # NULL where it never traded or never ended
)

#: One row a set of sessions that variants were judged on: by what moved in them they are known again in other files.
TRIAL_DATA = Table(
    "trial_data",
    METADATA,
    Column("data_hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # what was tried: only trials of one kind count into each other
    Column("first_session", Text, nullable=False),  # ISO 8601 dates
    Column("last_session", Text, nullable=False),
    Column("moves", LargeBinary, nullable=False),  # as ``analytics.trials.JudgedData`` packs them
)

#: One row a book; ``revision`` counts its changes, so that a reader knows when what it loaded is old.
BOOKS = Table(
    "books",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

#: Remembered signals. Prices and returns are NULL where NaN; the outcome is known where ``outcome_known_at`` is.
PATTERNS = Table(
    "patterns",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("pattern_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),  # order of remembering within the book
    Column("ticker", Text, nullable=False),
    Column("direction", Integer, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float64, little-endian
    Column("confidence", Double),
    Column("horizon_sessions", Integer, nullable=False),
    Column("entry_price", Double),
    Column("target_price", Double),
    Column("stop_price", Double),
    Column("regime", Text),
    Column("outcome_net_return", Double),
    Column("outcome_won", Boolean),
    Column("outcome_known_at", Text),
    Column("outcome_horizon_return", Double),
    Column("schema", Integer, nullable=False, server_default="1"),  # of the vector
    Column("strategy", Text, nullable=False, server_default=""),
    Column("raw_confidence", Double),
    Column("base_rate", Double),
    Column("calls", Text, nullable=False, server_default="[]"),  # JSON: [agent, direction, probability or null] each
    Column("taken", Boolean),
    Column("structure", Text, nullable=False, server_default="stock"),
    Column("confidence_before_memory", Double),
    Column("memory_shift", Double),
    Column("changed", BigInteger, nullable=False, server_default="0"),  # the book's revision that wrote it last
    Index("patterns_by_time", "book", "as_of", "position"),
    Index("patterns_by_shelf", "book", "ticker", "direction", "changed"),
)
