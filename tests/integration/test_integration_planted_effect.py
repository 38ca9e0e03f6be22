"""A market with something to find is found out, and one with nothing shows nothing: the test for leaks as a whole."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.special import stdtrit

from builders_engine import START, backtest
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Direction
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.simulation.market import SimulatedMarket, simulate_market

SEEDS = range(8)
SESSIONS = 600
PLANTED = 0.7  # daily standard deviations of drift at full positioning
HORIZON = 7  # sessions: the options flow agent's own
NOISE = float(stdtrit(len(SEEDS) - 1, 0.995))  # standard errors: chance alone goes further once in a hundred times
AGENT = "Options Flow Agent"


@cache
def decided(effect: float, seed: int) -> tuple[SimulatedMarket, tuple[Decision, ...]]:
    """A market and what the whole system decided in it."""
    market = simulate_market(seed=seed, sessions=SESSIONS, start=START, planted_effect=effect)
    inputs = MarketInputs({market.bars.ticker: market.bars}, flow=market.flow, volatility_index=market.vix)
    return market, tuple(backtest(inputs, default_agents(), EngineConfig()).decisions)


def voted(decision: Decision) -> Direction:
    return next(v.direction for v in decision.votes if v.agent == AGENT)


def concluded(decision: Decision) -> Direction:
    return decision.direction


def figures(effect: float, seed: int, direction_of) -> tuple[float, float, float]:
    """(accuracy, base rate, excess) of directions against the return from the next open over the horizon.

    *excess* is accuracy less what the same share of bullish directions would reach if they knew nothing, so that a
    market's drift neither helps nor hurts.
    """
    market, decisions = decided(effect, seed)
    opens = market.bars.open
    assert len(decisions) == SESSIONS
    rows = np.arange(SESSIONS - HORIZON - 1)
    direction = np.array([int(direction_of(d)) for d in decisions])[rows]
    rose = opens[rows + 1 + HORIZON] > opens[rows + 1]
    bullish, rose = direction[direction != 0] > 0, rose[direction != 0]
    accuracy, base, long = float((bullish == rose).mean()), float(rose.mean()), float(bullish.mean())
    return accuracy, base, accuracy - (long * base + (1.0 - long) * (1.0 - base))


def standard_errors(excess: list[float]) -> float:
    """How many standard errors the mean lies from zero; markets of different seeds are independent."""
    return float(np.mean(excess)) / (float(np.std(excess, ddof=1)) / math.sqrt(len(excess)))


def test_a_planted_effect_is_found_by_the_agent_that_can_see_it():
    found = [figures(PLANTED, seed, voted) for seed in SEEDS]
    assert standard_errors([f[2] for f in found]) > NOISE
    assert standard_errors([accuracy - base for accuracy, base, _ in found]) > NOISE  # and beats being always long


@pytest.mark.parametrize("direction_of", [voted, concluded])
def test_without_an_effect_nothing_is_found_by_the_agent_nor_by_the_whole_system(direction_of):
    found = [figures(0.0, seed, direction_of) for seed in SEEDS]
    assert abs(standard_errors([f[2] for f in found])) < NOISE
    assert standard_errors([accuracy - base for accuracy, base, _ in found]) < NOISE


def test_the_effect_makes_the_difference_on_the_same_draws():
    """Paired by seed, so that whatever the draws have in common falls out."""
    gains = [figures(PLANTED, s, voted)[2] - figures(0.0, s, voted)[2] for s in SEEDS]
    assert standard_errors(gains) > NOISE
