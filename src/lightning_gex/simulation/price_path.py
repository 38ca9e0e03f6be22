"""The simulated market's prices, step by step: news moves them, and so does what dealers must hedge of their book.

Within a step of half an hour news moves the price; dealers trade what that move, the time that passed and the latest
change of implied volatility did to the delta of their book; and their order moves the price in the next step, by one
per cent for each ``depth_usd_per_pct``. So a book of positive gamma trades against each move and damps it, a negative
one feeds it, charm and vanna push the price a known way, and what expires in the session pins it or lets it run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.core.units import (
    SESSIONS_PER_YEAR,
    STANDARD_MULTIPLIER,
    Float64Array1D,
    Float64Array2D,
    Int32Array1D,
    Int64Array1D,
)
from lightning_gex.simulation.dealer_book import FAR, INV_SQRT_2PI, STRIKES, evening, hedging_needs
from lightning_gex.simulation.surface import ATM_VOL_OF_VIX

STEPS = 13  # half-hours of a regular session
VOLATILITY, POSITIONING, INDEX, FLOW, VOLUME, OVERNIGHT, JUMP, JUMP_SIZE, JUMP_STEP = range(9)
NORMALS = 9 + STEPS
EXTREMES = 2 * STEPS  # exponential draws a session: how far price strayed between the ends of each step
MOST_ALIVE = 24  # expiries listed at once; five weeks and a year of months and quarters are fewer

_DAY_MINUTES = 1_440
_MINUTES_PER_YEAR = 365.0 * _DAY_MINUTES
_OVERNIGHT_MINUTES = 1_050  # from a close at 16:00 to the next open at 09:30
_HALF_HOURS = 9  # where the half-hours' draws begin
_PER_CENT = 100.0
_GRID = 9  # spots of a session's gamma profile
_GRID_REACH = 4.0  # daily standard deviations to either side
_MOST_SHARE = 0.8  # of a move: dealers' orders are never larger, so that no market of this kind runs away
_INDEX_SESSIONS = 21  # the volatility index looks a month ahead
_INDEX_NOISE = 0.02
_INDEX_SEES = 0.35  # power of the damping that option sellers price: half of what hedging does to volatility


class Terms(NamedTuple):
    """The numbers of a market's configuration that the kernel needs, in the units of ``MarketConfig``."""

    start_price: float
    drift_per_year: float
    long_run_vol: float
    vol_reversion: float
    vol_of_vol: float
    leverage: float
    jumps_per_year: float
    jump_threshold: float
    jump_mean: float
    jump_deviation: float
    jump_vol: float
    positioning_persistence: float
    overnight_share: float
    volatility_premium: float
    open_interest_usd: float
    closed_share: float
    depth_usd_per_pct: float
    gamma_hedging: float
    charm_hedging: float
    vanna_hedging: float
    pinning: float
    planted_effect: float


class Path(NamedTuple):
    """What the kernel fills, (n,) each.

    Parameters
    ----------
    open, high, low, close : USD.
    vol : annualised volatility that hedging leaves of ``news_vol``, fraction, for the session to come.
    news_vol : annualised volatility of the news alone, fraction, for the session to come.
    vol_index : volatility index, fraction.
    gamma : dealers' net gamma at the close, USD per 1 %, by the open interest of the evening before.
    positioning : in (-1, 1).
    damping : share of each move that dealers trade against in the session to come; below 0 they trade with it.
    charm_return, vanna_return : log return of the session to come that hedging of time and volatility causes.
    """

    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D
    vol: Float64Array1D
    news_vol: Float64Array1D
    vol_index: Float64Array1D
    gamma: Float64Array1D
    positioning: Float64Array1D
    damping: Float64Array1D
    charm_return: Float64Array1D
    vanna_return: Float64Array1D


class Books(NamedTuple):
    """The open interest at each evening, where it is kept: (n, MOST_ALIVE) rows of an expiry each.

    Parameters
    ----------
    expiry : (n, MOST_ALIVE) position in the listing; -1 behind the last.
    calls, puts : (n, MOST_ALIVE, STRIKES) contracts.
    lowest, step : (m,) USD, the ladders.
    """

    expiry: Int32Array1D
    calls: Float64Array2D
    puts: Float64Array2D
    lowest: Float64Array1D
    step: Float64Array1D


def empty_path(sessions: int) -> Path:
    """Room for a path."""
    return Path(*(np.empty(sessions) for _ in Path._fields))


def empty_books(sessions: int, expiries: int) -> Books:
    """Room for the books of so many evenings; none where ``sessions`` is 0."""
    shape = (sessions, MOST_ALIVE, STRIKES)
    return Books(
        np.full((sessions, MOST_ALIVE), -1, dtype=np.int32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(expiries),
        np.zeros(expiries),
    )


@numba.njit(cache=True, error_model="numpy")
def years_to(settles_at: Int64Array1D, minute: float, out: Float64Array1D) -> None:
    """Fill (m,) years from a minute to each settlement."""
    for e in range(len(out)):
        out[e] = (settles_at[e] - minute) / _MINUTES_PER_YEAR


@numba.njit(cache=True, error_model="numpy")
def keep_book(
    books: Books, i: int, calls: Float64Array2D, puts: Float64Array2D, years: Float64Array1D, step: Float64Array1D
) -> None:
    """Keep the alive expiries of evening ``i``."""
    a = 0
    for e in range(len(years)):
        if years[e] > 0.0 and step[e] > 0.0 and a < MOST_ALIVE:
            books.expiry[i, a] = e
            for k in range(STRIKES):
                books.calls[i, a, k] = calls[e, k]
                books.puts[i, a, k] = puts[e, k]
            a += 1


@numba.njit(cache=True, error_model="numpy")
def books_along(
    close: Float64Array1D,
    closes_at: Int64Array1D,
    settles_at: Int64Array1D,
    size: Float64Array1D,
    life_years: Float64Array1D,
    open_interest_usd: float,
    closed_share: float,
    tilt: float,
    books: Books,
) -> None:
    """Fill the books that customers leaning ``tilt`` to calls would have built along (n,) closes, USD at minutes."""
    m = len(settles_at)
    calls, puts = np.zeros((m, STRIKES)), np.zeros((m, STRIKES))
    years = np.empty(m)
    for i in range(len(close)):
        years_to(settles_at, closes_at[i], years)
        days = (closes_at[i] - closes_at[max(i - 1, 0)]) / _DAY_MINUTES
        contracts = size * (open_interest_usd / (STANDARD_MULTIPLIER * close[i]))
        evening(calls, puts, books.lowest, books.step, contracts, life_years, years, close[i], tilt, closed_share, days)
        keep_book(books, i, calls, puts, years, books.step)


@numba.njit(cache=True, error_model="numpy")
def simulate(
    terms: Terms,
    normals: Float64Array2D,
    extremes: Float64Array2D,
    opens_at: Int64Array1D,
    closes_at: Int64Array1D,
    settles_at: Int64Array1D,
    size: Float64Array1D,
    life_years: Float64Array1D,
    path: Path,
    books: Books,
) -> None:
    """Fill the path of n sessions, and the books where there is room for them.

    Parameters
    ----------
    terms : the configuration.
    normals, extremes : (n, NORMALS) and (n, EXTREMES) draws.
    opens_at, closes_at : (n + 1,) minutes since 1970, of the session after the last as well.
    settles_at, size, life_years : (m,) the listing, oldest first; minutes since 1970.
    path, books : filled.
    """
    m = len(settles_at)
    calls, puts = np.zeros((m, STRIKES)), np.zeros((m, STRIKES))
    years, later = np.empty(m), np.empty(m)
    grid, profile, spot_alone, at_spot = np.empty(_GRID), np.empty(_GRID), np.empty(1), np.empty(1)
    log_level = math.log(terms.long_run_vol)
    log_vol, raw, last, index, damping = log_level, 0.0, terms.start_price, terms.long_run_vol, 0.0
    charm_return, vanna_return = 0.0, 0.0
    first_close = opens_at[0] - _OVERNIGHT_MINUTES
    years_to(settles_at, first_close, years)
    contracts = size * (terms.open_interest_usd / (STANDARD_MULTIPLIER * last))
    evening(calls, puts, books.lowest, books.step, contracts, life_years, years, last, 0.0, terms.closed_share, 0.0)
    for i in range(len(normals)):
        draw = normals[i]
        began = closes_at[i - 1] if i else first_close
        daily = math.exp(log_vol) / math.sqrt(SESSIONS_PER_YEAR)
        reach = _GRID_REACH * daily * max(1.0, 1.0 / (1.0 + min(damping, 0.0)))
        for g in range(_GRID):
            grid[g] = last * math.exp(reach * (2.0 * g / (_GRID - 1) - 1.0))
        middle = 0.5 * (opens_at[i] + closes_at[i])
        for e in range(m):
            years[e] = (settles_at[e] - middle) / _MINUTES_PER_YEAR if settles_at[e] > closes_at[i] else 0.0
        hedging_needs(calls, puts, books.lowest, books.step, years, last, index * ATM_VOL_OF_VIX, grid, profile)
        jump = 0.0
        if draw[JUMP] > terms.jump_threshold:
            jump = terms.jump_mean + terms.jump_deviation * draw[JUMP_SIZE]
        news = _session(
            terms,
            draw,
            extremes[i],
            daily,
            jump,
            last,
            charm_return + vanna_return,
            raw,
            grid,
            profile,
            calls,
            puts,
            books.lowest,
            books.step,
            settles_at,
            opens_at[i],
            closes_at[i],
            index * ATM_VOL_OF_VIX,
            path,
            i,
        )
        last = path.close[i]
        # The evening: volatility, positioning, what was traded, and the index.
        own = terms.leverage * news / daily + math.sqrt(1.0 - terms.leverage**2) * draw[VOLATILITY]
        log_vol += terms.vol_reversion * (log_level - log_vol) + terms.vol_of_vol * own
        if jump != 0.0:
            log_vol += terms.jump_vol
        persistence = terms.positioning_persistence
        raw = persistence * raw + math.sqrt(1.0 - persistence**2) * draw[POSITIONING]
        years_to(settles_at, closes_at[i], years)
        spot_alone[0] = last
        before = index
        # The index sees the book that the session began with, at the close's spot; what the evening adds comes later.
        damping = _share(terms.gamma_hedging * _interpolated(grid, profile, last) / terms.depth_usd_per_pct)
        index = _index(terms, log_vol - log_level, damping) * math.exp(_INDEX_NOISE * draw[INDEX])
        hedging_needs(calls, puts, books.lowest, books.step, years, last, index * ATM_VOL_OF_VIX, spot_alone, at_spot)
        path.gamma[i] = at_spot[0]
        contracts = size * (terms.open_interest_usd / (STANDARD_MULTIPLIER * last))
        days = (closes_at[i] - began) / _DAY_MINUTES
        evening(
            calls,
            puts,
            books.lowest,
            books.step,
            contracts,
            life_years,
            years,
            last,
            math.tanh(raw),
            terms.closed_share,
            days,
        )
        if len(books.expiry):
            keep_book(books, i, calls, puts, years, books.step)
        following, closing = opens_at[i + 1], closes_at[i + 1]
        for e in range(m):
            later[e] = (settles_at[e] - 0.5 * (following + closing)) / _MINUTES_PER_YEAR
            if settles_at[e] <= closing:
                later[e] = 0.0
        vanna, charm = hedging_needs(
            calls, puts, books.lowest, books.step, later, last, index * ATM_VOL_OF_VIX, spot_alone, at_spot
        )
        damping = _share(terms.gamma_hedging * at_spot[0] / terms.depth_usd_per_pct)
        usd_per_return = _PER_CENT * terms.depth_usd_per_pct
        charm_return = -terms.charm_hedging * charm * (closing - closes_at[i]) / _MINUTES_PER_YEAR / usd_per_return
        vanna_return = -terms.vanna_hedging * vanna * math.log(index / before) / usd_per_return
        limit = _MOST_SHARE * math.exp(log_vol) / math.sqrt(SESSIONS_PER_YEAR)
        charm_return = min(max(charm_return, -limit), limit)
        vanna_return = min(max(vanna_return, -limit), limit)
        path.news_vol[i] = math.exp(log_vol)
        path.vol[i] = math.exp(log_vol) / (1.0 + damping)
        path.vol_index[i], path.positioning[i], path.damping[i] = index, math.tanh(raw), damping
        path.charm_return[i], path.vanna_return[i] = charm_return, vanna_return


@numba.njit(cache=True, error_model="numpy")
def _session(
    terms: Terms,
    draw: Float64Array1D,
    extreme: Float64Array1D,
    daily: float,
    jump: float,
    last: float,
    hedging_return: float,
    raw: float,
    grid: Float64Array1D,
    profile: Float64Array1D,
    calls: Float64Array2D,
    puts: Float64Array2D,
    lowest: Float64Array1D,
    step: Float64Array1D,
    settles_at: Int64Array1D,
    opens_at: int,
    closes_at: int,
    atm_vol: float,
    path: Path,
    i: int,
) -> float:
    """Fill one session's prices from the close before; the log return that news alone made."""
    night = math.sqrt(terms.overnight_share) * daily
    half_hour = math.sqrt((1.0 - terms.overnight_share) / STEPS) * daily
    drift = terms.drift_per_year / SESSIONS_PER_YEAR + terms.planted_effect * math.tanh(raw) * daily - daily**2 / 2
    pushed = (drift + hedging_return) / (STEPS + 1)
    jump_step = min(int(_uniform(draw[JUMP_STEP]) * (STEPS + 1)), STEPS)
    news, pending, spot = 0.0, 0.0, last
    minutes = (closes_at - opens_at) / STEPS
    for j in range(STEPS + 1):
        shock = night * draw[OVERNIGHT] if j == 0 else half_hour * draw[_HALF_HOURS + j - 1]
        if j == jump_step:
            shock += jump
        news += shock
        move = pushed + shock + pending
        reached = spot * math.exp(move)
        if j == 0:
            path.open[i], path.high[i], path.low[i] = reached, reached, reached
        else:
            spread = 2.0 * half_hour**2
            above = 0.5 * (move + math.sqrt(move**2 + spread * extreme[2 * j - 2]))
            below = 0.5 * (move - math.sqrt(move**2 + spread * extreme[2 * j - 1]))
            path.high[i] = max(path.high[i], spot * math.exp(above))
            path.low[i] = min(path.low[i], spot * math.exp(below))
        gamma = terms.gamma_hedging * _interpolated(grid, profile, 0.5 * (spot + reached))
        if j and terms.pinning != 0.0:
            left = (closes_at - opens_at - (j - 0.5) * minutes) / _MINUTES_PER_YEAR
            gamma += terms.pinning * _expiring_gamma(
                calls, puts, lowest, step, settles_at, closes_at, left, 0.5 * (spot + reached), atm_vol
            )
        pending = -_share(gamma / terms.depth_usd_per_pct) * move
        spot = reached
    path.close[i] = spot
    return news


@numba.njit(cache=True, error_model="numpy")
def _expiring_gamma(
    calls: Float64Array2D,
    puts: Float64Array2D,
    lowest: Float64Array1D,
    step: Float64Array1D,
    settles_at: Int64Array1D,
    closes_at: int,
    years: float,
    spot: float,
    atm_vol: float,
) -> float:
    """Dealers' gamma of what settles at this close, USD per 1 %."""
    total = 0.0
    for e in range(len(settles_at)):
        if settles_at[e] != closes_at or step[e] == 0.0:
            continue
        deviation = atm_vol * math.sqrt(years)
        for k in range(STRIKES):
            x = math.log((lowest[e] + k * step[e]) / spot) / deviation
            if abs(x) < FAR:
                net = (calls[e, k] - puts[e, k]) * STANDARD_MULTIPLIER
                total += net * INV_SQRT_2PI * math.exp(-0.5 * x * x) / deviation * spot * 0.01
    return total


@numba.njit(cache=True, error_model="numpy")
def _index(terms: Terms, above_level: float, damping: float) -> float:
    """Volatility that options price for the month to come: news returning to its mean, damped, and a premium."""
    kept = 1.0 - terms.vol_reversion
    mean = (1.0 - kept**_INDEX_SESSIONS) / (_INDEX_SESSIONS * terms.vol_reversion) if terms.vol_reversion > 0 else 1.0
    jumps = terms.jumps_per_year * (terms.jump_mean**2 + terms.jump_deviation**2)
    news = terms.long_run_vol * math.exp(above_level * mean)
    return float(math.sqrt(news**2 + jumps) * (1.0 + terms.volatility_premium) / (1.0 + damping) ** _INDEX_SEES)


@numba.njit(cache=True, error_model="numpy")
def _share(share: float) -> float:
    return float(min(max(share, -_MOST_SHARE), _MOST_SHARE))


@numba.njit(cache=True, error_model="numpy")
def _uniform(normal: float) -> float:
    return 0.5 * math.erfc(-normal / math.sqrt(2.0))


@numba.njit(cache=True, error_model="numpy")
def _interpolated(grid: Float64Array1D, values: Float64Array1D, at: float) -> float:
    """Linear between the grid's spots, flat outside of them."""
    last = len(grid) - 1
    if at <= grid[0]:
        return float(values[0])
    if at >= grid[last]:
        return float(values[last])
    g = 0
    while grid[g + 1] < at:
        g += 1
    return float(values[g] + (values[g + 1] - values[g]) * (at - grid[g]) / (grid[g + 1] - grid[g]))
