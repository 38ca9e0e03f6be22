"""Option symbols of the OCC's Options Symbology Initiative: root, yymmdd, C or P, strike in thousandths.

Source: OCC, Options Symbology Initiative (2010): the last 15 characters are fixed, the root is what stands before them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lightning_gex.adapters.market_data.stale_open import plain_symbol

_SYMBOL = re.compile(r"([0-9A-Z.]{1,6}?) *([0-9]{2})([0-9]{2})([0-9]{2})([CP])([0-9]{8})")
_STRIKE_UNIT = 1_000.0
#: What an index's weekly and PM-settled roots add to the name of the index.
_SERIES_LETTERS = ("", "W", "P", "Q")


@dataclass(frozen=True, slots=True)
class OsiSymbol:
    """One option symbol, taken apart. ``expiry`` is NaT where the digits are no date."""

    root: str
    expiry: np.datetime64
    is_call: bool
    strike: float

    @property
    def is_adjusted(self) -> bool:
        """Whether the root carries a digit: its deliverable is not 100 shares (adjusted after an action, or a mini)."""
        return any(letter.isdigit() for letter in self.root)


def parse_osi(symbol: str) -> OsiSymbol | None:
    """An option symbol taken apart; None where the text is none.

    >>> parse_osi("SPXW  240621C05300000").strike
    5300.0
    >>> parse_osi("hello") is None
    True
    """
    match = _SYMBOL.fullmatch(symbol.strip())
    if match is None:
        return None
    root, year, month, day, right, strike = match.groups()
    return OsiSymbol(root, date_or_nat(f"20{year}-{month}-{day}"), right == "C", int(strike) / _STRIKE_UNIT)


def date_or_nat(iso: str) -> np.datetime64:
    """An ISO date, or NaT where the calendar has no such day."""
    try:
        return np.datetime64(iso, "D")
    except ValueError:
        return np.datetime64("NaT")


def belongs_to(root: str, underlying: str) -> bool:
    """Whether an option root is of this underlying: its own name, or that with a series letter or an adjustment digit.

    >>> belongs_to("SPXW", "SPX"), belongs_to("BRKB", "BRK.B"), belongs_to("2TSLA", "TSLA"), belongs_to("SPY", "SPX")
    (True, True, True, False)
    """
    name = plain_symbol(underlying).replace(".", "").replace("/", "")
    stem = "".join(letter for letter in root if not letter.isdigit() and letter != ".")
    return stem.startswith(name) and stem.removeprefix(name) in _SERIES_LETTERS
