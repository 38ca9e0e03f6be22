"""Memory's search inside PostgreSQL, by pgvector: nothing of the book is held by the program that asks.

pgvector knows no absent elements and counts in single precision. So a situation of d elements becomes 3 d numbers, from
which two inner products give what likeness is made of: with presence m (1 or 0), x = 0 where absent, and a question q,

    shared           = sum of m n                          (n is q's presence)
    squared distance = sum of m n (x - q)^2 = sum of x (-2 q n) + x^2 n + m (q^2 n)

The server scans the resolved signals of one ticker and direction exactly, in the order of time, and gives those that
may be among the most alike, within what single precision can have moved; the few that come are compared in double
precision here. So the answer is the one that a search in this program gives.

The vectors lie in a table of their own, derived from ``patterns``, which stays the truth: a search first adds what it
lacks. pgvector: https://github.com/pgvector/pgvector.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine, text

from lightning_gex.adapters.storage.codec import utc_text
from lightning_gex.adapters.storage.database import reading, writing
from lightning_gex.adapters.storage.memory_rows import SEARCH_COLUMNS, resolved_of
from lightning_gex.analytics.similarity import LEAST_SHARED_FRACTION, ONE_SIDED_SQUARED_DISTANCE
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import MissingExtraError, SettingsError, StoreError
from lightning_gex.core.patterns import Neighbours, RecallFilter
from lightning_gex.core.units import Float64Array1D, Float64Array2D
from lightning_gex.memory.shelf import NO_NEIGHBOURS, Shelf, microseconds

_SINGLE_ROUNDING = 2.0**-24  # unit roundoff of single precision (IEEE 754)
_FARTHEST = 4.0  # mean squared distance of opposite corners of [-1, 1]^d
_PAGE_ROWS = 5_000  # vectors added at a time
_TABLE = """
CREATE TABLE IF NOT EXISTS pattern_vectors (
    book text NOT NULL,
    pattern_id text NOT NULL,
    changed bigint NOT NULL,
    elements integer NOT NULL,
    situation vector NOT NULL,
    PRIMARY KEY (book, pattern_id),
    FOREIGN KEY (book, pattern_id) REFERENCES patterns (book, pattern_id) ON DELETE CASCADE
)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS pattern_vectors_by_change ON pattern_vectors (book, changed)"
_MISSING = f"""
SELECT p.changed, {", ".join(f"p.{name}" for name in SEARCH_COLUMNS)}
FROM patterns p
WHERE p.book = :book AND p.outcome_known_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM pattern_vectors v WHERE v.book = p.book AND v.pattern_id = p.pattern_id)
LIMIT {_PAGE_ROWS}
"""  # noqa: S608 - constants of this module only
_ADD = """
INSERT INTO pattern_vectors (book, pattern_id, changed, elements, situation)
VALUES (:book, :pattern_id, :changed, :elements, CAST(:situation AS vector))
ON CONFLICT DO NOTHING
"""
#: What a filter asks of a row; a condition whose value is NULL asks nothing.
_WANTED = """
  AND (CAST(:regime AS text) IS NULL OR p.regime = :regime)
  AND (CAST(:strategy AS text) IS NULL OR p.strategy = :strategy)
  AND (CAST(:structure AS text) IS NULL OR p.structure = :structure)
  AND (CAST(:taken AS boolean) IS NULL OR p.taken = :taken)
  AND (CAST(:least AS integer) IS NULL OR p.horizon_sessions BETWEEN :least AND :most)
"""
_SEARCH = f"""
WITH inner_products AS MATERIALIZED (
    SELECT p.pattern_id, v.elements,
           -(v.situation <#> CAST(:shared AS vector)) AS shared,
           -(v.situation <#> CAST(:squared AS vector)) AS squared
    FROM patterns p JOIN pattern_vectors v USING (book, pattern_id)
    WHERE p.book = :book AND p.ticker = :ticker AND p.direction = :direction
      AND p.outcome_known_at COLLATE "C" <= :as_of AND p.as_of COLLATE "C" < :as_of {_WANTED}
), distances AS MATERIALIZED (
    SELECT pattern_id, CASE WHEN shared < :least_shared THEN {_FARTHEST}
        ELSE (squared + {ONE_SIDED_SQUARED_DISTANCE!r} * (elements + :elements - 2 * shared))
             / (elements + :elements - shared) END AS distance
    FROM inner_products
), nearest AS (
    SELECT max(distance) AS farthest FROM (SELECT distance FROM distances ORDER BY distance LIMIT :count) AS first
)
SELECT (SELECT count(*) FROM distances) AS counted, {", ".join(f"p.{name}" for name in SEARCH_COLUMNS)}
FROM distances d JOIN patterns p ON p.book = :book AND p.pattern_id = d.pattern_id, nearest
WHERE d.distance <= nearest.farthest + :slack
"""  # noqa: S608 - constants of this module only


class PgvectorSearch:
    """Searches one book inside the server.

    Parameters
    ----------
    engine : a PostgreSQL store, from ``open_database``.
    book : its name.

    Raises
    ------
    SettingsError : the store is no PostgreSQL.
    MissingExtraError : the server has no pgvector.
    """

    def __init__(self, engine: Engine, book: str) -> None:
        if engine.dialect.name != "postgresql":
            raise SettingsError("a search inside the server needs PostgreSQL: set storage.memory_search to program")
        self._engine = engine
        self._book = book
        self._synced = -1  # the book's revision that the vectors are known to have
        try:
            with writing(engine) as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(7304520432)"))  # of two programs one makes them
                connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
                connection.execute(text(_TABLE))
                connection.execute(text(_INDEX))
        except StoreError as error:
            if "vector" in str(error):
                raise MissingExtraError("pgvector", "postgres") from error
            raise

    def recall(
        self,
        *,
        ticker: str,
        direction: Direction,
        query: Float64Array1D,
        as_of: datetime,
        count: int,
        wanted: RecallFilter | None,
        revision: int,
    ) -> Neighbours:
        """As ``MemoryStore.recall``; vectors are added where ``revision``, the book's, is not the one seen last."""
        if revision != self._synced:
            self._add_missing()
            self._synced = revision
        present = ~np.isnan(query)
        value, here = np.where(present, query, 0.0), present.astype(np.float64)
        nothing = np.zeros_like(here)
        asked = {
            "book": self._book,
            "ticker": ticker,
            "direction": int(direction),
            "as_of": utc_text(as_of, field="as_of"),
            "shared": _vector_text(np.concatenate([nothing, nothing, here])),
            "squared": _vector_text(np.concatenate([-2.0 * value, here, value * value])),
            "least_shared": LEAST_SHARED_FRACTION * len(query) - 0.25,  # counts are whole, whatever their rounding
            "elements": int(present.sum()),
            "count": count,
            "slack": _slack(len(query)),
            **_filter_values(wanted),
        }
        with reading(self._engine) as connection:
            rows = connection.execute(text(_SEARCH), asked).all()
        if not rows:
            return NO_NEIGHBOURS
        shelf = Shelf(len(query))
        shelf.add(resolved_of([row[1:] for row in rows], self._book))
        found = shelf.nearest(query, microseconds(as_of, "as_of"), count, None)
        return Neighbours(found.names, found.table, int(rows[0][0]))

    def _add_missing(self) -> None:
        while True:
            with writing(self._engine) as connection:
                rows = connection.execute(text(_MISSING), {"book": self._book}).all()
                if not rows:
                    return
                vectors = resolved_of([row[1:] for row in rows], self._book).vectors
                connection.execute(text(_ADD), [_derived(r, v, self._book) for r, v in zip(rows, vectors, strict=True)])


def _derived(row: Sequence[Any], vector: Float64Array1D, book: str) -> dict[str, Any]:
    present = ~np.isnan(vector)
    value, here = np.where(present, vector, 0.0), present.astype(np.float64)
    return {
        "book": book,
        "pattern_id": row[1],
        "changed": row[0],
        "elements": int(present.sum()),
        "situation": _vector_text(np.concatenate([value, value * value, here])),
    }


def _slack(d: int) -> float:
    """How far apart single precision may move two mean squared distances.

    An inner product of 3 d terms whose magnitudes sum to 4 d at most is within ``(3 d + 2) u 4 d`` of the true one (N.
    Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1, with the rounding of both factors); it is
    divided by d / 2 elements at least. Twice that for two rows, and as much again.
    """
    return 4.0 * (3.0 * d + 2.0) * _SINGLE_ROUNDING * 4.0 * d / (LEAST_SHARED_FRACTION * d)


def _vector_text(values: Float64Array1D | Float64Array2D) -> str:
    return "[" + ",".join([repr(v) for v in values.tolist()]) + "]"


def _filter_values(wanted: RecallFilter | None) -> dict[str, Any]:
    asked = wanted or RecallFilter()
    least, most = asked.horizon_sessions or (None, None)
    return {
        "regime": None if asked.regime is None else asked.regime.value,
        "strategy": asked.strategy,
        "structure": asked.structure,
        "taken": asked.taken,
        "least": least,
        "most": most,
    }
