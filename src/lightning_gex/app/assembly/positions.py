"""Chains in, dealer positioning out: from a file, from the network, or over a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.cboe_http import CboeDelayedQuotes
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.dealer_positioning import levels_features, positioning
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.bars import Bars
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_of, sessions_from
from lightning_gex.core.units import DateArray1D
from lightning_gex.engine.inputs import MAX_AGE_DAYS

#: Chain and bars must be on one price scale before a strike is set beside a close: adjusted bars are not.
LARGEST_SCALE_DIFFERENCE = 0.02
_LEVELS = ("zero_gamma", "call_wall", "put_wall")


def position_chain(
    path: Path, *, chain_format: str | None = None, dealer_model: str = "naive", underlying: str | None = None
) -> DealerPositioning:
    """Dealer positioning of a chain file."""
    return positioning(read_chain(path, format=chain_format, underlying=underlying), dealer_model=dealer_model)


def fetch_chain(symbol: str) -> OptionChain:
    """The present chain of a symbol from Cboe's delayed quotes, which need no key."""
    return CboeDelayedQuotes().fetch(symbol)


def position_live(symbol: str, *, dealer_model: str = "naive") -> DealerPositioning:
    """Dealer positioning of the present chain of a symbol."""
    return positioning(fetch_chain(symbol), dealer_model=dealer_model)


def positioning_page(found: DealerPositioning) -> str:
    """One self-contained HTML page with the pictures of a positioning."""
    from lightning_gex.evaluation.report import positioning_html

    return positioning_html(found)


def feature_row(found: DealerPositioning) -> dict[str, float]:
    """What the feature table keeps of one positioning."""
    return {
        **levels_features(found),
        "charm_exposure_usd_per_day": found.charm_exposure_usd_per_day,
        "vanna_exposure_usd_per_vol_point": found.vanna_exposure_usd_per_vol_point,
        "implied_vol": found.atm_implied_vol,
    }


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
    row = feature_row(found)
    close = float(bars.close[int(np.searchsorted(bars.session, session, side="right")) - 1])
    scale = found.spot / close
    if abs(scale - 1.0) > LARGEST_SCALE_DIFFERENCE:
        row |= dict.fromkeys(_LEVELS, float("nan"))
        notes.append(
            f"the chain's spot {found.spot:g} is {scale:.3f} times the bars' close {close:g} (adjusted prices?): "
            "its levels are not set beside the bars"
        )
    return positioning_table(np.array([session], dtype="datetime64[D]"), [row], found.underlying), tuple(notes)
