"""One account on dictionaries: what is decided, booked, remembered, refused and put on record."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders_founding import MARKET, MONDAY, OPTIONS, PRICE, ask, open_system
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.analytics.bootstrap import wilson_interval
from lightning_gex.core.enums import ExitReason, MarketRegime, RunMode
from lightning_gex.core.errors import DisabledError, InputError, LightningError, RefusedError, SettingsError
from lightning_gex.core.events import (
    BreakerTripped,
    LearningCarried,
    OrderPlaced,
    RecordCarried,
    RunStarted,
    SessionOpened,
    TradeOpened,
    WeightChanged,
)
from lightning_gex.engine.learning import Learning
from lightning_gex.engine.state import replay
from lightning_gex.risk.guardrails import GuardrailLimits

PARTS = {
    "security": "enable_security",
    "memory": "enable_memory",
    "coordinator": "enable_multi_agent",
    "hierarchical": "enable_hierarchical",
}
BEARISH = PRICE | {
    "price": 160.0,
    "sma_20": 170.0,
    "sma_50": 175.0,
    "sma_200": 180.0,
    "support": 155.0,
    "bb_lower": 150.0,
}


@pytest.fixture
def opened(tmp_path):
    with open_system(tmp_path / "home") as pair:
        yield pair


@pytest.fixture
def system(opened):
    return opened[0]


def events(system, kind):
    journal = system._account.journal
    return [r.event for r in journal.read(journal.run_id) if isinstance(r.event, kind)]


def stage(decision, name):
    return next(s for s in decision["stages"] if s["stage"] == name)


# --- deciding --------------------------------------------------------------------------------------------------------


def test_an_approved_decision_is_journaled_as_a_trade_assumed_filled_at_its_price(system):
    decision = ask(system)
    (opened,) = events(system, TradeOpened)
    assert opened.fill.assumed
    assert opened.trade.assumed
    assert float(opened.fill.price) == decision["entry_price"] == 180.0
    assert opened.trade.trade_id == decision["trade_id"] == 0
    assert system.get_performance_summary()["trading"]["open_trades"] == 1


def test_the_clocks_stamp_is_on_record_and_a_date_of_the_data_needs_none(system):
    assert any("the clock's" in text for text in ask(system)["fallbacks"])
    dated = ask(system, "MSFT", as_of=MONDAY + timedelta(minutes=1))
    assert not any("the clock's" in text for text in dated["fallbacks"])
    assert dated["as_of"] == "2024-06-03T18:01:00+00:00"


def test_a_ticker_that_is_open_already_is_blocked_and_a_closed_one_is_not(system):
    ask(system)
    again = ask(system)
    assert (again["status"], again["trade_id"], again["action"]) == ("blocked", None, "HOLD")
    assert "already in this trade" in again["reason"]
    system.update_trade_outcome(0, 181.0)
    assert ask(system)["status"] == "approved"


def test_trade_ids_count_from_zero_in_each_system(tmp_path):
    for _ in range(2):
        with open_system(tmp_path) as (system, _clock):
            assert [ask(system, t)["trade_id"] for t in ("AAPL", "MSFT")] == [0, 1]


def test_decisions_within_one_second_have_ids_of_their_own(system):
    times = [MONDAY, MONDAY + timedelta(microseconds=1), MONDAY + timedelta(microseconds=2)]
    ids = [ask(system, as_of=t)["decision_id"] for t in times]
    assert len(set(ids)) == 3


def test_nothing_known_but_the_price_is_no_signal_with_every_agents_reason(system):
    decision = system.analyze_ticker("AAPL", {"price": 180.0})
    assert decision["status"] == "no_signal"
    assert "every agent abstained" in decision["reason"]
    assert all(v["direction"] == "abstained" and v["reasoning"] for v in decision["votes"])
    assert math.isnan(decision["target_price"])
    assert math.isnan(decision["range_low"])
    assert math.isnan(decision["volatility_forecast"])
    assert decision["range_absence"].startswith("no history of bars was given")
    assert decision["range_basis"] is None


def test_an_earlier_moment_of_the_same_session_is_decided_and_an_earlier_session_is_refused(system):
    ask(system, "AAPL", as_of=MONDAY)
    assert ask(system, "MSFT", as_of=MONDAY - timedelta(minutes=5))["status"] == "approved"
    with pytest.raises(InputError, match=r"field 'as_of'.*time only goes forward"):
        ask(system, "NVDA", as_of=MONDAY - timedelta(days=3))


def test_each_session_has_its_own_count_of_trades(tmp_path):
    with open_system(tmp_path, guardrails=GuardrailLimits(max_daily_trades=1)) as (system, _):
        assert ask(system, "AAPL", as_of=MONDAY)["status"] == "approved"
        blocked = ask(system, "MSFT", as_of=MONDAY + timedelta(hours=1))
        assert (blocked["status"], blocked["blocked_by"]) == ("blocked", "guardrails")
        assert ask(system, "MSFT", as_of=MONDAY + timedelta(days=1))["status"] == "approved"


def test_entries_of_an_earlier_system_on_the_same_day_count(tmp_path):
    limits = GuardrailLimits(max_daily_trades=2)
    with open_system(tmp_path, guardrails=limits) as (system, _):
        ask(system, "AAPL")
    with open_system(tmp_path, guardrails=limits) as (system, _):
        assert system.get_performance_summary()["security"]["guardrails"]["daily_trades"] == 1
        assert ask(system, "MSFT")["status"] == "approved"
        assert ask(system, "NVDA")["status"] == "blocked"


def test_orders_within_a_minute_are_limited(tmp_path):
    with open_system(tmp_path, guardrails=GuardrailLimits(max_orders_per_minute=1)) as (system, clock):
        assert ask(system, "AAPL")["status"] == "approved"
        assert ask(system, "MSFT")["status"] == "blocked"
        clock.set(MONDAY + timedelta(seconds=61))
        assert ask(system, "NVDA")["status"] == "approved"


def test_a_bearish_view_opens_no_short_unless_the_settings_allow_it(tmp_path, monkeypatch):
    options = {"gex_signal": -0.8, "charm_pressure": -0.8, "vanna_sensitivity": -0.8, "dark_pool_flow": -0.8}
    market = MARKET | {"spy_trend": -0.5, "advance_decline_ratio": 0.6}
    with open_system(tmp_path) as (system, _):
        decision = ask(system, prices=BEARISH, options=options, market=market)
        assert decision["direction"] == "bearish"
        assert (decision["status"], decision["action"]) == ("blocked", "HOLD")
        assert "opening shorts is off" in decision["reason"]
    monkeypatch.setenv("LIGHTNING_ACCOUNT__ALLOW_SHORT", "true")
    with open_system(tmp_path) as (system, _):
        decision = ask(system, prices=BEARISH, options=options, market=market)
        assert (decision["status"], decision["action"]) == ("approved", "SELL")
        assert decision["target_price"] < decision["entry_price"] < decision["stop_loss"]
        outcome = system.update_trade_outcome(decision["trade_id"], 150.0, ExitReason.TAKE_PROFIT)
        assert outcome["pnl"] == 10.0 * decision["quantity"]


# --- outcomes --------------------------------------------------------------------------------------------------------


def test_closing_books_the_profit_and_teaches_the_memory(opened):
    system, clock = opened
    decision = ask(system)
    clock.set(MONDAY + timedelta(days=3))
    outcome = system.update_trade_outcome(0, 189.50, "take_profit")
    assert outcome["pnl"] == 9.5 * decision["quantity"]
    assert outcome["won"]
    assert outcome["closed_at"] == "2024-06-06T18:00:00+00:00"
    pattern = system.memory.find(decision["decision_id"])
    assert pattern.outcome.net_return == pytest.approx(9.5 / 180)
    assert pattern.outcome.known_at == MONDAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((0, 189.5), RefusedError, "trade 0 is closed already"),
        ((1, 189.5), RefusedError, "there is no trade 1"),
        ((-1, 189.5), RefusedError, "there is no trade -1"),
        (("0", 189.5), RefusedError, "there is no trade '0'"),
        (([], 189.5), RefusedError, "there is no trade"),
        ((True, 189.5), RefusedError, "there is no trade True"),
    ],
)
def test_a_trade_that_is_closed_or_unknown_is_refused(system, arguments, error, said):
    ask(system)
    system.update_trade_outcome(0, 185.0)
    before = system.get_performance_summary()
    with pytest.raises(error, match=said):
        system.update_trade_outcome(*arguments)
    assert repr(system.get_performance_summary()) == repr(before)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"exit_price": 0.0}, "exit_price"),
        ({"exit_price": -5.0}, "exit_price"),
        ({"exit_price": float("nan")}, "exit_price"),
        ({"exit_price": "189"}, "exit_price"),
        ({"exit_price": 1e-9}, "exit_price"),
        ({"exit_price": 1e12}, "exit_price"),
        ({"exit_reason": "bored"}, "exit_reason"),
        ({"exit_reason": "carried_on"}, "exit_reason"),
        ({"exit_reason": []}, "exit_reason"),
        ({"as_of": datetime(2024, 6, 3)}, "as_of"),  # noqa: DTZ001 - naive on purpose
        ({"as_of": MONDAY - timedelta(days=1)}, "as_of"),
    ],
)
def test_an_outcome_that_cannot_be_is_one_line_and_changes_nothing(system, more, field):
    ask(system)
    with pytest.raises(InputError) as caught:
        system.update_trade_outcome(**({"trade_id": 0, "exit_price": 185.0} | more))
    assert caught.value.field == field
    assert "\n" not in str(caught.value)
    assert system.update_trade_outcome(0, 185.0)["exit_reason"] == "manual"


def test_an_outcome_told_to_the_memory_counts_once(system):
    decision = ask(system)
    system.memory.record_outcome(decision["decision_id"], 0.04)
    system.update_trade_outcome(0, 170.0, "stop_loss")
    assert system.memory.find(decision["decision_id"]).outcome.net_return == 0.04
    assert system.memory.summary()["resolved"] == 1


def test_an_outcome_that_another_program_recorded_meanwhile_is_no_obstacle(tmp_path):
    with open_system(tmp_path) as (system, _), open_system(tmp_path) as (other, _):
        decision = ask(system)
        other.memory.record_outcome(decision["decision_id"], 0.04)
        assert system.update_trade_outcome(0, 170.0, "stop_loss")["pnl"] < 0
        assert system.get_performance_summary()["performance"]["closed_trades"] == 1


def test_history_that_dates_itself_is_not_taken_to_today_by_a_closing_without_a_date(tmp_path):
    with open_system(tmp_path, at=datetime(2026, 1, 5, tzinfo=UTC)) as (system, _):
        ask(system, as_of=MONDAY)
        system.update_trade_outcome(0, 185.0)
        assert ask(system, as_of=MONDAY + timedelta(days=1))["status"] == "approved"


@settings(max_examples=25, deadline=None)
@given(
    entries=st.lists(st.floats(20.0, 900.0), min_size=1, max_size=4),
    exits=st.lists(st.floats(0.0001, 2_000.0), min_size=4, max_size=4),
)
def test_after_every_trade_is_closed_equity_is_capital_plus_profits_to_the_cent(tmp_path_factory, entries, exits):
    home = tmp_path_factory.mktemp("money")
    with open_system(home, initial_capital=100_000.37, enable_security=False) as (system, _):
        profits = []
        for k, (entry, leave) in enumerate(zip(entries, exits, strict=False)):
            scale = entry / 180.0
            scaled = {n: v * scale for n, v in PRICE.items() if n.startswith(("price", "sma", "bb_u", "bb_l", "atr"))}
            scaled |= {"support": 175.0 * scale, "resistance": 185.0 * scale}
            decision = ask(system, f"T{k}", prices=PRICE | scaled)
            if decision["trade_id"] is not None:
                profits.append(system.update_trade_outcome(decision["trade_id"], leave)["pnl"])
        state = system._trader.state
        assert not state.ledger.positions
        assert state.ledger.cash == state.equity
        assert round(float(state.ledger.cash) * 100) == round((100_000.37 + math.fsum(profits)) * 100)
        assert system.get_performance_summary()["capital"]["current"] == float(state.ledger.cash)


def test_replaying_the_journal_of_a_run_gives_its_state(opened):
    system, clock = opened
    ask(system, "AAPL")
    ask(system, "MSFT")
    system.coordinator.consensus_builder.update_agent_weight("Trend Agent", 0.8)
    clock.set(MONDAY + timedelta(days=1))
    system.update_trade_outcome(0, 150.0, "stop_loss")
    system.security.log_event("checked")
    ask(system, "NVDA")
    journal = system._account.journal
    assert replay(r.event for r in journal.read(journal.run_id)) == system._trader.state


# --- switches and settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_off_answers_with_what_to_change(tmp_path, part):
    with open_system(tmp_path, **{PARTS[part]: False}) as (system, _):
        with pytest.raises(DisabledError, match=f"{PARTS[part]}=True"):
            getattr(system, part)
        assert ask(system)["status"] in {"approved", "blocked", "no_signal"}
        summary = system.get_performance_summary()
        keys = {"security": "security", "memory": "memory", "coordinator": "agents"}
        assert keys.get(part, "none") not in summary


def test_without_any_enhancement_a_decision_is_still_made_and_says_what_is_off(tmp_path):
    off = dict.fromkeys([*PARTS.values(), "enable_rl_sizing"], False)
    with open_system(tmp_path, **off) as (system, _):
        decision = ask(system)
        assert decision["status"] == "approved"
        assert [s["stage"] for s in decision["stages"] if s["verdict"] == "off"] == [
            "memory", "strategic", "execution", "guardrails",
        ]  # fmt: skip


def test_settings_decide_what_is_left_out_and_arguments_win(tmp_path):
    tmp_path.joinpath("lightning.toml").write_text(
        "[account]\ninitial_capital = 50000.0\n[enhancements]\nmemory = false\nsecurity = false\n"
        "[guardrails]\nmax_daily_trades = 3\n"
    )
    with open_system(tmp_path, enable_security=True) as (system, _):
        summary = system.get_performance_summary()
        assert summary["capital"]["initial"] == 50_000.0
        assert summary["security"]["guardrails"]["max_daily_trades"] == 3
        with pytest.raises(DisabledError):
            _ = system.memory
    arguments = {"initial_capital": 70_000, "enable_memory": True, "enable_security": True}
    with open_system(tmp_path, guardrails=GuardrailLimits(max_daily_trades=5), **arguments) as (system, _):
        assert system.memory.summary()["signals"] == 0
        assert system.get_performance_summary()["security"]["guardrails"]["max_daily_trades"] == 5
        (started,) = events(system, RunStarted)
        assert started.mode is RunMode.FACADE
        assert started.settings["account.initial_capital"] == 70_000
        assert started.settings["guardrails.max_daily_trades"] == 5


@pytest.mark.parametrize("capital", [0, -1, float("nan"), float("inf"), "much", True, 1e-3, 1e13])
def test_a_capital_that_is_none_is_one_line(tmp_path, capital):
    with (
        pytest.raises(LightningError, match="initial_capital") as caught,
        open_system(tmp_path, initial_capital=capital),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_guardrails_of_another_kind_are_refused(tmp_path):
    with (
        pytest.raises(SettingsError, match="TradingGuardrails"),
        open_system(tmp_path, guardrails={"max_daily_trades": 5}),
    ):
        pass


def test_guardrails_given_bind(tmp_path):
    with open_system(tmp_path, guardrails=GuardrailLimits(max_total_exposure_pct=0.03)) as (system, _):
        assert ask(system, "AAPL")["status"] == "approved"
        assert ask(system, "MSFT")["status"] == "blocked"


# --- breakers --------------------------------------------------------------------------------------------------------


def lose_everything_invested(system):
    ask(system)
    system.update_trade_outcome(0, 0.01, "stop_loss")


def test_a_tripped_breaker_stops_entries_in_this_and_every_later_system_until_a_person_resets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTNING_BREAKERS__MAX_LOSING_STREAK", "1")
    with open_system(tmp_path) as (system, _):
        lose_everything_invested(system)
        tripped = system.get_performance_summary()["security"]["guardrails"]["circuit_breakers"]
        assert set(tripped) == {"losing_streak"}
        assert ask(system, "MSFT")["status"] == "blocked"
    with open_system(tmp_path, at=MONDAY + timedelta(days=30)) as (system, _):
        assert system.get_performance_summary()["security"]["guardrails"]["circuit_breaker_active"]
        decision = ask(system, "MSFT")
        assert (decision["status"], decision["blocked_by"]) == ("blocked", "guardrails")
        assert "losing_streak" in decision["reason"]
        with pytest.raises(InputError, match="who"):
            system.reset_circuit_breaker("losing_streak", " ", "looked at it")
        system.reset_circuit_breaker("losing_streak", "Ada", "looked at it")
        assert ask(system, "MSFT")["status"] == "approved"
        with pytest.raises(RefusedError, match="not tripped"):
            system.reset_circuit_breaker("losing_streak", "Ada", "looked at it")
    with open_system(tmp_path, at=MONDAY + timedelta(days=31)) as (system, _):
        assert not system.get_performance_summary()["security"]["guardrails"]["circuit_breaker_active"]


def test_a_jump_of_the_vix_over_the_session_before_latches(system):
    ask(system, as_of=MONDAY)
    decision = ask(system, "MSFT", market=MARKET | {"vix": 24.5}, as_of=MONDAY + timedelta(days=1))
    assert "vix_jump" in system.get_performance_summary()["security"]["guardrails"]["circuit_breakers"]
    assert decision["status"] == "blocked"


def test_a_vix_of_two_sessions_before_is_not_the_session_before(system):
    ask(system, as_of=MONDAY)
    ask(system, "MSFT", market=MARKET | {"vix": 24.5}, as_of=MONDAY + timedelta(days=2))
    assert not events(system, BreakerTripped)


def test_an_open_position_is_valued_at_the_latest_price_seen(system):
    quantity = ask(system)["quantity"]
    ask(system, price=178.5)
    summary = system.get_performance_summary()
    assert summary["capital"]["total_pnl"] == pytest.approx(-1.5 * quantity)
    assert summary["capital"]["drawdown"] == pytest.approx(1.5 * quantity / 100_000)


# --- what a user may change ------------------------------------------------------------------------------------------


class Pessimist:
    name = "Pessimist"

    def analyze(self, data):
        price = data["price"]
        return AgentSignal(self.name, "bearish", 0.95, "always", price * 0.9, price * 1.05, 5, ["mood"])


def test_a_custom_agent_votes_from_the_next_decision_and_may_be_taken_away(system):
    calm = ask(system, "AAPL")
    system.coordinator.custom_agent = Pessimist()
    moody = ask(system, "MSFT")
    (vote,) = [v for v in moody["votes"] if v["agent_name"] == "Pessimist"]
    assert vote["direction"] == "bearish"
    assert moody["confidence"] != calm["confidence"]
    system.coordinator.custom_agent = None
    assert len(ask(system, "NVDA")["votes"]) == 5


def test_a_changed_weight_is_on_record_and_counts_in_the_next_decision(system):
    before = ask(system, "AAPL")["confidence"]
    weight = system.coordinator.consensus_builder.update_agent_weight("Trend Agent", 1.0)
    (changed,) = events(system, WeightChanged)
    assert (changed.agent, changed.weight) == ("Trend Agent", weight)
    assert ask(system, "MSFT")["confidence"] != before
    assert system.get_performance_summary()["agents"]["Trend Agent"] == weight


def test_a_changed_weight_holds_in_later_instances_and_is_on_their_record(tmp_path):
    with open_system(tmp_path) as (first, _):
        builder = first.coordinator.consensus_builder
        for performance in (0.9, 0.8):
            weight = builder.update_agent_weight("Trend Agent", performance)
    with open_system(tmp_path) as (second, _):
        assert second.coordinator.consensus_builder.agent_weights["Trend Agent"] == weight
        assert second.coordinator.consensus_builder.agent_weights["Reversal Agent"] == 1.0
        (carried,) = events(second, WeightChanged)
        assert (carried.agent, carried.weight) == ("Trend Agent", weight)
        assert second._trader.state.weights == {"Trend Agent": weight}


def test_probabilities_go_on_from_what_earlier_instances_had_learnt(tmp_path):
    with open_system(tmp_path) as (first, clock):
        for k in range(3):
            trade = ask(first, f"T{k}")["trade_id"]
            clock.set(clock.moment + timedelta(hours=1))
            first.update_trade_outcome(trade, 189.0, "take_profit")
        learnt = first._trader.state.learning
    with open_system(tmp_path) as (second, _):
        (carried,) = events(second, LearningCarried)
        assert Learning.from_figures(carried.figures).unbased == learnt.unbased
        assert second._trader.state.learning.resolved == 3


def test_sizing_goes_on_from_what_earlier_instances_had_learnt(tmp_path):
    with open_system(tmp_path) as (first, clock):
        for k in range(3):
            trade = ask(first, f"T{k}")["trade_id"]
            clock.set(clock.moment + timedelta(hours=1))
            first.update_trade_outcome(trade, 189.0, "take_profit")
    with open_system(tmp_path) as (second, _):
        (carried,) = events(second, RecordCarried)
        assert (carried.resolved, carried.won) == (3, 3)
        sizing = next(s for s in ask(second, "NEW")["stages"] if s["stage"] == "sizing")
        assert sizing["detail"]["independent_outcomes"] == carried.independent > 0
    with open_system(tmp_path, enable_memory=False) as (without, _):
        assert not events(without, RecordCarried)


def test_a_custom_regime_holds_from_the_next_decision_and_is_on_record(system, tmp_path):
    strategic = system.hierarchical.strategic
    strategic.custom_rule = lambda figures: figures["vix"] < 17
    assert ask(system, "AAPL")["blocked_by"] == "strategic"
    limits = dict(strategic.regime_config[MarketRegime.BULL_TRENDING])
    strategic.regime_config[MarketRegime.CUSTOM_REGIME] = limits | {
        "max_positions": 1,
        "take_profit_multiplier": np.float32(limits["take_profit_multiplier"]),  # as a table gives it
    }
    decision = ask(system, "AAPL")
    assert (decision["status"], decision["regime"]) == ("approved", "custom_regime")
    assert ask(system, "MSFT")["blocked_by"] == "tactical"
    system.security.export_audit_logs(tmp_path / "audit.json")
    assert (tmp_path / "audit.json").read_text().count("regime_limits_changed") == 1


def test_a_regime_rule_that_fails_is_one_line_that_says_so(system):
    system.hierarchical.strategic.custom_rule = lambda figures: figures["nothing"]
    with pytest.raises(SettingsError, match="custom regime rule failed: KeyError"):
        ask(system)


def test_a_layer_reconfigured_counts_from_the_next_decision(system):
    config = system.hierarchical.tactical.config
    system.hierarchical.tactical.config = type(config)(minimum_target_atr=2.05)
    assert stage(ask(system), "tactical")["detail"]["target_return"] >= 2.05 * 4.5 / 180 - 1e-4


# --- the report ------------------------------------------------------------------------------------------------------


def test_the_summary_counts_and_divides_what_happened(opened):
    system, clock = opened
    for ticker in ("AAPL", "MSFT", "AAPL", "NVDA"):
        ask(system, ticker)
    clock.set(MONDAY + timedelta(hours=1))
    first = system.update_trade_outcome(0, 189.0, "take_profit")["pnl"]
    second = system.update_trade_outcome(1, 171.0, "stop_loss")["pnl"]
    summary = system.get_performance_summary()
    trading, figures = summary["trading"], summary["performance"]
    assert (trading["decisions"], trading["approved"], trading["open_trades"]) == (4, 3, 1)
    assert trading["execution_rate"] == 0.75
    assert trading["execution_rate_interval"] == list(wilson_interval(3, 4))
    assert figures["win_rate_interval"] == list(wilson_interval(1, 2))
    low, high = figures["expectancy_bp_interval"]
    assert low < figures["expectancy_bp"] < high
    assert (figures["closed_trades"], figures["winning_trades"], figures["win_rate"]) == (2, 1, 0.5)
    assert (figures["average_win"], figures["average_loss"]) == (first, second)
    assert figures["profit_factor"] == pytest.approx(first / -second)
    assert summary["capital"]["return"] == pytest.approx((first + second) / 100_000)


def test_the_printed_report_is_what_the_summary_says(system, capsys):
    ask(system)
    system.print_performance_report()
    text = capsys.readouterr().out
    assert "execution rate" in text
    assert "100.00%" in text
    assert "n/a" in text
    assert "nan" not in text


def test_a_session_is_opened_once_and_orders_carry_the_decisions_time(system):
    for ticker in ("AAPL", "MSFT"):
        ask(system, ticker)
    assert len(events(system, SessionOpened)) == 1
    assert [o.order.placed_at for o in events(system, OrderPlaced)] == [MONDAY, MONDAY]


def test_what_a_system_shows_of_itself_holds_no_password(tmp_path):
    with open_system(tmp_path, master_password="correct horse") as (system, _):
        shown = repr(system) + repr(system.security) + repr(vars(system.security)) + repr(vars(system))
        assert "correct horse" not in shown
        assert ask(system, options=OPTIONS)["status"] == "approved"


def test_a_closing_that_is_refused_does_not_open_the_session_of_its_time(tmp_path):
    with open_system(tmp_path) as (system, _):
        trade = ask(system)["trade_id"]
        before = system._trader.state
        for price in (-1.0, "185", 1e-9):
            with pytest.raises(InputError):
                system.update_trade_outcome(trade, price, as_of=MONDAY + timedelta(days=3))
        assert system._trader.state is before
        assert system.update_trade_outcome(trade, 185.0, as_of=MONDAY + timedelta(days=3))["won"]


@pytest.mark.parametrize("said", [None, 3, b"x", "\ud800", pytest.param(10**5_000, id="huge"), "x" * 5_000])
def test_a_halt_is_in_force_whatever_is_said_with_it(tmp_path, said):
    with open_system(tmp_path) as (system, _):
        system.halt(said, by=said)
        assert system._account.halt.read() is not None
        assert "halt" in system._trader.state.tripped


def test_a_wish_to_flatten_that_is_neither_yes_nor_no_halts_and_is_refused(tmp_path):
    with open_system(tmp_path) as (system, _):
        with pytest.raises(InputError, match="trading is halted"):
            system.halt("drill", flatten="yes")
        halt = system._account.halt.read()
        assert halt is not None
        assert not halt.flatten


@pytest.mark.parametrize("value", [None, 3, [1], ""])
def test_what_is_no_breaker_or_no_person_resets_nothing(tmp_path, value):
    with open_system(tmp_path) as (system, _):
        with pytest.raises(LightningError):
            system.reset_circuit_breaker(value, "me", "drill")
        system.halt("drill")
        with pytest.raises(LightningError):
            system.resume_trading(value, "over")
        assert system._account.halt.read() is not None


@pytest.mark.parametrize("trade", [np.timedelta64(1, "D"), True, "0", None, 0.0, 7])
def test_what_is_no_open_trade_closes_none(tmp_path, trade):
    with open_system(tmp_path) as (system, _):
        ask(system)
        with pytest.raises(RefusedError, match="there is no trade"):
            system.update_trade_outcome(trade, 185.0)
        assert len(system._trader.state.open_trades) == 1
