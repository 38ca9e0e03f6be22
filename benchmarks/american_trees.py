"""American options by trees: slow, plain, and written apart from the package, to hold its prices against."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr


def tree_price(
    spot: float,
    strike: float,
    years: float,
    vol: float,
    rate: float,
    dividend_yield: float,
    call: bool,
    steps: int = 1_200,
) -> float:
    """Price with a continuous yield: two binomial trees, Black-Scholes one step before the end, extrapolated.

    Broadie & Detemple, Rev. Financial Studies 9 (1996) 1211-1250. Good to some 1e-5 of the strike.
    """
    fine, coarse = (
        _smoothed_tree(spot, strike, years, vol, rate, dividend_yield, call, n) for n in (steps, steps // 2)
    )
    return 2.0 * fine - coarse


def dividend_tree_price(
    spot: float,
    strike: float,
    years: float,
    vol: float,
    rate: float,
    dividends: list[tuple[float, float]],
    call: bool,
    steps: int = 1_000,
) -> float:
    """Price on a share that pays (years from now, USD) dividends: a tree of the share less their present value.

    Hull, *Options, Futures, and Other Derivatives*, 10th ed., section 21.3.
    """
    bare = spot - present_value(dividends, rate, 0.0, years)
    dt = years / steps
    up = np.exp(vol * np.sqrt(dt))
    chance = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    sign = 1.0 if call else -1.0
    value = np.maximum(sign * (bare * up ** np.arange(-steps, steps + 1, 2.0) - strike), 0.0)
    for n in range(steps - 1, -1, -1):
        share = bare * up ** np.arange(-n, n + 1, 2.0) + present_value(dividends, rate, n * dt, years)
        kept = np.exp(-rate * dt) * (chance * value[1:] + (1.0 - chance) * value[:-1])
        value = np.maximum(kept, sign * (share - strike))
    return float(value[0])


def present_value(dividends: list[tuple[float, float]], rate: float, now: float, years: float) -> float:
    """Value at ``now`` of the dividends still to come before the option ends."""
    return sum(amount * float(np.exp(-rate * (when - now))) for when, amount in dividends if now < when <= years)


def _smoothed_tree(S: float, K: float, T: float, sigma: float, r: float, q: float, call: bool, steps: int) -> float:
    dt = T / steps
    up = np.exp(sigma * np.sqrt(dt))
    chance = (np.exp((r - q) * dt) - 1.0 / up) / (up - 1.0 / up)
    discount = np.exp(-r * dt)
    sign = 1.0 if call else -1.0
    at = S * up ** np.arange(-(steps - 1), steps, 2.0)
    d1 = (np.log(at / K) + (r - q + 0.5 * sigma**2) * dt) / (sigma * np.sqrt(dt))
    d2 = d1 - sigma * np.sqrt(dt)
    value = sign * (at * np.exp(-q * dt) * ndtr(sign * d1) - K * discount * ndtr(sign * d2))
    value = np.maximum(value, sign * (at - K))
    for n in range(steps - 2, -1, -1):
        at = S * up ** np.arange(-n, n + 1, 2.0)
        value = np.maximum(discount * (chance * value[1:] + (1.0 - chance) * value[:-1]), sign * (at - K))
    return float(value[0])
