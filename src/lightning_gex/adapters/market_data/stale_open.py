"""Which tickers are cash indices, and whether the open their publisher prints can be believed.

An index is summed from its members' last trades. Where the publisher sums before the members have opened, the printed
open repeats the evening before, and an order filled there would be filled in the past. Measured on 2,718 sessions from
2011-03 to 2021-12 as the standard deviation of ln(open / close before) over that of ln(close / close before):

====================  =====  ==========================================
S&P 500                0.38  stale (SPY 0.66); 0.02-0.22 until 2016
Russell 2000           0.27  stale (IWM 0.60)
Dow Jones Industrials  0.40  stale (DIA 0.66); 0.02-0.19 until 2016
Nasdaq 100             0.62  real (QQQ 0.62)
VIX                    0.57  nothing to compare with: nobody trades it
====================  =====  ==========================================

The Nasdaq Composite, measured on 2011-2018 bars, moves overnight as QQQ does (0.52-0.75 a year): real.
"""

from __future__ import annotations

from lightning_gex.core.enums import FillPrice

#: Cash indices whose orders fill at the next close: the open is stale, or (volatility indices) is no price at all.
CASH_INDICES = frozenset(
    {
        "SPX", "GSPC", "INX", "SP500", "XSP", "OEX", "XEO",  # S&P; the S&P 100 is summed by the same publisher
        "RUT", "MRUT",
        "DJI", "DJX", "DJIA", "INDU",
        "VIX", "VIX1D", "VIX9D", "VIX3M", "VIX6M", "VXO", "VXN", "RVX", "VVIX", "SKEW",
    }
)  # fmt: skip
#: Cash indices whose printed open is real.
REAL_OPEN_INDICES = frozenset({"NDX", "XND", "COMP", "IXIC"})
#: Names under which sources print one and the same index.
_ONE_INDEX = (
    frozenset({"SPX", "GSPC", "INX", "SP500"}),
    frozenset({"DJI", "DJIA", "INDU"}),
    frozenset({"COMP", "IXIC"}),
)
#: Rates printed like indices: they have no volume either.
RATE_INDICES = frozenset({"IRX", "FVX", "TNX", "TYX"})


def plain_symbol(ticker: str) -> str:
    """A ticker in capitals without the mark some sources put before an index (``^SPX``, ``_SPX``, ``$SPX``, ``.SPX``).

    >>> plain_symbol("^gspc")
    'GSPC'
    """
    return ticker.strip().upper().lstrip("^_$.")


def same_underlying(one: str, other: str) -> bool:
    """Whether two symbols name one thing, however their sources spell it.

    >>> same_underlying("BRK.B", "brkb"), same_underlying("^GSPC", "SPX"), same_underlying("SPY", "SPX")
    (True, True, False)
    """
    return _one_spelling(one) == _one_spelling(other)


def _one_spelling(ticker: str) -> str:
    letters = "".join(letter for letter in plain_symbol(ticker) if letter.isalnum())
    return next((min(names) for names in _ONE_INDEX if letters in names), letters)


def has_own_volume(ticker: str) -> bool:
    """Whether shares of it are traded, so that a volume of zero means that nobody traded.

    >>> has_own_volume("SPY"), has_own_volume("^VIX")
    (True, False)
    """
    return plain_symbol(ticker) not in CASH_INDICES | REAL_OPEN_INDICES | RATE_INDICES


def default_fill_price(ticker: str) -> FillPrice:
    """Which price of the next bar a market order in this ticker gets where the user names none.

    Parameters
    ----------
    ticker : symbol, with or without an index mark.

    Returns
    -------
    ``CLOSE`` for the cash indices whose open cannot be believed, ``OPEN`` for everything else.

    >>> default_fill_price("^SPX").value, default_fill_price("SPY").value, default_fill_price("COMP").value
    ('close', 'open', 'open')
    """
    return FillPrice.CLOSE if plain_symbol(ticker) in CASH_INDICES else FillPrice.OPEN
