"""Exposure profile and surface as one reads them in a book: numpy and scipy, one price after the other.

Kept beside the compiled kernels of ``exposure_profile``, ``zero_gamma`` and ``surface_kernels`` so that each can be
checked against the other.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from lightning_gex.analytics.exposure_profile import PricedContracts
from lightning_gex.core.units import BoolArray1D, Float64Array1D


def profile_reference(prices: Float64Array1D, contracts: PricedContracts) -> Float64Array1D:
    """The net gamma exposure of ``exposure_profile.profile``, (m,) USD per 1 % at (m,) prices.

    Source: Hull, 10th ed., section 19.6 (gamma); SqueezeMetrics, *Gamma Exposure* (2017), with the 0.01 that makes it a
    figure per 1 %.
    """
    return exposures_reference(prices, contracts, np.ones(len(contracts.strike), dtype=np.bool_))[0]


def exposures_reference(
    prices: Float64Array1D, contracts: PricedContracts, is_call: BoolArray1D
) -> tuple[Float64Array1D, Float64Array1D]:
    """One moment of ``exposure_surface``: (m,) gamma exposure, USD per 1 %, and (m,) delta exposure, USD.

    Source: Hull, 10th ed., sections 19.4 and 19.6.
    """
    K, T, sigma = contracts.strike, contracts.time_to_expiry_years, contracts.implied_vol
    r, q, shares = contracts.rate, contracts.dividend_yield, contracts.shares
    gamma, delta = np.empty(len(prices)), np.empty(len(prices))
    for k, S in enumerate(prices):
        d1 = (np.log(S / K) + (r - q + sigma**2 / 2.0) * T) / (sigma * np.sqrt(T))
        phi = np.exp(-(d1**2) / 2.0) / np.sqrt(2.0 * np.pi)
        gamma[k] = np.sum(shares * np.exp(-q * T) * phi / (S * sigma * np.sqrt(T)) * S**2 * 0.01)
        delta[k] = np.sum(shares * np.exp(-q * T) * np.where(is_call, ndtr(d1), -ndtr(-d1)) * S)
    return gamma, delta
