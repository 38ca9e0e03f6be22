"""The one thing the system makes: a Decision, with every station's reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from lightning_gex.core.deferred import Deferred, deferred_part, deferring
from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.votes import Vote

Scalar = str | int | float | bool | None
#: The key of a stage's detail that names the gate which said no; the other keys are its numbers.
GATE_KEY = "gate"


@quick_init
@dataclass(frozen=True, slots=True)
class StageRecord(Deferred):
    """What one station of the decision path said.

    ``detail`` holds the numbers behind the reason; ``fallback`` names what stood in for something missing, or None.
    """

    stage: StageName
    verdict: StageVerdict
    reason: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    fallback: str | None = None

    @property
    def gate(self) -> str | None:
        """Which gate said no; None where none did, or it was not recorded."""
        known = deferred_part(self, GATE_KEY)
        said = self.detail.get(GATE_KEY) if known is None else known()
        return None if said is None else str(said)


#: A record whose words are composed when somebody reads them.
record_later = deferring(StageRecord)


@cache
def not_asked(stage: StageName) -> StageRecord:
    """The record of a station behind the one that ended the path: always the same value."""
    return StageRecord(stage, StageVerdict.SKIPPED, "not asked: an earlier stage ended it")


@quick_init
@dataclass(frozen=True, slots=True)
class Cap:
    """One limit on the size of a position, as a fraction of equity, and who set it."""

    name: str
    size_pct: float
    reason: str


@quick_init
@dataclass(frozen=True, slots=True)
class ExpectedRange:
    """Between which prices the close is expected some sessions on, how probable that is, and how volatile until then.

    Parameters
    ----------
    low, high : the band, USD.
    probability : that the close ``horizon_sessions`` sessions on lies inside, 0..1; NaN where too little was seen to
        tell.
    horizon_sessions : sessions the band is for.
    volatility_forecast : of the next session, annualised fraction.
    volatility_forecast_horizon : mean over the horizon, annualised fraction.
    basis : what band, forecast and probability rest on, in words.
    """

    low: float
    high: float
    probability: float
    horizon_sessions: int
    volatility_forecast: float
    volatility_forecast_horizon: float
    basis: str


@quick_init
@dataclass(frozen=True, slots=True)
class Decision(Deferred):
    """Trade or no trade, how much, entry, target, stop, and why.

    Numbers are NaN where the decision has none. ``size_pct`` is the notional as a fraction of equity. ``caps`` are all
    limits that were considered, ``binding_cap`` the one that decided. ``expected_range`` is there with or without a
    trade; where it is None, ``range_absence`` says why. An approved ``HOLD`` carries an open trade on: ``quantity`` and
    ``size_pct`` are what is held, ``target_price`` and ``stop_loss`` guard it from now on.
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
    expected_range: ExpectedRange | None = None
    range_absence: str | None = None

    @property
    def carries_on(self) -> bool:
        """Whether it goes on with a trade that is open: approved, and nothing to buy or sell."""
        return self.status is DecisionStatus.APPROVED and self.action is Action.HOLD

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Everything that stood in for something missing."""
        return tuple(s.fallback for s in self.stages if s.fallback)

    @property
    def veto(self) -> str | None:
        """Which gate said no, as ``stage.gate``; the stage alone where it was not recorded, None where none did."""
        if self.blocked_by is None:
            return None
        for record in self.stages:
            if record.stage is self.blocked_by and (gate := record.gate) is not None:
                return f"{self.blocked_by}.{gate}"
        return str(self.blocked_by)

    @property
    def range_figures(self) -> dict[str, float | int | str | None]:
        """The expected range as flat names and values, as tables and documents show it; None where it is absent."""
        found = self.expected_range
        return {
            "range_low": None if found is None else found.low,
            "range_high": None if found is None else found.high,
            "range_probability": None if found is None else found.probability,
            "range_horizon_sessions": None if found is None else found.horizon_sessions,
            "volatility_forecast": None if found is None else found.volatility_forecast,
            "volatility_forecast_horizon": None if found is None else found.volatility_forecast_horizon,
            "range_basis": None if found is None else found.basis,
            "range_absence": self.range_absence,
        }


#: A decision whose reasons are composed when somebody reads them.
decision_later = deferring(Decision)
