"""The decision path: every stage says yes or no with its reason, the tightest cap wins, what is not known fails."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_events import same
from builders_quick_start import FEATURES as RISING
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.expected_range import price_band
from lightning_gex.app.assembly.policies import UnpromotedPolicy
from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.events import BreakerTripped, OrderPlaced
from lightning_gex.core.features import ALL_FEATURES, FORECAST_FEATURES, Features
from lightning_gex.core.patterns import Neighbours, Outcome
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.decide import Conclusion, conclude
from lightning_gex.engine.learning import Learning, Proved
from lightning_gex.engine.outlook import NO_HISTORY
from lightning_gex.engine.perception import perceive
from lightning_gex.engine.proposal import Snapshot, propose
from lightning_gex.engine.state import EngineState, initial_state, portfolio_view, step
from lightning_gex.engine.trades import entry_order
from lightning_gex.memory.say import MemorySay
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.risk.strategic import DEFAULT_LIMITS, RegimeTable
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.sizing.kelly_size import KellyConfig
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.track_record import TrackRecord

AT = datetime(2024, 3, 1, 21, tzinfo=UTC)
NAN = math.nan


class Policy:
    """A sizing policy with one answer."""

    def __init__(self, pct: float) -> None:
        self.pct = pct

    def size_pct(self, observation):
        assert observation.shape == (7,)
        return self.pct


def features(**changes: float) -> Features:
    values = {**RISING, **changes}
    return Features(
        "AAA", np.array(["2024-03-01T21:00:00"], dtype="datetime64[s]"), {k: np.array([v]) for k, v in values.items()}
    )


def decided(
    config: EngineConfig | None = None,
    *,
    state: EngineState | None = None,
    neighbours: Neighbours | None = None,
    policy: Policy | None = None,
    trading: bool = True,
    **changes: float,
) -> Conclusion:
    config = config or EngineConfig()
    state = state or initial_state(Decimal(100_000))
    perception = perceive(features(**changes), default_agents(), config)
    proposal = propose(Snapshot("AAA", AT, perception, 0, trading=trading), config)
    if neighbours is None and config.enhancements.memory:
        neighbours = recalled(0, 0)
    view = portfolio_view(state, {"AAA": proposal.price, "BBB": 50.0}, AT)
    return conclude(proposal, neighbours, state, view, policy, config)


def recalled(won: int, lost: int) -> Neighbours:
    n = won + lost
    wins = np.arange(n) < won
    given = np.datetime64("2024-02-01T21:00") - 10 * np.arange(n) * np.timedelta64(1, "D")
    return Neighbours.of(
        tuple(map(str, range(n))),
        similarity=np.full(n, 0.95),
        net_return=np.where(wins, 0.02, -0.02),
        won=wins,
        resolved_in_book=n,
        given_at=given,
        known_at=given + np.timedelta64(5, "D"),
    )


def record(won: int, lost: int) -> TrackRecord:
    made = TrackRecord()
    for i in range(won + lost):
        given_at = AT - timedelta(days=20 * (won + lost - i))
        net = 0.02 if i % (won + lost) < won else -0.02
        made = made.after(given_at, Outcome(net, net > 0, given_at + timedelta(days=10)))
    return made


def stage(decision: Decision, name: StageName) -> StageRecord:
    return next(s for s in decision.stages if s.stage is name)


def verdicts(decision: Decision) -> dict[StageName, StageVerdict]:
    return {s.stage: s.verdict for s in decision.stages}


def regimes(regime: MarketRegime = MarketRegime.BULL_TRENDING, **changes: object) -> RegimeTable:
    return RegimeTable({regime: replace(DEFAULT_LIMITS[regime], **changes)})


# --- the whole path ---------------------------------------------------------------------------------------------


def test_an_idea_that_every_stage_passes_is_approved_with_a_bracket_around_the_price():
    decision = decided().decision
    assert decision.status is DecisionStatus.APPROVED
    assert decision.action is Action.BUY
    assert [s.stage for s in decision.stages] == list(StageName)
    assert set(verdicts(decision).values()) == {StageVerdict.PASSED}
    assert decision.stop_loss < decision.entry_price < decision.target_price
    assert decision.quantity == int(100_000 * decision.size_pct / 180)
    assert decision.blocked_by is None
    assert decision.decision_id == "AAA-20240301T210000Z"
    assert all(s.reason for s in decision.stages)


def test_the_votes_of_every_agent_are_on_record():
    assert {v.agent for v in decided().decision.votes} == {a.name for a in default_agents()}


@pytest.mark.parametrize("price", [180.0, NAN])
def test_without_history_the_expected_range_is_absent_by_name_with_or_without_a_signal(price):
    decision = decided(price=price).decision
    assert (decision.status is DecisionStatus.NO_SIGNAL) is math.isnan(price)
    assert decision.expected_range is None
    assert decision.range_absence == NO_HISTORY
    assert decision.range_figures["range_absence"] == NO_HISTORY
    assert decision.range_figures["range_low"] is None


def test_a_decision_with_forecasts_carries_its_expected_range():
    ahead = dict.fromkeys(FORECAST_FEATURES, 0.2)
    decision = decided(**ahead).decision
    assert decision.range_absence is None
    low, high = price_band(180.0, 0.2, 5)
    found = decision.expected_range
    assert (found.low, found.high) == pytest.approx((low, high))
    assert math.isnan(found.probability)
    assert found.volatility_forecast_horizon == pytest.approx(0.2)
    figures = decision.range_figures
    assert (figures["range_low"], figures["range_high"]) == pytest.approx((low, high))
    assert figures["range_horizon_sessions"] == 5
    assert figures["range_basis"] == found.basis


def test_the_label_and_the_sequence_tell_decisions_of_one_moment_apart():
    perception = perceive(features(), default_agents(), EngineConfig())
    snapshot = Snapshot("AAA", AT, perception, 0, label="run-1:", sequence=2, notes=("stamped",))
    proposal = propose(snapshot, EngineConfig())
    assert proposal.decision_id == "run-1:AAA-20240301T210000Z-2"
    assert proposal.record.fallback == "stamped; no price history for a base rate: the confidence itself stands in"


def test_no_signal_asks_nobody_further_and_keeps_nothing():
    conclusion = decided(**dict.fromkeys(RISING, NAN) | {"price": 180.0})
    decision = conclusion.decision
    assert decision.status is DecisionStatus.NO_SIGNAL
    assert (decision.action, decision.direction, decision.quantity) == (Action.HOLD, Direction.NEUTRAL, 0)
    assert "every agent abstained" in decision.reason
    assert conclusion.pattern is None
    assert set(verdicts(decision).values()) == {StageVerdict.ABSTAINED, StageVerdict.SKIPPED}


# --- each stage's no --------------------------------------------------------------------------------------------


def blocked_at(decision: Decision, name: StageName, words: str) -> None:
    """Blocked there and nowhere else: before it all passed, after it nobody was asked."""
    assert decision.status is DecisionStatus.BLOCKED
    assert decision.blocked_by is name
    assert words in decision.reason
    assert (decision.action, decision.quantity, decision.size_pct) == (Action.HOLD, 0, 0.0)
    names = list(StageName)
    at = names.index(name)
    said = verdicts(decision)
    assert [said[n] for n in names[:at]] == [StageVerdict.PASSED] * at
    assert said[name] is StageVerdict.BLOCKED
    assert [said[n] for n in names[at + 1 :]] == [StageVerdict.SKIPPED] * (len(names) - at - 1)


def test_memory_may_lower_the_confidence_below_what_is_traded():
    confidence = decided().decision.confidence
    config = replace(EngineConfig(), minimum_confidence=confidence - 0.001)
    assert decided(config).decision.status is DecisionStatus.APPROVED
    untried = decided(config, neighbours=recalled(0, 20))
    assert untried.decision.confidence == confidence  # advice that has proved nothing yet
    proved = Learning(memory=MemorySay(outcomes=500, agreement=5.0, information=2.0))
    state = replace(initial_state(Decimal(100_000)), learning=proved)
    conclusion = decided(config, neighbours=recalled(0, 20), state=state)
    blocked_at(conclusion.decision, StageName.MEMORY, "below the least that is traded")
    assert conclusion.decision.confidence < confidence
    assert conclusion.pattern is not None  # what became of it still teaches


def test_a_regime_that_cannot_be_told_is_not_traded():
    conclusion = decided(vix=NAN, vix_20_avg=NAN, volatility=NAN)
    blocked_at(conclusion.decision, StageName.STRATEGIC, "no regime can be told")
    assert conclusion.decision.regime is None


def test_a_regime_without_limits_is_not_traded():
    config = replace(EngineConfig(), regime_rule=lambda row: row["price"] > 100)
    blocked_at(decided(config).decision, StageName.STRATEGIC, "the user's own rule")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allowed_strategies": ("mean_reversion",)}, "is not allowed in this regime"),
        ({"max_positions": 0}, "0 of 0 positions are taken"),
    ],
)
def test_the_tactical_layer_refuses_what_the_regime_forbids(changes, words):
    conclusion = decided(replace(EngineConfig(), regimes=regimes(**changes)))
    blocked_at(conclusion.decision, StageName.TACTICAL, words)
    assert conclusion.pattern is not None


def test_a_bearish_view_opens_no_short_unless_that_is_allowed():
    falling = {"price": 180.0, "sma_20": 182.0, "sma_50": 186.0, "sma_200": 195.0, "rsi": 42.0, "stochastic": 35.0}
    falling |= {"gex_signal": -0.75, "charm_pressure": -0.6, "vanna_sensitivity": -0.5, "dark_pool_flow": -0.6}
    falling |= {"spy_trend": -0.5, "advance_decline_ratio": 0.6}
    conclusion = decided(**falling)
    assert conclusion.decision.direction is Direction.BEARISH
    blocked_at(conclusion.decision, StageName.TACTICAL, "opening shorts is off")
    allowed = decided(replace(EngineConfig(), tactical=TacticalConfig(allow_short=True)), **falling).decision
    assert (allowed.status, allowed.action) == (DecisionStatus.APPROVED, Action.SELL)
    assert allowed.target_price < allowed.entry_price < allowed.stop_loss


def test_a_ticker_that_is_open_or_pending_is_not_entered_again():
    first = decided().decision
    state = step(initial_state(Decimal(100_000)), OrderPlaced(AT, entry_order(first)))
    blocked_at(decided(state=state).decision, StageName.TACTICAL, "already in this trade")


def test_while_only_learning_nothing_is_sized_but_everything_is_remembered():
    conclusion = decided(trading=False)
    blocked_at(conclusion.decision, StageName.TACTICAL, "only learning")
    assert conclusion.pattern is not None
    assert replace(conclusion.pattern, taken=True) == decided().pattern


def test_a_record_without_an_edge_sizes_zero():
    state = replace(initial_state(Decimal(100_000)), records={Direction.BULLISH: record(30, 30)})
    blocked_at(decided(state=state).decision, StageName.SIZING, "no proven edge")


def test_a_cap_below_the_lowest_rung_of_the_ladder_sizes_zero_and_says_which_rung():
    narrow = replace(EngineConfig(), guardrails=GuardrailLimits(max_position_size_pct=0.01))
    words = "size 0: at most 1% a position, less than the lowest rung of 2%"
    blocked_at(decided(narrow).decision, StageName.SIZING, words)


def test_a_position_of_less_than_one_share_is_no_position():
    decision = decided(state=initial_state(Decimal(5_000))).decision
    blocked_at(decision, StageName.SIZING, "less than one share")


def test_execution_looks_a_last_time_at_stop_and_reward():
    config = EngineConfig()
    config = replace(config, execution=replace(config.execution, minimum_reward_to_risk=50.0))
    blocked_at(decided(config).decision, StageName.EXECUTION, "reward over risk")


def test_a_tripped_breaker_stops_the_entry_at_the_guardrails():
    state = step(initial_state(Decimal(100_000)), BreakerTripped(AT, "vix_jump", "up by half"))
    blocked_at(decided(state=state).decision, StageName.GUARDRAILS, "vix_jump is tripped: up by half")


def test_the_guardrails_count_the_entries_of_the_day():
    config = replace(EngineConfig(), guardrails=GuardrailLimits(max_daily_trades=3))
    state = replace(initial_state(Decimal(100_000)), daily_trades=3)
    blocked_at(decided(config, state=state).decision, StageName.GUARDRAILS, "trades today")


# --- size -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "config", "policy"),
    [
        ("policy", EngineConfig(), Policy(0.05)),
        ("ladder", EngineConfig(), Policy(0.15)),
        ("kelly", EngineConfig(), None),
        ("regime_position_size", replace(EngineConfig(), regimes=regimes(max_position_size=0.06)), Policy(0.15)),
        ("regime_portfolio_risk", replace(EngineConfig(), regimes=regimes(max_portfolio_risk=0.02)), Policy(0.15)),
        (
            "guardrail_position_size",
            replace(EngineConfig(), guardrails=GuardrailLimits(max_position_size_pct=0.03)),
            Policy(0.15),
        ),
        (
            "guardrail_total_exposure",
            replace(EngineConfig(), guardrails=GuardrailLimits(max_total_exposure_pct=0.11)),
            Policy(0.15),
        ),
    ],
)
def test_the_tightest_cap_decides_and_is_named(binding, config, policy):
    decision = decided(config, policy=policy).decision
    assert decision.binding_cap == binding
    tightest = min(c.size_pct for c in decision.caps)
    assert {c.size_pct for c in decision.caps if c.name == binding} == {tightest}
    assert decision.size_pct == max(rung for rung in LADDER if rung <= tightest)
    assert f"bound by {binding}" in stage(decision, StageName.SIZING).reason


def test_free_cash_is_a_cap_and_pending_entries_have_taken_theirs():
    taken = entry_order(replace(decided().decision, ticker="BBB", decision_id="b", quantity=1_940))
    state = step(initial_state(Decimal(100_000)), OrderPlaced(AT, taken))  # 97,000 of 100,000 at 50 each
    wide = GuardrailLimits(max_total_exposure_pct=1.0)
    open_risk = regimes(max_portfolio_risk=1.0)
    decision = decided(replace(EngineConfig(), guardrails=wide, regimes=open_risk), state=state, policy=Policy(0.15))
    assert decision.decision.binding_cap in {"cash", "guardrail_total_exposure"}
    assert decision.decision.size_pct == 0.02


@given(pct=st.one_of(st.sampled_from(LADDER), st.floats()), equity=st.integers(1_000, 10_000_000))
def test_no_position_exceeds_any_cap_or_the_equity_it_is_sized_on(pct, equity):
    decision = decided(state=initial_state(Decimal(equity)), policy=Policy(pct)).decision
    assert decision.size_pct in LADDER
    assert decision.quantity * 180.0 <= decision.size_pct * equity + 1e-6
    for cap in decision.caps:
        assert decision.size_pct == 0 or decision.size_pct <= cap.size_pct


class Broken:
    """A sizing policy that fails whenever it is asked."""

    def size_pct(self, observation):
        raise InputError("holds weights of no sizing network", source="policy.zip")


def test_a_policy_that_fails_stops_nothing_kelly_sizes_and_the_record_says_why():
    decision, without = decided(policy=Broken()).decision, decided().decision
    sizing = stage(decision, StageName.SIZING)
    assert "the trained policy failed (policy.zip" in sizing.fallback
    assert sizing.fallback.endswith("Kelly sizes")
    assert (decision.status, decision.quantity) == (without.status, without.quantity)


def test_where_no_policy_has_beaten_kelly_that_is_said_and_is_no_failure():
    sizing = stage(decided(policy=UnpromotedPolicy("no policy was promoted")).decision, StageName.SIZING)
    assert sizing.fallback == "no policy was promoted: Kelly sizes"
    assert sizing.detail["binding_cap"] == "kelly"


def test_without_a_policy_or_with_too_little_to_observe_kelly_sizes_and_says_so():
    assert stage(decided().decision, StageName.SIZING).fallback == "no trained policy: Kelly sizes"
    blind = dict.fromkeys(("gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow", "volatility"), NAN)
    sizing = stage(decided(policy=Policy(0.15), **blind).decision, StageName.SIZING)
    assert sizing.fallback is not None
    assert "Kelly sizes" in sizing.fallback
    assert sizing.detail["binding_cap"] == "kelly"


def test_kelly_speaks_after_thirty_outcomes_that_do_not_overlap():
    state = replace(initial_state(Decimal(100_000)), records={Direction.BULLISH: record(29, 0)})
    assert stage(decided(state=state).decision, StageName.SIZING).detail["cold_start"] is True
    state = replace(state, records={Direction.BULLISH: record(30, 0)})
    decision = decided(state=state).decision
    detail = stage(decision, StageName.SIZING).detail
    assert detail["cold_start"] is False
    assert detail["win_rate"] == 1.0
    assert 0.5 < detail["win_probability"] < 1.0  # thirty wins in a row are no certainty
    assert decision.size_pct > KellyConfig().cold_start_size_pct


# --- switches ---------------------------------------------------------------------------------------------------


def test_a_signal_that_proved_agents_back_is_sized_by_their_record_where_that_allows_more():
    config = EngineConfig()
    perception = perceive(features(), default_agents(), config)
    snapshot = Snapshot("AAA", AT, perception, 0)

    def kelly(others: TrackRecord, backed: TrackRecord, proved: dict[str, Proved]) -> StageRecord:
        state = replace(
            initial_state(Decimal(100_000)),
            records={Direction.BULLISH: others},
            backed_records={Direction.BULLISH: backed},
        )
        proposal = propose(snapshot, config, None, proved)
        view = portfolio_view(state, {"AAA": proposal.price}, AT)
        return stage(conclude(proposal, recalled(0, 0), state, view, None, config).decision, StageName.SIZING)

    good, bad = record(60, 20), record(20, 60)
    leader = next(v.agent for v in perception.votes if v.direction[0] > 0)
    backs = {leader: Proved(across=0.05)}
    assert kelly(bad, good, {}).detail["win_rate"] == 0.25
    assert kelly(bad, good, backs).detail["win_rate"] == 0.75
    assert kelly(good, bad, backs).detail["win_rate"] == 0.75


def off(name: str) -> EngineConfig:
    return replace(EngineConfig(), enhancements=replace(Enhancements(), **{name: False}))


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("memory", {StageName.MEMORY}),
        ("hierarchical", {StageName.STRATEGIC, StageName.EXECUTION}),
        ("security", {StageName.GUARDRAILS}),
    ],
)
def test_an_enhancement_that_is_off_says_so_and_every_other_stage_is_asked_as_before(name, stages):
    on, without = decided(policy=Policy(0.02)).decision, decided(off(name), policy=Policy(0.02)).decision
    assert without.status is DecisionStatus.APPROVED
    said = verdicts(without)
    assert {n for n, verdict in said.items() if verdict is StageVerdict.OFF} == stages
    assert all(said[n] is StageVerdict.PASSED for n in StageName if n not in stages)
    assert {s.stage for s in on.stages if s.verdict is StageVerdict.OFF} == set()
    touched = {StageName.TACTICAL, StageName.SIZING} if name == "hierarchical" else set()  # they live by its limits
    for one, other in zip(on.stages, without.stages, strict=True):
        if one.stage not in stages | touched:
            assert same(one, other), one.stage


def test_without_the_sizing_policy_only_the_sizing_stage_differs():
    on, without = decided(policy=Policy(0.15)).decision, decided(off("rl_sizing"), policy=Policy(0.15)).decision
    assert without.binding_cap == "kelly"
    assert "policy" not in {c.name for c in without.caps}
    before = [n for n in StageName if list(StageName).index(n) < list(StageName).index(StageName.SIZING)]
    for name in before:
        assert same(stage(on, name), stage(without, name))
    assert stage(without, StageName.SIZING).fallback is None  # nothing stood in: it was the user's wish


def test_without_the_agents_dealer_positioning_decides_alone():
    decision = decided(off("multi_agent")).decision
    assert [v.agent for v in decision.votes] == ["Options Flow Agent"]
    assert "dealer positioning alone" in stage(decision, StageName.SIGNAL).reason
    assert decision.status is DecisionStatus.APPROVED
    on = decided().decision
    assert verdicts(decision) == verdicts(on)


def test_without_the_layers_no_regime_budget_binds_and_none_is_asked_for():
    config = replace(off("hierarchical"), regimes=regimes(max_positions=0, max_position_size=0.02))
    decision = decided(config, policy=Policy(0.15), vix=NAN, vix_20_avg=NAN).decision
    assert decision.status is DecisionStatus.APPROVED
    assert not {c.name for c in decision.caps} & {"regime_position_size", "regime_portfolio_risk"}
    assert decision.size_pct == 0.15


def test_without_security_a_tripped_breaker_stops_nothing():
    state = step(initial_state(Decimal(100_000)), BreakerTripped(AT, "vix_jump", "up"))
    assert decided(off("security"), state=state).decision.status is DecisionStatus.APPROVED


# --- what is not known ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rl_sizing", "memory", "multi_agent", "hierarchical", "security", ""])
def test_a_row_of_nothing_is_no_signal_whatever_is_switched_off(name):
    decision = decided(off(name) if name else None, **dict.fromkeys(ALL_FEATURES, NAN)).decision
    assert decision.status is DecisionStatus.NO_SIGNAL
    assert decision.quantity == 0


@given(absent=st.sets(st.sampled_from(sorted(RISING)), max_size=len(RISING)), policy=st.booleans())
def test_whatever_is_absent_an_approved_decision_is_whole(absent, policy):
    decision = decided(policy=Policy(0.05) if policy else None, **dict.fromkeys(absent, NAN)).decision
    if decision.status is not DecisionStatus.APPROVED:
        assert decision.quantity == 0
        return
    assert decision.quantity > 0
    assert all(map(math.isfinite, (decision.entry_price, decision.target_price, decision.stop_loss)))
    assert 0.5 <= decision.confidence <= 1.0
    assert decision.stop_loss < decision.entry_price < decision.target_price
    assert decision.regime is not None


def test_an_account_that_is_not_known_enters_nothing():
    broke = initial_state(Decimal(0))
    decision = decided(state=broke).decision
    assert decision.status is DecisionStatus.BLOCKED
    unknown = replace(initial_state(Decimal(100_000)), session_equity=Decimal(0))
    assert decided(state=unknown).decision.status is DecisionStatus.BLOCKED


def test_a_policy_that_answers_no_number_sizes_zero():
    decision = decided(policy=Policy(NAN)).decision
    assert (decision.blocked_by, decision.binding_cap) == (StageName.SIZING, "policy")


def test_a_confidence_that_is_no_number_is_not_traded():
    config = EngineConfig()
    perception = perceive(features(), default_agents(), config)
    proposal = replace(propose(Snapshot("AAA", AT, perception, 0), config), confidence=NAN)
    state = initial_state(Decimal(100_000))
    for neighbours in (None, recalled(20, 0)):
        decision = conclude(proposal, neighbours, state, portfolio_view(state, {}, AT), None, config).decision
        assert decision.blocked_by is StageName.MEMORY


# --- a part of the capital -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_part_of_the_capital_takes_that_part_of_every_size_and_says_so(share):
    whole = decided(EngineConfig(fixed_size_pct=0.10)).decision
    part = decided(EngineConfig(fixed_size_pct=0.10, capital_share=share)).decision
    assert part.size_pct == pytest.approx(share * whole.size_pct)
    assert part.quantity == pytest.approx(share * whole.quantity, abs=1)
    assert part.binding_cap == "transition"
    sizing = next(r for r in part.stages if r.stage is StageName.SIZING)
    assert sizing.detail["bound_before_share"] == whole.binding_cap
    assert f"{share:.0%} of the capital" in sizing.reason


def test_with_all_of_the_capital_there_is_no_such_cap():
    assert "transition" not in {cap.name for cap in decided(EngineConfig(capital_share=1.0)).decision.caps}


def test_without_any_of_the_capital_nothing_is_entered_and_the_gate_has_its_name():
    decision = decided(EngineConfig(fixed_size_pct=0.10, capital_share=0.0)).decision
    assert decision.status is DecisionStatus.BLOCKED
    assert decision.veto == "sizing.transition"
    assert decision.quantity == 0


def test_a_share_outside_zero_to_one_is_no_configuration():
    for share in (-0.1, 1.1, NAN):
        with pytest.raises(SettingsError, match="capital_share"):
            EngineConfig(capital_share=share)
