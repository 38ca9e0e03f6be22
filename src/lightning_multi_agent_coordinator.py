"""Multi-agent coordination: five specialists, any you add, and their weighted vote.

>>> from lightning_multi_agent_coordinator import MultiAgentCoordinator      # doctest: +SKIP
>>> coordinator = MultiAgentCoordinator()                                    # doctest: +SKIP
>>> coordinator.custom_agent = CustomAgent()                                 # doctest: +SKIP
>>> coordinator.analyze("AAPL", price_data)["direction"]                     # doctest: +SKIP
'bullish'

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import AgentSignal, ConsensusBuilder, MultiAgentCoordinator, run_founding_demo

__all__ = ["AgentSignal", "ConsensusBuilder", "MultiAgentCoordinator"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("coordinator"))
