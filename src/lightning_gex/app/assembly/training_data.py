"""Candidate trades for training a sizing policy: from simulated markets, or from the user's own bars."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.bars_file import bars_of_frame
from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.units import Int64Array1D
from lightning_gex.engine.candidates import candidates
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import perceive
from lightning_gex.simulation.market import MarketConfig, simulate_market
from lightning_gex.sizing.episodes import Episodes, episode_of, joined
from lightning_gex.sizing.trial import Trial, markets_trial

SIMULATED_MARKETS = 8
SIMULATED_SESSIONS = 1_000
_SIMULATION_START = np.datetime64("2000-01-03")
_SEED_STRIDE = 1_000  # markets of neighbouring seeds share none
#: Seeds of judged markets are drawn above these; no training of a sane number of seeds reaches them.
_FIRST_JUDGED_SEED, _JUDGED_SEEDS = 1_000_000, 1_000_000_000


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


@dataclass(frozen=True, slots=True)
class SimulatedTerms:
    """Simulated markets to learn from and to be judged on.

    Parameters
    ----------
    markets : how many.
    sessions : of each.
    planted_effect : as ``simulate_market`` takes it.
    """

    markets: int
    sessions: int
    planted_effect: float

    def words(self) -> str:
        """For people."""
        said = f"{self.markets} simulated markets of {self.sessions} sessions"
        return said + (f" with a planted effect of {self.planted_effect:g}" if self.planted_effect else "")

    def episodes(self, seed: int) -> Episodes:
        """The candidates of these markets; the same for the same seed."""
        return simulated_episodes(
            seed, markets=self.markets, sessions=self.sessions, planted_effect=self.planted_effect
        )


def simulated_trial(terms: SimulatedTerms, judged_by: str) -> Trial:
    """Learn on the markets of seed 0, and be judged on markets that nothing but ``judged_by`` chooses.

    Parameters
    ----------
    terms : the markets.
    judged_by : hex digest of the training: another training is judged on other markets.
    """
    told = [terms.markets, terms.sessions, terms.planted_effect]
    return markets_trial(terms.episodes(0), terms.episodes(judged_seed(judged_by)), told)


def judged_seed(judged_by: str) -> int:
    """The seed of the markets a training is judged on."""
    return _FIRST_JUDGED_SEED + int(hashlib.sha256(f"judged {judged_by}".encode()).hexdigest(), 16) % _JUDGED_SEEDS


def history_episodes(inputs: MarketInputs, tickers: Sequence[str], *, start: np.datetime64 | None = None) -> Episodes:
    """The agents' signals on a real history, each ticker one episode at its own costs, all
    counting the same sessions.

    Parameters
    ----------
    inputs : bars and what goes with them.
    tickers : of them.
    start : first session whose signals are taken; earlier ones only feed the indicators. None takes all.

    Raises
    ------
    InsufficientDataError : a ticker gives no signal whose outcome is known.
    """
    calendar = np.unique(np.concatenate([inputs.bars[ticker].session for ticker in tickers]))
    found = [(inputs.bars[ticker], _episode(inputs.bars[ticker], inputs, start)) for ticker in tickers]
    return joined([_on_calendar(episodes, bars, calendar) for bars, episodes in found])


def _on_calendar(episodes: Episodes, bars: Bars, calendar: NDArray[np.datetime64]) -> Episodes:
    """Session numbers of a calendar in place of a ticker's own rows."""
    number = np.searchsorted(calendar, bars.session).astype(np.int64)

    def counted(rows: Int64Array1D) -> Int64Array1D:
        beyond = np.maximum(rows - (len(number) - 1), 0)  # an outcome may become known after the last bar
        found: Int64Array1D = number[np.minimum(rows, len(number) - 1)] + beyond
        return found

    return replace(
        episodes,
        decided_at=counted(episodes.decided_at),
        exit_at=counted(episodes.exit_at),
        known_at=counted(episodes.known_at),
    )


def episodes_of_bars(data: Bars | Any) -> Episodes:  # noqa: ANN401 - pandas and polars frames, without importing either
    """The agents' signals on the user's bars, each ticker one episode."""
    found = {data.ticker: data} if isinstance(data, Bars) else bars_of_frame(data)
    return joined([_episode(bars, MarketInputs({ticker: bars})) for ticker, bars in found.items()])


def _episode(bars: Bars, inputs: MarketInputs, start: np.datetime64 | None = None) -> Episodes:
    config = EngineConfig()
    perception = perceive(features_of(bars.ticker, inputs), default_agents(), config)
    found = candidates(perception, config)
    taken = found.row >= (0 if start is None else int(np.searchsorted(bars.session, start)))
    features = perception.features
    row = found.row[taken]
    try:
        return episode_of(
            bars,
            row=row,
            direction=found.direction[taken],
            target_price=found.target_price[taken],
            stop_price=found.stop_price[taken],
            horizon_sessions=found.horizon_sessions[taken],
            gex_signal=features["gex_signal"][row],
            charm_pressure=features["charm_pressure"][row],
            vanna_sensitivity=features["vanna_sensitivity"][row],
            volatility=features["volatility"][row],
            fill_at_close=default_fill_price(bars.ticker) is FillPrice.CLOSE,
            cost_bp_per_side=config.costs.bp_per_side(bars.ticker),
        )
    except InsufficientDataError:
        raise InsufficientDataError(_why_no_signal(bars), source=bars.source, field=bars.ticker) from None


def _why_no_signal(bars: Bars) -> str:
    if float(bars.high.max()) == float(bars.low.min()):
        return "the price never moves: there is nothing to learn from"
    return f"{len(bars)} sessions hold no signal whose outcome is known: give a year or more"
