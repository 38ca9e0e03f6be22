"""The open interest of the simulated market, evening by evening, and what dealers must hedge of it.

Customers buy puts below the market and sell calls above it; dealers take the other side, so that the naive dealer model
(dealers long calls, short puts) is true here by construction. An expiry's open interest grows from its listing to its
end; every evening a share of it is closed and opened anew around the spot of that evening. So after a fall the puts of
the weeks before lie near the money and dealers are short gamma; after a calm rise they are long.

Kernels take one market's expiries as rows and their strikes as columns: ``calls`` and ``puts`` (m, STRIKES) contracts,
``lowest`` and ``step`` (m,) USD of the strike ladders, step 0 before the listing.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.core.units import STANDARD_MULTIPLIER, Float64Array1D, Float64Array2D
from lightning_gex.simulation.listing import nice_below
from lightning_gex.simulation.surface import at_the_money_vol, skewed_vol

STRIKES = 121  # an expiry's ladder: 12 to 60 % to either side of the spot at its listing, the longer the life the wider

_STEP_SHARE = 0.01  # of spot, the widest step of an expiry that lives 18 weeks; shorter and longer lives by square root
_STEP_LIFE_YEARS = 126 / 365
_PUT_CALL_RATIO = 1.5  # contracts; SPX open interest lies between 1.5 and 2
_TILT = 0.9  # how far full positioning shifts new business from puts to calls
_ROUND_STRIKE_BOOST = 2.5  # people like strikes on multiples of about 5 % of spot
_ROUND_SHARE = 0.05
_CALL_MEAN, _PUT_MEAN, _PUT_WIDTH = 0.2, -2.6, 1.4  # in spreads: where new calls and puts stand, and how wide the puts
_SPREAD_BASE, _SPREAD_TIME = 0.018, 0.09
INV_SQRT_2PI = 0.3989422804014327
FAR = 6.0  # |d1| beyond which a contract has no gamma that matters
_FEW = 0.5  # contracts; a strike with fewer, which clearing would not show, moves nobody
_WIDEST_VOL = 2.2  # a far strike's volatility over the one at the money is never more on this surface
_NOBODY = 5.0  # widths from the middle beyond which nobody trades


@numba.njit(cache=True, error_model="numpy")
def evening(
    calls: Float64Array2D,
    puts: Float64Array2D,
    lowest: Float64Array1D,
    step: Float64Array1D,
    size: Float64Array1D,
    life_years: Float64Array1D,
    years: Float64Array1D,
    spot: float,
    tilt: float,
    closed_share: float,
    days: float,
) -> None:
    """What the evening's clearing makes of the book, in place.

    Parameters
    ----------
    calls, puts, lowest, step : the book.
    size : (m,) calls of an expiry in the end, contracts.
    life_years, years : (m,) from listing to settlement, and from now; an expiry is alive at 0 < years <= life.
    spot : USD.
    tilt : -1..1, shifts new business from puts (-1) to calls (1).
    closed_share : of the open interest, closed and opened anew, [0, 1).
    days : calendar days since the evening before.
    """
    for e in range(len(years)):
        if not 0.0 < years[e] <= life_years[e]:
            continue
        if step[e] == 0.0:
            _list_strikes(lowest, step, e, spot, life_years[e])
            business = size[e] * (1.0 - years[e] / life_years[e])
        else:
            held = 0.0
            for k in range(STRIKES):
                held += calls[e, k] + puts[e, k]
                calls[e, k] *= 1.0 - closed_share
                puts[e, k] *= 1.0 - closed_share
            business = size[e] * days / 365.0 / life_years[e] + closed_share * held / (1.0 + _PUT_CALL_RATIO)
        _open(calls, puts, e, lowest[e], step[e], years[e], spot, tilt, business)


@numba.njit(cache=True, error_model="numpy")
def _list_strikes(lowest: Float64Array1D, step: Float64Array1D, e: int, spot: float, life_years: float) -> None:
    step[e] = nice_below(_STEP_SHARE * math.sqrt(life_years / _STEP_LIFE_YEARS) * spot)
    middle = round(spot / step[e])
    lowest[e] = step[e] * max(middle - STRIKES // 2, 1)


@numba.njit(cache=True, error_model="numpy")
def _open(
    calls: Float64Array2D,
    puts: Float64Array2D,
    e: int,
    lowest: float,
    step: float,
    years: float,
    spot: float,
    tilt: float,
    business: float,
) -> None:
    """Spread new contracts of one expiry over its strikes."""
    spread = _SPREAD_BASE + _SPREAD_TIME * math.sqrt(years)
    unit = max(nice_below(_ROUND_SHARE * spot), step)
    usual = 1.0 + step / unit * (_ROUND_STRIKE_BOOST - 1.0)
    call_scale = business * (1.0 + _TILT * tilt) * INV_SQRT_2PI / spread
    put_scale = business * (1.0 - _TILT * tilt) * _PUT_CALL_RATIO * INV_SQRT_2PI / (_PUT_WIDTH * spread)
    for k in range(STRIKES):
        strike = lowest + k * step
        away = math.log(strike / spot) / spread
        call_away, put_away = away - _CALL_MEAN, (away - _PUT_MEAN) / _PUT_WIDTH
        if abs(call_away) > _NOBODY and abs(put_away) > _NOBODY:
            continue
        units = strike / unit
        liked = _ROUND_STRIKE_BOOST if abs(units - round(units)) < 1e-9 else 1.0
        share = step / strike * liked / usual
        calls[e, k] += share * call_scale * math.exp(-0.5 * call_away**2)
        puts[e, k] += share * put_scale * math.exp(-0.5 * put_away**2)


@numba.njit(cache=True, error_model="numpy")
def hedging_needs(
    calls: Float64Array2D,
    puts: Float64Array2D,
    lowest: Float64Array1D,
    step: Float64Array1D,
    years: Float64Array1D,
    spot: float,
    atm_vol: float,
    grid: Float64Array1D,
    gamma_usd_per_pct: Float64Array1D,
) -> tuple[float, float]:
    """Dealers' sensitivities over all expiries with ``years`` > 0, strikes keeping their volatilities.

    Parameters
    ----------
    calls, puts, lowest, step, years : the book; rows with years <= 0 are left out.
    spot, atm_vol : USD; annualised fraction of 30 days, which set each strike's volatility.
    grid : (g,) spots, USD.
    gamma_usd_per_pct : (g,) filled: USD of delta per 1 % move at each of them, naive dealer model.

    Returns
    -------
    At ``spot``: vanna, USD of delta per unit of relative change of the 30-day volatility, which moves later ones less;
    charm, USD of delta per year.
    """
    gamma_usd_per_pct[:] = 0.0
    vanna, charm = 0.0, 0.0
    widest = max(abs(math.log(grid[0] / spot)), abs(math.log(grid[len(grid) - 1] / spot)))
    for e in range(len(years)):
        if years[e] <= 0.0 or step[e] == 0.0:
            continue
        root = math.sqrt(years[e])
        middle, share = at_the_money_vol(years[e], atm_vol)
        reach = FAR * _WIDEST_VOL * middle * root + widest
        for k in range(STRIKES):
            if calls[e, k] + puts[e, k] < _FEW:
                continue
            net = (calls[e, k] - puts[e, k]) * STANDARD_MULTIPLIER
            away = math.log((lowest[e] + k * step[e]) / spot)
            if abs(away) > reach:
                continue
            vol = skewed_vol(middle, away / (middle * root))
            deviation = vol * root
            d1 = -away / deviation + 0.5 * deviation
            if abs(d1) < FAR:
                d2 = d1 - deviation
                bell = net * INV_SQRT_2PI * math.exp(-0.5 * d1 * d1) * spot
                vanna -= bell * d2 * share
                charm += bell * d2 / (2.0 * years[e])
            for g in range(len(grid)):
                x = (math.log(grid[g] / spot) - away) / deviation + 0.5 * deviation
                if abs(x) < FAR:
                    gamma_usd_per_pct[g] += net * INV_SQRT_2PI * math.exp(-0.5 * x * x) / deviation * grid[g] * 0.01
    return vanna, charm


def empty_book(expiries: int) -> tuple[Float64Array2D, Float64Array2D, Float64Array1D, Float64Array1D]:
    """Calls, puts, lowest strikes and steps before anything is listed."""
    shape = (expiries, STRIKES)
    return np.zeros(shape), np.zeros(shape), np.zeros(expiries), np.zeros(expiries)
