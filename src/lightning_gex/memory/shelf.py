"""The resolved signals of one ticker and direction as columns, laid out for an exact search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from lightning_gex.analytics.similarity import (
    BLOCK_ROWS,
    CONFIDENCE,
    FACTS,
    GIVEN_AT,
    KNOWN_AT,
    NET_RETURN,
    RIGHT,
    WON,
    lay_out,
    nearest,
    similarity,
    top_k,
)
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern, RecallFilter
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int64Array2D

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_WHOLE = 2**53  # double precision counts without gaps up to here, which is the year 2255 in microseconds
_FIRST_CAPACITY = BLOCK_ROWS  # rows of a new shelf; doubled whenever it is full, so that adding costs constant time
_ANY = np.empty(0, dtype=np.bool_)
_REGIME, _STRATEGY, _HORIZON, _STRUCTURE, _TAKEN = range(5)
_LABELS = 5
_UNRECORDED = -1  # whether it was taken was not recorded


@lru_cache(maxsize=256)  # every ticker of a session tells the same moments
def microseconds(instant: datetime, field: str) -> int:
    """An aware moment as whole microseconds since 1970 UTC, exactly.

    Raises
    ------
    InputError : a naive moment, or one later than 2255 or earlier than 1684, which a double cannot count.
    """
    try:
        found = (instant - _EPOCH) // _MICROSECOND
    except TypeError:
        raise InputError(f"{instant.isoformat()} has no time zone: give one, such as +00:00", field=field) from None
    if not -_LARGEST_WHOLE <= found <= _LARGEST_WHOLE:
        raise InputError(f"{instant.isoformat()} lies outside the years that memory counts, 1684 to 2255", field=field)
    return found


#: What recall answers where nothing is known yet.
NO_NEIGHBOURS = Neighbours((), np.empty((2 + FACTS, 0)), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Resolved signals of one ticker and direction, as columns of n rows in any order.

    Parameters
    ----------
    pattern_id : ids.
    vectors : (n, d) elements in [-1, 1], NaN where absent.
    facts : (n, ``FACTS``) in the order of ``analytics.similarity.GIVEN_AT`` and so on.
    labels : (regime, strategy, horizon_sessions, structure, taken) of each.
    """

    pattern_id: Sequence[str]
    vectors: Float64Array2D
    facts: Float64Array2D
    labels: Sequence[tuple[str | None, str, int, str, bool | None]]

    @classmethod
    def one(cls, pattern: Pattern, outcome: Outcome, vector: Float64Array1D) -> Resolved:
        """A single signal with its outcome; its vector may have been brought up to the present schema."""
        facts = [0.0] * FACTS
        facts[GIVEN_AT], facts[KNOWN_AT] = (
            microseconds(pattern.as_of, "as_of"),
            microseconds(outcome.known_at, "known_at"),
        )
        facts[NET_RETURN], facts[WON], facts[RIGHT] = outcome.net_return, outcome.won, outcome.right
        facts[CONFIDENCE] = pattern.confidence
        regime = None if pattern.regime is None else pattern.regime.value
        label = (regime, pattern.strategy, pattern.horizon_sessions, pattern.structure, pattern.taken)
        return cls((pattern.pattern_id,), vector[None], np.array([facts]), (label,))


class Shelf:
    """Resolved signals of one ticker and direction: added one by one or many at once, searched exactly.

    Parameters
    ----------
    dimension : d, the number of elements of a situation.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._held = 0
        self._in_order = True  # of when outcomes were known; made so before a search
        self._ids: list[str] = []
        self._rows = np.empty((0, dimension + FACTS))
        self._blocks = np.empty((0, dimension, BLOCK_ROWS), dtype=np.float32)
        self._masks = np.empty((0, 2), dtype=np.uint64)
        self._labels: Int64Array2D = np.empty((0, _LABELS), dtype=np.int64)
        self._words: dict[str | None, int] = {None: 0}

    def __len__(self) -> int:
        return self._held

    def add(self, resolved: Resolved) -> None:
        """Put signals on the shelf; nobody checks whether they are there already."""
        count = len(resolved.pattern_id)
        if count == 0:
            return
        self._grow(self._held + count)
        first, self._held = self._held, self._held + count
        self._rows[first : self._held, : self._dimension] = resolved.vectors
        self._rows[first : self._held, self._dimension :] = resolved.facts
        self._ids.extend(resolved.pattern_id)
        self._labels[first : self._held] = [self._coded(label) for label in resolved.labels]
        known = resolved.facts[:, KNOWN_AT]
        before = self._rows[first - 1, self._dimension + KNOWN_AT] if first else known[0]
        self._in_order &= bool(known[0] >= before) and (count == 1 or bool((known[1:] >= known[:-1]).all()))
        lay_out(self._blocks, self._masks, self._rows, first, self._held)

    def nearest(self, query: Float64Array1D, instant: int, count: int, wanted: RecallFilter | None) -> Neighbours:
        """The most similar signals given before an instant whose outcome was known by it.

        Parameters
        ----------
        query : (d,) float64 without gaps, NaN where absent.
        instant : microseconds since 1970 UTC.
        count : how many at most, positive.
        wanted : which may answer; None: all.

        Raises
        ------
        InputError : an element outside [-1, 1].
        """
        if not self._in_order:
            self._put_in_order()
        allowed = _ANY if wanted is None else self._allowed(wanted)
        counted, tied, table = nearest(
            self._blocks, self._masks, self._rows, allowed, self._held, float(instant), query, count
        )
        if counted < 0:
            raise InputError("an element lies outside [-1, 1]", field="vector")
        if tied:
            return self._by_name(query, instant, count, allowed, counted)
        return Neighbours(self._ids, table, counted)

    def _by_name(
        self, query: Float64Array1D, instant: int, count: int, allowed: BoolArray1D, counted: int
    ) -> Neighbours:
        """The slow way, for signals that only their names tell apart."""
        d, n = self._dimension, self._held
        given, known = self._rows[:n, d + GIVEN_AT], self._rows[:n, d + KNOWN_AT]
        open_to_all = (known <= instant) & (given < instant)
        rows = np.flatnonzero(open_to_all & allowed if len(allowed) else open_to_all)
        likeness = similarity(query, np.ascontiguousarray(self._rows[:n, :d]), rows=rows)
        moments = given[rows].astype(np.int64)
        chosen = top_k(likeness, count, instant=moments, name_of=lambda i: self._ids[int(rows[i])])
        picked = rows[chosen]
        table = np.vstack([likeness[chosen], picked, self._rows[picked, d:].T])
        return Neighbours(self._ids, table, counted)

    def _allowed(self, wanted: RecallFilter) -> BoolArray1D:
        labels = self._labels[: self._held]
        allowed = np.ones(self._held, dtype=np.bool_)
        regime = None if wanted.regime is None else wanted.regime.value
        for column, word in ((_REGIME, regime), (_STRATEGY, wanted.strategy), (_STRUCTURE, wanted.structure)):
            if word is not None:
                allowed &= labels[:, column] == self._words.get(word, -1)
        if wanted.horizon_sessions is not None:
            least, most = wanted.horizon_sessions
            allowed &= (labels[:, _HORIZON] >= least) & (labels[:, _HORIZON] <= most)
        if wanted.taken is not None:
            allowed &= labels[:, _TAKEN] == int(wanted.taken)
        return allowed

    def _coded(self, label: tuple[str | None, str, int, str, bool | None]) -> tuple[int, int, int, int, int]:
        regime, strategy, horizon, structure, taken = label
        words = self._words
        codes = [words.setdefault(word, len(words)) for word in (regime, strategy, structure)]
        return codes[0], codes[1], horizon, codes[2], _UNRECORDED if taken is None else int(taken)

    def _grow(self, wanted: int) -> None:
        capacity = len(self._rows)
        if wanted <= capacity:
            return
        capacity = max(_FIRST_CAPACITY, capacity)
        while capacity < wanted:
            capacity *= 2
        blocks = capacity // BLOCK_ROWS
        for name, length in (("_rows", capacity), ("_labels", capacity), ("_blocks", blocks), ("_masks", blocks)):
            old = getattr(self, name)
            new = np.zeros((length, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _put_in_order(self) -> None:
        order = np.argsort(self._rows[: self._held, self._dimension + KNOWN_AT], kind="stable")
        self._rows[: self._held] = self._rows[order]
        self._labels[: self._held] = self._labels[order]
        self._ids = [self._ids[row] for row in order.tolist()]  # a list of its own: earlier answers read the old one
        self._in_order = True
        lay_out(self._blocks, self._masks, self._rows, 0, self._held)
