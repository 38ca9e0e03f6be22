"""The drivers differ in how sessions reach the trader, and in nothing else."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from builders_engine import (
    CAPITAL,
    SESSIONS,
    ListJournal,
    Says,
    assert_same_decisions,
    backtest,
    bars_of,
    calm,
    market,
    opened_at,
    prepared,
    script,
    scripted_config,
    without_rows,
)
from builders_events import same
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import DecisionStatus, ExitReason, FillPrice, RunMode
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.events import BreakerReset, BreakerTripped, DecisionMade, Marked, RecordCarried, RunStarted
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import (
    ArrivingFeed,
    HistoryFeed,
    Watch,
    decide_latest,
    drive,
    replayed_arrivals,
    result_of,
    run_backtest,
    watched_sessions,
)
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.state import replay
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.circuit_breaker import BreakerLimits

HOLES = (3, 4, 9)


def two(count: int = 20) -> MarketInputs:
    """AAA misses some sessions, BBB begins late; the market itself is not watched."""
    return MarketInputs(
        {
            "AAA": without_rows(bars_of("AAA", [100.0] * count), HOLES),
            "BBB": bars_of("BBB", [50.0] * (count - 6), first=6),
            "SPY": bars_of("SPY", [300.0] * (count + 5)),
        },
        volatility_index=calm(),
        rates=DatedSeries(SESSIONS[:count], {"bill_rate": np.linspace(0.01, 0.02, count)}, "rates"),
        market_ticker="SPY",
    )


def watch(start: np.datetime64 | None = None) -> Watch:
    tickers = ("AAA", "BBB")
    return Watch(tickers, default_agents(), EngineConfig(), dict.fromkeys(tickers, FillPrice.OPEN), start)


def test_the_sessions_of_a_run_are_those_in_which_a_watched_ticker_traded():
    expected = [SESSIONS[i] for i in range(20) if i not in (3, 4)]  # on row 9 BBB trades; SPY is not watched
    assert watched_sessions(two(), watch()).tolist() == np.array(expected).tolist()


def test_a_session_shows_the_tickers_that_traded_in_it_at_their_own_rows():
    for update in HistoryFeed(two(), watch()):
        row = int(np.searchsorted(SESSIONS, update.session))
        assert set(update.views) == ({"AAA"} if row not in HOLES else set()) | ({"BBB"} if row >= 6 else set())
        for view in update.views.values():
            assert view.bars.session[view.row] == update.session
            assert view.perception.features.as_of[view.row] == np.datetime64(update.closed_at.replace(tzinfo=None))
            assert view.close == view.bars.close[view.row]


def test_a_session_knows_its_hours_its_rate_and_the_days_before_it():
    updates = list(HistoryFeed(two(), watch()))
    assert [u.opened_at for u in updates] == [opened_at(u.session) for u in updates]
    assert [u.closed_at for u in updates] == [close_of(u.session) for u in updates]
    days = [0, *np.diff([u.session for u in updates]).astype(int).tolist()]
    assert [u.days_since_previous for u in updates] == days
    assert updates[0].bill_rate == 0.01


def test_an_arriving_session_is_what_the_history_showed():
    history = list(HistoryFeed(two(), watch(SESSIONS[8])))
    arrived = list(ArrivingFeed(replayed_arrivals(two(), watched_sessions(two(), watch())), watch(SESSIONS[8])))
    assert len(history) == len(arrived)
    for old, new in zip(history, arrived, strict=True):
        for name in ("session", "opened_at", "closed_at", "bill_rate", "days_since_previous", "trading"):
            assert same(getattr(old, name), getattr(new, name)), name
        assert list(old.views) == list(new.views)
        for ticker, view in new.views.items():
            assert view.row == len(view.bars) - 1  # there is nothing behind it that could be looked at
            assert len(view.perception.features) == len(view.bars)
            before = old.views[ticker]
            assert view.row == before.row
            assert np.array_equal(view.perception.vectors[-1], before.perception.vectors[before.row], equal_nan=True)


def test_a_session_is_traded_from_the_start_on():
    assert [u.trading for u in HistoryFeed(two(), watch(SESSIONS[10]))] == [
        bool(s >= SESSIONS[10]) for s in watched_sessions(two(), watch())
    ]
    assert all(u.trading for u in HistoryFeed(two(), watch()))


def test_the_log_holds_traded_sessions_only():
    run = backtest(two(), default_agents(), EngineConfig(), tickers=("AAA", "BBB"), start=SESSIONS[10])
    assert run.log.sessions == [s for s in watched_sessions(two(), watch()) if s >= SESSIONS[10]]
    assert len(run.log.equity) == len(run.log.exposure) == len(run.log.bill_rate) == len(run.log.sessions)
    assert {d.as_of for d in run.decisions} == {close_of(s) for s in run.log.sessions}


def test_the_last_equity_is_after_what_was_open_was_closed_and_paid_for():
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0] * 6 + [103.0] * 3)}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {4: Says(1, horizon=21)})])
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.END_OF_DATA
    assert run.log.equity[-1] == float(CAPITAL + trade.pnl)
    assert run.log.exposure[-1] == 103.0 * trade.quantity  # what was held through the last session
    last = run.events[-1]
    assert isinstance(last, Marked)
    assert (last.equity, last.exposure) == (CAPITAL + trade.pnl, 0)
    assert run.trader.journal.flushed == 1


def test_a_feed_without_sessions_is_a_run_without_anything():
    run = prepared(two(), default_agents(), EngineConfig(), tickers=("AAA", "BBB"))
    log = drive(run.trader, [], run.exchange)
    assert (log.sessions, run.decisions, len(run.events)) == ([], [], 1)


def test_a_backtest_hands_over_all_that_a_report_needs():
    run = prepared(two(), default_agents(), EngineConfig(), tickers=("AAA", "BBB"))
    run.trader.journal.events.clear()
    shown = []

    def progress(feed, total):
        shown.append(total)
        return feed

    result = run_backtest(
        run.trader,
        run.exchange,
        two(),
        watch(SESSIONS[10]),
        capital=CAPITAL,
        settings={"a": 1},
        show_progress=progress,
    )
    assert shown == [18]
    assert isinstance(run.events[0], RunStarted)
    assert run.events[0].at == opened_at(SESSIONS[0])
    assert (result.mode, result.run_id, result.settings) == (RunMode.BACKTEST, "list", {"a": 1})
    assert set(result.bars) == set(result.fill_price) == set(result.cost_bp_per_side) == {"AAA", "BBB"}
    assert len(result.sessions) == len(result.equity) == len(result.exposure) == 10
    assert result.bill_rate is not None
    assert len(result.decisions) == 20


def test_a_history_that_ends_before_the_first_session_to_trade_is_refused():
    run = prepared(two(), default_agents(), EngineConfig(), tickers=("AAA", "BBB"))
    late = np.datetime64("2030-01-02")
    with pytest.raises(InsufficientDataError, match="before the first session to trade"):
        run_backtest(run.trader, run.exchange, two(), watch(late), capital=CAPITAL, settings={})


def test_a_simulated_person_resets_a_breaker_after_some_sessions_and_on_record():
    level = np.full(40, 12.0)
    level[8] = 20.0
    vix = DatedSeries(SESSIONS[:40], {"close": level}, "vix")
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0] * 40)}, volatility_index=vix)
    run = prepared(inputs, [script("AAA", {12: Says(1), 20: Says(1)})])
    log = drive(run.trader, HistoryFeed(inputs, run.watch), run.exchange, breakers_reset_after=5)
    (tripped,), (reset,) = run.of(BreakerTripped), run.of(BreakerReset)
    assert (tripped.at, reset.at) == (close_of(SESSIONS[8]), opened_at(SESSIONS[14]))
    assert log.breaker_resets == 1
    for resets, words in ((1, "once"), (3, "3 times")):
        log.breaker_resets = resets
        told = result_of(
            run.trader, log, inputs, run.watch, mode=RunMode.BACKTEST, capital=Decimal(100_000), settings={}
        )
        assert f"reset circuit breakers {words}, " in told.notes[-1]
    assert [t.decided_at for t in run.trades] == [close_of(SESSIONS[20])]


def test_after_a_reset_as_many_losses_again_are_needed_to_trip_the_losing_streak():
    """A streak that went on counting would latch for ever: with entries stopped no trade could end it."""
    closes = np.full(400, 100.0)
    inputs = MarketInputs({"AAA": bars_of("AAA", closes.tolist())}, volatility_index=calm())
    every_week = {row: Says(1, horizon=5) for row in range(2, 390, 6)}  # each loses its costs
    config = scripted_config(breakers=BreakerLimits(max_losing_streak=12))
    run = prepared(inputs, [script("AAA", every_week)], config)
    drive(run.trader, HistoryFeed(inputs, run.watch), run.exchange, breakers_reset_after=5)
    trips = [e.at for e in run.of(BreakerTripped)]
    assert len(trips) >= 2
    limit = run.trader.config.breakers.max_losing_streak
    between = [t for t in run.trades if trips[0] < t.exit_at <= trips[1]]
    assert len(between) == limit


def test_perceiving_in_one_pass_or_session_by_session_shows_the_same_votes():
    one = market("AAA", 11, 90)
    inputs = MarketInputs({"AAA": one.bars}, flow=one.flow, volatility_index=one.vix)
    only = Watch(("AAA",), default_agents(), EngineConfig(), {"AAA": FillPrice.OPEN})
    whole = only.perceived(inputs)["AAA"]
    for row in (0, 1, 19, 59, 60, 88):
        past = only.perceived(inputs.until(one.bars.session[row]))["AAA"]
        for votes, before in zip(whole.votes, past.votes, strict=True):
            assert same(votes.at(row), before.at(row))
        assert same(whole.regimes.at(row), past.regimes.at(row))


def test_deciding_on_the_latest_session_is_a_walk_that_only_learns_before_it():
    simulated = market("AAA", seed=5, sessions=300)
    inputs = MarketInputs({"AAA": simulated.bars}, flow=simulated.flow, volatility_index=simulated.vix)
    config, last = EngineConfig(), simulated.bars.session[-1]
    walked = backtest(inputs, default_agents(), config, start=last)
    journal = ListJournal()
    trader = Trader(config, journal, MemoryBook(), None)
    lone = Watch(("AAA",), default_agents(), config, {"AAA": FillPrice.OPEN})
    (latest,) = decide_latest(trader, inputs, lone, capital=CAPITAL, settings={})
    assert_same_decisions([latest], walked.decisions)
    assert sum(isinstance(event, DecisionMade) for event in journal.events) == 1
    assert replay(journal.events) == trader.state
    assert trader.state.records == walked.trader.state.records != {}


def test_a_single_session_can_be_decided_on_with_nothing_learnt():
    journal = ListJournal()
    trader = Trader(EngineConfig(), journal, MemoryBook(), None)
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0])})
    lone = Watch(("AAA",), default_agents(), EngineConfig(), {"AAA": FillPrice.OPEN})
    (decision,) = decide_latest(trader, inputs, lone, capital=CAPITAL, settings={})
    assert decision.status is DecisionStatus.NO_SIGNAL
    assert not any(isinstance(event, RecordCarried) for event in journal.events)


def test_what_is_not_recorded_is_nowhere():
    nothing = Unrecorded()
    nothing.append([Marked(opened_at(SESSIONS[0]), Decimal(1), Decimal(0))])
    nothing.flush()
    assert list(nothing.read()) == []
    assert nothing.verify() == 0
