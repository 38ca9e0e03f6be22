"""How a view may be expressed where an option chain is known: as stock, a long option, or a vertical with defined risk.

Nothing here forecasts a direction. Given one, the question is what it costs to be wrong: stock risks the distance to
its stop and whatever gaps beyond it, a long option its premium, a vertical its debit or its width less the credit.
Which of them is chosen follows from what options cost against the forecast of volatility, from the regime, and from
whether the contracts can be traded at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.enums import Action, Direction, MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.sessions import session_close_utc, session_of, sessions_from
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D

#: USD; no contract is untradable for a spread of one tick of the coarsest kind (Cboe: 0.05 below a price of 3).
ONE_TICK_USD = 0.05
_ROUNDING = 1e-9  # USD


class Structure(StrEnum):
    """What is traded. Every one of them but stock has a maximum loss that no price can exceed."""

    STOCK = "stock"
    LONG_CALL = "long_call"
    LONG_PUT = "long_put"
    BULL_CALL_SPREAD = "bull_call_spread"  # a debit
    BEAR_PUT_SPREAD = "bear_put_spread"  # a debit
    BULL_PUT_SPREAD = "bull_put_spread"  # a credit
    BEAR_CALL_SPREAD = "bear_call_spread"  # a credit


_CREDITS = frozenset({Structure.BULL_PUT_SPREAD, Structure.BEAR_CALL_SPREAD})


@dataclass(frozen=True, slots=True)
class ExpressionConfig:
    """When which structure is chosen.

    Parameters
    ----------
    cheap_below : implied over forecast volatility below which an option is bought alone.
    dear_from : the same from which premium is sold, in a vertical; between the two a vertical is bought.
    max_spread : ask less bid over their mean, beyond which a contract is not traded; 0.05 USD are always taken.
    least_open_interest : contracts, below which it is not either.
    most_of_open_interest : contracts of a structure over the open interest of its thinnest leg.
    spare_sessions : sessions that the expiry has to lie behind the view's horizon.

    Raises
    ------
    SettingsError : naming what is out of range.
    """

    cheap_below: float = 0.90
    dear_from: float = 1.20
    max_spread: float = 0.10
    least_open_interest: float = 100.0
    most_of_open_interest: float = 0.10
    spare_sessions: int = 2

    def __post_init__(self) -> None:
        if not 0.0 < self.cheap_below <= self.dear_from < math.inf:
            raise SettingsError("expression: cheap_below must be positive and not above dear_from")
        if not 0.0 < self.most_of_open_interest <= 1.0:
            raise SettingsError("expression: most_of_open_interest must be above 0 and up to 1")
        if not 0.0 < self.max_spread < 2.0 or not self.least_open_interest >= 0.0 or self.spare_sessions < 0:
            raise SettingsError("expression: max_spread, least_open_interest or spare_sessions is out of range")


@dataclass(frozen=True, slots=True)
class TradeView:
    """What is to be expressed. Prices in USD.

    Parameters
    ----------
    direction : bullish or bearish.
    entry_price, target_price, stop_price : the bracket of the stock trade.
    horizon_sessions : sessions.
    forecast_volatility : mean over the horizon, annualised fraction; NaN where unknown.
    regime : None where there is none.
    at_risk_usd : what the trade may lose; the stock trade's quantity times the distance to its stop.
    """

    direction: Direction
    entry_price: float
    target_price: float
    stop_price: float
    horizon_sessions: int
    forecast_volatility: float
    regime: MarketRegime | None
    at_risk_usd: float


@dataclass(frozen=True, slots=True)
class OptionLeg:
    """One contract of a structure. Bought at the ask, sold at the bid; ``price`` is USD a share.

    ``open_interest`` is in contracts.
    """

    action: Action
    root: str
    expiry: np.datetime64
    is_call: bool
    strike: float
    price: float
    open_interest: float = math.inf

    @property
    def sign(self) -> int:
        """1 where it is bought, -1 where it is sold."""
        return 1 if self.action is Action.BUY else -1


@dataclass(frozen=True, slots=True)
class Expression:
    """A structure with what it can lose and win.

    Parameters
    ----------
    structure : what is traded.
    legs : its contracts; none for stock.
    contracts : how many of it; 0 for stock.
    multiplier : shares a contract.
    debit_usd : what one of it costs; negative is a credit. NaN for stock.
    max_loss_usd, max_gain_usd : of one of it at expiry, positive; infinity where nothing bounds the gain, NaN for
        stock, whose stop is no bound.
    implied_volatility, forecast_volatility : annualised fractions that were compared; NaN where unknown.
    reason : why this one.
    refused : structure -> why it was not taken.
    """

    structure: Structure
    legs: tuple[OptionLeg, ...]
    contracts: int
    multiplier: float
    debit_usd: float
    max_loss_usd: float
    max_gain_usd: float
    implied_volatility: float
    forecast_volatility: float
    reason: str
    refused: Mapping[Structure, str] = field(default_factory=dict)

    @property
    def total_max_loss_usd(self) -> float:
        """The most that all of it can lose."""
        return self.contracts * self.max_loss_usd

    def profit_at_expiry(self, spot: float) -> float:
        """USD that one of it has made at expiry with the share at ``spot``; NaN for stock."""
        if not self.legs:
            return math.nan
        worth = sum(leg.sign * max(0.0, (spot - leg.strike) * (1 if leg.is_call else -1)) for leg in self.legs)
        return worth * self.multiplier - self.debit_usd


def express(view: TradeView, chain: OptionChain, config: ExpressionConfig | None = None) -> Expression:
    """Choose how a view is expressed.

    The expiry is the first that settles ``spare_sessions`` after the horizon. With v = implied volatility of the
    tradable contract nearest to the money over the forecast:

    - v < ``cheap_below``: a call or put is bought alone at the strike nearest to the price, but not in a crisis;
    - ``cheap_below`` <= v < ``dear_from``, or v unknown: a vertical is bought from there to the strike nearest to the
      target;
    - v >= ``dear_from``: a vertical is sold, its short strike the nearest to the stop, its long one as far beyond as
      the target is from the entry.

    What cannot be traded, or of which one alone risks more than ``at_risk_usd``, is refused by name, and the next one
    is tried; where all are, stock it is.

    Parameters
    ----------
    view : direction, bracket and the money at risk.
    chain : the underlying's, as near to the decision as there is.
    config : when which is chosen.

    Returns
    -------
    The structure with its maximum loss, and what was refused on the way.
    """
    rules = config or ExpressionConfig()
    refused: dict[Structure, str] = {}
    slate = _slate(view, chain, rules)
    if isinstance(slate, str):
        return _stock(view, math.nan, slate, refused)
    implied = _implied(slate)
    ratio = implied / view.forecast_volatility if view.forecast_volatility > 0.0 else math.nan
    said = _cost_words(implied, view.forecast_volatility, ratio, rules)
    for structure in _wanted(view, ratio, rules):
        legs = _legs(structure, view, slate)
        if isinstance(legs, str):
            refused[structure] = legs
            continue
        made = _priced(structure, legs, view, implied, said, refused, slate.multiplier, rules)
        if isinstance(made, str):
            refused[structure] = made
            continue
        return made
    return _stock(view, implied, said, refused)


@dataclass(frozen=True, slots=True, eq=False)
class _Slate:
    """The contracts of one expiry that can be traded, (n,) each, by strike."""

    root: str
    expiry: np.datetime64
    multiplier: float
    spot: float
    is_call: BoolArray1D
    strike: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D

    def near(self, is_call: bool, price: float, within: float, beyond: tuple[float, int] | None = None) -> int | None:
        """The contract nearest to a price where one lies within a distance of it, else None."""
        at = self.nearest(is_call, price, beyond)
        return at if at is not None and abs(float(self.strike[at]) - price) <= within else None

    def nearest(self, is_call: bool, price: float, beyond: tuple[float, int] | None = None) -> int | None:
        """The contract nearest to a price; ``beyond`` keeps to one side of a strike. None where there is none."""
        rows: Int64Array1D = np.flatnonzero(self.is_call == is_call)
        if beyond is not None:
            strike, side = beyond
            rows = rows[side * (self.strike[rows] - strike) > 0.0]
        if not len(rows):
            return None
        return int(rows[np.argmin(np.abs(self.strike[rows] - price))])


def _slate(view: TradeView, chain: OptionChain, rules: ExpressionConfig) -> _Slate | str:
    """The tradable contracts of the expiry that outlasts the view, or why there are none."""
    if view.direction is Direction.NEUTRAL:
        return "there is no direction to express"
    last = sessions_from(session_of(chain.as_of), view.horizon_sessions + rules.spare_sessions)[-1:]
    late = chain.settles_at >= session_close_utc(last)[0]
    if not late.any():
        return f"no expiry outlasts {view.horizon_sessions} sessions and {rules.spare_sessions} to spare"
    middle = (chain.bid + chain.ask) / 2.0
    widest = np.maximum(rules.max_spread * middle, ONE_TICK_USD + _ROUNDING)
    quoted = (chain.bid >= 0.0) & (chain.ask > 0.0) & (chain.ask >= chain.bid) & (chain.ask - chain.bid <= widest)
    tradable = late & quoted & (chain.open_interest >= rules.least_open_interest)
    if not tradable.any():
        return (
            f"no contract has a spread of {rules.max_spread:.0%} or less and an open interest of "
            f"{rules.least_open_interest:,.0f}"
        )
    first = chain.settles_at[tradable].min()
    same = tradable & (chain.settles_at == first)
    root = str(chain.root[same][0])
    same &= (chain.root == root) & (chain.multiplier == chain.multiplier[same][0])
    rows = np.flatnonzero(same)[np.argsort(chain.strike[same], kind="stable")]
    return _Slate(
        root,
        chain.expiry[rows[0]],
        float(chain.multiplier[rows[0]]),
        chain.spot,
        chain.is_call[rows],
        chain.strike[rows],
        chain.bid[rows],
        chain.ask[rows],
        chain.implied_vol[rows],
        chain.open_interest[rows],
    )


def _implied(slate: _Slate) -> float:
    """Implied volatility of the contract nearest to the money that has one; NaN without."""
    known = np.flatnonzero(np.isfinite(slate.implied_vol) & (slate.implied_vol > 0.0))
    if not len(known):
        return math.nan
    return float(slate.implied_vol[known[np.argmin(np.abs(slate.strike[known] - slate.spot))]])


def _wanted(view: TradeView, ratio: float, rules: ExpressionConfig) -> tuple[Structure, ...]:
    """What to try, best first."""
    up = view.direction is Direction.BULLISH
    alone = Structure.LONG_CALL if up else Structure.LONG_PUT
    bought = Structure.BULL_CALL_SPREAD if up else Structure.BEAR_PUT_SPREAD
    sold = Structure.BULL_PUT_SPREAD if up else Structure.BEAR_CALL_SPREAD
    if ratio >= rules.dear_from:
        return sold, bought
    if ratio < rules.cheap_below and view.regime is not MarketRegime.CRISIS:
        return alone, bought
    return (bought,)


def _legs(structure: Structure, view: TradeView, slate: _Slate) -> tuple[OptionLeg, ...] | str:
    """The contracts of a structure, or why there are none.

    The first leg has to lie within half the target's distance of where it belongs, or it would be another trade.
    """
    sign, width = int(view.direction), abs(view.target_price - view.entry_price)
    if structure in _CREDITS:
        is_call, first, second = sign < 0, Action.SELL, Action.BUY
        near = slate.near(is_call, view.stop_price, width / 2.0, (view.entry_price, -sign))
        edge = math.nan if near is None else float(slate.strike[near])
        far = None if near is None else slate.nearest(is_call, edge - sign * width, (edge, -sign))
    else:
        is_call, first, second = sign > 0, Action.BUY, Action.SELL
        near = slate.near(is_call, view.entry_price, width / 2.0)
        edge = math.nan if near is None else float(slate.strike[near])
        far = None if near is None else slate.nearest(is_call, view.target_price, (edge, sign))
    if near is None:
        return "no strike where it belongs can be traded"
    if structure in (Structure.LONG_CALL, Structure.LONG_PUT):
        return (_leg(slate, near, first),)
    return (_leg(slate, near, first), _leg(slate, far, second)) if far is not None else "no second strike can be traded"


def _leg(slate: _Slate, at: int, action: Action) -> OptionLeg:
    price = slate.ask[at] if action is Action.BUY else slate.bid[at]
    return OptionLeg(
        action,
        slate.root,
        slate.expiry,
        bool(slate.is_call[at]),
        float(slate.strike[at]),
        float(price),
        float(slate.open_interest[at]),
    )


def _priced(
    structure: Structure,
    legs: tuple[OptionLeg, ...],
    view: TradeView,
    implied: float,
    said: str,
    refused: Mapping[Structure, str],
    multiplier: float,
    rules: ExpressionConfig,
) -> Expression | str:
    """The structure with its bounds and as many of it as the money at risk bears, or why it is no trade."""
    debit = sum(leg.sign * leg.price for leg in legs)
    width = abs(legs[0].strike - legs[1].strike) if len(legs) > 1 else math.inf
    if len(legs) == 1:
        gain = math.inf if legs[0].is_call else legs[0].strike - debit
        loss = debit
    else:
        gain, loss = (-debit, width + debit) if structure in _CREDITS else (width - debit, debit)
    if not (loss > 0.0 and gain > 0.0):
        return f"at these quotes it cannot win: {debit:+.2f} a share for a width of {width:.2f}"
    affordable = math.floor(view.at_risk_usd / (loss * multiplier)) if math.isfinite(view.at_risk_usd) else 0
    if affordable < 1:
        return f"one risks {loss * multiplier:,.2f} USD, more than the {view.at_risk_usd:,.2f} at risk"
    contracts = min(affordable, int(rules.most_of_open_interest * min(leg.open_interest for leg in legs)))
    if contracts < 1:
        return "one is more than its share of the open interest"
    return Expression(
        structure,
        legs,
        contracts,
        multiplier,
        debit * multiplier,
        loss * multiplier,
        gain * multiplier,
        implied,
        view.forecast_volatility,
        said,
        dict(refused),
    )


def _stock(view: TradeView, implied: float, said: str, refused: Mapping[Structure, str]) -> Expression:
    nothing = math.nan
    return Expression(
        Structure.STOCK,
        (),
        0,
        nothing,
        nothing,
        nothing,
        nothing,
        implied,
        view.forecast_volatility,
        said,
        dict(refused),
    )


def _cost_words(implied: float, forecast: float, ratio: float, rules: ExpressionConfig) -> str:
    if math.isnan(ratio):
        return (
            "implied against forecast volatility is not known: a vertical bought, whose price hardly depends on either"
        )
    told = f"implied volatility {implied:.1%} is {ratio:.2f} times the forecast {forecast:.1%}"
    if ratio >= rules.dear_from:
        return f"{told}: premium is dear and sold"
    return f"{told}: premium is cheap and bought" if ratio < rules.cheap_below else f"{told}: neither dear nor cheap"
