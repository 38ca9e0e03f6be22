"""Small made-up data of claims, in which one thing holds or nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.sessions import sessions_between
from lightning_gex.evaluation.claim_data import ClaimData, claim_data
from lightning_gex.evaluation.claim_measures import Measured, Trial
from lightning_gex.evaluation.falsification import MEASURES
from lightning_gex.evaluation.hypotheses import REGISTRY, Hypothesis

SESSIONS = 700
DAILY = 0.01  # standard deviation of a session's log return


def hypothesis(name: str) -> Hypothesis:
    """One of the registry."""
    return next(h for h in REGISTRY if h.name == name)


def path(seed: int, n: int = SESSIONS, steps: int = 78) -> tuple[np.ndarray, np.ndarray]:
    """(n, steps + 1) prices within each session, the first at its open, and the closes."""
    random = np.random.default_rng(seed)
    inside = random.standard_normal((n, steps)) * DAILY / np.sqrt(steps)
    log = 7.6 + np.cumsum(inside.ravel()).reshape(n, steps)
    opens = np.r_[7.6, log[:-1, -1]]
    prices = np.exp(np.column_stack([opens, log]))
    return prices, prices[:, -1]


def bars_of(prices: np.ndarray, ticker: str = "XSP") -> Bars:
    """Daily bars of prices within each session."""
    sessions = sessions_between(np.datetime64("2015-01-01"), np.datetime64("2020-12-31"))[: len(prices)]
    return Bars(
        ticker,
        sessions,
        prices[:, 0],
        prices.max(axis=1),
        prices.min(axis=1),
        prices[:, -1],
        np.full(len(prices), np.nan),
    )


def data(bars: Bars, **columns: object) -> ClaimData:
    """Claim data of bars with a VIX that is right, and with given columns in place of others."""
    n = len(bars)
    found = claim_data(bars, strike_step=10.0)
    return replace(
        found,
        vix=np.full(n, 100.0 * DAILY * np.sqrt(252)),
        deviation=np.full(n, DAILY),
        absent={},
        **columns,
    )


def rank(seed: int, n: int = SESSIONS, persistence: float = 0.9) -> np.ndarray:
    """A persistent feature as a rank in [-1, 1] that knows nothing."""
    random = np.random.default_rng(seed)
    values = random.standard_normal(n)
    for i in range(1, n):
        values[i] = persistence * values[i - 1] + np.sqrt(1 - persistence**2) * values[i]
    order = np.argsort(np.argsort(values))
    return 2.0 * order / (n - 1) - 1.0


def measured(claims: ClaimData, name: str, **changes: object) -> Measured:
    """A hypothesis of the registry on all sessions."""
    tested = replace(hypothesis(name), **changes)
    found = MEASURES[tested.statistic](Trial(claims, tested, np.ones(len(claims), dtype=np.bool_), resamples=400))
    assert isinstance(found, Measured), found
    return found
