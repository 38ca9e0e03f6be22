"""Candidate trades for the sizing tests, made of coin flips."""

from __future__ import annotations

import numpy as np

from lightning_gex.sizing.episodes import Episodes


def coin_flips(
    *,
    candidates: int = 600,
    episodes: int = 3,
    edge: float = 0.0,
    seed: int = 0,
    move: float = 0.01,
    cost_bp: float = 5.0,
    held: int = 1,
) -> Episodes:
    """Trades that gain or lose about ``move``; the chance to gain is a half plus ``edge`` times ``gex_signal``.

    As many tickers take turns as a trade is held for steps, so that none is passed over.
    """
    rng = np.random.default_rng(seed)
    length = candidates // episodes
    count = length * episodes
    gex = rng.uniform(-1, 1, count)
    gain = np.where(rng.random(count) < 0.5 + edge * gex, 1.0, -1.0) * move
    decided = np.tile(np.arange(length), episodes)
    entry = np.full(count, 50.0)
    return Episodes(
        first_row=np.arange(episodes + 1, dtype=np.int64) * length,
        ticker=decided % held,
        decided_at=decided,
        exit_at=decided + held,
        known_at=decided + held,
        direction=np.ones(count, dtype=np.int8),
        price=entry.copy(),
        entry_price=entry,
        exit_price=entry * (1 + gain),
        risk_pct=np.full(count, 0.02),
        target_pct=np.full(count, 0.02),
        gex_signal=gex,
        charm_pressure=np.full(count, np.nan),
        vanna_sensitivity=rng.uniform(-1, 1, count),
        volatility=np.full(count, 0.2),
        cost_bp_per_side=np.full(count, cost_bp),
    )
