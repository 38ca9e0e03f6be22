"""Tactical layer: whether this idea may become a trade in this regime, and with which bracket and horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from lightning_gex.core.decision import GATE_KEY, Cap, Scalar
from lightning_gex.core.deferred import Deferred, Later, deferred_part, deferring
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.quick_init import quick_init
from lightning_gex.risk.check import Gate, over_bound, refused
from lightning_gex.risk.ranking import Rank
from lightning_gex.risk.strategic import RegimeLimits
from lightning_gex.risk.timing import Ahead

POSITION_SIZE_CAP = "regime_position_size"
PORTFOLIO_RISK_CAP = "regime_portfolio_risk"
#: USD, the least price steps of US stocks (SEC Regulation NMS, Rule 612). Split-adjusted histories fall below a dollar.
TICK_FROM_A_DOLLAR = 0.01
TICK_BELOW_A_DOLLAR = 0.0001
#: Tickers in a session below which they are no universe to be ranked in (that of ``evaluation``'s same-date excess).
FEWEST_RANKED = 5
_LAST_BITS = 1e-9  # relative; what floating point may miss by
_CAP_DECIMALS = 12  # rounds away what subtraction of decimal fractions leaves behind


@dataclass(frozen=True, slots=True)
class TacticalConfig:
    """What does not depend on the regime.

    Parameters
    ----------
    allow_short : whether a bearish view may open a short; off, it only closes longs.
    minimum_stop_atr : ATRs; a nearer stop is moved out to here, because a day's noise would hit it.
    minimum_target_atr : ATRs; a nearer target is moved out to here, because costs would eat it.
    minimum_reward_to_risk : where the target stands nearer than this many stop distances, the stop is moved in to keep
        the ratio, though never nearer than ``minimum_stop_atr``.
    best_share : the part of a session's universe, best first, whose ideas may be traded, in (0, 1]; 1 lets all.
    one_entry_a_view : whether a view that was traded has to be interrupted before it is traded again.
    sessions_before_event : no entry where a dated event lies this many sessions ahead or fewer; 0 enters anyway.
    sessions_before_expiry : the same for the monthly expiry.
    forecast_brackets : whether distances count in the forecast of the true range where that is wider than ATR.
    held_bracket_atr : ATRs from the entry to stop and target of a trade that is held to its horizon, in place of the
        agents' and the regime's levels; 0 takes those.
    widest_bracket_pct : the farthest that such a stop and target may be, as a fraction of the entry.
    core_ideas : whether a share that its agents leave open is an idea all the same where it rises more often than not.
    core_horizon_sessions : sessions that such an idea is meant for.
    carry_on : whether a trade at the end of its horizon goes on where it would be entered again.
    """

    allow_short: bool = False
    minimum_stop_atr: float = 1.0
    minimum_target_atr: float = 1.0
    minimum_reward_to_risk: float = 1.0
    best_share: float = 0.40
    one_entry_a_view: bool = False
    sessions_before_event: int = 2
    sessions_before_expiry: int = 0
    forecast_brackets: bool = True
    held_bracket_atr: float = 8.0
    widest_bracket_pct: float = 0.20
    core_ideas: bool = True
    core_horizon_sessions: int = 10
    carry_on: bool = True

    def __post_init__(self) -> None:
        for name in ("minimum_stop_atr", "minimum_target_atr", "minimum_reward_to_risk"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise SettingsError(f"tactical: {name} must be a positive number, not {value!r}")
        if not 0.0 < self.best_share <= 1.0:
            raise SettingsError(f"tactical: best_share must be above 0 and up to 1, not {self.best_share!r}")
        if not 0.0 <= self.held_bracket_atr < math.inf:
            raise SettingsError(f"tactical: held_bracket_atr must be 0 or more, not {self.held_bracket_atr!r}")
        if not 0.0 < self.widest_bracket_pct < 1.0:
            widest = self.widest_bracket_pct
            raise SettingsError(f"tactical: widest_bracket_pct must lie between 0 and 1, not {widest!r}")
        for name in ("sessions_before_event", "sessions_before_expiry", "core_horizon_sessions"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise SettingsError(f"tactical: {name} must be whole sessions from 0, not {value!r}")
        if self.core_horizon_sessions < 1:
            raise SettingsError("tactical: core_horizon_sessions must be at least 1 session")


@quick_init
@dataclass(frozen=True, slots=True)
class TradePlan:
    """A trade that the tactical layer would take. Target and stop in USD on the exchange's tick.

    Parameters
    ----------
    ticker, direction, strategy : the idea.
    entry_price, target_price, stop_price : the bracket.
    horizon_sessions : sessions after which the trade is closed whatever happened.
    target_return, stop_return : distances from the entry as positive fractions of it.
    caps : the most that this regime allows to put in, as fractions of equity.
    """

    ticker: str
    direction: Direction
    strategy: str
    entry_price: float
    target_price: float
    stop_price: float
    horizon_sessions: int
    target_return: float
    stop_return: float
    caps: tuple[Cap, ...]

    @property
    def reward_to_risk(self) -> float:
        """Target distance over stop distance."""
        return self.target_return / self.stop_return


@quick_init
@dataclass(frozen=True, slots=True)
class TacticalResult(Deferred):
    """Whether the idea may be traded, and the bracket it would have.

    Parameters
    ----------
    passed : whether the plan may go on to sizing.
    plan : the bracket; also there where the idea is refused for a reason that is not its prices, so that memory can
        learn what became of it. None where no bracket can be set.
    reason : what the bracket rests on, or what refused the idea.
    detail : the numbers behind it.
    fallback : what stood in for something missing, or None.
    """

    passed: bool
    plan: TradePlan | None
    reason: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    fallback: str | None = None

    @property
    def gate(self) -> str | None:
        """Which gate said no; None where none did."""
        known = deferred_part(self, GATE_KEY)
        said = self.detail.get(GATE_KEY) if known is None else known()
        return None if said is None else str(said)


_result_later = deferring(TacticalResult)


def nearest_timeframe(horizon_sessions: int, limits: RegimeLimits) -> int:
    """The regime's preferred timeframe that lies nearest to a horizon, the shorter of two; sessions."""
    return _nearest_of(limits.preferred_timeframes, horizon_sessions)


@lru_cache(maxsize=1_024)  # regimes and horizons are few, and every decision asks three times
def _nearest_of(timeframes: tuple[int, ...], horizon_sessions: int) -> int:
    return min(timeframes, key=lambda frame: (abs(frame - horizon_sessions), frame))


def plan_trade(
    *,
    direction: Direction,
    entry_price: float,
    atr: float,
    consensus_target: float,
    consensus_stop: float,
    horizon_sessions: int,
    strategy: str,
    limits: RegimeLimits,
    portfolio: PortfolioView,
    ticker: str,
    config: TacticalConfig,
    rank: Rank | None = None,
    ahead: Ahead | None = None,
    true_range_forecast: float = math.nan,
) -> TacticalResult:
    """Turn a view into a trade with stop, target and horizon, or say why not.

    Trades are held to their horizon: stop and target stand ``config.held_bracket_atr`` ATRs away. Where that is 0, the
    stop stands at the nearer of the agents' stop and ``stop_loss_multiplier`` ATRs, the target at the nearer of the
    agents' target and ``take_profit_multiplier`` ATRs, neither nearer than the configured floors.

    Parameters
    ----------
    direction : the view. Bearish is refused unless ``config.allow_short``.
    entry_price : USD.
    atr : average true range, USD; NaN where absent, then the agents' prices stand alone.
    true_range_forecast : mean true range to expect of the sessions ahead, USD; where it is wider than ``atr``, or that
        is absent, distances count in it (unless ``config.forecast_brackets`` is off). NaN where absent.
    consensus_target, consensus_stop : USD; NaN where the agents name none. On the wrong side of the entry they count as
        none, and the record says so.
    horizon_sessions : the agents' horizon; it snaps to the nearest preferred timeframe, of two equally near
        the shorter.
    strategy : word of the leading agent.
    limits : of the present regime.
    portfolio : the account.
    ticker : symbol.
    config : what does not depend on the regime.
    rank : the ticker's place in the session's universe; None where nothing was compared.
    ahead : what lies ahead; None where nobody looked.

    Returns
    -------
    Passed with a plan and its caps, or refused with the reason; a refused idea keeps its bracket where one can be set.
    A portfolio figure that is NaN refuses.
    """
    refusal = _refusal(direction, strategy, limits, portfolio, ticker, config, rank, ahead)

    def admission() -> dict[str, Scalar]:
        return _admission_detail(strategy, limits, portfolio, rank, ahead)

    forecast = config.forecast_brackets and 0.0 < true_range_forecast < math.inf and not true_range_forecast <= atr
    unit = true_range_forecast if forecast else atr
    bracket = _bracket(direction, entry_price, unit, consensus_target, consensus_stop, limits, config)
    if isinstance(bracket, str):
        gate, said = refusal or (Gate.NO_BRACKET, bracket)
        no = refused(gate, said, admission())
        return TacticalResult(False, None, no.reason, no.detail)
    sign = int(direction)
    target_price, stop_price = _rounded(sign, entry_price, bracket, config.minimum_reward_to_risk)
    stop_return = sign * (entry_price - stop_price) / entry_price
    target_return = sign * (target_price - entry_price) / entry_price
    if not (stop_price > 0.0 and target_price > 0.0 and stop_return > 0.0 and target_return > 0.0):
        reason = f"stop {stop_price} and target {target_price} leave no trade at {entry_price}"
        no = refused(Gate.NO_BRACKET, reason, admission())
        return TacticalResult(False, None, no.reason, no.detail, bracket.fallback)
    plan = TradePlan(
        ticker=ticker,
        direction=direction,
        strategy=strategy,
        entry_price=entry_price,
        target_price=target_price,
        stop_price=stop_price,
        horizon_sessions=nearest_timeframe(horizon_sessions, limits),
        target_return=target_return,
        stop_return=stop_return,
        caps=_caps(limits, portfolio, stop_return),
    )

    def detail() -> dict[str, Scalar]:
        measured: dict[str, Scalar] = {
            "distances_in": "forecast true range" if forecast else "ATR",
            "distance_unit_usd": unit if math.isfinite(unit) else None,
        }
        found = admission() if refusal is None else {GATE_KEY: str(refusal[0]), **admission()}
        return {**found, **_plan_detail(plan, horizon_sessions), **measured}

    later: Later = {"detail": detail}
    if refusal is None:
        return _result_later(later, passed=True, plan=plan, reason=bracket.reason, fallback=bracket.fallback)
    later[GATE_KEY] = lambda: str(refusal[0])
    return _result_later(later, passed=False, plan=plan, reason=refusal[1], fallback=bracket.fallback)


def _refusal(
    direction: Direction,
    strategy: str,
    limits: RegimeLimits,
    portfolio: PortfolioView,
    ticker: str,
    config: TacticalConfig,
    rank: Rank | None,
    ahead: Ahead | None,
) -> tuple[Gate, str] | None:
    """Why the idea may not be traded at all, before any price is looked at: the first gate that says no, and its words.

    None where every gate lets it pass. Nothing is asked, and no word composed, behind the first.
    """
    positions = len(portfolio.open_trades)
    if direction is Direction.BEARISH and not config.allow_short:
        return Gate.SHORTS_OFF, "opening shorts is off"
    if ticker in portfolio.open_trades:
        return Gate.ALREADY_OPEN, f"already in this trade: {ticker} is open or pending"
    if (same := _same_move_failure(direction, portfolio, ticker, config)) is not None:
        return Gate.SAME_MOVE, same
    if strategy not in limits.allowed_strategies:
        return Gate.STRATEGY, f"{strategy} is not allowed in this regime ({', '.join(limits.allowed_strategies)})"
    if (event := _event_failure(ahead, config)) is not None:
        return Gate.EVENT, event
    if (expiry := _expiry_failure(ahead, config)) is not None:
        return Gate.EXPIRY, expiry
    if (outranked := _rank_failure(rank, config)) is not None:
        return Gate.RANK, outranked
    if positions >= limits.max_positions:
        return Gate.POSITIONS, f"{positions} of {limits.max_positions} positions are taken"
    lost = over_bound("the loss of the day", portfolio.daily_loss_pct, limits.max_daily_loss)
    if lost is not None:
        return Gate.REGIME_DAILY_LOSS, lost
    risk = over_bound("open risk", portfolio.open_risk_pct, limits.max_portfolio_risk)
    return None if risk is None else (Gate.OPEN_RISK, risk)


def _admission_detail(
    strategy: str, limits: RegimeLimits, portfolio: PortfolioView, rank: Rank | None, ahead: Ahead | None
) -> dict[str, Scalar]:
    """The numbers behind ``_refusal``."""
    return {
        "strategy": strategy,
        "allowed_strategies": ", ".join(limits.allowed_strategies),
        "open_positions": len(portfolio.open_trades),
        "max_positions": limits.max_positions,
        "open_risk_pct": portfolio.open_risk_pct,
        "max_portfolio_risk": limits.max_portfolio_risk,
        "daily_loss_pct": portfolio.daily_loss_pct,
        "max_daily_loss": limits.max_daily_loss,
        **_rank_detail(rank),
        **_ahead_detail(ahead),
    }


def _same_move_failure(
    direction: Direction, portfolio: PortfolioView, ticker: str, config: TacticalConfig
) -> str | None:
    """Why one move is not entered twice."""
    if portfolio.stopped_out.get(ticker) is direction:
        return f"{ticker} was stopped out of this idea: not again until the agents change their mind"
    if config.one_entry_a_view and portfolio.traded_views.get(ticker) is direction:
        return f"{ticker} was traded on this view already: not again until the agents change their mind"
    return None


def _event_failure(ahead: Ahead | None, config: TacticalConfig) -> str | None:
    if ahead is None or ahead.sessions_to_event is None or ahead.sessions_to_event > config.sessions_before_event:
        return None
    return f"{ahead.event} is {_sessions(ahead.sessions_to_event)} ahead"


def _expiry_failure(ahead: Ahead | None, config: TacticalConfig) -> str | None:
    if ahead is None or ahead.sessions_to_expiry > config.sessions_before_expiry:
        return None
    return f"the monthly expiry is {_sessions(ahead.sessions_to_expiry)} ahead"


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _rank_failure(rank: Rank | None, config: TacticalConfig) -> str | None:
    """Why a ticker outside the best part of its universe is not traded; a handful of tickers is no universe."""
    if rank is None or rank.of < FEWEST_RANKED or rank.place <= math.ceil(config.best_share * rank.of):
        return None
    best = math.ceil(config.best_share * rank.of)
    return f"place {rank.place} of {rank.of} in the session's universe: only the best {best} are traded"


def _rank_detail(rank: Rank | None) -> dict[str, Scalar]:
    if rank is None:
        return {}
    proved = {"rank_proved_share": rank.proved_share} if rank.proved_share > 0.0 else {}
    return {"rank": rank.place, "ranked": rank.of, "rank_score": rank.score, **proved}


def _ahead_detail(ahead: Ahead | None) -> dict[str, Scalar]:
    if ahead is None:
        return {}
    known = {} if ahead.event is None else {"event": ahead.event, "sessions_to_event": ahead.sessions_to_event}
    return {**known, "sessions_to_expiry": ahead.sessions_to_expiry}


@dataclass(frozen=True, slots=True)
class _Bracket:
    stop_distance: float
    target_distance: float
    reason: str
    fallback: str | None


def _bracket(
    direction: Direction,
    entry_price: float,
    atr: float,
    consensus_target: float,
    consensus_stop: float,
    limits: RegimeLimits,
    config: TacticalConfig,
) -> _Bracket | str:
    """Distances in USD, or why none can be set."""
    if direction is Direction.NEUTRAL:
        return "there is no direction to trade"
    if not 0.0 < entry_price < math.inf:
        return f"the entry price {entry_price} is no price"
    if config.held_bracket_atr > 0.0 and 0.0 < atr < math.inf:
        return _held_bracket(entry_price, atr, config)
    sign = int(direction)
    agents_stop, wrong_stop = _distance(sign * (entry_price - consensus_stop), "stop")
    agents_target, wrong_target = _distance(sign * (consensus_target - entry_price), "target")
    has_atr = 0.0 < atr < math.inf
    unit = atr if has_atr else math.nan
    stop = _nearest(agents_stop, limits.stop_loss_multiplier * unit, floor=config.minimum_stop_atr * unit)
    target = _nearest(agents_target, limits.take_profit_multiplier * unit, floor=config.minimum_target_atr * unit)
    if math.isnan(stop):
        return "no stop can be set: there is neither an ATR nor a stop from the agents"
    if math.isnan(target):
        return "no target can be set: there is neither an ATR nor a target from the agents"
    where = f"at the {_origin(stop, agents_stop, limits.stop_loss_multiplier * unit)}"
    widest_stop = target / config.minimum_reward_to_risk
    if stop > widest_stop:
        stop = max(widest_stop, config.minimum_stop_atr * unit) if has_atr else widest_stop
        where = "moved in for the reward to cover the risk"
    reason = f"target at the {_origin(target, agents_target, limits.take_profit_multiplier * unit)}, stop {where}"
    notes = [wrong_stop, wrong_target, None if has_atr else "no ATR: the agents' stop and target stand alone"]
    return _Bracket(stop, target, reason, "; ".join(n for n in notes if n) or None)


def _held_bracket(entry_price: float, atr: float, config: TacticalConfig) -> _Bracket:
    """Stop and target equally far away, where only what ends a view before its time reaches them."""
    distance = config.held_bracket_atr * atr
    widest = config.widest_bracket_pct * entry_price
    where = f"{config.held_bracket_atr:g} ATRs"
    if distance > widest:
        distance, where = widest, f"{config.widest_bracket_pct:.0%} of the price"
    return _Bracket(distance, distance, f"held to its horizon: stop and target {where} away", None)


def _distance(signed: float, name: str) -> tuple[float, str | None]:
    """A distance in USD, NaN where the agents name none; with a note where they name one on the wrong side."""
    if math.isnan(signed):
        return math.nan, None
    if 0.0 < signed < math.inf:
        return signed, None
    return math.nan, f"the agents' {name} is on the wrong side of the entry and was left out"


def _nearest(agents: float, regime: float, *, floor: float) -> float:
    """The smaller of those that are known, though not below the floor where that is known; NaN where none is."""
    known = [distance for distance in (agents, regime) if not math.isnan(distance)]
    if not known:
        return math.nan
    distance = min(known)
    return distance if math.isnan(floor) else max(distance, floor)


def _origin(distance: float, agents: float, regime: float) -> str:
    if distance == agents:
        return "agents' price"
    return "regime's limit" if distance == regime else "least distance in ATRs"


def _rounded(sign: int, entry_price: float, bracket: _Bracket, minimum_ratio: float) -> tuple[float, float]:
    """Target and stop on the tick. Where rounding alone costs the reward its cover of the risk, the stop moves in."""
    target_price = _on_tick(entry_price + sign * bracket.target_distance)
    stop_price = _on_tick(entry_price - sign * bracket.stop_distance)
    widest_stop = sign * (target_price - entry_price) / minimum_ratio
    covered = bracket.target_distance >= bracket.stop_distance * minimum_ratio * (1.0 - _LAST_BITS)
    if covered and sign * (entry_price - stop_price) > widest_stop * (1.0 + _LAST_BITS):
        tick = _tick(stop_price)
        stop_price = _on_tick(sign * math.ceil(sign * (entry_price - sign * widest_stop) / tick - _LAST_BITS) * tick)
    return target_price, stop_price


def _tick(price: float) -> float:
    return TICK_FROM_A_DOLLAR if price >= 1.0 else TICK_BELOW_A_DOLLAR


def _on_tick(price: float) -> float:
    return round(price, 2 if price >= 1.0 else 4)


def _caps(limits: RegimeLimits, portfolio: PortfolioView, stop_return: float) -> tuple[Cap, ...]:
    room = max(0.0, limits.max_portfolio_risk - portfolio.open_risk_pct)
    return (
        Cap(
            POSITION_SIZE_CAP, limits.max_position_size, f"this regime allows {limits.max_position_size:.0%} a position"
        ),
        Cap(
            PORTFOLIO_RISK_CAP,
            round(room / stop_return, _CAP_DECIMALS),
            f"{room:.2%} of equity may still be put at risk, with the stop {stop_return:.2%} away",
        ),
    )


def _plan_detail(plan: TradePlan, agents_horizon: int) -> dict[str, Scalar]:
    return {
        "entry_price": plan.entry_price,
        "target_price": plan.target_price,
        "stop_price": plan.stop_price,
        "target_return": plan.target_return,
        "stop_return": plan.stop_return,
        "reward_to_risk": plan.reward_to_risk,
        "agents_horizon_sessions": agents_horizon,
        "horizon_sessions": plan.horizon_sessions,
    }
