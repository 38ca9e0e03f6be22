"""Floor 2: a market with delta-hedging dealers: bars, flow, volatility index and whole chains from one seed."""

from pathlib import Path

from lightning_gex.analytics.compiled_cache import discard_outdated

discard_outdated(Path(__file__).resolve().parent)
