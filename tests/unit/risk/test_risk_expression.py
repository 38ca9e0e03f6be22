"""How a view is expressed where an option chain is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import make_chain
from lightning_gex.core.enums import Action, Direction, MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.expression import Expression, ExpressionConfig, Structure, TradeView, express

CHAIN = make_chain(half_spread=0.02, open_interest=500.0)  # spot 100, volatility 20 %, strikes in steps of 2.5
VIEW = TradeView(Direction.BULLISH, 100.0, 105.0, 95.0, 5, 0.20, MarketRegime.RANGE_BOUND, 2_000.0)
BEAR = replace(VIEW, direction=Direction.BEARISH, target_price=95.0, stop_price=105.0)
NAN = math.nan


def made(view: TradeView = VIEW, *, forecast: float = 0.20, chain: Any = CHAIN, **changes: Any) -> Expression:
    return express(replace(view, forecast_volatility=forecast, **changes), chain)


def legs(found: Expression) -> list[tuple[str, str, float]]:
    return [(leg.action.value, "call" if leg.is_call else "put", leg.strike) for leg in found.legs]


def test_options_that_are_neither_cheap_nor_dear_are_bought_as_a_vertical_up_to_the_target():
    found = made()
    assert found.structure is Structure.BULL_CALL_SPREAD
    assert legs(found) == [("BUY", "call", 100.0), ("SELL", "call", 105.0)]
    debit = found.legs[0].price - found.legs[1].price
    assert (found.debit_usd, found.max_loss_usd) == (pytest.approx(100 * debit), pytest.approx(100 * debit))
    assert found.max_gain_usd == pytest.approx(500 - 100 * debit)
    assert found.contracts == int(2_000 / found.max_loss_usd)
    assert found.total_max_loss_usd <= 2_000
    assert made(BEAR).structure is Structure.BEAR_PUT_SPREAD
    assert legs(made(BEAR)) == [("BUY", "put", 100.0), ("SELL", "put", 95.0)]


def test_cheap_options_are_bought_alone_but_not_in_a_crisis():
    found = made(forecast=0.30)
    assert (found.structure, legs(found)) == (Structure.LONG_CALL, [("BUY", "call", 100.0)])
    assert found.max_gain_usd == math.inf
    assert "premium is cheap and bought" in found.reason
    put = made(BEAR, forecast=0.30)
    assert put.structure is Structure.LONG_PUT
    assert put.max_gain_usd == pytest.approx(100 * 100 - put.debit_usd)
    assert made(forecast=0.30, regime=MarketRegime.CRISIS).structure is Structure.BULL_CALL_SPREAD


def test_dear_options_are_sold_as_a_vertical_behind_the_stop():
    found = made(forecast=0.10)
    assert found.structure is Structure.BULL_PUT_SPREAD
    assert legs(found) == [("SELL", "put", 95.0), ("BUY", "put", 90.0)]
    assert found.debit_usd < 0
    assert found.max_loss_usd == pytest.approx(500 + found.debit_usd)
    assert found.max_gain_usd == pytest.approx(-found.debit_usd)
    assert legs(made(BEAR, forecast=0.10)) == [("SELL", "call", 105.0), ("BUY", "call", 110.0)]


def test_without_a_forecast_a_vertical_is_bought():
    assert made(forecast=NAN).structure is Structure.BULL_CALL_SPREAD
    assert "is not known" in made(forecast=NAN).reason


def test_what_one_contract_risks_beyond_the_money_at_risk_is_refused_by_name_and_stock_it_is():
    found = made(at_risk_usd=10.0)
    assert (found.structure, found.contracts) == (Structure.STOCK, 0)
    assert "more than the 10.00 at risk" in found.refused[Structure.BULL_CALL_SPREAD]
    assert math.isnan(found.total_max_loss_usd)
    assert math.isnan(found.profit_at_expiry(100.0))


def test_the_next_structure_is_tried_where_the_first_is_too_large():
    call = made(forecast=0.30)
    found = made(forecast=0.30, at_risk_usd=call.max_loss_usd * 0.99)
    assert found.structure is Structure.BULL_CALL_SPREAD
    assert set(found.refused) == {Structure.LONG_CALL}


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (make_chain(half_spread=0.02, open_interest=10.0), "open interest of 100"),
        (make_chain(half_spread=2.0, open_interest=500.0, strikes=[95.0, 100.0, 105.0]), "spread of 10% or less"),
    ],
)
def test_contracts_that_cannot_be_traded_leave_stock(chain, reason):
    found = made(chain=chain)
    assert found.structure is Structure.STOCK
    assert reason in found.reason


def test_an_expiry_has_to_outlast_the_view():
    found = express(replace(VIEW, horizon_sessions=252), CHAIN)
    assert found.structure is Structure.STOCK
    assert "no expiry outlasts 252 sessions and 2 to spare" in found.reason
    near, far = (made(horizon_sessions=sessions).legs[0].expiry for sessions in (1, 21))
    assert near <= far


def test_one_strike_alone_makes_no_vertical():
    lone = make_chain(half_spread=0.02, open_interest=500.0, strikes=[100.0])
    found = made(chain=lone)
    assert found.structure is Structure.STOCK
    assert found.refused[Structure.BULL_CALL_SPREAD] == "no second strike can be traded"


def test_a_strike_far_from_where_it_belongs_is_no_stand_in():
    far = make_chain(half_spread=0.02, open_interest=500.0, strikes=[80.0, 85.0, 110.0, 115.0])
    found = made(chain=far)
    assert found.structure is Structure.STOCK
    assert found.refused[Structure.BULL_CALL_SPREAD] == "no strike where it belongs can be traded"


def test_no_more_contracts_than_a_share_of_the_thinnest_legs_open_interest():
    thin = make_chain(half_spread=0.02, open_interest=120.0)
    assert made(chain=thin, at_risk_usd=1e6).contracts == 12
    assert made(at_risk_usd=1e6).contracts == 50


_PRICES = st.floats(60.0, 140.0)


@given(
    st.sampled_from((Direction.BULLISH, Direction.BEARISH)),
    st.floats(0.05, 0.6),
    st.floats(1.0, 12.0),
    st.floats(1.0, 12.0),
    st.integers(1, 15),
    _PRICES,
)
def test_no_price_at_expiry_loses_more_than_the_maximum_or_wins_more(way, forecast, up, down, horizon, price):
    sign = int(way)
    view = TradeView(way, 100.0, 100 + sign * up, 100 - sign * down, horizon, forecast, None, 5_000.0)
    found = express(view, CHAIN)
    if not found.legs:
        assert found.structure is Structure.STOCK
        return
    grid = [0.0, price, 1_000.0, *(leg.strike for leg in found.legs)]
    profits = [found.profit_at_expiry(spot) for spot in grid]
    assert min(profits) == pytest.approx(-found.max_loss_usd)  # piecewise linear: the corners hold the extremes
    assert max(profits) <= found.max_gain_usd + 1e-6
    assert 0 < found.total_max_loss_usd <= 5_000.0
    # A bought or sold vertical gains in the view's direction.
    assert found.profit_at_expiry(100 + sign * 40) >= found.profit_at_expiry(100 - sign * 40)


def test_legs_are_bought_at_the_ask_and_sold_at_the_bid():
    found = made()
    for leg in found.legs:
        at = np.flatnonzero(
            (CHAIN.strike == leg.strike) & (CHAIN.is_call == leg.is_call) & (CHAIN.expiry == leg.expiry)
        )[0]
        assert leg.price == (CHAIN.ask if leg.action is Action.BUY else CHAIN.bid)[at]


@pytest.mark.parametrize("wrong", [{"cheap_below": 1.3}, {"max_spread": 0.0}, {"spare_sessions": -1}])
def test_rules_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match="expression"):
        ExpressionConfig(**wrong)
