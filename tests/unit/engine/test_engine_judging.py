"""Every call is followed to the end of its own horizon, entered as an order would be, from what is known by then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders_engine import (
    CAPITAL,
    SESSIONS,
    Says,
    ScriptedAgent,
    assert_same_decisions,
    backtest,
    bars_of,
    calm,
    prepared,
    script,
)
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.events import AgentsJudged
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.drivers import decide_latest
from lightning_gex.engine.inputs import MarketInputs

ROWS = 30


def inputs_of(**closes: list[float]) -> MarketInputs:
    return MarketInputs({t: bars_of(t, c) for t, c in closes.items()}, volatility_index=calm())


def rising(step: float) -> list[float]:
    return [100.0 + step * k for k in range(ROWS)]


def test_a_call_is_judged_once_its_own_horizon_has_passed_after_the_entry():
    says = {row: Says(1, horizon=4) for row in (5, 9)} | {7: Says(-1, horizon=3)}
    run = backtest(inputs_of(AAA=rising(1.0)), [script("AAA", says)], EngineConfig())
    judged = {e.at.date(): e.figures for e in run.of(AgentsJudged)}
    ends = {5 + 1 + 4: 1 / 4, 9 + 1 + 4: 1 / 4, 7 + 1 + 3: 1 / 3}
    assert judged.keys() == {SESSIONS[row].item() for row in ends}
    for row, calls in ends.items():
        (name,) = {key.split("|")[0] for key in judged[SESSIONS[row].item()]}
        figures = judged[SESSIONS[row].item()]
        assert figures[f"{name}|in_time|calls"] == pytest.approx(calls)
        assert (figures[f"{name}|in_time|total"] > 0) == (row != 11)  # the bearish one was wrong


def test_against_the_same_dates_tickers_everybody_who_trades_is_the_comparison():
    up = {row: Says(1, horizon=4) for row in range(ROWS)}
    inputs = inputs_of(AAA=rising(1.0), BBB=rising(-1.0), CCC=rising(-0.5))
    run = backtest(inputs, [script("AAA", up)], EngineConfig())
    totals = [v for e in run.of(AgentsJudged) for k, v in e.figures.items() if k.endswith("|across|total")]
    assert len(totals) > 10
    assert min(totals) > 0.0


def test_a_session_is_judged_once_also_by_who_was_only_told_what_was_learnt():
    says = {row: Says(1, horizon=4) for row in range(ROWS)}
    inputs, agents = inputs_of(AAA=rising(1.0)), [script("AAA", says)]
    run = prepared(inputs, agents, EngineConfig())
    decide_latest(run.trader, inputs, run.watch, capital=CAPITAL, settings={})
    whole = backtest(inputs, agents, EngineConfig()).trader.state.learning
    assert run.trader.state.learning.standing == whole.standing
    assert not run.of(AgentsJudged)


def test_what_is_told_of_a_session_does_not_depend_on_what_follows():
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, 150)))
    told = []
    for prices in (closes, np.r_[closes[:100], closes[100:] * np.linspace(1.2, 3.0, 50)], closes[:100]):
        run = backtest(inputs_of(AAA=prices.tolist()), default_agents(), EngineConfig())
        told.append([e for e in run.of(AgentsJudged) if np.datetime64(e.at.date(), "D") <= SESSIONS[99]])
    assert len(told[0]) > 30
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    "config",
    [EngineConfig(learn_weights=False), replace(EngineConfig(), enhancements=Enhancements(multi_agent=False))],
)
def test_with_frozen_weights_or_one_voice_nobody_is_judged(config: EngineConfig):
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, 60)))
    assert not backtest(inputs_of(AAA=closes.tolist()), default_agents(), config).of(AgentsJudged)


def test_an_agent_of_ones_own_proves_itself_as_any_other_and_is_heard():
    """Six tickers that move by what one agent says of them, and five agents that were not told."""
    generator = np.random.default_rng(8)
    rows, tickers = 330, [f"T{k}" for k in range(6)]
    held = {t: np.repeat(generator.choice([-1, 1], rows // 10), 10) for t in tickers}
    closes = {t: 100.0 * np.exp(np.cumsum(generator.normal(0.004 * held[t], 0.01))) for t in tickers}
    # what moves session k + 1 and on is said at the close of session k
    says = {t: {SESSIONS[k]: Says(int(held[t][k + 1]), horizon=5) for k in range(rows - 1)} for t in tickers}
    own = ScriptedAgent(says, "Own Agent")
    run = backtest(inputs_of(**{t: c.tolist() for t, c in closes.items()}), [own, *default_agents()], EngineConfig())
    proved = run.trader.state.learning.proved
    assert max(proved, key=lambda agent: proved[agent].edge) == "Own Agent"
    last = run.decisions[-1]
    assert "Own Agent counts" in last.stages[0].reason
    assert last.stages[0].detail["proved by Own Agent"] == proved["Own Agent"].edge
    shares = {r.detail["rank_proved_share"] for d in run.decisions for r in d.stages if "rank_proved_share" in r.detail}
    assert 0.0 < min(shares) < max(shares) < 1.0  # the order of the universe asks it too, the more the more it proved


def test_where_nothing_is_proved_every_decision_is_to_the_bit_that_of_frozen_weights():
    generator = np.random.default_rng(21)
    walks = {t: (100.0 * np.exp(np.cumsum(generator.normal(0.0004, 0.01, 260)))).tolist() for t in ("AAA", "BBB")}
    learning = backtest(inputs_of(**walks), default_agents(), EngineConfig())
    frozen = backtest(inputs_of(**walks), default_agents(), EngineConfig(learn_weights=False))
    assert len(learning.trader.state.learning.standing) == 4  # without flow the fifth says nothing
    assert learning.trader.state.learning.proved == {}
    assert_same_decisions(learning.decisions, frozen.decisions)
