"""Settings become objects here and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.database import Store, open_database
from lightning_gex.adapters.storage.journal import Follower, SqlJournal
from lightning_gex.adapters.storage.memory_store import SearchPlace, SqlMemoryStore
from lightning_gex.agents.consensus import ConsensusConfig
from lightning_gex.agents.registry import default_agents, installed_agents
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import IntegrityError
from lightning_gex.core.ledger import money
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import BASIS_POINT
from lightning_gex.engine.config import CostSchedule, EngineConfig, Enhancements
from lightning_gex.memory.confidence import MemoryConfig
from lightning_gex.risk.circuit_breaker import BreakerLimits
from lightning_gex.risk.concentration import ConcentrationLimits
from lightning_gex.risk.execution import ExecutionConfig
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.risk.regime_path import RegimeRules
from lightning_gex.risk.strategic import RegimeTable
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.sizing.kelly_size import KellyConfig

#: Settings name an agent by its key; records name it in words.
AGENT_NAMES = {
    "trend": "Trend Agent",
    "reversal": "Reversal Agent",
    "breakout": "Breakout Agent",
    "volatility": "Volatility Agent",
    "options_flow": "Options Flow Agent",
}
#: A backtest commits its journal in groups: it can be run again, a live decision cannot.
BACKTEST_JOURNAL_GROUP = 2_048
#: The one book of memory that live, paper and facade runs share; a backtest has its own.
ACCOUNT_BOOK = "account"


def open_workspace(
    home: Path | None = None, *, overrides: Mapping[str, Mapping[str, object]] | None = None
) -> Workspace:
    """The workspace at ``home`` (``LIGHTNING_HOME``, else ``~/.lightning-gex``), made on first use."""
    return Workspace.open(home, overrides=overrides)


def engine_config(
    settings: Settings, *, guardrails: GuardrailLimits | None = None, regimes: RegimeTable | None = None
) -> EngineConfig:
    """The engine's configuration from settings; explicit guardrails and regimes win."""
    account = settings.account
    stock_bp, index_bp = account.cost_bp_per_side_stocks, account.cost_bp_per_side_index
    cost_per_side = max(stock_bp, index_bp) * BASIS_POINT
    weights = settings.agents.weights.model_dump()
    return EngineConfig(
        enhancements=Enhancements(**settings.enhancements.model_dump()),
        consensus=ConsensusConfig(**settings.consensus.model_dump()),
        memory=MemoryConfig(**settings.memory.model_dump()),
        regimes=regimes if regimes is not None else RegimeTable(),
        regime_rules=RegimeRules(**settings.regimes.model_dump()),
        concentration=ConcentrationLimits(**settings.concentration.model_dump()),
        tactical=TacticalConfig(allow_short=account.allow_short, **settings.tactical.model_dump()),
        fixed_size_pct=settings.sizing.fixed_size_pct,
        capital_share=settings.sizing.capital_share,
        kelly=KellyConfig(**settings.kelly.model_dump()),
        execution=ExecutionConfig(cost_per_side=cost_per_side, **settings.execution.model_dump()),
        guardrails=guardrail_limits(settings, guardrails),
        breakers=BreakerLimits(**settings.breakers.model_dump()),
        costs=CostSchedule(stock_bp=stock_bp, index_bp=index_bp),
        weights={AGENT_NAMES[key]: weight for key, weight in weights.items() if weight > 0},
        learn_weights=settings.agents.learn_weights,
        calibrate=settings.decision.calibrate,
        minimum_confidence=settings.decision.minimum_confidence,
        range_horizon_sessions=settings.decision.range_horizon_sessions,
    )


def guardrail_limits(settings: Settings, explicit: GuardrailLimits | None = None) -> GuardrailLimits:
    """The hard limits in force: explicit ones win over the settings', but not over small capital: the tighter holds."""
    limits = explicit or GuardrailLimits(**settings.guardrails.model_dump())
    small = settings.small_capital
    if not small.enabled:
        return limits
    return replace(limits, max_capital_usd=min(limits.max_capital_usd, small.max_capital_usd))


def agents_of(settings: Settings) -> tuple[Agent, ...]:
    """The five agents and the installed ones, less those whose weight is 0."""
    weights = settings.agents.weights.model_dump()
    silent = {AGENT_NAMES[key] for key, weight in weights.items() if weight == 0}
    return tuple(a for a in (*default_agents(), *installed_agents()) if a.name not in silent)


def capital_of(settings: Settings, capital: float | None = None) -> Decimal:
    """The money a run begins with, USD."""
    return money(settings.account.initial_capital if capital is None else capital)


def new_run_id(kind: str, now: datetime) -> str:
    """A run's name: what it is, when it began, and four digits against two in one second."""
    return f"{kind}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Stores:
    """The workspace's database, opened once.

    Parameters
    ----------
    workspace : where it lies.
    engine : the open database.
    """

    workspace: Workspace
    engine: Store

    @classmethod
    def open(cls, workspace: Workspace, *, busy_timeout_ms: int = 5_000) -> Stores:
        """Open the workspace's database, making its tables on first use."""

        def made(version_before: int) -> None:
            if version_before < 2:  # 0.1.0 had no kill switch
                HaltFile(workspace.halt_flag).create()

        engine = open_database(workspace.store_url, busy_timeout_ms=busy_timeout_ms, on_tables=made)
        return cls(workspace, engine)

    def journal(self, run_id: str, *, group_size: int = 1, followers: Sequence[Follower] = ()) -> SqlJournal:
        """The journal, writing under this run; a memory among the followers is written in the same transactions."""
        anchor = self.workspace.home / "journal.anchor"
        with self.naming_the_store():
            return SqlJournal(
                self.engine, run_id, self.workspace.audit_key, anchor, group_size=group_size, followers=followers
            )

    @contextmanager
    def naming_the_store(self) -> Iterator[None]:
        """An ``IntegrityError`` that names a record alone also names the file, and what to do."""
        try:
            yield
        except IntegrityError as error:
            if str(self.workspace.home) in str(error):
                raise
            raise IntegrityError(
                f"{self.workspace.database}: {error}; restore it and journal.anchor together from your backup"
            ) from error

    def memory(self, book: str = ACCOUNT_BOOK) -> SqlMemoryStore:
        """A book of memory."""
        return SqlMemoryStore(self.engine, book, search=SearchPlace(self.workspace.settings.storage.memory_search))
