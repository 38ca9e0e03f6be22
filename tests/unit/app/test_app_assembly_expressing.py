"""A decision as it could be traded with the options of a chain."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from builders_chain import make_chain
from cli_fakes import make_decision
from lightning_gex.app.assembly import expressing
from lightning_gex.app.assembly.expressing import expressed
from lightning_gex.core.decision import ExpectedRange, StageRecord
from lightning_gex.core.enums import DecisionStatus, Direction, StageName, StageVerdict
from lightning_gex.engine.config import EngineConfig
from lightning_gex.risk.expression import Structure
from lightning_gex.risk.guardrails import GuardrailLimits

CHAIN = make_chain(half_spread=0.02, open_interest=500.0)
LONG = replace(
    make_decision(), quantity=500, entry_price=100.0, target_price=105.0, stop_loss=95.0, time_horizon_days=5
)


@pytest.fixture(autouse=True)
def _chain(monkeypatch):
    monkeypatch.setattr(expressing, "read_chain", lambda path, **how: CHAIN)


def how(decision, config=None):
    return expressed(decision, "c.csv", config or EngineConfig(), equity=100_000.0)


def blocked(gate: str):
    said = StageRecord(StageName.TACTICAL, StageVerdict.BLOCKED, "no", {"gate": gate})
    return replace(
        LONG,
        status=DecisionStatus.BLOCKED,
        quantity=0,
        direction=Direction.BEARISH,
        target_price=95.0,
        stop_loss=105.0,
        blocked_by=StageName.TACTICAL,
        stages=(said,),
    )


def test_what_an_approved_trade_may_lose_bounds_the_options():
    found = how(LONG)
    assert found is not None
    assert found.structure is not Structure.STOCK
    assert 0 < found.total_max_loss_usd <= 500 * 5.0


def test_no_structure_loses_more_than_a_position_may_be_or_the_capital_at_work():
    for limits in (GuardrailLimits(max_position_size_pct=0.004), GuardrailLimits(max_capital_usd=400.0)):
        found = how(LONG, replace(EngineConfig(), guardrails=limits))
        assert found is not None
        assert found.structure is Structure.STOCK or found.total_max_loss_usd <= 400.0


def test_a_bearish_view_that_may_not_sell_short_has_options():
    config = replace(EngineConfig(), kelly=replace(EngineConfig().kelly, cold_start_size_pct=0.15))
    found = how(blocked("shorts_off"), config)
    assert found is not None
    assert found.structure in {Structure.BEAR_PUT_SPREAD, Structure.LONG_PUT, Structure.BEAR_CALL_SPREAD}
    assert found.total_max_loss_usd <= 0.15 * 100_000 * 0.05


def test_what_is_not_traded_is_not_expressed():
    assert how(blocked("rank")) is None
    assert how(make_decision(DecisionStatus.NO_SIGNAL)) is None


def test_a_level_beyond_one_forecast_deviation_of_the_horizon_gives_way_to_that(monkeypatch):
    seen = []

    def kept(view, chain):
        seen.append(view)
        return how_it_is

    how_it_is = how(LONG)
    monkeypatch.setattr(expressing, "express", kept)
    ahead = ExpectedRange(98.0, 102.0, 0.7, 5, 0.2, 0.2, "a test")
    far = replace(LONG, target_price=120.0, stop_loss=80.0, time_horizon_days=10, expected_range=ahead)
    how(far)
    how(replace(far, expected_range=None))
    reach = 100.0 * 0.2 * math.sqrt(10 / 252)
    assert (seen[0].target_price, seen[0].stop_price) == pytest.approx((100.0 + reach, 100.0 - reach))
    assert (seen[1].target_price, seen[1].stop_price) == (120.0, 80.0)
    assert seen[0].at_risk_usd == seen[1].at_risk_usd  # what may be lost is what the stock trade may lose
