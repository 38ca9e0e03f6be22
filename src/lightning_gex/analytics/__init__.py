"""Floor 1: pure numerics over arrays. No input or output, no state, no clock."""

from pathlib import Path

from lightning_gex.analytics.compiled_cache import discard_outdated

discard_outdated(Path(__file__).resolve().parent)
