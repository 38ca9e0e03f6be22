"""Candidates to learn sizing from: what the engine itself would want on each row, core ideas included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import Direction
from lightning_gex.engine.candidates import candidates
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import perceive
from lightning_gex.engine.signal_station import is_core
from lightning_gex.simulation.market import simulate_market


@pytest.fixture(scope="module")
def perception():
    market = simulate_market(seed=4, sessions=450, start=np.datetime64("2015-01-02"))
    inputs = MarketInputs({market.bars.ticker: market.bars}, flow=market.flow, volatility_index=market.vix)
    return perceive(features_of(market.bars.ticker, inputs), default_agents(), EngineConfig())


def test_a_row_that_the_agents_leave_open_is_a_candidate_where_it_is_a_core_idea(perception):
    config = EngineConfig()
    without = replace(config, tactical=replace(config.tactical, core_ideas=False))
    every, signals = candidates(perception, config), candidates(perception, without)
    core = np.setdiff1d(every.row, signals.row)
    assert len(core) > 0
    assert set(signals.row.tolist()) <= set(every.row.tolist())
    assert not perception.consensus.direction[core].any()
    assert all(is_core(perception, i, config.tactical.core_horizon_sessions) for i in core.tolist())
    chosen = np.isin(every.row, core)
    assert (every.direction[chosen] == int(Direction.BULLISH)).all()
    assert perception.consensus.direction[signals.row].all()


def test_candidates_come_in_the_order_of_their_rows_with_a_bracket_around_the_price(perception):
    found = candidates(perception, EngineConfig())
    assert (np.diff(found.row) > 0).all()
    price = perception.features["price"][found.row]
    assert (found.direction * (found.target_price - price) > 0).all()
    assert (found.direction * (price - found.stop_price) > 0).all()
