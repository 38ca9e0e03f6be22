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
    from lightning_gex.app.assembly.checked_data import checked_data
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
    from lightning_gex.app.assembly.falsify import ClaimFiles, FalsifiedClaims, falsify_claims
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
    from lightning_gex.app.assembly.migration import (
        OldTradesFile,
        advance_transition,
        compare_on_history,
        compare_on_paper,
        paper_side_by_side,
        step_back,
        transition_standing,
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
    from lightning_gex.app.assembly.promotion import promote_policy
    from lightning_gex.app.assembly.recipes import recipe_request
    from lightning_gex.app.assembly.report_register import registered_reports, report_document, report_in
    from lightning_gex.app.assembly.reports import journal_runs, performance_report
    from lightning_gex.app.assembly.scan import ranked_market, scan_market
    from lightning_gex.app.assembly.simulated_inputs import SimulationRequest, simulated_document, write_simulated
    from lightning_gex.app.assembly.sweep_plan import grid_from_options, read_plan
    from lightning_gex.app.assembly.sweep_report import (
        criterion_named,
        executor_named,
        fold_request,
        sweep_report,
        sweep_report_document,
    )
    from lightning_gex.app.assembly.sweeps import Sweep, SweepRequest, run_sweep
    from lightning_gex.app.assembly.tables import positioning_frame
    from lightning_gex.app.assembly.training import (
        TrainedOn,
        TrainingRequest,
        algorithm_named,
        train_policies,
    )
    from lightning_gex.app.assembly.universe import UniverseRequest, universe_document
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
    from lightning_gex.sizing.training import TrainingKnobs, device_named

_HOMES = {
    "AblatedSubject": "app.assembly.ablation",
    "AgentSignal": "agents.signal",
    "AnalysisResult": "app.assembly.jobs",
    "AuditFilter": "app.assembly.audit",
    "BackupOutcome": "app.assembly.backup",
    "Checkup": "app.assembly.doctor",
    "ClaimFiles": "app.assembly.falsify",
    "ConsensusBuilder": "app.founding.coordinator",
    "DemoResult": "app.assembly.demo",
    "DrillOutcome": "app.assembly.backup",
    "EnhancedLightningGEX": "app.founding.system",
    "Evaluation": "app.assembly.evaluation",
    "ExecutionLayer": "app.founding.hierarchical",
    "FalsifiedClaims": "app.assembly.falsify",
    "GuardrailLimits": "risk.guardrails",
    "HierarchicalDecisionFramework": "app.founding.hierarchical",
    "InputFiles": "app.assembly.jobs",
    "LightningMemorySystem": "app.founding.memory",
    "LightningRLPositionSizer": "app.founding.sizer",
    "MarketRegime": "core.enums",
    "MultiAgentCoordinator": "app.founding.coordinator",
    "OldTradesFile": "app.assembly.migration",
    "PASSWORD_VARIABLE": "app.assembly.credentials",
    "PaperOutcome": "app.assembly.paper",
    "PaperRequest": "app.assembly.paper",
    "RestoreOutcome": "app.assembly.backup",
    "SecurityManager": "app.founding.security",
    "SimulationRequest": "app.assembly.simulated_inputs",
    "StrategicLayer": "app.founding.hierarchical",
    "Subject": "app.assembly.variants",
    "Sweep": "app.assembly.sweeps",
    "SweepRequest": "app.assembly.sweeps",
    "TacticalLayer": "app.founding.hierarchical",
    "TrainedOn": "app.assembly.training",
    "TrainingKnobs": "sizing.training",
    "TrainingRequest": "app.assembly.training",
    "UniverseRequest": "app.assembly.universe",
    "ablate_subject": "app.assembly.ablation",
    "advance_transition": "app.assembly.migration",
    "algorithm_named": "app.assembly.training",
    "analyze_files": "app.assembly.jobs",
    "audit_export": "app.assembly.audit",
    "audit_tail": "app.assembly.audit",
    "build_flow": "app.assembly.dark_pool",
    "build_history": "app.assembly.history",
    "changes_since": "app.assembly.positions",
    "checked_data": "app.assembly.checked_data",
    "checkup_document": "app.assembly.doctor",
    "compare_on_history": "app.assembly.migration",
    "compare_on_paper": "app.assembly.migration",
    "criterion_named": "app.assembly.sweep_report",
    "device_named": "sizing.training",
    "drill": "app.assembly.doctor",
    "drill_backup": "app.assembly.backup",
    "evaluate_subject": "app.assembly.evaluation",
    "examine": "app.assembly.doctor",
    "examine_agents": "app.assembly.agents",
    "executor_named": "app.assembly.sweep_report",
    "export_memory": "app.assembly.memory",
    "export_public_vault": "app.assembly.credentials",
    "falsify_claims": "app.assembly.falsify",
    "fetch_chain": "app.assembly.positions",
    "fold_request": "app.assembly.sweep_report",
    "found_password": "app.assembly.credentials",
    "frame": "evaluation.frames",
    "grid_from_options": "app.assembly.sweep_plan",
    "halt_trading": "app.assembly.control",
    "import_memory": "app.assembly.memory",
    "journal_runs": "app.assembly.reports",
    "keep_in_keyring": "app.assembly.credentials",
    "latched_breakers": "app.assembly.control",
    "make_backup": "app.assembly.backup",
    "memory_overview": "app.assembly.memory",
    "memory_performance": "app.assembly.memory",
    "open_workspace": "app.assembly.wiring",
    "paper_side_by_side": "app.assembly.migration",
    "paper_trade": "app.assembly.paper",
    "performance_groups": "app.assembly.memory",
    "performance_report": "app.assembly.reports",
    "position_chain": "app.assembly.positions",
    "position_live": "app.assembly.positions",
    "positioning_frame": "app.assembly.tables",
    "positioning_picture": "app.assembly.positions",
    "probe_document": "app.assembly.probe",
    "probe_subject": "app.assembly.probe",
    "promote_policy": "app.assembly.promotion",
    "public_vault": "app.assembly.credentials",
    "ranked_history": "app.assembly.history",
    "ranked_market": "app.assembly.scan",
    "read_plan": "app.assembly.sweep_plan",
    "recipe_request": "app.assembly.recipes",
    "registered_reports": "app.assembly.report_register",
    "report_document": "app.assembly.report_register",
    "report_in": "app.assembly.report_register",
    "require_no_vault": "app.assembly.credentials",
    "reset_breaker": "app.assembly.control",
    "restore_backup": "app.assembly.backup",
    "resume_trading": "app.assembly.control",
    "run_backtest_files": "app.assembly.jobs",
    "run_demo": "app.assembly.demo",
    "run_founding_demo": "app.founding.demos",
    "run_sweep": "app.assembly.sweeps",
    "scan_market": "app.assembly.scan",
    "similar_signals": "app.assembly.memory",
    "step_back": "app.assembly.migration",
    "sweep_report": "app.assembly.sweep_report",
    "sweep_report_document": "app.assembly.sweep_report",
    "simulated_document": "app.assembly.simulated_inputs",
    "table_bytes": "evaluation.frames",
    "train_policies": "app.assembly.training",
    "transition_standing": "app.assembly.migration",
    "try_alerts": "app.assembly.alerts",
    "universe_document": "app.assembly.universe",
    "verify_audit": "app.assembly.audit",
    "verify_backup": "app.assembly.backup",
    "write_simulated": "app.assembly.simulated_inputs",
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
    "ClaimFiles",
    "ConsensusBuilder",
    "DemoResult",
    "DrillOutcome",
    "EnhancedLightningGEX",
    "Evaluation",
    "ExecutionLayer",
    "FalsifiedClaims",
    "GuardrailLimits",
    "HierarchicalDecisionFramework",
    "InputFiles",
    "LightningMemorySystem",
    "LightningRLPositionSizer",
    "MarketRegime",
    "MultiAgentCoordinator",
    "OldTradesFile",
    "PaperOutcome",
    "PaperRequest",
    "RestoreOutcome",
    "SecurityManager",
    "SimulationRequest",
    "StrategicLayer",
    "Subject",
    "Sweep",
    "SweepRequest",
    "TacticalLayer",
    "TrainedOn",
    "TrainingKnobs",
    "TrainingRequest",
    "UniverseRequest",
    "ablate_subject",
    "advance_transition",
    "algorithm_named",
    "analyze_files",
    "audit_export",
    "audit_tail",
    "build_flow",
    "build_history",
    "changes_since",
    "checked_data",
    "checkup_document",
    "compare_on_history",
    "compare_on_paper",
    "criterion_named",
    "device_named",
    "drill",
    "drill_backup",
    "evaluate_subject",
    "examine",
    "examine_agents",
    "executor_named",
    "export_memory",
    "export_public_vault",
    "falsify_claims",
    "fetch_chain",
    "fold_request",
    "found_password",
    "frame",
    "grid_from_options",
    "halt_trading",
    "import_memory",
    "journal_runs",
    "keep_in_keyring",
    "latched_breakers",
    "make_backup",
    "memory_overview",
    "memory_performance",
    "open_workspace",
    "paper_side_by_side",
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
    "read_plan",
    "recipe_request",
    "registered_reports",
    "report_document",
    "report_in",
    "require_no_vault",
    "reset_breaker",
    "restore_backup",
    "resume_trading",
    "run_backtest_files",
    "run_demo",
    "run_founding_demo",
    "run_sweep",
    "scan_market",
    "similar_signals",
    "simulated_document",
    "step_back",
    "sweep_report",
    "sweep_report_document",
    "table_bytes",
    "train_policies",
    "transition_standing",
    "try_alerts",
    "universe_document",
    "verify_audit",
    "verify_backup",
    "write_simulated",
]
