"""The strategic, tactical and execution stations of the decision path: risk layers become records."""

from __future__ import annotations

import math
from dataclasses import replace

from lightning_gex.core.decision import GATE_KEY, Cap, Scalar, StageRecord, record_later
from lightning_gex.core.deferred import Later, to_read
from lightning_gex.core.enums import Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.features import FeatureRow
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.quick_init import replaced
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.universe import Universe
from lightning_gex.risk.check import Check, Gate, refused
from lightning_gex.risk.concentration import concentration_caps
from lightning_gex.risk.execution import check_execution, liquidity_cap
from lightning_gex.risk.ranking import Rank
from lightning_gex.risk.strategic import DEFAULT_LIMITS, RegimeLimits, RegimeReading, Strategy
from lightning_gex.risk.tactical import FEWEST_RANKED, TacticalResult, TradePlan, plan_trade
from lightning_gex.sizing.ladder import LADDER

#: With the three layers off nothing is forbidden and no budget binds; brackets keep the range-bound regime's width.
UNFILTERED_LIMITS = RegimeLimits(
    max_portfolio_risk=1.0,
    max_position_size=1.0,
    max_positions=1_000_000,
    preferred_timeframes=(3, 5, 7, 10, 14, 21),
    allowed_strategies=tuple(Strategy),
    stop_loss_multiplier=DEFAULT_LIMITS[MarketRegime.RANGE_BOUND].stop_loss_multiplier,
    take_profit_multiplier=DEFAULT_LIMITS[MarketRegime.RANGE_BOUND].take_profit_multiplier,
    max_daily_loss=1.0,
)
EVEN_SHARE_CAP = "even_share"
_ALONE = "no history of what else is held: correlation, sectors and rank are not looked at"


def record_of(stage: StageName, check: Check, fallback: str | None = None) -> StageRecord:
    """A check as what its station said."""
    verdict = StageVerdict.PASSED if check.passed else StageVerdict.BLOCKED
    return StageRecord(stage, verdict, check.reason, check.detail, fallback)


def strategic_station(reading: RegimeReading, config: EngineConfig) -> tuple[StageRecord, RegimeLimits]:
    """Which regime it is, and what may be risked in it; without one the idea keeps a bracket for learning.

    Parameters
    ----------
    reading : of the moment.
    config : the regimes' limits.
    """
    if not config.enhancements.hierarchical:
        said = "the three layers are off: no regime filters"
        return StageRecord(StageName.STRATEGIC, StageVerdict.OFF, said), UNFILTERED_LIMITS
    limits = _limits_of(reading, config)
    if limits is None:
        check = refused(Gate.NO_REGIME, reading.reason)
        return record_of(StageName.STRATEGIC, check, reading.fallback), UNFILTERED_LIMITS
    later = {
        "reason": to_read(reading, "reason"),
        "detail": lambda: _regime_detail(reading, limits),
        "fallback": to_read(reading, "fallback"),
    }
    return record_later(later, stage=StageName.STRATEGIC, verdict=StageVerdict.PASSED), limits


def limits_in_force(reading: RegimeReading, config: EngineConfig) -> RegimeLimits:
    """The regime's limits; the unfiltered ones with the layers off, or where there is no regime to go by."""
    limits = _limits_of(reading, config) if config.enhancements.hierarchical else None
    return UNFILTERED_LIMITS if limits is None else limits


def _limits_of(reading: RegimeReading, config: EngineConfig) -> RegimeLimits | None:
    if reading.own is not None:
        return reading.own.limits
    if reading.regime is None or reading.regime not in config.regimes:
        return None
    return config.regimes[reading.regime]


def _regime_detail(reading: RegimeReading, limits: RegimeLimits) -> dict[str, Scalar]:
    assert reading.regime is not None  # noqa: S101 - limits are asked for in a regime only
    detail: dict[str, Scalar] = {
        "regime": reading.regime.value if reading.own is None else reading.own.name,
        "sessions_in_regime": reading.sessions,
        "max_position_size": limits.max_position_size,
        "max_portfolio_risk": limits.max_portfolio_risk,
        "max_positions": limits.max_positions,
        "max_daily_loss": limits.max_daily_loss,
    }
    if reading.told is not None and reading.told is not reading.regime:
        detail["session_alone_tells"] = reading.told.value
    odds = {f"p_{regime.value}": p for regime, p in reading.probability.items() if p >= _SHOWN_FROM}
    return detail | odds


_SHOWN_FROM = 0.01  # regimes less probable than this are left out of the record


def tactical_station(
    *,
    direction: Direction,
    ticker: str,
    price: float,
    features: FeatureRow,
    consensus_target: float,
    consensus_stop: float,
    horizon_sessions: int,
    strategy: str,
    limits: RegimeLimits,
    portfolio: PortfolioView,
    config: EngineConfig,
    universe: Universe | None,
) -> tuple[StageRecord, TradePlan | None]:
    """Whether the idea may be traded, its bracket, and the most that may be put in.

    Parameters
    ----------
    direction, ticker, price, consensus_target, consensus_stop, horizon_sessions, strategy : the idea, prices in USD.
    features : one row, the moment's.
    limits : of the regime.
    portfolio : the account.
    config : how decisions are made.
    universe : what trades beside it; None where nothing is known of it.

    Returns
    -------
    The record, and the plan where a bracket can be set, allowed or not.
    """
    layered = config.enhancements.hierarchical
    beside = universe if layered else None
    rules = config.tactical if layered else replace(config.tactical, held_bracket_atr=0.0)
    result = plan_trade(
        direction=direction,
        entry_price=price,
        atr=features.value("atr"),
        consensus_target=consensus_target,
        consensus_stop=consensus_stop,
        horizon_sessions=horizon_sessions,
        strategy=strategy,
        limits=limits,
        portfolio=portfolio,
        ticker=ticker,
        config=rules,
        rank=None if beside is None else beside.ranks.get(ticker),
        ahead=None if beside is None else beside.ahead(ticker),
        true_range_forecast=features.value("true_range_forecast"),
    )
    if layered and result.passed and result.plan is not None:
        result = _capped(result, result.plan, features, portfolio, config, universe)
    return _tactical_record(result), result.plan


def _tactical_record(result: TacticalResult) -> StageRecord:
    later: Later = {"reason": lambda: result.reason, "detail": to_read(result, "detail")}
    verdict = StageVerdict.PASSED
    if not result.passed:
        verdict, later[GATE_KEY] = StageVerdict.BLOCKED, lambda: result.gate
    return record_later(later, stage=StageName.TACTICAL, verdict=verdict, fallback=result.fallback)


def _capped(
    result: TacticalResult,
    plan: TradePlan,
    features: FeatureRow,
    portfolio: PortfolioView,
    config: EngineConfig,
    universe: Universe | None,
) -> TacticalResult:
    """The result with what the rest of the book leaves for it; nothing left is a no of the cap that left nothing."""
    caps: list[Cap] = []
    notes = [result.fallback]
    if universe is None:
        notes.append(_ALONE if portfolio.open_trades else None)
    else:
        held = universe.held_beside(plan.ticker, portfolio, config.concentration)
        found, note = concentration_caps(plan.direction, held, config.concentration)
        caps.extend(found)
        notes.append(note)
        caps.extend(_even_share(universe.ranks.get(plan.ticker), config))
    bears = liquidity_cap(portfolio.equity, dollar_volume_of(features), config.execution)
    if bears is None:
        notes.append("no volume is known: liquidity is not looked at")
    else:
        caps.append(bears)
    plan = replaced(plan, caps=(*plan.caps, *caps))
    detail = {**result.detail, **{f"cap_{cap.name}": cap.size_pct for cap in caps}}
    fallback = "; ".join(n for n in notes if n) or None
    spent = next((cap for cap in caps if cap.size_pct < LADDER[1]), None)
    if spent is None:
        return replaced(result, plan=plan, detail=detail, fallback=fallback)
    what = spent.name.replace("_", " ")
    reason = f"{what} leaves {spent.size_pct:.1%} of equity, less than the lowest rung: {spent.reason}"
    return TacticalResult(False, plan, reason, {GATE_KEY: spent.name, **detail}, fallback)


def _even_share(rank: Rank | None, config: EngineConfig) -> tuple[Cap, ...]:
    """Room for everybody: in a universe each of its best has an equal part of the exposure allowed in all."""
    if rank is None or rank.of < FEWEST_RANKED:
        return ()
    places = math.ceil(config.tactical.best_share * rank.of)
    allowed = config.guardrails.max_total_exposure_pct
    said = f"one of {places} places that share {allowed:.0%} of equity"
    return (Cap(EVEN_SHARE_CAP, max(allowed / places, LADDER[1]), said),)


def dollar_volume_of(features: FeatureRow) -> float:
    """USD, the average value traded in a session, of one row of features; NaN where it is not known."""
    return features.value("avg_volume") * features.value("price")


def execution_station(
    plan: TradePlan, quantity: int, price: float, features: FeatureRow, portfolio: PortfolioView, config: EngineConfig
) -> StageRecord:
    """The last look at a sized plan.

    Parameters
    ----------
    plan, quantity : what would be ordered, shares.
    price : USD, the latest.
    features : one row, the moment's.
    portfolio : the account.
    config : bounds, and what the broker can take.
    """
    if not config.enhancements.hierarchical:
        said = "the three layers are off: no execution checks"
        return StageRecord(StageName.EXECUTION, StageVerdict.OFF, said)
    volume = dollar_volume_of(features)
    check = check_execution(
        plan, quantity, price, portfolio, config.execution, dollar_volume=volume, broker=config.broker
    )
    unknown = "no volume is known: liquidity is not looked at" if math.isnan(volume) else None
    return record_of(StageName.EXECUTION, check, unknown)
