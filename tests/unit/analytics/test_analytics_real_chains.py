"""Whole index chains of four sessions, against the vendor's own gamma."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.parity import CarrySource, forward_curve
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.sessions import settlement_utc

SESSIONS = ("2026-07-22", "2026-07-24", "2026-07-27", "2026-07-28")
ROUNDING = 6e-5  # the vendor prints gamma to four decimals

pytestmark = pytest.mark.shared_data


def session_chain(folder, session):
    """The SPX chain of one session and the vendor's gamma; what expires that day is dead and dropped."""
    day = np.datetime64(session)
    table = pl.read_parquet(folder / "chains" / "cboe_eod_spx.parquet").filter(
        pl.col("session_date") == datetime.fromisoformat(session), pl.col("expiry") > datetime.fromisoformat(session)
    )
    levels = pl.read_csv(folder / "chains" / "cboe_eod_underlying.csv")
    spot = levels.filter(pl.col("session_date") == session, pl.col("ticker") == "_SPX")["close"][0]
    column = {
        name: table[name].to_numpy().astype(np.float64) for name in table.columns if table[name].dtype.is_numeric()
    }
    root = np.array([symbol[:-15] for symbol in table["option"].to_list()])
    expiry = table["expiry"].to_numpy().astype("datetime64[D]")
    assert (expiry > day).all()
    chain = OptionChain(
        underlying="SPX",
        as_of=datetime.fromisoformat(f"{session}T16:15").replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC),
        spot=float(spot),
        root=root,
        expiry=expiry,
        settles_at=settlement_utc(root, expiry),
        is_call=(table["right"].cast(pl.String) == "C").to_numpy(),
        strike=column["strike"],
        bid=column["bid"],
        ask=column["ask"],
        implied_vol=column["iv"],
        open_interest=column["open_interest"],
        volume=column["volume"],
        multiplier=np.full(len(root), 100.0),
        contracts_read=len(root),
        source=f"cboe_eod_spx {session}",
    )
    return chain, column["gamma"]


@pytest.mark.parametrize("session", SESSIONS)
def test_gamma_from_the_vendors_volatility_is_the_vendors_gamma(shared_data, session):
    chain, vendor = session_chain(shared_data, session)
    curve = forward_curve(chain)
    known = chain.implied_vol > 0
    ours = greeks(
        chain.spot,
        chain.strike,
        curve.contract_years,
        np.where(known, chain.implied_vol, np.nan),
        curve.rate,
        curve.dividend_yield,
        chain.is_call,
    ).gamma
    near = np.abs(ours - vendor)[known] <= ROUNDING
    long_dated = curve.contract_years[known] > 30 / 365
    print(
        f"{session}: {near.mean():.2%} of {known.sum()} within {ROUNDING:g}, {near[long_dated].mean():.2%} past 30 days"
    )
    assert near.mean() >= 0.90
    assert near[long_dated].mean() >= 0.98


@pytest.mark.parametrize("session", SESSIONS)
def test_forwards_come_from_the_quotes_and_rates_are_the_money_markets(shared_data, session):
    chain, _ = session_chain(shared_data, session)
    curve = forward_curve(chain)
    assert set(curve.forward_source) == {CarrySource.PARITY}
    long_dated = curve.time_to_expiry_years > 0.25
    rate = -np.log(curve.discount) / curve.time_to_expiry_years
    assert ((rate[long_dated] > 0.03) & (rate[long_dated] < 0.06)).all()


@pytest.mark.parametrize("session", SESSIONS)
def test_a_whole_index_chain_gives_plausible_positioning(shared_data, session):
    chain, _ = session_chain(shared_data, session)
    result = positioning(chain)
    assert result.contracts_used + sum(result.refused.values()) == len(chain)
    assert result.open_interest_coverage > 0.99
    assert result.zero_gamma_status is ZeroGammaStatus.OK
    assert abs(result.zero_gamma_nearest / chain.spot - 1) < 0.03
    assert 1e9 < abs(result.gamma_exposure_usd_per_pct) < 1e11  # USD per 1 %, not a hundred times that
    assert 0.10 < result.atm_implied_vol < 0.20  # the vendor's 30-day volatility was 13 to 15 % on these days
    for level in (result.call_wall, result.put_wall, result.max_pain):
        assert 0.8 < level / chain.spot < 1.2
