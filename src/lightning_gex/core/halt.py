"""What a halt of trading is. Imports nothing, so that the kill switch works when little else does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt of trading: who asked for it, why, and whether every position is to be closed."""

    by: str
    reason: str
    flatten: bool
