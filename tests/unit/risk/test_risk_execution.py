"""The last look at a plan before an order is written."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_accounts import an_account

from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.check import Check
from lightning_gex.risk.execution import ExecutionConfig, check_execution, liquidity_cap
from lightning_gex.risk.order_plan import BrokerCapabilities
from lightning_gex.risk.tactical import TradePlan

NAN = math.nan


def a_plan(
    entry: float = 100.0, target: float = 106.0, stop: float = 97.0, direction: Direction = Direction.BULLISH
) -> TradePlan:
    sign = int(direction)
    return TradePlan(
        ticker="SPY",
        direction=direction,
        strategy="trend_following",
        entry_price=entry,
        target_price=target,
        stop_price=stop,
        horizon_sessions=5,
        target_return=sign * (target - entry) / entry,
        stop_return=sign * (entry - stop) / entry,
        caps=(),
    )


def check(plan: TradePlan | None = None, *, quantity: int = 10, price_now: float = 100.0, **account: Any) -> Check:
    return check_execution(plan or a_plan(), quantity, price_now, an_account(**account), ExecutionConfig())


def test_a_sound_plan_passes_with_its_numbers_on_record() -> None:
    found = check()
    assert found.passed
    assert found.detail["reward_to_risk"] == pytest.approx(2.0)
    assert found.detail["capital_needed"] == pytest.approx(1_000.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": 0}, "the quantity 0 buys nothing"),
        ({"price_now": NAN}, "the present price nan is no price"),
        ({"price_now": 0.0}, "the present price 0.0 is no price"),
        ({"price_now": math.inf}, "the present price inf is no price"),
        ({"cash": 1_000.4}, "not enough capital: 1,000.50 needed, 1,000.40 there"),
        ({"cash": NAN}, "capital cannot be checked"),
        ({"price_now": 102.1}, "the price's move since the signal 2.10% exceeds the limit 2.00%"),
        ({"price_now": 97.9}, "the price's move since the signal"),
        ({"plan": a_plan(stop=100.0)}, "the stop is not on the losing side"),
        ({"plan": a_plan(stop=104.0)}, "the stop is not on the losing side"),
        ({"plan": a_plan(stop=NAN)}, "the stop is not on the losing side"),
        ({"plan": a_plan(stop=99.95)}, "the stop is only 0.050% away"),
        ({"plan": a_plan(stop=70.0)}, "the stop's distance 30.00% exceeds the limit 25.00%"),
        ({"plan": a_plan(target=99.0)}, "the price is at or beyond the target"),
        ({"plan": a_plan(target=NAN)}, "the price is at or beyond the target"),
        ({"plan": a_plan(target=102.0)}, "reward over risk 0.67 is below 1.00"),
        ({"plan": a_plan(direction=Direction.BEARISH)}, "the stop is not on the losing side"),
        ({"plan": a_plan(entry=NAN)}, "the price's move since the signal is not known"),
    ],
)
def test_each_check_fails_by_name(changes: dict[str, Any], reason: str) -> None:
    found = check(**changes)
    assert not found.passed
    assert found.reason.startswith(reason)


def test_a_move_of_exactly_the_limit_is_allowed() -> None:
    plan = a_plan(entry=100.0, target=110.0)
    config = ExecutionConfig(max_price_move=0.03125)  # exact in binary
    assert check_execution(plan, 1, 103.125, an_account(), config).passed


def test_reward_that_equals_the_risk_passes_whatever_the_last_bit_says() -> None:
    assert check(a_plan(entry=0.3, target=0.4, stop=0.2), price_now=0.3).reason.startswith("the stop's distance")
    assert check(a_plan(entry=10.1, target=10.4, stop=9.8), price_now=10.1).passed


def test_a_short_is_checked_the_other_way_round() -> None:
    assert check(a_plan(target=94.0, stop=103.0, direction=Direction.BEARISH)).passed


@given(st.sampled_from(["entry", "target", "stop", "price_now", "cash"]), st.sampled_from([NAN, math.inf, -math.inf]))
def test_what_is_no_number_never_passes(name: str, nothing: float) -> None:
    if name in ("price_now", "cash"):
        assert not check(**{name: nothing}).passed
    else:
        assert not check(a_plan(**{name: nothing})).passed


@given(st.floats(90, 110), st.integers(1, 2_000))
def test_what_passes_holds_every_bound(price_now: float, quantity: int) -> None:
    found = check(quantity=quantity, price_now=price_now)
    if found.passed:
        assert quantity * price_now <= 100_000.0
        assert abs(price_now / 100.0 - 1) <= 0.02
        assert 106.0 - price_now >= (price_now - 97.0) * (1 - 1e-6) > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_price_move": 0.0},
        {"max_price_move": NAN},
        {"minimum_stop_return": 1.0},
        {"minimum_stop_return": 0.3},
        {"maximum_stop_return": NAN},
        {"minimum_reward_to_risk": 0.0},
        {"cost_per_side": -0.1},
        {"cost_per_side": NAN},
    ],
)
def test_a_bound_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="execution"):
        ExecutionConfig(**wrong)


# --- liquidity and the broker


def looked_at(*, quantity: int = 10, dollar_volume: float = NAN, broker: BrokerCapabilities | None = None) -> Check:
    config = ExecutionConfig(max_volume_share=0.01)
    return check_execution(a_plan(), quantity, 100.0, an_account(), config, dollar_volume=dollar_volume, broker=broker)


def test_a_position_is_no_more_than_its_share_of_what_is_traded() -> None:
    assert looked_at(dollar_volume=100_000.0).passed  # 1,000 USD of 100,000
    refused = looked_at(dollar_volume=99_000.0)
    assert refused.reason == "1,000 USD are more than 1.0% of the 99,000 traded in a session"
    assert refused.detail["gate"] == "liquidity"
    assert refused.detail["volume_share"] == pytest.approx(1_000 / 99_000)
    assert not looked_at(dollar_volume=0.0).passed


def test_an_unknown_volume_passes_and_stays_unknown_on_record() -> None:
    found = looked_at()
    assert found.passed
    assert math.isnan(float(str(found.detail["volume_share"])))


def test_the_cap_on_size_is_what_the_volume_bears() -> None:
    cap = liquidity_cap(100_000.0, 2_000_000.0, ExecutionConfig(max_volume_share=0.01))
    assert cap is not None
    assert cap.size_pct == pytest.approx(0.2)
    assert cap.reason == "1.0% of the 2.0 million USD traded in a session"
    assert liquidity_cap(100_000.0, NAN, ExecutionConfig()) is None
    assert liquidity_cap(NAN, 1e6, ExecutionConfig()) is None


def test_the_brokers_no_is_told_and_its_yes_is_the_order_plan() -> None:
    assert looked_at(broker=BrokerCapabilities()).detail["orders"] == (
        "BUY 10 at the next opening, then stop 97 and limit 106, one cancels the other"
    )
    refused = looked_at(broker=BrokerCapabilities("B", largest_quantity=5))
    assert refused.detail["gate"] == "order_plan"
    assert "10 shares are more than the 5 that B takes" in refused.reason
