"""The formulas of ``black_scholes`` as one reads them in a book: numpy and scipy, no compilation.

Kept beside the compiled kernels so that each can be checked against the other.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from lightning_gex.analytics.black_scholes import Greeks, HigherGreeks
from lightning_gex.core.units import BoolArray1D, Float64Array1D


def greeks_reference(
    spot: Float64Array1D,
    strike: Float64Array1D,
    time_to_expiry_years: Float64Array1D,
    implied_vol: Float64Array1D,
    rate: Float64Array1D,
    dividend_yield: Float64Array1D,
    is_call: BoolArray1D,
) -> Greeks:
    """The sensitivities of ``black_scholes.greeks``, for (n,) arrays with positive spot, strike, time and volatility.

    Source: Hull, 10th ed., chapter 19; Haug, 2nd ed., chapter 2.
    """
    S, K, T, sigma, r, q = spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield
    root_t = np.sqrt(T)
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * root_t)
    d2 = d1 - sigma * root_t
    phi = np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi)
    eq, er = np.exp(-q * T), np.exp(-r * T)
    A = eq * phi * (2.0 * (r - q) * T - d2 * sigma * root_t) / (2.0 * T * sigma * root_t)
    decay = -S * eq * phi * sigma / (2.0 * root_t)
    return Greeks(
        delta=np.where(is_call, eq * ndtr(d1), -eq * ndtr(-d1)),
        gamma=eq * phi / (S * sigma * root_t),
        vega=S * eq * phi * root_t,
        theta=np.where(
            is_call,
            decay - r * K * er * ndtr(d2) + q * S * eq * ndtr(d1),
            decay + r * K * er * ndtr(-d2) - q * S * eq * ndtr(-d1),
        ),
        vanna=-eq * phi * d2 / sigma,
        charm=np.where(is_call, q * eq * ndtr(d1) - A, -q * eq * ndtr(-d1) - A),
    )


def higher_greeks_reference(
    spot: Float64Array1D,
    strike: Float64Array1D,
    time_to_expiry_years: Float64Array1D,
    implied_vol: Float64Array1D,
    rate: Float64Array1D,
    dividend_yield: Float64Array1D,
) -> HigherGreeks:
    """The sensitivities of ``black_scholes.higher_greeks``, for (n,) arrays. Source: Haug, 2nd ed., chapter 2."""
    S, K, T, sigma, r, q = spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield
    root_t = np.sqrt(T)
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * root_t)
    d2 = d1 - sigma * root_t
    density = np.exp(-q * T) * np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi)
    gamma = density / (S * sigma * root_t)
    d1_by_time = (2.0 * (r - q) * T - d2 * sigma * root_t) / (2.0 * T * sigma * root_t)
    return HigherGreeks(
        vomma=S * density * root_t * d1 * d2 / sigma,
        speed=-gamma / S * (d1 / (sigma * root_t) + 1.0),
        zomma=gamma * (d1 * d2 - 1.0) / sigma,
        color=gamma * (q + d1 * d1_by_time + 1.0 / (2.0 * T)),
    )


def price_reference(
    spot: Float64Array1D,
    strike: Float64Array1D,
    time_to_expiry_years: Float64Array1D,
    implied_vol: Float64Array1D,
    rate: Float64Array1D,
    dividend_yield: Float64Array1D,
    is_call: BoolArray1D,
) -> Float64Array1D:
    """The price of ``black_scholes.price``, for (n,) arrays. Source: Hull, 10th ed., section 17.4 (Merton 1973)."""
    S, K, T, sigma, r, q = spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    d2 = d1 - sigma * np.sqrt(T)
    eq, er = np.exp(-q * T), np.exp(-r * T)
    call, put = S * eq * ndtr(d1) - K * er * ndtr(d2), K * er * ndtr(-d2) - S * eq * ndtr(-d1)
    return np.asarray(np.where(is_call, call, put), dtype=np.float64)
