"""The readable form of ``parity_kernels``: the same forwards and discounts in numpy, one expiry after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lightning_gex.analytics.book_columns import series_years
from lightning_gex.analytics.parity_kernels import (
    CARRY_JUMP,
    CARRY_RATE,
    FORWARD_PAIRS,
    MAX_RATE_ERROR,
    MIN_PAIRS,
    NEAR_THE_MONEY,
    NEIGHBOURS,
    NORMAL_MAD,
    PARITY,
    RATE_BOUNDS,
    RATE_YEARS,
    STAND_IN,
    Carry,
)
from lightning_gex.core.book import ChainBook
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D


def carry_reference(book: ChainBook) -> Carry:
    """The curve of a book with one underlying, as ``parity_kernels.carry_kernel`` gives it.

    Parameters
    ----------
    book : one underlying.

    Returns
    -------
    Carry of (g,) columns.
    """
    spot, years = float(book.spot[0]), series_years(book)
    strikes, differences, starts = _parity_pairs(book, spot)
    spans = list(pairwise(starts))
    own = np.array([_rate(strikes[a:b], differences[a:b], T) for (a, b), T in zip(spans, years, strict=True)])
    rate, rate_source = _filled(_longer_first(own, years), years)
    discount = np.exp(-rate * years)
    forward = np.array([_forward(strikes[a:b], differences[a:b], D) for (a, b), D in zip(spans, discount, strict=True)])
    with np.errstate(invalid="ignore"):
        log_carry = np.log(forward / spot)
        absurd: BoolArray1D = np.abs(log_carry) > CARRY_JUMP + CARRY_RATE * years
    carry, forward_source = _filled(np.where(absurd, np.nan, log_carry) / years, years)
    if (forward_source == STAND_IN).any():  # without a forward a rate alone says nothing
        rate, rate_source, discount = np.zeros_like(rate), forward_source, np.ones_like(rate)
    return Carry(
        forward=spot * np.exp(carry * years),
        discount=discount,
        rate=rate,
        dividend_yield=rate - carry,
        pairs=np.diff(starts),
        forward_source=forward_source,
        rate_source=rate_source,
        absurd=absurd,
    )


def _parity_pairs(book: ChainBook, spot: float) -> tuple[Float64Array1D, Float64Array1D, Int64Array1D]:
    """Strikes and call-put differences of all usable pairs by group and strike, and where each group starts."""
    group = book.series_of_contract
    with np.errstate(invalid="ignore", divide="ignore"):
        fit = (book.bid > 0) & (book.ask >= book.bid) & np.isfinite(book.ask)
        fit &= np.abs(np.log(book.strike / spot)) <= NEAR_THE_MONEY
    at = np.flatnonzero(fit)
    spread = book.ask[at] - book.bid[at]
    mid = 0.5 * (book.bid[at] + book.ask[at])
    # Of several rows of one contract the tightest counts, so that their order does not matter.
    at_order = np.lexsort((mid, spread, ~book.is_call[at], book.strike[at], group[at]))
    at, mid = at[at_order], mid[at_order]
    key_group, key_strike, key_call = group[at], book.strike[at], book.is_call[at]
    same_strike = (key_group[1:] == key_group[:-1]) & (key_strike[1:] == key_strike[:-1])
    first = np.r_[True, ~(same_strike & (key_call[1:] == key_call[:-1]))][: len(at)]
    at, mid = at[first], mid[first]
    key_group, key_strike, key_call = group[at], book.strike[at], book.is_call[at]
    call_at = np.flatnonzero(
        key_call[:-1] & ~key_call[1:] & (key_group[1:] == key_group[:-1]) & (key_strike[1:] == key_strike[:-1])
    )
    starts = np.searchsorted(key_group[call_at], np.arange(len(book.expiry) + 1))
    return key_strike[call_at], mid[call_at] - mid[call_at + 1], starts.astype(np.int64)


def _rate(strikes: Float64Array1D, differences: Float64Array1D, years: float) -> float:
    """The continuous rate that the slope says; NaN where the quotes do not pin it down."""
    count = len(strikes)
    if count < MIN_PAIRS:
        return np.nan
    half = count // 2
    slopes = -(differences[half:] - differences[:-half]) / (strikes[half:] - strikes[:-half])
    discount = float(np.median(slopes))
    if not discount > 0:
        return np.nan
    error = NORMAL_MAD * float(np.median(np.abs(slopes - discount))) / np.sqrt(len(slopes)) / (discount * years)
    rate = -float(np.log(discount)) / years
    if error > MAX_RATE_ERROR or not RATE_BOUNDS[0] <= rate <= RATE_BOUNDS[1]:
        return np.nan
    return rate


def _longer_first(rate: Float64Array1D, years: Float64Array1D) -> Float64Array1D:
    """The rates without those of short expiries, whose quotes' last tick is percents a year, where others exist."""
    trusted = np.where(years >= RATE_YEARS, rate, np.nan)
    return trusted if np.isfinite(trusted).any() else rate


def _forward(strikes: Float64Array1D, differences: Float64Array1D, discount: float) -> float:
    """The forward as the median over the pairs nearest to it; NaN with too few pairs."""
    if len(strikes) < MIN_PAIRS:
        return np.nan
    nearest = np.argsort(np.abs(differences), kind="stable")[:FORWARD_PAIRS]
    return float(np.median(strikes[nearest] + differences[nearest] / discount))


def _filled(values: Float64Array1D, years: Float64Array1D) -> tuple[Float64Array1D, Int8Array1D]:
    """Yearly figures with the gaps closed from neighbours in time, flat beyond the ends, 0 where nothing is known."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values)), np.full(len(values), STAND_IN, dtype=np.int8)
    order = np.argsort(years[known], kind="stable")
    filled = np.where(known, values, np.interp(years, years[known][order], values[known][order]))
    return filled, np.where(known, PARITY, NEIGHBOURS).astype(np.int8)
