"""Conditions that stop entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_accounts import an_account

from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.circuit_breaker import Breaker, BreakerInputs, BreakerLimits, read_breakers, tripped

LIMITS = BreakerLimits()
NAN = math.nan
CALM: dict[str, Any] = {"vix_now": 16.0, "vix_before": 16.0, "data_age_sessions": 0, "error_rate": 0.0}


def names(account: dict[str, Any] | None = None, **market: Any) -> set[str]:
    return set(tripped(LIMITS, BreakerInputs(an_account(**(account or {})), **{**CALM, **market})))


def test_in_calm_nothing_trips_and_everything_is_watched() -> None:
    found = read_breakers(LIMITS, BreakerInputs(an_account(), **CALM))
    assert found.tripped == found.unwatched == {}


@pytest.mark.parametrize(
    ("account", "market", "breaker"),
    [
        ({"daily_loss_pct": 0.05}, {}, Breaker.DAILY_LOSS),
        ({"drawdown_pct": 0.25}, {}, Breaker.DRAWDOWN),
        ({"losing_streak": 36}, {}, Breaker.LOSING_STREAK),
        ({}, {"vix_now": 24.0}, Breaker.VIX_JUMP),
        ({}, {"data_age_sessions": 3}, Breaker.STALE_DATA),
        ({}, {"error_rate": 0.2}, Breaker.ERROR_RATE),
        ({"daily_loss_pct": NAN}, {}, Breaker.DAILY_LOSS),
        ({"drawdown_pct": NAN}, {}, Breaker.DRAWDOWN),
        ({"drawdown_pct": math.inf}, {}, Breaker.DRAWDOWN),
        ({"equity": NAN}, {}, Breaker.DRAWDOWN),
        ({"equity": -1.0}, {}, Breaker.DRAWDOWN),
        ({"losing_streak": NAN}, {}, Breaker.LOSING_STREAK),
        ({}, {"vix_now": math.inf}, Breaker.VIX_JUMP),
        ({}, {"vix_before": 0.0}, Breaker.VIX_JUMP),
        ({}, {"data_age_sessions": NAN}, Breaker.STALE_DATA),
        ({}, {"error_rate": NAN}, Breaker.ERROR_RATE),
    ],
)
def test_each_breaker_trips_at_its_limit_and_on_what_is_no_number(
    account: dict[str, Any], market: dict[str, Any], breaker: Breaker
) -> None:
    assert names(account, **market) == {breaker}


def test_just_below_every_limit_nothing_trips() -> None:
    account = {"daily_loss_pct": 0.0499, "drawdown_pct": 0.2499, "losing_streak": 35}
    assert names(account, vix_now=23.9, data_age_sessions=2, error_rate=0.19) == set()


def test_what_is_not_given_is_noted_and_trips_nothing() -> None:
    found = read_breakers(LIMITS, BreakerInputs(an_account()))
    assert found.tripped == {}
    assert set(found.unwatched) == {Breaker.VIX_JUMP, Breaker.STALE_DATA, Breaker.ERROR_RATE}
    half_known = read_breakers(LIMITS, BreakerInputs(an_account(), vix_now=40.0))
    assert Breaker.VIX_JUMP in half_known.unwatched


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 40), st.floats(1, 100), st.floats(1, 100))
def test_a_worse_account_trips_at_least_what_a_better_one_trips(
    loss: float, drawdown: float, streak: int, vix: float, before: float
) -> None:
    better = names(
        {"daily_loss_pct": loss, "drawdown_pct": drawdown, "losing_streak": streak}, vix_now=vix, vix_before=before
    )
    worse = names(
        {"daily_loss_pct": loss + 0.01, "drawdown_pct": drawdown + 0.01, "losing_streak": streak + 1},
        vix_now=vix + 1.0,
        vix_before=before,
    )
    assert better <= worse


def test_names_and_reasons_are_plain_text() -> None:
    found = tripped(LIMITS, BreakerInputs(an_account(daily_loss_pct=0.07), **CALM))
    assert found == {"daily_loss": "the loss of the day 7.00% exceeds the limit 5.00%"}
    assert all(type(name) is str for name in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_daily_loss_pct", 0.0),
        ("max_drawdown_pct", NAN),
        ("max_losing_streak", 0),
        ("max_losing_streak", 2.5),
        ("max_vix_jump", -0.5),
        ("max_vix_jump", math.inf),
        ("max_data_age_sessions", True),
        ("max_error_rate", 1.1),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        BreakerLimits(**{name: value})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Own:
    """A breaker that answers, or raises, what it is told."""

    answer: object
    name: str = "moon"

    def reason(self, inputs: BreakerInputs) -> str | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, {}),
        ("it is full", {"moon": "it is full"}),
        (ZeroDivisionError("x"), {"moon": "it could not be asked: ZeroDivisionError"}),
        ("", {"moon": "it answered str, not a reason"}),
        (False, {"moon": "it answered bool, not a reason"}),
        (math.nan, {"moon": "it answered float, not a reason"}),
    ],
)
def test_a_breaker_of_the_users_own_trips_like_the_others_and_fails_closed(
    answer: object, expected: dict[str, str]
) -> None:
    assert tripped(LIMITS, BreakerInputs(an_account(), **CALM), [Own(answer)]) == expected
