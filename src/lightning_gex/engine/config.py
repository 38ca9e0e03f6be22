"""How the decision path is set up, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_gex.agents.consensus import ConsensusConfig
from lightning_gex.analytics.fills import INDEX_COST_BP_PER_SIDE, STOCK_COST_BP_PER_SIDE
from lightning_gex.analytics.volatility_forecast import FORECAST_HORIZONS
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.memory.confidence import MemoryConfig
from lightning_gex.risk.account_usage import HALT
from lightning_gex.risk.circuit_breaker import Breaker, BreakerLimits, OwnBreaker
from lightning_gex.risk.concentration import ConcentrationLimits
from lightning_gex.risk.execution import ExecutionConfig
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.risk.order_plan import BrokerCapabilities
from lightning_gex.risk.regime_path import RegimeRules
from lightning_gex.risk.strategic import CustomRegimeRule, OwnRegime, RegimeDetector, RegimeTable
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.sizing.kelly_size import KellyConfig

#: Cash indices and the exchange-traded funds on them: the tightest spreads of the market.
INDEX_TICKERS = frozenset(
    {"SPX", "NDX", "RUT", "DJI", "DJX", "XSP", "COMP", "GSPC", "IXIC"}
    | {"^GSPC", "^NDX", "^RUT", "^DJI", "^IXIC", "^SPX"}
    | {"SPY", "QQQ", "IWM", "DIA", "VOO", "IVV"}
)


@dataclass(frozen=True, slots=True)
class Enhancements:
    """Which of the five enhancements are on. Each switches off alone."""

    rl_sizing: bool = True
    memory: bool = True
    multi_agent: bool = True
    hierarchical: bool = True
    security: bool = True


@dataclass(frozen=True, slots=True)
class CostSchedule:
    """Assumed cost of one side of a trade, basis points of its notional: spread and slippage, commission-free.

    Parameters
    ----------
    stock_bp : single stocks and other funds.
    index_bp : the tickers in ``index_tickers``.
    """

    stock_bp: float = STOCK_COST_BP_PER_SIDE
    index_bp: float = INDEX_COST_BP_PER_SIDE
    index_tickers: frozenset[str] = INDEX_TICKERS

    def __post_init__(self) -> None:
        for name in ("stock_bp", "index_bp"):
            if not 0 <= getattr(self, name) < 1_000:
                raise SettingsError(f"{name} must be between 0 and 1000 basis points, not {getattr(self, name)}")

    def bp_per_side(self, ticker: str) -> float:
        """Basis points for one side of a trade in this ticker."""
        return self.index_bp if ticker in self.index_tickers else self.stock_bp


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything that shapes a decision and is not data.

    Parameters
    ----------
    minimum_confidence : a signal below it, after memory, is not traded: less than a coin is no opinion.
    regimes : the limits of each regime; live, so that a user may change them.
    regime_rule : says when the user's own regime holds, row by row or for a whole history; None where there is none.
    regime_rules : how firmly a regime is held.
    own_regimes : regimes of the user's own with a name, a detector and limits; asked before ``regime_rule``.
    concentration : how much of the same thing may be held.
    broker : what the broker can take.
    fixed_size_pct : notional over equity of every position, below all limits; 0 asks the policy or Kelly.
    capital_share : part of the account's capital that this system may size against, 0..1; below 1 in the stages of a
        transition, when a cap named ``transition`` stands beside the others.
    calibrate : whether the consensus's confidence is turned into a probability by base rates and past outcomes.
    weights : agent -> weight in the consensus; agents not named weigh 1.
    learn_weights : whether an agent that has proved itself counts more, in votes, core ideas and the universe's order.
    range_horizon_sessions : sessions that the expected range of a decision is for, 1 to 21.
    own_breakers : circuit breakers of the user's own, beside the built-in ones.
    """

    enhancements: Enhancements = field(default_factory=Enhancements)
    consensus: ConsensusConfig = field(default_factory=ConsensusConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    regimes: RegimeTable = field(default_factory=RegimeTable)
    regime_rule: CustomRegimeRule | RegimeDetector | None = None
    regime_rules: RegimeRules = field(default_factory=RegimeRules)
    own_regimes: tuple[OwnRegime, ...] = ()
    tactical: TacticalConfig = field(default_factory=TacticalConfig)
    concentration: ConcentrationLimits = field(default_factory=ConcentrationLimits)
    fixed_size_pct: float = 0.0
    capital_share: float = 1.0
    kelly: KellyConfig = field(default_factory=KellyConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    broker: BrokerCapabilities = field(default_factory=BrokerCapabilities)
    guardrails: GuardrailLimits = field(default_factory=GuardrailLimits)
    breakers: BreakerLimits = field(default_factory=BreakerLimits)
    costs: CostSchedule = field(default_factory=CostSchedule)
    calibrate: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)
    learn_weights: bool = True
    minimum_confidence: float = 0.50
    range_horizon_sessions: int = 5
    own_breakers: tuple[OwnBreaker, ...] = ()

    @property
    def carries_on(self) -> bool:
        """Whether trades at the end of their horizon may be carried on: a part of the three layers."""
        return self.tactical.carry_on and self.enhancements.hierarchical

    def __post_init__(self) -> None:
        if not 0.0 <= self.fixed_size_pct <= 1.0:
            raise SettingsError(f"fixed_size_pct must be a fraction of equity, not {self.fixed_size_pct!r}")
        if not 0.0 <= self.capital_share <= 1.0:
            raise SettingsError(f"capital_share must be a fraction of the capital, not {self.capital_share!r}")
        if not 1 <= self.range_horizon_sessions <= FORECAST_HORIZONS[-1]:
            raise SettingsError(
                f"range_horizon_sessions must be 1 to {FORECAST_HORIZONS[-1]}, not {self.range_horizon_sessions}"
            )
        names = [breaker.name for breaker in self.own_breakers]
        taken = {*Breaker, HALT}
        if len(set(names)) < len(names) or taken & set(names):
            raise SettingsError(f"breakers of your own need names of their own, not {', '.join(names)}")
        regimes = [regime.name for regime in self.own_regimes]
        if len(set(regimes)) < len(regimes) or set(MarketRegime) & set(regimes):
            raise SettingsError(f"regimes of your own need names of their own, not {', '.join(regimes)}")
