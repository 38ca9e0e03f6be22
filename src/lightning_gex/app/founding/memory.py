"""``LightningMemorySystem``: recent signals, similar past patterns, and what they say of a new one's confidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightning_gex.app.founding.account import Account, AccountHolder
from lightning_gex.app.founding.documents import plain
from lightning_gex.app.founding.inputs import (
    Given,
    aware_time,
    file_path,
    given,
    horizon,
    number,
    probability,
    side,
    usd_price,
    whole,
)
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, RefusedError, shown
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern
from lightning_gex.memory.confidence import ConfidenceAdjustment, MemoryConfig, adjust_confidence
from lightning_gex.memory.performance import performance
from lightning_gex.memory.vector import VECTOR_SCHEMA, situation_vectors

#: Told of an outcome instead of the store, and says whether it took care of it.
OutcomeListener = Callable[[Pattern, Outcome], bool]


class LightningMemorySystem(AccountHolder):
    """Short- and long-term memory of one account. It survives restarts and never reads the future.

    Parameters
    ----------
    max_short_term : how many recent signals ``get_recent_signals`` shows at most; None takes the workspace's setting,
        50 unless changed.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    account : an open account to share, instead of opening one.
    """

    def __init__(
        self, max_short_term: int | None = None, home: str | Path | None = None, *, account: Account | None = None
    ) -> None:
        explicit = (
            {} if max_short_term is None else {"recent_signals": whole(max_short_term, "max_short_term", least=1)}
        )
        self._account = account or Account.open(home)
        self._config = MemoryConfig(**(self._account.settings.memory.model_dump() | explicit))
        self.store = self._account.memory
        self.on_outcome: OutcomeListener | None = None

    def __repr__(self) -> str:
        return f"LightningMemorySystem(home={str(self._account.workspace.home)!r})"

    def record_signal(
        self,
        ticker: str,
        direction: str,
        confidence: float,
        entry_price: float,
        target_price: float,
        stop_loss: float,
        time_horizon: int,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
    ) -> str:
        """Remember a signal and the situation it was given in: its id, for ``record_outcome``.

        Raises
        ------
        InputError : naming what cannot be used; target and stop lie on their sides of the entry.
        """
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        symbol, said, way = seen.features.ticker, probability(confidence, "confidence"), side(direction)
        stamp = f"{seen.as_of:%Y%m%dT%H%M%SZ}"
        pattern = Pattern(
            pattern_id=f"{self._account.journal.run_id}:{symbol}-{stamp}-m{next(self._account.numbers)}",
            ticker=symbol,
            as_of=seen.as_of,
            vector=_situation(seen),
            direction=way,
            confidence=said,
            horizon_sessions=horizon(time_horizon),
            entry_price=usd_price(entry_price, "entry_price"),
            target_price=usd_price(target_price, "target_price"),
            stop_price=usd_price(stop_loss, "stop_loss"),
            regime=None,
            schema=VECTOR_SCHEMA,
            confidence_before_memory=said,
            memory_shift=self._advice(seen, way, said).shift,
        )
        _refuse_wrong_sides(pattern)
        self._account.note("signal_remembered", signal_id=pattern.pattern_id, ticker=symbol)
        self.store.remember(pattern)
        return pattern.pattern_id

    def record_outcome(self, signal_id: str, net_return: float, as_of: datetime | str | None = None) -> None:
        """Add what became of a signal.

        Parameters
        ----------
        signal_id : from ``record_signal``, or the ``decision_id`` of a decision.
        net_return : in the signal's direction after costs, as a fraction (0.03 = 3 %).
        as_of : aware, when it became known; None takes the clock's time, or the signal's where that is later.

        Raises
        ------
        RefusedError : the signal is unknown, or its outcome is.
        InputError : a return that is none, or a time before the signal's.
        """
        earned = number(net_return, "net_return")
        pattern = self.find(signal_id)
        if pattern is None:
            raise RefusedError(f"no signal {shown(signal_id)} is remembered")
        if pattern.outcome is not None:
            raise RefusedError(f"the outcome of signal {signal_id} is recorded already")
        now = max(self._account.clock.now().astimezone(UTC), pattern.as_of)
        known_at = now if as_of is None else aware_time(as_of, "as_of")
        if known_at < pattern.as_of:
            raise InputError(f"{known_at} is before the signal was given, {pattern.as_of}", field="as_of")
        outcome = Outcome(net_return=earned, won=earned > 0, known_at=known_at)
        if self.on_outcome is not None and self.on_outcome(pattern, outcome):
            return
        self._account.note("outcome_remembered", signal_id=signal_id, net_return=earned)
        self.store.resolve(signal_id, outcome)

    def find(self, signal_id: str) -> Pattern | None:
        """A remembered signal by its id, or None."""
        return self.store.find(signal_id) if isinstance(signal_id, str) else None

    def find_similar_patterns(
        self,
        ticker: str,
        direction: str,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
        count: int = 10,
    ) -> list[dict[str, Any]]:
        """The most similar past signals whose outcome was known then, most similar first.

        Returns
        -------
        One ``{"signal_id", "similarity", "net_return", "won", "as_of", "known_at"}`` each; similarity 1 is identical,
        times are ISO 8601 in UTC.
        """
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        found = self._recall(seen, side(direction), whole(count, "count", least=1))
        times = [[f"{moment}Z" for moment in column.astype(str)] for column in (found.given_at, found.known_at)]
        columns = (found.pattern_id, found.similarity.tolist(), found.net_return.tolist(), found.won.tolist(), *times)
        names = ("signal_id", "similarity", "net_return", "won", "as_of", "known_at")
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def adjust_confidence(
        self,
        ticker: str,
        direction: str,
        confidence: float,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A confidence recalibrated by what became of similar signals, as far as such advice has proved right.

        Returns
        -------
        ``confidence``, ``multiplier`` (0.8 to 1.2, exactly 1 where memory has no say), ``reason``, ``considered``,
        ``right``, ``success_rate``, ``base_rate``, ``shift``, ``share`` and ``fallback``
        (``memory.confidence.ConfidenceAdjustment``).
        """
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        before = probability(confidence, "confidence")
        wanted = side(direction)
        return asdict(self._advice(seen, wanted, before))

    def get_recent_signals(self, count: int | None = None) -> list[dict[str, Any]]:
        """The latest signals, newest first; at most ``max_short_term``."""
        most = self._config.recent_signals
        wanted = most if count is None else min(whole(count, "count", least=0), most)
        return [plain(asdict(p)) for p in self.store.recent(wanted)]

    def get_performance_analysis(self) -> dict[str, list[dict[str, Any]]]:
        """How signals did by each group of ``memory.performance``: group -> rows; NaN where nothing is known."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in performance(self.store.patterns()):
            rows.setdefault(row.group.value, []).append(plain(asdict(row)))
        return rows

    def export_to_csv(self, path: str | Path) -> int:
        """Write every remembered signal and its outcome to a CSV file: how many there are."""
        target = file_path(path)
        self._account.note("memory_exported", path=str(target))
        return self.store.export_csv(target)

    def import_from_csv(self, path: str | Path) -> int:
        """Remember the signals of a file that ``export_to_csv`` wrote, all or none: how many were not known yet."""
        source = file_path(path)
        self._account.note("memory_imported", path=str(source))
        return self.store.import_csv(source)

    def summary(self) -> dict[str, Any]:
        """How many signals are remembered, resolved and won."""
        signals, resolved, won = self.store.counts()
        return {"signals": signals, "resolved": resolved, "win_rate": won / resolved if resolved else math.nan}

    def _advice(self, seen: Given, direction: Direction, confidence: float) -> ConfidenceAdjustment:
        return adjust_confidence(
            confidence,
            self._recall(seen, direction, self._config.neighbours),
            base_rate=self.store.base_rate(direction, as_of=seen.as_of),
            as_of=seen.as_of,
            say=self.store.say(as_of=seen.as_of),
            config=self._config,
        )

    def _recall(self, seen: Given, direction: Direction, count: int) -> Neighbours:
        return self.store.recall(
            ticker=seen.features.ticker, direction=direction, vector=_situation(seen), as_of=seen.as_of, count=count
        )


def _situation(seen: Given) -> tuple[float, ...]:
    vector: list[float] = situation_vectors(seen.features)[0].tolist()
    return tuple(vector)


def _refuse_wrong_sides(pattern: Pattern) -> None:
    sign = int(pattern.direction)
    entry, word = pattern.entry_price, pattern.direction.word
    if sign * (pattern.target_price - entry) <= 0:
        problem = f"{pattern.target_price:g} is no target of a {word} signal at {entry:g}"
        raise InputError(problem, field="target_price")
    if sign * (entry - pattern.stop_price) <= 0:
        raise InputError(f"{pattern.stop_price:g} is no stop of a {word} signal at {entry:g}", field="stop_loss")
