"""Risk layers as records of the decision path."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from builders_engine import SESSIONS, Says, backtest, bars_of, calm, market, script, scripted_config
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.events import DecisionMade, SignalResolved
from lightning_gex.core.features import FeatureRow, Features
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.layers import (
    UNFILTERED_LIMITS,
    dollar_volume_of,
    execution_station,
    limits_in_force,
    strategic_station,
    tactical_station,
)
from lightning_gex.engine.state import initial_state, portfolio_view, step
from lightning_gex.risk.check import Gate
from lightning_gex.risk.order_plan import BrokerCapabilities
from lightning_gex.risk.strategic import DEFAULT_LIMITS, OwnRegime, RegimeReading
from lightning_gex.risk.tactical import TradePlan

OFF = EngineConfig(enhancements=Enhancements(hierarchical=False))
BULL = RegimeReading(
    MarketRegime.BULL_TRENDING,
    "VIX 16.0",
    None,
    sessions=4,
    told=MarketRegime.RANGE_BOUND,
    probability={MarketRegime.BULL_TRENDING: 0.9, MarketRegime.RANGE_BOUND: 0.099, MarketRegime.CRISIS: 0.001},
)
LIMITS = DEFAULT_LIMITS[MarketRegime.BULL_TRENDING]
PLAN = TradePlan("AAA", Direction.BULLISH, "trend_following", 100.0, 106.0, 97.0, 5, 0.06, 0.03, ())


AT = close_of(SESSIONS[5])


def decision_of(gate: str | None) -> Decision:
    """A decision that passed, or that a tactical gate stopped."""
    said = StageRecord(StageName.TACTICAL, StageVerdict.BLOCKED, "no", {"gate": gate})
    return Decision(
        decision_id="AAA-1",
        ticker="AAA",
        as_of=AT,
        status=DecisionStatus.APPROVED if gate is None else DecisionStatus.BLOCKED,
        action=Action.BUY if gate is None else Action.HOLD,
        direction=Direction.BULLISH,
        quantity=0 if gate else 10,
        entry_price=100.0,
        target_price=106.0,
        stop_loss=97.0,
        confidence=0.6,
        time_horizon_days=5,
        size_pct=0.0 if gate else 0.02,
        regime=None,
        reason="no" if gate else "yes",
        blocked_by=StageName.TACTICAL if gate else None,
        stages=(said,) if gate else (),
        votes=(),
    )


def pattern_of(made: Decision) -> Pattern:
    return Pattern(made.decision_id, "AAA", AT, (), made.direction, 0.6, 5, 100.0, 106.0, 97.0, None)


def row(**values: float) -> FeatureRow:
    columns = {"price": 100.0, "atr": 3.0, "avg_volume": 1e6, **values}
    as_of = np.array(["2024-03-01T21:00:00"], dtype="datetime64[s]")
    return Features("AAA", as_of, {name: np.array([value]) for name, value in columns.items()}).look(0)


def account(**changes: object) -> PortfolioView:
    view = portfolio_view(initial_state(Decimal(100_000)), {}, close_of(SESSIONS[0]))
    return replace(view, **changes)  # type: ignore[arg-type]


def tactical(features: Features | None = None, config: EngineConfig | None = None, **changes: object):
    return tactical_station(
        direction=Direction.BULLISH,
        ticker="AAA",
        price=100.0,
        features=features or row(),
        consensus_target=math.nan,
        consensus_stop=math.nan,
        horizon_sessions=5,
        strategy="trend_following",
        limits=LIMITS,
        portfolio=account(**changes),
        config=config or EngineConfig(),
        universe=None,
    )


def test_the_strategic_record_holds_the_regime_its_age_its_odds_and_its_budget():
    record, limits = strategic_station(BULL, EngineConfig())
    assert record.verdict is StageVerdict.PASSED
    assert limits == LIMITS
    wanted = {
        "regime": "bull_trending",
        "sessions_in_regime": 4,
        "session_alone_tells": "range_bound",
        "p_bull_trending": 0.9,
        "p_range_bound": 0.099,
        "max_positions": 12,
    }
    assert wanted.items() <= record.detail.items()
    assert "p_crisis" not in record.detail  # below a hundredth


def test_without_a_regime_the_gate_says_so_and_learning_keeps_unfiltered_limits():
    record, limits = strategic_station(RegimeReading(None, "nothing is known", None), EngineConfig())
    assert (record.verdict, record.detail["gate"]) == (StageVerdict.BLOCKED, "no_regime")
    assert limits is UNFILTERED_LIMITS


def test_a_regime_of_the_users_own_brings_its_own_limits():
    own = OwnRegime("quiet weeks", lambda figures: True, replace(LIMITS, max_positions=2))
    reading = replace(BULL, regime=MarketRegime.CUSTOM_REGIME, own=own)
    record, limits = strategic_station(reading, EngineConfig())
    assert limits.max_positions == 2
    assert record.detail["regime"] == "quiet weeks"
    assert limits_in_force(reading, EngineConfig()) is limits


def test_with_the_layers_off_nothing_is_filtered():
    record, limits = strategic_station(BULL, OFF)
    assert (record.verdict, limits) == (StageVerdict.OFF, UNFILTERED_LIMITS)
    assert limits_in_force(BULL, OFF) is UNFILTERED_LIMITS
    record, plan = tactical(config=OFF)
    assert plan is not None
    assert {cap.name for cap in plan.caps} == {"regime_position_size", "regime_portfolio_risk"}
    assert execution_station(PLAN, 10, 100.0, row(), account(), OFF).verdict is StageVerdict.OFF


def test_the_tactical_record_names_what_could_not_be_looked_at():
    record, _ = tactical(features=row(avg_volume=math.nan), open_trades={"BBB": Direction.BULLISH})
    assert record.verdict is StageVerdict.PASSED
    assert record.fallback == (
        "no history of what else is held: correlation, sectors and rank are not looked at; "
        "no volume is known: liquidity is not looked at"
    )


def test_a_cap_that_leaves_less_than_a_rung_is_a_no_with_its_numbers():
    record, plan = tactical(features=row(avg_volume=1_000.0))  # 1 % of 100,000 USD a session: 1 % of equity
    assert (record.verdict, record.detail["gate"]) == (StageVerdict.BLOCKED, "liquidity")
    assert record.detail["cap_liquidity"] == pytest.approx(0.01)
    assert record.reason.startswith(
        "liquidity leaves 1.0% of equity, less than the lowest rung: 1.0% of the 0.1 million"
    )
    assert plan is not None  # memory learns from it all the same


def test_the_execution_record_holds_the_orders_and_the_brokers_no():
    record = execution_station(PLAN, 10, 100.0, row(), account(), EngineConfig())
    assert record.verdict is StageVerdict.PASSED
    assert "one cancels the other" in str(record.detail["orders"])
    small = replace(EngineConfig(), broker=BrokerCapabilities("B", largest_quantity=5))
    refused = execution_station(PLAN, 10, 100.0, row(), account(), small)
    assert (refused.verdict, refused.detail["gate"]) == (StageVerdict.BLOCKED, "order_plan")


def test_dollar_volume_is_shares_times_price():
    assert dollar_volume_of(row()) == 1e8
    assert math.isnan(dollar_volume_of(row(avg_volume=math.nan)))


def test_a_view_is_traded_once_until_it_is_interrupted():
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0] * 40)}, volatility_index=calm())
    held = {row: Says(1) for row in range(3, 30) if row != 20}  # the agents say nothing on one session
    run = backtest(inputs, [script("AAA", held)])
    entries = [d.as_of for d in run.decisions if d.status is DecisionStatus.APPROVED]
    assert entries == [close_of(SESSIONS[3]), close_of(SESSIONS[21])]
    again = next(d for d in run.decisions if d.as_of == close_of(SESSIONS[15]))
    assert (again.veto, again.blocked_by) == ("tactical.same_move", StageName.TACTICAL)
    config = scripted_config()
    config = replace(config, tactical=replace(config.tactical, one_entry_a_view=False))
    more = backtest(inputs, [script("AAA", held)], config)
    assert sum(d.status is DecisionStatus.APPROVED for d in more.decisions) > 2


def test_what_its_universe_outranked_does_not_speak_for_what_is_traded():
    def resolved(gate: str | None) -> int:
        state = initial_state(Decimal(100_000))
        made = decision_of(gate)
        state = step(state, DecisionMade(AT, made, pattern_of(made)))
        state = step(state, SignalResolved(AT, made.decision_id, "AAA", Outcome(0.01, True, AT)))
        assert not state.outranked
        assert not state.unresolved
        return sum(record.resolved for record in state.records.values())

    assert (resolved(None), resolved("positions"), resolved("rank")) == (1, 1, 0)


def test_every_refusal_of_a_run_names_its_gate_and_keeps_what_memory_learns_from():
    made = market("AAA", 3, 330)
    inputs = MarketInputs({"AAA": made.bars}, flow=made.flow, volatility_index=made.vix)
    run = backtest(inputs, default_agents(), EngineConfig())
    blocked = [d for d in run.decisions if d.status is DecisionStatus.BLOCKED]
    assert len(blocked) > 20
    caps = {cap.name for d in run.decisions for cap in d.caps}
    for decision in blocked:
        stage, _, gate = str(decision.veto).partition(".")
        assert stage == decision.blocked_by
        assert gate in {*Gate, *caps}
        assert math.isfinite(decision.stop_loss)
    remembered = {e.pattern.pattern_id for e in run.of(DecisionMade) if e.pattern is not None}
    assert {d.decision_id for d in blocked} <= remembered
