"""Simulated markets as the data that claims are tested on, positioning of every evening included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightning_gex.analytics.options_features import gex_signal
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_close_utc
from lightning_gex.core.units import SECONDS_PER_YEAR
from lightning_gex.evaluation.claim_data import ClaimData, claim_data, expiry_sessions
from lightning_gex.simulation.chains import atm_vol_of_vix, surface_vol
from lightning_gex.simulation.dealer_book import STRIKES
from lightning_gex.simulation.market import MarketConfig, SimulatedMarket, simulate_market

START = np.datetime64("2012-01-03")
#: A cash index whose options settle at the close: no adjusted prices, and every expiry can pin.
TICKER = "XSP"
GRID_REACH = 0.06  # log distance to either side
GRID = np.exp(np.linspace(-GRID_REACH, GRID_REACH, 13))  # spots over today's at which the chain is priced again
NEAR = 0.7  # log distance from spot, within which the whole ladder of a year lies
COLUMNS = (
    "call_wall",
    "put_wall",
    "zero_gamma",
    "gamma_exposure_usd_per_pct",
    "charm_exposure_usd_per_day",
    "vanna_exposure_usd_per_vol_point",
    "implied_vol",
)


def market_of(seed: int, sessions: int, *, planted_effect: float = 0.0, **strengths: float) -> SimulatedMarket:
    """A market of the ticker above; strengths not named are 0."""
    nothing = {"gamma_hedging": 0.0, "charm_hedging": 0.0, "vanna_hedging": 0.0, "pinning": 0.0}
    config = MarketConfig(ticker=TICKER, **{**nothing, **strengths})
    return simulate_market(seed=seed, sessions=sessions, start=START, planted_effect=planted_effect, config=config)


def data_of(
    market: SimulatedMarket, *, history: DatedSeries | None = None, strike_step: float | None = 10.0
) -> ClaimData:
    """What is known of a market, by session."""
    flow = market.flow
    return claim_data(market.bars, flow=flow, volatility_index=market.vix, history=history, strike_step=strike_step)


def history_of(market: SimulatedMarket) -> DatedSeries:
    """Walls, zero gamma, charm and vanna of every evening's chain under the naive dealer model; NaN on the first.

    The open interest is that of ``market.chain``, and the figures are its positioning's but for rounding to contracts
    and the coarse grid of zero gamma: making a thousand whole chains would take ten times as long.
    """
    kept, vix = market.chains(), market.vix.columns["close"]
    closes_at = session_close_utc(market.bars.session)
    columns = {name: np.full(len(market.bars), np.nan) for name in COLUMNS}
    for row in range(1, len(market.bars)):
        expiry = kept.books.expiry[row - 1]
        alive = np.flatnonzero(expiry >= 0)
        alive = alive[kept.listing.settles_at[expiry[alive]] > closes_at[row]]
        book = [array[row - 1, alive].astype(np.float64) for array in (kept.books.calls, kept.books.puts)]
        which = expiry[alive]
        strike = kept.books.lowest[which][:, None] + kept.books.step[which][:, None] * np.arange(STRIKES)
        years = (kept.listing.settles_at[which] - closes_at[row]).astype(np.float64) / SECONDS_PER_YEAR
        spot, atm_vol = float(market.bars.close[row]), atm_vol_of_vix(float(vix[row]))
        for name, value in _evening(strike, np.repeat(years[:, None], STRIKES, 1), *book, spot, atm_vol).items():
            columns[name][row] = value
        columns["implied_vol"][row] = vix[row] / 100.0
    return DatedSeries(market.bars.session, columns, "simulated history")


def _evening(
    strike: np.ndarray, years: np.ndarray, calls: np.ndarray, puts: np.ndarray, spot: float, atm_vol: float
) -> dict[str, float]:
    """One evening's row. Strikes nobody holds are left out."""
    near = (np.abs(np.log(strike / spot)) < NEAR) & (calls + puts >= 0.5)
    strike, years, calls, puts = strike[near], years[near], calls[near] * 100.0, puts[near] * 100.0
    vol = surface_vol(strike, years, spot=spot, atm_vol=atm_vol, rate=0.0, dividend_yield=0.0)
    deviation = vol * np.sqrt(years)
    d1 = np.log(spot / strike) / deviation + 0.5 * deviation
    d2, bell = d1 - deviation, np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi)
    gamma, net = bell / (spot * deviation), calls - puts
    strikes, at = np.unique(strike, return_inverse=True)
    return {
        "call_wall": float(strikes[np.argmax(np.bincount(at, weights=gamma * calls))]),
        "put_wall": float(strikes[np.argmax(np.bincount(at, weights=gamma * puts))]),
        "zero_gamma": _zero_gamma(spot, strike, deviation, net),
        "gamma_exposure_usd_per_pct": float(np.sum(gamma * net)) * spot**2 * 0.01,
        "charm_exposure_usd_per_day": float(np.sum(bell * d2 / (2.0 * years) * net)) * spot / 365.0,
        "vanna_exposure_usd_per_vol_point": float(np.sum(-bell * d2 / vol * net)) * spot * 0.01,
    }


def _zero_gamma(spot: float, strike: np.ndarray, deviation: np.ndarray, signed: np.ndarray) -> float:
    """The root nearest to spot on a coarse grid of spots; NaN where the sign does not change."""
    levels = spot * GRID
    d1 = np.log(levels[:, None] / strike) / deviation + 0.5 * deviation
    profile = (np.exp(-0.5 * d1**2) / deviation) @ signed * levels
    crossings = np.flatnonzero(profile[:-1] * profile[1:] < 0)
    if not len(crossings):
        return float("nan")
    roots = levels[crossings] - profile[crossings] * np.diff(levels)[crossings] / np.diff(profile)[crossings]
    return float(roots[np.argmin(np.abs(roots - spot))])


def with_gamma_damping(market: SimulatedMarket, slope: float) -> SimulatedMarket:
    """The same market, moves scaled so that log variance moves by ``slope`` with gamma's rank at the close before."""
    bars, rank = market.bars, gex_signal(market.flow.columns["gex"])
    scale = np.r_[1.0, np.exp(0.5 * slope * np.where(np.isfinite(rank), rank, 0.0))[:-1]]
    before = np.r_[bars.close[0], bars.close[:-1]]
    moves = {n: np.log(getattr(bars, n) / before) * scale for n in ("open", "high", "low", "close")}
    moved = np.exp(np.cumsum(np.r_[0.0, moves["close"][:-1]])) * before[0]
    return replace(market, bars=replace(bars, **{n: moved * np.exp(m) for n, m in moves.items()}))


def with_walls(data: ClaimData, strength: float, seed: int) -> ClaimData:
    """The same sessions, in which a touched level of the evening before turns the close back with a probability.

    Where the close lies beyond the first level that the session touched, it is mirrored at it; later prices and levels
    move along, so that distances stay what they were.
    """
    bars, random = data.bars, np.random.default_rng(seed)
    before = np.r_[bars.close[0], bars.close[:-1]]
    log = {n: np.log(getattr(bars, n) / before) for n in ("open", "high", "low", "close")}
    turned = random.random(len(bars)) < strength
    for name in ("call_wall", "put_wall", "zero_gamma"):
        wall = np.r_[np.nan, np.log(data.levels[name] / bars.close)[:-1]]
        up = (wall > log["open"]) & (log["high"] >= wall) & (log["close"] > wall) & (name != "put_wall")
        down = (wall < log["open"]) & (log["low"] <= wall) & (log["close"] < wall) & (name != "call_wall")
        at = turned & (up | down)
        log["close"] = np.where(at, 2.0 * wall - log["close"], log["close"])
        turned &= ~at
    log["low"], log["high"] = np.minimum(log["low"], log["close"]), np.maximum(log["high"], log["close"])
    start = np.exp(np.cumsum(np.r_[0.0, log["close"][:-1]])) * before[0]
    moved = replace(bars, **{n: start * np.exp(values) for n, values in log.items()})
    levels = {n: moved.close * v / bars.close for n, v in data.levels.items()}
    return replace(data, bars=moved, levels=levels, raw_close=moved.close)


def with_pins(data: ClaimData, strength: float) -> ClaimData:
    """The same sessions, in which the close of every expiry has gone a share of the way to the nearest strike."""
    assert data.strike_step is not None
    bars, at = data.bars, expiry_sessions(data.session, monthly=False)
    nearest = np.round(bars.close / data.strike_step) * data.strike_step
    close = bars.close + np.where(at, strength * (nearest - bars.close), 0.0)
    bars = replace(bars, close=close, low=np.minimum(bars.low, close), high=np.maximum(bars.high, close))
    return replace(data, bars=bars, raw_close=close)


__all__ = [
    "COLUMNS",
    "GRID_REACH",
    "START",
    "TICKER",
    "data_of",
    "history_of",
    "market_of",
    "with_gamma_damping",
    "with_pins",
    "with_walls",
]
