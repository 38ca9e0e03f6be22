"""The only place that wires objects: what the commands and the founding modules call."""

from lightning_gex.agents.signal import AgentSignal
from lightning_gex.app.assembly.demo import DemoResult, run_demo
from lightning_gex.app.assembly.jobs import AnalysisResult, analyze_files, run_backtest_files
from lightning_gex.app.assembly.positions import fetch_chain, position_chain, position_live, positioning_page
from lightning_gex.app.assembly.reports import performance_report
from lightning_gex.app.assembly.wiring import open_workspace
from lightning_gex.app.founding.coordinator import ConsensusBuilder, MultiAgentCoordinator
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
from lightning_gex.risk.guardrails import GuardrailLimits

__all__ = [
    "AgentSignal",
    "AnalysisResult",
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
    "fetch_chain",
    "open_workspace",
    "performance_report",
    "position_chain",
    "position_live",
    "positioning_page",
    "run_backtest_files",
    "run_demo",
]
