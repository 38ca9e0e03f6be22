"""An option chain modelled from a spot and a volatility: for demonstrations and tests where no market quoted one.

Everything is a function of the arguments, so a chain of a date is the same whenever it is made and needs no seed. The
volatility surface has the skew and the mean-reverting term structure of index options; the open interest stands around
where spot was on average when it was built up, puts below and wider, calls above, more of it on round strikes. When
spot falls below those averages the puts come near the money, and the dealers' net gamma under the naive dealer model
turns negative: what is asked of such a chain is that shape, not any market's figures. ``OptionChain.modelled`` is True.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache

import numpy as np

from lightning_gex.analytics import black_scholes
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import previous_session_or_same, session_of, settlement_utc, to_datetime64
from lightning_gex.core.units import (
    SECONDS_PER_YEAR,
    STANDARD_MULTIPLIER,
    Float64Array1D,
    Float64Array2D,
)

#: At-the-money volatility of 30 days / VIX on this surface: the skew lies in the index and not at the money. Found by
#: replicating the index's variance strip on the surface.
ATM_VOL_OF_VIX = 0.95

_LONG_RUN_VOL = 0.17  # where the term structure leads, annualised
_REVERSION_PER_YEAR = 4.0
_VIX_TENOR_YEARS = 30 / 365
_SKEW, _CURVATURE, _WING = 0.13, 0.02, 5.0  # of implied volatility in standard deviations of moneyness
_MONTHLY_CONTRACTS = 350_000.0  # calls of a monthly expiry near its end
_PUT_CALL_RATIO = 1.5  # contracts; SPX open interest lies between 1.5 and 2
_ROUND_STRIKE_BOOST = 2.5
_WEEKLY_COUNT, _MONTHLY_COUNT, _QUARTERLY_COUNT = 5, 4, 4
_STRIKES_ACROSS = 20  # at least so many strikes an expiry; nice steps make it up to 2.5 times as many
_AM_AND_PM_ROOTS = {"SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "RUT": ("RUT", "RUTW")}
_NICE = (1.0, 2.5, 5.0)


class _Series(Enum):
    """Expiry cycles: size in the end, years from listing to the end, and how recent the spot is that they stand on."""

    WEEKLY = (0.4, 35 / 365, 1.0)
    MONTHLY = (1.0, 126 / 365, 0.5)
    QUARTERLY = (1.5, 371 / 365, 0.0)

    @property
    def size(self) -> float:
        """Contracts in the end, as a multiple of a monthly's."""
        return self.value[0]

    @property
    def life_years(self) -> float:
        """From listing to settlement; open interest grows from nothing in that time."""
        return self.value[1]

    @property
    def recent_share(self) -> float:
        """Weight of the 20-session average of spot against the 60-session one."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class _Expiry:
    date: np.datetime64
    settles_at: np.datetime64
    root: str
    series: _Series


def atm_vol_of_vix(vix: float) -> float:
    """The at-the-money volatility (fraction) at which this surface has a given VIX (points)."""
    return vix / 100.0 * ATM_VOL_OF_VIX


def modelled_chain(
    *,
    underlying: str,
    as_of: datetime,
    spot: float,
    atm_vol: float,
    spot_average_20: float | None = None,
    spot_average_60: float | None = None,
    call_tilt: float = 0.0,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
) -> OptionChain:
    """A chain of weekly, monthly and quarterly expiries, some 400 to 900 contracts.

    Parameters
    ----------
    underlying : symbol; SPX, NDX and RUT get their AM and PM roots, any other symbol PM settlement.
    as_of : aware; expiries that settled by then are left out.
    spot : USD, positive.
    atm_vol : at-the-money volatility of 30 days, annualised, as a fraction, in (0.01, 3); see :func:`atm_vol_of_vix`.
    spot_average_20, spot_average_60 : USD, mean close of so many sessions up to now, around which the open interest
        was built up; None stands for spot, as after a long calm.
    call_tilt : -1..1, shifts open interest from puts (-1) to calls (1).
    rate, dividend_yield : continuously compounded, annualised fractions, of the model's own quotes.

    Returns
    -------
    A chain with quotes around Black-Scholes prices, the surface's volatilities, whole contracts of open interest and
    volume. Each expiry reaches at least 8 % to either side of spot.

    Raises
    ------
    InputError : where an argument is out of range or ``as_of`` is naive.
    """
    now = to_datetime64(as_of, source="modelled chain")
    averages = (
        spot if spot_average_20 is None else spot_average_20,
        spot if spot_average_60 is None else spot_average_60,
    )
    _check(spot, atm_vol, averages, call_tilt)
    expiries = [e for e in _listed(session_of(as_of), underlying) if e.settles_at > now]
    settles_at = np.array([e.settles_at for e in expiries], dtype="datetime64[s]")
    years = (settles_at - now).astype(np.int64) / SECONDS_PER_YEAR
    grids = [_strike_grid(float(t), spot, atm_vol) for t in years]
    each = np.array([len(grid) for grid, _ in grids])
    # One row a strike first; a call and a put of it are made of each at the end.
    wide = _open_interest(
        np.concatenate([grid for grid, _ in grids]),
        step=np.repeat([step for _, step in grids], each),
        years=np.repeat(years, each),
        contracts=np.repeat([_contracts(e.series, float(t)) for e, t in zip(expiries, years, strict=True)], each),
        reference=np.repeat([_reference(e.series, averages) for e in expiries], each),
        round_unit=_nice_below(0.05 * spot),
        call_tilt=call_tilt,
    )
    of_expiry = np.repeat(np.arange(len(expiries)), each)
    strike = np.repeat(np.concatenate([grid for grid, _ in grids]), 2)
    is_call = np.tile([True, False], len(of_expiry))
    open_interest = np.round(wide.ravel())
    of_expiry = np.repeat(of_expiry, 2)
    time = years[of_expiry]
    vol = surface_vol(strike, time, spot=spot, atm_vol=atm_vol, rate=rate, dividend_yield=dividend_yield)
    value = black_scholes.price(spot, strike, time, vol, rate, dividend_yield, is_call)
    bid, ask = _quotes(value)
    return OptionChain(
        underlying=underlying,
        as_of=as_of,
        spot=spot,
        root=np.array([e.root for e in expiries])[of_expiry],
        expiry=np.array([e.date for e in expiries], dtype="datetime64[D]")[of_expiry],
        settles_at=settles_at[of_expiry],
        is_call=is_call,
        strike=strike,
        bid=bid,
        ask=ask,
        implied_vol=vol,
        open_interest=open_interest,
        volume=_volume(open_interest, strike, time, spot, atm_vol),
        multiplier=np.full(len(strike), STANDARD_MULTIPLIER),
        contracts_read=len(strike),
        source="modelled chain",
        modelled=True,
    )


def surface_vol(
    strike: Float64Array1D,
    time_to_expiry_years: Float64Array1D,
    *,
    spot: float,
    atm_vol: float,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
) -> Float64Array1D:
    """Implied volatility of the modelled surface.

    Parameters
    ----------
    strike : (n,) USD, positive.
    time_to_expiry_years : (n,) years, positive.
    spot, atm_vol, rate, dividend_yield : as in :func:`modelled_chain`.

    Returns
    -------
    (n,) annualised fraction, positive; at the money and 30 days it is ``atm_vol``.
    """
    years = time_to_expiry_years
    reach = _mean_reversion(years) / float(_mean_reversion(np.array([_VIX_TENOR_YEARS]))[0])
    at_the_money = atm_vol * (_LONG_RUN_VOL / atm_vol) ** (1.0 - reach)
    forward = spot * np.exp((rate - dividend_yield) * years)
    deviations = np.log(strike / forward) / (at_the_money * np.sqrt(years))
    bounded = deviations / np.sqrt(1.0 + (deviations / _WING) ** 2)
    vol: Float64Array1D = at_the_money * (1.0 - _SKEW * bounded + _CURVATURE * bounded**2)
    return vol


def _check(spot: float, atm_vol: float, averages: tuple[float, float], call_tilt: float) -> None:
    for field, value, low, high in (
        ("spot", spot, 0.0, math.inf),
        ("atm_vol", atm_vol, 0.01, 3.0),
        ("spot_average_20", averages[0], 0.0, math.inf),
        ("spot_average_60", averages[1], 0.0, math.inf),
    ):
        if not low < value < high:
            raise InputError(f"{value} lies outside {low:g}..{high:g}", source="modelled chain", field=field)
    if not -1 <= call_tilt <= 1:
        raise InputError(f"{call_tilt} lies outside -1..1", source="modelled chain", field="call_tilt")


def _mean_reversion(years: Float64Array1D) -> Float64Array1D:
    """How much of today's deviation from the long run an average over so many years keeps, in (0, 1]."""
    x = _REVERSION_PER_YEAR * years
    kept: Float64Array1D = -np.expm1(-x) / x
    return kept


def _listed(session: np.datetime64, underlying: str) -> list[_Expiry]:
    """The expiries listed on a session, oldest first: Fridays, or the last session before one that is a holiday."""
    first_friday = session + (4 - _weekday(session)) % 7
    cycle = {first_friday + 7 * k: _Series.WEEKLY for k in range(_WEEKLY_COUNT)}
    month = session.astype("datetime64[M]")
    thirds = [t for t in (_third_friday(month + k) for k in range(13)) if t >= session]
    cycle |= dict.fromkeys(thirds[:_MONTHLY_COUNT], _Series.MONTHLY)
    quarters = [t for t in thirds if int(t.astype("datetime64[M]").astype(np.int64)) % 3 == 2]
    cycle |= dict.fromkeys(quarters[:_QUARTERLY_COUNT], _Series.QUARTERLY)
    am_root, pm_root = _AM_AND_PM_ROOTS.get(underlying, (underlying, underlying))
    return [_expiry(date, pm_root if cycle[date] is _Series.WEEKLY else am_root, cycle[date]) for date in sorted(cycle)]


@lru_cache(maxsize=1024)  # neighbouring sessions list the same expiries
def _expiry(friday: np.datetime64, root: str, series: _Series) -> _Expiry:
    listed = previous_session_or_same(np.array([friday], dtype="datetime64[D]"))
    return _Expiry(listed[0], settlement_utc(np.array([root]), listed)[0], root, series)


def _weekday(date: np.datetime64) -> int:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return int((date.astype(np.int64) + 3) % 7)


@lru_cache(maxsize=1024)
def _third_friday(month: np.datetime64) -> np.datetime64:
    first = month.astype("datetime64[D]")
    friday: np.datetime64 = first + (4 - _weekday(first)) % 7 + 14
    return friday


def _strike_grid(years: float, spot: float, atm_vol: float) -> tuple[Float64Array1D, float]:
    """(strikes, step) of one expiry: multiples of a nice step, 2.6 standard deviations and 8..40 % to either side."""
    half_width = min(max(2.6 * atm_vol * math.sqrt(years), 0.08), 0.40)
    step = _nice_below(2.0 * half_width * spot / _STRIKES_ACROSS)
    lowest = max(math.floor(spot * (1.0 - half_width) / step), 1)
    highest = math.ceil(spot * (1.0 + half_width) / step)
    return step * np.arange(lowest, highest + 1, dtype=np.float64), step


def _contracts(series: _Series, years: float) -> float:
    """Calls of an expiry, all strikes together, growing evenly since it was listed."""
    return _MONTHLY_CONTRACTS * series.size * min(max(1.0 - years / series.life_years, 0.0), 1.0)


def _reference(series: _Series, averages: tuple[float, float]) -> float:
    """Where spot was when the open interest of a cycle was built up."""
    return series.recent_share * averages[0] + (1.0 - series.recent_share) * averages[1]


def _open_interest(
    strike: Float64Array1D,
    *,
    step: Float64Array1D,
    years: Float64Array1D,
    contracts: Float64Array1D,
    reference: Float64Array1D,
    round_unit: float,
    call_tilt: float,
) -> Float64Array2D:
    """(n, 2) contracts of the call and the put of each strike, before rounding."""
    spread = 0.025 + 0.10 * np.sqrt(years)
    away = np.log(strike / reference)
    share = contracts * (step / strike) * _roundness(strike, step, round_unit)
    calls = (1.0 + 0.5 * call_tilt) * _bell(away, 0.5 * spread, spread)
    puts = (1.0 - 0.5 * call_tilt) * _PUT_CALL_RATIO * _bell(away, -1.1 * spread, 1.5 * spread)
    return np.stack([share * calls, share * puts], axis=1)


def _bell(x: Float64Array1D, mean: Float64Array1D, width: Float64Array1D) -> Float64Array1D:
    density: Float64Array1D = np.exp(-0.5 * ((x - mean) / width) ** 2) / (width * math.sqrt(2.0 * math.pi))
    return density


def _roundness(strike: Float64Array1D, step: Float64Array1D, round_unit: float) -> Float64Array1D:
    """People like round strikes: more on multiples of about 5 % of spot, less between; 1 on average."""
    unit = np.maximum(round_unit, step)
    units = strike / unit
    boost = np.where(np.abs(units - np.round(units)) < 1e-9, _ROUND_STRIKE_BOOST, 1.0)
    factor: Float64Array1D = boost / (1.0 + step / unit * (_ROUND_STRIKE_BOOST - 1.0))
    return factor


def _nice_below(value: float) -> float:
    """The largest of 1, 2.5, 5 times a power of ten that is not above ``value``."""
    scale = 10.0 ** math.floor(math.log10(value))
    return max((nice for nice in _NICE if nice * scale <= value), default=1.0) * scale


def _quotes(value: Float64Array1D) -> tuple[Float64Array1D, Float64Array1D]:
    """Bid and ask around a value, on the exchange's ticks: 0.05 USD below 3 USD, 0.10 above."""
    half = np.maximum(0.025, 0.01 * value)
    tick = np.where(value < 3.0, 0.05, 0.10)
    bid = np.floor(np.maximum(value - half, 0.0) / tick) * tick
    ask = np.ceil((value + half) / tick) * tick
    return np.round(bid, 2), np.round(ask, 2)


def _volume(
    open_interest: Float64Array1D, strike: Float64Array1D, years: Float64Array1D, spot: float, atm_vol: float
) -> Float64Array1D:
    """A day's contracts: a share of the open interest, most of it near the money and in the nearest expiries."""
    deviations = np.log(strike / spot) / (atm_vol * np.sqrt(years))
    turnover = 0.25 * np.exp(-0.5 * deviations**2) / (1.0 + years / 0.1)
    contracts: Float64Array1D = np.round(open_interest * turnover)
    return contracts
