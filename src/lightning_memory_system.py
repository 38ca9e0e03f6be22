"""Memory: recent signals, similar past patterns, and what they say of a new signal's confidence.

>>> from lightning_memory_system import LightningMemorySystem      # doctest: +SKIP
>>> memory = LightningMemorySystem()                               # doctest: +SKIP
>>> memory.export_to_csv("memory_backup.csv")                      # doctest: +SKIP

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import LightningMemorySystem, run_founding_demo

__all__ = ["LightningMemorySystem"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("memory"))
