"""The profile of an index chain, 10,000 contracts at 121 spots, against the ways others take; goal 5.5 times.

Every side starts from the same columns (strike, years, volatility, rate, dividend yield, signed shares) and ends with
121 exposures. Rounds alternate between ours and a peer, since a shared machine changes its pace; a ratio is the median
over the rounds. The accuracy of each is taken in extended precision, as a share of the profile's maximum. Below stand
our own searches and maps, which have no peer: every root of zero gamma, and the surface over ten days.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from peers.comparison import machine, write
from peers.index_chain import SPOT, IndexChain, index_chain
from peers.timing import timed
from scipy.stats import norm

from lightning_gex.analytics.exposure_profile import PricedContracts, profile, profile_kernel, spot_grid
from lightning_gex.analytics.exposure_surface import exposure_surface
from lightning_gex.analytics.gaussian_sums import space_size
from lightning_gex.analytics.zero_gamma import (
    MAX_ROOTS,
    profile_and_zero_gamma,
    workspace_size,
    zero_gamma_kernel,
)

RESULT = Path(__file__).parent / "results" / "profile.json"
CONTRACTS, SPOTS = 10_000, 121
GOAL = 5.5  # times the best hoisted numpy
LARGEST_ERROR = 1e-11  # of the profile's maximum
ROUNDS = 7
WHOLE_INDEX, MAP_SPOTS, MAP_DAYS = 30_000, 161, 10
STOCKS, STOCK_CONTRACTS = 500, 300
Column = NDArray[np.float64]


def signed(chain: IndexChain) -> PricedContracts:
    """The chain with open interest made up: lognormal, calls held long, puts short, a quarter held by nobody."""
    rng = np.random.default_rng(1)
    n = len(chain.strike)
    held = np.round(rng.lognormal(4.0, 2.0, n)) * (rng.random(n) < 0.75)
    return PricedContracts(
        strike=chain.strike,
        time_to_expiry_years=chain.each(chain.years),
        implied_vol=chain.implied_vol,
        rate=chain.each(chain.rate),
        dividend_yield=chain.each(chain.dividend_yield),
        shares=held * 100.0 * np.where(chain.is_call, 1.0, -1.0),
    )


def hoisted_numpy(prices: Column, c: PricedContracts) -> Column:
    """What does not hang on the price computed once, and columns reused: the best that numpy does here."""
    T = c.time_to_expiry_years
    total = c.implied_vol * np.sqrt(T)
    slope = math.sqrt(0.5) / total
    offset = ((c.rate - c.dividend_yield + 0.5 * c.implied_vol**2) * T - np.log(c.strike)) * slope
    weight = c.shares * np.exp(-c.dividend_yield * T) * (0.01 / math.sqrt(2.0 * math.pi)) / total
    out, d = np.empty(len(prices)), np.empty(len(T))
    for j, S in enumerate(prices):
        np.multiply(slope, math.log(S), out=d)
        d += offset
        np.multiply(d, d, out=d)
        np.negative(d, out=d)
        np.exp(d, out=d)
        out[j] = np.dot(weight, d) * S
    return out


def plain_numpy(prices: Column, c: PricedContracts) -> Column:
    """The formula as it stands, price by price."""
    K, T, sigma, r, q = c.strike, c.time_to_expiry_years, c.implied_vol, c.rate, c.dividend_yield
    out = []
    for S in prices:
        d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
        gamma = np.exp(-q * T) * np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi) / (S * sigma * np.sqrt(T))
        out.append(np.sum(gamma * c.shares * S * S * 0.01))
    return np.array(out)


def pandas_tracker(prices: Column, c: PricedContracts) -> Column:
    """A table and ``scipy.stats.norm``, a new column for each price, as many scripts for tracking exposure do."""
    table = pd.DataFrame({name: getattr(c, name) for name in PricedContracts.__dataclass_fields__})
    out = []
    for S in prices:
        total = table["implied_vol"] * np.sqrt(table["time_to_expiry_years"])
        carry = table["rate"] - table["dividend_yield"]
        d1 = np.log(S / table["strike"]) + carry * table["time_to_expiry_years"]
        table["d1"] = d1 / total + total / 2
        table["gamma"] = np.exp(-table["dividend_yield"] * table["time_to_expiry_years"]) * norm.pdf(table["d1"])
        table["exposure"] = table["gamma"] / (S * total) * table["shares"] * S**2 * 0.01
        out.append(table["exposure"].sum())
    return np.array(out)


def extended_precision(prices: Column, c: PricedContracts) -> Column:
    """The formula in the widest floating-point number there is."""
    K, T, sigma, r, q, shares = (
        getattr(c, name).astype(np.longdouble) for name in PricedContracts.__dataclass_fields__
    )
    total = sigma * np.sqrt(T)
    out = []
    for S in prices.astype(np.longdouble):
        d1 = (np.log(S / K) + (r - q + sigma * sigma / 2) * T) / total
        density = np.exp(-q * T - d1 * d1 / 2) / np.sqrt(2 * np.longdouble("3.14159265358979323846"))
        out.append(float(np.sum(shares * density / total) * S / 100))
    return np.array(out)


def kernel_call(chain: IndexChain, c: PricedContracts, prices: Column) -> Callable[[], Column]:
    """Our kernel on a chain whose series and ln(K/S) are known, as a scan of the market calls it."""
    T, r, q = chain.years, chain.rate, chain.dividend_yield
    x = np.log(c.strike / SPOT)
    out, workspace = np.empty(len(prices)), np.empty(space_size(len(x), len(prices)))
    terms = (np.sqrt(T), (r - q) * T, np.exp(-q * T))

    def call() -> Column:
        profile_kernel(SPOT, 0.2, x, c.implied_vol, c.shares, chain.start, *terms, out, workspace)
        return out

    return call


@numba.njit(error_model="numpy")
def many_underlyings(count, spot, x, vol, shares, start, root, carry, discount, exposure, roots, workspace):  # noqa: ANN001, ANN201
    """Zero gamma of one chain again and again, as a scan calls it for each underlying."""
    found = 0
    for _ in range(count):
        found += zero_gamma_kernel(spot, 0.2, x, vol, shares, start, root, carry, discount, exposure, roots, workspace)[
            0
        ]
    return found


def stock_call() -> Callable[[], int]:
    """Zero gamma of many stocks with 15 expiries of 20 contracts each, 40 % volatility."""
    years = np.geomspace(3.0, 700.0, 15) / 365.0
    strikes = np.linspace(0.75, 1.25, STOCK_CONTRACTS // 30)
    x = np.log(np.repeat(np.tile(strikes, 15), 2))
    rng = np.random.default_rng(2)
    held = np.round(rng.lognormal(3.0, 1.5, len(x))) * (rng.random(len(x)) < 0.75)
    shares = held * 100.0 * np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0)
    terms = (np.sqrt(years), 0.03 * years, np.exp(-0.01 * years))
    starts = np.arange(16) * (len(x) // 15)
    vol = 0.4 * (1.0 + 0.3 * np.abs(x))
    scratch = (np.empty(161), np.empty(MAX_ROOTS), np.empty(workspace_size(len(x), 161)))
    return lambda: many_underlyings(STOCKS, 50.0, x, vol, shares, starts, *terms, *scratch)


def measured(
    ours: Callable[[], object], peers: dict[str, Callable[[], object]]
) -> tuple[list[dict[str, float]], dict[str, list[dict[str, float]]], dict[str, list[float]]]:
    """Times of ours and of each peer, and theirs over ours, round by round."""
    mine: list[dict[str, float]] = []
    theirs: dict[str, list[dict[str, float]]] = {name: [] for name in peers}
    ratios: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, call in peers.items():
            mine.append(timed(ours))
            theirs[name].append(timed(call))
            ratios[name].append(theirs[name][-1]["median_s"] / mine[-1]["median_s"])
    return mine, theirs, ratios


def row(name: str, times: list[dict[str, float]], error: float, ratio: float | None) -> dict[str, object]:
    """One line of the table."""
    median = statistics.median(t["median_s"] for t in times) * 1e3
    least = min(t["min_s"] for t in times) * 1e3
    ahead = "" if ratio is None else f"{ratio:8.1f} x ours"
    print(f"{name:<44} {median:9.3f} ms, least {least:9.3f} ms {ahead:>15}; error {error:.1e} of the maximum")
    return {"name": name, "median_ms": median, "min_ms": least, "times_ours": ratio, "error_of_maximum": error}


def compared() -> tuple[list[dict[str, object]], dict[str, object]]:
    """The profile against its peers, the digits checked."""
    chain = index_chain(CONTRACTS)
    c, prices = signed(chain), spot_grid(SPOT, points=SPOTS)
    truth = extended_precision(prices, c)
    peers = {"hoisted numpy": hoisted_numpy, "plain numpy loop": plain_numpy, "pandas + scipy.stats": pandas_tracker}
    calls = {name: (lambda f=function: f(prices, c)) for name, function in peers.items()}
    kernel = kernel_call(chain, c, prices)

    def error(values: Column) -> float:
        return float(np.abs(values - truth).max() / np.abs(truth).max())

    errors = {"profile": error(profile(prices, c)), "profile_kernel": error(kernel())}
    for name, reached in errors.items():
        if not reached <= LARGEST_ERROR:
            raise AssertionError(f"{name}: error {reached:.1e} of the profile's maximum, at most {LARGEST_ERROR}")
    mine, theirs, ratios = measured(lambda: profile(prices, c), calls)
    print(f"{CONTRACTS} contracts at {SPOTS} spots")
    rows = [row("profile", mine, errors["profile"], None)]
    rows.append(row("profile_kernel, series and ln(K/S) known", [timed(kernel)], errors["profile_kernel"], None))
    rows += [row(name, theirs[name], error(peers[name](prices, c)), statistics.median(ratios[name])) for name in peers]
    reached = statistics.median(ratios["hoisted numpy"])
    goal = {"peer": "hoisted numpy", "wanted": GOAL, "reached": reached, "met": bool(reached >= GOAL)}
    print(f"hoisted numpy over profile: {reached:.1f}, wanted {GOAL}: {'met' if goal['met'] else 'MISSED'}")
    return rows, goal


def alone() -> list[dict[str, object]]:
    """What has no peer: roots of a whole index chain, of many stocks, and the map of ten days."""
    chain = index_chain(WHOLE_INDEX)
    c, days = signed(chain), np.arange(float(MAP_DAYS))
    stocks = stock_call()
    calls: dict[str, tuple[Callable[[], object], float]] = {
        f"profile and all roots, {WHOLE_INDEX} contracts, ms": (lambda: profile_and_zero_gamma(SPOT, c), 1e3),
        f"surface, {WHOLE_INDEX} contracts x {MAP_SPOTS} spots x {MAP_DAYS} days, ms": (
            lambda: exposure_surface(SPOT, c, chain.is_call, days),
            1e3,
        ),
        f"all roots and profile of a stock with {STOCK_CONTRACTS} contracts, ns a contract": (
            stocks,
            1e9 / (STOCKS * STOCK_CONTRACTS),
        ),
    }
    rows = []
    for name, (call, scale) in calls.items():
        times = [timed(call) for _ in range(3)]
        median, least = (f(t[k] for t in times) for f, k in ((statistics.median, "median_s"), (min, "min_s")))
        print(f"{name}: {median * scale:.2f}, least {least * scale:.2f}")
        rows.append({"name": name, "median": median * scale, "min": least * scale})
    return rows


def main() -> None:
    """Measure, check the digits, print a table, write the results."""
    began = time.perf_counter()
    rows, goal = compared()
    write(RESULT, {"machine": machine(), "goal": goal, "rows": rows, "alone": alone()})
    print(f"took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
