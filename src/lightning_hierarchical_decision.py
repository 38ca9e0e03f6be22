"""Hierarchical decisions: the market's regime, what may be risked in it, and the last checks before an order.

>>> from lightning_hierarchical_decision import MarketRegime, StrategicLayer      # doctest: +SKIP
>>> strategic = StrategicLayer()                                                  # doctest: +SKIP
>>> strategic.detect_regime({"vix": 16.0, "spy_trend": 0.5, "adx": 32.0})         # doctest: +SKIP
<MarketRegime.BULL_TRENDING: 'bull_trending'>

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import (
    ExecutionLayer,
    HierarchicalDecisionFramework,
    MarketRegime,
    StrategicLayer,
    TacticalLayer,
    run_founding_demo,
)

__all__ = ["ExecutionLayer", "HierarchicalDecisionFramework", "MarketRegime", "StrategicLayer", "TacticalLayer"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("hierarchical"))
