"""Memory held in memory: exact recall over columns that grow, one shelf for each ticker and direction."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, RefusedError, SettingsError, shown
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern, RecallFilter
from lightning_gex.core.quick_init import replaced
from lightning_gex.core.units import Float64Array1D
from lightning_gex.memory.shelf import NO_NEIGHBOURS, Resolved, Shelf, microseconds
from lightning_gex.memory.vector import VECTOR_SCHEMA, present_vectors

#: So many times as many entries as signals are kept in order before those of signals let go are dropped.
_LET_GO = 4


class MemoryBook:
    """Past signals and what became of them, wholly in memory. Implements ``core.ports.MemoryStore``.

    Recall is exact, and a pattern can be recalled only by a question asked strictly after the signal was given and not
    before its outcome was known: memory cannot read the future.

    Parameters
    ----------
    forgets_resolved : whether a signal is let go once its outcome is on a shelf, as suits a run that nobody asks about
        single signals afterwards. ``recall`` answers the same; ``find``, ``recent``, ``patterns`` and the length know
        of those only that still wait, and the ids of the others are not recognised.
    """

    def __init__(self, *, forgets_resolved: bool = False) -> None:
        self._forgets_resolved = forgets_resolved
        self._patterns: dict[str, Pattern] = {}
        self._order: list[tuple[int, int, str]] = []  # as_of, sequence, id: oldest first
        self._remembered = 0
        self._shelves: dict[tuple[str, Direction], Shelf] = {}
        self._dimension: int | None = None

    def __len__(self) -> int:
        return len(self._patterns)

    def find(self, pattern_id: str) -> Pattern | None:
        """A signal by its id; None where it is not remembered. Raises ``InputError`` on an id that no store keeps."""
        check_text(pattern_id, "pattern_id")
        return self._patterns.get(pattern_id)

    def remember(self, pattern: Pattern) -> None:
        """Keep a signal. Keeping the same id twice is one signal: the first stays as it is.

        Raises
        ------
        InputError : on a naive time, a vector element outside [-1, 1], a vector whose length differs from the others'
            in this book, one of a schema that nothing leads to the present from, an outcome that cannot be one, or a
            text that no store keeps. NaN elements are absent, and welcome.
        """
        check_texts(pattern)
        if pattern.pattern_id in self._patterns:
            return
        vector = checked_vector(pattern, self._dimension)
        as_of = microseconds(pattern.as_of, "as_of")
        if pattern.outcome is not None:
            check_outcome(pattern.as_of, pattern.outcome, pattern.pattern_id)
            self._put_on_shelf(pattern, pattern.outcome, vector)
        self._dimension = len(vector)
        if self._forgets_resolved and pattern.outcome is not None:
            return
        self._patterns[pattern.pattern_id] = pattern
        entry = (as_of, self._remembered, pattern.pattern_id)
        self._remembered += 1
        if self._order and entry < self._order[-1]:
            insort(self._order, entry)
        else:
            self._order.append(entry)

    def resolve(self, pattern_id: str, outcome: Outcome) -> None:
        """Add what became of a signal.

        Raises
        ------
        RefusedError : on an unknown or already resolved id.
        InputError : on a naive time, a return that is no number, an outcome known before its signal was given, or an
            id that no store keeps.
        """
        pattern = self.find(pattern_id)
        if pattern is None:
            raise RefusedError(f"no signal {pattern_id} is remembered")
        if pattern.outcome is not None:
            raise RefusedError(f"signal {pattern_id} is resolved already")
        check_outcome(pattern.as_of, outcome, pattern_id)
        vector = np.array(pattern.vector, dtype=np.float64)  # checked when it was remembered
        if pattern.schema != VECTOR_SCHEMA:
            vector = present_vectors(vector[None], pattern.schema)[0]
        self._put_on_shelf(pattern, outcome, vector)
        if self._forgets_resolved:
            del self._patterns[pattern_id]
            if len(self._order) > _LET_GO * (len(self._patterns) + 1):
                self._kept()
        else:
            self._patterns[pattern_id] = replaced(pattern, outcome=outcome)

    def recall(
        self,
        *,
        ticker: str,
        direction: Direction,
        vector: Sequence[float] | Float64Array1D,
        as_of: datetime,
        count: int,
        wanted: RecallFilter | None = None,
    ) -> Neighbours:
        """The most similar signals of this ticker and direction whose outcome was known at ``as_of``.

        Parameters
        ----------
        ticker, direction : the shelf to search.
        vector : (d,) elements in [-1, 1], NaN where absent.
        as_of : aware, the moment of asking: signals given strictly before it, outcomes known at or before it.
        count : how many at most, positive.
        wanted : which signals may answer; None: all.

        Returns
        -------
        Most similar first; equally similar ones by recency, then by id. Empty where nothing is known yet.

        Raises
        ------
        InputError : on a naive time, a ticker that no store keeps, or a vector that does not fit this book.
        SettingsError : on a count below 1.
        """
        check_text(ticker, "ticker")
        query, instant = checked_question(vector, as_of, count, self._dimension)
        shelf = self._shelves.get((ticker, direction))
        if shelf is None:
            check_elements(query)
            return NO_NEIGHBOURS
        return shelf.nearest(query, instant, count, wanted)

    def recent(self, count: int, *, as_of: datetime | None = None) -> list[Pattern]:
        """The latest signals given at or before ``as_of`` (None: all), newest first, with the outcomes known then."""
        instant = None if as_of is None else microseconds(as_of, "as_of")
        found: list[Pattern] = []
        for given_at, _, pattern_id in reversed(self._kept()):
            if len(found) >= count:
                break
            if instant is None or given_at <= instant:
                found.append(as_known_at(self._patterns[pattern_id], as_of))
        return found

    def patterns(self) -> Iterator[Pattern]:
        """Every signal, oldest first; those of one moment in the order they were remembered."""
        return (self._patterns[pattern_id] for _, _, pattern_id in self._kept())

    def _kept(self) -> list[tuple[int, int, str]]:
        """The order, without those that were let go."""
        if len(self._order) > len(self._patterns):
            self._order = [entry for entry in self._order if entry[2] in self._patterns]
        return self._order

    def _put_on_shelf(self, pattern: Pattern, outcome: Outcome, vector: Float64Array1D) -> None:
        shelf = self._shelves.get((pattern.ticker, pattern.direction))
        if shelf is None:
            shelf = self._shelves[pattern.ticker, pattern.direction] = Shelf(len(vector))
        shelf.add(Resolved.one(pattern, outcome, vector))


def checked_vector(pattern: Pattern, dimension: int | None) -> Float64Array1D:
    """A pattern's vector in the present schema, where a book of ``dimension`` elements (None: an empty one) takes it.

    Raises
    ------
    InputError : it does not.
    """
    vector: Float64Array1D = np.array(pattern.vector, dtype=np.float64)
    _check_shape(vector)
    check_elements(vector)
    if pattern.schema != VECTOR_SCHEMA:
        vector = present_vectors(vector[None], pattern.schema)[0]
    _check_length(vector, dimension)
    return vector


def checked_question(
    vector: Sequence[float] | Float64Array1D, as_of: datetime, count: int, dimension: int | None
) -> tuple[Float64Array1D, int]:
    """A question's vector and moment, where a book of ``dimension`` elements (None: an empty one) can be asked it.

    Raises
    ------
    InputError, SettingsError : it cannot.
    """
    if count < 1:
        raise SettingsError(f"recall needs a count of at least 1, not {count}")
    query = np.ascontiguousarray(vector, dtype=np.float64)
    if query.shape != (dimension,):
        _check_shape(query)
        _check_length(query, dimension)
    return query, microseconds(as_of, "as_of")


def check_outcome(given_at: datetime, outcome: Outcome, pattern_id: str) -> None:
    """Refuse what cannot have become of a signal.

    Raises
    ------
    InputError : a naive time, a return that is no number, or an outcome known before its signal was given.
    """
    if not math.isfinite(outcome.net_return):
        raise InputError(f"{outcome.net_return} of {pattern_id} is not a number", field="net_return")
    if microseconds(outcome.known_at, "known_at") < microseconds(given_at, "as_of"):
        raise InputError(f"the outcome of {pattern_id} is older than its signal", field="known_at")


def check_texts(pattern: Pattern) -> None:
    """Refuse a signal with a text that not every store keeps. Raises ``InputError`` naming the first."""
    for field in ("pattern_id", "ticker", "strategy", "structure"):
        check_text(getattr(pattern, field), field)


def check_text(text: str, field: str) -> None:
    """Refuse a text that not every store keeps: SQLite takes no half of a character, PostgreSQL no NUL either.

    Raises
    ------
    InputError : it is one.
    """
    if text.isascii() and "\0" not in text:  # nearly every one
        return
    try:
        kept = b"\0" not in text.encode()
    except UnicodeEncodeError:
        kept = False
    if not kept:
        raise InputError(f"{shown(text)} holds half a character or a NUL, which no database keeps", field=field)


def as_known_at(pattern: Pattern, as_of: datetime | None) -> Pattern:
    """The pattern without an outcome that was not known yet; None knows everything."""
    if as_of is None or pattern.outcome is None or pattern.outcome.known_at <= as_of:
        return pattern
    return replaced(pattern, outcome=None)


def check_elements(vector: Float64Array1D) -> None:
    """Refuse a vector with an element outside [-1, 1]; absent ones pass.

    Raises
    ------
    InputError : there is one.
    """
    if (np.abs(vector) > 1.0).any():  # NaN compares False
        raise InputError("an element lies outside [-1, 1]", field="vector")


def _check_shape(vector: Float64Array1D) -> None:
    if vector.ndim != 1 or len(vector) == 0:
        raise InputError("a situation vector has one dimension and at least one element", field="vector")


def _check_length(vector: Float64Array1D, dimension: int | None) -> None:
    if dimension is not None and len(vector) != dimension:
        raise InputError(f"{len(vector)} elements, where this book keeps {dimension}", field="vector")
