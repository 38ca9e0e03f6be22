"""The whole system: signal, memory, layers, size, guardrails and record behind one class.

>>> from enhanced_lightning_system import EnhancedLightningGEX      # doctest: +SKIP
>>> system = EnhancedLightningGEX(initial_capital=100000)           # doctest: +SKIP
>>> system.analyze_ticker("AAPL", price_data)["status"]             # doctest: +SKIP
'approved'

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import EnhancedLightningGEX, run_founding_demo

__all__ = ["EnhancedLightningGEX"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("system"))
