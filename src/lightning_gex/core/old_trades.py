"""The trades that another system made, as a struct of arrays: what a comparison needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_gex.core.units import DateArray1D, Float64Array1D, Int8Array1D, Int64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class OldTrades:
    """Trades of an old system, in the order of its file.

    Parameters
    ----------
    ticker : (n,) symbols.
    entry, exit : (n,) ``datetime64[D]`` sessions; ``exit`` is NaT while the trade is open.
    direction : (n,) 1 long, -1 short.
    quantity : (n,) whole shares, at least 1; 0 where the size is given as a fraction of equity.
    size_pct : (n,) notional over equity, above 0 and up to 1; NaN where shares are given.
    entry_price, exit_price : (n,) USD a share; NaN: the price that an order of this system would have got.
    line : (n,) line of the file, for messages.
    source : the file.
    """

    ticker: tuple[str, ...]
    entry: DateArray1D
    exit: DateArray1D
    direction: Int8Array1D
    quantity: Int64Array1D
    size_pct: Float64Array1D
    entry_price: Float64Array1D
    exit_price: Float64Array1D
    line: Int64Array1D
    source: str

    def __len__(self) -> int:
        return len(self.ticker)
