"""Several simulated markets at once, that share news: an index and the shares beside it, each with its own dealers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.simulation.market import MarketConfig, SharedNews, SimulatedMarket, simulate_market

INDEX: Final = "SIM"
#: Half of a large share's daily variance is the market's, about the mean R-squared of the 30 largest of the S&P 500.
SHARED_NEWS: Final = 0.5
MOST_TICKERS: Final = 100
_SEED_STRIDE: Final = 1_000  # markets of neighbouring seeds share none


def simulate_universe(
    *,
    seed: int,
    tickers: int,
    sessions: int,
    start: np.datetime64,
    planted_effect: float = 0.0,
    config: MarketConfig | None = None,
    shared_news: float = SHARED_NEWS,
) -> tuple[SimulatedMarket, ...]:
    """Simulate an index and shares beside it. More tickers begin with the same ones.

    Parameters
    ----------
    seed : not negative; universes of different seeds share nothing.
    tickers : how many, the index among them, 1 to 100; named ``SIM``, ``SIM01``, ``SIM02`` and so on.
    sessions, start, planted_effect : as :func:`simulate_market` takes them. The effect moves each ticker by its own
        positioning, so it tells tickers of one date apart as well as dates.
    config : how each of them behaves; its ticker is not used. None takes the defaults.
    shared_news : of each one's news variance, in common with the others, [0, 1).

    Returns
    -------
    The markets, the index first.

    Raises
    ------
    InputError : where an argument is out of range or the exchange's calendar ends before the last session.
    """
    if not 1 <= tickers <= MOST_TICKERS:
        raise InputError(f"{tickers} is out of range: 1 to {MOST_TICKERS}", source="simulated market", field="tickers")
    if seed < 0:
        raise InputError(f"{seed} is out of range", source="simulated market", field="seed")
    config = config or MarketConfig()
    news = SharedNews(seed, shared_news)
    return tuple(
        simulate_market(
            seed=seed * _SEED_STRIDE + k,
            sessions=sessions,
            start=start,
            planted_effect=planted_effect,
            config=replace(config, ticker=INDEX if k == 0 else f"{INDEX}{k:02d}"),
            shared=news,
        )
        for k in range(tickers)
    )
