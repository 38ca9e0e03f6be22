"""All public entries with their fuzz targets, and the public names that must have one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import entries_commands
import entries_files
import entries_founding
import entries_library
from fuzzing import Entry
from source_names import public_readers

import lightning_gex as lg

ENTRIES: tuple[Entry, ...] = (
    *entries_founding.ENTRIES,
    *entries_files.ENTRIES,
    *entries_library.ENTRIES,
    *entries_commands.ENTRIES,
)

#: Founding members that take nothing a caller could spoil, or only what another target passes on.
TAKE_NOTHING = frozenset(
    {
        "EnhancedLightningGEX.security",
        "EnhancedLightningGEX.memory",
        "EnhancedLightningGEX.coordinator",
        "EnhancedLightningGEX.hierarchical",
        "EnhancedLightningGEX.get_performance_summary",
        "EnhancedLightningGEX.print_performance_report",
        "EnhancedLightningGEX.close",
        "SecurityManager.close",
        "SecurityManager.list_api_credentials",
        "SecurityManager.verify_audit_log",
        "SecurityManager.guardrail_settings",
        "SecurityManager.init_vault",
        "LightningMemorySystem.close",
        "LightningMemorySystem.get_performance_analysis",
        "LightningMemorySystem.summary",
        "LightningRLPositionSizer.is_trained",
        "LightningRLPositionSizer.policy",
        "MultiAgentCoordinator.agents",
        "ConsensusBuilder.agent_weights",
        "AgentSignal.direction_sign",
        "TradingGuardrails.caps_capital",
    }
)
#: Founding members that another target calls with what is spoilt there.
STANDS_FOR = {
    "ConsensusBuilder": "ConsensusBuilder.build_consensus",
    "ConsensusBuilder.add_agent": "ConsensusBuilder.build_consensus",
    "MultiAgentCoordinator": "MultiAgentCoordinator.custom_agent",
    "StrategicLayer": "StrategicLayer.detect_regime",
    "StrategicLayer.read_regime": "StrategicLayer.detect_regime",
    "TacticalLayer": "TacticalLayer.evaluate",
    "ExecutionLayer": "ExecutionLayer.check",
    "LightningRLPositionSizer.save_model": "LightningMemorySystem.export_to_csv",
    "LightningRLPositionSizer.load_model": "file model",
    "LightningRLPositionSizer.predict_size": "LightningRLPositionSizer.get_position_size",
}
#: Names of the library that only the package makes, or that take nothing.
LIBRARY_TAKES_NOTHING = frozenset({"lg.__version__"})


def covered() -> frozenset[str]:
    """Every public name that has a target."""
    names = {entry.name for entry in ENTRIES}
    return frozenset(names.union(*(entry.covers for entry in ENTRIES)))


def public_names() -> Iterator[str]:
    """Every public name that must have one: commands, the library, the founding classes, the readers of files."""
    yield from (f"lightning {command}" for command in entries_commands.commands())
    yield from (f"lg.{name}" for name in lg.__all__ if f"lg.{name}" not in LIBRARY_TAKES_NOTHING)
    for name, kind in entries_founding.CLASSES.items():
        yield name
        yield from (f"{name}.{member}" for member in _members(kind))
    yield from public_readers()


def _members(kind: type) -> Iterator[str]:
    """Public methods and properties of a class, inherited ones among them."""
    for name, member in inspect.getmembers(kind):
        if re.match(r"[a-z]", name) and (inspect.isfunction(member) or isinstance(member, property)):
            yield name
