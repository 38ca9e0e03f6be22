"""The one thing the system makes: a Decision, with every station's reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.votes import Vote

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What one station of the decision path said.

    ``detail`` holds the numbers behind the reason; ``fallback`` names what stood in for something missing, or None.
    """

    stage: StageName
    verdict: StageVerdict
    reason: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit on the size of a position, as a fraction of equity, and who set it."""

    name: str
    size_pct: float
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Trade or no trade, how much, entry, target, stop, and why.

    Numbers are NaN where the decision has none. ``size_pct`` is the notional as a fraction of equity. ``caps`` are all
    limits that were considered, ``binding_cap`` the one that decided.
    """

    decision_id: str
    ticker: str
    as_of: datetime
    status: DecisionStatus
    action: Action
    direction: Direction
    quantity: int
    entry_price: float
    target_price: float
    stop_loss: float
    confidence: float
    time_horizon_days: int
    size_pct: float
    regime: MarketRegime | None
    reason: str
    blocked_by: StageName | None
    stages: tuple[StageRecord, ...]
    votes: tuple[Vote, ...]
    caps: tuple[Cap, ...] = ()
    binding_cap: str | None = None

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Everything that stood in for something missing."""
        return tuple(s.fallback for s in self.stages if s.fallback)
