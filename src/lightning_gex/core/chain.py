"""A whole option chain at one moment, as a struct of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import to_datetime64
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, StrArray1D, TimeArray1D

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
)


@dataclass(frozen=True, slots=True, eq=False)
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

    Raises
    ------
    InputError : a time without a zone, a spot that is no price, a column of another length, a contract that had settled
        by ``as_of`` or whose settlement is unknown (NaT).
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

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise InputError("the chain's as_of has no time zone", source=self.source, field="as_of")
        if not 0 < self.spot < float("inf"):
            raise InputError(f"spot {self.spot} is not a positive number", source=self.source, field="spot")
        n = len(self.strike)
        for name in _ONE_VALUE_A_CONTRACT:
            if len(getattr(self, name)) != n:
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

    def __len__(self) -> int:
        return len(self.strike)
