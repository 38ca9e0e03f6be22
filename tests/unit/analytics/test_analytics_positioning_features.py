"""The row a history keeps of a chain: typed, in order, and the same from one chain or from a market."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import EXPIRIES, make_chain
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.market_scan import market_scan
from lightning_gex.analytics.positioning_features import FEATURES, positioning_features, scanned_features
from lightning_gex.core.book import book_of, joined
from lightning_gex.core.features import CHAIN_FEATURES


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    return one == other


def test_every_feature_is_there_in_order_and_of_its_type():
    row = positioning_features(positioning(make_chain()))
    assert list(row) == list(FEATURES)
    assert not {name for name, value in row.items() if value is not None and type(value) is not FEATURES[name]}


def test_the_row_says_what_the_positioning_says():
    found = positioning(make_chain())
    row = positioning_features(found)
    assert row["session"] == date(2024, 6, 3)
    assert row["open_interest_session"] == date(2024, 5, 31)
    assert row["straddle_expiry"] == date.fromisoformat(EXPIRIES[0])
    assert row["zero_gamma"] == found.zero_gamma_nearest
    assert row["zero_gamma_count"] == 1
    assert row["zero_gamma_status"] == "ok"
    assert row["implied_vol"] == found.atm_implied_vol
    assert row["dealer_models_agree"] == 0.0
    assert set(CHAIN_FEATURES) <= set(FEATURES)
    for exposure in EXPOSURES:
        band = found.dealer_model_band[exposure]
        assert row[f"{exposure}_low"] == band.low <= row[exposure] <= band.high == row[f"{exposure}_high"]


def test_what_is_not_known_is_nan_or_none():
    chain = make_chain(volume=float("nan"), half_spread=0.0)
    row = positioning_features(positioning(chain))
    assert math.isnan(row["dealer_models_agree"])
    assert math.isnan(row["gamma_exposure_by_volume_usd_per_pct"])
    call_only = np.where(chain.is_call, 500.0, 0.0)
    calm = positioning_features(positioning(make_chain(open_interest=call_only)))
    assert calm["zero_gamma_status"] == "no_root_net_positive"
    assert math.isnan(calm["zero_gamma"])
    assert calm["zero_gamma_count"] == 0


@given(st.lists(st.tuples(st.floats(30.0, 300.0), st.floats(0.1, 0.6), st.booleans()), min_size=1, max_size=4))
def test_a_market_gives_the_rows_of_its_chains(chains):
    made = [
        make_chain(spot=spot, vol=vol, root=f"T{i}", volume=50.0 if traded else float("nan"), refused={"bad_strike": i})
        for i, (spot, vol, traded) in enumerate(chains)
    ]
    rows = scanned_features(market_scan(joined([book_of(chain) for chain in made]), value_early_exercise=True))
    for row, chain in zip(rows, made, strict=True):
        alone = positioning_features(positioning(chain))
        assert list(row) == list(alone)
        assert not {name for name in alone if not same(row[name], alone[name])}


def test_a_chain_without_figures_gives_no_row():
    dark = make_chain(root="DARK", open_interest=float("nan"))
    scan = market_scan(joined([book_of(make_chain()), book_of(dark)]))
    assert [row["underlying"] for row in scanned_features(scan)] == ["TEST"]


def test_the_dealer_model_is_named_and_signs_its_figures():
    rows = [
        scanned_features(market_scan(book_of(make_chain()), dealer_model=model))[0] for model in ("naive", "inverted")
    ]
    assert [row["dealer_model"] for row in rows] == ["naive", "inverted"]
    assert rows[0]["charm_exposure_usd_per_day"] == pytest.approx(-rows[1]["charm_exposure_usd_per_day"])
