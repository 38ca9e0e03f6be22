"""How an account of the founding classes stands, as one dictionary; every share with its count and its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, student_interval, wilson_interval
from lightning_gex.core.units import BASIS_POINT

if TYPE_CHECKING:
    from lightning_gex.core.orders import ClosedTrade
    from lightning_gex.engine.state import EngineState

_NOTHING = math.nan


def account_figures(
    state: EngineState, trades: Sequence[ClosedTrade], prices: Mapping[str, float], drawdown: float
) -> dict[str, Any]:
    """Capital, performance and trading of an account.

    Parameters
    ----------
    state : the account. trades : closed, oldest first.
    prices : ticker -> USD, the latest.
    drawdown : fall from the highest equity so far, at least 0.

    Returns
    -------
    ``capital, performance, trading``. Ratios without data are NaN; ``*_interval`` are the 95 % intervals beside them:
    Wilson's for shares, Student's for means, which take trades for independent of each other.
    """
    initial, equity = float(state.initial_capital), float(state.ledger.equity(prices))
    return {
        "capital": {
            "initial": initial,
            "current": equity,
            "cash": float(state.ledger.cash),
            "total_pnl": equity - initial,
            "return": (equity - initial) / initial,
            "drawdown": drawdown,
        },
        "performance": _performance(trades),
        "trading": {
            "decisions": state.decisions,
            "approved": state.approved,
            "execution_rate": state.approved / state.decisions if state.decisions else _NOTHING,
            "execution_rate_interval": _pair(wilson_interval(state.approved, state.decisions)),
            "open_trades": len(state.open_trades),
        },
    }


def _performance(trades: Sequence[ClosedTrade]) -> dict[str, Any]:
    won = [float(t.pnl) for t in trades if t.pnl > 0]
    lost = [float(t.pnl) for t in trades if t.pnl <= 0]
    bp = np.array([float(t.pnl / (t.entry_price * t.quantity)) for t in trades]) / BASIS_POINT
    mean = float(bp.mean()) if len(bp) else _NOTHING
    spread = float(bp.std(ddof=1)) if len(bp) > 1 else _NOTHING
    return {
        "closed_trades": len(trades),
        "winning_trades": len(won),
        "win_rate": len(won) / len(trades) if trades else _NOTHING,
        "win_rate_interval": _pair(wilson_interval(len(won), len(trades))),
        "average_win": sum(won) / len(won) if won else _NOTHING,
        "average_loss": sum(lost) / len(lost) if lost else _NOTHING,
        "profit_factor": sum(won) / -sum(lost) if sum(lost) < 0 else _NOTHING,
        "expectancy_bp": mean,
        "expectancy_bp_interval": _pair(student_interval(mean, spread, len(bp)) if len(bp) > 1 else NO_INTERVAL),
    }


def _pair(interval: Interval) -> list[float]:
    return list(interval)
