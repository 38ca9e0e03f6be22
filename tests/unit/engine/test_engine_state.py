"""The state is a fold over events: the same events give the same state, and money neither comes nor goes unseen."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders_engine import CAPITAL
from builders_events import pattern, same
from lightning_gex.core.decision import GATE_KEY, Decision, StageRecord
from lightning_gex.core.enums import (
    Action,
    DecisionStatus,
    Direction,
    ExitReason,
    RunMode,
    StageName,
    StageVerdict,
)
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import (
    AgentsJudged,
    AuditNoted,
    BreakerReset,
    BreakerTripped,
    CashAccrued,
    DecisionMade,
    Event,
    LearningCarried,
    Marked,
    OrderEnded,
    OrderPlaced,
    RecordCarried,
    RunStarted,
    SessionOpened,
    SignalResolved,
    TradeClosed,
    TradeOpened,
    WeightChanged,
)
from lightning_gex.core.ledger import money
from lightning_gex.core.orders import Fill, Order
from lightning_gex.core.patterns import Outcome
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.learning import PROVED_SHIFT, Learning, Proved
from lightning_gex.engine.state import (
    AccountLook,
    EngineState,
    initial_state,
    portfolio_view,
    proved_in_force,
    replay,
    step,
    weights_in_force,
    without_trade,
)
from lightning_gex.engine.trades import carried_on, closed_trade, closed_trades, opened_trade
from lightning_gex.risk.circuit_breaker import Breaker
from lightning_gex.sizing.track_record import TrackRecord

AT = datetime(2024, 3, 1, 21, tzinfo=UTC)
NAN = math.nan
COME = Outcome(0.01, True, AT, 0.01)


SOLD = st.sampled_from([reason for reason in ExitReason if reason is not ExitReason.CARRIED_ON])


def order(number: int = 0, *, ticker: str = "AAA", action: Action = Action.BUY, quantity: int = 10, **changes) -> Order:
    made = Order(f"d{number}:entry", f"d{number}", ticker, action, quantity, AT, 110.0, 95.0, 5, 0.6)
    if action is Action.SELL:
        made = replace(made, target_price=90.0, stop_price=105.0)
    return replace(made, **changes)


def fill_of(o: Order, price: str = "100", *, action: Action | None = None, costs: str = "0.50") -> Fill:
    return Fill(o.order_id, o.ticker, action or o.action, o.quantity, Decimal(price), Decimal(costs), AT)


def opened(state: EngineState, o: Order, price: str = "100") -> TradeOpened:
    fill = fill_of(o, price)
    return TradeOpened(AT, fill, opened_trade(state.next_trade_id, o, fill))


def closed(state: EngineState, trade_id: int, price: str, reason: ExitReason = ExitReason.TAKE_PROFIT) -> TradeClosed:
    trade = state.open_trades[trade_id]
    action = Action.SELL if trade.direction is Direction.BULLISH else Action.BUY
    fill = Fill(f"{trade.decision_id}:exit", trade.ticker, action, trade.quantity, Decimal(price), Decimal("0.25"), AT)
    return TradeClosed(AT, fill, closed_trade(trade, fill, reason))


def decision(number: int = 0, *, status: DecisionStatus = DecisionStatus.APPROVED) -> Decision:
    return Decision(
        f"d{number}",
        "AAA",
        AT,
        status,
        Action.BUY,
        Direction.BULLISH,
        10,
        100.0,
        110.0,
        95.0,
        0.6,
        5,
        0.02,
        None,
        "because",
        None,
        (),
        (),
    )


def after(*events: Event, state: EngineState | None = None) -> EngineState:
    state = state or initial_state(CAPITAL)
    for event in events:
        state = step(state, event)
    return state


def with_trade(**changes) -> EngineState:
    o = order(**changes)
    state = after(OrderPlaced(AT, o))
    return step(state, opened(state, o))


# --- each event -------------------------------------------------------------------------------------------------


def test_a_run_begins_with_its_capital_in_cash():
    state = replay([RunStarted(AT, RunMode.BACKTEST, CAPITAL, {})])
    assert state == initial_state(CAPITAL)
    assert state.ledger.cash == state.equity == state.peak_equity == state.session_equity == CAPITAL


@pytest.mark.parametrize("events", [[], [Marked(AT, CAPITAL, Decimal(0))]])
def test_events_that_do_not_begin_with_a_start_are_refused(events):
    with pytest.raises(RefusedError, match="begin with its start"):
        replay(events)


def test_a_session_begins_with_its_equity_and_the_entries_made_so_far():
    state = after(OrderPlaced(AT, order()), SessionOpened(AT, Decimal(90_000), 3))
    assert (state.session_equity, state.daily_trades) == (Decimal(90_000), 3)


def test_decisions_are_counted_and_their_signals_remembered_until_they_are_resolved():
    kept = pattern("p1")
    state = after(DecisionMade(AT, decision(), kept), DecisionMade(AT, decision(1, status=DecisionStatus.BLOCKED)))
    assert (state.decisions, state.approved, dict(state.unresolved)) == (2, 1, {"p1": kept})
    outcome = Outcome(0.02, True, kept.as_of + timedelta(days=9))
    state = step(state, SignalResolved(AT, "p1", "AAA", outcome))
    assert state.unresolved == {}
    assert state.records == {kept.direction: TrackRecord().after(kept.as_of, outcome)}


def test_the_outcome_of_a_signal_that_is_not_waited_for_changes_nothing():
    state = with_trade()
    assert step(state, SignalResolved(AT, "unknown", "AAA", Outcome(0.02, True, AT))) == state


def test_an_entry_counts_for_the_day_and_an_exit_does_not():
    leave = order(1, exit_reason=ExitReason.TIME_EXIT)
    state = after(OrderPlaced(AT, order()), OrderPlaced(AT, leave))
    assert state.daily_trades == 1
    assert len(state.order_times) == 2
    assert set(state.pending) == {"d0:entry", "d1:entry"}


def test_orders_older_than_a_minute_leave_the_order_times():
    late = replace(order(1), placed_at=AT + timedelta(seconds=60))
    assert after(OrderPlaced(AT, order()), OrderPlaced(late.placed_at, late)).order_times == (late.placed_at,)


def test_an_order_that_ended_is_pending_no_more():
    assert after(OrderPlaced(AT, order()), OrderEnded(AT, "d0:entry", "expired")).pending == {}


def test_an_entry_fill_moves_cash_into_a_position():
    state = with_trade()
    assert state.pending == {}
    assert state.ledger.cash == CAPITAL - Decimal("1000.50")
    assert state.ledger.positions["AAA"].quantity == 10
    assert (set(state.open_trades), state.next_trade_id) == ({0}, 1)


def test_an_exit_fill_moves_the_position_back_into_cash_and_counts_the_trade():
    state = with_trade()
    state = step(state, closed(state, 0, "103"))
    assert state.ledger.positions == {}
    assert state.ledger.cash == CAPITAL + Decimal("29.25")  # 30 gained, 0.75 paid
    assert (state.closed, state.won, state.losing_streak, state.open_trades) == (1, 1, 0, {})


def test_losses_in_a_row_are_counted_and_a_win_ends_the_row():
    state, streak = initial_state(CAPITAL), []
    for number, price in enumerate(("99", "98", "105", "90")):
        o = order(number)
        state = after(OrderPlaced(AT, o), state=state)
        state = step(state, opened(state, o))
        state = step(state, closed(state, number, price))
        streak.append(state.losing_streak)
    assert streak == [1, 2, 0, 1]
    assert (state.closed, state.won) == (4, 1)


def test_a_bracket_that_fires_takes_the_pending_exit_of_its_trade_along_and_no_other():
    state = with_trade()
    own = order(0, order_id="d0:exit", exit_reason=ExitReason.TIME_EXIT)
    other = order(7, order_id="d7:exit", exit_reason=ExitReason.TIME_EXIT)
    state = after(OrderPlaced(AT, own), OrderPlaced(AT, other), state=state)
    assert set(step(state, closed(state, 0, "95", ExitReason.STOP_LOSS)).pending) == {"d7:exit"}


def test_an_idea_that_was_stopped_out_is_held_back_until_the_agents_change_their_mind():
    state = with_trade()
    state = step(state, closed(state, 0, "95", ExitReason.STOP_LOSS))
    assert portfolio_view(state, {"AAA": 95.0}, AT).stopped_out == {"AAA": Direction.BULLISH}
    unmoved = step(state, DecisionMade(AT, decision(1)))
    assert unmoved.stopped_out == state.stopped_out
    elsewhere = step(state, DecisionMade(AT, replace(decision(2), ticker="BBB", direction=Direction.BEARISH)))
    assert elsewhere.stopped_out == state.stopped_out
    for view in (Direction.NEUTRAL, Direction.BEARISH):
        assert not step(state, DecisionMade(AT, replace(decision(3), direction=view))).stopped_out


def test_a_target_or_a_horizon_holds_no_idea_back():
    for reason in (ExitReason.TAKE_PROFIT, ExitReason.TIME_EXIT, ExitReason.SIGNAL_EXIT):
        state = with_trade()
        assert not step(state, closed(state, 0, "110", reason)).stopped_out


def test_what_earlier_runs_had_learnt_is_what_sizing_begins_with():
    state = after(RecordCarried(AT, Direction.BULLISH, 120, 70, 1.5, 40, AT))
    assert state.records == {Direction.BULLISH: TrackRecord(120, 70, 1.5, 40, AT)}


def test_the_peak_is_the_highest_mark_so_far():
    state = after(Marked(AT, Decimal(110_000), Decimal(0)), Marked(AT, Decimal(105_000), Decimal(0)))
    assert (state.equity, state.peak_equity) == (Decimal(105_000), Decimal(110_000))


def test_interest_is_cash_and_income():
    ledger = after(CashAccrued(AT, Decimal("1.23"), "interest")).ledger
    assert (ledger.cash, ledger.income) == (CAPITAL + Decimal("1.23"), Decimal("1.23"))


def test_a_breaker_stays_tripped_until_it_is_reset():
    tripped = after(BreakerTripped(AT, "vix_jump", "up"), SessionOpened(AT, CAPITAL), Marked(AT, CAPITAL, Decimal(0)))
    assert tripped.tripped == {"vix_jump": "up"}
    assert step(tripped, BreakerReset(AT, "daily_loss", "me", "looked at it")).tripped == {"vix_jump": "up"}
    assert step(tripped, BreakerReset(AT, "vix_jump", "me", "looked at it")).tripped == {}


def test_a_reset_breaker_measures_anew_so_that_it_can_be_traded_again():
    state = replace(with_trade(), losing_streak=12, peak_equity=Decimal(200_000), equity=Decimal(100_000))
    assert step(state, BreakerReset(AT, Breaker.LOSING_STREAK, "me", "looked at it")).losing_streak == 0
    assert step(state, BreakerReset(AT, Breaker.DRAWDOWN, "me", "looked at it")).peak_equity == Decimal(100_000)
    untouched = step(state, BreakerReset(AT, Breaker.VIX_JUMP, "me", "looked at it"))
    assert (untouched.losing_streak, untouched.peak_equity) == (12, Decimal(200_000))


def test_a_weight_holds_from_its_event_on():
    state = after(WeightChanged(AT, "Trend Agent", 2.0, "asked"), WeightChanged(AT, "Trend Agent", 0.5, "asked"))
    assert state.weights == {"Trend Agent": 0.5}


def test_a_note_for_auditors_changes_nothing():
    state = with_trade()
    assert step(state, AuditNoted(AT, "export", {})) == state


def test_a_step_leaves_the_state_before_it_as_it_was():
    before = with_trade()
    kept = (dict(before.open_trades), dict(before.ledger.positions), before.ledger.cash)
    step(before, closed(before, 0, "120"))
    assert (dict(before.open_trades), dict(before.ledger.positions), before.ledger.cash) == kept


# --- what the risk layers see -------------------------------------------------------------------------------------


def test_open_risk_is_what_may_still_be_lost_down_to_the_stops():
    long, short = with_trade(), with_trade(action=Action.SELL)
    now = AT + timedelta(hours=1)
    assert portfolio_view(long, {"AAA": 98.0}, now).open_risk_pct * float(
        long.ledger.equity({"AAA": 98.0})
    ) == pytest.approx(30.0)
    assert portfolio_view(long, {"AAA": 90.0}, now).open_risk_pct == 0.0  # past the stop: nothing is left above it
    assert portfolio_view(short, {"AAA": 101.0}, now).open_risk_pct * float(
        short.ledger.equity({"AAA": 101.0})
    ) == pytest.approx(40.0)
    assert portfolio_view(short, {"AAA": 107.0}, now).open_risk_pct == 0.0


def test_a_pending_entry_takes_up_cash_exposure_risk_and_a_place():
    view = portfolio_view(after(OrderPlaced(AT, order())), {"AAA": 100.0}, AT + timedelta(seconds=5))
    assert (view.cash, view.equity) == (99_000.0, 100_000.0)
    assert view.exposure_pct == pytest.approx(0.01)
    assert view.open_risk_pct == pytest.approx(50.0 / 100_000)
    assert view.open_trades == {"AAA": Direction.BULLISH}
    assert (view.daily_trades, view.orders_last_minute) == (1, 1)
    assert (
        portfolio_view(after(OrderPlaced(AT, order())), {"AAA": 100.0}, AT + timedelta(seconds=60)).orders_last_minute
        == 0
    )


def test_a_pending_exit_takes_up_nothing():
    leave = order(0, order_id="d0:exit", exit_reason=ExitReason.TIME_EXIT)
    held = with_trade()
    one, other = (portfolio_view(s, {"AAA": 100.0}, AT) for s in (held, after(OrderPlaced(AT, leave), state=held)))
    assert same(replace(one, orders_last_minute=0), replace(other, orders_last_minute=0))


def test_losses_and_drawdown_are_shares_of_the_sessions_and_the_highest_equity():
    state = after(Marked(AT, Decimal(120_000), Decimal(0)), SessionOpened(AT, Decimal(110_000)))
    view = portfolio_view(state, {}, AT)
    assert view.daily_loss_pct == pytest.approx(1 - 100 / 110)
    assert view.drawdown_pct == pytest.approx(1 - 100 / 120)
    assert math.isnan(view.win_rate)


def test_an_account_without_a_price_or_without_money_is_not_known_rather_than_safe():
    unpriced = portfolio_view(with_trade(), {"AAA": NAN}, AT)
    broke = portfolio_view(initial_state(Decimal(0)), {}, AT)
    for view in (unpriced, broke):
        assert math.isnan(view.exposure_pct)
        assert math.isnan(view.open_risk_pct)
        assert math.isnan(view.daily_loss_pct)


# --- any valid history -------------------------------------------------------------------------------------------


class AnyHistory(RuleBasedStateMachine):
    """Random but valid events of an account; the state is compared with a replay, and the money with plain sums."""

    @initialize(capital=st.integers(1_000, 1_000_000))
    def begin(self, capital):
        self.events: list[Event] = [RunStarted(AT, RunMode.BACKTEST, Decimal(capital), {})]
        self.state = initial_state(Decimal(capital))
        self.now, self.number, self.signals = AT, 0, 0
        self.prices = {"AAA": 100.0, "BBB": 37.31, "CCC": 1_234.5}
        self.flows = Decimal(capital)
        self.look, self.before = AccountLook(), {"AAA": 99.0}

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.state = step(self.state, event)

    @rule(ticker=st.sampled_from(["AAA", "BBB", "CCC"]), move=st.floats(-0.1, 0.1))
    def the_price_moves(self, ticker, move):
        self.prices[ticker] = round(self.prices[ticker] * (1 + move), 2)
        self.look.forget()

    @rule(hours=st.integers(0, 30))
    def a_session_opens(self, hours):
        self.now += timedelta(hours=hours)
        self.emit(SessionOpened(self.now, self.state.ledger.equity(self.prices)))

    @rule()
    def the_account_is_marked(self):
        ledger = self.state.ledger
        self.emit(Marked(self.now, ledger.equity(self.prices), ledger.exposure(self.prices)))

    @rule(cents=st.integers(-500, 5_000))
    def cash_accrues(self, cents):
        amount = Decimal(cents) / 100
        self.flows += amount
        self.emit(CashAccrued(self.now, amount, "interest"))

    @rule(ticker=st.sampled_from(["AAA", "BBB", "CCC"]), bullish=st.booleans(), quantity=st.integers(1, 500))
    def an_entry_is_ordered(self, ticker, bullish, quantity):
        taken = {t.ticker for t in self.state.open_trades.values()} | {o.ticker for o in self.state.pending.values()}
        if ticker in taken:
            return
        self.number += 1
        price, sign = self.prices[ticker], 1 if bullish else -1
        made = order(self.number, ticker=ticker, quantity=quantity, placed_at=self.now)
        made = replace(
            made,
            action=Action.BUY if bullish else Action.SELL,
            target_price=price * (1 + 0.1 * sign),
            stop_price=price * (1 - 0.1 * sign),
        )
        self.signals += 1
        remembered = replace(pattern(f"p{self.signals}"), as_of=self.now)
        self.emit(DecisionMade(self.now, decision(self.number), remembered))
        self.emit(OrderPlaced(self.now, made))

    @precondition(lambda self: any(o.exit_reason is None for o in self.state.pending.values()))
    @rule(slip=st.floats(-0.01, 0.01), fees=st.integers(0, 900), which=st.integers(0, 5))
    def an_entry_fills(self, slip, fees, which):
        entries = [o for o in self.state.pending.values() if o.exit_reason is None]
        one = entries[which % len(entries)]
        at = Decimal(str(round(self.prices[one.ticker] * (1 + slip), 4)))
        fill = Fill(one.order_id, one.ticker, one.action, one.quantity, at, Decimal(fees) / 100, self.now)
        self._pay(fill)
        self.emit(TradeOpened(self.now, fill, opened_trade(self.state.next_trade_id, one, fill)))

    @precondition(lambda self: self.state.pending)
    @rule(which=st.integers(0, 5))
    def an_order_ends(self, which):
        ids = sorted(self.state.pending)
        self.emit(OrderEnded(self.now, ids[which % len(ids)], "no bar"))

    @precondition(lambda self: self.state.open_trades)
    @rule(which=st.integers(0, 5))
    def an_exit_is_ordered(self, which):
        trade = list(self.state.open_trades.values())[which % len(self.state.open_trades)]
        leave = order(0, ticker=trade.ticker, order_id=f"{trade.decision_id}:exit", decision_id=trade.decision_id)
        self.emit(OrderPlaced(self.now, replace(leave, placed_at=self.now, exit_reason=ExitReason.TIME_EXIT)))

    @precondition(lambda self: self.state.open_trades)
    @rule(which=st.integers(0, 5), slip=st.floats(-0.01, 0.01), reason=SOLD)
    def a_trade_closes(self, which, slip, reason):
        trade = list(self.state.open_trades.values())[which % len(self.state.open_trades)]
        price = str(round(self.prices[trade.ticker] * (1 + slip), 4))
        event = closed(self.state, trade.trade_id, price, reason)
        self._pay(event.fill)
        self.emit(event)

    @precondition(lambda self: self.state.open_trades)
    @rule(which=st.integers(0, 5))
    def a_trade_is_carried_on(self, which):
        trade = list(self.state.open_trades.values())[which % len(self.state.open_trades)]
        self.number += 1
        again = replace(decision(self.number), as_of=self.now, entry_price=self.prices[trade.ticker])
        event = carried_on(trade, again, self.state.next_trade_id)
        if any(o.decision_id == trade.decision_id for o in self.state.pending.values()):
            with pytest.raises(RefusedError, match="leaving"):
                step(self.state, event)
        else:
            self.emit(event)

    @precondition(lambda self: self.state.unresolved)
    @rule(net=st.floats(-0.2, 0.2), which=st.integers(0, 50))
    def a_signal_resolves(self, net, which):
        ids = sorted(self.state.unresolved)
        name = ids[which % len(ids)]
        self.emit(SignalResolved(self.now, name, "AAA", Outcome(net, net > 0, self.now)))

    @rule(name=st.sampled_from(Breaker), reset=st.booleans())
    def a_breaker_trips_or_is_reset(self, name, reset):
        self.emit(
            BreakerReset(self.now, name, "me", "looked at it") if reset else BreakerTripped(self.now, name, "why")
        )

    @rule(weight=st.floats(0.1, 5.0))
    def a_weight_changes(self, weight):
        self.emit(WeightChanged(self.now, "Trend Agent", weight, "asked"))

    def _open(self):
        return self.state.open_trades.values()

    def _pay(self, fill: Fill) -> None:
        """What the fill means for a purse, worked out apart from the ledger."""
        value = money(fill.price * fill.quantity)
        self.flows += (-value if fill.action is Action.BUY else value) - fill.costs

    @invariant()
    def a_replay_gives_the_same_state(self):
        assert same(replay(self.events), self.state)

    @invariant()
    def a_look_that_is_kept_shows_what_a_fresh_one_does(self):
        kept = self.look.view(self.state, self.prices, self.now, self.before)
        assert same(kept, portfolio_view(self.state, self.prices, self.now, self.before))
        assert self.look.view(self.state, self.prices, self.now, self.before) is kept

    @invariant()
    def cash_is_what_flowed(self):
        assert self.state.ledger.cash == self.flows

    @invariant()
    def cash_and_positions_are_equity_to_the_cent(self):
        ledger = self.state.ledger
        worth = sum((money(Decimal(str(self.prices[t])) * p.quantity) for t, p in ledger.positions.items()), Decimal(0))
        assert ledger.cash + worth == ledger.equity(self.prices)
        start = self.events[0].initial_capital
        cost = sum((p.cost for p in ledger.positions.values()), Decimal(0))
        assert ledger.cash + cost == start + ledger.realised_pnl - ledger.costs + ledger.income

    @invariant()
    def positions_are_the_open_trades(self):
        held = {t.ticker: t.quantity * int(t.direction) for t in self.state.open_trades.values()}
        assert {t: p.quantity for t, p in self.state.ledger.positions.items()} == held

    @invariant()
    def profits_of_closed_trades_are_what_the_ledger_realised(self):
        ended = closed_trades(self.events)
        begun = sum((int(t.direction) * money(t.entry_price * t.quantity) for t in self._open()), Decimal(0))
        carried = begun - sum((p.cost for p in self.state.ledger.positions.values()), Decimal(0))
        fees = sum((t.entry_costs for t in self.state.open_trades.values()), Decimal(0))
        gross = sum((t.pnl + t.costs for t in ended), Decimal(0))
        assert gross == self.state.ledger.realised_pnl + carried  # what ended legs gained is booked, and not sold yet
        assert self.state.ledger.costs == fees + sum((t.costs for t in ended), Decimal(0))
        assert (self.state.closed, self.state.won) == (len(ended), sum(t.pnl > 0 for t in ended))


AnyHistory.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True)
TestAnyHistory = AnyHistory.TestCase


def held() -> EngineState:
    state = step(initial_state(CAPITAL), OrderPlaced(AT, order(1)))
    return step(state, opened(state, order(1)))


def test_a_trade_that_is_carried_on_changes_legs_and_neither_cash_nor_shares():
    before = held()
    event = carried_on(before.open_trades[0], replace(decision(2), entry_price=103.0), before.next_trade_id)
    after = step(before, event)
    assert after.ledger is before.ledger
    assert after.pending is before.pending
    assert (after.daily_trades, after.order_times) == (before.daily_trades, before.order_times)
    assert after.open_trades == {1: event.opened}
    assert (after.closed, after.won, after.losing_streak, after.next_trade_id) == (1, 1, 0, 2)
    assert after.traded_views == {"AAA": Direction.BULLISH}


def test_a_leg_that_lost_counts_towards_the_losing_streak():
    before = held()
    event = carried_on(before.open_trades[0], replace(decision(2), entry_price=97.0), 1)
    assert step(before, event).losing_streak == before.losing_streak + 1


@pytest.mark.parametrize(
    "part",
    [
        {"closed": {"trade_id": 7}},
        {"opened": {"quantity": 11}},
        {"opened": {"entry_price": Decimal("103.01")}},
        {"opened": {"entry_costs": Decimal("0.01")}},
        {"opened": {"carries": None}},
        {"opened": {"direction": Direction.BEARISH}},
        {"closed": {"costs": Decimal(0)}},
    ],
)
def test_legs_that_do_not_meet_are_refused(part):
    before = held()
    event = carried_on(before.open_trades[0], replace(decision(2), entry_price=103.0), 1)
    ((name, changes),) = part.items()
    with pytest.raises(RefusedError, match="cannot carry on"):
        step(before, replace(event, **{name: replace(getattr(event, name), **changes)}))


def test_the_account_without_a_trade_has_its_money_its_room_and_its_place():
    state = held()
    free = without_trade(state, state.open_trades[0], 105.0)
    seen = portfolio_view(free, {"AAA": 105.0}, AT)
    assert (seen.open_trades, seen.exposure_pct, seen.open_risk_pct) == ({}, 0.0, 0.0)
    assert seen.equity == portfolio_view(state, {"AAA": 105.0}, AT).equity == seen.cash
    assert state.open_trades


def test_who_has_proved_itself_weighs_more_and_a_weight_that_a_person_set_stands():
    state = initial_state(Decimal(1_000))
    proved = {"A": Proved(0.01, 0.02), "B": Proved(across=0.05), "C": Proved(in_time=0.1)}
    state = step(state, LearningCarried(AT, replace(Learning(), proved=proved).figures()))
    state = step(state, WeightChanged(AT, "C", 0.7, "performance 0.3"))
    config = EngineConfig(weights={"A": 3.0, "B": 1.0, "D": 1.0})
    assert weights_in_force(config, state) == {"A": 3.0, "B": pytest.approx(6.0), "C": 0.7, "D": 1.0}
    assert proved_in_force(config, state) == {"B": Proved(across=0.05)}
    assert weights_in_force(replace(config, learn_weights=False), state) == {"A": 3.0, "B": 1.0, "C": 0.7, "D": 1.0}
    alone = replace(config, enhancements=Enhancements(multi_agent=False))
    assert proved_in_force(alone, state) == {}


@pytest.mark.parametrize(
    ("shift", "gate", "counted"),
    [(0.03, None, 1), (0.0, None, 0), (-0.03, None, 0), (0.03, "tactical.rank", 0), (0.03, "memory.least", 0)],
)
def test_signals_that_proved_agents_back_have_a_record_of_their_own(shift: float, gate: str | None, counted: int):
    learning = replace(Learning(), proved={"A": Proved(across=0.03)})
    state = step(initial_state(CAPITAL), LearningCarried(AT, learning.figures()))
    said = StageRecord(StageName.SIGNAL, StageVerdict.PASSED, "up", {PROVED_SHIFT: shift})
    made = replace(decision(), stages=(said,))
    if gate is not None:
        stage = StageName(gate.split(".")[0])
        full = "rank" if stage is StageName.TACTICAL else "least_confidence"
        no = StageRecord(stage, StageVerdict.BLOCKED, "no", {GATE_KEY: full})
        made = replace(made, status=DecisionStatus.BLOCKED, blocked_by=stage, stages=(said, no))
    state = after(DecisionMade(AT, made, pattern("d0")), SignalResolved(AT, "d0", "AAA", COME), state=state)
    assert sum(r.resolved for r in state.backed_records.values()) == counted
    assert not state.backed


def test_a_record_of_backed_signals_is_carried_apart():
    carried = RecordCarried(AT, Direction.BULLISH, 4, 3, 0.1, 2, AT, backed=True)
    state = after(carried)
    assert state.records == {}
    assert state.backed_records[Direction.BULLISH].resolved == 4


def test_judged_calls_are_learnt_from_and_the_session_is_remembered():
    figures = {f"A|across|{name}": value for name, value in (("total", 0.4), ("variance", 0.1), ("calls", 2.0))}
    state = step(initial_state(Decimal(1_000)), AgentsJudged(AT, figures))
    assert state.learning.judged_until == AT
    assert state.learning == Learning().judged(AT, figures)
    assert state.learning.standing["A"].across.calls == 2.0
