"""The four options features of agents and RL observation: rolling ranks of dealer positioning and dark-pool flow.

All are in [-1, 1]; plus supports higher prices or calm. A rank places today among the last year of the same series, so
that no drift of its level or scale (and no change of data vendor's unit) can turn into a signal. What a rank cannot say
is the sign of the level: a rank of -1 may still be positive gamma.

Signs, from the dealers' hedging: a dealer who is long X dollars of delta per unit of something buys minus X dollars of
stock when that something happens, and buying supports prices.
"""

from __future__ import annotations

import numpy as np

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import sessions_between
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D

RANK_WINDOW = 252  # sessions: one year
RANK_MINIMUM = 60  # sessions: one quarter, below which a rank says too little
IV_TREND_SESSIONS = 5  # sessions: one week of implied volatility's trend
VOL_POINTS = 100.0  # volatility points in a volatility of 1.0
LONGEST_CLOSURE_DAYS = 31  # calendar days within which the exchange always reopened (longest since 1990: 7, in 2001)
_CHUNK_ROWS = 4_096  # rows compared at once: keeps the table of comparisons near 1 MB


def rolling_rank(values: Float64Array1D, *, window: int = RANK_WINDOW, minimum: int = RANK_MINIMUM) -> Float64Array1D:
    """Where each value stands among the last ``window`` known ones, itself among them.

    Parameters
    ----------
    values : (n,) any unit; NaN where absent.
    window : known values to compare with, at least ``minimum``.
    minimum : known values below which there is no rank, at least 2.

    Returns
    -------
    (n,) in [-1, 1]: (below - above) / (known - 1), the midrank: 1 where the value is above all others, -1 where below
    all, 0 where it is the median or all are equal. The rank of ``-values`` is minus the rank, to the bit. NaN where the
    value is NaN or fewer than ``minimum`` are known; an absent row uses up no place in the window.

    Raises
    ------
    SettingsError : ``minimum`` below 2 or above ``window``.
    InputError : an infinite value.
    """
    if not 2 <= minimum <= window:
        raise SettingsError(f"a rank needs 2 <= minimum <= window, not minimum {minimum}, window {window}")
    _refuse_infinite(values, "values")
    known = ~np.isnan(values)
    out = np.full(len(values), np.nan)
    out[known] = _rank_of_known(values[known], window, minimum)
    return out


def gex_signal(net_gamma_usd_per_pct: Float64Array1D) -> Float64Array1D:
    """Rank of the dealers' net gamma exposure.

    Parameters
    ----------
    net_gamma_usd_per_pct : (n,) USD of delta that dealers gain when spot rises 1 %; NaN where absent.

    Returns
    -------
    (n,) in [-1, 1]. Plus: more gamma than usual, so that hedging sells into rises and buys into falls, which calms
    (Ni, Pearson, Poteshman and White, RFS 2021; Barbon and Buraschi, 2021). It says little about direction.
    """
    return rolling_rank(net_gamma_usd_per_pct)


def dark_pool_flow(dix: Float64Array1D) -> Float64Array1D:
    """Rank of the dark-pool short share.

    Parameters
    ----------
    dix : (n,) DIX, or the ratio of short to total off-exchange volume, as a fraction; NaN where absent.

    Returns
    -------
    (n,) in [-1, 1]. Plus: more off-exchange volume marked short than usual. Market makers who fill buyers sell short,
    so it stands for buying (SqueezeMetrics, Short is Long, 2018).
    """
    return rolling_rank(dix)


def charm_pressure(charm_exposure_usd_per_day: Float64Array1D, days_to_next_session: Float64Array1D) -> Float64Array1D:
    """Rank of the hedging flow that time decay alone forces before the next session's close.

    Parameters
    ----------
    charm_exposure_usd_per_day : (n,) USD of delta that dealers gain as one day passes, at the row's close; NaN where
        absent.
    days_to_next_session : (n,) days from the row's session to the next, in the clock of the exposure's day: calendar
        days from ``days_to_next_session`` (3 over a plain weekend), or ones for exposures per trading day.

    Returns
    -------
    (n,) in [-1, 1]: rank of minus exposure times days. Plus: as delta decays away dealers must buy back stock (or sell
    less) than usual, which supports prices. Experimental: no peer-reviewed forecast rests on it.
    """
    return rolling_rank(-charm_exposure_usd_per_day * days_to_next_session)


def days_to_next_session(sessions: DateArray1D) -> Float64Array1D:
    """(n,) calendar days from each date to the first exchange session after it; NaN beyond the calendar."""
    if len(sessions) == 0:
        return np.zeros(0)
    calendar = sessions_between(sessions.min(), sessions.max() + np.timedelta64(LONGEST_CLOSURE_DAYS, "D"))
    at = np.searchsorted(calendar, sessions, side="right")
    known = at < len(calendar)
    out = np.full(len(sessions), np.nan)
    out[known] = (calendar[at[known]] - sessions[known]) / np.timedelta64(1, "D")
    return out


def vanna_sensitivity(
    vanna_exposure_usd_per_vol_point: Float64Array1D,
    implied_vol: Float64Array1D,
    *,
    trend_sessions: int = IV_TREND_SESSIONS,
) -> Float64Array1D:
    """Rank of the hedging flow if implied volatility keeps its present trend.

    Parameters
    ----------
    vanna_exposure_usd_per_vol_point : (n,) USD of delta that dealers gain when implied volatility rises one point; NaN
        where absent.
    implied_vol : (n,) at-the-money implied volatility (or VIX / 100), annualised fraction; NaN where absent.
    trend_sessions : rows over which the trend is taken, positive.

    Returns
    -------
    (n,) in [-1, 1]: rank of minus exposure times the change of implied volatility in points. Plus: dealers must buy, as
    when volatility falls while their vanna is positive. NaN where either end of the change is absent. Experimental: no
    peer-reviewed forecast rests on it.

    Raises
    ------
    SettingsError : ``trend_sessions`` below 1.
    """
    if trend_sessions < 1:
        raise SettingsError(f"trend_sessions must be at least 1, not {trend_sessions}")
    change = np.full(len(implied_vol), np.nan)
    change[trend_sessions:] = (implied_vol[trend_sessions:] - implied_vol[:-trend_sessions]) * VOL_POINTS
    return rolling_rank(-vanna_exposure_usd_per_vol_point * change)


def _rank_of_known(values: Float64Array1D, window: int, minimum: int) -> Float64Array1D:
    """Ranks of values without NaN. The padding compares as False, so the first rows need no case of their own."""
    n = len(values)
    if n == 0:
        return np.zeros(0)
    window = min(window, n)  # a longer one holds the same values, and padding without end
    windows = np.lib.stride_tricks.sliding_window_view(np.r_[np.full(window - 1, np.nan), values], window)
    count = np.minimum(np.arange(1, n + 1), window).astype(np.float64)
    below, above = np.empty(n), np.empty(n)
    for start in range(0, n, _CHUNK_ROWS):
        rows = slice(start, min(start + _CHUNK_ROWS, n))
        current = values[rows, None]
        below[rows] = _true_a_row(windows[rows] < current)
        above[rows] = _true_a_row(windows[rows] > current)
    rank = (below - above) / np.maximum(count - 1.0, 1.0)
    return np.where(count >= minimum, rank, np.nan)


def _true_a_row(table: BoolArray1D) -> Float64Array1D:
    count: Float64Array1D = np.count_nonzero(table, axis=1).astype(np.float64)
    return count


def _refuse_infinite(values: Float64Array1D, field: str) -> None:
    wrong = np.isinf(values)
    if wrong.any():
        raise InputError(
            "a value is infinite: leave it out (NaN) or mend its source", row=int(np.argmax(wrong)), field=field
        )
