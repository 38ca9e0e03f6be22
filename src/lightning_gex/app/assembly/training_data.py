"""Candidate trades for training a sizing policy: from simulated markets, or from the user's own bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lightning_gex.adapters.market_data.bars_file import bars_of_frame
from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.engine.candidates import candidates
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import perceive
from lightning_gex.simulation.market import MarketConfig, simulate_market
from lightning_gex.sizing.episodes import Episodes, episode_of, joined

SIMULATED_MARKETS = 8
SIMULATED_SESSIONS = 1_000
_SIMULATION_START = np.datetime64("2000-01-03")
_SEED_STRIDE = 1_000  # markets of neighbouring seeds share none


def simulated_episodes(
    seed: int,
    *,
    markets: int = SIMULATED_MARKETS,
    sessions: int = SIMULATED_SESSIONS,
    planted_effect: float = 0.0,
    config: MarketConfig | None = None,
) -> Episodes:
    """The agents' signals on simulated markets, each market one episode.

    Parameters
    ----------
    seed : of the first market; neighbouring seeds share none.
    markets, sessions : how many, and how long each.
    planted_effect : as ``simulate_market`` takes it; 0 plants none.
    config : how they behave; None takes the defaults.
    """
    made = [
        simulate_market(
            seed=seed * _SEED_STRIDE + k,
            sessions=sessions,
            start=_SIMULATION_START,
            planted_effect=planted_effect,
            config=config,
        )
        for k in range(markets)
    ]
    inputs = [MarketInputs({m.bars.ticker: m.bars}, flow=m.flow, volatility_index=m.vix) for m in made]
    return joined([_episode(m.bars, i) for m, i in zip(made, inputs, strict=True)])


def history_episodes(inputs: MarketInputs, tickers: Sequence[str]) -> Episodes:
    """The agents' signals on a real history, each ticker one episode. Raises where a ticker gives none."""
    return joined([_episode(inputs.bars[ticker], inputs) for ticker in tickers])


def episodes_of_bars(data: Bars | Any) -> Episodes:  # noqa: ANN401 - pandas and polars frames, without importing either
    """The agents' signals on the user's bars, each ticker one episode."""
    found = {data.ticker: data} if isinstance(data, Bars) else bars_of_frame(data)
    return joined([_episode(bars, MarketInputs({ticker: bars})) for ticker, bars in found.items()])


def _episode(bars: Bars, inputs: MarketInputs) -> Episodes:
    config = EngineConfig()
    perception = perceive(features_of(bars.ticker, inputs), default_agents(), config)
    found = candidates(perception, config)
    features = perception.features
    return episode_of(
        bars,
        row=found.row,
        direction=found.direction,
        target_price=found.target_price,
        stop_price=found.stop_price,
        horizon_sessions=found.horizon_sessions,
        gex_signal=features["gex_signal"][found.row],
        charm_pressure=features["charm_pressure"][found.row],
        vanna_sensitivity=features["vanna_sensitivity"][found.row],
        volatility=features["volatility"][found.row],
        fill_at_close=default_fill_price(bars.ticker) is FillPrice.CLOSE,
        cost_bp_per_side=config.costs.bp_per_side(bars.ticker),
    )
