"""What is decided after the last session to learn from is neither remembered nor learnt from."""

from __future__ import annotations

import numpy as np

from builders_engine import SESSIONS, Says, assert_same_decisions, backtest, bars_of, calm, script
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.events import DecisionMade, SignalResolved
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs

LAST = 300


def wandering(count: int = 420, *, seed: int = 9) -> MarketInputs:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0005, 0.01, count)))
    return MarketInputs({"AAA": bars_of("AAA", closes.tolist())}, volatility_index=calm())


def test_decisions_up_to_the_last_session_to_learn_from_are_those_of_a_run_that_goes_on_learning():
    cut = backtest(wandering(), default_agents(), EngineConfig(), learn_until=SESSIONS[LAST])
    whole = backtest(wandering(), default_agents(), EngineConfig())
    assert_same_decisions(cut.decisions[: LAST + 1], whole.decisions[: LAST + 1])


def test_nothing_decided_later_is_remembered_and_what_was_open_is_still_resolved():
    every = {row: Says(1 if row % 3 else -1, horizon=5) for row in range(1, 40)}
    inputs = MarketInputs({"AAA": bars_of("AAA", [100.0 + row % 2 for row in range(40)])}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", every)], learn_until=SESSIONS[20])
    kept = [e for e in run.of(DecisionMade) if e.pattern is not None]
    assert len(kept) == 20
    assert max(np.datetime64(e.at.date(), "D") for e in kept) == SESSIONS[20]
    assert len(run.decisions) == 40  # it goes on deciding
    resolved = run.of(SignalResolved)
    assert len(resolved) == len(kept)
    assert not run.trader.state.unresolved
    assert sum(1 for _ in run.trader.memory.patterns()) == 20


def test_what_comes_after_teaches_nothing():
    closes = wandering().bars["AAA"].close
    known = LAST + 30  # every signal up to the last session is resolved by then
    other = np.r_[closes[:known], closes[known] * np.linspace(1.0, 0.4, len(closes) - known)]
    figures = []
    for prices in (closes, other, closes[:known]):
        inputs = MarketInputs({"AAA": bars_of("AAA", prices.tolist())}, volatility_index=calm())
        run = backtest(inputs, default_agents(), EngineConfig(), learn_until=SESSIONS[LAST])
        figures.append(run.trader.state.learning.figures())
    assert figures[0] == figures[1] == figures[2]
