"""The Black-Scholes-Merton price in many digits, and every Greek as a derivative of it: a witness that shares no line
with the package. mpmath differentiates by finite differences at a multiple of the working precision.
"""

from __future__ import annotations

import mpmath
import numpy as np

DIGITS = 40
#: Orders of differentiation by spot, volatility and time to expiry, and the sign of time passing.
ORDERS = {
    "delta": (1, 0, 0),
    "gamma": (2, 0, 0),
    "vega": (0, 1, 0),
    "theta": (0, 0, 1),
    "vanna": (1, 1, 0),
    "charm": (1, 0, 1),
    "vomma": (0, 2, 0),
    "speed": (3, 0, 0),
    "zomma": (2, 1, 0),
    "color": (2, 0, 1),
}


def many_digit_price(spot, strike, years, vol, rate, dividend_yield, is_call):
    """USD, an mpf; every argument may be an mpf."""
    total = vol * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - dividend_yield) * years) / total + total / 2
    share, bill = spot * mpmath.exp(-dividend_yield * years), strike * mpmath.exp(-rate * years)
    sign = 1 if is_call else -1
    return sign * (share * _normal(sign * d1) - bill * _normal(sign * (d1 - total)))


def many_digit_greek(name, spot, strike, years, vol, rate, dividend_yield, is_call):
    """One Greek of one contract as a float."""
    by_spot, by_vol, by_time = ORDERS[name]
    with mpmath.workdps(DIGITS):
        S, K, T, sigma, r, q = (mpmath.mpf(float(x)) for x in (spot, strike, years, vol, rate, dividend_yield))

        def price(s, v, t):
            return many_digit_price(s, K, t, v, r, q, is_call)

        # Steps are taken in units of each argument, so that one minute and three years are both well within reach.
        value = mpmath.diff(lambda a, b, c: price(S * a, sigma * b, T * c), (1, 1, 1), (by_spot, by_vol, by_time))
        return float((-1) ** by_time * value / (S**by_spot * sigma**by_vol * T**by_time))


def many_digit_column(name, *arguments):
    """(n,) one Greek of many contracts, for (n,) arguments."""
    return np.array([many_digit_greek(name, *row) for row in zip(*arguments, strict=True)])


def _normal(d):
    return mpmath.erfc(-d / mpmath.sqrt(2)) / 2
