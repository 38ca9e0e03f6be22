"""The hard limits."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_accounts import an_account

from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import AccountUsage, PortfolioView
from lightning_gex.risk.check import Check
from lightning_gex.risk.guardrails import GuardrailLimits, check_entry, size_caps

LIMITS = GuardrailLimits()
NAN = math.nan
TICKER = "SPY"


def check(limits: GuardrailLimits, account: PortfolioView, position_pct: float, price: float = 100.0) -> Check:
    return check_entry(limits, account, position_pct, ticker=TICKER, price=price)


def test_the_defaults_are_the_founding_documents() -> None:
    assert GuardrailLimits(20, 0.05, 0.15, 0.80, 10) == LIMITS


def test_an_entry_within_every_limit_passes_with_every_value_beside_its_bound() -> None:
    found = check(LIMITS, an_account(exposure_pct=0.65), 0.15)
    assert found.passed
    for bound in ("max_daily_trades", "max_daily_loss_pct", "max_position_size_pct", "max_total_exposure_pct"):
        assert bound in found.detail
    assert found.detail["exposure_after_pct"] == pytest.approx(0.80)


@pytest.mark.parametrize(
    ("account", "position_pct", "reason"),
    [
        ({"daily_trades": 20}, 0.1, "trades today 20 reaches the limit 20"),
        ({"daily_loss_pct": 0.05}, 0.1, "the loss of the day 5.00% reaches the limit 5.00%"),
        ({}, 0.16, "the position 16.00% exceeds the limit 15.00%"),
        ({}, -0.01, "the position's size is negative"),
        ({"exposure_pct": 0.75}, 0.1, "total exposure 85.00% exceeds the limit 80.00%"),
        ({"exposure_pct": -0.1}, 0.1, "the exposure so far is negative"),
        ({"ticker_exposure_pct": {"SPY": 0.15}}, 0.1, "exposure to SPY 25.00% exceeds the limit 20.00%"),
        ({"ticker_exposure_pct": {"SPY": NAN}}, 0.1, "exposure to SPY is not known (nan): no entry until it is"),
        ({"ticker_exposure_pct": {"SPY": -0.2}}, 0.1, "the exposure so far is negative"),
        (
            {"last_prices": {"SPY": 50.0}},
            0.1,
            "the price's distance from the last one 100.00% exceeds the limit 20.00%",
        ),
        (
            {"last_prices": {"SPY": NAN}},
            0.1,
            "the price's distance from the last one is not known (nan): no entry until it is",
        ),
        ({"orders_last_minute": 10}, 0.1, "orders in the last minute 10 reaches the limit 10"),
        ({"tripped": {"drawdown": "25 % lost"}}, 0.1, "circuit breaker drawdown is tripped: 25 % lost"),
        ({"equity": 0.0}, 0.1, "equity 0.0 is no positive number"),
        ({"equity": NAN}, 0.1, "equity nan is no positive number"),
    ],
)
def test_the_first_limit_that_fails_is_named(account: dict[str, Any], position_pct: float, reason: str) -> None:
    found = check(LIMITS, an_account(**account), position_pct)
    assert not found.passed
    assert found.reason == reason


@given(
    st.sampled_from(["equity", "exposure_pct", "daily_loss_pct", "daily_trades", "orders_last_minute", "position_pct"]),
    st.sampled_from([NAN, math.inf, -math.inf]),
)
def test_what_is_no_number_never_passes(name: str, nothing: float) -> None:
    if name == "position_pct":
        assert not check(LIMITS, an_account(), nothing).passed
    else:
        assert not check(LIMITS, an_account(**{name: nothing}), 0.02).passed


@pytest.mark.parametrize("price", [NAN, math.inf, 0.0, -5.0])
def test_a_price_that_is_none_never_passes_the_collar(price: float) -> None:
    assert not check(LIMITS, an_account(last_prices={TICKER: 100.0}), 0.1, price).passed


def test_the_collar_takes_both_sides_and_lets_the_bound_pass() -> None:
    account = an_account(last_prices={TICKER: 100.0})
    assert [check(LIMITS, account, 0.1, p).passed for p in (79.9, 80.0, 120.0, 120.1)] == [False, True, True, False]


def test_another_tickers_exposure_and_price_do_not_count() -> None:
    account = an_account(ticker_exposure_pct={"QQQ": 0.2}, last_prices={"QQQ": 1.0})
    assert check(LIMITS, account, 0.15).passed


def test_what_other_runs_use_up_counts_in() -> None:
    others = AccountUsage(3, 2, {TICKER: 10_000.0, "QQQ": 5_000.0}, {"drawdown": "deep"})
    both = an_account(exposure_pct=0.1, ticker_exposure_pct={TICKER: 0.05}, daily_trades=1).beside(others)
    assert both.exposure_pct == pytest.approx(0.25)
    assert both.ticker_exposure_pct == {TICKER: pytest.approx(0.15), "QQQ": pytest.approx(0.05)}
    assert (both.daily_trades, both.orders_last_minute, both.tripped) == (4, 2, {"drawdown": "deep"})


def test_what_other_runs_hold_at_an_unknown_price_leaves_no_room() -> None:
    both = an_account().beside(AccountUsage(exposure_usd={TICKER: NAN}))
    assert not check(LIMITS, both, 0.02).passed
    assert [cap.size_pct for cap in size_caps(LIMITS, both, TICKER)] == [0.15, 0.0, 0.0]


def test_small_capital_caps_what_is_at_work_in_dollars_whoever_holds_it() -> None:
    limits = GuardrailLimits(max_capital_usd=5_000.0)
    account = an_account(exposure_pct=0.02).beside(AccountUsage(exposure_usd={"QQQ": 1_000.0}))
    assert check(limits, account, 0.02).passed  # 2,000 + 1,000 + 2,000
    refused = check(limits, account, 0.021)
    assert refused.reason == "capital at work in USD 5100.00 exceeds the limit 5000.00"
    assert refused.detail["max_capital_usd"] == 5_000.0
    assert size_caps(limits, account, TICKER)[-1].size_pct == pytest.approx(0.02)
    assert [cap.name for cap in size_caps(LIMITS, account, TICKER)] == [
        c.name for c in size_caps(limits, account, TICKER)
    ][:3]


def test_small_capital_leaves_no_room_where_exposure_is_not_known() -> None:
    limits = GuardrailLimits(max_capital_usd=5_000.0)
    assert size_caps(limits, an_account(exposure_pct=NAN), TICKER)[-1].size_pct == 0.0
    assert not check(limits, an_account(exposure_pct=NAN), 0.01).passed


def test_a_cap_in_dollars_is_a_positive_number() -> None:
    for wrong in (0.0, -1.0, NAN, True):
        with pytest.raises(SettingsError, match="max_capital_usd"):
            GuardrailLimits(max_capital_usd=wrong)


_ANY = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-0.1, 1.0))


@given(_ANY, _ANY, _ANY, _ANY, st.integers(0, 25), st.integers(0, 12))
def test_whatever_passes_keeps_every_limit(
    equity: float, exposure: float, loss: float, position: float, trades: int, orders: int
) -> None:
    account = an_account(
        equity=equity, exposure_pct=exposure, daily_loss_pct=loss, daily_trades=trades, orders_last_minute=orders
    )
    if check(LIMITS, account, position).passed:
        assert 0.0 < equity < math.inf
        assert loss < 0.05
        assert 0.0 <= position <= 0.15 + 1e-8
        assert 0.0 <= exposure + position <= 0.80 + 1e-8
        assert trades < 20
        assert orders < 10


@given(st.floats(0, 2), st.floats(0, 2))
def test_more_exposure_never_leaves_more_room(a: float, b: float) -> None:
    less, more = sorted((a, b))

    def room(exposure: float) -> float:
        return size_caps(LIMITS, an_account(exposure_pct=exposure), TICKER)[1].size_pct

    assert 0.0 <= room(more) <= room(less) <= 0.80


@given(st.floats(0, 0.8))
def test_an_entry_as_large_as_its_caps_passes(exposure: float) -> None:
    account = an_account(exposure_pct=exposure)
    largest = min(cap.size_pct for cap in size_caps(LIMITS, account, TICKER))
    assert check(LIMITS, account, largest).passed


def test_room_is_not_lost_to_binary_fractions() -> None:
    assert size_caps(LIMITS, an_account(exposure_pct=0.75), TICKER)[1].size_pct == 0.05


@pytest.mark.parametrize("account", [{"exposure_pct": NAN}, {"equity": NAN}, {"equity": -5.0}])
def test_without_known_exposure_or_equity_there_is_no_room(account: dict[str, float]) -> None:
    cap = size_caps(LIMITS, an_account(**account), TICKER)[1]
    assert cap.size_pct == 0.0
    assert cap.reason == "exposure or equity is not known"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_daily_trades", 0),
        ("max_daily_trades", 2.5),
        ("max_daily_trades", True),
        ("max_orders_per_minute", -1),
        ("max_daily_loss_pct", 0.0),
        ("max_daily_loss_pct", 5),
        ("max_position_size_pct", NAN),
        ("max_total_exposure_pct", 1.2),
        ("max_total_exposure_pct", "0.8"),
        ("max_ticker_exposure_pct", 0.0),
        ("price_collar_pct", NAN),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        GuardrailLimits(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("cap", [0.0, -1.0, float("nan"), True, "much", 2e12, pytest.param(10**5_000, id="huge")])
def test_a_cap_on_capital_is_an_amount_that_the_ledger_can_count(cap):
    with pytest.raises(SettingsError, match="max_capital_usd"):
        GuardrailLimits(max_capital_usd=cap)


@pytest.mark.parametrize("cap", [1, 1e12, float("inf")])
def test_a_cap_on_capital_may_be_any_amount_up_to_it_or_none(cap):
    assert GuardrailLimits(max_capital_usd=cap).max_capital_usd == cap
