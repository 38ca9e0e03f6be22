"""Security and guardrails: encrypted credentials, signed requests, an audit record, hard limits on trading.

>>> from lightning_security_manager import SecurityManager, TradingGuardrails      # doctest: +SKIP
>>> guardrails = TradingGuardrails(max_daily_trades=10)                            # doctest: +SKIP
>>> security = SecurityManager(master_password="...", guardrails=guardrails)       # doctest: +SKIP
>>> security.export_audit_logs("audit.json")                                       # doctest: +SKIP

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import GuardrailLimits as TradingGuardrails
from lightning_gex.app.bootstrap import SecurityManager, run_founding_demo

__all__ = ["SecurityManager", "TradingGuardrails"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("security"))
