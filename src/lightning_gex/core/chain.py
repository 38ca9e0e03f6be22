"""A whole option chain at one moment, as a struct of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from lightning_gex.core.arguments import check_fields
from lightning_gex.core.errors import InputError
from lightning_gex.core.runs import coded
from lightning_gex.core.sessions import to_datetime64
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int16Array1D,
    StrArray1D,
    TimeArray1D,
)

_ONE_VALUE_A_CONTRACT = (
    "root",
    "expiry",
    "settles_at",
    "is_call",
    "bid",
    "ask",
    "implied_vol",
    "open_interest",
    "volume",
    "multiplier",
    "quoted_at",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptionChain:
    """Contracts of one underlying that were alive at ``as_of``.

    A contract's key is (root, expiry, right, strike). Readers have already refused rows that cannot be contracts
    (``refused``); whether a quote or volatility is usable is decided where the number is used.

    Parameters
    ----------
    underlying : symbol.
    as_of : aware UTC, when the quotes were true.
    spot : USD, positive.
    root : (n,) option root (SPX and SPXW are different contracts).
    expiry : (n,) ``datetime64[D]``, listed expiry date.
    settles_at : (n,) ``datetime64[s]`` UTC, the moment of settlement, later than ``as_of``.
    is_call : (n,) bool.
    strike : (n,) USD, positive.
    bid, ask : (n,) USD; NaN where absent.
    implied_vol : (n,) annualised, as a fraction (0.2 = 20 %); NaN where absent or a sentinel.
    open_interest, volume : (n,) contracts; NaN where absent. Open interest is the previous evening's.
    multiplier : (n,) shares a contract, positive.
    contracts_read : rows the source held.
    refused : reason -> rows refused for it.
    source : where it came from.
    modelled : True where no market quoted this chain and a model made it.
    notes : what a reader of any figure must know about how the chain was read, in words.
    fetched_at : aware, when the source was saved or sent; None where it does not say. Quotes may be older.
    quoted_at : (n,) ``datetime64[s]`` UTC, when each quote last changed, NaT where unknown; None where no source says.

    Attributes
    ----------
    root_names : (k,) distinct roots in alphabetical order.
    root_code : (n,) int16, each contract's root as a position in ``root_names``: what kernels group and sort by.

    Raises
    ------
    InputError : a field that holds another kind of value, a time without a zone, a spot that is no price, a column of
        another length, a contract that had settled by ``as_of`` or whose settlement is unknown (NaT), more roots than
        an int16 can number.
    """

    underlying: str
    as_of: datetime
    spot: float
    root: StrArray1D
    expiry: DateArray1D
    settles_at: TimeArray1D
    is_call: BoolArray1D
    strike: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D
    multiplier: Float64Array1D
    contracts_read: int
    refused: Mapping[str, int] = field(default_factory=dict)
    source: str = "chain"
    modelled: bool = False
    notes: tuple[str, ...] = ()
    fetched_at: datetime | None = None
    quoted_at: TimeArray1D | None = None
    root_names: tuple[str, ...] = field(init=False)
    root_code: Int16Array1D = field(init=False)

    def __post_init__(self) -> None:
        check_fields(self, source=self.source)
        for name, moment in (("as_of", self.as_of), ("fetched_at", self.fetched_at)):
            if moment is not None and moment.tzinfo is None:
                raise InputError(f"the chain's {name} has no time zone", source=self.source, field=name)
        if not 0 < self.spot < float("inf"):
            raise InputError(f"spot {self.spot} is not a positive number", source=self.source, field="spot")
        n = len(self.strike)
        for name in _ONE_VALUE_A_CONTRACT:
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise InputError(f"{name} has not one value a contract", source=self.source, field=name)
        alive = self.settles_at > to_datetime64(self.as_of, source=self.source)  # NaT compares False
        if not alive.all():
            first = int(alive.argmin())
            raise InputError(
                f"contract {first} settles at {self.settles_at[first]}, not later than the chain's as_of "
                f"{self.as_of.isoformat()}: leave settled contracts out",
                source=self.source,
                field="settles_at",
            )

        names, code = coded(self.root)
        if len(names) > np.iinfo(np.int16).max:
            raise InputError(f"{len(names)} roots are no single underlying's", source=self.source, field="root")
        object.__setattr__(self, "root_names", tuple(str(name) for name in names))
        object.__setattr__(self, "root_code", code.astype(np.int16))

    def __len__(self) -> int:
        return len(self.strike)

    def __repr__(self) -> str:
        moment = f"{self.as_of:%Y-%m-%d %H:%M} UTC"
        return (
            f"OptionChain({self.underlying}, {len(self):,} contracts, spot {self.spot:,.2f}, {moment}, {self.source})"
        )
