"""A run's decisions as far as figures need them: what was decided, not why, in a hundred bytes each.

Whole decisions are some ten kilobytes of objects. Ten years of thirty names would fill a gigabyte, and what is freed
between them would lie in holes that nothing larger fits into. Here a decision is a row of fixed width in one buffer,
its words are looked up, and a ``Decision`` is built whenever somebody asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from struct import Struct
from typing import Any, overload

from lightning_gex.core.decision import Decision

#: Fields of few values, of which each is kept once.
_WORDS = ("ticker", "as_of", "status", "action", "direction", "regime", "blocked_by", "binding_cap")
_NUMBERS = ("entry_price", "target_price", "stop_loss", "confidence", "size_pct")
_COUNTS = ("quantity", "time_horizon_days")
_words_of = attrgetter(*_WORDS)
_figures_of = attrgetter(*_NUMBERS, *_COUNTS)
#: Codes of the words, numbers, counts, and where the decision's id ends among all ids.
_ROW = Struct(f"<{len(_WORDS)}i{len(_NUMBERS)}d{len(_COUNTS)}qq")


class DecisionOutlines(Sequence[Decision]):
    """The decisions of one run, in order, without reason, stages, votes, caps and range, which are empty.

    Implements ``core.ports.Decisions`` for runs that nobody asks for reasons.
    """

    def __init__(self) -> None:
        self._rows = bytearray()
        self._ids = bytearray()
        self._codes: tuple[dict[Any, int], ...] = tuple({} for _ in _WORDS)
        self._known: tuple[list[Any], ...] = tuple([] for _ in _WORDS)

    def __repr__(self) -> str:
        return f"DecisionOutlines({len(self)} decisions, {self.stored_bytes} bytes)"

    def append(self, decision: Decision) -> None:
        """Keep one more."""
        codes = []
        for table, known, word in zip(self._codes, self._known, _words_of(decision), strict=True):
            code = table.get(word)
            if code is None:
                code = table[word] = len(known)
                known.append(word)
            codes.append(code)
        self._ids += decision.decision_id.encode()
        self._rows += _ROW.pack(*codes, *_figures_of(decision), len(self._ids))

    @property
    def stored_bytes(self) -> int:
        """What the rows and the ids take."""
        return len(self._rows) + len(self._ids)

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __iter__(self) -> Iterator[Decision]:
        return map(self._built, range(len(self)))

    @overload
    def __getitem__(self, which: int) -> Decision: ...

    @overload
    def __getitem__(self, which: slice) -> list[Decision]: ...

    def __getitem__(self, which: int | slice) -> Decision | list[Decision]:
        if isinstance(which, slice):
            return [self._built(at) for at in range(len(self))[which]]
        return self._built(range(len(self))[which])

    def id_of(self, at: int) -> str:
        """The id of one decision, counted from 0."""
        begin = self._unpacked(at - 1)[-1] if at else 0
        return self._ids[begin : self._unpacked(at)[-1]].decode()

    def _unpacked(self, at: int) -> tuple[Any, ...]:
        return _ROW.unpack_from(self._rows, at * _ROW.size)

    def _built(self, at: int) -> Decision:
        row = self._unpacked(at)
        ticker, as_of, status, action, direction, regime, blocked_by, binding_cap = [
            known[code] for known, code in zip(self._known, row, strict=False)
        ]
        entry, target, stop, confidence, size, quantity, horizon, _ = row[len(_WORDS) :]
        return Decision(
            decision_id=self.id_of(at),
            ticker=ticker,
            as_of=as_of,
            status=status,
            action=action,
            direction=direction,
            quantity=quantity,
            entry_price=entry,
            target_price=target,
            stop_loss=stop,
            confidence=confidence,
            time_horizon_days=horizon,
            size_pct=size,
            regime=regime,
            reason="",
            blocked_by=blocked_by,
            stages=(),
            votes=(),
            binding_cap=binding_cap,
        )
