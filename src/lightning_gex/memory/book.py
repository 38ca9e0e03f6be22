"""Memory held in memory: exact recall over columns that grow, one shelf for each ticker and direction."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from lightning_gex.analytics.similarity import similarity, top_k
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, RefusedError, SettingsError
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern
from lightning_gex.core.units import Float64Array1D

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = np.iinfo(np.int64).max  # known_at of an outcome that nobody knows yet
_FIRST_CAPACITY = 64  # rows of a new shelf; doubled whenever it is full, so that adding costs constant time on average


def _microseconds(instant: datetime, field: str) -> int:
    """An aware moment as whole microseconds since 1970 UTC, exactly."""
    if instant.tzinfo is None:
        raise InputError(f"{instant.isoformat()} has no time zone: give one, such as +00:00", field=field)
    return (instant - _EPOCH) // _MICROSECOND


class _Shelf:
    """The patterns of one ticker and direction, as columns."""

    def __init__(self, dimension: int) -> None:
        self.size = 0
        self.ids: list[str] = []
        self.vectors = np.empty((_FIRST_CAPACITY, dimension))
        self.as_of = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self.known_at = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self.net_return = np.empty(_FIRST_CAPACITY)
        self.won = np.empty(_FIRST_CAPACITY, dtype=np.bool_)

    def add(self, pattern_id: str, vector: Float64Array1D, as_of: int) -> int:
        if self.size == len(self.as_of):
            self._grow()
        row = self.size
        self.ids.append(pattern_id)
        self.vectors[row] = vector
        self.as_of[row] = as_of
        self.known_at[row] = _NEVER
        self.net_return[row] = np.nan
        self.won[row] = False
        self.size += 1
        return row

    def resolve(self, row: int, outcome: Outcome, known_at: int) -> None:
        self.known_at[row] = known_at
        self.net_return[row] = outcome.net_return
        self.won[row] = outcome.won

    def nearest(self, query: Float64Array1D, as_of: int, count: int) -> Neighbours:
        n = self.size
        rows = np.flatnonzero((self.known_at[:n] <= as_of) & (self.as_of[:n] < as_of))
        likeness = similarity(query, self.vectors, rows=rows)
        chosen = top_k(likeness, count, instant=self.as_of[rows], name_of=lambda i: self.ids[rows[i]])
        picked = rows[chosen]
        return Neighbours(
            pattern_id=tuple(self.ids[row] for row in picked),
            similarity=likeness[chosen],
            net_return=self.net_return[picked].copy(),
            won=self.won[picked].copy(),
            resolved_in_book=len(rows),
        )

    def _grow(self) -> None:
        for name in ("vectors", "as_of", "known_at", "net_return", "won"):
            old = getattr(self, name)
            new = np.empty((2 * len(old), *old.shape[1:]), dtype=old.dtype)
            new[: self.size] = old[: self.size]
            setattr(self, name, new)


class MemoryBook:
    """Past signals and what became of them, wholly in memory. Implements ``core.ports.MemoryStore``.

    Recall is exact, and a pattern can be recalled only by a question asked strictly after the signal was given and not
    before its outcome was known: memory cannot read the future.
    """

    def __init__(self) -> None:
        self._patterns: dict[str, Pattern] = {}
        self._order: list[tuple[int, int, str]] = []  # as_of, sequence, id: oldest first
        self._shelves: dict[tuple[str, Direction], _Shelf] = {}
        self._row: dict[str, int] = {}
        self._dimension: int | None = None

    def __len__(self) -> int:
        return len(self._patterns)

    def find(self, pattern_id: str) -> Pattern | None:
        """A signal by its id; None where it is not remembered."""
        return self._patterns.get(pattern_id)

    def remember(self, pattern: Pattern) -> None:
        """Keep a signal. Keeping the same id twice is one signal: the first stays as it is.

        Raises
        ------
        InputError : on a naive time, a vector element outside [-1, 1], a vector whose length differs from the others'
            in this book, or an outcome that cannot be one. NaN elements are absent, and welcome.
        """
        if pattern.pattern_id in self._patterns:
            return
        as_of = _microseconds(pattern.as_of, "as_of")
        vector = self._checked_vector(pattern.vector)
        known_at = None if pattern.outcome is None else self._checked_known_at(pattern, pattern.outcome)
        shelf = self._shelves.get((pattern.ticker, pattern.direction))
        if shelf is None:
            shelf = self._shelves[pattern.ticker, pattern.direction] = _Shelf(len(vector))
        row = shelf.add(pattern.pattern_id, vector, as_of)
        if pattern.outcome is not None and known_at is not None:
            shelf.resolve(row, pattern.outcome, known_at)
        self._dimension = len(vector)
        self._row[pattern.pattern_id] = row
        self._patterns[pattern.pattern_id] = pattern
        entry = (as_of, len(self._order), pattern.pattern_id)
        if self._order and entry < self._order[-1]:
            insort(self._order, entry)
        else:
            self._order.append(entry)

    def resolve(self, pattern_id: str, outcome: Outcome) -> None:
        """Add what became of a signal.

        Raises
        ------
        RefusedError : on an unknown or already resolved id.
        InputError : on a naive time, a return that is no number, or an outcome known before its signal was given.
        """
        pattern = self._patterns.get(pattern_id)
        if pattern is None:
            raise RefusedError(f"no signal {pattern_id} is remembered")
        if pattern.outcome is not None:
            raise RefusedError(f"signal {pattern_id} is resolved already")
        known_at = self._checked_known_at(pattern, outcome)
        self._shelves[pattern.ticker, pattern.direction].resolve(self._row[pattern_id], outcome, known_at)
        self._patterns[pattern_id] = replace(pattern, outcome=outcome)

    def recall(
        self, *, ticker: str, direction: Direction, vector: Sequence[float], as_of: datetime, count: int
    ) -> Neighbours:
        """The most similar signals of this ticker and direction whose outcome was known at ``as_of``.

        Parameters
        ----------
        ticker, direction : the shelf to search.
        vector : (d,) elements in [-1, 1], NaN where absent.
        as_of : aware, the moment of asking: signals given strictly before it, outcomes known at or before it.
        count : how many at most, positive.

        Returns
        -------
        Most similar first; equally similar ones by recency, then by id. Empty where nothing is known yet.

        Raises
        ------
        InputError : on a naive time or a vector that does not fit this book.
        SettingsError : on a count below 1.
        """
        if count < 1:
            raise SettingsError(f"recall needs a count of at least 1, not {count}")
        instant = _microseconds(as_of, "as_of")
        query = self._checked_vector(vector)
        shelf = self._shelves.get((ticker, direction))
        if shelf is None:
            nothing = np.empty(0)
            return Neighbours((), nothing, nothing.copy(), np.empty(0, dtype=np.bool_), 0)
        return shelf.nearest(query, instant, count)

    def recent(self, count: int, *, as_of: datetime | None = None) -> list[Pattern]:
        """The latest signals given at or before ``as_of`` (None: all), newest first, with the outcomes known then."""
        instant = None if as_of is None else _microseconds(as_of, "as_of")
        found: list[Pattern] = []
        for given_at, _, pattern_id in reversed(self._order):
            if len(found) >= count:
                break
            if instant is None or given_at <= instant:
                found.append(_as_known_at(self._patterns[pattern_id], as_of))
        return found

    def patterns(self) -> Iterator[Pattern]:
        """Every signal, oldest first; those of one moment in the order they were remembered."""
        return (self._patterns[pattern_id] for _, _, pattern_id in self._order)

    def _checked_vector(self, vector: Sequence[float]) -> Float64Array1D:
        array = np.asarray(vector, dtype=np.float64)
        if array.ndim != 1 or len(array) == 0:
            raise InputError("a situation vector has one dimension and at least one element", field="vector")
        if self._dimension is not None and len(array) != self._dimension:
            raise InputError(f"{len(array)} elements, where this book keeps {self._dimension}", field="vector")
        if (np.abs(array) > 1.0).any():  # NaN compares False: absent elements pass
            raise InputError("an element lies outside [-1, 1]", field="vector")
        return array

    @staticmethod
    def _checked_known_at(pattern: Pattern, outcome: Outcome) -> int:
        if not math.isfinite(outcome.net_return):
            raise InputError(f"{outcome.net_return} of {pattern.pattern_id} is not a number", field="net_return")
        known_at = _microseconds(outcome.known_at, "known_at")
        if known_at < _microseconds(pattern.as_of, "as_of"):
            raise InputError(f"the outcome of {pattern.pattern_id} is older than its signal", field="known_at")
        return known_at


def _as_known_at(pattern: Pattern, as_of: datetime | None) -> Pattern:
    if as_of is None or pattern.outcome is None or pattern.outcome.known_at <= as_of:
        return pattern
    return replace(pattern, outcome=None)
