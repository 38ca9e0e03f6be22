"""Chains in, dealer positioning out: from a file, from the network, or over a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.market_data.cboe_http import CboeDelayedQuotes
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.adapters.market_data.chain_request import moment_of
from lightning_gex.adapters.market_data.positioning_history import PositioningHistory
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.options_features import RANK_MINIMUM
from lightning_gex.analytics.positioning_changes import PositioningChanges, positioning_changes
from lightning_gex.analytics.positioning_features import positioning_features
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.bars import Bars
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.features import CHAIN_FEATURES
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_of, sessions_from
from lightning_gex.core.units import DateArray1D, Float64Array1D
from lightning_gex.engine.inputs import MAX_AGE_DAYS

#: Chain and bars must be on one price scale before a strike is set beside a close: adjusted bars are not.
LARGEST_SCALE_DIFFERENCE = 0.02
_LEVELS = ("zero_gamma", "call_wall", "put_wall")
#: What the engine reads of a positioning; the rest of a history is for people.
ENGINE_COLUMNS = (
    *CHAIN_FEATURES,
    "charm_exposure_usd_per_day",
    "vanna_exposure_usd_per_vol_point",
    "implied_vol",
)


def position_chain(
    path: Path,
    *,
    chain_format: str | None = None,
    underlying: str | None = None,
    as_of: str | None = None,
    spot: float | None = None,
    dealer_model: str = "naive",
    clock: str = "calendar",
    max_age_hours: float | None = None,
) -> DealerPositioning:
    """Dealer positioning of a chain file; ``as_of`` is the text of a moment with a zone or of a session's date.

    Raises
    ------
    InputError : the file is no chain, or says too little.
    InsufficientDataError : too little of it can be used, or its quotes are older than ``max_age_hours``.
    SettingsError : an unknown format, dealer model or clock, a moment or an age that is none.
    """
    moment = None if as_of is None else moment_of(as_of)
    how = _how(dealer_model, clock, max_age_hours)
    return how(read_chain(path, format=chain_format, underlying=underlying, as_of=moment, spot=spot))


def changes_since(
    now: DealerPositioning, since: Path, *, chain_format: str | None = None, clock: str = "calendar"
) -> PositioningChanges:
    """What changed between the chain of a file and a later positioning, under the later one's dealer model."""
    before = position_chain(since, chain_format=chain_format, dealer_model=now.dealer_model, clock=clock)
    return positioning_changes(now, before)


def _how(dealer_model: str, clock: str, max_age_hours: float | None) -> Callable[[OptionChain], DealerPositioning]:
    """What makes a positioning of a chain, its arguments checked before the chain is read."""
    try:
        time = TimeClock(clock)
    except ValueError:
        raise SettingsError(f"no clock is called {clock!r}: choose {' or '.join(TimeClock)}") from None
    dealer_models.by_name(dealer_model)
    if max_age_hours is None:
        return partial(positioning, dealer_model=dealer_model, clock=time)
    if not 0 < max_age_hours < float("inf"):
        raise SettingsError(f"a largest age of {max_age_hours:g} hours is none: give a positive number of hours")
    age = timedelta(hours=max_age_hours)
    return partial(positioning, dealer_model=dealer_model, clock=time, max_age=age, now=SystemClock().now())


def fetch_chain(symbol: str) -> OptionChain:
    """The present chain of a symbol from Cboe's delayed quotes, which need no key."""
    return CboeDelayedQuotes().fetch(symbol)


def position_live(
    symbol: str, *, dealer_model: str = "naive", clock: str = "calendar", max_age_hours: float | None = None
) -> DealerPositioning:
    """Dealer positioning of the present chain of a symbol."""
    how = _how(dealer_model, clock, max_age_hours)
    return how(fetch_chain(symbol))


def positioning_picture(found: DealerPositioning, suffix: str) -> bytes:
    """The pictures of a positioning as one file: ``.html``, a self-contained page, or ``.png``, one image.

    Raises
    ------
    SettingsError : another suffix.
    """
    if suffix == ".png":
        from lightning_gex.evaluation.picture_builders import picture_set
        from lightning_gex.evaluation.positioning_image import positioning_png

        return positioning_png(picture_set(found))
    if suffix != ".html":
        raise SettingsError(f"pictures are written as .html or .png, not as {suffix!r}")
    from lightning_gex.evaluation.report import positioning_html

    return positioning_html(found).encode()


def feature_row(found: DealerPositioning) -> dict[str, float]:
    """What the engine reads of one positioning."""
    features = positioning_features(found)
    return {name: cast("float", features[name]) for name in ENGINE_COLUMNS}


def positioning_table(sessions: DateArray1D, rows: Sequence[Mapping[str, float]], source: str) -> DatedSeries:
    """The feature table of a history of positionings, one a session."""
    names = list(rows[0]) if rows else []
    return DatedSeries(sessions, {n: np.array([row[n] for row in rows]) for n in names}, source)


def table_of_one(found: DealerPositioning, bars: Bars) -> tuple[DatedSeries, tuple[str, ...]]:
    """One chain as the feature table of a ticker's last bar, and what a reader must know about it.

    Raises
    ------
    InputError : where the chain belongs to a session that the bars do not reach or have long passed.
    """
    last = bars.session[-1]
    session = session_of(found.as_of)
    if session < last - np.timedelta64(MAX_AGE_DAYS, "D"):
        raise InputError(
            f"the last bar of {bars.ticker} is of {last}, the chain of {session}: a chain serves for {MAX_AGE_DAYS} "
            "days; bring a newer one, or leave it out",
            source=bars.source,
            field="date",
        )
    notes: list[str] = []
    if session > last:
        if session > sessions_from(last, 1)[-1]:
            raise InputError(
                f"the chain is of {session}, the last bar of {bars.ticker} of {last}: bring newer bars",
                source=bars.source,
                field="date",
            )
        notes.append(
            f"the chain ({found.as_of:%Y-%m-%d %H:%M} UTC) is later than the last bar ({last}): decided as of it"
        )
        session = last
    sessions = np.array([session], dtype="datetime64[D]")
    row = feature_row(found)
    scale = float(scales(sessions, np.array([found.spot]), bars)[0])
    if abs(scale - 1.0) > LARGEST_SCALE_DIFFERENCE:
        row |= dict.fromkeys(_LEVELS, float("nan"))
        notes.append(
            f"the chain's spot {found.spot:g} is {scale:.3f} times the bars' close {found.spot / scale:g} (adjusted "
            "prices?): its levels are not set beside the bars"
        )
    return positioning_table(sessions, [row], found.underlying), tuple(notes)


def table_of_history(history: PositioningHistory, bars: Bars) -> tuple[DatedSeries | None, tuple[str, ...]]:
    """What a history says of a ticker, as the feature table of its bars, and what a reader must know about it.

    Rows of sessions before the first bar and after the last are left out. Levels are kept where chain and bars are on
    one price scale. None where the history holds nothing of the ticker.
    """
    found = history.of(bars.ticker)
    if found is None:
        return None, ()
    rows = (found.session >= bars.session[0]) & (found.session <= bars.session[-1])
    sessions = found.session[rows]
    columns = {name: found.columns[name][rows] for name in ENGINE_COLUMNS}
    notes = []
    if len(sessions) < RANK_MINIMUM:
        notes.append(
            f"{history.source} has {len(sessions)} sessions of {bars.ticker} within the bars, a rank needs "
            f"{RANK_MINIMUM}: the options flow agent reads each chain alone until then"
        )
    if len(sessions):
        off = np.abs(scales(sessions, found.columns["spot"][rows], bars) - 1.0) > LARGEST_SCALE_DIFFERENCE
        for name in _LEVELS:
            columns[name] = np.where(off, np.nan, columns[name])
        if off.any():
            notes.append(
                f"on {int(off.sum())} of {len(sessions)} sessions the chain's spot is off the bars' close of "
                f"{bars.ticker} by more than {LARGEST_SCALE_DIFFERENCE:.0%} (adjusted prices?): its levels are not set "
                "beside the bars there"
            )
    return DatedSeries(sessions, columns, history.source), tuple(notes)


def with_today(past: DatedSeries, today: DatedSeries) -> DatedSeries:
    """A history and one later chain as one table; of the same session the chain counts, not the history's row."""
    before = past.session < today.session[0]
    columns = {name: np.r_[past.columns[name][before], today.columns[name]] for name in ENGINE_COLUMNS}
    return DatedSeries(np.r_[past.session[before], today.session], columns, f"{past.source}, {today.source}")


def scales(sessions: DateArray1D, spot: Float64Array1D, bars: Bars) -> Float64Array1D:
    """(n,) spot over the bars' last close at or before each session."""
    at = np.maximum(np.searchsorted(bars.session, sessions, side="right") - 1, 0)
    scale: Float64Array1D = spot / bars.close[at]
    return scale
