"""Books of option contracts for tests of profiles, roots and surfaces, and their sums at 50 digits."""

from __future__ import annotations

import mpmath
import numpy as np

from lightning_gex.analytics.exposure_profile import PricedContracts

YEARS = (2e-4, 0.003, 0.02, 0.1, 0.5, 2.0)


def random_book(n: int, seed: int = 0, spot: float = 100.0, years=YEARS) -> PricedContracts:
    """(n,) contracts in no order, of every maturity, some long and some short."""
    rng = np.random.default_rng(seed)
    return PricedContracts(
        strike=np.round(spot * np.exp(rng.normal(0, 0.12, n)), 1),
        time_to_expiry_years=rng.choice(years, n),
        implied_vol=rng.uniform(0.08, 0.6, n),
        rate=rng.uniform(0, 0.06, n),
        dividend_yield=rng.uniform(0, 0.03, n),
        shares=np.round(rng.normal(0, 2e4, n)),
    )


def sorted_book(years, strikes, seed: int = 0, spot: float = 100.0, vol: float = 0.2) -> PricedContracts:
    """A chain as readers give it: by settlement, strike, call before put; calls long, puts short, some of neither."""
    rng = np.random.default_rng(seed)
    T, K, _ = (axis.ravel() for axis in np.meshgrid(years, strikes, [0, 1], indexing="ij"))
    n = len(T)
    side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return PricedContracts(
        strike=K,
        time_to_expiry_years=T,
        implied_vol=vol * rng.uniform(0.8, 1.4, n),
        rate=np.full(n, 0.04),
        dividend_yield=np.full(n, 0.01),
        shares=np.round(rng.lognormal(4, 1.5, n) * side * 100.0 * (rng.random(n) < 0.8)),
    )


def alike(strikes, shares, years: float = 0.08, vol: float = 0.2) -> PricedContracts:
    """Contracts of one maturity and volatility, without interest."""
    k = np.asarray(strikes, dtype=float)
    full = np.ones(len(k))
    return PricedContracts(k, years * full, vol * full, 0 * full, 0 * full, np.asarray(shares, dtype=float))


def picked(c: PricedContracts, rows) -> PricedContracts:
    """Some contracts of a book."""
    return PricedContracts(*(getattr(c, name)[rows] for name in PricedContracts.__dataclass_fields__))


def held_long(c: PricedContracts) -> PricedContracts:
    """The same contracts, all on one side: their sum is the gross exposure."""
    return PricedContracts(c.strike, c.time_to_expiry_years, c.implied_vol, c.rate, c.dividend_yield, np.abs(c.shares))


def exact_gamma(prices, c: PricedContracts) -> np.ndarray:
    """(m,) gamma exposure, USD per 1 %, summed at 50 digits."""
    with mpmath.workdps(50):
        rows = [
            [mpmath.mpf(float(getattr(c, n)[i])) for n in PricedContracts.__dataclass_fields__]
            for i in range(len(c.strike))
        ]
        return np.array([float(mpmath.fsum(_one_gamma(mpmath.mpf(float(S)), *row) for row in rows)) for S in prices])


def _one_gamma(S, K, T, sigma, r, q, shares):
    total = sigma * mpmath.sqrt(T)
    d1 = (mpmath.log(S / K) + (r - q + sigma * sigma / 2) * T) / total
    return shares * mpmath.exp(-q * T) * mpmath.npdf(d1) / (S * total) * S * S / 100
