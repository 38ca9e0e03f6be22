"""What a halt of trading is. Imports nothing, so that the kill switch works when little else does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt of trading: who asked for it, why, and whether every position is to be closed."""

    by: str
    reason: str
    flatten: bool


def fit_for_record(said: str) -> str:
    """A person's words as the journal and every terminal can take them: half a character becomes a question mark.

    Such halves come from a command line that is not UTF-8. A halt is not refused for them.

    >>> fit_for_record("fire \\udcff")
    'fire ?'
    """
    return said.encode("utf-8", "replace").decode("utf-8")
