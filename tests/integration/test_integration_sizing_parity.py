"""An episode of the sizing environment and a backtest with the same sizes are the same trades and the same money."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from builders_engine import CAPITAL, SESSIONS, Run, Says, bars_of, calm, prepared, script, scripted_config
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.units import Float32Array1D
from lightning_gex.engine.config import Enhancements
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.sizing.environment import PositionSizingEnv
from lightning_gex.sizing.episodes import Episodes, episode_of
from lightning_gex.sizing.ladder import LADDER

LENGTH = 400
HORIZON = 3


@dataclass
class Dice:
    """A policy that throws dice, and remembers when it was asked and what it was shown."""

    seed: int
    seen: list[Float32Array1D] = field(default_factory=list)

    def size_pct(self, observation):
        self.seen.append(observation)
        return LADDER[np.random.default_rng([self.seed, len(self.seen)]).integers(len(LADDER))]


def signals(seed):
    """(rows, directions, bars): a wild market, and views that change their mind between any two trades."""
    rng = np.random.default_rng(seed)
    closes = 60.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, LENGTH)))
    opens = {k: float(closes[k - 1] * np.exp(rng.normal(0.0, 0.01))) for k in range(1, LENGTH)}
    rows = np.flatnonzero(rng.random(LENGTH - 30) < 0.45) + 25
    return rows, bars_of("AAA", closes.tolist(), opens=opens)


def ran(seed, fill_price):
    rows, bars = signals(seed)
    says = {int(row): Says(1, target=6.0, stop=5.0, horizon=HORIZON) for row in rows}
    inputs = MarketInputs({"AAA": bars}, volatility_index=calm(LENGTH))
    config = scripted_config(enhancements=Enhancements(security=False))
    # An episode asks once a trade: in training every one of them is bought and sold.
    config = replace(config, tactical=replace(config.tactical, carry_on=False))
    run = prepared(inputs, [script("AAA", says)], config, fill_price=fill_price)
    run.trader.policy = Dice(seed)
    run.log = drive(run.trader, HistoryFeed(inputs, run.watch), run.exchange, breakers_reset_after=0)
    return run


def offered(run: Run) -> tuple[Episodes, list]:
    """What the policy was asked about, and what it was not because the ticker was held: one episode."""
    decisions = [d for d in run.decisions if d.caps or d.reason.startswith("already in this trade")]
    bars = run.inputs.bars["AAA"]
    row = np.searchsorted(bars.session, [np.datetime64(d.as_of.date()) for d in decisions])
    absent = np.full(len(row), np.nan)
    episodes = episode_of(
        bars,
        row=row,
        direction=[int(d.direction) for d in decisions],
        target_price=[d.target_price for d in decisions],
        stop_price=[d.stop_loss for d in decisions],
        horizon_sessions=[d.time_horizon_days for d in decisions],
        gex_signal=absent,
        charm_pressure=absent,
        vanna_sensitivity=absent,
        volatility=absent,
        fill_at_close=run.watch.fill_price["AAA"] is FillPrice.CLOSE,
        cost_bp_per_side=run.trader.config.costs.bp_per_side("AAA"),
    )
    return episodes, decisions


@pytest.mark.parametrize("fill_price", list(FillPrice))
@pytest.mark.parametrize("seed", [1, 2])
def test_an_episode_and_a_backtest_make_the_same_trades_and_the_same_money(seed, fill_price):
    run = ran(seed, fill_price)
    episodes, decisions = offered(run)
    assert len(episodes) == len(decisions)
    trades = {trade.decision_id: trade for trade in run.trades}
    equity_at = dict(zip(run.log.sessions, run.log.equity, strict=True))
    env = PositionSizingEnv(episodes)
    _, info = env.reset(options={"episode": 0, "start": 0})
    met, over = [], False
    while not over:
        row = info["row"]
        decision = decisions[row]
        assert info["equity"] == equity_at[SESSIONS[episodes.decided_at[row]]]
        seen_cash = env.booked_equity()
        _, _, _, over, info = env.step(np.int64(LADDER.index(decision.size_pct)))
        met.append(decision)
        assert info["quantity"] == decision.quantity
        trade = trades.pop(decision.decision_id, None)
        assert (trade is None) == (decision.quantity == 0 or np.isnan(episodes.entry_price[row]))
        assert env.booked_equity() - seen_cash == (trade.pnl if trade else 0)
    assert not trades
    assert len(met) == len([d for d in decisions if d.caps])  # what the engine passed over was passed over here
    assert float(env.booked_equity()) == info["equity"] == run.log.equity[-1]
    assert len(run.trades) > 30
    assert run.log.equity[-1] != float(CAPITAL)


def test_the_engine_shows_a_policy_what_training_showed_it():
    run = ran(3, FillPrice.OPEN)
    episodes, decisions = offered(run)
    env = PositionSizingEnv(episodes)
    seen, info = env.reset(options={"episode": 0, "start": 0})
    shown, over = [], False
    while not over:
        shown.append(seen[[4, 6]])
        seen, _, _, over, info = env.step(np.int64(LADDER.index(decisions[info["row"]].size_pct)))
    asked = run.trader.policy.seen
    np.testing.assert_array_equal(np.array(shown)[-len(asked) :], np.array(asked)[:, [4, 6]])  # win rate and heat
