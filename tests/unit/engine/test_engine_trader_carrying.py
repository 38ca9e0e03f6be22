"""At the end of its horizon a trade goes on where it would be entered again, and ends where it would not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders_engine import (
    CAPITAL,
    SESSIONS,
    ListJournal,
    Run,
    Says,
    ScriptedAgent,
    backtest,
    bars_of,
    calm,
    opened_at,
    prepared,
    scripted_config,
)
from builders_events import same
from lightning_gex.core.decision import GATE_KEY, Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction, ExitReason, FillPrice, RunMode, StageName
from lightning_gex.core.errors import SourceError
from lightning_gex.core.events import (
    BreakerTripped,
    DecisionMade,
    OperationFailed,
    OrderPlaced,
    TradeCarriedOn,
    TradeClosed,
    TradeOpened,
)
from lightning_gex.core.halt import Halt
from lightning_gex.core.membership import Membership
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import CostSchedule, EngineConfig, Enhancements
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.state import replay
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.risk.order_plan import BrokerCapabilities
from lightning_gex.sizing.kelly_size import KellyConfig

FIRST, HORIZON = 5, 5
LAST = FIRST + HORIZON  # the close before the session in which the trade's horizon ends
UP = Says(1, horizon=HORIZON)


def carrying(**changes: object) -> EngineConfig:
    """A configuration in which the same view may be traded again, and so carried on."""
    config = scripted_config(kelly=KellyConfig(minimum_outcomes=1_000), **changes)
    return replace(config, tactical=replace(config.tactical, one_entry_a_view=False))


def agent(lines: Mapping[int, Says], ticker: str = "AAA") -> ScriptedAgent:
    return ScriptedAgent({ticker: {SESSIONS[row]: says for row, says in lines.items()}})


def rising(count: int = 30, step: float = 0.5) -> MarketInputs:
    closes = [100.0 + step * row for row in range(count)]
    return MarketInputs({"AAA": bars_of("AAA", closes)}, volatility_index=calm())


def run_of(lines: Mapping[int, Says], config: EngineConfig | None = None, **options) -> Run:
    inputs = options.pop("inputs", None) or rising()
    return backtest(inputs, [agent(lines)], config or carrying(), **options)


def decision_at(run: Run, row: int, ticker: str = "AAA") -> Decision:
    (found,) = [d for d in run.decisions if d.as_of == close_of(SESSIONS[row]) and d.ticker == ticker]
    return found


def row_of(moment) -> int:
    return int(np.searchsorted(SESSIONS, np.datetime64(moment.replace(tzinfo=None), "D")))


def orders(run: Run) -> list:
    return [e.order for e in run.of(OrderPlaced)]


# --- what is carried on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill_price", FillPrice)
def test_a_trade_that_would_be_entered_again_goes_on_and_nothing_is_traded(fill_price):
    run = run_of({FIRST: UP, LAST: UP}, fill_price=fill_price)
    (carried,) = run.of(TradeCarriedOn)
    assert carried.at == close_of(SESSIONS[LAST])
    assert float(carried.closed.exit_price) == 100.0 + 0.5 * LAST
    bought, sold = orders(run)
    assert (bought.exit_reason, sold.exit_reason) == (None, ExitReason.TIME_EXIT)
    assert [(e.fill.action, e.fill.quantity) for e in (*run.of(TradeOpened), *run.of(TradeClosed))] == [
        (Action.BUY, bought.quantity),
        (Action.SELL, bought.quantity),
    ]
    first, second = run.trades
    assert [t.exit_reason for t in run.trades] == [ExitReason.CARRIED_ON, ExitReason.TIME_EXIT]
    assert (first.decision_id, second.decision_id) == (bought.decision_id, decision_at(run, LAST).decision_id)
    assert second.horizon_sessions == HORIZON


@pytest.mark.parametrize("fill_price", FillPrice)
def test_a_leg_leaves_when_a_trade_of_its_decision_would(fill_price):
    run = run_of({FIRST: UP, LAST: UP}, fill_price=fill_price)
    leg = run.trades[-1]
    assert leg.decided_at == leg.entry_at == close_of(SESSIONS[LAST])
    assert row_of(leg.exit_at) == LAST + 1 + HORIZON  # an entry decided at that close would fill one session later
    moment = opened_at if fill_price is FillPrice.OPEN else close_of
    assert leg.exit_at == moment(SESSIONS[LAST + 1 + HORIZON])


def test_the_decision_that_carries_is_an_approved_hold_of_what_is_held():
    run = run_of({FIRST: UP, LAST: UP})
    decision = decision_at(run, LAST)
    assert (decision.status, decision.action, decision.carries_on) == (DecisionStatus.APPROVED, Action.HOLD, True)
    assert decision.quantity == orders(run)[0].quantity
    assert decision.size_pct == pytest.approx(decision.quantity * decision.entry_price / float(CAPITAL), rel=0.01)
    assert decision.reason.startswith("the trade is carried on")
    (sizing,) = [s for s in decision.stages if s.stage is StageName.SIZING]
    assert sizing.detail["held_quantity"] == decision.quantity
    assert "stays as it is" in sizing.reason
    (event,) = [e for e in run.of(DecisionMade) if e.decision.decision_id == decision.decision_id]
    assert event.pattern is not None
    assert event.pattern.taken


def test_a_trade_is_carried_on_as_often_as_it_would_be_entered_again():
    run = run_of({FIRST + HORIZON * k: UP for k in range(4)}, inputs=rising(step=0.0))
    assert [t.exit_reason for t in run.trades] == [ExitReason.CARRIED_ON] * 3 + [ExitReason.TIME_EXIT]
    assert len(orders(run)) == 2
    assert {t.carries for t in run.trades[1:]} == {run.trades[0].decision_id}


def test_a_short_is_carried_on_where_shorts_are_allowed():
    config = carrying()
    config = replace(config, tactical=replace(config.tactical, allow_short=True))
    down = replace(UP, direction=-1)
    run = run_of({FIRST: down, LAST: down}, config, inputs=rising(step=-0.25))
    assert [t.exit_reason for t in run.trades] == [ExitReason.CARRIED_ON, ExitReason.TIME_EXIT]
    assert all(t.direction is Direction.BEARISH and t.pnl > 0 for t in run.trades)


def test_the_new_leg_is_guarded_by_its_own_bracket():
    """The first stop lies at 97.5; the second, decided at 105, at 102.9."""
    near = Says(1, target=20.0, stop=5.0, horizon=HORIZON)
    closes = [100.0 + 0.5 * row for row in range(LAST + 2)] + [100.0] * 10
    inputs = MarketInputs({"AAA": bars_of("AAA", closes)}, volatility_index=calm())
    run = run_of({FIRST: near, LAST: replace(near, stop=2.1)}, inputs=inputs)
    leg = run.trades[-1]
    assert leg.exit_reason is ExitReason.STOP_LOSS
    assert (leg.exit_price, row_of(leg.exit_at)) == (Decimal("102.9000"), LAST + 2)


def test_a_position_of_all_its_places_keeps_its_own():
    """The account may hold one position; the trade that is asked about does not stand in its own way."""
    config = carrying(guardrails=GuardrailLimits(max_total_exposure_pct=0.021, max_ticker_exposure_pct=0.021))
    run = run_of({FIRST: UP, LAST: UP}, config, inputs=rising(step=0.0))
    assert run.trades[0].exit_reason is ExitReason.CARRIED_ON


# --- what is not ------------------------------------------------------------------------------------------------


def ended(run: Run) -> Decision:
    """That the trade ended at its horizon as it does without carrying; what was decided on it there."""
    assert run.of(TradeCarriedOn) == []
    first = run.trades[0]
    assert (first.exit_reason, row_of(first.exit_at)) == (ExitReason.TIME_EXIT, LAST + 1)
    return decision_at(run, LAST)


def gate_of(decision: Decision) -> object:
    return next(s for s in decision.stages if s.stage is decision.blocked_by).detail[GATE_KEY]


def test_without_a_view_at_its_end_a_trade_ends():
    assert ended(run_of({FIRST: UP})).status is DecisionStatus.NO_SIGNAL


def test_with_the_contrary_view_a_trade_ends_and_is_left_once():
    run = run_of({FIRST: UP, LAST: replace(UP, direction=-1)})
    assert ended(run).blocked_by is StageName.TACTICAL
    assert len(orders(run)) == 2


def test_a_view_that_may_not_be_entered_twice_is_not_carried_on():
    without_a_break = dict.fromkeys(range(FIRST, LAST + 1), UP)
    assert gate_of(ended(run_of(without_a_break, scripted_config()))) == "same_move"


def test_a_guardrail_that_forbids_the_entry_ends_the_trade():
    """The position has outgrown what one may be."""
    config = carrying(guardrails=GuardrailLimits(max_position_size_pct=0.0201, max_ticker_exposure_pct=0.0201))
    decision = ended(run_of({FIRST: UP, LAST: UP}, config, inputs=rising(step=1.5)))
    assert decision.blocked_by is StageName.GUARDRAILS
    assert (decision.action, decision.quantity) == (Action.HOLD, 0)


def test_a_position_of_more_than_would_be_bought_now_ends():
    """Bought at 5 %; at its end a regime allows 2 %."""
    config = replace(carrying(), kelly=KellyConfig(minimum_outcomes=1_000, cold_start_size_pct=0.05))
    run = prepared(rising(), [agent({FIRST: UP, LAST: UP})], config)
    for update in HistoryFeed(run.inputs, run.watch):
        if update.session == SESSIONS[LAST]:
            run.trader.config = replace(config, kelly=replace(config.kelly, cold_start_size_pct=0.02))
        run.exchange.trade_through(update)
        run.trader.see(update)
    decision = ended(run)
    assert (decision.blocked_by, gate_of(decision)) == (StageName.SIZING, "held_size")
    assert "is held and only 2% would be bought now" in decision.reason


def test_a_position_that_only_grew_with_its_price_goes_on():
    config = replace(carrying(), fixed_size_pct=0.05)
    run = run_of({FIRST: UP, LAST: UP}, config, inputs=rising(step=0.9))
    assert run.trades[0].exit_reason is ExitReason.CARRIED_ON
    assert decision_at(run, LAST).size_pct > 0.051


def test_a_tripped_breaker_ends_the_trade():
    run = stopped_before_the_end(lambda trader, at: trader.emit(BreakerTripped(at, "drawdown", "a test")))
    assert gate_of(ended(run)) == "breaker"


def test_a_halt_ends_the_trade_also_with_the_guardrails_off():
    run = stopped_before_the_end(
        lambda trader, at: setattr(trader, "halt", Pulled()), carrying(enhancements=Enhancements(security=False))
    )
    assert gate_of(ended(run)) == "halt"


class Pulled:
    """A kill switch that somebody has pulled."""

    def read(self) -> Halt:
        return Halt("me", "I have seen enough", flatten=False)


def stopped_before_the_end(stop, config: EngineConfig | None = None) -> Run:
    run = prepared(rising(), [agent({FIRST: UP, LAST: UP})], config or carrying())
    for update in HistoryFeed(run.inputs, run.watch):
        run.exchange.trade_through(update)
        if update.session == SESSIONS[LAST]:
            stop(run.trader, update.opened_at)
        run.trader.see(update)
    return run


def test_what_another_run_of_the_account_holds_can_end_the_trade():
    """The last look, within the transaction, sees what the first could not."""
    run = prepared(rising(), [agent({FIRST: UP, LAST: UP})], carrying())
    run.trader.start(at=opened_at(SESSIONS[0]), mode=RunMode.PAPER, capital=CAPITAL, settings={})
    for update in HistoryFeed(run.inputs, run.watch):
        run.exchange.trade_through(update)
        if update.session == SESSIONS[LAST]:
            run.trader.journal.others = AccountUsage(exposure_usd={"AAA": 19_000.0})
        run.trader.see(update)
    assert gate_of(ended(run)) == "ticker_exposure"


def test_a_former_member_of_the_universe_is_not_carried_on():
    inputs = MarketInputs({"AAA": rising().bars["AAA"], "BBB": bars_of("BBB", [50.0] * 30)}, volatility_index=calm())
    members = Membership(SESSIONS[[0, LAST - 1]], (frozenset({"AAA", "BBB"}), frozenset({"BBB"})))
    run = backtest(inputs, [agent({FIRST: UP, LAST: UP})], carrying(), membership=members)
    assert run.of(TradeCarriedOn) == []
    assert row_of(run.trades[0].exit_at) == LAST + 1


def test_shorts_that_are_switched_off_are_not_carried_on():
    config = carrying()
    short = replace(config, tactical=replace(config.tactical, allow_short=True))
    down = replace(UP, direction=-1)
    run = prepared(rising(step=-0.25), [agent({FIRST: down, LAST: down})], short)
    for update in HistoryFeed(run.inputs, run.watch):
        run.exchange.trade_through(update)
        if update.session == SESSIONS[LAST]:
            run.trader.config = config
        run.trader.see(update)
    assert gate_of(ended(run)) == "shorts_off"


@pytest.mark.parametrize("off", ["carry_on", "hierarchical"])
def test_switched_off_a_trade_ends_and_the_ticker_is_decided_on_as_if_open(off):
    config = carrying()
    if off == "carry_on":
        config = replace(config, tactical=replace(config.tactical, carry_on=False))
    else:
        config = replace(config, enhancements=Enhancements(hierarchical=False))
    assert gate_of(ended(run_of({FIRST: UP, LAST: UP}, config))) == "already_open"


def test_a_broker_that_cannot_move_a_bracket_ends_the_trade_and_the_decision_says_so():
    config = carrying(broker=BrokerCapabilities(name="a plain broker", amends=False))
    decision = ended(run_of({FIRST: UP, LAST: UP}, config))
    assert any("a plain broker cannot move stop and target" in said for said in decision.fallbacks)


def test_where_no_trade_is_due_nothing_is_said_of_the_broker():
    config = carrying(broker=BrokerCapabilities(amends=False))
    run = run_of({FIRST: UP, LAST: UP}, config)
    said = [d for d in run.decisions if any("cannot move" in f for f in d.fallbacks)]
    assert [d.as_of for d in said] == [close_of(SESSIONS[LAST])]


# --- journal first ----------------------------------------------------------------------------------------------


def test_a_leg_and_its_decision_are_one_transaction():
    run = run_of({FIRST: UP, LAST: UP})
    (group,) = [g for g in run.trader.journal.groups if any(isinstance(e, TradeCarriedOn) for e in g)]
    assert [type(e) for e in group] == [DecisionMade, TradeCarriedOn]


class Deaf(SimulatedBroker):
    """Does not hear of brackets while ``deaf``, and counts how often it is told."""

    deaf = False
    told = 0

    def amend(self, order_id: str, *, target_price: float, stop_price: float) -> None:
        self.told += 1
        if self.deaf:
            raise SourceError("the broker does not answer")
        super().amend(order_id, target_price=target_price, stop_price=stop_price)


def on(broker: SimulatedBroker, lines: Mapping[int, Says]) -> tuple[Run, list]:
    run = prepared(rising(), [agent(lines)], carrying())
    run.exchange = run.trader.broker = broker
    return run, list(HistoryFeed(run.inputs, run.watch))


def test_a_broker_that_did_not_hear_of_the_bracket_is_told_again_until_it_has():
    run, updates = on(Deaf(CostSchedule()), {FIRST: UP, LAST: UP})
    for update in updates[: LAST + 3]:
        run.exchange.trade_through(update)
        run.exchange.deaf = LAST <= row_of(update.closed_at) < LAST + 2
        run.trader.see(update)
    assert [e.operation for e in run.of(OperationFailed)] == ["move a bracket"] * 2
    assert run.exchange.told == 3
    (leg,) = run.trader.state.open_trades.values()
    (guard,) = run.exchange._guarded.values()
    assert (guard.target_price, guard.stop_price) == (leg.target_price, leg.stop_price)


def test_a_bracket_that_fires_before_it_is_moved_closes_the_leg_it_was_to_guard():
    broker = Deaf(CostSchedule())
    broker.deaf = True
    run, updates = on(broker, {FIRST: UP, LAST: UP})
    for update in updates[: LAST + 1]:
        run.exchange.trade_through(update)
        run.trader.see(update)
    crash = bars_of("AAA", [100.0 + 0.5 * row for row in range(LAST + 1)] + [90.0])
    view = replace(updates[LAST + 1].views["AAA"], bars=crash)
    last = replace(updates[LAST + 1], views={"AAA": view})
    run.exchange.trade_through(last)
    run.trader.see(last)
    assert [t.exit_reason for t in run.trades] == [ExitReason.CARRIED_ON, ExitReason.STOP_LOSS]
    assert run.trader.state.open_trades == {}
    assert run.trader.state.ledger.positions == {}
    assert run.trader.state.ledger.cash == CAPITAL + sum(t.pnl for t in run.trades)


def test_stopped_at_any_record_and_resumed_there_is_one_leg_and_the_broker_guards_it():
    lines = {FIRST + HORIZON * k: UP for k in range(3)}
    whole, updates = on(Deaf(CostSchedule()), lines)
    drive(whole.trader, updates, whole.exchange)
    groups = whole.trader.journal.groups
    for count in range(1, len(groups) + 1):
        events = [e for group in groups[:count] for e in group]
        broker, journal = Deaf(CostSchedule()), ListJournal()
        again = Trader(carrying(), journal, MemoryBook(), None, broker)
        journal.events = list(events)
        again.resume(events, at=events[-1].at)
        reached = again.state.opened_at
        for update in updates:
            broker.trade_through(update)
            if reached is None or update.opened_at >= reached:
                again.see(update)
            else:
                hand_back(broker, events, update)
            assert len(again.state.open_trades) <= 1
            guards = [(o.order_id, o.target_price, o.stop_price) for o in broker._guarded.values()]
            if reached is None or update.opened_at >= reached:
                held = again.state.open_trades.values()
                assert guards == [(f"{t.entered_by}:entry", t.target_price, t.stop_price) for t in held]
        assert same(again.state.ledger, whole.trader.state.ledger) or again.state.open_trades
        assert len(again.trades) >= len(whole.trades) - 1


def hand_back(broker: SimulatedBroker, events, update) -> None:
    """What a broker that outlived the program had been told after a session."""
    for event in events:
        if isinstance(event, OrderPlaced) and event.order.placed_at == update.closed_at:
            broker.submit(event.order)
        elif isinstance(event, TradeCarriedOn) and event.at == update.closed_at:
            leg = event.opened
            broker.amend(f"{leg.entered_by}:entry", target_price=leg.target_price, stop_price=leg.stop_price)


# --- whatever happens -------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(st.sampled_from([1, 1, 1, 0, -1]), min_size=40, max_size=40),
    moves=st.lists(st.floats(-0.03, 0.03), min_size=40, max_size=40),
    horizon=st.sampled_from([3, 5]),
    shorts=st.booleans(),
)
def test_the_legs_add_up_to_the_account_whatever_happens(said, moves, horizon, shorts):
    closes = (100.0 * np.cumprod(1.0 + np.array(moves))).tolist()
    inputs = MarketInputs({"AAA": bars_of("AAA", closes)}, volatility_index=calm())
    lines = {row: Says(way, target=12.0, stop=6.0, horizon=horizon) for row, way in enumerate(said) if way}
    config = carrying()
    config = replace(config, tactical=replace(config.tactical, allow_short=shorts))
    run = run_of(lines, config, inputs=inputs)
    state = run.trader.state
    assert state.equity == CAPITAL + sum((t.pnl for t in run.trades), Decimal(0))
    assert state.ledger.costs == sum((t.costs for t in run.trades), Decimal(0))
    assert same(replay(run.events), state)
    entries, exits = run.of(TradeOpened), run.of(TradeClosed)
    assert len(entries) == len(exits) == sum(t.bought for t in run.trades) == sum(t.sold for t in run.trades)
    for one, other in pairwise(run.trades):
        assert other.bought == one.sold  # a leg that is not sold is followed by the one that goes on with it
        if not one.sold:
            assert (other.entry_at, other.entry_price) == (one.exit_at, one.exit_price)
        else:
            assert other.entry_at >= one.exit_at
    open_now: set[int] = set()
    for event in run.events:
        if isinstance(event, TradeOpened):
            open_now.add(event.trade.trade_id)
        elif isinstance(event, TradeClosed):
            open_now.remove(event.trade.trade_id)
        elif isinstance(event, TradeCarriedOn):
            open_now.remove(event.closed.trade_id)
            open_now.add(event.opened.trade_id)
        assert len(open_now) <= 1


def test_the_future_does_not_say_whether_a_trade_is_carried_on():
    lines = {FIRST + HORIZON * k: UP for k in range(3)}
    whole = run_of(lines)
    for count in range(LAST, LAST + 2 * HORIZON, 3):
        cut = run_of(lines, inputs=rising(count))
        known = list(cut.of(TradeCarriedOn))
        assert known == [e for e in whole.of(TradeCarriedOn) if e.at <= close_of(SESSIONS[count - 1])]
