"""The founding document's quick start, with its numbers typed here: runs wherever the document is absent."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from builders_quick_start import MARKET, OPTIONS, PRICE
from enhanced_lightning_system import EnhancedLightningGEX


@pytest.fixture
def system(tmp_path):
    with EnhancedLightningGEX(
        initial_capital=100000,
        master_password="your_secure_password",
        enable_rl_sizing=True,
        enable_memory=True,
        enable_multi_agent=True,
        enable_hierarchical=True,
        enable_security=True,
        home=tmp_path / "home",
    ) as system:
        yield system


def analyze(system):
    return system.analyze_ticker(ticker="AAPL", price_data=PRICE, options_data=OPTIONS, market_data=MARKET)


def test_the_quick_start_on_a_fresh_workspace_is_approved_within_its_bounds(system):
    decision = analyze(system)
    assert decision["status"] == "approved"
    assert decision["action"] == "BUY"
    assert decision["entry_price"] == 180.0
    assert 1 <= decision["quantity"] <= 83
    assert decision["stop_loss"] < 180.0 < decision["target_price"] <= 189.50
    assert decision["trade_id"] == 0


def test_a_later_exit_at_the_documents_price_takes_the_profit(system):
    quantity = analyze(system)["quantity"]
    outcome = system.update_trade_outcome(trade_id=0, exit_price=189.50, exit_reason="take_profit")
    assert outcome["exit_reason"] == "take_profit"
    assert outcome["pnl"] == round(9.50 * quantity, 2)
    summary = system.get_performance_summary()
    assert summary["capital"]["total_pnl"] == pytest.approx(9.50 * quantity, abs=0.001)
    assert summary["performance"]["win_rate"] == 1.0
    assert summary["trading"]["execution_rate"] == 1.0
    assert summary["security"]["guardrails"]["daily_trades"] == 1
    assert summary["security"]["guardrails"]["circuit_breaker_active"] is False


def test_the_report_of_a_fresh_system_has_no_number_where_there_is_none(system, capsys):
    summary = system.get_performance_summary()
    assert math.isnan(summary["performance"]["win_rate"])
    assert math.isnan(summary["trading"]["execution_rate"])
    system.print_performance_report()
    lines = capsys.readouterr().out.splitlines()
    for name in ("win rate", "execution rate", "profit factor"):
        (line,) = [x for x in lines if x.strip().startswith(name) and "memory" not in x][:1]
        assert line.split()[-1] == "n/a"


def test_audit_and_memory_are_exported(system, tmp_path):
    analyze(system)
    system.security.export_audit_logs(tmp_path / "audit.json")
    system.memory.export_to_csv(tmp_path / "memory.csv")
    assert "AAPL" in Path(tmp_path / "audit.json").read_text()
    assert len((tmp_path / "memory.csv").read_text().splitlines()) == 2
