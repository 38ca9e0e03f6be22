"""A decision as it could be traded with the options of a chain."""

from __future__ import annotations

import math
from pathlib import Path

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import DecisionStatus, Direction, StageName
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.engine.config import EngineConfig
from lightning_gex.risk.check import Gate
from lightning_gex.risk.expression import Expression, TradeView, express

#: What the journal calls it.
EXPRESSED = "decision expressed"
#: A bearish view that may not open a short still has options to be expressed in.
_SHORTS_OFF = f"{StageName.TACTICAL}.{Gate.SHORTS_OFF}"


def expressed(
    decision: Decision, chain: Path, config: EngineConfig, *, equity: float, chain_format: str | None = None
) -> Expression | None:
    """How a decision could be expressed; None where it trades nothing.

    An approved decision, and one that only lacks permission to sell short. What it may lose is what the stock trade
    loses at its stop (of the second the cold start's size), and never more than the guardrails allow for one position.

    Parameters
    ----------
    decision : with its bracket.
    chain : the file of the underlying's chain.
    config : limits.
    equity : USD.
    chain_format : as for ``read_chain``.
    """
    if decision.direction is Direction.NEUTRAL or not math.isfinite(decision.stop_loss + decision.target_price):
        return None
    distance = abs(decision.entry_price - decision.stop_loss)
    if decision.status is DecisionStatus.APPROVED:
        at_risk = decision.quantity * distance
    elif decision.veto == _SHORTS_OFF:
        at_risk = config.kelly.cold_start_size_pct * equity * distance / decision.entry_price
    else:
        return None
    ahead = decision.expected_range
    volatility = math.nan if ahead is None else ahead.volatility_forecast_horizon
    view = TradeView(
        direction=decision.direction,
        entry_price=decision.entry_price,
        target_price=_within_reach(decision, decision.target_price, volatility),
        stop_price=_within_reach(decision, decision.stop_loss, volatility),
        horizon_sessions=decision.time_horizon_days,
        forecast_volatility=volatility,
        regime=decision.regime,
        at_risk_usd=min(at_risk, config.guardrails.max_position_size_pct * equity, config.guardrails.max_capital_usd),
    )
    return express(view, read_chain(chain, format=chain_format))


def _within_reach(decision: Decision, level: float, volatility: float) -> float:
    """The level, or one forecast standard deviation of the horizon's move where that is nearer: strikes stand there."""
    entry = decision.entry_price
    reach = entry * volatility * math.sqrt(decision.time_horizon_days / SESSIONS_PER_YEAR)
    return entry + math.copysign(reach, level - entry) if 0.0 < reach < abs(level - entry) else level


def on_the_record(decision: Decision, how: Expression) -> AuditNoted:
    """What the journal keeps of it: which decision, what would be traded, and the most that it can lose, USD."""
    legs = "; ".join(
        f"{leg.action.value} {leg.root} {leg.expiry} {'call' if leg.is_call else 'put'} {leg.strike:g} at {leg.price:g}"
        for leg in how.legs
    )
    detail: dict[str, Scalar] = {
        "decision_id": decision.decision_id,
        "structure": how.structure.value,
        "legs": legs,
        "contracts": how.contracts,
        "max_loss_usd": how.max_loss_usd,
        "total_max_loss_usd": how.total_max_loss_usd,
        "implied_volatility": how.implied_volatility,
        "forecast_volatility": how.forecast_volatility,
        "reason": how.reason,
        **{f"refused {structure.value}": why for structure, why in how.refused.items()},
    }
    return AuditNoted(decision.as_of, EXPRESSED, detail)
