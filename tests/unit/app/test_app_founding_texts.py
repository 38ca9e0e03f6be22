"""What people read: the performance report, and values as plain dictionaries."""

from __future__ import annotations

import importlib
import inspect
import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from lightning_gex.app.founding.documents import plain
from lightning_gex.app.founding.performance_text import performance_text
from lightning_gex.core.enums import Direction, MarketRegime


def test_a_figure_without_data_reads_not_available_and_each_other_has_its_unit():
    text = performance_text(
        {
            "capital": {"initial": 100_000.0, "return": 0.0123, "total_pnl": math.nan},
            "performance": {"win_rate": math.nan, "profit_factor": 1.5, "closed_trades": 3},
            "security": {
                "guardrails": {"circuit_breaker_active": True, "circuit_breakers": {}, "daily_loss_pct": 0.01}
            },
        }
    )
    values = {line.strip().rsplit("  ", 1)[0].strip(): line.rsplit("  ", 1)[-1].strip() for line in text.splitlines()}
    assert values["initial"] == "100,000.00 USD"
    assert values["return"] == "1.23%"
    assert values["total pnl"] == values["win rate"] == "n/a"
    assert values["profit factor"] == "1.500"
    assert values["closed trades"] == "3"
    assert values["circuit breaker active"] == "yes"
    assert values["circuit breakers"] == "none"
    assert values["daily loss pct"] == "1.00%"


def test_an_interval_is_told_in_the_unit_of_its_figure_and_only_where_it_is_known():
    text = performance_text(
        {
            "performance": {
                "win_rate_interval": [0.25, 0.75],
                "expectancy_bp": 12.34,
                "expectancy_bp_interval": [-3.0, 27.5],
                "execution_rate_interval": [math.nan, math.nan],
            }
        }
    )
    values = {line.strip().rsplit("  ", 1)[0].strip(): line.rsplit("  ", 1)[-1].strip() for line in text.splitlines()}
    assert values["win rate interval"] == "25.00% to 75.00%"
    assert values["expectancy bp"] == "+12.3 bp"
    assert values["expectancy bp interval"] == "-3.0 bp to +27.5 bp"
    assert values["execution rate interval"] == "n/a"


def test_values_of_the_house_become_those_of_a_dictionary():
    value = {MarketRegime.CRISIS: (Direction.BULLISH, Decimal("1.5"), date(2024, 6, 3)), "none": None}
    assert plain(value) == {"crisis": ["bullish", 1.5, "2024-06-03"], "none": None}


REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "founding_modules.md"
MODULES = {
    "enhanced_lightning_system": {"EnhancedLightningGEX"},
    "lightning_rl_position_sizer": {"LightningRLPositionSizer"},
    "lightning_memory_system": {"LightningMemorySystem"},
    "lightning_multi_agent_coordinator": {"MultiAgentCoordinator", "ConsensusBuilder", "AgentSignal"},
    "lightning_hierarchical_decision": {
        "HierarchicalDecisionFramework", "StrategicLayer", "TacticalLayer", "ExecutionLayer", "MarketRegime",
    },
    "lightning_security_manager": {"SecurityManager", "TradingGuardrails"},
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_founding_module_shows_its_names_and_the_reference_has_every_member(name):
    module = importlib.import_module(name)
    assert set(module.__all__) == MODULES[name]
    text = REFERENCE.read_text(encoding="utf-8")
    for exported in module.__all__:
        cls = getattr(module, exported)
        assert exported in text
        members = [m for m in vars(cls) if not m.startswith("_")]
        if inspect.isclass(cls) and exported not in {"AgentSignal", "MarketRegime"}:
            assert [m for m in members if f"`{m}" not in text and f"{m}=" not in text] == []
