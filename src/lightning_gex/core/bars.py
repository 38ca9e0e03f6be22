"""Daily bars of one ticker, as a struct of arrays that cannot hold nonsense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Daily bars, oldest first.

    Parameters
    ----------
    ticker : symbol.
    session : (n,) ``datetime64[D]``, New York sessions, strictly increasing.
    open, high, low, close : (n,) USD, finite and positive, ``low <= open, close <= high``.
    volume : (n,) shares, not negative; NaN where the source has none (cash indices).
    source : where they came from, for messages.

    Raises
    ------
    InputError : naming the first offending row (index into the arrays) and field.
    """

    ticker: str
    session: DateArray1D
    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D
    volume: Float64Array1D
    source: str = "bars"

    def __post_init__(self) -> None:
        n = len(self.session)
        if n == 0:
            raise InputError(f"no bars for {self.ticker}", source=self.source)
        for name in (*_PRICES, "volume"):
            if getattr(self, name).shape != (n,):
                raise InputError(f"{name} has not one value a session", source=self.source, field=name)
        for name in _PRICES:
            values = getattr(self, name)
            self._refuse(~np.isfinite(values), name, "is not a number")
            self._refuse(~(values > 0), name, "is not positive")
        self._refuse(np.isinf(self.volume), "volume", "is infinite")
        self._refuse(self.volume < 0, "volume", "is negative")
        self._refuse(self.high < self.low, "high", "is below low")
        for name in ("open", "close"):
            values = getattr(self, name)
            self._refuse((values > self.high) | (values < self.low), name, "lies outside low..high")
        if n > 1:
            step = np.diff(self.session.astype(np.int64))
            self._refuse(np.r_[False, step == 0], "date", "is a duplicate of the row before")
            self._refuse(np.r_[False, step < 0], "date", "is earlier than the row before: sort by date")

    def _refuse(self, wrong: BoolArray1D, field: str, problem: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong))
            value = getattr(self, field)[i] if field != "date" else self.session[i]
            raise InputError(
                f"{field} {value} of {self.ticker} on {self.session[i]} {problem}",
                source=self.source,
                row=i,
                field=field,
            )

    def __len__(self) -> int:
        return len(self.session)

    def first(self, count: int) -> Bars:
        """The ``count`` oldest bars: what was known then."""
        return self._slice(slice(0, count))

    def between(self, start: np.datetime64 | None, end: np.datetime64 | None) -> Bars:
        """The bars of the sessions from ``start`` to ``end``, both included; None leaves that side open."""
        low = 0 if start is None else int(np.searchsorted(self.session, start, side="left"))
        high = len(self) if end is None else int(np.searchsorted(self.session, end, side="right"))
        return self._slice(slice(low, high))

    def _slice(self, part: slice) -> Bars:
        return Bars(
            self.ticker,
            self.session[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            self.source,
        )
