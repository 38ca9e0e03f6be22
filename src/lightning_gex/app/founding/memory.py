"""``LightningMemorySystem``: recent signals, similar past patterns, and what they say of a new one's confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from lightning_gex.app.founding.account import Account
from lightning_gex.app.founding.documents import plain
from lightning_gex.app.founding.inputs import given
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.memory.confidence import RECENT_SIGNALS, MemoryConfig, adjust_confidence
from lightning_gex.memory.performance import performance
from lightning_gex.memory.vector import situation_vectors


class LightningMemorySystem:
    """Short- and long-term memory of one account. It survives restarts and never reads the future.

    Parameters
    ----------
    max_short_term : how many recent signals ``get_recent_signals`` shows at most.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    account : an open account to share, instead of opening one.
    """

    def __init__(
        self, max_short_term: int = RECENT_SIGNALS, home: str | Path | None = None, *, account: Account | None = None
    ) -> None:
        self._account = account or Account.open(home)
        self._config = MemoryConfig(recent_signals=max_short_term)
        self.store = self._account.stores.memory()

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
        """Remember a signal and the situation it was given in: its id, for ``record_outcome``."""
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        signal_id = f"{self._account.journal.run_id}:{ticker}-{seen.as_of:%Y%m%dT%H%M%SZ}-{self._count()}"
        pattern = Pattern(
            pattern_id=signal_id,
            ticker=ticker,
            as_of=seen.as_of,
            vector=tuple(situation_vectors(seen.features)[0].tolist()),
            direction=_direction(direction),
            confidence=_probability(confidence),
            horizon_sessions=time_horizon,
            entry_price=entry_price,
            target_price=target_price,
            stop_price=stop_loss,
            regime=None,
        )
        self._account.note("signal_remembered", signal_id=signal_id, ticker=ticker)
        self.store.remember(pattern)
        return signal_id

    def record_outcome(self, signal_id: str, net_return: float, as_of: datetime | None = None) -> None:
        """Add what became of a signal.

        Parameters
        ----------
        signal_id : from ``record_signal``.
        net_return : in the signal's direction after costs, as a fraction (0.03 = 3 %).
        as_of : aware, when it became known; None takes the clock's time.
        """
        if not math.isfinite(net_return):
            raise InputError(f"{net_return} is no return", field="net_return")
        known_at = as_of or self._account.clock.now()
        self._account.note("outcome_remembered", signal_id=signal_id, net_return=net_return)
        self.store.resolve(signal_id, Outcome(net_return=net_return, won=net_return > 0, known_at=known_at))

    def find_similar_patterns(
        self,
        ticker: str,
        direction: str,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
        count: int = 10,
    ) -> list[dict[str, Any]]:
        """The most similar past signals whose outcome was known then, most similar first."""
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        found = self.store.recall(
            ticker=ticker,
            direction=_direction(direction),
            vector=situation_vectors(seen.features)[0].tolist(),
            as_of=seen.as_of,
            count=count,
        )
        columns = (found.pattern_id, found.similarity.tolist(), found.net_return.tolist(), found.won.tolist())
        names = ("signal_id", "similarity", "net_return", "won")
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
        """A confidence scaled by 0.8 to 1.2 from what became of similar signals, with the reason."""
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        neighbours = self.store.recall(
            ticker=ticker,
            direction=_direction(direction),
            vector=situation_vectors(seen.features)[0].tolist(),
            as_of=seen.as_of,
            count=self._config.neighbours,
        )
        known = [p.outcome for p in self.store.patterns() if p.outcome and p.outcome.known_at <= seen.as_of]
        base = sum(o.won for o in known) / len(known) if known else math.nan
        return asdict(adjust_confidence(confidence, neighbours, base_win_rate=base, config=self._config))

    def get_recent_signals(self, count: int | None = None) -> list[dict[str, Any]]:
        """The latest signals, newest first; at most ``max_short_term``."""
        wanted = self._config.recent_signals if count is None else min(count, self._config.recent_signals)
        return [plain(asdict(p)) for p in self.store.recent(wanted)]

    def get_performance_analysis(self) -> dict[str, list[dict[str, Any]]]:
        """How signals did, by ticker, by timeframe and by confidence level; NaN where no outcome is known."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in performance(self.store.patterns()):
            rows.setdefault(row.group.value, []).append(asdict(row))
        return rows

    def export_to_csv(self, path: str | Path) -> int:
        """Write every remembered signal and its outcome to a CSV file: how many there are."""
        self._account.note("memory_exported", path=str(path))
        return self.store.export_csv(Path(path))

    def summary(self) -> dict[str, Any]:
        """How many signals are remembered, resolved and won."""
        patterns = list(self.store.patterns())
        known = [p.outcome for p in patterns if p.outcome is not None]
        return {
            "signals": len(patterns),
            "resolved": len(known),
            "win_rate": sum(o.won for o in known) / len(known) if known else math.nan,
        }

    def _count(self) -> int:
        return sum(1 for _ in self.store.patterns())


def _direction(word: str) -> Direction:
    try:
        direction = Direction.from_word(word)
    except (ValueError, AttributeError):
        raise InputError(f"must be bullish or bearish, not {word!r}", field="direction") from None
    if direction is Direction.NEUTRAL:
        raise InputError("a neutral view is no signal: bullish or bearish", field="direction")
    return direction


def _probability(confidence: float) -> float:
    if not 0.0 <= confidence <= 1.0:
        raise InputError(f"must be a probability between 0 and 1, not {confidence}", field="confidence")
    return float(confidence)
