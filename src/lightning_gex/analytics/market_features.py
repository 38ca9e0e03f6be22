"""The market as a whole, aligned on one ticker's sessions: trend, volatility index, breadth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightning_gex.analytics.indicators import price_features, trailing_mean
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.membership import Membership
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D

MARKET_MAX_AGE_DAYS = 4  # calendar days a market bar stays good: one long weekend
VIX_AVERAGE_SESSIONS = 20
BREADTH_MINIMUM_TICKERS = 20  # tickers with a known change on a session, below which breadth says too little
BREADTH_SESSIONS = 10  # sessions summed: one day's ratio swings between 0.1 and 10


def market_features(
    sessions: DateArray1D,
    *,
    market_bars: Bars | None = None,
    vix: Float64Array1D | None = None,
    advance_decline: Float64Array1D | None = None,
) -> dict[str, Float64Array1D]:
    """The columns ``core.features.MARKET_FEATURES`` on the sessions of a ticker.

    Parameters
    ----------
    sessions : (n,) ``datetime64[D]``, strictly increasing: the rows wanted.
    market_bars : bars of the market (SPY, the S&P 500); None where there are none.
    vix : (n,) VIX at each session's close, in points; NaN where absent.
    advance_decline : (n,) as ``advance_decline_ratio`` gives it.

    Returns
    -------
    name -> (n,) float64; a column whose source is None is left out:

    - *spy_trend* in [-1, 1], see ``trend_score``, and *market_adx* 0..100, both of the latest market bar at or before
      the session, NaN where that is older than four calendar days;
    - *vix* points, *vix_20_avg* its mean over 20 rows with the row's own, NaN where one of them is absent;
    - *advance_decline_ratio* as given.

    Raises
    ------
    InputError : a column has not one value a session.
    """
    out: dict[str, Float64Array1D] = {}
    if market_bars is not None:
        out |= _of_market(market_bars, sessions)
    if vix is not None:
        _check_length(vix, sessions, "vix")
        out["vix"] = vix
        out["vix_20_avg"] = trailing_mean(vix, VIX_AVERAGE_SESSIONS)
    if advance_decline is not None:
        _check_length(advance_decline, sessions, "advance_decline_ratio")
        out["advance_decline_ratio"] = advance_decline
    return out


def trend_score(
    close: Float64Array1D, sma_50: Float64Array1D, sma_200: Float64Array1D, volatility: Float64Array1D
) -> Float64Array1D:
    """How far the close stands above or below its averages, in units of what chance alone would do.

    Parameters
    ----------
    close, sma_50, sma_200 : (n,) USD.
    volatility : (n,) annualised fraction.

    Returns
    -------
    (n,) in [-1, 1]: tanh((z50 + z200) / 2) with z_k = ln(close / sma_k) / (volatility sqrt(k / 3 / 252)). A driftless
    random walk stands sigma sqrt(k / 3) away from the mean of its last k values, so z is about a standard normal
    without a trend. NaN where an input is NaN or the volatility is zero.
    """
    daily = np.where(volatility > 0, volatility, np.nan) / np.sqrt(SESSIONS_PER_YEAR)
    z50 = np.log(close / sma_50) / (daily * np.sqrt(50 / 3))
    z200 = np.log(close / sma_200) / (daily * np.sqrt(200 / 3))
    score: Float64Array1D = np.tanh((z50 + z200) / 2)
    return score


def advance_decline_ratio(
    bars_by_ticker: Mapping[str, Bars], sessions: DateArray1D, membership: Membership | None = None
) -> Float64Array1D:
    """Advancing over declining tickers, over ten sessions.

    Parameters
    ----------
    bars_by_ticker : the universe. A ticker counts on a session when it has that bar and one before it; an unchanged
        close counts on neither side.
    sessions : (n,) ``datetime64[D]``: the rows wanted.
    membership : a ticker counts on the sessions on which it is a member only; None counts every ticker always.

    Returns
    -------
    (n,) sum of advancers / sum of decliners over the last ten sessions on which at least 20 tickers counted, the row's
    own among them. 1 is even. NaN where the session itself has fewer than 20, where fewer than ten such sessions lie
    behind it, and where nothing declined.
    """
    if not bars_by_ticker:
        return np.full(len(sessions), np.nan)
    days = np.unique(np.concatenate([bars.session for bars in bars_by_ticker.values()]))
    advancing, declining, counted = np.zeros(len(days)), np.zeros(len(days)), np.zeros(len(days))
    for ticker, bars in bars_by_ticker.items():
        at = np.searchsorted(days, bars.session[1:])
        change = np.diff(bars.close)
        if membership is not None:
            belongs = membership.includes(ticker, bars.session[1:])
            at, change = at[belongs], change[belongs]
        advancing[at] += change > 0
        declining[at] += change < 0
        counted[at] += 1
    enough = counted >= BREADTH_MINIMUM_TICKERS
    up, down = (trailing_mean(side[enough], BREADTH_SESSIONS) for side in (advancing, declining))
    ratio = np.divide(up, down, out=np.full(len(up), np.nan), where=down > 0)
    series = DatedSeries(days[enough], {"ratio": ratio}, "breadth")
    return series.aligned("ratio", sessions, max_age_days=0)


def _of_market(bars: Bars, sessions: DateArray1D) -> dict[str, Float64Array1D]:
    own = price_features(bars)
    trend = trend_score(own["price"], own["sma_50"], own["sma_200"], own["volatility"])
    series = DatedSeries(bars.session, {"spy_trend": trend, "market_adx": own["adx"]}, bars.source)
    return {name: series.aligned(name, sessions, max_age_days=MARKET_MAX_AGE_DAYS) for name in series.columns}


def _check_length(values: Float64Array1D, sessions: DateArray1D, field: str) -> None:
    if values.shape != (len(sessions),):
        raise InputError(f"{field} has not one value a session", field=field)
