"""What leaves the universe is looked after and not entered again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders_engine import SESSIONS, Says, ScriptedAgent, assert_same_decisions, backtest, bars_of, calm, prepared
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import ExitReason
from lightning_gex.core.membership import Membership
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import ArrivingFeed, HistoryFeed, drive, replayed_arrivals, watched_sessions
from lightning_gex.engine.inputs import MarketInputs, features_of

NAMES = ("AAA", "BBB")
LEFT = 10  # the row on which AAA leaves and BBB comes


def universe() -> Membership:
    return Membership(SESSIONS[[2, LEFT]], (frozenset({"AAA"}), frozenset({"BBB"})))


def flat(count: int = 24) -> MarketInputs:
    return MarketInputs({t: bars_of(t, [100.0] * count) for t in NAMES}, volatility_index=calm())


def says(**by_ticker: dict[int, Says]) -> list[ScriptedAgent]:
    return [ScriptedAgent({t: {SESSIONS[row]: said for row, said in lines.items()} for t, lines in by_ticker.items()})]


def wandering(count: int = 120) -> MarketInputs:
    steps = np.random.default_rng(5).normal(0.0005, 0.01, (len(NAMES), count))
    closes = 100.0 * np.exp(np.cumsum(steps, axis=1))
    return MarketInputs(
        {t: bars_of(t, c.tolist()) for t, c in zip(NAMES, closes, strict=True)}, volatility_index=calm()
    )


def test_only_members_are_decided_upon_and_ranked():
    run = backtest(flat(), says(), membership=universe())
    by_row = {int(np.searchsorted(SESSIONS, np.datetime64(d.as_of.date(), "D"))): d.ticker for d in run.decisions}
    assert len(run.decisions) == len(by_row) == 22
    assert by_row == {row: "AAA" if row < LEFT else "BBB" for row in range(2, 24)}
    updates = list(HistoryFeed(flat(), run.watch))
    assert [set(u.views) for u in updates] == [set(NAMES)] * 24  # everybody is perceived, whoever belongs
    assert updates[0].members == frozenset()


def test_no_entry_is_made_in_what_is_no_member():
    always = {row: Says(1, horizon=3) for row in range(24)}
    run = backtest(flat(), says(AAA=always, BBB=always), membership=universe())
    entered = {(t.ticker, np.datetime64(t.decided_at.date(), "D")) for t in run.trades}
    assert {t for t, _ in entered} == set(NAMES)
    assert all((day < SESSIONS[LEFT]) == (ticker == "AAA") for ticker, day in entered)


def test_a_trade_in_what_left_the_universe_ends_at_its_own_time():
    run = backtest(flat(), says(AAA={8: Says(1, horizon=5)}), membership=universe())
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.TIME_EXIT
    assert np.datetime64(trade.exit_at.date(), "D") == SESSIONS[8 + 1 + 5]


def test_a_trade_in_what_left_the_universe_ends_on_a_contrary_view_without_a_decision():
    lines = {8: Says(1, horizon=12), 12: Says(-1, horizon=5)}
    run = backtest(flat(), says(AAA=lines), membership=universe())
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.SIGNAL_EXIT
    assert np.datetime64(trade.exit_at.date(), "D") == SESSIONS[13]
    assert not [d for d in run.decisions if d.ticker == "AAA" and np.datetime64(d.as_of.date(), "D") >= SESSIONS[LEFT]]


def test_a_weak_contrary_view_leaves_a_former_members_trade_alone():
    weak = Says(-1, confidence=0.51, horizon=5)
    config = replace(EngineConfig(), calibrate=False, minimum_confidence=0.55)
    config = replace(config, consensus=replace(config.consensus, min_voting=1))
    run = backtest(flat(), says(AAA={8: Says(1, horizon=6), 12: weak}), config, membership=universe())
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.TIME_EXIT


def test_the_bracket_of_a_former_member_still_works():
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0] * 12 + [80.0] * 12), "BBB": bars_of("BBB", [50.0] * 24)})
    inputs = replace(inputs, volatility_index=calm())
    run = backtest(inputs, says(AAA={8: Says(1, horizon=12)}), membership=universe())
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.STOP_LOSS


def test_history_and_arriving_sessions_show_the_same_members_and_give_the_same_decisions():
    inputs = wandering()
    config = EngineConfig()
    whole = backtest(inputs, default_agents(), config, membership=universe())
    live = prepared(inputs, default_agents(), config, membership=universe())
    arrivals = replayed_arrivals(inputs, watched_sessions(inputs, live.watch))
    live.log = drive(live.trader, ArrivingFeed(arrivals, live.watch), live.exchange)
    assert len(whole.decisions) == 118
    assert_same_decisions(whole.decisions, live.decisions)


def test_a_universe_of_everyone_changes_nothing():
    inputs = wandering()
    everyone = Membership(SESSIONS[:1], (frozenset(NAMES),))
    assert_same_decisions(
        backtest(inputs, default_agents(), EngineConfig(), membership=everyone).decisions,
        backtest(inputs, default_agents(), EngineConfig()).decisions,
    )


def test_breadth_counts_members_only():
    count = 60
    rising = {f"UP{k}": bars_of(f"UP{k}", [100.0 + i for i in range(count)]) for k in range(20)}
    falling = {f"DOWN{k}": bars_of(f"DOWN{k}", [200.0 - i for i in range(count)]) for k in range(20)}
    shaky = {"MIX": bars_of("MIX", [100.0 + (i % 2) for i in range(count)])}
    inputs = MarketInputs({**rising, **falling, **shaky})
    members = Membership(SESSIONS[:1], (frozenset({*rising, "MIX"}),))
    assert features_of("UP0", inputs)["advance_decline_ratio"][-1] == pytest.approx(1.0, abs=0.06)
    assert features_of("UP0", inputs, members)["advance_decline_ratio"][-1] > 20
