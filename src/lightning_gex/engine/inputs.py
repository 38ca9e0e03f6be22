"""The market data of a run, and the features that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lightning_gex.analytics.expected_range import VIX_TICKERS, band_volatility
from lightning_gex.analytics.indicators import price_features, trailing_mean
from lightning_gex.analytics.market_features import (
    BREADTH_MINIMUM_TICKERS,
    advance_decline_ratio,
    market_features,
)
from lightning_gex.analytics.options_features import (
    charm_pressure,
    dark_pool_flow,
    days_to_next_session,
    gex_signal,
    vanna_sensitivity,
)
from lightning_gex.analytics.volatility_forecast import (
    FORECAST_HORIZONS,
    MONTH_SESSIONS,
    forecast_true_range,
    forecast_volatility,
    realised_variance,
)
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.event_calendar import EventCalendar
from lightning_gex.core.features import (
    CHAIN_FEATURES,
    FORECAST_FEATURES,
    MARKET_FEATURES,
    OPTIONS_FEATURES,
    Features,
)
from lightning_gex.core.membership import Membership
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_close_utc
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D

#: A daily series is stale after a long weekend's worth of calendar days.
MAX_AGE_DAYS = 5
#: A bill's yield moves slowly, and its file skips the bond market's own holidays.
RATE_MAX_AGE_DAYS = 14
#: The column of a volatility index that holds its nine-day sister.
NINE_DAY_COLUMN = "nine_day_close"
#: Tickers that can stand for the market as a whole, best first.
MARKET_TICKERS = ("SPY", "SPX", "^GSPC", "GSPC", "^SPX")


def market_ticker_among(tickers: Iterable[str]) -> str | None:
    """The ticker that stands for the market as a whole; None where there is none."""
    there = set(tickers)
    return next((t for t in MARKET_TICKERS if t in there), None)


@dataclass(frozen=True, slots=True, eq=False)
class MarketInputs:
    """Everything a run may look at. What is None was not given, and what needs it abstains.

    Parameters
    ----------
    bars : ticker -> daily bars.
    flow : columns ``dix`` and ``gex`` (dealers' gamma, USD per 1 %) of the index, or one of them.
    volatility_index : column ``close``, per cent (VIX), and ``nine_day_close`` (VIX9D) where it is known.
    market : ready-made ``core.features.MARKET_FEATURES`` columns; they win over computed ones.
    positioning : ticker -> dealer positioning by session, with the chain features and ``charm_exposure_usd_per_day``,
        ``vanna_exposure_usd_per_vol_point``, ``implied_vol``.
    rates : column ``bill_rate``, annualised fraction.
    sectors : ticker -> sector; what is missing is not known.
    events : dates that are known beforehand and move prices; None where none were given.
    market_ticker : which bars stand for the market as a whole; None lets each ticker's own stand in, on record.
    notes : what a reader of the results must know about the data.
    faults : what is wrong with the data, for whoever must not rest anything on it.
    """

    bars: Mapping[str, Bars]
    flow: DatedSeries | None = None
    volatility_index: DatedSeries | None = None
    market: DatedSeries | None = None
    positioning: Mapping[str, DatedSeries] = field(default_factory=dict)
    rates: DatedSeries | None = None
    sectors: Mapping[str, str] = field(default_factory=dict)
    events: EventCalendar | None = None
    market_ticker: str | None = None
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.bars:
            raise InputError("no bars were given")

    def until(self, session: np.datetime64) -> MarketInputs:
        """What was known after the close of ``session``; tickers that had not traded yet are left out."""
        bars = {t: b.first(n) for t, b in self.bars.items() if (n := _count_until(b.session, session))}
        return replace(
            self,
            bars=bars,
            flow=_series_until(self.flow, session),
            volatility_index=_series_until(self.volatility_index, session),
            market=_series_until(self.market, session),
            positioning={t: s for t, p in self.positioning.items() if (s := _series_until(p, session)) is not None},
            rates=_series_until(self.rates, session),
        )


def features_of(ticker: str, inputs: MarketInputs, membership: Membership | None = None) -> Features:
    """The features of one ticker on every one of its sessions; row i uses what was known after that session's close.

    Parameters
    ----------
    ticker : whose.
    inputs : the history.
    membership : who counts for breadth when; None counts every ticker of the bars always.
    """
    bars = inputs.bars[ticker]
    absent: dict[str, str] = {}
    columns = dict(price_features(bars))
    columns |= _options_columns(ticker, bars.session, inputs, absent)
    columns |= _market_columns(bars, inputs, membership, absent)
    columns |= _forecast_columns(ticker, bars, inputs, columns)
    return Features(ticker, session_close_utc(bars.session), columns, absent, _stand_ins(ticker, inputs))


def _options_columns(
    ticker: str, sessions: DateArray1D, inputs: MarketInputs, absent: dict[str, str]
) -> dict[str, Float64Array1D]:
    columns: dict[str, Float64Array1D] = {}
    if inputs.flow is not None:
        for feature, name, ranked in (("gex_signal", "gex", gex_signal), ("dark_pool_flow", "dix", dark_pool_flow)):
            if name in inputs.flow.columns:
                columns[feature] = ranked(inputs.flow.aligned(name, sessions, max_age_days=MAX_AGE_DAYS))
    table = inputs.positioning.get(ticker)
    if table is not None:
        known = {n: table.aligned(n, sessions, max_age_days=MAX_AGE_DAYS) for n in table.columns}
        columns |= {name: known[name] for name in CHAIN_FEATURES if name in known}
        columns |= _ranked_positioning(known, sessions, absent)
    for name in OPTIONS_FEATURES:
        if name not in columns or not np.isfinite(columns[name]).any():
            absent.setdefault(name, "no option chains or flow long enough for a rank were given")
    return columns


def _ranked_positioning(
    known: Mapping[str, Float64Array1D], sessions: DateArray1D, absent: dict[str, str]
) -> dict[str, Float64Array1D]:
    ranked = {"gex_signal": gex_signal(known["gamma_exposure_usd_per_pct"])}
    if "charm_exposure_usd_per_day" in known:
        days = days_to_next_session(sessions)
        ranked["charm_pressure"] = charm_pressure(known["charm_exposure_usd_per_day"], days)
    if "vanna_exposure_usd_per_vol_point" in known and "implied_vol" in known:
        ranked["vanna_sensitivity"] = vanna_sensitivity(known["vanna_exposure_usd_per_vol_point"], known["implied_vol"])
    enough = {name: values for name, values in ranked.items() if np.isfinite(values).any()}
    absent |= {name: "too few sessions with a chain for a rank" for name in ranked if name not in enough}
    return enough


def _market_columns(
    bars: Bars, inputs: MarketInputs, membership: Membership | None, absent: dict[str, str]
) -> dict[str, Float64Array1D]:
    sessions = bars.session
    market_bars = bars if inputs.market_ticker is None else inputs.bars.get(inputs.market_ticker)
    vix = None
    if inputs.volatility_index is not None:
        vix = inputs.volatility_index.aligned("close", sessions, max_age_days=MAX_AGE_DAYS)
    else:
        absent["vix"] = "no volatility index was given"
    breadth = advance_decline_ratio(inputs.bars, sessions, membership)
    if not np.isfinite(breadth).any():
        absent["advance_decline_ratio"] = f"breadth needs the bars of at least {BREADTH_MINIMUM_TICKERS} tickers"
    columns = market_features(sessions, market_bars=market_bars, vix=vix, advance_decline=breadth)
    if inputs.market is not None:
        for name in [n for n in MARKET_FEATURES if n in inputs.market.columns]:
            given = inputs.market.aligned(name, sessions, max_age_days=MAX_AGE_DAYS)
            columns[name] = np.where(np.isfinite(given), given, columns.get(name, np.nan))
            absent.pop(name, None)
    return columns


def _forecast_columns(
    ticker: str, bars: Bars, inputs: MarketInputs, columns: Mapping[str, Float64Array1D]
) -> dict[str, Float64Array1D]:
    """What bars, VIX and dealers' gamma say of the sessions ahead; the index's gamma before the ticker's own."""
    open_, high, low, close = bars.open, bars.high, bars.low, bars.close
    variance = realised_variance(open_, high, low, close)
    rank = columns.get("gex_signal")
    if inputs.flow is not None and "gex" in inputs.flow.columns and ticker in inputs.positioning:
        rank = gex_signal(inputs.flow.aligned("gex", bars.session, max_age_days=MAX_AGE_DAYS))
    vix = columns.get("vix")
    index, nine_day = inputs.volatility_index, None
    if index is not None and NINE_DAY_COLUMN in index.columns and ticker in VIX_TICKERS:  # it is about the S&P 500
        nine_day = index.aligned(NINE_DAY_COLUMN, bars.session, max_age_days=MAX_AGE_DAYS)
    forecast = forecast_volatility(bars.session, variance, vix=vix, nine_day_vix=nine_day, gex_rank=rank)
    two_weeks = forecast.variance[:, FORECAST_HORIZONS.index(10)]
    ahead = dict(zip(FORECAST_FEATURES, forecast.volatility.T, strict=False))  # the first four, one a horizon
    return ahead | {
        "realised_volatility": np.sqrt(trailing_mean(variance, MONTH_SESSIONS) * SESSIONS_PER_YEAR),
        "true_range_forecast": forecast_true_range(
            high, low, close, atr=columns["atr"], variance=variance, forecast=two_weeks
        ),
        "band_volatility": band_volatility(variance, vix, vix_is_own=ticker in VIX_TICKERS),
        "forecast_basis": forecast.basis[:, FORECAST_HORIZONS.index(5)].astype(np.float64),
        "gex_rank": np.full(len(bars), np.nan) if rank is None else rank,
    }


def _stand_ins(ticker: str, inputs: MarketInputs) -> tuple[str, ...]:
    trend_given = inputs.market is not None and "spy_trend" in inputs.market.columns
    if inputs.market_ticker is not None or trend_given:
        return ()
    return (f"no bars of the market were given: {ticker}'s own stand in",)


def _count_until(sessions: DateArray1D, session: np.datetime64) -> int:
    return int(np.searchsorted(sessions, session, side="right"))


def _series_until(series: DatedSeries | None, session: np.datetime64) -> DatedSeries | None:
    if series is None:
        return None
    count = _count_until(series.session, session)
    return DatedSeries(series.session[:count], {k: v[:count] for k, v in series.columns.items()}, series.source)
