"""Option chains of the simulated exchange: for demonstrations and tests where no market quoted one.

A chain is an evening's open interest (``dealer_book``) on the listed strikes, quoted around Black-Scholes values of the
simulated surface at the moment asked for. Everything is a function of the arguments, so a chain of a date is the same
whenever it is made. ``OptionChain.modelled`` is True.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lightning_gex.analytics import black_scholes
from lightning_gex.core.bars import Bars
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    session_close_utc,
    session_of,
    sessions_between,
    to_datetime64,
)
from lightning_gex.core.units import (
    SECONDS_PER_YEAR,
    STANDARD_MULTIPLIER,
    DateArray1D,
    Float64Array1D,
    Int64Array1D,
    TimeArray1D,
)
from lightning_gex.simulation.dealer_book import STRIKES
from lightning_gex.simulation.listing import Listing, listing
from lightning_gex.simulation.price_path import Books, books_along, empty_books
from lightning_gex.simulation.surface import atm_vol_of_vix, surface_vol

__all__ = ["ChainHistory", "atm_vol_of_vix", "chains_along", "modelled_chain", "surface_vol"]

#: Calls of a monthly expiry near its end: 350,000 contracts on an index at 2,000.
OPEN_INTEREST_USD = 7e10
#: Of the open interest, closed and opened anew every evening.
CLOSED_SHARE = 0.10
DAYS_PER_YEAR = 365.0
FARTHEST_AVERAGE = 100.0  # times: what moved farther in 60 sessions was split
LARGEST_RATE = 1.0  # a year, continuous: beyond it a rate is per cent by mistake, and forwards leave float64

_QUOTED_REACH = 0.10  # strikes this near to spot are quoted whether anybody holds them or not
_HELD = 0.5  # contracts; less is none
_CLIMB = np.timedelta64(90, "D")  # history behind a single chain: 60 sessions
_AVERAGE_20, _AVERAGE_60 = 20, 60


@dataclass(frozen=True, slots=True, eq=False)
class ChainHistory:
    """The open interest of every evening of a history, from which any session's chain can be made.

    Parameters
    ----------
    underlying : symbol.
    listing : what the exchange listed.
    sessions : (n,) ``datetime64[D]``.
    books : the open interest after each session.
    source : for the chains' record.
    """

    underlying: str
    listing: Listing
    sessions: DateArray1D
    books: Books
    source: str = "modelled chain"

    def chain(
        self,
        evening: int,
        *,
        as_of: datetime,
        spot: float,
        atm_vol: float,
        rate: float = 0.0,
        dividend_yield: float = 0.0,
    ) -> OptionChain:
        """The chain at a moment, with the open interest that was cleared after session ``evening``.

        Parameters
        ----------
        evening : row of ``sessions``.
        as_of : aware; expiries that settled by then are left out.
        spot : USD.
        atm_vol : at-the-money volatility of 30 days, annualised, as a fraction.
        rate, dividend_yield : continuously compounded, annualised fractions, of the model's own quotes.
        """
        held = [
            (int(e), self.books.calls[evening, a], self.books.puts[evening, a])
            for a, e in enumerate(self.books.expiry[evening].tolist())
            if e >= 0 and self.listing.settles_at[e] > to_datetime64(as_of, source=self.source)
        ]
        parts = [self._strikes(e, calls, puts, spot) for e, calls, puts in held]
        each = np.array([len(strikes) for strikes, _, _ in parts], dtype=np.int64)
        expiries = np.repeat(np.array([e for e, _, _ in held], dtype=np.int64), each)
        return self._quoted(
            np.repeat(expiries, 2),
            np.repeat(np.concatenate([strikes for strikes, _, _ in parts]), 2),
            np.stack([np.concatenate([c for _, c, _ in parts]), np.concatenate([p for _, _, p in parts])], axis=1),
            _Moment(as_of, spot, atm_vol, rate, dividend_yield),
        )

    def _strikes(
        self, e: int, calls: Float64Array1D, puts: Float64Array1D, spot: float
    ) -> tuple[Float64Array1D, Float64Array1D, Float64Array1D]:
        strike = self.books.lowest[e] + self.books.step[e] * np.arange(STRIKES)
        kept = (calls + puts >= _HELD) | (np.abs(strike / spot - 1.0) <= _QUOTED_REACH)
        return strike[kept], calls[kept], puts[kept]

    def _quoted(
        self, expiry: Int64Array1D, strike: Float64Array1D, open_interest: Float64Array1D, moment: _Moment
    ) -> OptionChain:
        settles_at = self.listing.settles_at[expiry]
        now = to_datetime64(moment.as_of, source=self.source)
        years = (settles_at - now).astype(np.int64) / SECONDS_PER_YEAR
        is_call = np.tile([True, False], len(strike) // 2)
        rates = {"rate": moment.rate, "dividend_yield": moment.dividend_yield}
        vol = surface_vol(strike, years, spot=moment.spot, atm_vol=moment.atm_vol, **rates)
        value = black_scholes.price(moment.spot, strike, years, vol, moment.rate, moment.dividend_yield, is_call)
        bid, ask = _quotes(value)
        held = np.round(open_interest.astype(np.float64).ravel())
        return OptionChain(
            underlying=self.underlying,
            as_of=moment.as_of,
            spot=moment.spot,
            root=self.listing.root[expiry],
            expiry=self.listing.expiry[expiry],
            settles_at=settles_at,
            is_call=is_call,
            strike=strike,
            bid=bid,
            ask=ask,
            implied_vol=vol,
            open_interest=held,
            volume=_volume(held, strike, years, moment.spot, moment.atm_vol),
            multiplier=np.full(len(strike), STANDARD_MULTIPLIER),
            contracts_read=len(strike),
            source=self.source,
            modelled=True,
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    as_of: datetime
    spot: float
    atm_vol: float
    rate: float
    dividend_yield: float


def chains_along(bars: Bars, underlying: str) -> ChainHistory:
    """The open interest that customers of this kind would have built up along a history of closes.

    Parameters
    ----------
    bars : daily bars; the first evening starts from what stands around its close.
    underlying : symbol; SPX, NDX and RUT get their AM and PM roots, any other symbol PM settlement.
    """
    return _along(underlying, bars.session, bars.close)


def _along(underlying: str, sessions: DateArray1D, close: Float64Array1D, tilt: float = 0.0) -> ChainHistory:
    listed = listing(underlying, sessions[0], sessions[-1])
    books = empty_books(len(sessions), len(listed))
    books_along(
        np.ascontiguousarray(close, dtype=np.float64),
        minutes(session_close_utc(sessions)),
        minutes(listed.settles_at),
        listed.size,
        listed.life_days / DAYS_PER_YEAR,
        OPEN_INTEREST_USD,
        CLOSED_SHARE,
        tilt,
        books,
    )
    return ChainHistory(underlying, listed, sessions, books)


def minutes(instants: TimeArray1D) -> Int64Array1D:
    """(n,) whole minutes since 1970 UTC."""
    whole: Int64Array1D = instants.astype("datetime64[m]").astype(np.int64)
    return whole


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
    """A chain of weekly, monthly and quarterly expiries, some 500 to 2,000 contracts.

    Parameters
    ----------
    underlying : symbol; SPX, NDX and RUT get their AM and PM roots, any other symbol PM settlement.
    as_of : aware; expiries that settled by then are left out.
    spot : USD, positive.
    atm_vol : at-the-money volatility of 30 days, annualised, as a fraction, in (0.01, 3); see :func:`atm_vol_of_vix`.
    spot_average_20, spot_average_60 : USD, mean close of so many sessions before, around which the open interest was
        built up; None stands for spot, as after a long calm.
    call_tilt : -1..1, how far customers leaned from puts (-1) to calls (1).
    rate, dividend_yield : continuously compounded, annualised fractions, of the model's own quotes.

    Returns
    -------
    A chain with quotes around Black-Scholes prices, the surface's volatilities, whole contracts of open interest and
    volume. Together its expiries reach at least 10 % to either side of spot.

    Raises
    ------
    InputError : where an argument is out of range, ``as_of`` is naive or lies outside the exchange's calendar.
    """
    recent = spot if spot_average_20 is None else spot_average_20
    longer = recent if spot_average_60 is None else spot_average_60
    earlier = (_AVERAGE_60 * longer - _AVERAGE_20 * recent) / (_AVERAGE_60 - _AVERAGE_20)
    _check(spot, atm_vol, recent, longer, earlier, call_tilt)
    if not FIRST_SESSION_YEAR < as_of.year < LAST_SESSION_YEAR:
        raise InputError(f"{as_of} lies outside the exchange calendar", source="modelled chain", field="as_of")
    for name, value in (("rate", rate), ("dividend_yield", dividend_yield)):
        if not -LARGEST_RATE <= value <= LARGEST_RATE:
            problem = f"{value} lies outside {-LARGEST_RATE:g}..{LARGEST_RATE:g}"
            raise InputError(problem, source="modelled chain", field=name)
    session = session_of(as_of)
    past = sessions_between(session - _CLIMB, session - np.timedelta64(1, "D"))[-_AVERAGE_60:]
    if len(past) < _AVERAGE_60:
        raise InputError(f"{as_of} lies outside the exchange's calendar", source="modelled chain", field="as_of")
    close = np.where(np.arange(_AVERAGE_60) < _AVERAGE_60 - _AVERAGE_20, earlier, recent)
    history = _along(underlying, past, close, call_tilt)
    return history.chain(
        _AVERAGE_60 - 1, as_of=as_of, spot=spot, atm_vol=atm_vol, rate=rate, dividend_yield=dividend_yield
    )


def _check(spot: float, atm_vol: float, recent: float, longer: float, earlier: float, call_tilt: float) -> None:
    for name, value, low, high in (
        ("spot", spot, 0.0, math.inf),
        ("atm_vol", atm_vol, 0.01, 3.0),
        ("spot_average_20", recent, 0.0, math.inf),
        ("spot_average_60", longer, 0.0, math.inf),
        ("spot_average_60", earlier, 0.0, math.inf),
    ):
        if not low < value < high:
            raise InputError(f"{value} lies outside {low:g}..{high:g}", source="modelled chain", field=name)
        if name.startswith("spot_average") and not spot / FARTHEST_AVERAGE <= value <= spot * FARTHEST_AVERAGE:
            raise InputError(f"{value:g} is no average of a spot of {spot:g}", source="modelled chain", field=name)
    if not -1.0 <= call_tilt <= 1.0:
        raise InputError(f"{call_tilt} lies outside -1..1", source="modelled chain", field="call_tilt")


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
