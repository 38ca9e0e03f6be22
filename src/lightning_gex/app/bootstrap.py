"""The only place that wires objects: what the commands and the founding modules call.

Each name is imported when it is first used: a command that reads one chain does not wait for the backtest's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning_gex.agents.signal import AgentSignal
    from lightning_gex.app.assembly.ablation import AblatedSubject, ablate_subject
    from lightning_gex.app.assembly.agents import examine_agents
    from lightning_gex.app.assembly.alerts import try_alerts
    from lightning_gex.app.assembly.audit import AuditFilter, audit_export, audit_tail, verify_audit
    from lightning_gex.app.assembly.backup import (
        BackupOutcome,
        DrillOutcome,
        RestoreOutcome,
        drill_backup,
        make_backup,
        restore_backup,
        verify_backup,
    )
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
    from lightning_gex.app.assembly.doctor import Checkup, checkup_document, drill, examine
    from lightning_gex.app.assembly.evaluation import Evaluation, evaluate_subject
    from lightning_gex.app.assembly.history import build_history, ranked_history
    from lightning_gex.app.assembly.jobs import AnalysisResult, InputFiles, analyze_files, run_backtest_files
    from lightning_gex.app.assembly.memory import (
        export_memory,
        import_memory,
        memory_overview,
        memory_performance,
        performance_groups,
        similar_signals,
    )
    from lightning_gex.app.assembly.paper import PaperOutcome, PaperRequest, paper_trade
    from lightning_gex.app.assembly.positions import (
        changes_since,
        fetch_chain,
        position_chain,
        position_live,
        positioning_picture,
    )
    from lightning_gex.app.assembly.probe import probe_document, probe_subject
    from lightning_gex.app.assembly.reports import performance_report
    from lightning_gex.app.assembly.scan import ranked_market, scan_market
    from lightning_gex.app.assembly.tables import positioning_frame
    from lightning_gex.app.assembly.training import (
        TrainedOn,
        TrainingRequest,
        algorithm_named,
        promote_policy,
        train_policies,
    )
    from lightning_gex.app.assembly.variants import Subject
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
    from lightning_gex.sizing.training import TrainingKnobs

_HOMES = {
    "AblatedSubject": "app.assembly.ablation",
    "AgentSignal": "agents.signal",
    "AnalysisResult": "app.assembly.jobs",
    "AuditFilter": "app.assembly.audit",
    "BackupOutcome": "app.assembly.backup",
    "Checkup": "app.assembly.doctor",
    "ConsensusBuilder": "app.founding.coordinator",
    "DemoResult": "app.assembly.demo",
    "DrillOutcome": "app.assembly.backup",
    "EnhancedLightningGEX": "app.founding.system",
    "Evaluation": "app.assembly.evaluation",
    "ExecutionLayer": "app.founding.hierarchical",
    "GuardrailLimits": "risk.guardrails",
    "HierarchicalDecisionFramework": "app.founding.hierarchical",
    "InputFiles": "app.assembly.jobs",
    "LightningMemorySystem": "app.founding.memory",
    "LightningRLPositionSizer": "app.founding.sizer",
    "MarketRegime": "core.enums",
    "MultiAgentCoordinator": "app.founding.coordinator",
    "PASSWORD_VARIABLE": "app.assembly.credentials",
    "PaperOutcome": "app.assembly.paper",
    "PaperRequest": "app.assembly.paper",
    "RestoreOutcome": "app.assembly.backup",
    "SecurityManager": "app.founding.security",
    "StrategicLayer": "app.founding.hierarchical",
    "Subject": "app.assembly.variants",
    "TacticalLayer": "app.founding.hierarchical",
    "TrainedOn": "app.assembly.training",
    "TrainingKnobs": "sizing.training",
    "TrainingRequest": "app.assembly.training",
    "ablate_subject": "app.assembly.ablation",
    "algorithm_named": "app.assembly.training",
    "analyze_files": "app.assembly.jobs",
    "audit_export": "app.assembly.audit",
    "audit_tail": "app.assembly.audit",
    "build_flow": "app.assembly.dark_pool",
    "build_history": "app.assembly.history",
    "changes_since": "app.assembly.positions",
    "checkup_document": "app.assembly.doctor",
    "drill": "app.assembly.doctor",
    "drill_backup": "app.assembly.backup",
    "evaluate_subject": "app.assembly.evaluation",
    "examine": "app.assembly.doctor",
    "examine_agents": "app.assembly.agents",
    "export_memory": "app.assembly.memory",
    "export_public_vault": "app.assembly.credentials",
    "fetch_chain": "app.assembly.positions",
    "found_password": "app.assembly.credentials",
    "frame": "evaluation.frames",
    "halt_trading": "app.assembly.control",
    "import_memory": "app.assembly.memory",
    "keep_in_keyring": "app.assembly.credentials",
    "latched_breakers": "app.assembly.control",
    "make_backup": "app.assembly.backup",
    "memory_overview": "app.assembly.memory",
    "memory_performance": "app.assembly.memory",
    "open_workspace": "app.assembly.wiring",
    "paper_trade": "app.assembly.paper",
    "performance_groups": "app.assembly.memory",
    "performance_report": "app.assembly.reports",
    "position_chain": "app.assembly.positions",
    "position_live": "app.assembly.positions",
    "positioning_frame": "app.assembly.tables",
    "positioning_picture": "app.assembly.positions",
    "probe_document": "app.assembly.probe",
    "probe_subject": "app.assembly.probe",
    "promote_policy": "app.assembly.training",
    "public_vault": "app.assembly.credentials",
    "ranked_history": "app.assembly.history",
    "ranked_market": "app.assembly.scan",
    "require_no_vault": "app.assembly.credentials",
    "reset_breaker": "app.assembly.control",
    "restore_backup": "app.assembly.backup",
    "resume_trading": "app.assembly.control",
    "run_backtest_files": "app.assembly.jobs",
    "run_demo": "app.assembly.demo",
    "run_founding_demo": "app.founding.demos",
    "scan_market": "app.assembly.scan",
    "similar_signals": "app.assembly.memory",
    "table_bytes": "evaluation.frames",
    "train_policies": "app.assembly.training",
    "try_alerts": "app.assembly.alerts",
    "verify_audit": "app.assembly.audit",
    "verify_backup": "app.assembly.backup",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lightning_gex.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)


__all__ = [
    "PASSWORD_VARIABLE",
    "AblatedSubject",
    "AgentSignal",
    "AnalysisResult",
    "AuditFilter",
    "BackupOutcome",
    "Checkup",
    "ConsensusBuilder",
    "DemoResult",
    "DrillOutcome",
    "EnhancedLightningGEX",
    "Evaluation",
    "ExecutionLayer",
    "GuardrailLimits",
    "HierarchicalDecisionFramework",
    "InputFiles",
    "LightningMemorySystem",
    "LightningRLPositionSizer",
    "MarketRegime",
    "MultiAgentCoordinator",
    "PaperOutcome",
    "PaperRequest",
    "RestoreOutcome",
    "SecurityManager",
    "StrategicLayer",
    "Subject",
    "TacticalLayer",
    "TrainedOn",
    "TrainingKnobs",
    "TrainingRequest",
    "ablate_subject",
    "algorithm_named",
    "analyze_files",
    "audit_export",
    "audit_tail",
    "build_flow",
    "build_history",
    "changes_since",
    "checkup_document",
    "drill",
    "drill_backup",
    "evaluate_subject",
    "examine",
    "examine_agents",
    "export_memory",
    "export_public_vault",
    "fetch_chain",
    "found_password",
    "frame",
    "halt_trading",
    "import_memory",
    "keep_in_keyring",
    "latched_breakers",
    "make_backup",
    "memory_overview",
    "memory_performance",
    "open_workspace",
    "paper_trade",
    "performance_groups",
    "performance_report",
    "position_chain",
    "position_live",
    "positioning_frame",
    "positioning_picture",
    "probe_document",
    "probe_subject",
    "promote_policy",
    "public_vault",
    "ranked_history",
    "ranked_market",
    "require_no_vault",
    "reset_breaker",
    "restore_backup",
    "resume_trading",
    "run_backtest_files",
    "run_demo",
    "run_founding_demo",
    "scan_market",
    "similar_signals",
    "table_bytes",
    "train_policies",
    "try_alerts",
    "verify_audit",
    "verify_backup",
]
