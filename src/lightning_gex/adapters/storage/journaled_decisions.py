"""A run's decisions whole, read back from its journal: what is on disk already is not kept in memory as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import overload

from lightning_gex.adapters.storage.decision_outlines import DecisionOutlines
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import StoreError
from lightning_gex.core.events import DecisionMade

_KIND = "decision_made"
_INSTANT = timedelta(microseconds=1)


class JournaledDecisions(Sequence[Decision]):
    """The decisions of one run, in order. Implements ``core.ports.Decisions``.

    Whoever goes through them reads the journal, each record checked against its digest; a decision comes back as the
    journal holds it, which is equal to what was decided, not the same object.

    Parameters
    ----------
    journal : of the run, which holds a decision before it is appended here. It may hold others, such as those made
        while the system only learnt.
    """

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal
        self._outlines = DecisionOutlines()

    def __repr__(self) -> str:
        return f"JournaledDecisions({len(self)} decisions of {self._journal.run_id!r})"

    def append(self, decision: Decision) -> None:
        """Count one more, which is in the journal."""
        self._outlines.append(decision)

    @property
    def outlines(self) -> DecisionOutlines:
        """The decisions as far as they are at hand: without reason, stages, votes, caps and range."""
        return self._outlines

    def __len__(self) -> int:
        return len(self._outlines)

    @overload
    def __getitem__(self, which: int) -> Decision: ...

    @overload
    def __getitem__(self, which: slice) -> list[Decision]: ...

    def __getitem__(self, which: int | slice) -> Decision | list[Decision]:
        if not isinstance(which, slice):
            return self._one(range(len(self))[which])
        wanted = range(len(self))[which]
        if wanted.step < 0:
            return list(reversed(self[wanted[-1] : wanted[0] + 1 : -wanted.step])) if wanted else []
        return list(islice(self, wanted.start, wanted.stop, wanted.step))

    def __iter__(self) -> Iterator[Decision]:
        return self._read(range(len(self)), newest_first=False)

    def __reversed__(self) -> Iterator[Decision]:
        return self._read(range(len(self) - 1, -1, -1), newest_first=True)

    def _read(self, places: range, *, newest_first: bool) -> Iterator[Decision]:
        """Those at the places, which are in the journal's order, or against it."""
        waiting = iter(places)
        at = next(waiting, None)
        if at is None:
            return
        for record in self._journal.read(self._journal.run_id, kinds=[_KIND], newest_first=newest_first):
            event = record.event
            if isinstance(event, DecisionMade) and event.decision.decision_id == self._outlines.id_of(at):
                yield event.decision
                at = next(waiting, None)
                if at is None:
                    return
        raise self._lost(at)

    def _one(self, at: int) -> Decision:
        outline = self._outlines[at]
        since, until = outline.as_of, outline.as_of + _INSTANT
        for record in self._journal.read(self._journal.run_id, kinds=[_KIND], since=since, until=until):
            event = record.event
            if isinstance(event, DecisionMade) and event.decision.decision_id == outline.decision_id:
                return event.decision
        raise self._lost(at)

    def _lost(self, at: int) -> StoreError:
        return StoreError(
            f"the journal no longer holds decision {self._outlines.id_of(at)} of {self._journal.run_id}: run it again"
        )
