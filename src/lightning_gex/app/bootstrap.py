"""The only place that wires objects: what the commands and the founding modules call.

Each name is imported when it is first used: a command that reads one chain does not wait for the backtest's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning_gex.agents.signal import AgentSignal
    from lightning_gex.app.assembly.audit import AuditFilter, audit_export, audit_tail, verify_audit
    from lightning_gex.app.assembly.control import halt_trading, latched_breakers, reset_breaker, resume_trading
    from lightning_gex.app.assembly.credentials import (
        PASSWORD_VARIABLE,
        export_public_vault,
        found_password,
        keep_in_keyring,
        public_vault,
        require_no_vault,
    )
    from lightning_gex.app.assembly.dark_pool import build_flow
    from lightning_gex.app.assembly.demo import DemoResult, run_demo
    from lightning_gex.app.assembly.history import build_history, ranked_history
    from lightning_gex.app.assembly.jobs import AnalysisResult, analyze_files, run_backtest_files
    from lightning_gex.app.assembly.positions import (
        changes_since,
        fetch_chain,
        position_chain,
        position_live,
        positioning_picture,
    )
    from lightning_gex.app.assembly.reports import performance_report
    from lightning_gex.app.assembly.scan import ranked_market, scan_market
    from lightning_gex.app.assembly.tables import positioning_frame
    from lightning_gex.app.assembly.wiring import open_workspace
    from lightning_gex.app.founding.coordinator import ConsensusBuilder, MultiAgentCoordinator
    from lightning_gex.app.founding.demos import run_founding_demo
    from lightning_gex.app.founding.hierarchical import (
        ExecutionLayer,
        HierarchicalDecisionFramework,
        StrategicLayer,
        TacticalLayer,
    )
    from lightning_gex.app.founding.memory import LightningMemorySystem
    from lightning_gex.app.founding.security import SecurityManager
    from lightning_gex.app.founding.sizer import LightningRLPositionSizer
    from lightning_gex.app.founding.system import EnhancedLightningGEX
    from lightning_gex.core.enums import MarketRegime
    from lightning_gex.evaluation.frames import frame, table_bytes
    from lightning_gex.risk.guardrails import GuardrailLimits

_HOMES = {
    "AgentSignal": "agents.signal",
    "AnalysisResult": "app.assembly.jobs",
    "AuditFilter": "app.assembly.audit",
    "ConsensusBuilder": "app.founding.coordinator",
    "DemoResult": "app.assembly.demo",
    "EnhancedLightningGEX": "app.founding.system",
    "ExecutionLayer": "app.founding.hierarchical",
    "GuardrailLimits": "risk.guardrails",
    "HierarchicalDecisionFramework": "app.founding.hierarchical",
    "LightningMemorySystem": "app.founding.memory",
    "LightningRLPositionSizer": "app.founding.sizer",
    "MarketRegime": "core.enums",
    "MultiAgentCoordinator": "app.founding.coordinator",
    "PASSWORD_VARIABLE": "app.assembly.credentials",
    "SecurityManager": "app.founding.security",
    "StrategicLayer": "app.founding.hierarchical",
    "TacticalLayer": "app.founding.hierarchical",
    "analyze_files": "app.assembly.jobs",
    "audit_export": "app.assembly.audit",
    "audit_tail": "app.assembly.audit",
    "build_flow": "app.assembly.dark_pool",
    "build_history": "app.assembly.history",
    "changes_since": "app.assembly.positions",
    "export_public_vault": "app.assembly.credentials",
    "fetch_chain": "app.assembly.positions",
    "found_password": "app.assembly.credentials",
    "frame": "evaluation.frames",
    "halt_trading": "app.assembly.control",
    "keep_in_keyring": "app.assembly.credentials",
    "latched_breakers": "app.assembly.control",
    "open_workspace": "app.assembly.wiring",
    "performance_report": "app.assembly.reports",
    "position_chain": "app.assembly.positions",
    "position_live": "app.assembly.positions",
    "positioning_frame": "app.assembly.tables",
    "positioning_picture": "app.assembly.positions",
    "public_vault": "app.assembly.credentials",
    "ranked_history": "app.assembly.history",
    "ranked_market": "app.assembly.scan",
    "require_no_vault": "app.assembly.credentials",
    "reset_breaker": "app.assembly.control",
    "resume_trading": "app.assembly.control",
    "run_backtest_files": "app.assembly.jobs",
    "run_demo": "app.assembly.demo",
    "run_founding_demo": "app.founding.demos",
    "scan_market": "app.assembly.scan",
    "table_bytes": "evaluation.frames",
    "verify_audit": "app.assembly.audit",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lightning_gex.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)


__all__ = [
    "PASSWORD_VARIABLE",
    "AgentSignal",
    "AnalysisResult",
    "AuditFilter",
    "ConsensusBuilder",
    "DemoResult",
    "EnhancedLightningGEX",
    "ExecutionLayer",
    "GuardrailLimits",
    "HierarchicalDecisionFramework",
    "LightningMemorySystem",
    "LightningRLPositionSizer",
    "MarketRegime",
    "MultiAgentCoordinator",
    "SecurityManager",
    "StrategicLayer",
    "TacticalLayer",
    "analyze_files",
    "audit_export",
    "audit_tail",
    "build_flow",
    "build_history",
    "changes_since",
    "export_public_vault",
    "fetch_chain",
    "found_password",
    "frame",
    "halt_trading",
    "keep_in_keyring",
    "latched_breakers",
    "open_workspace",
    "performance_report",
    "position_chain",
    "position_live",
    "positioning_frame",
    "positioning_picture",
    "public_vault",
    "ranked_history",
    "ranked_market",
    "require_no_vault",
    "reset_breaker",
    "resume_trading",
    "run_backtest_files",
    "run_demo",
    "run_founding_demo",
    "scan_market",
    "table_bytes",
    "verify_audit",
]
