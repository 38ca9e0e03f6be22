"""Option chains made for tests: quotes that agree with Black-Scholes, by a formula written apart from the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from scipy.special import ndtr

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.sessions import settlement_utc, to_datetime64
from lightning_gex.core.units import SECONDS_PER_YEAR, Float64Array1D

AS_OF = datetime(2024, 6, 3, 18, 0, tzinfo=UTC)  # a Monday, 14:00 in New York
EXPIRIES = ("2024-06-21", "2024-07-19", "2024-09-20")

Volatility = float | Float64Array1D | Callable[[Float64Array1D, Float64Array1D], Float64Array1D]
PerContract = float | Sequence[float] | Float64Array1D


def black_scholes_price(spot, strike, years, vol, rate, dividend_yield, is_call):
    """(n,) USD: the textbook formula in one expression a side, as an independent witness."""
    total = vol * np.sqrt(years)
    forward = spot * np.exp((rate - dividend_yield) * years)
    d1 = np.log(forward / strike) / total + 0.5 * total
    d2 = d1 - total
    call = forward * ndtr(d1) - strike * ndtr(d2)
    put = strike * ndtr(-d2) - forward * ndtr(-d1)
    return np.exp(-rate * years) * np.where(is_call, call, put)


def make_chain(
    spot: float = 100.0,
    as_of: datetime = AS_OF,
    expiries: Sequence[str | np.datetime64] = EXPIRIES,
    strikes: Sequence[float] | Float64Array1D | None = None,
    vol: Volatility = 0.2,
    open_interest: PerContract | None = None,
    root: str = "TEST",
    *,
    volume: PerContract = 50.0,
    rate: float = 0.03,
    dividend_yield: float = 0.01,
    half_spread: float = 0.0,
    multiplier: PerContract = 100.0,
    quoted_iv: bool = True,
    settles_at: np.ndarray | None = None,
    refused: Mapping[str, int] | None = None,
    modelled: bool = False,
) -> OptionChain:
    """A chain of calls and puts at every strike of every expiry, contracts ordered by expiry, strike, call before put.

    ``strikes`` default to 80 % .. 120 % of spot in steps of 2.5 %. ``vol`` is a number, one value a contract, or a
    function of (strike, years). ``open_interest`` defaults to a smooth, different number for each contract.
    ``half_spread`` (USD) is what bid and ask stand off the model's price; the bid never falls below zero.
    ``quoted_iv=False`` leaves the implied volatility out. Per-contract arguments take one number or one a contract.
    """
    ladder = np.asarray(np.round(np.linspace(0.8, 1.2, 17) * spot, 6) if strikes is None else strikes, dtype=np.float64)
    dates = np.asarray(expiries, dtype="datetime64[D]")
    expiry = np.repeat(dates, 2 * len(ladder))
    strike = np.tile(np.repeat(ladder, 2), len(dates))
    n = len(strike)
    is_call = np.arange(n) % 2 == 0
    roots = np.full(n, root)
    settles = settlement_utc(roots, expiry) if settles_at is None else settles_at
    years = (settles - to_datetime64(as_of)).astype(np.float64) / SECONDS_PER_YEAR
    sigma = np.broadcast_to(np.asarray(vol(strike, years) if callable(vol) else vol, dtype=np.float64), n).copy()
    mid = black_scholes_price(spot, strike, years, sigma, rate, dividend_yield, is_call)
    if open_interest is None:
        peak = np.where(is_call, 1.03, 0.96)  # as customers hold them: calls above spot, puts below
        open_interest = 100.0 + np.round(900.0 * np.exp(-0.5 * ((strike / spot - peak) / 0.05) ** 2)) + np.arange(n) % 7
    return OptionChain(
        underlying=root,
        as_of=as_of,
        spot=spot,
        root=roots,
        expiry=expiry,
        settles_at=settles,
        is_call=is_call,
        strike=strike,
        bid=np.maximum(mid - half_spread, 0.0),
        ask=mid + half_spread,
        implied_vol=sigma if quoted_iv else np.full(n, np.nan),
        open_interest=_per_contract(open_interest, n),
        volume=_per_contract(volume, n),
        multiplier=_per_contract(multiplier, n),
        contracts_read=n + sum((refused or {}).values()),
        refused=dict(refused or {}),
        source="made by tests",
        modelled=modelled,
    )


def reordered(chain: OptionChain, order: np.ndarray) -> OptionChain:
    """The chain with its contracts picked in another order (or only some of them)."""
    return changed(chain, **{name: getattr(chain, name)[order] for name in PER_CONTRACT})


def changed(chain: OptionChain, **values: object) -> OptionChain:
    """The chain with some fields replaced."""
    fields = {name: getattr(chain, name) for name, f in OptionChain.__dataclass_fields__.items() if f.init}
    return OptionChain(**{**fields, **values})


PER_CONTRACT = (
    "root",
    "expiry",
    "settles_at",
    "is_call",
    "strike",
    "bid",
    "ask",
    "implied_vol",
    "open_interest",
    "volume",
    "multiplier",
)


def _per_contract(value: PerContract, count: int) -> Float64Array1D:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), count).copy()
