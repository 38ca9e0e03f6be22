"""Features and votes to try agents on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from builders_quick_start import FEATURES as QUICK_START
from lightning_gex.core.features import ALL_FEATURES, Features
from lightning_gex.core.votes import Votes

NEAR_PRICE = frozenset(
    [
        "sma_20",
        "sma_50",
        "sma_200",
        "bb_upper",
        "bb_lower",
        "resistance",
        "support",
        "zero_gamma",
        "call_wall",
        "put_wall",
    ]
)
OSCILLATORS = frozenset({"rsi", "stochastic", "adx", "market_adx"})
SIGNED = frozenset(
    ["gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow", "spy_trend", "gamma_exposure_usd_per_pct"]
)


def features_of(columns: dict[str, object], absent: dict[str, str] | None = None) -> Features:
    arrays = {name: np.atleast_1d(np.asarray(values, dtype=np.float64)) for name, values in columns.items()}
    rows = max(len(values) for values in arrays.values())
    full = {name: np.broadcast_to(values, rows).copy() for name, values in arrays.items()}
    as_of = np.datetime64("2024-01-02T21:00:00", "s") + np.arange(rows) * np.timedelta64(86_400, "s")
    return Features("TEST", as_of, full, absent or {})


def any_features(seed: int, rows: int, absent_share: float) -> Features:
    """Every column, wild and with holes: what an agent may meet."""
    random = np.random.default_rng(seed)
    price = np.exp(random.uniform(0, 7)) * np.exp(np.cumsum(random.normal(0, 0.03, rows)))
    columns: dict[str, object] = {"price": price}
    for name in ALL_FEATURES[1:]:
        if name in NEAR_PRICE:
            values = price * np.exp(random.normal(0, 0.05, rows))
        elif name in OSCILLATORS:
            values = random.uniform(0, 100, rows)
        elif name in SIGNED:
            values = random.uniform(-1, 1, rows)
        elif name == "dealer_models_agree":
            values = random.integers(0, 2, rows).astype(np.float64)
        else:
            values = random.uniform(0, 2, rows) * random.integers(0, 4, rows)  # zero now and then
        columns[name] = np.where(random.random(rows) < absent_share, np.nan, values)
    return features_of(columns)


def votes_of(
    name: str, direction, confidence, *, target=np.nan, stop=np.nan, horizon=10, strategy: str = "test"
) -> Votes:
    """Votes from plain numbers; a confidence of NaN is an abstention."""
    direction = np.atleast_1d(np.asarray(direction, dtype=np.int8))
    confidence = np.atleast_1d(np.asarray(confidence, dtype=np.float64))
    n = len(direction)
    return Votes(
        agent=name,
        strategy=strategy,
        direction=direction,
        confidence=confidence,
        target_price=np.broadcast_to(np.asarray(target, dtype=np.float64), n).copy(),
        stop_price=np.broadcast_to(np.asarray(stop, dtype=np.float64), n).copy(),
        horizon_sessions=np.broadcast_to(np.asarray(horizon, dtype=np.int64), n).copy(),
        abstained=np.isnan(confidence),
        abstain_reason="no input",
    )


@pytest.fixture(scope="session")
def make_features() -> Callable[..., Features]:
    """Columns as keywords, numbers or sequences, on top of the quick start's unless ``bare``."""

    def make(*, bare: bool = False, absent: dict[str, str] | None = None, **columns: object) -> Features:
        return features_of(columns if bare else QUICK_START | columns, absent)

    return make


@pytest.fixture(scope="session")
def wild_features() -> Callable[[int, int, float], Features]:
    return any_features


@pytest.fixture(scope="session")
def make_votes() -> Callable[..., Votes]:
    return votes_of


@pytest.fixture(scope="session")
def founding_custom_agent() -> object:
    """FOUNDING.md's custom agent, as written there."""
    from lightning_gex.agents.signal import AgentSignal

    class CustomAgent:
        def __init__(self):
            self.name = "Custom Agent"
            self.performance_history = []

        def analyze(self, data: dict) -> AgentSignal:
            return AgentSignal(
                agent_name=self.name,
                direction="bullish",
                confidence=0.75,
                reasoning="Custom analysis",
                target_price=data["price"] * 1.05,
                stop_loss=data["price"] * 0.97,
                time_horizon=7,
                supporting_indicators=["Custom Indicator"],
            )

    return CustomAgent()
