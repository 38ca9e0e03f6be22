"""What hypotheses are tested on: outcomes by session, and beside each what was known at the close before.

Row d of every feature and level is known after the close of session d, and nothing here looks later than d; what is
tested against it begins with session d + 1. Cutting the data off after a session changes no row before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from lightning_gex.adapters.market_data.stale_open import (
    CASH_INDICES,
    REAL_OPEN_INDICES,
    default_fill_price,
    plain_symbol,
)
from lightning_gex.analytics.indicators import trailing_mean
from lightning_gex.analytics.options_features import (
    charm_pressure,
    dark_pool_flow,
    days_to_next_session,
    gex_signal,
    rolling_rank,
    vanna_sensitivity,
)
from lightning_gex.analytics.volatility_forecast import LEAST_VARIANCE, MONTH_SESSIONS, realised_variance
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import previous_session_or_same, session_close_utc
from lightning_gex.core.units import SESSIONS_PER_YEAR, BoolArray1D, DateArray1D, Float64Array1D, TimeArray1D
from lightning_gex.engine.inputs import MAX_AGE_DAYS

#: Levels of positioning that are tested, by column of a history.
LEVELS: Final = ("call_wall", "put_wall", "zero_gamma")
VIX_FALL_SESSIONS: Final = 5
EXPIRY_WEEK_SESSIONS: Final = 5
#: Exchanges quote in cents: more closes than this share off the cent were multiplied by somebody. Of ten stocks over
#: eleven years up to 0.065 of the quoted closes are off it, and at least 0.46 of the adjusted ones.
_MOST_OFF_THE_CENT: Final = 0.10
_CENTS: Final = 100.0
_CENT_ROUNDING: Final = 2e-3  # cents: what sums in double precision leave
_SINGLE_PRECISION: Final = 2.0**-24  # of a price: what storing it in four bytes leaves
_FRIDAY: Final = 4  # Monday is 0
_WEEK: Final = np.timedelta64(7, "D")
_DAY: Final = np.timedelta64(1, "D")
_HALF_HOUR: Final = np.timedelta64(30, "m")


class Need(StrEnum):
    """An input that a hypothesis may need."""

    GAMMA = "dealers' gamma"
    DARK_POOL = "dark-pool flow"
    VOLATILITY_INDEX = "volatility index"
    HISTORY = "history of positioning"
    INTRADAY = "intraday bars"
    RAW_CLOSES = "raw closes"
    STRIKE_STEP = "strike step"


@dataclass(frozen=True, slots=True, eq=False)
class HalfHours:
    """The day cut at half an hour before its close, (n,) each; NaN on sessions without intraday bars.

    Parameters
    ----------
    until_cut : log return from the close before to half an hour before the close.
    after_cut : log return of the last half-hour.
    """

    until_cut: Float64Array1D
    after_cut: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class ClaimData:
    """Outcomes and what was known, by session; (n,) everywhere.

    Parameters
    ----------
    bars : daily bars.
    entry : price at which the session after is entered, USD: its open, or its close where the printed open is stale;
        NaN on the last row.
    exit_lag : sessions between entry and the close that ends a horizon of one.
    variance : of each session, as ``realised_variance`` gives it; NaN on the first.
    vix : index points at the close; None where there is no index.
    deviation : standard deviation of the session to come as expected at the close: VIX, else the last month's own.
    features : name -> rank in [-1, 1] at the close.
    gamma : dealers' gamma at the close, USD per 1 %; None where there is none.
    levels : name -> price at the close, USD; of a history.
    half_hours : None without intraday bars.
    raw_close : closes as quoted, USD; None where they cannot be told to be raw.
    strike_step : USD between strikes; None where not given.
    absent : need -> why it is not there.
    notes : what a reader must know.
    """

    bars: Bars
    entry: Float64Array1D
    exit_lag: int
    variance: Float64Array1D
    vix: Float64Array1D | None
    deviation: Float64Array1D
    features: Mapping[str, Float64Array1D]
    gamma: Float64Array1D | None
    levels: Mapping[str, Float64Array1D]
    half_hours: HalfHours | None
    raw_close: Float64Array1D | None
    strike_step: float | None
    absent: Mapping[Need, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def session(self) -> DateArray1D:
        """(n,) the sessions."""
        return self.bars.session

    def returns(self, horizon: int) -> Float64Array1D:
        """(n,) log return from the next session's entry over a horizon; NaN where it is not known yet."""
        out = np.full(len(self), np.nan)
        end = horizon + self.exit_lag
        if len(self) > end:
            out[:-end] = np.log(self.bars.close[end:] / self.entry[: len(self) - end])
        return out


def half_hours_of(starts_at: TimeArray1D, close: Float64Array1D, sessions: DateArray1D) -> HalfHours:
    """Cut each session half an hour before its close.

    Parameters
    ----------
    starts_at : (m,) ``datetime64[s]`` UTC at which bars begin, increasing; the commonest step is their width.
    close : (m,) USD, of each bar.
    sessions : (n,) ``datetime64[D]``; 13:00 closes of half-days count as what they are.

    Returns
    -------
    (n,) each; NaN where a bar that ends at the cut, at the close or at the close of the session before is not there.
    """
    step = np.diff(starts_at)
    if not len(step):
        return HalfHours(np.full(len(sessions), np.nan), np.full(len(sessions), np.nan))
    widths, counts = np.unique(step, return_counts=True)
    ends_at = starts_at + widths[np.argmax(counts)]
    closes_at = session_close_utc(sessions)
    at_close = np.log(_price_at(ends_at, close, closes_at))
    at_cut = np.log(_price_at(ends_at, close, closes_at - _HALF_HOUR))
    return HalfHours(at_cut - np.r_[np.nan, at_close[:-1]], at_close - at_cut)


def _price_at(ends_at: TimeArray1D, close: Float64Array1D, instants: TimeArray1D) -> Float64Array1D:
    at = np.searchsorted(ends_at, instants, side="right") - 1
    exact = (at >= 0) & (ends_at[np.maximum(at, 0)] == instants)
    return np.where(exact, close[np.maximum(at, 0)], np.nan)


def claim_data(
    bars: Bars,
    *,
    flow: DatedSeries | None = None,
    volatility_index: DatedSeries | None = None,
    history: DatedSeries | None = None,
    half_hours: HalfHours | None = None,
    strike_step: float | None = None,
    notes: tuple[str, ...] = (),
) -> ClaimData:
    """Bring a ticker's inputs onto its sessions.

    Parameters
    ----------
    bars : of the ticker.
    flow : columns ``gex``, ``dix`` or both; None without.
    volatility_index : column ``close``.
    history : daily positioning of the ticker, as ``read_history`` gives it.
    half_hours : of the same sessions.
    strike_step : USD between strikes.
    notes : passed on.

    Raises
    ------
    InsufficientDataError : fewer than two bars.
    """
    if len(bars) < 2:
        raise InsufficientDataError(f"{bars.ticker} has {len(bars)} bars: too few to test anything", source=bars.source)
    sessions, absent = bars.session, dict[Need, str]()
    vix = None
    if volatility_index is not None:
        vix = volatility_index.aligned("close", sessions, max_age_days=MAX_AGE_DAYS)
    else:
        absent[Need.VOLATILITY_INDEX] = "no volatility index was given"
    variance = realised_variance(bars.open, bars.high, bars.low, bars.close)
    table = {} if history is None else _aligned(history, sessions)
    features, gamma, told = _features(sessions, flow, table, vix, absent)
    if half_hours is None:
        absent[Need.INTRADAY] = "no intraday bars were given"
    raw, why_not = raw_closes(bars)
    if raw is None:
        absent[Need.RAW_CLOSES] = why_not
    if strike_step is None:
        absent[Need.STRIKE_STEP] = "no distance between strikes was given"
    at_open = default_fill_price(bars.ticker) is FillPrice.OPEN
    return ClaimData(
        bars=bars,
        entry=np.r_[(bars.open if at_open else bars.close)[1:], np.nan],
        exit_lag=0 if at_open else 1,
        variance=variance,
        vix=vix,
        deviation=expected_deviation(variance, vix),
        features=features,
        gamma=gamma,
        levels={name: table[name] for name in LEVELS if name in table},
        half_hours=half_hours,
        raw_close=raw,
        strike_step=strike_step,
        absent=absent,
        notes=(*notes, *told),
    )


def expected_deviation(variance: Float64Array1D, vix: Float64Array1D | None) -> Float64Array1D:
    """The standard deviation of the session to come, as expected at each close.

    Parameters
    ----------
    variance : (n,) of each session. vix : (n,) index points; None without.

    Returns
    -------
    (n,) of a log return: VIX over the root of 252, where it is absent the root of the last 22 sessions' mean variance;
    NaN where neither is there.
    """
    own: Float64Array1D = np.sqrt(np.maximum(trailing_mean(variance, MONTH_SESSIONS), LEAST_VARIANCE))
    if vix is None:
        return own
    implied = vix / _CENTS / np.sqrt(SESSIONS_PER_YEAR)
    return np.where(np.isfinite(implied), implied, own)


def raw_closes(bars: Bars) -> tuple[Float64Array1D | None, str]:
    """The closes as they were quoted, or why they cannot be set beside strikes.

    Parameters
    ----------
    bars : a cash index's are never adjusted; others must lie on whole cents, which multiplying by the factors of
        dividends and splits leaves.

    Returns
    -------
    (n,) USD and an empty text, or None and the reason.
    """
    if plain_symbol(bars.ticker) in CASH_INDICES | REAL_OPEN_INDICES:
        return bars.close, ""
    cents = bars.close * _CENTS
    rounding = np.maximum(_CENT_ROUNDING, _SINGLE_PRECISION * cents)
    off = float(np.mean(np.abs(cents - np.round(cents)) > rounding))
    if off <= _MOST_OFF_THE_CENT:
        return bars.close, ""
    return (
        None,
        f"{off:.0%} of the closes of {bars.ticker} lie off the cent: adjusted prices do not stand beside strikes",
    )


def expiry_sessions(sessions: DateArray1D, *, monthly: bool) -> BoolArray1D:
    """(n,) whether an expiry ends with each session: of the third Friday alone, or of every Friday.

    A Friday without a session gives way to the one before it.

    Parameters
    ----------
    sessions : (n,) the exchange's.
    monthly : the third Friday of a month only.
    """
    first, last = sessions[0] - _WEEK, sessions[-1] + _WEEK
    days = np.arange(first, last, _DAY)
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    fridays = days[weekday == _FRIDAY]
    if monthly:
        of_month = (fridays - fridays.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
        fridays = fridays[(of_month >= 14) & (of_month <= 20)]
    return np.isin(sessions, previous_session_or_same(fridays))


def expiry_week(sessions: DateArray1D) -> BoolArray1D:
    """(n,) whether each session is one of the last five up to and with a monthly expiry."""
    ahead = np.zeros(len(sessions), dtype=np.bool_)
    for end in np.flatnonzero(expiry_sessions(sessions, monthly=True)):
        ahead[max(end - EXPIRY_WEEK_SESSIONS + 1, 0) : end + 1] = True
    return ahead


def _aligned(history: DatedSeries, sessions: DateArray1D) -> dict[str, Float64Array1D]:
    """Each session's own row: a level of days ago is none of this evening's."""
    return {name: history.aligned(name, sessions, max_age_days=0) for name in history.columns}


def _features(
    sessions: DateArray1D,
    flow: DatedSeries | None,
    table: Mapping[str, Float64Array1D],
    vix: Float64Array1D | None,
    absent: dict[Need, str],
) -> tuple[dict[str, Float64Array1D], Float64Array1D | None, tuple[str, ...]]:
    """Ranks by name, gamma itself, and notes; fills ``absent``."""
    features: dict[str, Float64Array1D] = {}
    notes: tuple[str, ...] = ()
    gamma = None
    if flow is not None and "gex" in flow.columns:
        gamma = flow.aligned("gex", sessions, max_age_days=MAX_AGE_DAYS)
    elif "gamma_exposure_usd_per_pct" in table:
        gamma = table["gamma_exposure_usd_per_pct"]
        notes = ("dealers' gamma is that of the history of positioning",)
    else:
        absent[Need.GAMMA] = "no flow file with gex and no history was given"
    if gamma is not None:
        features["gex"] = gex_signal(gamma)
    if flow is not None and "dix" in flow.columns:
        features["dix"] = dark_pool_flow(flow.aligned("dix", sessions, max_age_days=MAX_AGE_DAYS))
    else:
        absent[Need.DARK_POOL] = "no flow file with dix was given"
    if table:
        days = days_to_next_session(sessions)
        features["charm_pressure"] = charm_pressure(table["charm_exposure_usd_per_day"], days)
        features["vanna_sensitivity"] = vanna_sensitivity(
            table["vanna_exposure_usd_per_vol_point"], table["implied_vol"]
        )
    else:
        absent[Need.HISTORY] = "no history of positioning was given: lightning history build makes one of your chains"
    if vix is not None:
        features["vix_fall"] = vix_fall(vix)
    return features, gamma, notes


def vix_fall(vix: Float64Array1D) -> Float64Array1D:
    """(n,) rank of how far VIX fell over five sessions, in [-1, 1]; + is a fall."""
    fall = np.full(len(vix), np.nan)
    fall[VIX_FALL_SESSIONS:] = -np.log(vix[VIX_FALL_SESSIONS:] / vix[:-VIX_FALL_SESSIONS])
    return rolling_rank(fall)
