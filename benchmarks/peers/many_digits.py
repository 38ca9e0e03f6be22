"""Greeks and implied volatilities in 40 digits, for a sample of contracts: the truth both sides are held against."""

from __future__ import annotations

import mpmath
import numpy as np
from numpy.typing import NDArray

DIGITS = 40
SAMPLE = 400  # contracts, drawn evenly over the chain
Column = NDArray[np.float64]


def sample_of(n: int) -> NDArray[np.int64]:
    """Rows of n that are checked: an odd step, so that calls and puts both are."""
    return np.arange(0, n, max(1, n // SAMPLE) | 1)


def many_digit_greeks(columns: dict[str, NDArray]) -> dict[str, Column]:
    """Delta, gamma, vanna and charm of each row, rounded once."""
    found: dict[str, list[float]] = {"delta": [], "gamma": [], "vanna": [], "charm": []}
    names = ("spot", "strike", "years", "implied_vol", "rate", "dividend_yield", "is_call")
    with mpmath.workdps(DIGITS):
        for row in zip(*(columns[name] for name in names), strict=True):
            S, K, T, sigma, r, q = (mpmath.mpf(float(x)) for x in row[:6])
            sign = 1 if row[6] else -1
            total = sigma * mpmath.sqrt(T)
            d1 = (mpmath.log(S / K) + (r - q) * T) / total + total / 2
            d2 = d1 - total
            share = mpmath.exp(-q * T)
            density = share * mpmath.npdf(d1)
            delta = sign * share * _normal(sign * d1)
            found["delta"].append(float(delta))
            found["gamma"].append(float(density / (S * total)))
            found["vanna"].append(float(-density * d2 / sigma))
            found["charm"].append(float(q * delta - density * (2 * (r - q) * T - d2 * total) / (2 * T * total)))
    return {name: np.array(column) for name, column in found.items()}


def many_digit_implied_vol(columns: dict[str, NDArray], near: Column) -> Column:
    """The volatility that gives exactly each float64 price, found from a start that is already close."""
    found = []
    names = ("price", "forward", "strike", "years", "discount", "is_call")
    with mpmath.workdps(DIGITS):
        for row, guess in zip(zip(*(columns[name] for name in names), strict=True), near, strict=True):
            P, F, K, T, D = (mpmath.mpf(float(x)) for x in row[:5])
            found.append(float(_solved(P, F, K, T, D, 1 if row[5] else -1, mpmath.mpf(float(guess)))))
    return np.array(found)


def _solved(P, F, K, T, D, sign, sigma):  # noqa: ANN001, ANN202 - mpmath's numbers have no types
    """Newton's method; quadratic from a start with ten good digits or so."""
    for _ in range(8):
        total = sigma * mpmath.sqrt(T)
        d1 = mpmath.log(F / K) / total + total / 2
        value = sign * D * (F * _normal(sign * d1) - K * _normal(sign * (d1 - total)))
        step = (P - value) / (D * F * mpmath.npdf(d1) * mpmath.sqrt(T))
        sigma += step
        if abs(step) < mpmath.mpf(10) ** -25:
            break
    return sigma


def _normal(d):  # noqa: ANN001, ANN202 - mpmath's numbers have no types
    return mpmath.erfc(-d / mpmath.sqrt(2)) / 2
